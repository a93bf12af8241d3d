/* SPDX-License-Identifier: MIT
 *
 * An executor with threads: one a slot (slot_threads.h), and a warden that tends the slots whose threads are
 * in user code. The warden sleeps without end while no slot is busy; the first activity after that wakes it.
 * While slots are busy with short activities it looks some fifty times a second; beside a long one it waits
 * for frames and the worker's deadline.
 */
#include "runtime/executor.h"

#include "base/own_thread.h"
#include "runtime/clock.h"
#include "runtime/context_zmq.h"
#include "runtime/slot_threads.h"

#include <limits.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define MS INT64_C(1000000)

struct stet_executor {
        void *own_context; /* NULL: the caller's */
        struct executor_config config;
        struct slot_host host;
        struct slot **slots;
        size_t slots_count;

        pthread_mutex_t peers_mutex; /* guards peers_count */
        size_t peers_count;          /* slots that may be asked by others; 0 once they are being freed */

        int stop_fd; /* written once; never read */
        int wake_fd; /* wakes the warden */
        pthread_t warden;
        bool warden_runs;
        atomic_bool warden_asleep;
        atomic_bool warden_stops;

        pthread_mutex_t log_mutex; /* so that lines come one after the other */
        uint32_t connected_count;  /* slots that the node knows */
};

/* --- what slots tell --- */

static void wake(struct stet_executor *e)
{
        eventfd_write(e->wake_fd, 1);
}

static void slot_busy(void *ctx)
{
        struct stet_executor *e = ctx;
        if (atomic_load(&e->warden_asleep) && atomic_exchange(&e->warden_asleep, false))
                wake(e);
}

static bool held_elsewhere(void *ctx, const struct slot *asking, const struct token *token, int64_t before_ns)
{
        struct stet_executor *e = ctx;
        bool held = false;
        pthread_mutex_lock(&e->peers_mutex);
        for (size_t i = 0; i < e->peers_count && !held; i++)
                held = e->slots[i] != asking && slot_has(e->slots[i], token, before_ns);
        pthread_mutex_unlock(&e->peers_mutex);
        return held;
}

static void set_peers(struct stet_executor *e, size_t count)
{
        pthread_mutex_lock(&e->peers_mutex);
        e->peers_count = count;
        pthread_mutex_unlock(&e->peers_mutex);
}

static void say(struct stet_executor *e, stet_log_level level, const char *what)
{
        char line[640];
        snprintf(line, sizeof line, "executor %s: %s %s", e->config.name, what, e->config.endpoint);
        e->config.log(e->config.log_context, level, line);
}

static void slot_changed(void *ctx, const struct worker_stats *before, const struct worker_stats *now)
{
        struct stet_executor *e = ctx;
        if (!e->config.log)
                return;
        pthread_mutex_lock(&e->log_mutex);
        if (now->welcome && !before->welcome && e->connected_count++ == 0)
                say(e, STET_LOG_INFO, "connected to");
        if (!now->welcome && before->welcome)
                e->connected_count--;
        if (now->stale > before->stale)
                say(e, STET_LOG_WARNING, "an outcome came too late and was refused by");
        pthread_mutex_unlock(&e->log_mutex);
}

/* --- the warden --- */

/* Tends all slots: the time until the next look, and the descriptors to watch until then after the first,
 * which is taken. */
static int tend_all(struct stet_executor *e, struct pollfd *fds, nfds_t *ret_fds_count)
{
        int64_t now_ns = clock_elapsed_ns(), due_ns = INT64_MAX;
        nfds_t count = 1;
        for (size_t i = 0; i < e->slots_count; i++) {
                int fd;
                int64_t slot_due_ns = slot_tend(e->slots[i], now_ns, &fd);
                if (slot_due_ns < due_ns)
                        due_ns = slot_due_ns;
                if (fd >= 0)
                        fds[count++] = (struct pollfd){ .fd = fd, .events = POLLIN };
        }
        *ret_fds_count = count;
        if (due_ns == INT64_MAX && count == 1)
                return -1;
        int64_t left_ms = due_ns <= now_ns ? 0 : (due_ns - now_ns + MS - 1) / MS;
        return left_ms > INT_MAX ? INT_MAX : (int)left_ms;
}

