/* SPDX-License-Identifier: MIT
 *
 * Text in aligned columns, two spaces apart, without spaces at the end of a line.
 */
#ifndef TOOLS_PRINT_TABLE_H
#define TOOLS_PRINT_TABLE_H

#include "tools/terminal.h"

struct cell {
        char *text;
        enum style style;
};

enum { TABLE_COLUMNS_MAX = 24 };

struct table {
        size_t columns;                /* at most TABLE_COLUMNS_MAX */
        bool right[TABLE_COLUMNS_MAX]; /* columns of numbers */
        struct cell *cells;
        size_t count;
        size_t capacity;
};

void table_init(struct table *t, size_t columns);
void table_fini(struct table *t);

/* Adds the next cell, row by row from the left; takes the text, which is on the heap and clean. */
void table_add(struct table *t, enum style style, char *text);

/* Prints it, each line after so many spaces. On a terminal the last column is cut to the terminal's width. */
void table_print(const struct table *t, FILE *out, size_t indent);

#endif
