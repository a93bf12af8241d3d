/* SPDX-License-Identifier: MIT
 *
 * What a workflow's code can do. A workflow is an ordinary C function. Each call below that waits is a point
 * where the run can stand for years and survive any crash: after one, the function runs again from the top
 * and every finished call returns what it returned before. For that the code must be deterministic: no clock,
 * no randomness, no files or sockets, no threads and no mutable globals of its own; side effects go into
 * activities, time and randomness come from here.
 *
 * Threads: these functions are called from the workflow's own function, on the stack it is running on, and
 * nowhere else. Memory: the run may be put aside at any wait (its stack is dropped) and brought back by
 * running the code again, so memory from malloc() that is held across a wait is lost then; use
 * stet_run_alloc(). Sources: the replay model is that of Temporal's "Workflow Definition" and of Restate's
 * journal.
 */
#ifndef STET_WORKFLOW_H
#define STET_WORKFLOW_H

#include "stet/value.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct stet_run stet_run;

/* A workflow. `in` is its input. Returns 0 with its result in *ret (null if it leaves it alone), or an error:
 * what a call returned, or stet_run_fail(). Both end the run. */
typedef int stet_workflow_fn(stet_run *run, const stet_value *in, stet_value *ret);

/* Milliseconds, for options and sleeps. */
static inline int64_t stet_seconds(int64_t n)
{
        return n * 1000;
}
static inline int64_t stet_minutes(int64_t n)
{
        return n * 60000;
}
static inline int64_t stet_hours(int64_t n)
{
        return n * 3600000;
}
static inline int64_t stet_days(int64_t n)
{
        return n * 86400000;
}

/* --- retry policies --- */

/* How often and when a failed attempt is tried again. Interval n is initial * factor^(n-1), at most max, plus
 * or minus the jitter's share of it, drawn from the run's recorded randomness. */
typedef struct stet_retry {
        uint32_t max_attempts;            /* with the first; 0: no limit */
        int64_t initial_interval_ms;      /* > 0 */
        int64_t max_interval_ms;          /* >= initial */
        double backoff_factor;            /* >= 1 */
        double jitter;                    /* 0 … 1 */
        const char *const *non_retryable; /* failure kinds that end it at once; ends with NULL; may be NULL */
} stet_retry;

/* A named policy: "default" (3 attempts, 1 s … 5 min), "llm" (5, 5 s … 10 min), "db" (2, 2 s … 30 s), "api"
 * (3, 1 s … 1 min), "none" (1). Factor 2, jitter 0.2. Static; NULL for a name that is none. */
STET_PUBLIC const stet_retry *stet_retry_preset(const char *name);

/* --- futures: things started and not yet awaited --- */

/* Something under way. By value; used within its own run only. A start that was refused gives a future whose
 * await returns the error. */
typedef struct stet_future {
        uint32_t op;
        int err;
} stet_future;

typedef struct stet_call_options {
        size_t struct_size; /* set by the macros */
        const char *queue;  /* NULL: "default" */
        int64_t timeout_ms; /* one attempt, from hand-out to outcome (start-to-close); 0: 10 minutes */
        int64_t schedule_to_start_timeout_ms; /* waiting in the queue; 0: no limit */
        int64_t heartbeat_timeout_ms;         /* longest silence of an attempt that heartbeats; 0: none */
        const stet_retry *retry;              /* NULL: "default" */
} stet_call_options;

/* Starts an activity. `in` may be NULL (null). Copies all it is given. */
STET_PUBLIC stet_future stet_call_start_with(stet_run *run, const char *activity, const stet_value *in,
                                             const stet_call_options *options);

/* Starts an activity and waits for its outcome in *ret (may be NULL). 0; STET_EFAILED (stet_failure_kind()
 * says how: the activity's own kind, or "Timeout", "ExecutorLost", "UnknownActivity"); STET_ECANCELED when
 * the run was cancelled. */
STET_PUBLIC int stet_call_with(stet_run *run, const char *activity, const stet_value *in, stet_value *ret,
                               const stet_call_options *options);

/* A timer. */
STET_PUBLIC stet_future stet_timer_start(stet_run *run, int64_t delay_ms);
/* Waits; 0, or STET_ECANCELED. Never returns early. */
STET_PUBLIC int stet_sleep(stet_run *run, int64_t delay_ms);
STET_PUBLIC int stet_sleep_until(stet_run *run, int64_t time_ms); /* since 1970-01-01 UTC */

