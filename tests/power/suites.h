/* SPDX-License-Identifier: MIT
 *
 * Failures that are no power cuts: of system calls, and of memory.
 */
#ifndef TESTS_POWER_SUITES_H
#define TESTS_POWER_SUITES_H

#include "tests/power/stage.h"
#include "tests/power/workload.h"

struct suite {
        const struct workload *workload;
        struct workload_options options;
        struct stage *stage; /* where it runs */
        uint64_t stride;     /* of the failing allocations: each so manieth */
        uint64_t cases;      /* in which something failed */
        uint64_t errors;     /* … and the workload ended with an error … */
        uint64_t deaths;     /* … or its process with abort() */
        char wrong[SENTENCE_SIZE + 200];
};

/* All cases of one workload; false with a sentence in s->wrong. */
bool suite_errno(struct suite *s);
bool suite_memory(struct suite *s);

/* Allocations can be made to fail in this build: not where a sanitizer has them. */
bool suite_memory_works(void);

/* Restarts without faults on what is left and checks it against what was promised. */
bool suite_recover(struct suite *s, const struct session *session);

#endif
