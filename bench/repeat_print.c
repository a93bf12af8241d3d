/* SPDX-License-Identifier: MIT */
#include "bench/repeat_print.h"

#include <math.h>

#include "bench/document.h"
#include "bench/figures.h"
#include "bench/number_text.h"

enum { LABEL_WIDTH = 48, NUMBER_WIDTH = 14, WORD_SIZE = 64 };

static void print_head(const stet_value *document, FILE *out)
{
        static const char *const words[] = { "mode", "level", "transport", "file_system" };
        stet_value repeats = stet_value_get(document, "repeats");
        char word[WORD_SIZE];
        size_t count = stet_value_count(&repeats);
        document_word(document, "workload", word, sizeof(word));
        fputs(word, out);
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
                document_word(document, words[i], word, sizeof(word));
                if (word[0])
                        fprintf(out, "%s%s", i == 1 ? "; level " : ", ", word);
        }
        static const char *const settings[][2] = {
                { "in_flight", "in flight" },
                { "rate", "a second" },
                { "payload_bytes", "bytes a value" },
        };
        for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
                if (isfinite(document_number(document, settings[i][0])))
                        fprintf(out, ", %s %s", number_text(document_number(document, settings[i][0]), 0),
                                settings[i][1]);
        double cores = document_number(document, "cores");
        fprintf(out, ", %.0f core%s; measured %zu time%s\n\n", cores, cores > 1 ? "s" : "", count,
                count > 1 ? "s" : "");
}

static void print_line(const char *label, const char *median, const char *least, const char *most, FILE *out)
{
        fputs("  ", out);
        number_text_pad(out, label, -LABEL_WIDTH);
        number_text_pad(out, median, NUMBER_WIDTH);
        number_text_pad(out, least, NUMBER_WIDTH);
        number_text_pad(out, most, NUMBER_WIDTH);
        fputc('\n', out);
}

void repeat_print(const stet_value *document, FILE *out)
{
        struct figures figures;
        print_head(document, out);
        print_line("", "median", "least", "most", out);
        figures_read(document, &figures);
        for (size_t i = 0; i < figures.count; i++) {
                const struct figure *f = &figures.list[i];
                const struct samples *s = &f->samples;
                char label[FIGURES_ROW_SIZE + WORD_SIZE];
                snprintf(label, sizeof(label), "%s%s%s", f->row, f->row[0] ? ": " : "", f->kind->label);
                print_line(label, figure_kind_text(f->kind, samples_median(s)),
                           figure_kind_text(f->kind, samples_min(s)),
                           figure_kind_text(f->kind, samples_max(s)), out);
        }
        figures_fini(&figures);
}
