/* SPDX-License-Identifier: MIT */
#include "bench/plot_axis.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const double LOGARITHMIC_FROM = 30;  /* the high end by the low end */
static const double DECADES_ALONE_FROM = 3; /* fewer than so many decades have ticks at 2 and 5, too */
static const double FITS = 1e-9;            /* of a tick that stands on the end of an axis */

enum { LINEAR_STEPS = 5 };

/* 1, 2 or 5 times a power of ten: the largest that is not above value. */
static double round_below(double value)
{
        double power = pow(10, floor(log10(value) + FITS));
        double digits = value / power * (1 + FITS);
        return (digits >= 5 ? 5 : digits >= 2 ? 2 : 1) * power;
}

static double round_above(double value)
{
        double below = round_below(value);
        if (below >= value * (1 - FITS))
                return below;
        double power = pow(10, floor(log10(below) + FITS));
        return below / power < 1.5 ? 2 * power : below / power < 3 ? 5 * power : 10 * power;
}

static double step_of(double span, size_t wanted)
{
        return round_above(span / (double)wanted);
}

static void fit_linear(struct plot_axis *a, double low, double high)
{
        low = fmin(low, 0);
        high = fmax(high, 0);
        if (!(high - low > 0))
                high = 1;
        double step = step_of(high - low, LINEAR_STEPS);
        a->logarithmic = false;
        a->low = floor(low / step + FITS) * step;
        a->high = a->unit == PLOT_SECONDS ? high : ceil(high / step - FITS) * step;
}

void plot_axis_fit(struct plot_axis *a, double low, double high)
{
        if (!isfinite(low) || !isfinite(high)) {
                low = 0;
                high = 0;
        }
        if (a->unit == PLOT_ONE_IN) {
                a->logarithmic = true;
                a->low = 1;
                a->high = fmax(high, 10);
                return;
        }
        bool wide = a->scale == PLOT_LOGARITHMIC || high >= low * LOGARITHMIC_FROM;
        if (a->scale == PLOT_LINEAR || !(low > 0) || !wide) {
                fit_linear(a, low, high);
                return;
        }
        a->logarithmic = true;
        a->low = round_below(low);
        a->high = round_above(high);
        if (!(a->high > a->low))
                a->high = a->low * 10;
}

double plot_axis_place(const struct plot_axis *a, double value)
{
        if (!a->logarithmic)
                return (value - a->low) / (a->high - a->low);
        return log(fmax(value, a->low) / a->low) / log(a->high / a->low);
}

static bool is_within(const struct plot_axis *a, double value)
{
        double slack = FITS * (a->high - a->low);
        return value <= a->high + slack && value >= a->low - (a->logarithmic ? a->low * FITS : slack);
}

static size_t ticks_linear(const struct plot_axis *a, size_t wanted, double *ret)
{
        size_t count = 0;
        double step = step_of(a->high - a->low, wanted);
        double first = ceil(a->low / step - FITS);
        for (; count < PLOT_TICKS_MAX && is_within(a, (first + (double)count) * step); count++)
                ret[count] = (first + (double)count) * step;
        return count;
}

static size_t ticks_logarithmic(const struct plot_axis *a, size_t wanted, double *ret)
{
        static const double parts[] = { 1, 2, 5 };
        size_t count = 0;
        double decades = log10(a->high / a->low);
        size_t each = decades < DECADES_ALONE_FROM ? sizeof(parts) / sizeof(parts[0]) : 1;
        double stride = fmax(1, ceil(decades / (double)wanted));
        double first = floor(log10(a->low) + FITS);
        for (double power = first; pow(10, power) <= a->high * (1 + FITS); power += stride)
                for (size_t i = 0; i < each && count < PLOT_TICKS_MAX; i++)
                        if (is_within(a, parts[i] * pow(10, power)))
                                ret[count++] = parts[i] * pow(10, power);
        return count;
}

/* 0 %, 50 %, 90 %, 99 %, … */
static size_t ticks_one_in(const struct plot_axis *a, double *ret)
{
        size_t count = 0;
        ret[count++] = 1;
        ret[count++] = 2;
        for (double value = 10; is_within(a, value) && count < PLOT_TICKS_MAX; value *= 10)
                ret[count++] = value;
        return count;
}

size_t plot_axis_ticks(const struct plot_axis *a, size_t wanted, double *ret)
{
        if (a->unit == PLOT_ONE_IN)
                return ticks_one_in(a, ret);
        return a->logarithmic ? ticks_logarithmic(a, wanted, ret) : ticks_linear(a, wanted, ret);
}

/* --- labels --- */

/* Three digits, and no zeros at the end of them. */
static void put_digits(double value, char ret[PLOT_LABEL_SIZE])
{
        double size = fabs(value);
        if (size >= 1e6 || (size > 0 && size < 0.01)) {
                snprintf(ret, PLOT_LABEL_SIZE, "%.2g", value);
                return;
        }
        snprintf(ret, PLOT_LABEL_SIZE, "%.*f", size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2, value);
        size_t length = strlen(ret);
        if (!strchr(ret, '.'))
                return;
        while (ret[length - 1] == '0')
                ret[--length] = '\0';
        if (ret[length - 1] == '.')
                ret[length - 1] = '\0';
}

/* The suffixes stand for powers of a thousand. */
static void put_scaled(double value, const char *const *suffixes, char ret[PLOT_LABEL_SIZE])
{
        while (fabs(value) >= 999.5 && suffixes[1]) {
                value /= 1000;
                suffixes++;
        }
        put_digits(value, ret);
        size_t length = strlen(ret);
        snprintf(ret + length, PLOT_LABEL_SIZE - length, "%s", *suffixes);
}

void plot_axis_label(enum plot_unit unit, double value, char ret[PLOT_LABEL_SIZE])
{
        if (!(fabs(value) > 0)) { /* of whatever */
                snprintf(ret, PLOT_LABEL_SIZE, "0");
                return;
        }
        static const char *const counts[] = { "", "k", "M", "G", NULL };
        static const char *const times[] = { " µs", " ms", " s", NULL };
        static const char *const bytes[] = { " B", " kB", " MB", " GB", " TB", NULL };
        static const char *const seconds[] = { " s", NULL };
        static const char *const ratio[] = { "", NULL };
        switch (unit) {
        case PLOT_RATIO:
                put_scaled(value, ratio, ret);
                break;
        case PLOT_MICROS:
                put_scaled(value, times, ret);
                break;
        case PLOT_MILLIS:
                put_scaled(value * 1000, times, ret);
                break;
        case PLOT_SECONDS:
                put_scaled(value, seconds, ret);
                break;
        case PLOT_BYTES:
                put_scaled(value, bytes, ret);
                break;
        case PLOT_ONE_IN:
                snprintf(ret, PLOT_LABEL_SIZE, "%.10g %%", 100 - 100 / value);
                break;
        default:
                put_scaled(value, counts, ret);
        }
}
