/* SPDX-License-Identifier: MIT
 *
 * What `--all` measures, one after the other: each step is a command line that a user could type.
 */
#ifndef BENCH_SUITE_STEPS_H
#define BENCH_SUITE_STEPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct suite_step {
        const char *name; /* of the result, in every suite the same */
        const char *command;
        const char *size; /* the options that say how much, … */
        const char *quick_size;
        uint32_t repeats;
        double seconds;      /* that one repeat takes on two cores: what the estimate goes by */
        const char *rate_of; /* half of what this earlier result reached is the rate; NULL: it has none */
};

extern const struct suite_step suite_steps[];
extern const size_t suite_steps_count;

enum { SUITE_QUICK_REPEATS = 2 };

/* "chain3 --transport tcp --runs 100000". reached: runs a second of the result that rate_of names. */
void suite_step_command(const struct suite_step *step, bool quick, double reached, char *buf, size_t size);

uint32_t suite_step_repeats(const struct suite_step *step, bool quick);

#endif
