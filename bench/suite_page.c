/* SPDX-License-Identifier: MIT */
#include "bench/suite_page.h"

#include <math.h>
#include <string.h>

#include "bench/document.h"
#include "bench/figures.h"
#include "bench/number_text.h"
#include "bench/suite_derived.h"

enum { WORD_SIZE = 256 };

/* A line of a topic, or one for each row of a table. */
struct page_line {
        const char *topic; /* NULL: the same as before */
        const char *result;
        const char *row; /* the row's name begins with it; NULL: it is in no table */
        const char *key;
        const char *sentence;
};

static const struct page_line lines[] = {
        { "How much: a closed loop, 10,000 runs in flight", "chain3", NULL, "runs_per_s",
          "Runs of three activities in a row that end in a second; client, node and executor are one "
          "process." },
        { NULL, "chain3-tcp", NULL, "runs_per_s",
          "The executor is a process of its own, over tcp on the loopback interface." },
        { NULL, "chain3-ipc", NULL, "runs_per_s", "The same over a Unix socket." },
        { NULL, "chain3-relaxed", NULL, "runs_per_s",
          "Synced once a second: a power cut may take the last second." },
        { NULL, "chain3-memory", NULL, "runs_per_s",
          "Nothing is written: what the disk costs is the difference." },
        { NULL, "chain3-no-checkpoint", NULL, "runs_per_s", "Without the store that keeps a restart short." },
        { NULL, "chain3-2-shards", NULL, "runs_per_s",
          "Two logs and two threads, each for half of the runs." },
        { NULL, "chain3-long", NULL, "runs_per_s",
          "The first one for longer, so that the store can't fall behind any more." },
        { NULL, "chain3-long-1-core", NULL, "runs_per_s", "As long, the whole process on one core." },
        { NULL, "empty", NULL, "runs_per_s", "Runs that start and finish: one transition each." },
        { NULL, "ceiling", NULL, "runs_per_s",
          "The same messages and bytes as chain3 without the engine: what the parts allow." },
        { NULL, "chain3", NULL, "disk_bytes_per_run", "What log and store take on the disk for a run." },
        { NULL, "chain3", NULL, "rss_bytes",
          "The process's memory at its peak, pages of the mapped log included." },
        { "How fast", "chain3-one-at-a-time", NULL, "p50_us",
          "A run that goes alone, from its start to its ending at the client: four commits in a row." },
        { NULL, "chain3-one-at-a-time", NULL, "p99_us", "One run of a hundred takes longer." },
        { NULL, "chain3-one-at-a-time", NULL, "hop_us",
          "A message to another thread, one way; such a run makes eight." },
        { NULL, "chain3-half-load", NULL, "p50_us",
          "Runs start by the clock, at half the rate of the closed loop; each is timed from when it should "
          "have started." },
        { NULL, "chain3-half-load", NULL, "p99_us", "One run of a hundred takes longer." },
        { NULL, "fan", NULL, "fan_ms",
          "One run starts 1,000 activities in parallel and goes on when all are done." },
        { "Many runs in flight", "chain3-1k-in-flight", NULL, "runs_per_s",
          "The same with 1,000 runs open at any time." },
        { NULL, "chain3-10k-in-flight", NULL, "runs_per_s", "With 10,000." },
        { NULL, "chain3-100k-in-flight", NULL, "runs_per_s",
          "With 100,000: most runs give their stack back and come back by replay." },
        { NULL, "chain3-1m-in-flight", NULL, "runs_per_s", "With 1,000,000." },
        { NULL, "chain3-1m-in-flight", NULL, "rss_bytes",
          "The process's memory at its peak, the client's included." },
        { "Sizes of values", "payload", "payload_bytes", "runs_per_s",
          "chain3 with values of so many bytes each; with large ones fewer runs are in flight." },
        { NULL, "payload", "payload_bytes", "log_mb_per_s",
          "Records that the engine writes, 10⁶ bytes a second." },
        { NULL, "payload", "payload_bytes", "ratio",
          "The same by what bare LMDB takes when it gets as many bytes a commit." },
        { "Signals", "signals", "", "signals_per_s",
          "Durable signals: to many runs and to one run, from clients that each wait for their answer and "
          "(batched) from one that does not; and to and fro between two runs." },
        { NULL, "signals", "", "p50_us", "From sending one to its answer: it is durable then." },
        { "Timers: runs that start at once and sleep", "timers", NULL, "lateness_p50_ms",
          "Recorded time of going on, less the time it was due." },
        { NULL, "timers", NULL, "lateness_p99_ms", "One run of a hundred is later." },
        { NULL, "timers", NULL, "lateness_max_ms", "The latest of all." },
        { NULL, "timers", NULL, "seen_lateness_p99_ms",
          "At the client: when it hears of the ending, less its own start and the sleep." },
        { NULL, "timers", NULL, "all_done_s", "From the first start to the last ending, at the client." },
        { NULL, "timers-tcp", NULL, "lateness_p50_ms",
          "The same with the server in a process of its own, over tcp." },
        { NULL, "timers-tcp", NULL, "lateness_p99_ms", "One run of a hundred is later." },
        { NULL, "timers-tcp", NULL, "lateness_max_ms", "The latest of all." },
        { NULL, "timers-tcp", NULL, "seen_lateness_p99_ms", "At the client." },
        { NULL, "timers-tcp", NULL, "all_done_s", "From the first start to the last ending, at the client." },
        { "Coming back after kill -9", "recover", "", "ready_ms",
          "From the start of the new process to the first answer; so many runs were open, asleep (parked) or "
          "with an activity queued (active)." },
        { NULL, "recover", "", "first_step_ms", "Until one of them makes its next step." },
        { "Long histories", "history", "", "many_cpu_us",
          "The node's CPU time of a transition when n went before it in the same run, 64 in flight." },
        { NULL, "history", NULL, "signals_ratio",
          "Signals: the last of these by the first; 1 is no growth." },
        { NULL, "history", NULL, "activities_ratio", "Activities: the same." },
        { NULL, "history", "", "first_step_ms", "The first step after a kill, which replays the history." },
        { "The log alone", "raw", NULL, "p50_us",
          "A commit of one record in bare LMDB: what a run that goes alone waits for four times." },
        { NULL, "raw", "lmdb", "records_per_s",
          "Groups of so many records, a commit each; or so many writers that each wait for their own." },
        { NULL, "raw", "file", "records_per_s",
          "The same groups in a plain file, a write and a sync each: what any log must pay." },
};

