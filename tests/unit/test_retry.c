/* SPDX-License-Identifier: MIT */
#include "actors/retry.h"
#include "base/pack.h"
#include "tests/lib/random.h"

#include <criterion/criterion.h>
#include <math.h>

static const struct retry_policy plain = {
        .max_attempts = 4, .initial_interval_ms = 1000, .max_interval_ms = 3000, .backoff_factor = 2
};

static struct retry_policy with_jitter(double jitter)
{
        struct retry_policy p = plain;
        p.jitter = jitter;
        return p;
}

/* The delay before the attempt after that many failed ones; -1: there is none. */
static int64_t after(const struct retry_policy *p, uint32_t tries, uint64_t random)
{
        int64_t delay_ms = 0;
        return retry_next(p, tries, 0, false, bytes_str("Down"), random, &delay_ms) ? delay_ms : -1;
}

/* --- presets --- */

static void expect_preset(const char *name, uint32_t attempts, int64_t initial_ms, int64_t max_ms)
{
        const stet_retry *r = stet_retry_preset(name);
        cr_assert(r, "%s", name);
        cr_expect_eq(r->max_attempts, attempts, "%s", name);
        cr_expect_eq(r->initial_interval_ms, initial_ms, "%s", name);
        cr_expect_eq(r->max_interval_ms, max_ms, "%s", name);
        cr_expect(r->backoff_factor > 1.99 && r->backoff_factor < 2.01, "%s", name);
        cr_expect(r->jitter > 0.19 && r->jitter < 0.21, "%s", name);
        cr_expect_null(r->non_retryable, "%s", name);
        cr_expect_null(retry_invalid(r), "%s", name);
}

Test(retry, presets_are_what_their_users_were_promised)
{
        expect_preset("default", 3, 1000, stet_minutes(5));
        expect_preset("llm", 5, 5000, stet_minutes(10));
        expect_preset("db", 2, 2000, 30000);
        expect_preset("api", 3, 1000, 60000);
        const stet_retry *none = stet_retry_preset("none");
        cr_assert(none);
        cr_assert_eq(none->max_attempts, 1);
        cr_assert_null(retry_invalid(none));
}

Test(retry, name_that_is_no_preset_gives_none)
{
        cr_assert_null(stet_retry_preset("Default"));
        cr_assert_null(stet_retry_preset(""));
        cr_assert_null(stet_retry_preset(NULL));
}

/* --- intervals --- */

Test(retry, intervals_grow_by_the_factor_up_to_the_maximum_and_end_with_the_attempts)
{
        cr_assert_eq(after(&plain, 1, 0), 1000);
        cr_assert_eq(after(&plain, 2, 0), 2000);
        cr_assert_eq(after(&plain, 3, 0), 3000);
        cr_assert_eq(after(&plain, 4, 0), -1);
        cr_assert_eq(after(&plain, 5, 0), -1);
}

Test(retry, no_limit_means_for_ever_and_never_more_than_the_maximum)
{
        struct retry_policy p = plain;
        p.max_attempts = 0;
        p.max_interval_ms = INT64_C(1) << 52;
        cr_assert_eq(after(&p, 40, 0), INT64_C(1000) << 39);
        cr_assert_eq(after(&p, 1000, 0), p.max_interval_ms);
        cr_assert_eq(after(&p, UINT32_MAX, 0), p.max_interval_ms);
}

Test(retry, factor_of_one_waits_the_same_time_again)
{
        struct retry_policy p = plain;
        p.backoff_factor = 1;
        p.max_attempts = 0;
        cr_assert_eq(after(&p, 1, 0), 1000);
        cr_assert_eq(after(&p, 30, 0), 1000);
}

Test(retry, jitter_stays_within_its_share_and_reaches_nearly_both_ends)
{
        struct retry_policy p = with_jitter(0.2);
        uint64_t state = 1;
        int64_t least = INT64_MAX, most = 0;
        for (int i = 0; i < 10000; i++) {
                int64_t ms = after(&p, 1, random_u64(&state));
                least = ms < least ? ms : least;
                most = ms > most ? ms : most;
        }
        cr_assert(least >= 800 && least < 805, "%lld", (long long)least);
        cr_assert(most > 1195 && most <= 1200, "%lld", (long long)most);
        cr_assert_eq(after(&p, 1, 0), 800);
        cr_assert(after(&p, 1, UINT64_MAX) <= 1200);
        cr_assert_eq(after(&p, 2, 77), after(&p, 2, 77), "the same randomness gives another delay");
}

