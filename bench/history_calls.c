/* SPDX-License-Identifier: MIT */
#include "bench/history_calls.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "bench/machine.h"
#include "bench/progress.h"
#include "bench/signalers.h"

enum { IN_FLIGHT_MAX = 256, LOOK_EVERY_MS = 1, STALLED_MS = 60000, STOP_TIMEOUT_MS = 10000 };

struct mark {
        int64_t ns;
        double cpu_s;
};

struct history_calls {
        stet_executor *executor;
        pthread_mutex_t mutex;
        const struct server_process *server;
        struct mark first, last; /* since the last command */
        uint64_t marks_count;
};

/* The one that is open: activities are registered before there is one. */
static struct history_calls *opened;

static int mark(stet_activity *a, const stet_value *in, stet_value *ret)
{
        struct history_calls *c = opened;
        struct mark now = { machine_now_ns(), server_process_cpu_s(c->server) };
        (void)a;
        (void)in;
        (void)ret;
        pthread_mutex_lock(&c->mutex);
        if (c->marks_count++ == 0)
                c->first = now;
        c->last = now;
        pthread_mutex_unlock(&c->mutex);
        return 0;
}

static int tick(stet_activity *a, const stet_value *in, stet_value *ret)
{
        (void)a;
        (void)in;
        (void)ret;
        return 0;
}

static int call_many(stet_run *run, uint64_t calls, uint32_t in_flight)
{
        stet_future futures[IN_FLIGHT_MAX];
        int err = 0;
        while (calls && !err) {
                uint32_t count = calls < in_flight ? (uint32_t)calls : in_flight;
                for (uint32_t i = 0; i < count; i++)
                        futures[i] = stet_call_start(run, "tick", NULL);
                err = stet_await_all(run, futures, count);
                calls -= count;
        }
        return err;
}

/* Takes commands [calls, in flight] until it is terminated or cancelled. */
static int caller(stet_run *run, const stet_value *in, stet_value *ret)
{
        int err = 0;
        (void)in;
        (void)ret;
        while (!err) {
                stet_value command = { 0 };
                err = stet_wait_signal(run, "go", &command);
                stet_value calls = stet_value_at(&command, 0), in_flight = stet_value_at(&command, 1);
                if (!err)
                        err = stet_call(run, "mark", NULL, NULL);
                if (!err)
                        err = call_many(run, (uint64_t)stet_value_int(&calls, 0),
                                        (uint32_t)stet_value_int(&in_flight, 1));
                if (!err)
                        err = stet_call(run, "mark", NULL, NULL);
        }
        return err;
}

void history_calls_register(stet_app *app)
{
        stet_app_workflow(app, "caller", caller);
        stet_app_activity(app, "mark", mark);
        stet_app_activity(app, "tick", tick);
}

int history_calls_open(const struct server_process *server, const stet_app *app, struct history_calls **ret,
                       stet_why *why)
{
        struct history_calls *c = xcalloc(1, sizeof(*c));
        stet_executor_options options = STET_EXECUTOR_OPTIONS;
        options.endpoint = server->endpoint;
        options.app = app;
        c->server = server;
        pthread_mutex_init(&c->mutex, NULL);
        opened = c;
        int err = stet_executor_start(&options, &c->executor, why);
        if (err)
                history_calls_close(c);
        else
                *ret = c;
        return err;
}

void history_calls_close(struct history_calls *c)
{
        if (!c)
                return;
        if (c->executor)
                stet_executor_stop(c->executor, STOP_TIMEOUT_MS);
        pthread_mutex_destroy(&c->mutex);
        opened = NULL;
        free(c);
}

static uint64_t marks_count(struct history_calls *c)
{
        pthread_mutex_lock(&c->mutex);
        uint64_t count = c->marks_count;
        pthread_mutex_unlock(&c->mutex);
        return count;
}

/* Until so many marks are there, with a bound on the time in which nothing was done. */
static int wait_for_marks(struct history_calls *c, uint64_t wanted, stet_why *why)
{
        uint64_t done = stet_executor_done(c->executor);
        int64_t moved_ns = machine_now_ns();
        while (marks_count(c) < wanted) {
                int err = progress_pause(LOOK_EVERY_MS, why);
                if (err)
                        return err;
                uint64_t now_done = stet_executor_done(c->executor);
                int64_t now_ns = machine_now_ns();
                if (now_done != done)
                        moved_ns = now_ns;
                else if (now_ns - moved_ns > (int64_t)STALLED_MS * 1000000)
                        return stet_why_set(why, STET_ETIMEDOUT, "no run has called an activity for %d s",
                                            STALLED_MS / 1000);
                done = now_done;
        }
        return 0;
}

/* All at once, by a client each. */
static int send_commands(struct history_calls *c, char (*run_ids)[STET_RUN_ID_SIZE], size_t runs_count,
                         uint64_t calls, uint32_t in_flight, stet_why *why)
{
        stet_value command = { 0 };
        struct signalers_result ignored;
        struct signalers signalers = {
                .endpoint = c->server->endpoint,
                .name = "go",
                .value = &command,
                .run_ids = run_ids,
                .runs_count = runs_count,
                .signals = runs_count,
                .clients = (uint32_t)runs_count,
                .what = "history, commands",
        };
        stet_value_pack(&command, "[I,i]", (int64_t)calls, (int)in_flight);
        int err = signalers_run(&signalers, &ignored, why);
        stet_value_free(&command);
        return err;
}

int history_calls_run(struct history_calls *c, char (*run_ids)[STET_RUN_ID_SIZE], size_t runs_count,
                      uint64_t calls, uint32_t in_flight, struct history_calls_cost *ret, stet_why *why)
{
        int64_t start_ns = machine_now_ns();
        double runs = (double)runs_count;
        pthread_mutex_lock(&c->mutex);
        c->marks_count = 0;
        pthread_mutex_unlock(&c->mutex);
        int err = send_commands(c, run_ids, runs_count, calls, in_flight, why);
        if (!err)
                err = wait_for_marks(c, 2 * runs_count, why);
        if (err)
                return err;
        *ret = (struct history_calls_cost){
                .first_ms = (double)(c->first.ns - start_ns) / 1e6,
                .seconds = (double)(c->last.ns - c->first.ns) / 1e9,
                .cpu_s = c->last.cpu_s - c->first.cpu_s,
                /* All calls, the outcomes of the first marks, and of the last marks all but one. */
                .transitions = (double)calls * runs + runs + runs - 1,
        };
        return 0;
}