typedef struct stet_wait_options {
        size_t struct_size;
        int64_t timeout_ms; /* 0: no limit */
} stet_wait_options;

/* Waits for the next signal of that name, in the order in which they came; one that came earlier and was not
 * taken yet counts. 0 with its value in *ret (may be NULL); STET_ETIMEDOUT; STET_ECANCELED. */
STET_PUBLIC int stet_wait_signal_with(stet_run *run, const char *name, stet_value *ret,
                                      const stet_wait_options *options);
/* The same as a future. */
STET_PUBLIC stet_future stet_signal_wait_start(stet_run *run, const char *name);

/* Sends a signal to another run, by workflow id, in this namespace. The await returns 0 when the signal is
 * durable in its log, STET_ENOTFOUND when no open run has that id, STET_ETOOBIG when that run's history is
 * full. Applied once; signals from one run to another keep their order. */
STET_PUBLIC stet_future stet_signal_start(stet_run *run, const char *workflow_id, const char *name,
                                          const stet_value *value);
STET_PUBLIC int stet_signal(stet_run *run, const char *workflow_id, const char *name,
                            const stet_value *value);

typedef enum stet_parent_close {
        STET_PARENT_CLOSE_CANCEL,  /* the child is asked to cancel when its parent ends */
        STET_PARENT_CLOSE_ABANDON, /* let it go */
} stet_parent_close;

typedef struct stet_child_options {
        size_t struct_size;
        const char *id; /* workflow id; NULL: made from the parent's run id */
        stet_parent_close on_parent_close;
} stet_child_options;

/* Starts a child run. The await returns its ending: 0 with its result, STET_EFAILED, STET_ECANCELED (when the
 * child ended cancelled), STET_ETERMINATED, or STET_EEXISTS when its id is taken by an open run. */
STET_PUBLIC stet_future stet_child_start_with(stet_run *run, const char *workflow, const stet_value *in,
                                              const stet_child_options *options);
STET_PUBLIC int stet_child_with(stet_run *run, const char *workflow, const stet_value *in, stet_value *ret,
                                const stet_child_options *options);

/* --- awaiting ---
 * A future can be awaited again after it is done; it gives the same. When the run is cancelled while it waits
 * here, the wait returns STET_ECANCELED once, and what was waited for goes on unless it is cancelled too;
 * later waits work as ever, so that cleanup code can call activities. */
STET_PUBLIC int stet_await(stet_run *run, stet_future future, stet_value *ret);
/* Waits until all are done. 0, or the first one's (by place) error. */
STET_PUBLIC int stet_await_all(stet_run *run, const stet_future *futures, size_t count);
/* Waits until one is done and gives the place of the one that was done first. 0, STET_ECANCELED, or
 * STET_EINVAL for none. */
STET_PUBLIC int stet_await_any(stet_run *run, const stet_future *futures, size_t count, size_t *ret_place);
/* Waits until one has succeeded (its place, its value) or all have failed (the last failure's error). */
STET_PUBLIC int stet_await_first_success(stet_run *run, const stet_future *futures, size_t count,
                                         size_t *ret_place, stet_value *ret);
/* Whether an await would return at once. */
STET_PUBLIC bool stet_is_done(stet_run *run, stet_future future);
/* Gives up on it: an activity not handed out is taken from its queue, a running one is told at its next
 * heartbeat, a child is asked to cancel; its await returns STET_ECANCELED. Harmless when it is done. */
STET_PUBLIC void stet_cancel_future(stet_run *run, stet_future future);

/* --- recorded facts --- */
STET_PUBLIC int64_t
stet_now_ms(stet_run *run); /* of the event being handled; since 1970-01-01 UTC; never goes back */
STET_PUBLIC uint64_t stet_random(stet_run *run);              /* 64 random bits, the same on replay */
STET_PUBLIC void stet_uuid(stet_run *run, char ret_text[37]); /* RFC 4122 version 4, from stet_random() */
STET_PUBLIC const char *stet_run_id(const stet_run *run);
STET_PUBLIC const char *stet_workflow_id(const stet_run *run);
STET_PUBLIC bool
stet_replaying(const stet_run *run); /* for diagnostics only: must not change what the code does */

/* --- failures, cancellation, versions --- */

/* The kind and message of the failure that the last call or await returned ("" if none). Valid until the next
 * one. */
