/* SPDX-License-Identifier: MIT
 *
 * Opening a node, step by step, and closing it the other way round.
 */
#include "base/own_thread.h"
#include "base/run_id.h"
#include "runtime/node_state.h"

#include "actors/coroutine.h"
#include "runtime/client.h"
#include "runtime/context_zmq.h"
#include "runtime/disk_room_os.h"
#include "runtime/endpoint.h"
#include "base/map.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#define INPROC_ENDPOINT "inproc://stet-node"

enum {
        STACK_SIZE_DEFAULT = 64 << 10,
        STACK_SIZE_MIN = 16 << 10,
        STACKS_MAX_LIGHT = 30000, /* with a half more in a burst, within the mappings of a process */
        STACKS_MAX_HEAVY = 10000,
        RUNS_MAX_DEFAULT = 100000,
        IDLE_MS_DEFAULT = 5000,
        LEASE_MS_DEFAULT = 5000,
        HISTORY_TRANSITIONS_DEFAULT = 500000,
        HISTORY_BYTES_DEFAULT = 512 << 20,
        CRASHES_MAX = 3, /* of one run's code; then it is set aside */
        STOP_TIMEOUT_MS = 10000,
};

/* --- options --- */

/* Options of a program that was built with a shorter struct: the fields it does not know are left out. */
static int take_options(stet_node *n, const stet_node_options *given, stet_why *why)
{
        if (!given || given->struct_size < sizeof given->struct_size)
                return stet_why_set(why, STET_EINVAL, "a node needs options that begin as STET_NODE_OPTIONS");
        memcpy(&n->options, given,
               given->struct_size < sizeof n->options ? given->struct_size : sizeof n->options);
        return 0;
}

static int check_options(stet_node *n, stet_why *why)
{
        const stet_node_options *o = &n->options;
        if (!o->data_dir || !*o->data_dir)
                return stet_why_set(why, STET_EINVAL, "a node needs a data directory");
        if (o->app && o->app->err)
                return stet_why_set(why, o->app->err, "%s", o->app->why.text);
        if (o->stack_size && o->stack_size < STACK_SIZE_MIN)
                return stet_why_set(why, STET_EINVAL, "a workflow's stack needs at least %d KiB",
                                    STACK_SIZE_MIN >> 10);
        if (o->shards > DATA_DIR_SHARDS_MAX)
                return stet_why_set(why, STET_EINVAL, "a node has at most %d shards", DATA_DIR_SHARDS_MAX);
        if (o->shards > 1 && !o->threads)
                return stet_why_set(why, STET_EINVAL, "a node with %u shards needs threads", o->shards);
        if (o->lease_ms < 0 || o->idle_ms < 0)
                return stet_why_set(why, STET_EINVAL, "a lease or an idle time must not be negative");
        for (const char *const *e = o->listen; e && *e; e++) {
                struct endpoint parsed;
                int err = endpoint_parse(*e, true, &parsed, why);
                if (err)
                        return err;
        }
        if (!n->options.stack_size)
                n->options.stack_size = STACK_SIZE_DEFAULT;
        if (!n->options.stacks_max)
                n->options.stacks_max = coroutine_guards_are_light() ? STACKS_MAX_LIGHT : STACKS_MAX_HEAVY;
        if (!n->options.runs_max)
                n->options.runs_max = RUNS_MAX_DEFAULT;
        if (!n->options.idle_ms)
                n->options.idle_ms = IDLE_MS_DEFAULT;
        if (!n->options.lease_ms)
                n->options.lease_ms = LEASE_MS_DEFAULT;
        if (!n->options.queued_bytes_max)
                n->options.queued_bytes_max = (size_t)1 << 30;
        if (!n->options.history_max_transitions)
                n->options.history_max_transitions = HISTORY_TRANSITIONS_DEFAULT;
        if (!n->options.history_max_bytes)
                n->options.history_max_bytes = HISTORY_BYTES_DEFAULT;
        return retention_parse(o->retention, &n->retention, why);
}

/* --- descriptors --- */

static int watch(stet_node *n, int fd, stet_why *why)
{
        struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };
        if (fd < 0 || epoll_ctl(n->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0)
                return 0;
        return stet_why_set(why, STET_EIO, "a descriptor can't be watched: %s", strerror(errno));
}

