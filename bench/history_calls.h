/* SPDX-License-Identifier: MIT
 *
 * A run that calls activities as it is told to, and the executor that says when: for `history`. The executor
 * is in this process, so that the server's CPU time has nothing of it. Between two marks, which are
 * activities as well, the clock and the server's CPU time are read: what lies between them are the
 * transitions and nothing else.
 */
#ifndef BENCH_HISTORY_CALLS_H
#define BENCH_HISTORY_CALLS_H

#include "bench/server_process.h"

struct history_calls;

/* Registers the workflow "caller" and its activities. */
void history_calls_register(stet_app *app);

int history_calls_open(const struct server_process *server, const stet_app *app, struct history_calls **ret,
                       stet_why *why);
void history_calls_close(struct history_calls *c); /* harmless on NULL */

struct history_calls_cost {
        double first_ms; /* from the command to the first mark */
        double seconds;  /* from the first mark to the last */
        double cpu_s;    /* of the server, in that time */
        double transitions;
};

/* Lets all the runs, at the same time, make so many calls each, up to in_flight at a time each. */
int history_calls_run(struct history_calls *c, char (*run_ids)[STET_RUN_ID_SIZE], size_t runs_count,
                      uint64_t calls, uint32_t in_flight, struct history_calls_cost *ret, stet_why *why);

#endif
