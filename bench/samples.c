/* SPDX-License-Identifier: MIT */
#include "bench/samples.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

enum { TEST_FROM = 4 };

static const double SIGNIFICANCE = 0.05;
static const double RANGES_SHARE = 0.10;
static const double SINGLE_SHARE = 0.15;

void samples_add(struct samples *s, double value)
{
        if (!isfinite(value) || s->count == SAMPLES_MAX)
                return;
        size_t place = s->count++;
        for (; place && s->values[place - 1] > value; place--)
                s->values[place] = s->values[place - 1];
        s->values[place] = value;
}

double samples_median(const struct samples *s)
{
        if (!s->count)
                return NAN;
        size_t middle = s->count / 2;
        if (s->count % 2)
                return s->values[middle];
        return s->values[middle - 1] + (s->values[middle] - s->values[middle - 1]) / 2;
}

double samples_min(const struct samples *s)
{
        return s->count ? s->values[0] : (double)NAN;
}

double samples_max(const struct samples *s)
{
        return s->count ? s->values[s->count - 1] : (double)NAN;
}

/* --- Mann and Whitney --- */

static size_t below(const struct samples *s, double value)
{
        size_t count = 0;
        while (count < s->count && s->values[count] < value)
                count++;
        return count;
}

static size_t up_to(const struct samples *s, double value)
{
        size_t count = 0;
        while (count < s->count && s->values[count] <= value)
                count++;
        return count;
}

/* Among both series, twice: equal values share the mean of their ranks, which may be a half. */
static size_t doubled_rank(const struct samples *a, const struct samples *b, double value)
{
        return below(a, value) + below(b, value) + 1 + up_to(a, value) + up_to(b, value);
}

/* ways[k * sums + s]: in how many ways k of the ranks that were seen add up to s. Each rank is taken or left.
 */
static void count_ways(const size_t *ranks, size_t ranks_count, size_t taken_max, size_t sums, double *ways)
{
        ways[0] = 1;
        for (size_t i = 0; i < ranks_count; i++)
                for (size_t k = i + 1 < taken_max ? i + 1 : taken_max; k > 0; k--)
                        for (size_t sum = ranks[i]; sum < sums; sum++)
                                ways[k * sums + sum] += ways[(k - 1) * sums + sum - ranks[i]];
}

double samples_mann_whitney(const struct samples *a, const struct samples *b)
{
        size_t ranks[2 * SAMPLES_MAX], count = a->count + b->count, found = 0;
        size_t sums = count * (count + 1) + 1; /* all ranks, doubled */
        double as_far = 0, all = 0;
        if (!a->count || !b->count)
                return NAN;
        for (size_t i = 0; i < a->count; i++)
                found += ranks[i] = doubled_rank(a, b, a->values[i]);
        for (size_t i = 0; i < b->count; i++)
                ranks[a->count + i] = doubled_rank(a, b, b->values[i]);
        double *ways = xcalloc((a->count + 1) * sums, sizeof(*ways));
        count_ways(ranks, count, a->count, sums, ways);
        size_t mean = a->count * (count + 1);
        size_t distance = found > mean ? found - mean : mean - found;
        for (size_t sum = 0; sum < sums; sum++) {
                double here = ways[a->count * sums + sum];
                all += here;
                if ((sum > mean ? sum - mean : mean - sum) >= distance)
                        as_far += here;
        }
        free(ways);
        return as_far / all;
}

/* --- the verdict --- */

static bool ranges_overlap(const struct samples *a, const struct samples *b)
{
        return samples_min(a) <= samples_max(b) && samples_min(b) <= samples_max(a);
}

/* Of the first. */
static bool medians_differ(const struct samples *a, const struct samples *b, double share)
{
        return fabs(samples_median(b) - samples_median(a)) > share * fabs(samples_median(a));
}

enum samples_verdict samples_compare(const struct samples *a, const struct samples *b)
{
        if (!a->count || !b->count)
                return SAMPLES_NOISE;
        if (a->count >= TEST_FROM && b->count >= TEST_FROM)
                return samples_mann_whitney(a, b) <= SIGNIFICANCE ? SAMPLES_CHANGED : SAMPLES_NOISE;
        if (ranges_overlap(a, b))
                return SAMPLES_NOISE;
        if (a->count == 1 || b->count == 1)
                return medians_differ(a, b, SINGLE_SHARE) ? SAMPLES_UNSURE : SAMPLES_NOISE;
        return medians_differ(a, b, RANGES_SHARE) ? SAMPLES_CHANGED : SAMPLES_NOISE;
}
