/* SPDX-License-Identifier: MIT */
#include "bench/payload.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "bench/block_log.h"
#include "bench/engine_workload.h"
#include "bench/progress.h"

static const uint64_t RUNS_MAX = 100000;
static const uint64_t RUNS_MIN = 100;
static const uint64_t BYTES_EACH = UINT64_C(512) << 20;     /* of values, about, when --runs is not given */
static const uint64_t IN_FLIGHT_BYTES = UINT64_C(64) << 20; /* of inputs of the runs that are open */
static const int64_t RAW_NS = 1000000000;

enum {
        COLUMN_PAYLOAD,
        COLUMN_RUNS,
        COLUMN_IN_FLIGHT,
        COLUMN_RATE,
        COLUMN_P50,
        COLUMN_GROUP,
        COLUMN_MB,
        COLUMN_RAW_MB,
        COLUMN_RATIO,
        COLUMN_DISK,
        COLUMNS_COUNT,
};

static const struct report_column columns[COLUMNS_COUNT] = {
        [COLUMN_PAYLOAD] = { "payload_bytes", "bytes each", 10, 0 },
        [COLUMN_RUNS] = { "runs", "runs", 9, 0 },
        [COLUMN_IN_FLIGHT] = { "in_flight", "in flight", 9, 0 },
        [COLUMN_RATE] = { "runs_per_s", "runs/s", 9, 1 },
        [COLUMN_P50] = { "p50_us", "p50 µs", 10, REPORT_MICROS },
        [COLUMN_GROUP] = { "records_per_commit", "a commit", 10, 1 },
        [COLUMN_MB] = { "log_mb_per_s", "log MB/s", 9, 1 },
        [COLUMN_RAW_MB] = { "raw_mb_per_s", "raw MB/s", 9, 1 },
        [COLUMN_RATIO] = { "ratio", "ratio", 6, 3 },
        [COLUMN_DISK] = { "disk_bytes_per_run", "disk bytes/run", 14, 0 },
};

static uint64_t least(uint64_t a, uint64_t b)
{
        return a < b ? a : b;
}

static struct bench_options options_for(const struct bench_options *options, uint32_t payload_bytes,
                                        uint32_t steps)
{
        struct bench_options o = *options;
        uint64_t fits = IN_FLIGHT_BYTES / payload_bytes;
        uint64_t runs = least(BYTES_EACH / payload_bytes / (steps + 1), RUNS_MAX);
        o.payload_bytes = payload_bytes;
        o.in_flight = (uint32_t)least(o.in_flight, fits);
        if (!o.runs && !o.one_at_a_time && !(o.rate > 0))
                o.runs = runs > RUNS_MIN ? runs : RUNS_MIN;
        return o;
}

/* What bare LMDB takes, with as many bytes a commit as the engine had on average. */
static int measure_raw(const struct bench_options *options, const char *dir, double bytes_per_commit,
                       double *ret_mb_per_s, stet_why *why)
{
        struct block_log *log;
        size_t size = bytes_per_commit > 1 ? (size_t)bytes_per_commit : 1;
        uint64_t bytes = 0;
        int err = block_log_open(dir, "raw", options->level, &log, why);
        if (err)
                return err;
        uint8_t *group = xcalloc(1, size);
        int64_t start_ns = machine_now_ns(), now_ns = start_ns;
        while (!err && now_ns - start_ns < RAW_NS && !progress_interrupted()) {
                err = block_log_append(log, group, size, why);
                bytes += size;
                now_ns = machine_now_ns();
        }
        *ret_mb_per_s = (double)bytes * 1e3 / (double)(now_ns - start_ns);
        free(group);
        block_log_remove(log);
        return err;
}

static int add_row(const struct bench_options *options, const char *dir, const stet_app *app,
                   struct report *r, struct report_table *table, stet_why *why)
{
        struct report one = *r;
        char path[1100];
        double raw_mb_per_s;
        snprintf(path, sizeof(path), "%s/%u", dir, options->payload_bytes);
        if (mkdir(path, 0700) != 0)
                return stet_why_set(why, STET_EIO, "%s: %s", path, strerror(errno));
        int err = engine_workload_measure(options, path, app, NULL, &one, why);
        if (!err)
                err =
                    measure_raw(options, path, one.record_bytes * one.records_per_commit, &raw_mb_per_s, why);
        report_curves_fini(&one.curves); /* each size has its own, and the table is what is drawn */
        if (err)
                return err;
        double mb_per_s = one.transitions_per_s * one.record_bytes / 1e6;
        struct report_cell row[COLUMNS_COUNT] = {
                [COLUMN_PAYLOAD] = { .number = options->payload_bytes },
                [COLUMN_RUNS] = { .number = one.runs },
                [COLUMN_IN_FLIGHT] = { .number = one.in_flight },
                [COLUMN_RATE] = { .number = one.runs_per_s },
                [COLUMN_P50] = { .number = one.p50_us },
                [COLUMN_GROUP] = { .number = one.records_per_commit },
                [COLUMN_MB] = { .number = mb_per_s },
                [COLUMN_RAW_MB] = { .number = raw_mb_per_s },
                [COLUMN_RATIO] = { .number = mb_per_s / raw_mb_per_s },
                [COLUMN_DISK] = { .number = one.disk_bytes_per_run },
        };
        report_table_add(table, row);
        r->rss_bytes = one.rss_bytes; /* the peak so far */
        return 0;
}

int payload_table(const struct bench_options *options, const char *dir, const stet_app *app, uint32_t steps,
                  struct report *r, stet_why *why)
{
        struct report_table *table = report_table_begin(r, "points", columns, COLUMNS_COUNT);
        int err = 0;
        r->transport = options->transport;
        r->executors = options->executors;
        r->payload_bytes = NAN;
        r->mode = options->one_at_a_time ? "one at a time" : options->rate > 0 ? "open loop" : "closed loop";
        for (size_t i = 0; i < options->payload_count && !err; i++) {
                struct bench_options o = options_for(options, options->payload_list[i], steps);
                err = add_row(&o, dir, app, r, table, why);
                report_show_rows(r, table);
        }
        return err;
}
