/* SPDX-License-Identifier: MIT
 *
 * What an activity's code can do. An activity does the side effects of a workflow: it may block, use any
 * library, and fail. It may be executed more than once (a crash, a timeout); its outcome is applied once.
 * Make it idempotent, for instance by handing stet_activity_key() to the service it calls.
 *
 * Threads: the function runs on an executor's thread; its stet_activity is used on that thread only.
 */
#ifndef STET_ACTIVITY_H
#define STET_ACTIVITY_H

#include "stet/value.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct stet_activity stet_activity;

/* An activity. Returns 0 with its result in *ret, or an error: stet_fail() or stet_fail_permanently().
 * Another number fails the attempt with that error's name as kind. */
typedef int stet_activity_fn(stet_activity *a, const stet_value *in, stet_value *ret);

/* Fails this attempt: kind is a word for programs ("CardServiceDown"), the message a sentence for people. The
 * retry policy decides what follows. Returns STET_EFAILED. */
STET_PUBLIC int stet_fail(stet_activity *a, const char *kind, const char *format, ...) STET_PRINTF(3, 4);

/* The same, and no further attempt is made whatever the policy says. */
STET_PUBLIC int stet_fail_permanently(stet_activity *a, const char *kind, const char *format, ...)
    STET_PRINTF(3, 4);

/* Says that the attempt is alive. 0; STET_ECANCELED when the run no longer wants it; STET_ESTALE when another
 * attempt has taken over: both mean stop. Cheap: call it as often as you like. */
STET_PUBLIC int stet_activity_heartbeat(stet_activity *a);

/* The activity's name. Valid while it runs, as the texts below. */
STET_PUBLIC const char *stet_activity_name(const stet_activity *a);

/* The id of the run that it is for: 16 hexadecimal digits. */
STET_PUBLIC const char *stet_activity_run_id(const stet_activity *a);
STET_PUBLIC uint32_t stet_activity_attempt(const stet_activity *a); /* 1 for the first */

/* A text that is the same for all attempts of this step and for no other step: an idempotency key. */
STET_PUBLIC const char *stet_activity_key(const stet_activity *a);

/* The pointer given with stet_app_activity_context(), or NULL. */
STET_PUBLIC void *stet_activity_context(const stet_activity *a);

#ifdef __cplusplus
}
#endif

#endif
