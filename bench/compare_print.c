/* SPDX-License-Identifier: MIT */
#include "bench/compare.h"

#include <math.h>
#include <string.h>

#include "bench/document.h"
#include "bench/number_text.h"

enum { LABEL_WIDTH = 56, NUMBER_WIDTH = 14, CHANGE_WIDTH = 10, LABEL_SIZE = 256 };

struct tally {
        size_t better, worse, noise, unsure;
};

static struct tally count_all(const struct comparison *c)
{
        struct tally t = { 0 };
        for (size_t i = 0; i < c->rows_count; i++) {
                const struct comparison_row *row = &c->rows[i];
                t.noise += row->verdict == SAMPLES_NOISE;
                t.unsure += row->verdict == SAMPLES_UNSURE;
                t.better += row->verdict == SAMPLES_CHANGED && row->better;
                t.worse += row->verdict == SAMPLES_CHANGED && !row->better;
        }
        return t;
}

static const char *verdict_of(const struct comparison_row *row)
{
        if (row->verdict == SAMPLES_NOISE)
                return "noise";
        if (row->verdict == SAMPLES_UNSURE)
                return row->better ? "better, unsure" : "worse, unsure";
        return row->better ? "better" : "worse";
}

/* --- for people --- */

static void print_row(const struct comparison_row *row, FILE *out)
{
        char label[LABEL_SIZE], change[32] = "-";
        snprintf(label, sizeof(label), "%s%s%s: %s", row->name, row->row[0] ? ", " : "", row->row,
                 row->kind->label);
        if (isfinite(row->change))
                snprintf(change, sizeof(change), "%+.1f %%", row->change * 100);
        fputs("  ", out);
        number_text_pad(out, label, -LABEL_WIDTH);
        number_text_pad(out, figure_kind_text(row->kind, samples_median(&row->a)), NUMBER_WIDTH);
        number_text_pad(out, figure_kind_text(row->kind, samples_median(&row->b)), NUMBER_WIDTH);
        number_text_pad(out, change, CHANGE_WIDTH);
        fprintf(out, "  %s\n", verdict_of(row));
}

void comparison_print(const struct comparison *c, FILE *out)
{
        struct tally t = count_all(c);
        bool any = false;
        for (size_t i = 0; i < c->rows_count; i++) {
                if (c->suite && c->rows[i].verdict == SAMPLES_NOISE)
                        continue;
                if (!any) {
                        fputs("  ", out);
                        number_text_pad(out, "figure", -LABEL_WIDTH);
                        number_text_pad(out, "A", NUMBER_WIDTH);
                        number_text_pad(out, "B", NUMBER_WIDTH);
                        number_text_pad(out, "change", CHANGE_WIDTH);
                        fputs("  B is\n", out);
                }
                any = true;
                print_row(&c->rows[i], out);
        }
        fprintf(out, "%s%zu better, %zu worse, %zu within noise", any ? "\n" : "", t.better, t.worse,
                t.noise);
        if (t.unsure)
                fprintf(out, ", %zu unsure (measured once: nobody knows the noise)", t.unsure);
        fputc('\n', out);
}

/* --- JSON --- */

static int append_row(stet_value *rows, const struct comparison_row *row)
{
        stet_value item = { 0 };
        const struct samples *sides[] = { &row->a, &row->b };
        static const char *const keys[2][4] = { { "a", "a_min", "a_max", "a_count" },
                                                { "b", "b_min", "b_max", "b_count" } };
        int err = stet_value_pack(&item, "{s:s, s:s, s:s, s:s, s:b}", "name", row->name, "row", row->row,
                                  "key", row->kind->key, "verdict", verdict_of(row), "higher_is_better",
                                  (int)(row->kind->better == FIGURE_HIGHER));
        for (int i = 0; i < 2 && !err; i++) {
                err = document_set_number(&item, keys[i][0], samples_median(sides[i]));
                if (!err)
                        err = document_set_number(&item, keys[i][1], samples_min(sides[i]));
                if (!err)
                        err = document_set_number(&item, keys[i][2], samples_max(sides[i]));
                if (!err)
                        err = document_set_number(&item, keys[i][3], (double)sides[i]->count);
        }
        if (!err)
                err = document_set_number(&item, "change_percent", row->change * 100);
        if (!err)
                err = stet_value_append(rows, &item);
        stet_value_free(&item);
        return err;
}

static int append_warning(stet_value *warnings, const char *text)
{
        stet_value item = { 0 };
        int err = stet_value_set_string(&item, text);
        if (!err)
                err = stet_value_append(warnings, &item);
        stet_value_free(&item);
        return err;
}

static int make_document(const struct comparison *c, stet_value *ret)
{
        struct tally t = count_all(c);
        stet_value rows = { 0 }, warnings = { 0 };
        int err = stet_value_pack(&rows, "[]");
        if (!err)
                err = stet_value_pack(&warnings, "[]");
        for (size_t i = 0; i < c->warnings_count && !err; i++)
                err = append_warning(&warnings, c->warnings[i].text);
        for (size_t i = 0; i < c->rows_count && !err; i++)
                err = append_row(&rows, &c->rows[i]);
        if (!err)
                err = stet_value_pack(ret, "{s:I, s:I, s:I, s:I, s:v, s:v}", "better", (int64_t)t.better,
                                      "worse", (int64_t)t.worse, "noise", (int64_t)t.noise, "unsure",
                                      (int64_t)t.unsure, "warnings", &warnings, "figures", &rows);
        stet_value_free(&rows);
        stet_value_free(&warnings);
        return err;
}

int comparison_print_json(const struct comparison *c, FILE *out, stet_why *why)
{
        stet_value document = { 0 };
        int err = make_document(c, &document);
        if (!err)
                err = document_print(&document, out);
        if (err)
                stet_why_set(why, err, "the comparison: %s", stet_error_text(err));
        stet_value_free(&document);
        return err;
}
