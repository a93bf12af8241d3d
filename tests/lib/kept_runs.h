/* SPDX-License-Identifier: MIT
 *
 * Runs in a log and a store in memory, written record by record without a node: for tests of what the store
 * has of runs. Run ids are those of shard 0, the LSN of the start. Each call that fails ends the test.
 */
#ifndef TESTS_LIB_KEPT_RUNS_H
#define TESTS_LIB_KEPT_RUNS_H

#include "runtime/run_store.h"
#include "wal/log.h"

struct kept_runs {
        struct log_disk *log_disk;
        struct store_disk *store_disk;
        struct log *log;
        struct run_store runs;
        struct log_group group;
};

void kept_runs_open(struct kept_runs *k);
void kept_runs_close(struct kept_runs *k);

/* A run that starts then, with these effects of its first transition. Its id. */
uint64_t kept_runs_start(struct kept_runs *k, int64_t time_ns, const struct effect *effects, size_t count);

/* A transition of a run whose last record has that LSN. Its LSN. */
uint64_t kept_runs_step(struct kept_runs *k, uint64_t run, uint64_t previous_lsn, int64_t time_ns,
                        const struct event *event, const struct effect *effects, size_t count);

/* What was written so far goes into the log; and from there into the store, too. */
void kept_runs_append(struct kept_runs *k);
void kept_runs_checkpoint(struct kept_runs *k);

#endif
