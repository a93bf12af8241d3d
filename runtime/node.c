/* SPDX-License-Identifier: MIT
 *
 * The node: puts the parts together and drives them. One turn of node_turn() does what there is to do and
 * never waits; it is called by the embedder's loop (stet_node_poll()) or by the node's own thread, which
 * waits on the same descriptor that the embedder would.
 *
 * A node with one shard drives it here; more shards have a thread each (shard_thread_zmq.h).
 */
#include "runtime/node_state.h"

#include "runtime/crash_os.h"
#include "runtime/disk_room_os.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
        SYNC_INTERVAL_NS = 500000000, /* level relaxed */
        DISK_FULL_RETRY_NS = 200000000,
        CLOSE_TIMEOUT_MS = 10000,
        JUST_NOW_MS = 1000,
        READ_TIMEOUT_MS = 500,
        WAIT_MAX_MS = 60000,
        RECOVERING_MS = 500, /* the log is to hear of it, even if nothing comes */
        FULL_LOBBY_MS = 5,
};

void node_log(void *ctx, stet_log_level level, const char *line)
{
        const stet_node *n = ctx;
        if (n->options.log)
                n->options.log(n->options.log_context, level, line);
}

static int64_t node_now(stet_node *n)
{
        return clock_now(&n->clock.clock);
}

static void node_fail(stet_node *n, int err, struct bytes text)
{
        if (n->error)
                return;
        stet_why_set(&n->error_text, err, "%.*s", (int)text.size, text.size ? (const char *)text.data : "");
        __atomic_store_n(&n->error, err, __ATOMIC_RELEASE);
        node_log(n, STET_LOG_ERROR, n->error_text.text);
}

/* --- between front and shards --- */

void node_to_shard(void *ctx, uint32_t shard, const struct message *m)
{
        stet_node *n = ctx;
        if (n->threads)
                shard_thread_put(n->threads[shard], m);
        else
                shard_receive(n->host.shard, m, n->now_ns);
}

void node_expect(void *ctx, uint64_t run, unsigned step)
{
        const stet_node *n = ctx;
        if (n->host.shard)
                shard_expect(n->host.shard, run, step);
}

void node_expect_task(void *ctx, uint64_t run, uint32_t op, unsigned step)
{
        const stet_node *n = ctx;
        front_expect_task(n->front, run, op, step);
}

void node_from_shard(void *ctx, const struct message *m)
{
        stet_node *n = ctx;
        front_from_shard(n->front, m, n->now_ns);
}

void node_to_peer(void *ctx, uint64_t peer, const struct message *m)
{
        stet_node *n = ctx;
        front_to_peer(n->front, peer, m);
}

/* What a shard's thread sent. */
static void take_parcel(void *ctx, const struct message *m)
{
        stet_node *n = ctx;
        if (m->type == 0 && m->code && m->code != STET_EFULL)
                node_fail(n, (int)m->code, m->text); /* not terminated: a part of the parcel */
        else if (m->type == 0)
                front_set_disk_full(n->front, m->code == STET_EFULL);
        else if (parcel_for_peer(m))
                front_to_peer(n->front, m->peer, m);
        else
                front_from_shard(n->front, m, n->now_ns);
}

/* --- a turn --- */

/* Enough is waiting to be written somewhere: clients wait. */
static bool is_full(const stet_node *n)
{
        for (uint32_t i = 0; n->threads && i < n->dir.shards; i++)
                if (shard_thread_full(n->threads[i]))
                        return true;
        return n->host.shard && shard_full(n->host.shard);
}

/* How many it took: NODE_TURN_FRAMES_MAX when there may be more. */
static int take_frames(stet_node *n)
{
        if (n->recovering)
                return node_let_in(n) ? NODE_TURN_FRAMES_MAX : 0;
        uint64_t peer;
        bool local;
        struct bytes frame;
        int count = 0;
        while (count < NODE_TURN_FRAMES_MAX && !is_full(n) && node_next_frame(n, &peer, &local, &frame)) {
                front_receive(n->front, peer, local, frame, n->now_ns);
                count++;
        }
        return count;
}

