/* SPDX-License-Identifier: MIT */
#include "runtime/slot_threads.h"

#include "runtime/activity.h"
#include "runtime/clock.h"
#include "runtime/crash_os.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define MS INT64_C(1000000)

enum {
        EXCHANGE_AFTER_MS = 2,    /* outcomes of a batch wait no longer for the rest of it */
        HAND_BACK_AFTER_MS = 100, /* what waits behind an activity that takes longer is for others */
        BATCH_MAX = 256,          /* run between two looks at whether to stop */
        LOOK_MS = 5,              /* a heartbeat looks for messages no more often */
        ACKNOWLEDGED_WITHIN_MS =
            1000, /* how long a slot that stops waits for its last outcomes to be durable */
};

struct slot {
        const struct slot_host *host;
        pthread_t thread;
        bool joined;
        int link_fd;

        pthread_mutex_t mutex; /* guards what follows */
        struct seat seat;
        struct worker_task task; /* that it runs now */
        int64_t inside_ns;       /* since when; 0: it is in no activity */
        int64_t exchanged_ns;
        int64_t looked_ns;
        struct worker_stats told; /* to the host */
        bool abandoned;
        bool ended; /* nothing is left to the thread but to return */
        pthread_cond_t end;
};

static void lock(struct slot *s)
{
        pthread_mutex_lock(&s->mutex);
}

static void unlock(struct slot *s)
{
        pthread_mutex_unlock(&s->mutex);
}

static void dispose(struct slot *s)
{
        seat_close(&s->seat);
        pthread_cond_destroy(&s->end);
        pthread_mutex_destroy(&s->mutex);
        free(s);
}

static void exchange(struct slot *s, int64_t now_ns)
{
        seat_exchange(&s->seat, now_ns);
        s->exchanged_ns = now_ns;
}

/* --- in an activity: the mutex is not held --- */

static int beat(void *ctx)
{
        struct slot *s = ctx;
        int64_t now_ns = clock_elapsed_ns();
        lock(s);
        int err = s->abandoned ? STET_ECANCELED : worker_heartbeat(s->seat.worker, &s->task.token, now_ns);
        if (!err && now_ns - s->looked_ns >= LOOK_MS * MS) {
                s->looked_ns = now_ns;
                exchange(s, now_ns);
                err = worker_heartbeat(s->seat.worker, &s->task.token, now_ns);
        }
        unlock(s);
        return err;
}

/* --- the slot's thread: the mutex is held --- */

/* A node that has restarted hands out what it does not know to be running. If it is running here, the slot
 * that has it will say so. */
static bool held_elsewhere(struct slot *s, int64_t now_ns)
{
        unlock(s);
        bool held = s->host->held_elsewhere(s->host->ctx, s, &s->task.token, now_ns);
        lock(s);
        if (held)
                worker_forget(s->seat.worker, &s->task.token);
        return held;
}

/* Runs the next task; *now_ns becomes the time of its end, at which the next one begins. False: there is
 * none, or the slot was abandoned meanwhile. */
static bool run_one(struct slot *s, int64_t *now_ns)
{
        if (!worker_begin(s->seat.worker, *now_ns, &s->task))
                return false;
        if (s->task.again && held_elsewhere(s, *now_ns))
                return true;
        s->inside_ns = *now_ns;
        unlock(s);

        struct message outcome;
        s->host->busy(s->host->ctx);
        activity_run(&s->seat.activity, &s->seat.arena, s->host->config->app, &s->task,
                     (struct activity_heart){ s, beat }, &outcome);

        lock(s);
        *now_ns = clock_elapsed_ns();
        s->inside_ns = 0;
        worker_finish(s->seat.worker, &s->task.token, &outcome, *now_ns);
        arena_reset(&s->seat.arena);
        if (!s->abandoned && *now_ns - s->exchanged_ns >= EXCHANGE_AFTER_MS * MS)
                exchange(s, *now_ns);
        return !s->abandoned;
}

static bool stop_wanted(const struct slot *s)
{
        struct pollfd p = { .fd = s->host->stop_fd, .events = POLLIN };
        return poll(&p, 1, 0) > 0;
}

static int64_t ms_until(int64_t due_ns, int64_t now_ns)
{
        if (due_ns == INT64_MAX)
                return -1;
        return due_ns <= now_ns ? 0 : (due_ns - now_ns + MS - 1) / MS;
}

/* Waits for frames, with the mutex free for slot_stats(). */
static void wait_for_frames(struct slot *s, int extra_fd, int64_t due_ns)
{
        int64_t now_ns = clock_elapsed_ns(), worker_due_ns = worker_deadline(s->seat.worker);
        int64_t timeout_ms = ms_until(worker_due_ns < due_ns ? worker_due_ns : due_ns, now_ns);
        unlock(s);
        link_wait(s->seat.link, extra_fd, timeout_ms);
        lock(s);
}

static void tell_host(struct slot *s)
{
        struct worker_stats before = s->told;
        worker_stats(s->seat.worker, &s->told);
        s->host->changed(s->host->ctx, &before, &s->told);
}

