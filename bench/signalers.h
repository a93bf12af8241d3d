/* SPDX-License-Identifier: MIT
 *
 * Clients, each on a thread of its own, that send signals to runs: so many signals are on their way at a
 * time, and the node can make what comes together durable together. Either each waits for its answer before
 * it sends the next, or each has a window of signals under way, which go out in batches.
 */
#ifndef BENCH_SIGNALERS_H
#define BENCH_SIGNALERS_H

#include "bench/histogram.h"
#include "stet/stet.h"

struct signalers {
        stet_node *node;      /* in this process, or … */
        const char *endpoint; /* … elsewhere */
        const char *name;     /* of the signal */
        const stet_value *value;
        char (*run_ids)[STET_RUN_ID_SIZE]; /* signals go to them in turn */
        size_t runs_count;
        uint64_t signals;
        uint32_t clients;
        uint32_t window;  /* of each client; 0: they wait for every answer */
        const char *what; /* for the progress line */

        /* What the node has used so far, in CPU seconds; asked before and after. NULL: not wanted. */
        double (*cpu_s)(const void *context);
        const void *cpu_context;
};

struct signalers_result {
        double seconds; /* from the first signal to the last answer, all clients connected before */
        double cpu_s;
        struct histogram latency;
};

/* Sends them all. An answer that is an error ends it with that. */
int signalers_run(const struct signalers *s, struct signalers_result *ret, stet_why *why);

#endif
