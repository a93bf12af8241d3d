/* SPDX-License-Identifier: MIT
 *
 * One planned failure of the system: the nth call of one kind fails, once or from then on.
 */
#ifndef TESTS_POWER_FAULT_H
#define TESTS_POWER_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(name, the call) */
#define FAULT_CALLS(X)                                                                                       \
        X(PWRITE, "pwrite")                                                                                  \
        X(WRITE, "write")                                                                                    \
        X(WRITEV, "writev")                                                                                  \
        X(FDATASYNC, "fdatasync")                                                                            \
        X(FSYNC, "fsync")                                                                                    \
        X(OPEN, "open")                                                                                      \
        X(RENAME, "rename")                                                                                  \
        X(TRUNCATE, "ftruncate")                                                                             \
        X(MMAP, "mmap")

enum fault_call {
#define FAULT_CALL_ENUM(name, words) FAULT_##name,
        FAULT_CALLS(FAULT_CALL_ENUM)
#undef FAULT_CALL_ENUM
            FAULT_CALLS_COUNT
};

enum { FAULT_SHORT = -1 }; /* instead of an errno: half of it is written */

struct fault_plan {
        enum fault_call call;
        uint64_t nth; /* 1: the first; 0: none */
        int number;   /* the errno, or FAULT_SHORT */
        bool sticky;
        uint64_t calls; /* counted since the beginning */
        uint64_t fired;
};

const char *fault_call_name(enum fault_call call);
const char *fault_number_name(int number);

void fault_arm(struct fault_plan *plan); /* borrowed; NULL: nothing fails any more */

/* What this call is to fail with: an errno, FAULT_SHORT, or 0. */
int fault_next(enum fault_call call);

#endif
