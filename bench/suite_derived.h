/* SPDX-License-Identifier: MIT
 *
 * What follows from the results of a suite: shares, ratios, costs of a run.
 */
#ifndef BENCH_SUITE_DERIVED_H
#define BENCH_SUITE_DERIVED_H

#include "stet/value.h"

enum { SUITE_DERIVED_MAX = 48 };

struct suite_derived {
        char name[64];
        char level[16]; /* of the results that it follows from */
        double median;
        double min; /* of a ratio: the least by the most, … */
        double max; /* … and the most by the least */
        int decimals;
        const char *sentence;
};

/* Those whose results are there. Returns how many. */
size_t suite_derive(const stet_value *results, struct suite_derived ret[SUITE_DERIVED_MAX]);

/* A list of {name, level, median, min, max, sentence}. */
int suite_derived_document(const stet_value *results, stet_value *ret);

#endif
