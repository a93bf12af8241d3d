/* SPDX-License-Identifier: MIT
 *
 * The same figure measured several times: its median and its range, and whether two such series differ by
 * more than noise.
 */
#ifndef BENCH_SAMPLES_H
#define BENCH_SAMPLES_H

#include <stddef.h>

enum { SAMPLES_MAX = 50 };

struct samples {
        double values[SAMPLES_MAX]; /* in ascending order */
        size_t count;
};

/* A value that is no number, and one too many, are passed over. */
void samples_add(struct samples *s, double value);

/* NAN: there are none. */
double samples_median(const struct samples *s);
double samples_min(const struct samples *s);
double samples_max(const struct samples *s);

/* The probability that two series from one source lie as far apart as these, or farther: the exact two-sided
 * test of Mann and Whitney, with ties. NAN when one is empty. */
double samples_mann_whitney(const struct samples *a, const struct samples *b);

enum samples_verdict {
        SAMPLES_NOISE,
        SAMPLES_UNSURE, /* there is one value only, and it is far off */
        SAMPLES_CHANGED,
};

/* With four values or more on both sides the test decides, at 5 %. With two or three they have changed when
 * the ranges don't overlap and the medians differ by more than 10 %. A value that stands alone says nothing
 * of noise: when it differs by more than 15 %, and is outside the other range, that is unsure. */
enum samples_verdict samples_compare(const struct samples *a, const struct samples *b);

#endif
