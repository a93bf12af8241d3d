/* SPDX-License-Identifier: MIT
 *
 * Executors: workers (runtime/worker.h) with something that runs the activities. With threads: one a slot,
 * each with its own link to the node, and one that pulses for them all and hands back what waits behind a
 * long activity. Without: one worker that runs its tasks when it is polled.
 */
#ifndef RUNTIME_EXECUTOR_H
#define RUNTIME_EXECUTOR_H

#include "stet/node.h"

/* As stet_executor_start(), on a ZeroMQ context that the caller keeps until after the stop. */
int executor_start(void *zmq_context, const stet_executor_options *options, stet_executor **ret,
                   stet_why *why);

/* --- without threads --- */

struct executor_inline;

int executor_inline_new(void *zmq_context, const stet_executor_options *options, struct executor_inline **ret,
                        stet_why *why);
void executor_inline_free(struct executor_inline *e); /* says goodbye first */

/* Takes frames, runs every task it has, sends the outcomes. True if it did anything. */
bool executor_inline_poll(struct executor_inline *e, int64_t now_ns);
int executor_inline_fd(const struct executor_inline *e);
int64_t executor_inline_deadline(const struct executor_inline *e);

/* What user code this thread is in, for the crash guard: set around each activity by the executors and around
 * each workflow by the shards. The pointers stay valid while it is set. */
struct running_code {
        const char *what; /* "activity" or "workflow"; NULL: none */
        const char *name;
        const char *workflow_id;
        uint64_t run;
        const void *stack_guard; /* of a workflow's stack: a fault in this page is an overflow */
        size_t stack_guard_size;
        const int *note_fd; /* where a crash is noted for the next node, one run id a line; NULL: nowhere */
};
extern _Thread_local struct running_code running_code;

#endif