static void serve(struct slot *s)
{
        while (!s->abandoned && !stop_wanted(s)) {
                bool ran = false;
                exchange(s, clock_elapsed_ns());
                int64_t now_ns = clock_elapsed_ns();
                for (int i = 0; i < BATCH_MAX && run_one(s, &now_ns); i++)
                        ran = true;
                if (s->abandoned)
                        return;
                if (ran)
                        continue; /* sends the outcomes */
                tell_host(s);
                wait_for_frames(s, s->host->stop_fd, INT64_MAX);
        }
}

/* Lets the last outcomes become durable: they would be executed again otherwise, if the node stopped just
 * now. */
static void part(struct slot *s)
{
        struct worker_stats stats;
        int64_t now_ns = clock_elapsed_ns(), until_ns = now_ns + ACKNOWLEDGED_WITHIN_MS * MS;
        worker_return(s->seat.worker);
        for (; now_ns < until_ns; now_ns = clock_elapsed_ns()) {
                exchange(s, now_ns);
                worker_return(s->seat.worker); /* what was on its way here */
                worker_stats(s->seat.worker, &stats);
                if (!stats.unacknowledged || !stats.welcome)
                        break;
                wait_for_frames(s, -1, until_ns);
        }
        tell_host(s);
        seat_leave(&s->seat, now_ns);
}

static void *slot_main(void *arg)
{
        struct slot *s = arg;
        crash_guard_thread();
        lock(s);
        serve(s);
        if (!s->abandoned)
                part(s);
        bool abandoned = s->abandoned;
        s->ended = true;
        pthread_cond_signal(&s->end);
        unlock(s);
        if (abandoned)
                dispose(s);
        return NULL;
}

/* --- for the executor --- */

static void init_locks(struct slot *s)
{
        pthread_condattr_t monotonic;
        pthread_condattr_init(&monotonic);
        pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
        pthread_cond_init(&s->end, &monotonic);
        pthread_condattr_destroy(&monotonic);
        pthread_mutex_init(&s->mutex, NULL);
}

int slot_start(void *zmq_context, const struct slot_host *host, struct slot **ret, stet_why *why)
{
        struct slot *s = xcalloc(1, sizeof *s);
        int err = seat_open(&s->seat, zmq_context, host->config, why);
        if (err) {
                free(s);
                return err;
        }
        s->host = host;
        s->link_fd = link_fd(s->seat.link);
        init_locks(s);
        int error = pthread_create(&s->thread, NULL, slot_main, s);
        if (error) {
                dispose(s);
                return stet_why_set(why, STET_EIO, "the executor can't start a thread for a slot: %s",
                                    strerror(error));
        }
        *ret = s;
        return 0;
}

/* A time from now as the condition wants it. */
static struct timespec monotonic_after(int64_t left_ns)
{
        struct timespec at;
        clock_gettime(CLOCK_MONOTONIC, &at);
        int64_t at_ns = at.tv_nsec + (left_ns > 0 ? left_ns : 0);
        at.tv_sec += at_ns / (1000 * MS);
        at.tv_nsec = at_ns % (1000 * MS);
        return at;
}

bool slot_join(struct slot *s, int64_t deadline_ns)
{
        struct timespec until = monotonic_after(deadline_ns - clock_elapsed_ns());
        int error = 0;
        lock(s);
        while (!s->ended && !error)
                error = pthread_cond_timedwait(&s->end, &s->mutex, &until);
        bool ended = s->ended;
        unlock(s);
        if (ended)
                pthread_join(s->thread, NULL);
        s->joined = ended;
        return ended;
}

/* Leaves the thread to itself, unless it is just coming out of its activity. */
static bool abandon(struct slot *s)
{
        lock(s);
        bool inside = s->inside_ns != 0;
        if (inside) {
                s->abandoned = true;
                seat_leave(&s->seat, clock_elapsed_ns());
                pthread_detach(s->thread);
        }
        unlock(s);
        return inside;
}

void slot_free(struct slot *s)
{
        if (!s->joined) {
                if (abandon(s))
                        return;
                pthread_join(s->thread, NULL);
        }
        dispose(s);
}

int64_t slot_tend(struct slot *s, int64_t now_ns, int *ret_fd)
{
        int64_t due_ns = INT64_MAX;
        *ret_fd = -1;
        lock(s);
        int64_t tend_ns = s->inside_ns + SLOT_TEND_AFTER_MS * MS,
                hand_back_ns = s->inside_ns + HAND_BACK_AFTER_MS * MS;
        if (s->inside_ns && now_ns < tend_ns) {
                due_ns = tend_ns;
        } else if (s->inside_ns) {
                exchange(s, now_ns);
                if (now_ns >= hand_back_ns) {
                        worker_return(s->seat.worker);
                        exchange(s, now_ns);
                }
                due_ns = worker_deadline(s->seat.worker);
                if (now_ns < hand_back_ns && hand_back_ns < due_ns)
                        due_ns = hand_back_ns;
                *ret_fd = s->link_fd;
        }
        unlock(s);
        return due_ns;
}

bool slot_has(struct slot *s, const struct token *token, int64_t before_ns)
{
        lock(s);
        bool has = worker_has(s->seat.worker, token, before_ns);
        unlock(s);
        return has;
}

void slot_stats(struct slot *s, struct worker_stats *ret)
{
        lock(s);
        worker_stats(s->seat.worker, ret);
        unlock(s);
}
