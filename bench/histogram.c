/* SPDX-License-Identifier: MIT */
#include "bench/histogram.h"

#include <math.h>
#include <string.h>

enum { PARTS_BITS = 6 };

_Static_assert(HISTOGRAM_PARTS == 1 << PARTS_BITS, "a power of two is cut into 2^PARTS_BITS parts");

void histogram_clear(struct histogram *h)
{
        memset(h, 0, sizeof(*h));
}

static unsigned slot_of(uint64_t value)
{
        if (value < HISTOGRAM_PARTS)
                return (unsigned)value;
        unsigned power = 63U - (unsigned)__builtin_clzll(value);
        unsigned part = (unsigned)(value >> (power - PARTS_BITS)) & (HISTOGRAM_PARTS - 1);
        return (power - PARTS_BITS + 1) * HISTOGRAM_PARTS + part;
}

/* The largest value that falls into the slot: a percentile must not come out shorter than it was. */
static int64_t slot_top(unsigned slot)
{
        if (slot < HISTOGRAM_PARTS)
                return slot;
        unsigned shift = slot / HISTOGRAM_PARTS - 1;
        uint64_t part = HISTOGRAM_PARTS + slot % HISTOGRAM_PARTS;
        return (int64_t)(((part + 1) << shift) - 1);
}

void histogram_add(struct histogram *h, int64_t ns)
{
        if (ns < 0)
                ns = 0;
        h->count++;
        if (ns > h->max_ns)
                h->max_ns = ns;
        h->slots[slot_of((uint64_t)ns)]++;
}

double histogram_us(const struct histogram *h, double share)
{
        if (!h->count)
                return NAN;
        uint64_t rank = (uint64_t)ceil(share * (double)h->count);
        if (rank < 1)
                rank = 1;
        uint64_t seen = 0;
        for (unsigned slot = 0; slot < HISTOGRAM_SLOTS; slot++) {
                seen += h->slots[slot];
                if (seen >= rank) {
                        int64_t top = slot_top(slot);
                        return (double)(top < h->max_ns ? top : h->max_ns) / 1000.0;
                }
        }
        return (double)h->max_ns / 1000.0;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
        into->count += from->count;
        if (from->max_ns > into->max_ns)
                into->max_ns = from->max_ns;
        for (size_t i = 0; i < HISTOGRAM_SLOTS; i++)
                into->slots[i] += from->slots[i];
}
