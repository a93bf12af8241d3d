/* SPDX-License-Identifier: MIT
 *
 * A log-linear histogram of durations: every power of two is cut into 64 equal parts, so that each value is
 * kept within 1.6 % at any magnitude, in a fixed table and without allocation. After the manner of
 * HdrHistogram (https://hdrhistogram.github.io/HdrHistogram/).
 */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

enum {
        HISTOGRAM_PARTS = 64, /* of each power of two */
        HISTOGRAM_SLOTS =
            (63 - 6 + 1) * HISTOGRAM_PARTS, /* values below 64 have a slot each, then 57 powers of two */
};

struct histogram {
        uint64_t count;
        int64_t max_ns;
        uint64_t slots[HISTOGRAM_SLOTS];
};

void histogram_clear(struct histogram *h);

/* Counts one duration; a negative one counts as 0. */
void histogram_add(struct histogram *h, int64_t ns);

/* Counts all that from has counted, too. */
void histogram_merge(struct histogram *into, const struct histogram *from);

/* The duration that the given share (0 … 1) of all does not exceed, in microseconds; NAN when nothing was
 * counted. Never more than the longest one. */
double histogram_us(const struct histogram *h, double share);

#endif
