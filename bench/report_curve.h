/* SPDX-License-Identifier: MIT
 *
 * The distributions that a report keeps as a whole, each under a name. All of one report are of the same
 * thing, so that they can stand in one picture.
 */
#ifndef BENCH_REPORT_CURVE_H
#define BENCH_REPORT_CURVE_H

#include <stddef.h>

#include "bench/histogram.h"

enum { REPORT_CURVES_MAX = 4 };

struct report_curve {
        const char *name; /* borrowed */
        struct histogram *histogram;
};

struct report_curves {
        struct report_curve items[REPORT_CURVES_MAX];
        size_t count;
};

/* Copies the histogram, for report_curves_fini() to free. One that has counted nothing is left out. */
void report_curve_add(struct report_curves *c, const char *name, const struct histogram *h);

void report_curves_fini(struct report_curves *c);

#endif
