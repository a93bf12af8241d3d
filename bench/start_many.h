/* SPDX-License-Identifier: MIT
 *
 * Starts many runs that stay open, without waiting for each: so many starts are on their way at a time.
 */
#ifndef BENCH_START_MANY_H
#define BENCH_START_MANY_H

#include "stet/stet.h"

/* Makes the input of the run of that number. */
typedef int start_input_fn(const void *context, uint64_t number, stet_value *ret);

struct start_many {
        const char *workflow;
        start_input_fn *input;
        const void *context;
        uint64_t runs;
        const char *what; /* for the progress line */
};

/* Returns when all starts are durable. ret_run_ids has room for every run's id, by its number; NULL: not
 * wanted. A start that is refused ends it with an error; one that the node is too busy for is repeated. */
int start_many(stet_client *client, const struct start_many *many, char (*ret_run_ids)[STET_RUN_ID_SIZE],
               stet_why *why);

#endif