struct page {
        const stet_value *document;
        FILE *out;
};

static stet_value result_of(const struct page *p, const char *name)
{
        stet_value results = stet_value_get(p->document, "results"), result;
        for (size_t cursor = 0; stet_value_next(&results, &cursor, NULL, &result);) {
                stet_value found = stet_value_get(&result, "name");
                if (stet_value_equals_string(&found, name))
                        return result;
        }
        return (stet_value){ 0 };
}

/* --- the heading --- */

static void print_head(const struct page *p)
{
        char cpu[WORD_SIZE], kernel[WORD_SIZE], file_system[WORD_SIZE], date[WORD_SIZE], version[WORD_SIZE];
        stet_value machine = stet_value_get(p->document, "machine");
        stet_value quick = stet_value_get(p->document, "quick");
        document_word(&machine, "cpu_model", cpu, sizeof(cpu));
        document_word(&machine, "kernel", kernel, sizeof(kernel));
        document_word(&machine, "file_system", file_system, sizeof(file_system));
        document_word(p->document, "date", date, sizeof(date));
        document_word(p->document, "version", version, sizeof(version));
        fprintf(p->out, "# stet %s, measured %s%s\n\n", version, date,
                stet_value_bool(&quick, false) ? " (quick)" : "");
        fprintf(p->out, "- **Machine**: %.0f cores of %s, %.1f GiB, %s\n", document_number(&machine, "cores"),
                cpu, document_number(&machine, "memory_bytes") / (1 << 30), kernel);
        fprintf(p->out,
                "- **Disk**: %s; appending 4 KiB and fdatasync takes %s µs, one LMDB commit of one record %s "
                "µs (p50)\n",
                file_system, number_text_micros(document_number(p->document, "fdatasync_p50_us")),
                number_text_micros(document_number(p->document, "commit_p50_us")));
        fputs("- **Level**, beside each figure: `sync` survives a power cut, `relaxed` the process (a power "
              "cut "
              "may take the last second), `memory` nothing\n",
              p->out);
        fprintf(p->out,
                "- **Measured** with `stet bench --all%s`, in %.0f s; medians, with the least and most of "
                "several repeats\n",
                stet_value_bool(&quick, false) ? " --quick" : "", document_number(p->document, "seconds"));
        if (stet_value_bool(&quick, false))
                fputs("\n**Quick**: a twentieth of the runs, two repeats. Too short to quote.\n", p->out);
}

