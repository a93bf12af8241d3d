/* SPDX-License-Identifier: MIT
 *
 * What the keys of the documents mean: what people call them, and which way is better.
 */
#ifndef BENCH_FIGURE_KINDS_H
#define BENCH_FIGURE_KINDS_H

enum figure_better {
        FIGURE_LOWER = -1,
        FIGURE_NEITHER, /* a setting, a count, or the machine's own */
        FIGURE_HIGHER,
};

struct figure_kind {
        const char *key;
        const char *label;
        enum figure_better better;
        int decimals; /* as in struct report_column */
};

/* NULL: there is no figure of that key. */
const struct figure_kind *figure_kind_of(const char *key);

/* In number_text()'s static buffers. */
const char *figure_kind_text(const struct figure_kind *kind, double value);

#endif
