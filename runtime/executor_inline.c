/* SPDX-License-Identifier: MIT
 *
 * The executor of a node without threads: its activities run inside stet_node_poll(). The node answers
 * nothing while one runs, so a heartbeat is only noted, and sent with the outcomes.
 */
#include "runtime/executor.h"

#include "runtime/activity.h"
#include "runtime/clock.h"
#include "runtime/seat.h"

#include <stdlib.h>

struct executor_inline {
        struct executor_config config;
        struct seat seat;
        struct worker_task task; /* that runs now */
        int64_t skew_ns;         /* the node's time minus the clock's */
};

int executor_inline_new(void *zmq_context, const stet_executor_options *options, struct executor_inline **ret,
                        stet_why *why)
{
        struct executor_inline *e = xcalloc(1, sizeof *e);
        int err = executor_config_init(&e->config, options, why);
        if (!err)
                err = seat_open(&e->seat, zmq_context, &e->config, why);
        if (err) {
                executor_config_fini(&e->config);
                free(e);
                return err;
        }
        *ret = e;
        return 0;
}

static int64_t now(const struct executor_inline *e)
{
        return clock_elapsed_ns() + e->skew_ns;
}

void executor_inline_free(struct executor_inline *e)
{
        if (!e)
                return;
        seat_leave(&e->seat, now(e));
        seat_close(&e->seat);
        executor_config_fini(&e->config);
        free(e);
}

static int beat(void *ctx)
{
        struct executor_inline *e = ctx;
        return worker_heartbeat(e->seat.worker, &e->task.token, now(e));
}

/* Runs the next task; false: there is none. */
static bool run_one(struct executor_inline *e)
{
        if (!worker_begin(e->seat.worker, now(e), &e->task))
                return false;
        struct message outcome;
        activity_run(&e->seat.activity, &e->seat.arena, e->config.app, &e->task,
                     (struct activity_heart){ e, beat }, &outcome);
        worker_finish(e->seat.worker, &e->task.token, &outcome, now(e));
        arena_reset(&e->seat.arena);
        return true;
}

bool executor_inline_poll(struct executor_inline *e, int64_t now_ns)
{
        e->skew_ns = now_ns - clock_elapsed_ns();
        bool did = seat_exchange(&e->seat, now_ns), ran = false;
        while (run_one(e))
                ran = true;
        if (ran)
                seat_exchange(&e->seat, now(e));
        return did || ran;
}

int executor_inline_fd(const struct executor_inline *e)
{
        return link_fd(e->seat.link);
}

int64_t executor_inline_deadline(const struct executor_inline *e)
{
        return worker_deadline(e->seat.worker);
}