/* --- figures --- */

static void print_topic(const struct page *p, const char *topic)
{
        fprintf(p->out,
                "\n## %s\n\n| figure | level | median | least … most | of | again with | what it is |\n"
                "|---|---|--:|--:|--:|---|---|\n",
                topic);
}

static void print_figure(const struct page *p, const stet_value *result, const struct figure *f,
                         const char *sentence)
{
        char name[WORD_SIZE], level[WORD_SIZE], options[WORD_SIZE];
        stet_value document = stet_value_get(result, "document");
        const struct samples *s = &f->samples;
        double repeats = document_number(result, "repeats");
        document_word(result, "name", name, sizeof(name));
        document_word(result, "options", options, sizeof(options));
        document_word(&document, "level", level, sizeof(level));
        fprintf(p->out, "| %s%s%s: %s | %s | **%s** | ", name, f->row[0] ? ", " : "", f->row, f->kind->label,
                level, figure_kind_text(f->kind, samples_median(s)));
        if (s->count > 1)
                fprintf(p->out, "%s … %s", figure_kind_text(f->kind, samples_min(s)),
                        figure_kind_text(f->kind, samples_max(s)));
        else
                fputs("once", p->out);
        fprintf(p->out, " | %zu | `stet bench %s", s->count, options);
        if (repeats > 1)
                fprintf(p->out, " --repeat %.0f", repeats);
        fprintf(p->out, "` | %s |\n", sentence);
}

static bool is_of_line(const struct figure *f, const struct page_line *line)
{
        if (strcmp(f->kind->key, line->key) != 0)
                return false;
        if (!line->row)
                return !f->row[0];
        return f->row[0] && strncmp(f->row, line->row, strlen(line->row)) == 0;
}

/* The sentence stands at the first of several rows only. */
static void print_line(const struct page *p, const struct page_line *line)
{
        struct figures figures;
        stet_value result = result_of(p, line->result);
        stet_value document = stet_value_get(&result, "document");
        bool any = false;
        figures_read(&document, &figures);
        for (size_t i = 0; i < figures.count; i++) {
                if (!is_of_line(&figures.list[i], line))
                        continue;
                print_figure(p, &result, &figures.list[i], any ? "" : line->sentence);
                any = true;
        }
        figures_fini(&figures);
}

static void print_derived(const struct page *p)
{
        struct suite_derived list[SUITE_DERIVED_MAX];
        stet_value results = stet_value_get(p->document, "results");
        size_t count = suite_derive(&results, list);
        fputs(
            "\n## What follows from them\n\nOf a ratio, the range goes from the least by the most to the "
            "most by "
            "the least.\n\n| figure | level | median | least … most | what it is |\n|---|---|--:|--:|---|\n",
            p->out);
        for (size_t i = 0; i < count; i++) {
                const struct suite_derived *d = &list[i];
                fprintf(p->out, "| %s | %s | **%s** | %s … %s | %s |\n", d->name, d->level,
                        number_text(d->median, d->decimals), number_text(d->min, d->decimals),
                        number_text(d->max, d->decimals), d->sentence);
        }
}

static void print_failures(const struct page *p)
{
        stet_value results = stet_value_get(p->document, "results"), result;
        bool any = false;
        for (size_t cursor = 0; stet_value_next(&results, &cursor, NULL, &result);) {
                char options[WORD_SIZE], error[sizeof(stet_why)];
                document_word(&result, "options", options, sizeof(options));
                document_word(&result, "error", error, sizeof(error));
                if (!error[0])
                        continue;
                if (!any)
                        fputs("\n## What could not be measured\n\n", p->out);
                any = true;
                fprintf(p->out, "- `stet bench %s`: %s\n", options, error);
        }
}

void suite_page_print(const stet_value *document, FILE *out)
{
        struct page p = { .document = document, .out = out };
        print_head(&p);
        for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
                if (lines[i].topic)
                        print_topic(&p, lines[i].topic);
                print_line(&p, &lines[i]);
        }
        print_derived(&p);
        print_failures(&p);
}
