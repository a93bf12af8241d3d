/* SPDX-License-Identifier: MIT
 *
 * A run and its transitions as the maps that readings answer with (docs/CLI.md, "JSON documents"). One
 * writer, so that a run that is read from a file looks as it did in its node.
 */
#ifndef RUNTIME_RUN_SHOW_H
#define RUNTIME_RUN_SHOW_H

#include "actors/run.h"
#include "base/table.h"
#include "wal/log.h"

/* What an answer holds of a run's values, so that it fits a frame. Of a history's page one transition may
 * alone be larger. */
enum { READING_BYTES_MAX = 3 << 20 };

/* Where a run's records are: visit() calls `visit` with the record of that LSN and returns what it did, or an
 * error with a sentence when there is no such record. */
struct run_records {
        void *ctx;
        int (*visit)(void *ctx, uint64_t lsn, log_visit_fn *visit, void *visit_ctx, stet_why *why);
};

/* "blocked", or how it ended: "open", "completed", … Static. */
const char *run_state_name(const struct run *run);

/* The pairs of `list`. */
void run_show_summary(struct table *t, const struct run *run);

/* The pairs of `show` but for `blocked_on`. */
int run_show(struct table *t, const struct run *run, const struct run_records *records, stet_why *why);

/* A page of a history that is being written: transition after transition is appended to `to`. */
struct history_page {
        struct buffer *to;
        uint32_t seq;   /* of the next transition */
        uint32_t count; /* of those that are in it */
};

/* A log_visit_fn with a struct history_page: appends one transition. -1: the page is full, the transition is
 * for the next one. STET_ECORRUPT: the body is no transition. */
int history_page_add(void *page, const struct record *record);

#endif
