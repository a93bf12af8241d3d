/* SPDX-License-Identifier: MIT
 *
 * Runs a workload once under the recorder, cuts its trace everywhere, and recovers from every image. Some
 * recoveries are recorded themselves and cut again.
 */
#ifndef TESTS_POWER_RUNNER_H
#define TESTS_POWER_RUNNER_H

#include "tests/power/cutter.h"
#include "tests/power/stage.h"
#include "tests/power/workload.h"

struct runner_tally {
        struct cutter_tally first;  /* of the workloads */
        struct cutter_tally second; /* of recoveries */
        uint64_t workloads;
        uint64_t recorded; /* recoveries that were cut */
        uint64_t to_end;   /* recoveries that went on */
        uint64_t violations;
};

struct runner {
        const struct workload *workload;
        struct workload_options options;
        struct stage live;  /* where the workload runs */
        struct stage image; /* where images are recovered from */
        struct runner_tally tally;
        struct trace trace;
        struct trace recovery;
        struct session session;
        struct session after;
        struct session after_second;
        struct cut cut; /* the one being tried, and that in its recovery (piece_size 0: none) */
        struct cut cut_second;
        uint64_t images_max; /* the workload under way is left when there are so many distinct ones */
        void (*progress)(const struct runner *r);
        char wrong[SENTENCE_SIZE];
};

void runner_open(struct runner *r, const struct workload *workload, enum canary canary);
void runner_close(struct runner *r);

uint64_t runner_images(const struct runner *r); /* distinct ones, at both depths */

/* One seed's workload with all its cuts; false when a promise was broken. */
bool runner_seed(struct runner *r, uint64_t seed);

/* One image of that again, told line by line; false when a promise was broken. */
bool runner_repeat(struct runner *r, uint64_t seed, const struct cut *first, const struct cut *second);

/* The argument of --repeat for what is being tried. Only reads the runner: a signal handler may ask. */
void runner_name(const struct runner *r, char *buf, size_t size);
bool runner_name_parse(const char *name, char workload[20], uint64_t *ret_seed, struct cut *ret_first,
                       struct cut *ret_second);

#endif