static int open_descriptors(stet_node *n, stet_why *why)
{
        n->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        n->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (n->epoll_fd < 0 || n->wake_fd < 0)
                return stet_why_set(why, STET_EIO, "no more descriptors: %s", strerror(errno));
        return watch(n, n->wake_fd, why);
}

/* --- endpoints --- */

static int random_seed(uint64_t *ret, stet_why *why)
{
        if (getrandom(ret, sizeof *ret, 0) == (ssize_t)sizeof *ret)
                return 0;
        return stet_why_set(why, STET_EIO, "the system gives no randomness: %s", strerror(errno));
}

static int bind_one(stet_node *n, const char *endpoint, stet_why *why)
{
        if (n->endpoints_count == NODE_ENDPOINTS_MAX)
                return stet_why_set(why, STET_EINVAL, "a node listens on at most %d endpoints",
                                    NODE_ENDPOINTS_MAX);
        int err = router_bind(n->router, endpoint, n->endpoints[n->endpoints_count], NODE_ENDPOINT_SIZE, why);
        if (!err)
                n->endpoints_count++;
        return err;
}

static int bind_all(stet_node *n, stet_why *why)
{
        uint64_t secret;
        int err = context_open(&n->zmq, why);
        if (!err)
                err = router_open(n->zmq, &n->router, why);
        if (!err)
                err = random_seed(&secret, why);
        if (err)
                return err;
        node_lobby_open(n, secret);
        err = router_bind(n->router, INPROC_ENDPOINT, NULL, 0, why);
        for (const char *const *e = n->options.listen; e && *e && !err; e++)
                err = bind_one(n, *e, why);
        if (!err && n->endpoints_count)
                err = data_dir_announce(&n->dir, n->endpoints[0], why);
        return err ? err : watch(n, router_fd(n->router), why);
}

/* --- crashes --- */

static struct shard *shard_at(stet_node *n, uint32_t index)
{
        return n->threads ? shard_thread_shard(n->threads[index]) : n->host.shard;
}

/* Counts the notes that the crash guard left, one run id a line, and sets aside whose code crashed too often.
 */
static void set_aside_crashing(stet_node *n, const char *path)
{
        FILE *file = fopen(path, "re");
        char line[64];
        uint64_t *ids = NULL, id;
        size_t count = 0;
        while (file && fgets(line, sizeof line, file)) {
                if (!run_id_parse(bytes_of(line, strcspn(line, "\n")), &id))
                        continue;
                ids = xrealloc(ids, (count + 1) * sizeof *ids);
                ids[count++] = id;
                if (shard_of_run(id) < n->dir.shards)
                        shard_be_careful(shard_at(n, shard_of_run(id)));
                size_t times = 0;
                for (size_t i = 0; i < count; i++)
                        times += ids[i] == id;
                if (times == CRASHES_MAX && shard_of_run(id) < n->dir.shards)
                        shard_set_aside(shard_at(n, shard_of_run(id)), id,
                                        "its code crashed the process 3 times; mend it, then delete the file "
                                        "\"crashes\" in the data directory and restart");
        }
        free(ids);
        if (file)
                fclose(file);
}

static int open_crashes(stet_node *n, stet_why *why)
{
        char path[4200];
        snprintf(path, sizeof path, "%s/crashes", n->dir.path);
        set_aside_crashing(n, path);
        n->crashes_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (n->crashes_fd < 0)
                return stet_why_set(why, STET_EIO, "\"%s\" can't be opened: %s", path, strerror(errno));

        return 0;
}

/* --- shards --- */

/* A node that was open once has left the file of crashes. */
static bool was_open(const stet_node *n)
{
        char path[4200];
        snprintf(path, sizeof path, "%s/crashes", n->dir.path);
        return access(path, F_OK) == 0;
}

/* Where a node was open there is a log for every shard: an empty one in its place would pass for one without
 * runs. */
