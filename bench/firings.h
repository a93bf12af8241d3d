/* SPDX-License-Identifier: MIT
 *
 * When the sleeping runs of `timers` were due, and when they went on: read from their results, run by run.
 */
#ifndef BENCH_FIRINGS_H
#define BENCH_FIRINGS_H

#include "bench/histogram.h"
#include "bench/server_process.h"

/* Due evenly spread, by number. */
struct firings_due {
        uint64_t runs;
        int64_t first_ms; /* since 1970-01-01 UTC */
        int64_t spread_ms;
};

int64_t firings_due_ms(const struct firings_due *due, uint64_t number);

struct firings {
        struct histogram lateness; /* an early one counts as 0 */
        int64_t last_fired_ms;
        uint64_t once;
        uint64_t again; /* more transitions than a start and a firing */
        uint64_t early;
        uint64_t lost; /* not completed, or not there */
};

/* Reads all of them, with several clients at the same time. */
int firings_read(const struct firings_due *due, const struct server_process *server,
                 char (*run_ids)[STET_RUN_ID_SIZE], struct firings *ret, stet_why *why);

#endif
