/* SPDX-License-Identifier: MIT
 *
 * One worker's side of the protocol: takes tasks, gives outcomes, outlives a restart of the node. Pure:
 * frames and time come in, frames go out; it runs nothing itself. The executor's threads drive one each over
 * ZeroMQ, the simulator on virtual time.
 *
 * It keeps every outcome until it is acknowledged as durable, and repeats it (after CLAIMing what it still
 * holds) when the node asks WHO or an answer is overdue. It grants a window of its own making: one task while
 * tasks are slow, more while they are fast, so that short activities travel in batches and long ones are not
 * hoarded.
 */
#ifndef RUNTIME_WORKER_H
#define RUNTIME_WORKER_H

#include "runtime/wire.h"

struct worker;

struct worker_options {
        const char *executor;          /* its executor's name */
        const char *const *activities; /* names, activities_count of them; copied */
        size_t activities_count;
        const char *const *queues; /* copied; none: "default" */
        size_t queues_count;
        bool local;          /* the node is in this process: its frames are not checked */
        uint32_t window_max; /* tasks held at once at the most; 0: 1024; at most 65536 */
};

struct worker_task {
        struct token token;
        struct bytes activity;
        struct bytes input;
        int64_t timeout_ms;
        int64_t heartbeat_ms;
        uint32_t attempt;
        bool again; /* the node restarted not long before it gave this: another worker of the executor may
                       have it */
};

struct worker *worker_new(const struct worker_options *options);
void worker_free(struct worker *w);

/* A frame from the node, checked by this. Bad frames are ignored and counted. */
void worker_receive(struct worker *w, struct bytes frame, int64_t now_ns);

/* The next task to run: it is begun, and the caller owes worker_finish() for it. Its bytes stay valid until
 * then. False: none. */
bool worker_begin(struct worker *w, int64_t now_ns, struct worker_task *ret);

/* The outcome of a begun task: m's code, value, kind, text, permanent (copied). A task that was dropped
 * meanwhile is accepted and its outcome forgotten. */
void worker_finish(struct worker *w, const struct token *token, const struct message *m, int64_t now_ns);

/* Whether it has begun this task before that time, or has an outcome of it: one that the node is still to
 * hear of. */
bool worker_has(const struct worker *w, const struct token *token, int64_t before_ns);

/* A begun task that another worker of the executor has: nothing is said about it here. */
void worker_forget(struct worker *w, const struct token *token);

/* The user's code said that the begun task is alive. 0, or STET_ECANCELED when the node dropped it. */
int worker_heartbeat(struct worker *w, const struct token *token, int64_t now_ns);

/* Gives back every task that was not begun (the worker is busy with a long one, or is stopping), and asks for
 * none until worker_begin() is called again. */
void worker_return(struct worker *w);

/* Says goodbye: after the last frame that worker_flush() gives, the connection may be closed. Outcomes that
 * are not acknowledged are said once more only by the next worker's repeat of the task, so wait for
 * `unacknowledged` to be 0 where there is time. */
void worker_bye(struct worker *w);

/* The next frame to send, into an empty buffer; false: nothing to say. Call it until it says so, after each
 * batch of the above. A frame that it gave counts as sent. */
bool worker_flush(struct worker *w, int64_t now_ns, struct buffer *ret_frame);

/* Pulses and repeats what is overdue; call worker_flush() after it. When to call again: worker_deadline(). */
void worker_tick(struct worker *w, int64_t now_ns);
int64_t worker_deadline(const struct worker *w);

struct worker_stats {
        uint32_t held; /* tasks not begun */
        uint32_t begun;
        uint32_t unacknowledged;
        uint32_t window;     /* granted to the node */
        uint64_t done;       /* outcomes acknowledged as durable */
        uint64_t stale;      /* outcomes that were refused */
        uint64_t bad_frames; /* frames and messages that were not the protocol */
        bool welcome;        /* the node knows us */
};
void worker_stats(const struct worker *w, struct worker_stats *ret);

#endif