static int refuse_missing_logs(const stet_node *n, stet_why *why)
{
        int err = 0;
        if (!was_open(n))
                return 0;
        for (uint32_t i = 0; i < n->dir.shards && !err; i++) {
                char *log = data_dir_log_path(&n->dir, i);
                if (access(log, F_OK) != 0)
                        err = stet_why_set(why, STET_ECORRUPT, "the log %s is missing: %s; restore a backup",
                                           log, strerror(errno));
                free(log);
        }
        return err;
}

static int open_shards(stet_node *n, stet_why *why)
{
        static const enum log_level levels[] = { [STET_LEVEL_SYNC] = LOG_SYNC,
                                                 [STET_LEVEL_RELAXED] = LOG_RELAXED,
                                                 [STET_LEVEL_MEMORY] = LOG_MEMORY };
        struct shard_host_options o = { .dir = &n->dir,
                                        .level = levels[n->options.level],
                                        .progress = node_progress,
                                        .progress_ctx = n,
                                        .threads = n->options.threads,
                                        .create_store = n->dir.format == 1 || !was_open(n),
                                        .no_checkpoints = n->options.no_checkpoint,
                                        .runs_max = n->options.runs_max,
                                        .idle_ns = n->options.idle_ms * 1000000,
                                        .app = n->options.app,
                                        .stack_size = n->options.stack_size,
                                        .stacks_max = n->options.stacks_max,
                                        .crashes_fd = &n->crashes_fd,
                                        .history_max_transitions = n->options.history_max_transitions,
                                        .history_max_bytes = n->options.history_max_bytes,
                                        .retention = n->retention,
                                        .lease_ns = n->options.lease_ms * 1000000 };
        struct shard_sink sink = { n, node_to_peer, node_from_shard, node_log, node_expect_task };
        int err = refuse_missing_logs(n, why);
        if (!err)
                err = random_seed(&o.seed, why);
        if (err)
                return err;
        if (n->dir.shards == 1) {
                err = shard_host_open(&n->host, &o, &sink, why);
                if (!err)
                        err = watch(n, n->host.writer->fd, why);
                return err || !n->host.checkpoints ? err : watch(n, n->host.checkpoints->fd, why);
        }
        if (!n->options.threads)
                return stet_why_set(why, STET_EINVAL, "a node with %u shards needs threads", n->dir.shards);
        n->threads = xcalloc(n->dir.shards, sizeof(struct shard_thread *));
        for (o.index = 0; o.index < n->dir.shards && !err; o.index++) {
                o.seed = hash_u64(o.seed + o.index);
                n->shard_opening = o.index;
                err = shard_thread_open(n->zmq, &o, node_log, n, &n->threads[o.index], why);
                if (!err)
                        err = watch(n, shard_thread_fd(n->threads[o.index]), why);
        }
        return err;
}

/* Brings the shards to work: time starts behind the last one on record. */
static int resume_shards(stet_node *n, stet_why *why)
{
        struct front_options fo = { .shards_count = n->dir.shards,
                                    .incarnation = n->dir.incarnation,
                                    .lease_ns = n->options.lease_ms * 1000000,
                                    .note_after_ns = 1000000000,
                                    .queued_bytes_max = n->options.queued_bytes_max };
        struct front_sink sink = { n, node_to_shard, node_log, node_expect };
        int64_t last_ns = 0;
        for (uint32_t i = 0; i < n->dir.shards; i++)
                if (shard_last_time_ns(shard_at(n, i)) > last_ns)
                        last_ns = shard_last_time_ns(shard_at(n, i));
        clock_os_init(&n->clock, last_ns);
        n->now_ns = clock_now(&n->clock.clock);
        n->front = front_new(&fo, router_transport(n->router), &sink);
        disk_reserve_init(&n->reserve, n->options.disk_reserve_bytes, n->reserve.room, n->now_ns);
        front_set_disk_reserve(n->front, &n->reserve);
        if (!n->threads) {
                shard_resume(n->host.shard, n->now_ns);
                n->recovering = false;
        }
        int err = 0;
        for (uint32_t i = 0; n->threads && i < n->dir.shards && !err; i++)
                err = shard_thread_start(n->threads[i], n->clock, why);
        return err;
}

/* --- executors --- */

