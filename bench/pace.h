/* SPDX-License-Identifier: MIT
 *
 * How many things happened in each slice of time. The number of slices is bounded: when there is no room for
 * another, each two become one of twice the length. Counting is an addition, whatever the time it goes on.
 */
#ifndef BENCH_PACE_H
#define BENCH_PACE_H

#include <stddef.h>
#include <stdint.h>

enum { PACE_SLICES_MAX = 64 };

struct pace {
        int64_t start_ns;
        int64_t end_ns; /* of the last that was counted */
        int64_t slice_ns;
        uint64_t counts[PACE_SLICES_MAX];
};

void pace_begin(struct pace *p, int64_t start_ns);

/* now_ns is not before that of an earlier call. */
void pace_add(struct pace *p, int64_t now_ns, uint64_t count);

/* How many slices there are; the last one may be shorter than the others, but not by more than half: the rest
 * of the time is left out. 0 when nothing was begun or the time is too short. */
size_t pace_slices(const struct pace *p);

/* The middle of a slice, in seconds from the start, and how much happened in it a second. */
double pace_seconds(const struct pace *p, size_t slice);
double pace_per_s(const struct pace *p, size_t slice);

#endif