static uint64_t written_bytes(const stet_node *n)
{
        uint64_t sum = n->host.shard ? shard_written_bytes(n->host.shard) : 0;
        for (uint32_t i = 0; n->threads && i < n->dir.shards; i++)
                sum += shard_thread_written_bytes(n->threads[i]);
        return sum;
}

/* Before the frames of a turn are taken, so that a start finds what is true now. */
static void watch_disk(stet_node *n)
{
        uint64_t written = written_bytes(n);
        struct disk_room room = n->reserve.room;
        if (!disk_reserve_due(&n->reserve, n->now_ns, written))
                return;
        disk_room_look(n->dir.path, &room);
        disk_reserve_looked(&n->reserve, room, n->now_ns, written);
        front_set_disk_reserve(n->front, &n->reserve);
}

/* Returns whether something came from the shards. */
static bool turn_threads(stet_node *n)
{
        bool came = false;
        for (uint32_t i = 0; i < n->dir.shards; i++)
                came |= shard_thread_receive(n->threads[i], take_parcel, n);
        front_tick(n->front, n->now_ns);
        for (uint32_t i = 0; i < n->dir.shards; i++)
                shard_thread_flush(n->threads[i]);
        return came;
}

/* The one shard: what it wrote is released, what is due fires, what was stepped goes to the disk. */
static void turn_shard(stet_node *n)
{
        stet_why why = { "" };
        int err = shard_collect(n->host.shard, &why);
        if (err) {
                node_fail(n, err, bytes_str(why.text));
                return;
        }
        front_tick(n->front, n->now_ns);
        shard_tick(n->host.shard, n->now_ns);
        bool full = shard_disk_full(n->host.shard);
        front_set_disk_full(n->front, full);
        if (full && n->now_ns < n->disk_retry_ns)
                return;
        n->disk_retry_ns = n->now_ns + DISK_FULL_RETRY_NS;
        shard_flush(n->host.shard);
}

static void sync_relaxed(stet_node *n)
{
        stet_why why = { "" };
        if (n->options.level != STET_LEVEL_RELAXED || !n->host.log || n->now_ns < n->sync_due_ns)
                return;
        n->sync_due_ns = n->now_ns + SYNC_INTERVAL_NS;
        int err = log_sync(n->host.log, &why);
        if (err)
                node_fail(n, err, bytes_str(why.text));
}

/* Returns whether it did anything, so that there may be more. */
static bool node_turn(stet_node *n)
{
        if (n->error)
                return false;
        n->now_ns = node_now(n);
        watch_disk(n);
        if (n->recovering)
                node_watch_recovery(n);
        bool more = take_frames(n) == NODE_TURN_FRAMES_MAX;
        if (n->threads)
                more |= turn_threads(n);
        else
                turn_shard(n);
        if (n->error)
                return false;
        sync_relaxed(n);
        front_flush(n->front, n->now_ns);
        /* Sending may swallow the sign that a frame has come (ZMQ_FD is edge-triggered): look once more
         * before anyone sleeps. */
        more |= take_frames(n) > 0;
        if (n->threads)
                more |= turn_threads(n);
        if (n->inline_executor)
                more |= executor_inline_poll(n->inline_executor, n->now_ns);
        /* An inline writer has committed within the flush: its group can be collected at once. */
        more |= n->host.shard && !shard_idle(n->host.shard) && !n->options.threads &&
                !shard_disk_full(n->host.shard);
        return more;
}

static int64_t earlier(int64_t a, int64_t b)
{
        return a < b ? a : b;
}

static int wait_ms(stet_node *n)
{
        int64_t deadline = front_deadline(n->front);
        if (n->host.shard)
                deadline = earlier(deadline, shard_deadline(n->host.shard));
        if (n->host.shard && shard_disk_full(n->host.shard))
                deadline = earlier(deadline, n->disk_retry_ns);
        if (n->inline_executor)
                deadline = earlier(deadline, executor_inline_deadline(n->inline_executor));
        if (n->options.level == STET_LEVEL_RELAXED)
                deadline = earlier(deadline, n->sync_due_ns);
        if (n->error)
                return -1;
        if (n->lobby && !is_full(n))
                return 0;
        if (deadline == INT64_MAX)
                return -1;
        int64_t now = node_now(n);
        int64_t ms = deadline > now ? (deadline - now + 999999) / 1000000 : 0;
        return (int)earlier(ms, WAIT_MAX_MS);
}

