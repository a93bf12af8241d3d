/* SPDX-License-Identifier: MIT
 *
 * `steady`: constant load for minutes, with a retention that is shorter than that. After the first two
 * minutes everything that grows by the clock, and not by the load, is growth without a bound: the slopes of
 * memory, log and store say so.
 *
 * The server is a process of its own, with its executors in it, so that its memory is nobody else's.
 */
#include "bench/workload.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "bench/chain3.h"
#include "bench/engine_workload.h"
#include "bench/load.h"
#include "bench/node_stats.h"
#include "bench/server_process.h"

static const uint64_t TRIAL_RUNS = 20000; /* to see what it reaches, when no rate is given */
static const double TRIAL_SHARE = 0.1;
static const int64_t INTERVAL_MS = 10000;
static const int64_t WARM_UP_MS = 120000;

enum { TRIAL_IN_FLIGHT = 1000, INTERVALS_MIN = 12 };

enum {
        COLUMN_SECONDS,
        COLUMN_RUNS_PER_S,
        COLUMN_RSS,
        COLUMN_ANON,
        COLUMN_LOG,
        COLUMN_STORE,
        COLUMN_KEPT,
        COLUMN_MEMORY,
        COLUMN_LAG,
        COLUMNS_COUNT,
};

static const struct report_column columns[COLUMNS_COUNT] = {
        [COLUMN_SECONDS] = { "seconds", "s", 7, 1 },
        [COLUMN_RUNS_PER_S] = { "runs_per_s", "runs/s", 9, 1 },
        [COLUMN_RSS] = { "rss_bytes", "RSS bytes", 14, 0 },
        [COLUMN_ANON] = { "anon_bytes", "its own", 14, 0 },
        [COLUMN_LOG] = { "log_bytes", "log bytes", 14, 0 },
        [COLUMN_STORE] = { "store_bytes", "store bytes", 14, 0 },
        [COLUMN_KEPT] = { "runs_kept", "runs kept", 10, 0 },
        [COLUMN_MEMORY] = { "runs_in_memory", "in memory", 10, 0 },
        [COLUMN_LAG] = { "lag_bytes", "lag bytes", 12, 0 },
};

enum { SUMMARY_SERIES, SUMMARY_MIN, SUMMARY_MAX, SUMMARY_SLOPE, SUMMARY_COUNT };

static const struct report_column summary_columns[SUMMARY_COUNT] = {
        [SUMMARY_SERIES] = { "series", "after the warm-up", -22, REPORT_WORD },
        [SUMMARY_MIN] = { "minimum", "minimum", 16, 1 },
        [SUMMARY_MAX] = { "maximum", "maximum", 16, 1 },
        [SUMMARY_SLOPE] = { "slope_per_min", "a minute", 16, 1 },
};

struct steady {
        const struct bench_options *options;
        struct report *report;
        struct report_table *table;
        struct server_process server;
        stet_client *client; /* loads … */
        stet_client *looker; /* … and looks at the node's stats meanwhile */
        stet_value input;
        double rate;
        int64_t interval_ms;
        int64_t start_ns;
        int64_t looked_ns;
        uint64_t looked_ended;
};

/* --- while it goes on --- */

static int add_row(struct steady *s, uint64_t ended, int64_t now_ns, stet_why *why)
{
        struct server_memory memory;
        struct node_stats stats;
        int err = server_process_memory(&s->server, &memory, why);
        if (!err)
                err = node_stats_read(s->looker, &stats, why);
        if (err)
                return err;
        double all = (double)machine_disk_bytes(s->server.dir, NULL);
        double store = (double)machine_disk_bytes(s->server.dir, ".store");
        struct report_cell row[COLUMNS_COUNT] = {
                [COLUMN_SECONDS] = { .number = (double)(now_ns - s->start_ns) / 1e9 },
                [COLUMN_RUNS_PER_S] = { .number = (double)(ended - s->looked_ended) * 1e9 /
                                                  (double)(now_ns - s->looked_ns) },
                [COLUMN_RSS] = { .number = memory.rss_bytes },
                [COLUMN_ANON] = { .number = memory.anon_bytes },
                [COLUMN_LOG] = { .number = all - store },
                [COLUMN_STORE] = { .number = store },
                [COLUMN_KEPT] = { .number = stats.runs_open + stats.runs_ended },
                [COLUMN_MEMORY] = { .number = stats.runs_in_memory },
                [COLUMN_LAG] = { .number = stats.lag_bytes },
        };
        report_table_add(s->table, row);
        report_show_rows(s->report, s->table);
        s->looked_ns = now_ns;
        s->looked_ended = ended;
        return 0;
}

static int look(void *context, uint64_t ended, int64_t now_ns, stet_why *why)
{
        struct steady *s = context;
        return now_ns - s->looked_ns < s->interval_ms * 1000000 ? 0 : add_row(s, ended, now_ns, why);
}

/* --- the loads --- */

