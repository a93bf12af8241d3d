/* SPDX-License-Identifier: MIT
 *
 * Axes: ranges, ticks, labels.
 */
#include "bench/plot_axis.h"

#include <criterion/criterion.h>
#include <math.h>

static void expect_ticks(struct plot_axis a, size_t wanted, const double *expected, size_t count)
{
        double ticks[PLOT_TICKS_MAX];
        cr_assert_eq(plot_axis_ticks(&a, wanted, ticks), count);
        for (size_t i = 0; i < count; i++)
                cr_assert_float_eq(ticks[i], expected[i], 1e-6 * fabs(expected[i]) + 1e-9, "tick %zu is %g",
                                   i, ticks[i]);
}

#define EXPECT_TICKS(axis, wanted, ...)                                                                      \
        expect_ticks(axis, wanted, (const double[]){ __VA_ARGS__ },                                          \
                     sizeof((const double[]){ __VA_ARGS__ }) / sizeof(double))

static struct plot_axis fitted(enum plot_unit unit, enum plot_scale scale, double low, double high)
{
        struct plot_axis a = { .unit = unit, .scale = scale };
        plot_axis_fit(&a, low, high);
        cr_assert(isfinite(a.low) && isfinite(a.high));
        cr_assert_lt(a.low, a.high);
        return a;
}

static const char *label(enum plot_unit unit, double value)
{
        static char text[PLOT_LABEL_SIZE];
        plot_axis_label(unit, value, text);
        return text;
}

Test(plot_axis, linear_one_begins_at_0_and_ends_at_a_tick)
{
        struct plot_axis a = fitted(PLOT_COUNT, PLOT_AS_FITS, 41, 93);
        cr_assert(!a.logarithmic);
        cr_assert_float_eq(plot_axis_place(&a, 50), 0.5, 1e-9);
        EXPECT_TICKS(a, 5, 0, 20, 40, 60, 80, 100);
        EXPECT_TICKS(fitted(PLOT_COUNT, PLOT_AS_FITS, 0.1, 0.3), 5, 0, 0.1, 0.2, 0.3);
        EXPECT_TICKS(fitted(PLOT_COUNT, PLOT_LINEAR, -30, 15), 5, -30, -20, -10, 0, 10, 20);
}

Test(plot_axis, time_ends_when_it_ends)
{
        struct plot_axis a = fitted(PLOT_SECONDS, PLOT_LINEAR, 0.05, 10.1);
        cr_assert_float_eq(a.high, 10.1, 1e-9);
        EXPECT_TICKS(a, 5, 0, 5, 10);
        fitted(PLOT_SECONDS, PLOT_LINEAR, 0, 0);
}

Test(plot_axis, wide_range_is_logarithmic)
{
        struct plot_axis a = fitted(PLOT_COUNT, PLOT_AS_FITS, 1, 1000000);
        cr_assert(a.logarithmic);
        cr_assert_float_eq(plot_axis_place(&a, 1000), 0.5, 1e-9);
        cr_assert_float_eq(plot_axis_place(&a, 0), 0, 1e-9, "nothing is below the low end");
        EXPECT_TICKS(a, 8, 1, 10, 100, 1000, 10000, 100000, 1000000);
        EXPECT_TICKS(a, 3, 1, 100, 10000, 1000000);
}

Test(plot_axis, few_decades_have_ticks_between_them)
{
        EXPECT_TICKS(fitted(PLOT_COUNT, PLOT_AS_FITS, 6, 190), 5, 5, 10, 20, 50, 100, 200);
        EXPECT_TICKS(fitted(PLOT_COUNT, PLOT_LOGARITHMIC, 0.011, 0.04), 5, 0.01, 0.02, 0.05);
}

Test(plot_axis, linear_is_what_is_to_be_so_and_what_has_no_logarithm)
{
        cr_assert(!fitted(PLOT_COUNT, PLOT_LINEAR, 1, 1e6).logarithmic);
        cr_assert(!fitted(PLOT_COUNT, PLOT_LOGARITHMIC, 0, 1e6).logarithmic);
        cr_assert(!fitted(PLOT_COUNT, PLOT_LOGARITHMIC, -1, 1e6).logarithmic);
}