static void *warden_main(void *arg)
{
        struct stet_executor *e = arg;
        struct pollfd *fds = xcalloc(e->slots_count + 1, sizeof *fds);
        fds[0] = (struct pollfd){ .fd = e->wake_fd, .events = POLLIN };
        while (!atomic_load(&e->warden_stops)) {
                nfds_t count;
                eventfd_t woken;
                int timeout_ms = tend_all(e, fds, &count);
                if (timeout_ms < 0 || timeout_ms > SLOT_TEND_AFTER_MS) {
                        /* Said before a second look: a slot that becomes busy after that one sees it and
                         * wakes us. */
                        atomic_store(&e->warden_asleep, true);
                        timeout_ms = tend_all(e, fds, &count);
                        if (timeout_ms >= 0 && timeout_ms <= SLOT_TEND_AFTER_MS)
                                atomic_store(&e->warden_asleep, false);
                }
                if (poll(fds, count, timeout_ms) > 0 && fds[0].revents)
                        eventfd_read(e->wake_fd, &woken);
        }
        free(fds);
        return NULL;
}

/* --- start and stop --- */

static int open_fds(struct stet_executor *e, stet_why *why)
{
        e->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        e->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (e->stop_fd < 0 || e->wake_fd < 0)
                return stet_why_set(why, STET_EIO, "the executor gets no more descriptors from the system");
        return 0;
}

static int start_threads(struct stet_executor *e, void *zmq_context, stet_why *why)
{
        e->slots = xcalloc(e->config.slots, sizeof *e->slots);
        for (; e->slots_count < e->config.slots; e->slots_count++) {
                int err = slot_start(zmq_context, &e->host, &e->slots[e->slots_count], why);
                if (err)
                        return err;
        }
        set_peers(e, e->slots_count);
        int err = own_thread_start(&e->warden, "stet-executor", warden_main, e, why);
        e->warden_runs = !err;
        return err;
}

static int start(void *zmq_context, void *own_context, const stet_executor_options *options,
                 stet_executor **ret, stet_why *why)
{
        struct stet_executor *e = xcalloc(1, sizeof *e);
        e->own_context = own_context;
        e->stop_fd = e->wake_fd = -1;
        pthread_mutex_init(&e->log_mutex, NULL);
        pthread_mutex_init(&e->peers_mutex, NULL);
        int err = executor_config_init(&e->config, options, why);
        if (!err)
                err = open_fds(e, why);
        e->host = (struct slot_host){ e, &e->config, e->stop_fd, slot_busy, held_elsewhere, slot_changed };
        if (!err)
                err = start_threads(e, zmq_context, why);
        if (err) {
                stet_executor_stop(e, 0);
                return err;
        }
        *ret = e;
        return 0;
}

int executor_start(void *zmq_context, const stet_executor_options *options, stet_executor **ret,
                   stet_why *why)
{
        return start(zmq_context, NULL, options, ret, why);
}

int stet_executor_start(const stet_executor_options *options, stet_executor **ret, stet_why *why)
{
        void *context;
        int err = context_open(&context, why);
        return err ? err : start(context, context, options, ret, why);
}

bool stet_executor_connected(const stet_executor *executor)
{
        struct worker_stats stats;
        for (size_t i = 0; i < executor->slots_count; i++) {
                slot_stats(executor->slots[i], &stats);
                if (stats.welcome)
                        return true;
        }
        return false;
}

uint64_t stet_executor_done(const stet_executor *executor)
{
        struct worker_stats stats;
        uint64_t done = 0;
        for (size_t i = 0; i < executor->slots_count; i++) {
                slot_stats(executor->slots[i], &stats);
                done += stats.done;
        }
        return done;
}

/* The warden goes on while slots finish: a long activity's executor has to stay alive for the node. */
static void stop_warden(struct stet_executor *e)
{
        if (!e->warden_runs)
                return;
        atomic_store(&e->warden_stops, true);
        wake(e);
        pthread_join(e->warden, NULL);
}

static void close_fd(int fd)
{
        if (fd >= 0)
                close(fd);
}

void stet_executor_stop(stet_executor *executor, int64_t timeout_ms)
{
        struct stet_executor *e = executor;
        if (!e)
                return;
        const int64_t longest_ms = INT64_MAX / MS / 2;
        timeout_ms = timeout_ms < 0 ? 0 : timeout_ms > longest_ms ? longest_ms : timeout_ms;
        int64_t deadline_ns = clock_elapsed_ns() + timeout_ms * MS;
        if (e->stop_fd >= 0)
                eventfd_write(e->stop_fd, 1);
        for (size_t i = 0; i < e->slots_count; i++)
                slot_join(e->slots[i], deadline_ns);
        stop_warden(e);
        set_peers(e, 0);
        for (size_t i = 0; i < e->slots_count; i++)
                slot_free(e->slots[i]);
        free(e->slots);
        close_fd(e->stop_fd);
        close_fd(e->wake_fd);
        executor_config_fini(&e->config);
        pthread_mutex_destroy(&e->log_mutex);
        pthread_mutex_destroy(&e->peers_mutex);
        context_close(e->own_context);
        free(e);
}