/* A tenth of what a closed loop reaches, on this server and just before. */
static int find_rate(struct steady *s, stet_why *why)
{
        struct load_result result;
        struct load load = {
                .workflow = "chain3",
                .input = &s->input,
                .runs = TRIAL_RUNS,
                .in_flight = TRIAL_IN_FLIGHT,
                .what = "steady, trial",
        };
        int err = load_run(s->client, &load, &result, why);
        s->rate = (double)TRIAL_RUNS / result.seconds * TRIAL_SHARE;
        return err;
}

static int load_steadily(struct steady *s, stet_why *why)
{
        struct load_result result;
        double seconds = (double)s->options->duration_ms / 1e3;
        struct load load = {
                .workflow = "chain3",
                .input = &s->input,
                .runs = (uint64_t)ceil(s->rate * seconds),
                .rate = s->rate,
                .what = "steady",
                .look = look,
                .look_context = s,
        };
        s->report->rate = s->rate;
        s->start_ns = s->looked_ns = machine_now_ns();
        int err = load_run(s->client, &load, &result, why);
        if (err)
                return err;
        s->report->runs = (double)load.runs;
        s->report->seconds = result.seconds;
        s->report->runs_per_s = (double)load.runs / result.seconds;
        report_latency(s->report, &result.latency);
        report_curve_add(&s->report->curves, "engine", &result.latency);
        return 0;
}

/* --- the summary --- */

/* Smallest, largest and slope (least squares) of one column from a row on. */
static void summarize(const struct steady *s, struct report_table *summary, size_t column, size_t from)
{
        const struct report_table *t = s->table;
        double low = INFINITY, high = -INFINITY, sum_x = 0, sum_y = 0, sum_xx = 0, sum_xy = 0;
        double count = (double)(t->rows_count - from);
        for (size_t i = from; i < t->rows_count; i++) {
                double x = report_table_number(t, i, COLUMN_SECONDS) / 60;
                double y = report_table_number(t, i, column);
                low = fmin(low, y);
                high = fmax(high, y);
                sum_x += x;
                sum_y += y;
                sum_xx += x * x;
                sum_xy += x * y;
        }
        struct report_cell row[SUMMARY_COUNT] = {
                [SUMMARY_SERIES] = { .word = columns[column].key },
                [SUMMARY_MIN] = { .number = low },
                [SUMMARY_MAX] = { .number = high },
                [SUMMARY_SLOPE] = { .number =
                                        (count * sum_xy - sum_x * sum_y) / (count * sum_xx - sum_x * sum_x) },
        };
        report_table_add(summary, row);
}

static void report_summary(struct steady *s)
{
        double warm_up_s = fmin((double)WARM_UP_MS, (double)s->options->duration_ms / 2) / 1e3;
        struct report_table *summary =
            report_table_begin(s->report, "summary", summary_columns, SUMMARY_COUNT);
        size_t from = 0;
        while (from + 2 < s->table->rows_count &&
               report_table_number(s->table, from, COLUMN_SECONDS) < warm_up_s)
                from++;
        for (size_t column = COLUMN_RUNS_PER_S; column < COLUMNS_COUNT; column++)
                summarize(s, summary, column, from);
        report_figure_add(s->report,
                          &(struct report_figure){ "warm_up_s", "warm-up, s", NULL, warm_up_s, 0 });
}

static int measure(struct steady *s, stet_why *why)
{
        struct server_start start = { .executors = s->options->executors };
        struct server_memory memory;
        snprintf(start.retention, sizeof(start.retention), "%s", s->options->retention);
        int err = engine_workload_input(s->options->payload_bytes, &s->input, why);
        if (!err)
                err = server_process_start(&s->server, &start, why);
        if (!err)
                err = server_process_connect(&s->server, &s->client, why);
        if (!err)
                err = server_process_connect(&s->server, &s->looker, why);
        if (!err && !(s->rate > 0))
                err = find_rate(s, why);
        if (!err)
                err = load_steadily(s, why);
        if (!err)
                err = server_process_memory(&s->server, &memory, why);
        if (!err)
                s->report->rss_bytes = memory.peak_bytes;
        return err;
}

int workload_steady(const struct bench_options *options, const char *dir, struct report *r, stet_why *why)
{
        stet_app app = STET_APP("bench");
        struct steady s = {
                .options = options,
                .report = r,
                .rate = options->rate,
                .interval_ms = options->duration_ms / INTERVALS_MIN,
        };
        if (s.interval_ms > INTERVAL_MS)
                s.interval_ms = INTERVAL_MS;
        chain3_register(&app);
        r->mode = "open loop";
        r->transport = "tcp";
        r->executors = options->executors;
        s.table = report_table_begin(r, "points", columns, COLUMNS_COUNT);
        int err = server_process_open(options, &app, dir, &s.server, why);
        if (!err)
                err = measure(&s, why);
        stet_client_close(s.looker);
        stet_client_close(s.client);
        server_process_close(&s.server);
        if (!err)
                report_summary(&s);
        stet_value_free(&s.input);
        stet_app_fini(&app);
        return err;
}
