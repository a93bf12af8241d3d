/* SPDX-License-Identifier: MIT
 *
 * The checkpointer works behind the log, and what it has not done when a slice ends it does afterwards. So
 * after each slice its lag is waited for, and two ratios are given: of the slices as users see them, and with
 * the processor time of that rest counted in as if nothing ran beside it, which is the rate that can be kept
 * up. The wait itself does not count: most of it is the second in which a small batch waits for company.
 */
#include "bench/compare_checkpoints.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "bench/engine.h"
#include "bench/engine_workload.h"
#include "bench/load.h"
#include "bench/node_stats.h"

static const uint64_t RUNS_EACH_DEFAULT = 100000;
static const int64_t DRAIN_NS = 60000000000;

enum { PAIRS_COUNT = 6, SLICES_COUNT = 2 * PAIRS_COUNT, LOOK_EVERY_MS = 2 };

enum {
        COLUMN_WHICH,
        COLUMN_RUNS,
        COLUMN_RATE,
        COLUMN_REST,
        COLUMN_CPU,
        COLUMN_P50,
        COLUMN_P99,
        COLUMNS_COUNT
};

static const struct report_column columns[COLUMNS_COUNT] = {
        [COLUMN_WHICH] = { "checkpoint", "checkpoint", -10, REPORT_WORD },
        [COLUMN_RUNS] = { "runs", "runs", 9, 0 },
        [COLUMN_RATE] = { "runs_per_s", "runs/s", 10, 1 },
        [COLUMN_REST] = { "rest_cpu_s", "then, CPU s", 12, 3 },
        [COLUMN_CPU] = { "cpu_s_per_m_runs", "CPU s/m runs", 13, 2 },
        [COLUMN_P50] = { "p50_us", "p50 µs", 10, REPORT_MICROS },
        [COLUMN_P99] = { "p99_us", "p99 µs", 10, REPORT_MICROS },
};

struct side {
        struct engine engine;
        struct histogram latency;
        double seconds;
        double rest_cpu_s; /* of the checkpointer, behind the slices */
        double cpu_s;
        double rates[PAIRS_COUNT];
};

/* Both in one directory, off before on. */
struct comparison {
        const struct bench_options *options;
        uint64_t runs_each;
        struct load load;
        struct side sides[2];
        struct report *report;
        struct report_table *table;
};

static int open_side(struct comparison *c, const stet_app *app, const char *dir, int on, stet_why *why)
{
        struct bench_options options = *c->options;
        char path[1100];
        options.checkpoint = on ? BENCH_CHECKPOINT_ON : BENCH_CHECKPOINT_OFF;
        snprintf(path, sizeof(path), "%s/%s", dir, on ? "on" : "off");
        if (mkdir(path, 0700) != 0)
                return stet_why_set(why, STET_EIO, "%s: %s", path, strerror(errno));
        return engine_open(&options, app, path, &c->sides[on].engine, why);
}

/* Waits until the store has all that the log has. */
static int drain(struct side *side, stet_why *why)
{
        struct node_stats stats = { .lag_bytes = 1 };
        int64_t start_ns = machine_now_ns();
        int err = 0;
        while (stats.lag_bytes > 0 && !err && machine_now_ns() - start_ns < DRAIN_NS) {
                err = node_stats_read(side->engine.client, &stats, why);
                if (!err && stats.lag_bytes > 0)
                        err = progress_pause(LOOK_EVERY_MS, why);
        }
        return err;
}

static int measure_slice(struct comparison *c, int number, stet_why *why)
{
        int on = number % 2;
        struct side *side = &c->sides[on];
        struct load_result result;
        struct usage before = machine_usage();
        int err = load_run(side->engine.client, &c->load, &result, why);
        double loaded_cpu_s = machine_usage().cpu_s;
        if (!err && on)
                err = drain(side, why);
        if (err)
                return err;
        double end_cpu_s = machine_usage().cpu_s;
        double cpu_s = end_cpu_s - before.cpu_s, rest_cpu_s = on ? end_cpu_s - loaded_cpu_s : 0;
        side->seconds += result.seconds;
        side->rest_cpu_s += rest_cpu_s;
        side->cpu_s += cpu_s;
        side->rates[number / 2] = (double)c->runs_each / result.seconds;
        histogram_merge(&side->latency, &result.latency);
        struct report_cell row[COLUMNS_COUNT] = {
                [COLUMN_WHICH] = { .word = on ? "on" : "off" },
                [COLUMN_RUNS] = { .number = (double)c->runs_each },
                [COLUMN_RATE] = { .number = side->rates[number / 2] },
                [COLUMN_REST] = { .number = rest_cpu_s },
                [COLUMN_CPU] = { .number = cpu_s * 1e6 / (double)c->runs_each },
                [COLUMN_P50] = { .number = histogram_us(&result.latency, 0.5) },
                [COLUMN_P99] = { .number = histogram_us(&result.latency, 0.99) },
        };
        report_table_add(c->table, row);
        report_show_rows(c->report, c->table);
        return 0;
}

