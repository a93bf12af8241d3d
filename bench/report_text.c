/* SPDX-License-Identifier: MIT
 *
 * A report for people: a heading, one line a figure, then the tables.
 */
#include "bench/report.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "bench/number_text.h"

enum { LABEL_WIDTH = 30, NUMBER_WIDTH = 14 };

/* Its records are not transitions and its latency is a commit's. */
static bool of_the_log(const struct report *r)
{
        return strcmp(r->workload, "raw") == 0;
}

/* One line: label, number, and what is to be said behind it. */
static void line(FILE *out, const char *label, const char *number, const char *note, ...) STET_PRINTF(4, 5);

static void line(FILE *out, const char *label, const char *number, const char *note, ...)
{
        va_list arguments;
        fputs("  ", out);
        number_text_pad(out, label, -LABEL_WIDTH);
        number_text_pad(out, number, NUMBER_WIDTH);
        if (note) {
                fputs("   ", out);
                va_start(arguments, note);
                vfprintf(out, note, arguments);
                va_end(arguments);
        }
        fputc('\n', out);
}

static void text_head(const struct report *r, FILE *out)
{
        fprintf(out, "%s", r->workload);
        if (r->mode)
                fprintf(out, ", %s", r->mode);
        if (isfinite(r->runs) && isfinite(r->seconds))
                fprintf(out, ": %s runs in %.2f s", number_text(r->runs, 0), r->seconds);
        if (isfinite(r->in_flight))
                fprintf(out, ", %s in flight", number_text(r->in_flight, 0));
        if (isfinite(r->rate))
                fprintf(out, ", %s a second", number_text(r->rate, 0));
        if (isfinite(r->payload_bytes))
                fprintf(out, "%s of %s bytes each", of_the_log(r) ? ": records" : ", values",
                        number_text(r->payload_bytes, 0));
        fprintf(out, "\nlevel %s", r->level);
        if (r->transport)
                fprintf(out, ", %s", r->transport);
        if (isfinite(r->executors))
                fprintf(out, ", %.0f executor%s", r->executors, r->executors > 1 ? "s" : "");
        fprintf(out, "; %.0f core%s, %s (fdatasync %s µs, LMDB commit %s µs)\n\n", r->cores,
                r->cores > 1 ? "s" : "", r->file_system, number_text_micros(r->fdatasync_p50_us),
                number_text_micros(r->commit_p50_us));
}

static void text_rates(const struct report *r, FILE *out)
{
        if (isfinite(r->ceiling_ratio))
                line(out, "runs/s", number_text(r->runs_per_s, 0), "%.0f %% of the ceiling's %s",
                     r->ceiling_ratio * 100, number_text(r->ceiling_runs_per_s, 0));
        else if (isfinite(r->runs_per_s))
                line(out, "runs/s", number_text(r->runs_per_s, 0), NULL);
        if (isfinite(r->transitions_per_s))
                line(out, of_the_log(r) ? "records/s, best" : "transitions/s",
                     number_text(r->transitions_per_s, 0), NULL);
}

static void text_latency(const struct report *r, FILE *out)
{
        if (!isfinite(r->p50_us))
                return;
        line(out, of_the_log(r) ? "commit µs, p50" : "latency µs, p50", number_text_micros(r->p50_us),
             "p90 %s   p99 %s   p99.9 %s   longest %s", number_text_micros(r->p90_us),
             number_text_micros(r->p99_us), number_text_micros(r->p999_us), number_text_micros(r->max_us));
        if (isfinite(r->ceiling_p50_us))
                line(out, "  of the ceiling", number_text_micros(r->ceiling_p50_us), NULL);
        if (isfinite(r->hop_us))
                line(out, "hop µs, p50", number_text_micros(r->hop_us),
                     "a message to another thread, one way");
}

static void text_cost(const struct report *r, FILE *out)
{
        if (isfinite(r->commits))
                line(out, "commits", number_text(r->commits, 0), "%.1f records each", r->records_per_commit);
        if (isfinite(r->record_bytes) && isfinite(r->disk_bytes_per_run))
                line(out, "disk bytes/run", number_text(r->disk_bytes_per_run, 0),
                     "%s a transition in the log", number_text(r->record_bytes, 0));
        else if (isfinite(r->disk_bytes_per_run))
                line(out, "disk bytes/run", number_text(r->disk_bytes_per_run, 0), NULL);
        if (isfinite(r->cpu_s_per_m))
                line(out, "CPU seconds", number_text(r->cpu_s_per_m, 2), "a million %s",
                     of_the_log(r) ? "records" : "transitions");
        if (isfinite(r->rss_bytes))
                line(out, "memory MiB", number_text(r->rss_bytes / (1 << 20), 1), "at the peak");
}

static void text_figure(const struct report_figure *f, FILE *out)
{
        if (!f->label || !isfinite(f->value))
                return;
        const char *number =
            f->decimals == REPORT_MICROS ? number_text_micros(f->value) : number_text(f->value, f->decimals);
        if (f->note)
                line(out, f->label, number, "%s", f->note);
        else
                line(out, f->label, number, NULL);
}

/* The rows that were not shown yet. */
static void text_table(const struct report_table *t, FILE *out)
{
        if (!t->rows_shown)
                report_table_print_heading(t, out);
        for (size_t i = t->rows_shown; i < t->rows_count; i++)
                report_table_print_row(t, i, out);
}

void report_show_rows(struct report *r, struct report_table *t)
{
        if (!r->live || t->rows_shown == t->rows_count)
                return;
        if (!r->head_shown)
                text_head(r, stdout);
        text_table(t, stdout);
        fflush(stdout);
        t->rows_shown = t->rows_count;
        r->head_shown = true;
}

void report_print_text(const struct report *r, FILE *out)
{
        if (!r->head_shown)
                text_head(r, out);
        else
                fputc('\n', out);
        text_rates(r, out);
        text_latency(r, out);
        text_cost(r, out);
        for (size_t i = 0; i < r->figures_count; i++)
                text_figure(&r->figures[i], out);
        for (size_t i = 0; i < r->tables_count; i++) {
                if (r->tables[i].rows_shown == r->tables[i].rows_count)
                        continue;
                fputc('\n', out);
                text_table(&r->tables[i], out);
        }
}
