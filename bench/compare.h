/* SPDX-License-Identifier: MIT
 *
 * Two documents of `bench` compared: what changed by more than noise, and what about the machines makes it
 * doubtful.
 */
#ifndef BENCH_COMPARE_H
#define BENCH_COMPARE_H

#include <stdbool.h>
#include <stdio.h>

#include "bench/figures.h"
#include "stet/value.h"

/* A figure that both documents have. */
struct comparison_row {
        char name[FIGURES_ROW_SIZE]; /* of the result */
        char row[FIGURES_ROW_SIZE];  /* of its table; "": of none */
        const struct figure_kind *kind;
        struct samples a, b;
        double change; /* of the median, by its share of a's; NAN: a's is 0 */
        enum samples_verdict verdict;
        bool better; /* when it is not noise */
};

struct comparison_warning {
        char text[240];
};

struct comparison {
        struct comparison_row *rows;
        size_t rows_count;
        struct comparison_warning *warnings;
        size_t warnings_count;
        bool suite;
};

/* Both documents of one workload, or both of a suite. What is no figure to compare (settings, the machine's
 * own) is left out. 0, or STET_EINVAL with a sentence: *ret is empty then. */
int compare_values(const stet_value *a, const char *a_name, const stet_value *b, const char *b_name,
                   struct comparison *ret, stet_why *why);
void comparison_fini(struct comparison *c);

/* For people, what did not change is left out of a comparison of suites. */
void comparison_print(const struct comparison *c, FILE *out);
int comparison_print_json(const struct comparison *c, FILE *out, stet_why *why);

/* Reads two files, compares, and prints to out; warnings for people go to standard error. 0, or an error with
 * its sentence. */
int compare_documents(const char *a_path, const char *b_path, bool json, FILE *out, stet_why *why);

#endif
