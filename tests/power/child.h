/* SPDX-License-Identifier: MIT
 *
 * A workload in a process of its own, which may die in it: what it gave to the log and what it was promised
 * is in shared memory, so that the parent can check the directory that is left.
 */
#ifndef TESTS_POWER_CHILD_H
#define TESTS_POWER_CHILD_H

#include "tests/power/workload.h"

struct child_report {
        int signal;      /* that ended it; 0: none */
        bool sync_again; /* a sync that had failed was tried again */
        int err;         /* what the workload returned */
        stet_why why;
        uint64_t fired; /* faults */
};

/* What is done in the child around the workload: before() arms a fault, after() returns how often it fired.
 */
struct child_hooks {
        void (*before)(void *ctx);
        uint64_t (*after)(void *ctx);
        void *ctx;
        bool watched; /* by the recorder, which allocates as well */
};

/* Runs the workload below o->root, which is empty, and fills *ret_session with what was promised until its
 * end. */
void child_run(const struct workload *workload, const struct workload_options *o,
               const struct child_hooks *hooks, struct session *ret_session, struct child_report *ret);

#endif
