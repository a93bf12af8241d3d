/* SPDX-License-Identifier: MIT */
#include "bench/report.h"

#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

static const struct {
        const char *key;
        size_t offset;
        int decimals;
} numbers[] = {
        { "executors", offsetof(struct report, executors), 0 },
        { "runs", offsetof(struct report, runs), 0 },
        { "seconds", offsetof(struct report, seconds), 6 },
        { "runs_per_s", offsetof(struct report, runs_per_s), 1 },
        { "transitions_per_s", offsetof(struct report, transitions_per_s), 1 },
        { "p50_us", offsetof(struct report, p50_us), 1 },
        { "p90_us", offsetof(struct report, p90_us), 1 },
        { "p99_us", offsetof(struct report, p99_us), 1 },
        { "p999_us", offsetof(struct report, p999_us), 1 },
        { "max_us", offsetof(struct report, max_us), 1 },
        { "commits", offsetof(struct report, commits), 0 },
        { "records_per_commit", offsetof(struct report, records_per_commit), 1 },
        { "record_bytes", offsetof(struct report, record_bytes), 1 },
        { "disk_bytes_per_run", offsetof(struct report, disk_bytes_per_run), 1 },
        { "cpu_s_per_m", offsetof(struct report, cpu_s_per_m), 3 },
        { "rss_bytes", offsetof(struct report, rss_bytes), 0 },
        { "ceiling_runs_per_s", offsetof(struct report, ceiling_runs_per_s), 1 },
        { "ceiling_ratio", offsetof(struct report, ceiling_ratio), 4 },
        { "ceiling_p50_us", offsetof(struct report, ceiling_p50_us), 1 },
        { "hop_us", offsetof(struct report, hop_us), 1 },
        { "fdatasync_p50_us", offsetof(struct report, fdatasync_p50_us), 1 },
        { "commit_p50_us", offsetof(struct report, commit_p50_us), 1 },
        { "cores", offsetof(struct report, cores), 0 },
        { "payload_bytes", offsetof(struct report, payload_bytes), 0 },
        { "in_flight", offsetof(struct report, in_flight), 0 },
        { "rate", offsetof(struct report, rate), 1 },
};

enum { NUMBERS_COUNT = sizeof(numbers) / sizeof(numbers[0]) };

static double *number_at(struct report *r, size_t place)
{
        return (double *)(void *)((char *)r + numbers[place].offset);
}

static double number_of(const struct report *r, size_t place)
{
        double value;
        memcpy(&value, (const char *)r + numbers[place].offset, sizeof(value));
        return value;
}

void report_init(struct report *r, const struct bench_options *options, const struct machine *machine)
{
        memset(r, 0, sizeof(*r));
        for (size_t i = 0; i < NUMBERS_COUNT; i++)
                *number_at(r, i) = NAN;
        r->workload = options->workload;
        r->level = bench_level_name(options->level);
        r->file_system = machine->file_system;
        r->cores = machine->cores;
        r->fdatasync_p50_us = machine->fdatasync_p50_us;
        r->commit_p50_us = machine->commit_p50_us;
        r->payload_bytes = options->payload_bytes;
        r->live = !options->json;
}

void report_fini(struct report *r)
{
        for (size_t i = 0; i < r->tables_count; i++)
                report_table_fini(&r->tables[i]);
        r->tables_count = 0;
        report_curves_fini(&r->curves);
}

double report_number(const struct report *r, const char *key)
{
        for (size_t i = 0; i < NUMBERS_COUNT; i++)
                if (strcmp(numbers[i].key, key) == 0)
                        return number_of(r, i);
        for (size_t i = 0; i < r->figures_count; i++)
                if (strcmp(r->figures[i].key, key) == 0)
                        return r->figures[i].value;
        return NAN;
}

void report_latency(struct report *r, const struct histogram *h)
{
        r->p50_us = histogram_us(h, 0.5);
        r->p90_us = histogram_us(h, 0.9);
        r->p99_us = histogram_us(h, 0.99);
        r->p999_us = histogram_us(h, 0.999);
        r->max_us = histogram_us(h, 1);
}

void report_work(struct report *r, uint64_t runs, double seconds, uint64_t records, uint64_t commits,
                 double cpu_s)
{
        r->runs = (double)runs;
        r->seconds = seconds;
        r->runs_per_s = (double)runs / seconds;
        r->transitions_per_s = (double)records / seconds;
        r->commits = (double)commits;
        r->records_per_commit = commits ? (double)records / (double)commits : NAN;
        r->cpu_s_per_m = records ? cpu_s * 1e6 / (double)records : NAN;
}

void report_figure_add(struct report *r, const struct report_figure *figure)
{
        assert(r->figures_count < REPORT_FIGURES_MAX);
        r->figures[r->figures_count++] = *figure;
}

struct report_table *report_table_begin(struct report *r, const char *key,
                                        const struct report_column *columns, size_t count)
{
        assert(r->tables_count < REPORT_TABLES_MAX && count <= REPORT_COLUMNS_MAX);
        struct report_table *t = &r->tables[r->tables_count++];
        *t = (struct report_table){ .key = key, .columns = columns, .columns_count = count };
        return t;
}

/* --- JSON --- */

void report_print_json(const struct report *r, FILE *out)
{
        const struct {
                const char *key;
                const char *text;
        } texts[] = {
                { "workload", r->workload },
                { "mode", r->mode },
                { "level", r->level },
                { "transport", r->transport },
                { "file_system", r->file_system },
        };
        fputs("{\n", out);
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                fputs("  ", out);
                report_json_text(out, texts[i].key, texts[i].text);
                fputs(",\n", out);
        }
        for (size_t i = 0; i < NUMBERS_COUNT; i++) {
                fputs(i ? ",\n  " : "  ", out);
                report_json_number(out, numbers[i].key, number_of(r, i), numbers[i].decimals);
        }
        for (size_t i = 0; i < r->figures_count; i++) {
                fputs(",\n  ", out);
                report_json_number(out, r->figures[i].key, r->figures[i].value, r->figures[i].decimals);
        }
        for (size_t i = 0; i < r->tables_count; i++) {
                fprintf(out, ",\n  \"%s\": ", r->tables[i].key);
                report_table_print_json(&r->tables[i], out);
        }
        fputs("\n}\n", out);
}