Test(plot_axis, range_that_is_none_gets_an_axis_all_the_same)
{
        static const double values[] = { 0, 1, -1, 7, 1000, 1e-9, 1e12, NAN, INFINITY };
        for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
                for (enum plot_scale scale = PLOT_AS_FITS; scale <= PLOT_LOGARITHMIC; scale++) {
                        double ticks[PLOT_TICKS_MAX];
                        struct plot_axis a = fitted(PLOT_COUNT, scale, values[i], values[i]);
                        size_t count = plot_axis_ticks(&a, 5, ticks);
                        cr_assert(count >= 2 && count <= PLOT_TICKS_MAX, "%zu ticks for %g", count,
                                  values[i]);
                        if (isfinite(values[i]))
                                cr_assert(plot_axis_place(&a, values[i]) > -1e-6 &&
                                          plot_axis_place(&a, values[i]) < 1 + 1e-6);
                }
}

Test(plot_axis, every_range_has_its_ends_and_ticks_within)
{
        for (double low = 1e-7; low < 1e9; low *= 3.7)
                for (double factor = 1.01; factor < 1e9; factor *= 2.3) {
                        double ticks[PLOT_TICKS_MAX], high = low * factor;
                        struct plot_axis a = fitted(PLOT_COUNT, PLOT_AS_FITS, low, high);
                        cr_assert(a.low <= low * (1 + 1e-6) && a.high >= high * (1 - 1e-6), "%g–%g", low,
                                  high);
                        size_t count = plot_axis_ticks(&a, 5, ticks);
                        cr_assert(count >= 2 && count <= 11, "%zu ticks from %g to %g", count, low, high);
                        for (size_t i = 1; i < count; i++)
                                cr_assert_gt(ticks[i], ticks[i - 1]);
                }
}

Test(plot_axis, percentiles_are_what_so_many_do_not_exceed)
{
        struct plot_axis a = fitted(PLOT_ONE_IN, PLOT_AS_FITS, 1, 2500);
        EXPECT_TICKS(a, 8, 1, 2, 10, 100, 1000);
        cr_assert_str_eq(label(PLOT_ONE_IN, 1), "0 %");
        cr_assert_str_eq(label(PLOT_ONE_IN, 2), "50 %");
        cr_assert_str_eq(label(PLOT_ONE_IN, 1000), "99.9 %");
        cr_assert_str_eq(label(PLOT_ONE_IN, 1000000), "99.9999 %");
        fitted(PLOT_ONE_IN, PLOT_AS_FITS, 1, 1); /* of one value */
}

Test(plot_axis, labels_have_three_digits_and_a_unit)
{
        static const struct {
                enum plot_unit unit;
                double value;
                const char *text;
        } cases[] = {
                { PLOT_COUNT, 0, "0" },          { PLOT_COUNT, 0.5, "0.5" },
                { PLOT_COUNT, 999, "999" },      { PLOT_COUNT, 999.7, "1k" },
                { PLOT_COUNT, 62930, "62.9k" },  { PLOT_COUNT, -2500, "-2.5k" },
                { PLOT_COUNT, 1e7, "10M" },      { PLOT_RATIO, 0.164, "0.16" },
                { PLOT_MICROS, 0, "0" },         { PLOT_MICROS, 1557, "1.56 ms" },
                { PLOT_MICROS, 2e6, "2 s" },     { PLOT_MILLIS, 0.02, "20 µs" },
                { PLOT_MILLIS, 2413, "2.41 s" }, { PLOT_SECONDS, 6000, "6000 s" },
                { PLOT_BYTES, 217, "217 B" },    { PLOT_BYTES, 981.2e6, "981 MB" },
        };
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                cr_assert_str_eq(label(cases[i].unit, cases[i].value), cases[i].text, "%s",
                                 label(cases[i].unit, cases[i].value));
}