static int compare_numbers(const void *a, const void *b)
{
        const double *x = a, *y = b;
        return *x < *y ? -1 : *x > *y;
}

/* Of the pairs, the middle one. */
static double median_ratio(const struct comparison *c)
{
        double ratios[PAIRS_COUNT];
        for (size_t i = 0; i < PAIRS_COUNT; i++)
                ratios[i] = c->sides[1].rates[i] / c->sides[0].rates[i];
        qsort(ratios, PAIRS_COUNT, sizeof(ratios[0]), compare_numbers);
        return (ratios[(PAIRS_COUNT - 1) / 2] + ratios[PAIRS_COUNT / 2]) / 2;
}

static void report_comparison(const struct comparison *c, struct report *r)
{
        const struct side *off = &c->sides[0], *on = &c->sides[1];
        double runs = (double)(c->runs_each * PAIRS_COUNT);
        const struct report_figure figures[] = {
                { "off_runs_per_s", "runs/s without checkpoints", NULL, runs / off->seconds, 0 },
                { "off_p50_us", "  latency µs, p50", NULL, histogram_us(&off->latency, 0.5), REPORT_MICROS },
                { "off_p99_us", "  p99", NULL, histogram_us(&off->latency, 0.99), REPORT_MICROS },
                { "checkpoint_ratio", "with / without", "median of the pairs", median_ratio(c), 3 },
                { "kept_up_ratio", "  the store's rest counted in", "what can be kept up",
                  off->seconds / (on->seconds + on->rest_cpu_s), 3 },
                { "cpu_ratio", "  of the CPU time", NULL, on->cpu_s / off->cpu_s, 3 },
        };
        r->mode = c->options->one_at_a_time ? "one at a time"
                  : c->options->rate > 0    ? "open loop"
                                            : "closed loop";
        r->transport = c->options->transport;
        r->executors = c->options->executors;
        r->runs = runs;
        r->seconds = on->seconds;
        r->runs_per_s = runs / on->seconds;
        r->rss_bytes = (double)machine_usage().rss_bytes;
        report_latency(r, &on->latency);
        report_curve_add(&r->curves, "off", &off->latency);
        report_curve_add(&r->curves, "on", &on->latency);
        for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
                report_figure_add(r, &figures[i]);
}

static int measure(struct comparison *c, const stet_app *app, const char *dir, stet_why *why)
{
        int err = open_side(c, app, dir, 0, why);
        if (err)
                return err;
        err = open_side(c, app, dir, 1, why);
        if (!err) {
                for (int i = 0; i < SLICES_COUNT && !err; i++)
                        err = measure_slice(c, i, why);
                for (int i = 0; i < 2; i++)
                        err = engine_explain(&c->sides[i].engine, err, why);
                engine_close(&c->sides[1].engine);
        }
        engine_close(&c->sides[0].engine);
        return err;
}

int compare_checkpoints(const struct bench_options *options, const char *dir, const stet_app *app,
                        struct report *r, stet_why *why)
{
        struct comparison *c = xcalloc(1, sizeof(*c));
        stet_value input = { 0 };
        c->options = options;
        c->report = r;
        c->runs_each = options->runs || options->rate > 0 || options->one_at_a_time
                           ? engine_workload_runs(options) / SLICES_COUNT + 1
                           : RUNS_EACH_DEFAULT;
        c->load = (struct load){
                .workflow = stet_app_workflow_name(app, 0),
                .input = &input,
                .runs = c->runs_each,
                .in_flight = options->in_flight,
                .rate = options->rate,
                .what = options->workload,
        };
        c->table = report_table_begin(r, "points", columns, COLUMNS_COUNT);
        int err = engine_workload_input(options->payload_bytes, &input, why);
        if (!err && app->err)
                err = stet_why_set(why, app->err, "%s", app->why.text);
        if (!err)
                err = measure(c, app, dir, why);
        if (!err)
                report_comparison(c, r);
        stet_value_free(&input);
        free(c);
        return err;
}
