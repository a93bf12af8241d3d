/* SPDX-License-Identifier: MIT
 *
 * The options of all verbs, in one table, and what a command line gave them.
 */
#ifndef TOOLS_OPTIONS_H
#define TOOLS_OPTIONS_H

#include "stet/error.h"

#include <stdbool.h>
#include <stdint.h>

enum option_id {
        OPTION_NONE,
        OPTION_DATA,
        OPTION_CONNECT,
        OPTION_MODULE,
        OPTION_NAMESPACE,
        OPTION_TIMEOUT,
        OPTION_LISTEN,
        OPTION_EXECUTORS,
        OPTION_SHARDS,
        OPTION_LEVEL,
        OPTION_LEASE,
        OPTION_STACK_SIZE,
        OPTION_DISK_RESERVE,
        OPTION_RETENTION,
        OPTION_HISTORY_TRANSITIONS,
        OPTION_HISTORY_BYTES,
        OPTION_LOG,
        OPTION_SLOTS,
        OPTION_NAME,
        OPTION_QUEUE,
        OPTION_INPUT,
        OPTION_ID,
        OPTION_REQUEST_ID,
        OPTION_ON_CONFLICT,
        OPTION_ON_REUSE,
        OPTION_ATTRIBUTE,
        OPTION_PARENT,
        OPTION_WAIT,
        OPTION_WAIT_TIMEOUT,
        OPTION_STATE,
        OPTION_WORKFLOW,
        OPTION_LIMIT,
        OPTION_TRANSITIONS,
        OPTION_BEFORE,
        OPTION_OF_QUEUE,
        OPTION_STARTED_AFTER,
        OPTION_STARTED_BEFORE,
        OPTION_ENDED_AFTER,
        OPTION_ENDED_BEFORE,
        OPTION_DRY_RUN,
        OPTION_YES,
        OPTION_FROM,
        OPTION_REASON,
        OPTION_FILE,
        OPTION_FORCE,
        OPTION_OUTPUT,
        OPTION_HELP,
        OPTIONS_COUNT,
};

struct option_row {
        const char *name;     /* without its dashes */
        char letter;          /* 0: none */
        const char *argument; /* NULL: a flag */
        const char *purpose;
        const char *initial;      /* what it is when it is not given; NULL: nothing to say */
        const char *const *words; /* what it takes; NULL: anything */
        bool repeats;
};

extern const struct option_row option_rows[OPTIONS_COUNT];

/* The words that --log-level takes, ending with NULL. */
extern const char *const option_log_levels[];

/* What was given, in order, each list ending with NULL (the list itself is NULL when the option was not
 * given). Borrowed from the command line, but for the lists. */
struct option_values {
        const char **given[OPTIONS_COUNT];
};

/* Whether the option takes words, and this is one of them. */
bool option_is_word(enum option_id id, const char *word);

/* Adds a value. STET_EINVAL: given twice, or not among its words. */
int option_add(struct option_values *values, enum option_id id, const char *value, stet_why *why);
void option_values_fini(struct option_values *values);

bool option_given(const struct option_values *values, enum option_id id);

/* Its value, or NULL. */
const char *option_text(const struct option_values *values, enum option_id id);

/* The place of its value among its words; that of its initial one if it was not given. */
int option_word(const struct option_values *values, enum option_id id);

/* Numbers: *ret stays as it is when the option was not given. STET_EINVAL with a sentence that names the
 * option. */
int option_count(const struct option_values *values, enum option_id id, uint64_t min, uint64_t max,
                 uint64_t *ret, stet_why *why);
int option_duration(const struct option_values *values, enum option_id id, int64_t *ret_ms, stet_why *why);
int option_moment(const struct option_values *values, enum option_id id, int64_t now_ms, int64_t *ret_ms,
                  stet_why *why);
int option_size(const struct option_values *values, enum option_id id, uint64_t *ret, stet_why *why);

#endif
