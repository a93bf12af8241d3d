/* SPDX-License-Identifier: MIT
 *
 * A table of a report: rows with a number or a word in each column, printed for people or as a JSON list of
 * objects. A number that means nothing is NAN: null in JSON, a dash in the table.
 */
#ifndef BENCH_REPORT_TABLE_H
#define BENCH_REPORT_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum {
        REPORT_COLUMNS_MAX = 24,
        REPORT_MICROS = -1, /* instead of decimals: microseconds */
        REPORT_WORD = -2,   /* … a word */
        REPORT_BOOL = -3,   /* … yes or no; true or false in JSON */
};

struct report_column {
        const char *key;     /* in JSON; borrowed, as the heading */
        const char *heading; /* NULL: in JSON only */
        int width;           /* of the table's column; below 0: to the left */
        int decimals;
};

/* Which of the two counts is the column's matter. */
struct report_cell {
        double number;
        const char *word; /* borrowed; NULL: null */
};

struct report_table {
        const char *key;
        const struct report_column *columns;
        size_t columns_count;
        struct report_cell *cells; /* row after row */
        size_t rows_count;
        size_t rows_shown; /* were printed as they came */
};

void report_table_fini(struct report_table *t);

/* Copies the row, which has a cell for each column. */
void report_table_add(struct report_table *t, const struct report_cell *row);

/* One column's numbers, row by row. */
double report_table_number(const struct report_table *t, size_t row, size_t column);

/* NULL: not a word. */
const char *report_table_word(const struct report_table *t, size_t row, size_t column);

/* The place of the column with that key; columns_count when there is none. */
size_t report_table_column(const struct report_table *t, const char *key);

void report_table_print_heading(const struct report_table *t, FILE *out);
void report_table_print_row(const struct report_table *t, size_t row, FILE *out);

/* The JSON list, without its key. */
void report_table_print_json(const struct report_table *t, FILE *out);

/* `"key": value` with so many decimals, or null. */
void report_json_number(FILE *out, const char *key, double value, int decimals);
void report_json_text(FILE *out, const char *key, const char *text);

#endif
