/* SPDX-License-Identifier: MIT */
#include "tools/print_table.h"

#include "tools/text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { GAP = 2, LAST_COLUMN_MIN = 20 };

void table_init(struct table *t, size_t columns)
{
        assert(columns <= TABLE_COLUMNS_MAX);
        *t = (struct table){ .columns = columns };
}

void table_fini(struct table *t)
{
        for (size_t i = 0; i < t->count; i++)
                free(t->cells[i].text);
        free(t->cells);
        *t = (struct table){ 0 };
}

void table_add(struct table *t, enum style style, char *text)
{
        if (t->count == t->capacity) {
                t->capacity = t->capacity ? 2 * t->capacity : 64;
                t->cells = text_need(realloc(t->cells, t->capacity * sizeof *t->cells));
        }
        t->cells[t->count++] = (struct cell){ .text = text, .style = style };
}

static void measure(const struct table *t, size_t widths[TABLE_COLUMNS_MAX])
{
        memset(widths, 0, TABLE_COLUMNS_MAX * sizeof *widths);
        for (size_t i = 0; i < t->count; i++) {
                size_t width = text_width(t->cells[i].text);
                if (width > widths[i % t->columns])
                        widths[i % t->columns] = width;
        }
}

/* The columns that the last one may take; 0: as many as it likes. */
static size_t room_for_last(const struct table *t, const size_t *widths, FILE *out, size_t indent)
{
        size_t columns = terminal_columns(out), used = indent;
        if (columns == 0)
                return 0;
        for (size_t i = 0; i + 1 < t->columns; i++)
                used += widths[i] + GAP;
        return columns < used + LAST_COLUMN_MIN ? LAST_COLUMN_MIN : columns - used;
}

static void print_spaces(FILE *out, size_t count)
{
        fprintf(out, "%*s", (int)count, "");
}

static void print_row(const struct table *t, const struct cell *row, const size_t *widths, FILE *out,
                      size_t last_max)
{
        size_t owed = 0; /* spaces that are printed only if something follows */
        for (size_t i = 0; i < t->columns; i++) {
                char *text = text_cut(text_format("%s", row[i].text), i + 1 == t->columns ? last_max : 0);
                size_t width = text_width(text), rest = widths[i] > width ? widths[i] - width : 0;
                if (*text) {
                        print_spaces(out, owed + (t->right[i] ? rest : 0));
                        terminal_print(out, row[i].style, text);
                        owed = (t->right[i] ? 0 : rest) + GAP;
                } else {
                        owed += widths[i] + GAP;
                }
                free(text);
        }
        fputc('\n', out);
}

void table_print(const struct table *t, FILE *out, size_t indent)
{
        size_t widths[TABLE_COLUMNS_MAX];
        measure(t, widths);
        size_t last_max = room_for_last(t, widths, out, indent);
        for (size_t i = 0; i + t->columns <= t->count; i += t->columns) {
                print_spaces(out, indent);
                print_row(t, t->cells + i, widths, out, last_max);
        }
}
