/* SPDX-License-Identifier: MIT
 *
 * An axis of a plot: its range and its scale chosen by what is to be shown on it, the values that get a tick,
 * and what stands beside them.
 */
#ifndef BENCH_PLOT_AXIS_H
#define BENCH_PLOT_AXIS_H

#include <stdbool.h>
#include <stddef.h>

enum plot_unit {
        PLOT_COUNT,
        PLOT_RATIO,
        PLOT_MICROS,
        PLOT_MILLIS,
        PLOT_SECONDS, /* when it was: the axis ends with the last moment */
        PLOT_BYTES,
        PLOT_ONE_IN, /* 100 is the 99th percentile: one in a hundred is beyond it */
};

enum plot_scale {
        PLOT_AS_FITS, /* logarithmic above 0 and over more than one and a half orders of magnitude */
        PLOT_LINEAR,
        PLOT_LOGARITHMIC, /* when all is above 0 */
};

enum { PLOT_TICKS_MAX = 24, PLOT_LABEL_SIZE = 32 };

struct plot_axis {
        enum plot_unit unit;
        const char *title; /* NULL: none */
        enum plot_scale scale;

        /* Set by plot_axis_fit(). */
        bool logarithmic;
        double low, high;
};

/* Makes the axis hold everything from low to high, and 0 as well when it is linear. Its ends are round
 * numbers, but where its unit says otherwise: one of PLOT_ONE_IN is logarithmic in any case and ends with
 * what there is. A range that is no range (nothing is to be shown: NAN) gets an axis all the same. */
void plot_axis_fit(struct plot_axis *a, double low, double high);

/* Where the value stands: 0 at the low end, 1 at the high end. On a logarithmic axis nothing is below the low
 * end. */
double plot_axis_place(const struct plot_axis *a, double value);

/* The values with a tick, about as many as wanted; gives how many. ret has room for PLOT_TICKS_MAX. */
size_t plot_axis_ticks(const struct plot_axis *a, size_t wanted, double *ret);

/* The value in three digits, with its unit: "62.9k", "1.5 ms", "4 kB", "99.9 %". */
void plot_axis_label(enum plot_unit unit, double value, char ret[PLOT_LABEL_SIZE]);

#endif
