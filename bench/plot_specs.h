/* SPDX-License-Identifier: MIT
 *
 * What of a report's tables and figures is drawn, and how: as data. A panel whose table or columns a report
 * has not got is not drawn.
 */
#ifndef BENCH_PLOT_SPECS_H
#define BENCH_PLOT_SPECS_H

#include "bench/plot.h"

enum { PLOT_KEYS_MAX = 5 };

/* A column or a figure, and what it is called in the picture. */
struct plot_key {
        const char *key; /* NULL: the list ends */
        const char *name;
};

/* From the rows of a table. */
struct plot_spec {
        const char *workload; /* NULL: whichever has the columns */
        const char *table;
        const char *title;
        enum plot_kind kind;
        const char *split;   /* a column of words. Lines: a series each. Rows: a row each. NULL: none */
        const char *without; /* only rows in which this column means nothing */
        struct plot_axis x;
        struct plot_axis y; /* of lines */
        const char *x_key;  /* of lines; NULL: the row's number in its series */
        struct plot_key values[PLOT_KEYS_MAX];
        struct plot_key bound; /* of lines: the same in all series, no measurement */
};

extern const struct plot_spec plot_specs[];
extern const size_t plot_specs_count;

/* Bars of figures: one row each. */
struct plot_figures_spec {
        const char *title;
        struct plot_axis x;
        struct plot_key values[PLOT_KEYS_MAX];
};

extern const struct plot_figures_spec plot_figures_specs[];
extern const size_t plot_figures_specs_count;

/* The figures in large type, best first: as many as there is room for. */
struct plot_stat_spec {
        const char *key;
        const char *label;
        enum plot_unit unit;
        bool percent;         /* of a ratio */
        const char *workload; /* NULL: any that has it */
};

extern const struct plot_stat_spec plot_stat_specs[];
extern const size_t plot_stat_specs_count;

#endif
