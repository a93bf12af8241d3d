/* SPDX-License-Identifier: MIT */
#include "bench/pace.h"

#include <string.h>

static const int64_t SLICE_NS = 100000000;

void pace_begin(struct pace *p, int64_t start_ns)
{
        *p = (struct pace){ .start_ns = start_ns, .end_ns = start_ns, .slice_ns = SLICE_NS };
}

static void join_pairs(struct pace *p)
{
        enum { HALF = PACE_SLICES_MAX / 2 };
        for (size_t i = 0; i < HALF; i++)
                p->counts[i] = p->counts[2 * i] + p->counts[2 * i + 1];
        memset(p->counts + HALF, 0, HALF * sizeof(p->counts[0]));
        p->slice_ns *= 2;
}

void pace_add(struct pace *p, int64_t now_ns, uint64_t count)
{
        while (now_ns - p->start_ns >= p->slice_ns * PACE_SLICES_MAX)
                join_pairs(p);
        p->counts[(now_ns - p->start_ns) / p->slice_ns] += count;
        p->end_ns = now_ns;
}

size_t pace_slices(const struct pace *p)
{
        if (!p->slice_ns)
                return 0;
        return (size_t)((p->end_ns - p->start_ns + p->slice_ns / 2) / p->slice_ns);
}

/* The last slice ends with the time. */
static double slice_end_s(const struct pace *p, size_t slice)
{
        int64_t end_ns = (int64_t)(slice + 1) * p->slice_ns, all_ns = p->end_ns - p->start_ns;
        return (double)(end_ns < all_ns ? end_ns : all_ns) / 1e9;
}

static double slice_start_s(const struct pace *p, size_t slice)
{
        return (double)((int64_t)slice * p->slice_ns) / 1e9;
}

double pace_seconds(const struct pace *p, size_t slice)
{
        return (slice_start_s(p, slice) + slice_end_s(p, slice)) / 2;
}

double pace_per_s(const struct pace *p, size_t slice)
{
        return (double)p->counts[slice] / (slice_end_s(p, slice) - slice_start_s(p, slice));
}