STET_PUBLIC const char *stet_failure_kind(const stet_run *run);
STET_PUBLIC const char *stet_failure_message(const stet_run *run);

/* Sets the run's failure and returns STET_EFAILED: `return stet_run_fail(run, "OutOfStock", "no %s left",
 * name);` */
STET_PUBLIC int stet_run_fail(stet_run *run, const char *kind, const char *format, ...) STET_PRINTF(3, 4);

/* Whether cancelling was asked for, however often it has surfaced. */
STET_PUBLIC bool stet_cancelled(const stet_run *run);

/* Ends this run and starts the next with the same workflow and id, a fresh history and this input:
 * `return stet_continue_as_new(run, &state);`. Signals that were not taken yet go with it. */
STET_PUBLIC int stet_continue_as_new(stet_run *run, const stet_value *in);

/* Marks a change of the code: true in runs that get here first with this code (recorded), false when
 * replaying a history that was made without the mark, so that old runs go the old way. Ids up to 255 bytes.
 */
STET_PUBLIC bool stet_patched(stet_run *run, const char *id);

/* --- what others see --- */

/* Publishes a value that anyone can read while the run goes on and after it (replaces the last). */
STET_PUBLIC int stet_set_status(stet_run *run, const stet_value *status);

/* Answers a query from the run's present state. Must not call anything that waits or changes the run. Returns
 * 0 and *ret, or an error. `context` is what stet_on_query() was given; it may point to the workflow's
 * locals. */
typedef int stet_query_fn(void *context, const stet_value *in, stet_value *ret);
STET_PUBLIC int stet_on_query(stet_run *run, const char *name, stet_query_fn *fn, void *context);

typedef enum stet_log_level {
        STET_LOG_DEBUG,
        STET_LOG_INFO,
        STET_LOG_WARNING,
        STET_LOG_ERROR,
} stet_log_level;

/* Logs a line to the node's log callback; nothing on replay. */
STET_PUBLIC void stet_log(stet_run *run, stet_log_level level, const char *format, ...) STET_PRINTF(3, 4);

/* Zeroed memory that lives as long as the run is in memory; never NULL, never freed by hand. */
STET_PUBLIC void *stet_run_alloc(stet_run *run, size_t size);

/* Options by name: stet_call(run, "charge", in, &receipt, .timeout_ms = 60000). C only; C++ fills the struct
 * itself and calls the _with form. */
#ifndef __cplusplus
#define stet_call(run, activity, in, ...)                                                                    \
        STET_CALL_PICK(run, activity, in, __VA_ARGS__, .struct_size = sizeof(stet_call_options))
#define STET_CALL_PICK(run, activity, in, ret, ...)                                                          \
        stet_call_with(run, activity, in, ret, &(stet_call_options){ __VA_ARGS__ })
#define stet_call_start(run, activity, ...)                                                                  \
        STET_CALL_START_PICK(run, activity, __VA_ARGS__, .struct_size = sizeof(stet_call_options))
#define STET_CALL_START_PICK(run, activity, in, ...)                                                         \
        stet_call_start_with(run, activity, in, &(stet_call_options){ __VA_ARGS__ })
#define stet_wait_signal(run, name, ...)                                                                     \
        STET_WAIT_SIGNAL_PICK(run, name, __VA_ARGS__, .struct_size = sizeof(stet_wait_options))
#define STET_WAIT_SIGNAL_PICK(run, name, ret, ...)                                                           \
        stet_wait_signal_with(run, name, ret, &(stet_wait_options){ __VA_ARGS__ })
#define stet_child_start(run, workflow, ...)                                                                 \
        STET_CHILD_START_PICK(run, workflow, __VA_ARGS__, .struct_size = sizeof(stet_child_options))
#define STET_CHILD_START_PICK(run, workflow, in, ...)                                                        \
        stet_child_start_with(run, workflow, in, &(stet_child_options){ __VA_ARGS__ })
#define stet_child(run, workflow, in, ...)                                                                   \
        STET_CHILD_PICK(run, workflow, in, __VA_ARGS__, .struct_size = sizeof(stet_child_options))
#define STET_CHILD_PICK(run, workflow, in, ret, ...)                                                         \
        stet_child_with(run, workflow, in, ret, &(stet_child_options){ __VA_ARGS__ })
#endif

#ifdef __cplusplus
}
#endif

#endif
