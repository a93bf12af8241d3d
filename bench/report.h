/* SPDX-License-Identifier: MIT
 *
 * What a benchmark found, as a text for people or as one JSON document. The JSON always has every key; a
 * number that means nothing for the workload is null (NAN in here).
 */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdio.h>

#include "bench/histogram.h"
#include "bench/machine.h"
#include "bench/options.h"
#include "bench/pace.h"
#include "bench/report_curve.h"
#include "bench/report_table.h"

/* A figure that only this workload has. */
struct report_figure {
        const char *key;   /* in JSON; borrowed, as the words */
        const char *label; /* for people; NULL: in JSON only */
        const char *note;  /* behind the number; NULL: none */
        double value;
        int decimals; /* as in struct report_column */
};

enum { REPORT_FIGURES_MAX = 48, REPORT_TABLES_MAX = 3 };

struct report {
        const char *workload;
        const char *mode; /* "closed loop", "one at a time", "open loop"; NULL */
        const char *level;
        const char *transport; /* NULL: none */
        const char *file_system;
        double executors;
        double runs;
        double seconds;
        double runs_per_s;
        double transitions_per_s;
        double p50_us;
        double p90_us;
        double p99_us;
        double p999_us;
        double max_us;
        double commits;
        double records_per_commit;
        double record_bytes; /* of a transition in the log */
        double disk_bytes_per_run;
        double cpu_s_per_m; /* CPU seconds of a million transitions, all processes */
        double rss_bytes;
        double ceiling_runs_per_s;
        double ceiling_ratio;
        double ceiling_p50_us;
        double hop_us;
        double fdatasync_p50_us;
        double commit_p50_us;
        double cores;
        double payload_bytes;
        double in_flight; /* closed loop; else null */
        double rate;      /* open loop; else null */

        struct report_figure figures[REPORT_FIGURES_MAX];
        size_t figures_count;
        struct report_table tables[REPORT_TABLES_MAX];
        size_t tables_count;
        struct report_curves curves; /* for a picture only */
        struct pace pace;            /* likewise; no slice: not counted */
        bool live;                   /* for people: tables may print their rows as they come */
        bool head_shown;
};

/* All numbers null but those known from the start. The report borrows from both. */
void report_init(struct report *r, const struct bench_options *options, const struct machine *machine);

void report_latency(struct report *r, const struct histogram *h);

/* By its key, as the JSON has it: NAN when there is none. */
double report_number(const struct report *r, const char *key);

/* runs_per_s, transitions_per_s, records_per_commit and cpu_s_per_m from what was counted. */
void report_work(struct report *r, uint64_t runs, double seconds, uint64_t records, uint64_t commits,
                 double cpu_s);

/* The number's key must not be one of the above. */
void report_figure_add(struct report *r, const struct report_figure *figure);

/* A new table; the report frees it. The columns are borrowed. */
struct report_table *report_table_begin(struct report *r, const char *key,
                                        const struct report_column *columns, size_t count);

/* For people: prints the rows that the table got since the last time, so that a long measurement can be
 * watched. Does nothing for JSON. */
void report_show_rows(struct report *r, struct report_table *t);

void report_fini(struct report *r);

void report_print_json(const struct report *r, FILE *out);
void report_print_text(const struct report *r, FILE *out);

#endif
