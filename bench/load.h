/* SPDX-License-Identifier: MIT
 *
 * Load on an engine: starts runs of one workflow and times each from its start to its ending, at the client.
 *
 * Closed loop: so many runs are always open, and each ending starts the next: how much the engine can do.
 * With one in flight it is the latency of a run that goes alone. Open loop: runs start by the clock, whether
 * or not earlier ones have ended, and each is timed from the instant at which it should have started: when
 * the engine (or this client) falls behind, the waiting counts, as it does for users. A closed loop would
 * leave that out ("coordinated omission").
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "bench/histogram.h"
#include "bench/pace.h"
#include "bench/progress.h"
#include "stet/stet.h"

struct load {
        const char *workflow;
        const stet_value *input;
        uint64_t runs;
        uint32_t in_flight; /* closed loop */
        double rate;        /* open loop: runs a second; 0: closed loop */
        const char *what;   /* for the progress line */

        /* Asked again and again while it goes on; an error ends it. NULL: nobody. */
        int (*look)(void *context, uint64_t ended, int64_t now_ns, stet_why *why);
        void *look_context;
};

struct load_result {
        double seconds; /* from the first start to the last ending */
        struct histogram latency;
        struct pace pace; /* of the endings */
};

/* Runs it to the end. A run that is refused or does not complete ends it with an error: its time would mean
 * something else. */
int load_run(stet_client *client, const struct load *load, struct load_result *ret, stet_why *why);

#endif
