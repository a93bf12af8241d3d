/* SPDX-License-Identifier: MIT */
#include "bench/report_table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "bench/number_text.h"

/* Numbers from here on are shown to people without decimals. */
enum { WHOLE_FROM = 1000 };

void report_table_fini(struct report_table *t)
{
        free(t->cells);
        t->cells = NULL;
        t->rows_count = 0;
}

void report_table_add(struct report_table *t, const struct report_cell *row)
{
        size_t size = t->columns_count * sizeof(*row);
        t->cells = xrealloc(t->cells, (t->rows_count + 1) * size);
        memcpy(t->cells + t->rows_count * t->columns_count, row, size);
        t->rows_count++;
}

static const struct report_cell *cell_at(const struct report_table *t, size_t row, size_t column)
{
        return &t->cells[row * t->columns_count + column];
}

double report_table_number(const struct report_table *t, size_t row, size_t column)
{
        return cell_at(t, row, column)->number;
}

const char *report_table_word(const struct report_table *t, size_t row, size_t column)
{
        return t->columns[column].decimals == REPORT_WORD ? cell_at(t, row, column)->word : NULL;
}

size_t report_table_column(const struct report_table *t, const char *key)
{
        size_t place = 0;
        while (place < t->columns_count && strcmp(t->columns[place].key, key) != 0)
                place++;
        return place;
}

/* --- text --- */

void report_table_print_heading(const struct report_table *t, FILE *out)
{
        for (size_t i = 0; i < t->columns_count; i++) {
                if (!t->columns[i].heading)
                        continue;
                fputs("  ", out);
                number_text_pad(out, t->columns[i].heading, t->columns[i].width);
        }
        fputc('\n', out);
}

static const char *cell_text(const struct report_cell *cell, int decimals)
{
        if (decimals == REPORT_WORD)
                return cell->word ? cell->word : "-";
        if (!isfinite(cell->number))
                return "-";
        if (decimals == REPORT_BOOL)
                return cell->number != 0 ? "yes" : "no";
        if (decimals == REPORT_MICROS)
                return number_text_micros(cell->number);
        return number_text(cell->number, fabs(cell->number) < WHOLE_FROM ? decimals : 0);
}

void report_table_print_row(const struct report_table *t, size_t row, FILE *out)
{
        for (size_t i = 0; i < t->columns_count; i++) {
                if (!t->columns[i].heading)
                        continue;
                fputs("  ", out);
                number_text_pad(out, cell_text(cell_at(t, row, i), t->columns[i].decimals),
                                t->columns[i].width);
        }
        fputc('\n', out);
}

/* --- JSON --- */

void report_json_text(FILE *out, const char *key, const char *text)
{
        if (text)
                fprintf(out, "\"%s\": \"%s\"", key, text); /* our own words: nothing to escape */
        else
                fprintf(out, "\"%s\": null", key);
}

void report_json_number(FILE *out, const char *key, double value, int decimals)
{
        if (!isfinite(value))
                fprintf(out, "\"%s\": null", key);
        else if (decimals == REPORT_BOOL)
                fprintf(out, "\"%s\": %s", key, value != 0 ? "true" : "false");
        else
                fprintf(out, "\"%s\": %.*f", key, decimals == REPORT_MICROS ? 1 : decimals, value);
}

void report_table_print_json(const struct report_table *t, FILE *out)
{
        fputc('[', out);
        for (size_t row = 0; row < t->rows_count; row++) {
                fputs(row ? ",\n    { " : "\n    { ", out);
                for (size_t i = 0; i < t->columns_count; i++) {
                        const struct report_column *column = &t->columns[i];
                        fputs(i ? ", " : "", out);
                        if (column->decimals == REPORT_WORD)
                                report_json_text(out, column->key, cell_at(t, row, i)->word);
                        else
                                report_json_number(out, column->key, cell_at(t, row, i)->number,
                                                   column->decimals);
                }
                fputs(" }", out);
        }
        fputs(t->rows_count ? "\n  ]" : "]", out);
}
