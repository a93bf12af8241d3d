/* SPDX-License-Identifier: MIT
 *
 * How many things happened in each slice of time: none is lost, however long it goes on.
 */
#include "bench/pace.h"

#include <criterion/criterion.h>

static const int64_t MS_NS = 1000000;

/* What the slices say happened: of each the rate, times its length. */
static double sum_of(const struct pace *p)
{
        double sum = 0, end_s = 0;
        for (size_t i = 0; i < pace_slices(p); i++) {
                double length_s = 2 * (pace_seconds(p, i) - end_s);
                sum += pace_per_s(p, i) * length_s;
                end_s += length_s;
        }
        return sum;
}

Test(pace, nothing_has_no_slices)
{
        struct pace p = { 0 };
        cr_assert_eq(pace_slices(&p), 0);
        pace_begin(&p, 5);
        cr_assert_eq(pace_slices(&p), 0);
}

Test(pace, constant_rate_is_the_same_in_all_slices)
{
        struct pace p;
        pace_begin(&p, 1000 * MS_NS);
        for (int64_t ms = 1; ms <= 3000; ms++)
                pace_add(&p, (1000 + ms) * MS_NS - 1, 2);
        cr_assert_gt(pace_slices(&p), 10);
        for (size_t i = 0; i < pace_slices(&p); i++)
                cr_assert_float_eq(pace_per_s(&p, i), 2000, 1, "slice %zu", i);
}

Test(pace, long_time_has_few_slices_and_loses_nothing)
{
        struct pace p;
        pace_begin(&p, 0);
        for (int64_t s = 1; s <= 100000; s++)
                pace_add(&p, s * 1000 * MS_NS - 1, (uint64_t)(s % 7));
        double sum = 0;
        for (int64_t s = 1; s <= 100000; s++)
                sum += (double)(s % 7);
        cr_assert(pace_slices(&p) > PACE_SLICES_MAX / 4 && pace_slices(&p) <= PACE_SLICES_MAX);
        cr_assert_float_eq(sum_of(&p), sum, sum * 0.02, "but for the rest of a slice at the end");
}

Test(pace, pause_is_in_it)
{
        struct pace p;
        pace_begin(&p, 0);
        pace_add(&p, 1, 1000);
        pace_add(&p, 1000 * MS_NS - 1, 1000);
        size_t count = pace_slices(&p);
        cr_assert_gt(count, 4);
        cr_assert_gt(pace_per_s(&p, 0), 0);
        cr_assert_float_eq(pace_per_s(&p, count / 2), 0, 1e-9);
        cr_assert_float_eq(sum_of(&p), 2000, 1);
}