/* --- driven by the embedder --- */

int stet_node_fd(const stet_node *node)
{
        return node->epoll_fd;
}

int stet_node_timeout_ms(const stet_node *node)
{
        return wait_ms((stet_node *)(uintptr_t)node);
}

int stet_node_error(const stet_node *node, stet_why *why)
{
        int err = __atomic_load_n(&node->error, __ATOMIC_ACQUIRE);
        return err ? stet_why_set(why, err, "%s", node->error_text.text) : 0;
}

int stet_node_poll(stet_node *node, stet_why *why)
{
        if (node->options.threads)
                return stet_why_set(why, STET_EINVAL,
                                    "this node runs on threads of its own; it is not polled");
        for (int turns = 0; turns < 64 && node_turn(node); turns++)
                continue;
        return stet_node_error(node, why);
}

int node_drive(void *ctx, int fd, int64_t timeout_ms, stet_why *why)
{
        stet_node *n = ctx;
        int err = stet_node_poll(n, why);
        int64_t own = wait_ms(n);
        int64_t wait = own < 0 || (timeout_ms >= 0 && timeout_ms < own) ? timeout_ms : own;
        struct pollfd fds[2] = { { .fd = n->epoll_fd, .events = POLLIN }, { .fd = fd, .events = POLLIN } };
        if (err)
                return err;
        poll(fds, 2, (int)earlier(wait < 0 ? WAIT_MAX_MS : wait, WAIT_MAX_MS));
        return stet_node_poll(n, why);
}

/* --- on its own thread --- */

void *node_main(void *arg)
{
        stet_node *n = arg;
        struct epoll_event events[8];
        crash_guard_thread();
        while (!__atomic_load_n(&n->stopping, __ATOMIC_ACQUIRE) && !n->error) {
                if (!node_turn(n))
                        epoll_wait(n->epoll_fd, events, 8, wait_ms(n));
        }
        return NULL;
}

/* While the lobby is full frames stay where they are, and the sign that they came stays, too. */
static void wait_in_lobby(const stet_node *n)
{
        struct epoll_event events[8];
        if (lobby_full(n->lobby))
                poll(NULL, 0, FULL_LOBBY_MS);
        else
                epoll_wait(n->epoll_fd, events, 8, RECOVERING_MS);
}

int node_recover(stet_node *n, stet_why *why)
{
        while (n->recovering && !n->error)
                if (!node_turn(n) && n->recovering)
                        wait_in_lobby(n);
        return stet_node_error(n, why);
}

/* Clients that were just answered read the answer before the connection closes: they say BYE when they have.
 */
static void let_read(stet_node *n)
{
        struct pollfd fd = { .fd = n->epoll_fd, .events = POLLIN };
        int64_t since_ns = n->now_ns - (int64_t)JUST_NOW_MS * 1000000;
        int64_t end = clock_elapsed_ns() + (int64_t)READ_TIMEOUT_MS * 1000000;
        while (!n->error && front_is_heard(n->front, since_ns) && clock_elapsed_ns() < end)
                if (!node_turn(n))
                        poll(&fd, 1, 10);
}

/* Writes and answers what is under way, for a bounded time. The thread has ended. */
void node_drain(stet_node *n)
{
        struct pollfd fd = { .fd = n->epoll_fd, .events = POLLIN };
        int64_t end = clock_elapsed_ns() + (int64_t)CLOSE_TIMEOUT_MS * 1000000;
        while (n->host.shard && !n->error && !shard_disk_full(n->host.shard) && clock_elapsed_ns() < end) {
                bool more = node_turn(n);
                if (!more && shard_idle(n->host.shard))
                        break;
                if (!more)
                        poll(&fd, 1, 10);
        }
        for (int i = 0; n->threads && i < 20 && node_turn(n); i++)
                continue;
        let_read(n);
}
