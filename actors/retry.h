/* SPDX-License-Identifier: MIT
 *
 * Retry policies: when a failed attempt is tried again. Pure arithmetic.
 */
#ifndef ACTORS_RETRY_H
#define ACTORS_RETRY_H

#include "actors/vocabulary.h"
#include "stet/workflow.h"

/* Attempts whose executor was lost don't count as tries of the activity, but this many in a row do end it: an
 * activity that kills every executor must not go round for ever. */
enum { RETRY_LOST_MAX = 10 };

struct retry_policy {
        uint32_t max_attempts;
        int64_t initial_interval_ms;
        int64_t max_interval_ms;
        double backoff_factor;
        double jitter;
        struct bytes non_retryable; /* msgpack array of kinds */
};

/* Whether a failed attempt is followed by another, and after how long. tries: attempts that really failed,
 * this one included; lost: attempts lost in a row, this one included (0 when this one failed by itself).
 * random: 64 random bits. */
bool retry_next(const struct retry_policy *policy, uint32_t tries, uint32_t lost, bool permanent,
                struct bytes kind, uint64_t random, int64_t *ret_delay_ms);

extern const stet_retry *const retry_default; /* the preset of that name */

/* Why the policy can't be used, as a sentence; NULL if it can. */
const char *retry_invalid(const stet_retry *retry);

#endif
