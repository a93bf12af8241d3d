/* SPDX-License-Identifier: MIT
 *
 * All figures of a workload's document, each with what its repeats measured: those of the document itself,
 * and those of the rows of its tables, which are told apart by what they are rows of.
 */
#ifndef BENCH_FIGURES_H
#define BENCH_FIGURES_H

#include "bench/figure_kinds.h"
#include "bench/samples.h"
#include "stet/value.h"

enum { FIGURES_ROW_SIZE = 96 };

struct figure {
        const struct figure_kind *kind;
        char row[FIGURES_ROW_SIZE]; /* "lmdb, writers 1, group 10"; "": of no table */
        struct samples samples;
};

struct figures {
        struct figure *list;
        size_t count;
};

/* The samples come from the document's `repeats`, or from itself when it has none. What is null everywhere is
 * left out, and so are rows that can't be told apart. */
void figures_read(const stet_value *document, struct figures *ret);
void figures_fini(struct figures *f);

/* NULL: there is none. */
const struct figure *figures_find(const struct figures *f, const char *row, const char *key);

#endif
