/* SPDX-License-Identifier: MIT
 *
 * Which runs a list is to have.
 */
#ifndef RUNTIME_RUN_FILTER_H
#define RUNTIME_RUN_FILTER_H

#include "actors/run.h"
#include "runtime/wire.h"

/* Times since 1970 with from <= time < to; 0 and INT64_MAX: any. */
struct time_range {
        int64_t from_ms;
        int64_t to_ms;
};

/* What is empty or 0 lets every run of the namespace pass. */
struct run_filter {
        struct bytes ns;
        struct bytes state;
        struct bytes workflow;
        struct bytes queue; /* an activity of the run waits or runs on it */
        uint64_t parent;
        bool no_parent;          /* what was asked for is no run id: nothing fits */
        struct bytes attributes; /* a map */
        struct time_range started;
        struct time_range ended;
        uint64_t before_run; /* only what is behind it in the list's order */
        int64_t before_ns;   /* when that one started */
};

/* That of a READ; its bytes are the message's. */
struct run_filter run_filter_of(const struct message *m);

bool run_filter_fits(const struct run_filter *f, const struct run *run);

/* Whether runs that have not ended are out of the question because of the time of their end. */
bool run_filter_asks_end(const struct run_filter *f);

#endif