Test(retry, whole_jitter_goes_from_nothing_to_double)
{
        struct retry_policy p = with_jitter(1);
        cr_assert_eq(after(&p, 1, 0), 0);
        cr_assert_eq(after(&p, 1, UINT64_C(1) << 63), 1000);
        cr_assert_eq(after(&p, 1, UINT64_MAX), 1999);
}

/* --- what is not tried again --- */

Test(retry, permanent_failures_and_listed_kinds_end_it_at_once)
{
        struct buffer kinds = { 0 };
        int64_t ms = -1;
        pack_array(&kinds, 2);
        pack_cstr(&kinds, "CardDeclined");
        pack_cstr(&kinds, "NoSuchUser");
        struct retry_policy p = plain;
        cr_assert(!retry_next(&p, 1, 0, true, bytes_str("Down"), 0, &ms));
        p.non_retryable = buffer_bytes(&kinds);
        cr_assert(!retry_next(&p, 1, 0, false, bytes_str("CardDeclined"), 0, &ms));
        cr_assert(!retry_next(&p, 1, 0, false, bytes_str("NoSuchUser"), 0, &ms));
        cr_assert_eq(ms, -1);
        cr_assert(retry_next(&p, 1, 0, false, bytes_str("NoSuch"), 0, &ms));
        cr_assert(retry_next(&p, 1, 0, false, bytes_str(""), 0, &ms));
        buffer_fini(&kinds);
}

Test(retry, lost_attempts_are_tried_again_at_once_and_count_as_no_try_but_ten_in_a_row_end_it)
{
        int64_t ms = -1;
        for (uint32_t lost = 1; lost < RETRY_LOST_MAX; lost++) {
                cr_assert(
                    retry_next(&plain, plain.max_attempts, lost, false, bytes_str("ExecutorLost"), 0, &ms));
                cr_assert_eq(ms, 0);
        }
        cr_assert_eq(RETRY_LOST_MAX, 10);
        cr_assert(!retry_next(&plain, 0, RETRY_LOST_MAX, false, bytes_str("ExecutorLost"), 0, &ms));
}

Test(retry, who_wants_one_attempt_gets_no_second_even_if_the_first_was_lost)
{
        struct retry_policy p = plain;
        int64_t ms = -1;
        p.max_attempts = 1;
        cr_assert(!retry_next(&p, 1, 0, false, bytes_str("Down"), 0, &ms));
        cr_assert(!retry_next(&p, 0, 1, false, bytes_str("ExecutorLost"), 0, &ms));
}

/* --- policies that can't be used --- */

static const char *invalid(int64_t initial_ms, int64_t max_ms, double factor, double jitter)
{
        return retry_invalid(&(stet_retry){ 3, initial_ms, max_ms, factor, jitter, NULL });
}

Test(retry, policy_that_can_not_be_used_is_refused_with_the_reason)
{
        cr_assert_null(invalid(1, 1, 1, 0));
        cr_assert_null(invalid(1, 1, 1000, 1));
        cr_assert(strstr(invalid(0, 1, 1, 0), "initial interval"));
        cr_assert(strstr(invalid(-1, 1, 1, 0), "initial interval"));
        cr_assert(strstr(invalid(2, 1, 1, 0), "maximum interval"));
        cr_assert(strstr(invalid(1, 1, 0.99, 0), "factor"));
        cr_assert(strstr(invalid(1, 1, 1000.1, 0), "factor"));
        cr_assert(strstr(invalid(1, 1, NAN, 0), "factor"));
        cr_assert(strstr(invalid(1, 1, 1, -0.01), "jitter"));
        cr_assert(strstr(invalid(1, 1, 1, 1.01), "jitter"));
        cr_assert(strstr(invalid(1, 1, 1, NAN), "jitter"));
}