static int open_executors(stet_node *n, stet_why *why)
{
        stet_executor_options o = STET_EXECUTOR_OPTIONS;
        o.endpoint = INPROC_ENDPOINT;
        o.app = n->options.app;
        o.name = "in-node";
        o.slots = n->options.executors ? n->options.executors : 1;
        o.log = n->options.log;
        o.log_context = n->options.log_context;
        if (n->options.no_activities || !o.app || !stet_app_activities_count(o.app))
                return 0;
        if (n->options.threads)
                return executor_start(n->zmq, &o, &n->executor, why);
        int err = executor_inline_new(n->zmq, &o, &n->inline_executor, why);
        return err ? err : watch(n, executor_inline_fd(n->inline_executor), why);
}

/* --- the disk --- */

/* A reserve that the file system can't hold would refuse every start for ever. */
static int measure_disk(stet_node *n, stet_why *why)
{
        uint64_t wanted = n->options.disk_reserve_bytes;
        if (!disk_room_look(n->dir.path, &n->reserve.room) || wanted <= n->reserve.room.size_bytes)
                return 0;
        return stet_why_set(why, STET_EINVAL,
                            "a disk reserve of %" PRIu64 " bytes is more than the file system of \"%s\" has, "
                            "which is %" PRIu64,
                            wanted, n->dir.path, n->reserve.room.size_bytes);
}

/* --- open and close --- */

static int open_all(stet_node *n, stet_why *why)
{
        int err = data_dir_open(n->options.data_dir, !n->options.no_create, n->options.shards, &n->dir, why);
        if (err)
                return err;
        n->dir_open = true;
        err = measure_disk(n, why);
        if (!err)
                err = open_descriptors(n, why);
        if (!err)
                err = bind_all(n, why);
        if (!err)
                err = open_shards(n, why);
        if (!err)
                err = data_dir_upgrade(&n->dir, why);
        if (!err)
                err = open_crashes(n, why);
        if (!err)
                err = resume_shards(n, why);
        if (!err)
                err = node_recover(n, why);
        if (!err && n->options.threads) {
                err = own_thread_start(&n->thread, "stet-node", node_main, n, why);
                n->thread_started = !err;
        }
        return err ? err : open_executors(n, why);
}

int stet_node_open(const stet_node_options *options, stet_node **ret, stet_why *why)
{
        stet_node *n = xcalloc(1, sizeof *n);
        n->epoll_fd = n->wake_fd = n->crashes_fd = -1;
        int err = take_options(n, options, why);
        if (!err)
                err = check_options(n, why);
        if (!err)
                err = open_all(n, why);
        if (err) {
                stet_node_close(n);
                return err;
        }
        *ret = n;
        return 0;
}

static void close_fd(int fd)
{
        if (fd >= 0)
                close(fd);
}

void stet_node_close(stet_node *n)
{
        if (!n)
                return;
        stet_executor_stop(n->executor, STOP_TIMEOUT_MS);
        if (!n->options.threads) {
                executor_inline_free(n->inline_executor);
                n->inline_executor = NULL;
        }
        if (n->thread_started) {
                uint64_t one = 1;
                __atomic_store_n(&n->stopping, true, __ATOMIC_RELEASE);
                if (write(n->wake_fd, &one, sizeof one) < 0)
                        node_log(n, STET_LOG_ERROR, "the node's thread could not be woken");
                pthread_join(n->thread, NULL);
        }
        if (n->front)
                node_drain(n);
        for (uint32_t i = 0; n->threads && i < n->dir.shards; i++)
                shard_thread_close(n->threads[i]);
        free(n->threads);
        shard_host_close(&n->host);
        front_free(n->front);
        lobby_free(n->lobby);
        router_close(n->router);
        context_close(n->zmq);

        close_fd(n->crashes_fd);
        close_fd(n->wake_fd);
        close_fd(n->epoll_fd);
        if (n->dir_open)
                data_dir_close(&n->dir);
        retention_free(n->retention);
        free(n);
}

int stet_node_client(stet_node *node, stet_client **ret, stet_why *why)
{
        struct client_driver driver = { node, node_drive };
        return client_open(node->zmq, INPROC_ENDPOINT, node->options.threads ? NULL : &driver, ret, why);
}

const char *stet_node_endpoint(const stet_node *node, size_t place)
{
        return place < node->endpoints_count ? node->endpoints[place] : NULL;
}
