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

/* One row of `raw`. */
struct report_point {
        const char *log; /* "lmdb", "file" */
        uint32_t writers;
        uint32_t group; /* records a commit; 0: as it came */
        double records_per_s;
        double records_per_commit;
        double p50_us;
        double p99_us;
};

enum { REPORT_POINTS_MAX = 32 };

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

        struct report_point points[REPORT_POINTS_MAX];
        size_t points_count;
};

/* All numbers null but those known from the start. The report borrows from both. */
void report_init(struct report *r, const struct bench_options *options, const struct machine *machine);

void report_latency(struct report *r, const struct histogram *h);

/* runs_per_s, transitions_per_s, records_per_commit and cpu_s_per_m from what was counted. */
void report_work(struct report *r, uint64_t runs, double seconds, uint64_t records, uint64_t commits,
                 double cpu_s);

void report_point_add(struct report *r, const struct report_point *point);

void report_print_json(const struct report *r, FILE *out);
void report_print_text(const struct report *r, FILE *out);

#endif
