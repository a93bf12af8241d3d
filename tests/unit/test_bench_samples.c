/* SPDX-License-Identifier: MIT
 *
 * Medians, ranges, and what counts as a change.
 */
#include "bench/samples.h"

#include <criterion/criterion.h>
#include <math.h>

static struct samples samples_of(const double *values, size_t count)
{
        struct samples s = { .count = 0 };
        for (size_t i = 0; i < count; i++)
                samples_add(&s, values[i]);
        return s;
}

#define SAMPLES(...)                                                                                         \
        samples_of((const double[]){ __VA_ARGS__ }, sizeof((double[]){ __VA_ARGS__ }) / sizeof(double))

static double test_of(struct samples a, struct samples b)
{
        double there = samples_mann_whitney(&a, &b);
        cr_assert_float_eq(there, samples_mann_whitney(&b, &a), 1e-12,
                           "it does not matter which comes first");
        return there;
}

static enum samples_verdict verdict(struct samples a, struct samples b)
{
        return samples_compare(&a, &b);
}

Test(bench_samples, median_is_the_middle_or_between_the_two_in_the_middle)
{
        struct samples odd = SAMPLES(5, 1, 9), even = SAMPLES(4, 1, 3, 100), none = { .count = 0 };
        cr_assert_eq(samples_median(&odd), 5);
        cr_assert_eq(samples_median(&even), 3.5);
        cr_assert_eq(samples_min(&even), 1);
        cr_assert_eq(samples_max(&even), 100);
        cr_assert(isnan(samples_median(&none)) && isnan(samples_min(&none)) && isnan(samples_max(&none)));
}

Test(bench_samples, what_is_no_number_and_one_too_many_are_passed_over)
{
        struct samples s = SAMPLES(1, (double)NAN, 3, (double)INFINITY);
        cr_assert_eq(s.count, 2);
        for (int i = 0; i < 2 * SAMPLES_MAX; i++)
                samples_add(&s, 2);
        cr_assert_eq(s.count, SAMPLES_MAX);
        cr_assert_eq(samples_max(&s), 3);
}

/* From the tables: of the 70 ways to choose 4 of 8 ranks, the two farthest apart are 2. */
Test(bench_samples, test_is_exact)
{
        cr_assert_float_eq(test_of(SAMPLES(1, 2, 3, 4), SAMPLES(5, 6, 7, 8)), 2.0 / 70, 1e-12);
        cr_assert_float_eq(test_of(SAMPLES(1, 2, 3, 5), SAMPLES(4, 6, 7, 8)), 4.0 / 70, 1e-12);
        cr_assert_float_eq(test_of(SAMPLES(1, 2, 3, 4, 5), SAMPLES(6, 7, 8, 9, 10)), 2.0 / 252, 1e-12);
        cr_assert_float_eq(test_of(SAMPLES(1, 4), SAMPLES(2, 3)), 1, 1e-12);
}

Test(bench_samples, equal_values_share_their_ranks)
{
        cr_assert_float_eq(test_of(SAMPLES(7, 7, 7, 7), SAMPLES(7, 7, 7, 7)), 1, 1e-12);
        /* ranks 1, 2.5, 2.5, 4: of the six pairs, {1, 2.5} twice and {4, 2.5} twice are as far apart */
        cr_assert_float_eq(test_of(SAMPLES(1, 2), SAMPLES(2, 3)), 4.0 / 6, 1e-12);
}

Test(bench_samples, test_stays_exact_for_as_many_as_there_may_be)
{
        struct samples a = { .count = 0 }, b = { .count = 0 };
        for (int i = 0; i < SAMPLES_MAX; i++) {
                samples_add(&a, i);
                samples_add(&b, i + 0.5);
        }
        double p = test_of(a, b);
        cr_assert(p > 0.7 && p < 0.9, "two series that run side by side are alike, p %f", p);
}

Test(bench_samples, with_four_on_both_sides_the_test_decides)
{
        cr_assert_eq(verdict(SAMPLES(100, 101, 102, 103), SAMPLES(104, 105, 106, 107)), SAMPLES_CHANGED,
                     "little, but beyond noise");
        cr_assert_eq(verdict(SAMPLES(100, 101, 102, 105), SAMPLES(104, 106, 107, 108)), SAMPLES_NOISE,
                     "the probability is 4 of 70, more than 5 %%");
        cr_assert_eq(verdict(SAMPLES(10, 20, 30, 40, 50), SAMPLES(15, 25, 35, 45, 55)), SAMPLES_NOISE);
}

Test(bench_samples, with_fewer_the_ranges_are_apart_and_the_medians_by_a_tenth)
{
        cr_assert_eq(verdict(SAMPLES(100, 102, 104), SAMPLES(112, 114, 116)), SAMPLES_CHANGED);
        cr_assert_eq(verdict(SAMPLES(100, 102, 104), SAMPLES(105, 107, 109)), SAMPLES_NOISE);
        cr_assert_eq(verdict(SAMPLES(100, 200), SAMPLES(150, 300)), SAMPLES_NOISE, "the ranges overlap");
        cr_assert_eq(verdict(SAMPLES(100, 102), SAMPLES(60, 61, 62, 63, 64)), SAMPLES_CHANGED);
}

Test(bench_samples, a_value_that_stands_alone_is_unsure_at_best)
{
        cr_assert_eq(verdict(SAMPLES(100), SAMPLES(114)), SAMPLES_NOISE);
        cr_assert_eq(verdict(SAMPLES(100), SAMPLES(116)), SAMPLES_UNSURE);
        cr_assert_eq(verdict(SAMPLES(100), SAMPLES(84)), SAMPLES_UNSURE);
        cr_assert_eq(verdict(SAMPLES(100), SAMPLES(90, 150, 200)), SAMPLES_NOISE, "it is within the range");
        cr_assert_eq(verdict(SAMPLES(0), SAMPLES(0)), SAMPLES_NOISE);
        cr_assert_eq(verdict(SAMPLES(0), SAMPLES(1)), SAMPLES_UNSURE, "from nothing to something");
}
