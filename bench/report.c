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

void report_point_add(struct report *r, const struct report_point *point)
{
        assert(r->points_count < REPORT_POINTS_MAX);
        r->points[r->points_count++] = *point;
}

/* --- JSON --- */

static void json_text(FILE *out, const char *key, const char *text)
{
        if (text)
                fprintf(out, "\"%s\": \"%s\"", key, text); /* our own words: nothing to escape */
        else
                fprintf(out, "\"%s\": null", key);
}

static void json_number(FILE *out, const char *key, double value, int decimals)
{
        if (isfinite(value))
                fprintf(out, "\"%s\": %.*f", key, decimals, value);
        else
                fprintf(out, "\"%s\": null", key);
}

static void json_point(FILE *out, const struct report_point *p)
{
        fputs("    { ", out);
        json_text(out, "log", p->log);
        fputs(", ", out);
        json_number(out, "writers", p->writers, 0);
        fputs(", ", out);
        json_number(out, "group", p->group ? (double)p->group : (double)NAN, 0);
        fputs(", ", out);
        json_number(out, "records_per_s", p->records_per_s, 1);
        fputs(", ", out);
        json_number(out, "records_per_commit", p->records_per_commit, 1);
        fputs(", ", out);
        json_number(out, "p50_us", p->p50_us, 1);
        fputs(", ", out);
        json_number(out, "p99_us", p->p99_us, 1);
        fputs(" }", out);
}

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
                json_text(out, texts[i].key, texts[i].text);
                fputs(",\n", out);
        }
        for (size_t i = 0; i < NUMBERS_COUNT; i++) {
                fputs(i ? ",\n  " : "  ", out);
                json_number(out, numbers[i].key, number_of(r, i), numbers[i].decimals);
        }
        if (r->points_count) {
                fputs(",\n  \"points\": [\n", out);
                for (size_t i = 0; i < r->points_count; i++) {
                        json_point(out, &r->points[i]);
                        fputs(i + 1 < r->points_count ? ",\n" : "\n", out);
                }
                fputs("  ]", out);
        }
        fputs("\n}\n", out);
}

/* --- text --- */

/* 1234567 as "1,234,567", in one of a few buffers in turn, so that a line can hold several. */
static const char *grouped(double value)
{
        static char buffers[8][40];
        static unsigned turn;
        char digits[32];
        char *to = buffers[turn++ % 8];
        char *start = to;
        snprintf(digits, sizeof(digits), "%.0f", value);
        size_t count = strlen(digits);
        for (size_t i = 0; i < count; i++) {
                if (i && (count - i) % 3 == 0)
                        *to++ = ',';
                *to++ = digits[i];
        }
        *to = '\0';
        return start;
}

/* Microseconds, with a decimal only where it says something. */
static const char *micros(double us)
{
        static char buffers[8][40];
        static unsigned turn;
        if (us >= 100)
                return grouped(us);
        char *to = buffers[turn++ % 8];
        snprintf(to, sizeof(buffers[0]), "%.1f", us);
        return to;
}

static void text_head(const struct report *r, FILE *out)
{
        fprintf(out, "%s", r->workload);
        if (r->mode)
                fprintf(out, ", %s", r->mode);
        if (isfinite(r->runs))
                fprintf(out, ": %s runs in %.2f s", grouped(r->runs), r->seconds);
        if (isfinite(r->in_flight))
                fprintf(out, ", %s in flight", grouped(r->in_flight));
        if (isfinite(r->rate))
                fprintf(out, ", %s a second", grouped(r->rate));
        fprintf(out, "%s %s bytes each\n", r->points_count ? ": records of" : ", values of",
                grouped(r->payload_bytes));
        fprintf(out, "level %s", r->level);
        if (r->transport)
                fprintf(out, ", %s, %.0f executor%s", r->transport, r->executors,
                        r->executors > 1 ? "s" : "");
        fprintf(out, "; %.0f core%s, %s", r->cores, r->cores > 1 ? "s" : "", r->file_system);
        fprintf(out, " (fdatasync %s µs, LMDB commit %s µs)\n\n", micros(r->fdatasync_p50_us),
                micros(r->commit_p50_us));
}

static void text_rates(const struct report *r, FILE *out)
{
        if (isfinite(r->runs_per_s)) {
                fprintf(out, "  %-20s %14s", "runs/s", grouped(r->runs_per_s));
                if (isfinite(r->ceiling_ratio))
                        fprintf(out, "   %.0f %% of the ceiling's %s", r->ceiling_ratio * 100,
                                grouped(r->ceiling_runs_per_s));
                fputc('\n', out);
        }
        if (isfinite(r->transitions_per_s))
                fprintf(out, "  %-20s %14s\n", r->points_count ? "records/s, best" : "transitions/s",
                        grouped(r->transitions_per_s));
}

static void text_latency(const struct report *r, FILE *out)
{
        if (!isfinite(r->p50_us))
                return;
        /* A µ takes two bytes and one column. */
        fprintf(out, "  %-21s %14s   p90 %s   p99 %s   p99.9 %s   longest %s\n",
                r->points_count ? "commit µs, p50" : "latency µs, p50", micros(r->p50_us), micros(r->p90_us),
                micros(r->p99_us), micros(r->p999_us), micros(r->max_us));
        if (isfinite(r->ceiling_p50_us))
                fprintf(out, "  %-20s %14s\n", "  of the ceiling", micros(r->ceiling_p50_us));
        if (isfinite(r->hop_us))
                fprintf(out, "  %-21s %14s   a message to another thread, one way\n", "hop µs, p50",
                        micros(r->hop_us));
}

static void text_cost(const struct report *r, FILE *out)
{
        if (isfinite(r->commits))
                fprintf(out, "  %-20s %14s   %.1f records each\n", "commits", grouped(r->commits),
                        r->records_per_commit);
        if (isfinite(r->disk_bytes_per_run))
                fprintf(out, "  %-20s %14s   %s a transition in the log\n", "disk bytes/run",
                        grouped(r->disk_bytes_per_run), grouped(r->record_bytes));
        if (isfinite(r->cpu_s_per_m))
                fprintf(out, "  %-20s %14.2f   a million %s\n", "CPU seconds", r->cpu_s_per_m,
                        r->points_count ? "records" : "transitions");
        fprintf(out, "  %-20s %14.1f   at the peak\n", "memory MiB", r->rss_bytes / (1 << 20));
}

static void text_points(const struct report *r, FILE *out)
{
        fprintf(out, "\n  %-6s %8s %12s %14s %12s %12s\n", "log", "writers", "group", "records/s", "p50 µs",
                "p99 µs");
        for (size_t i = 0; i < r->points_count; i++) {
                const struct report_point *p = &r->points[i];
                char group[32];
                snprintf(group, sizeof(group), p->group ? "%.0f" : "%.1f (came)", p->records_per_commit);
                fprintf(out, "  %-6s %8u %12s %14s %11s %11s\n", p->log, p->writers, group,
                        grouped(p->records_per_s), micros(p->p50_us), micros(p->p99_us));
        }
}

void report_print_text(const struct report *r, FILE *out)
{
        text_head(r, out);
        text_rates(r, out);
        text_latency(r, out);
        text_cost(r, out);
        if (r->points_count)
                text_points(r, out);
}
