/* SPDX-License-Identifier: MIT
 *
 * Cuts the power after every event of a trace. What survives is everything that was synced, and of the rest
 * any part: writes survive in pieces of 512 or of 4096 bytes (aligned, in any order), names one by one. Of at
 * most five such pieces all subsets are tried, of more all prefixes, all single losses, and 32 subsets drawn
 * by the seed. An image that was met before, when no less was promised, is passed over.
 */
#ifndef TESTS_POWER_CUTTER_H
#define TESTS_POWER_CUTTER_H

#include "tests/power/trace.h"

/* Which image: after how many events, in pieces of which size, and which of the choices among them. */
struct cut {
        size_t events;
        size_t piece_size;
        uint64_t choice;
};

struct cutter_tally {
        uint64_t cuts;   /* events after which the power was cut */
        uint64_t images; /* all, equal ones too */
        uint64_t distinct;
};

/* What a distinct image is for; false ends the cutting. acks: how many were given before the cut. */
typedef bool cutter_visit_fn(void *ctx, const struct cut *cut, const struct image *image, uint64_t hash,
                             size_t acks);

/* Every cut of the trace; false when a visit returned that. */
bool cutter_run(const struct trace *trace, uint64_t seed, struct cutter_tally *tally, cutter_visit_fn *visit,
                void *ctx);

/* One image again; false when the trace has no such cut. *ret must be empty or an image. */
bool cutter_one(const struct trace *trace, uint64_t seed, const struct cut *cut, struct image *ret,
                size_t *ret_acks);

/* What was pending at the cut and what of it is lost, line by line. */
void cutter_describe(const struct trace *trace, uint64_t seed, const struct cut *cut,
                     void (*line)(const char *line));

#endif
