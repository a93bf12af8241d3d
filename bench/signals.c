/* SPDX-License-Identifier: MIT
 *
 * `signals`: durable signals. Clients that each wait for their answer send them to many runs in turn, then
 * all to one run; one client does the same with many signals under way; then two runs send a ball to and fro.
 * Every run counts what it takes and returns the number: a signal that is lost or applied twice is found.
 */
#include "bench/workload.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "bench/engine.h"
#include "bench/engine_workload.h"
#include "bench/node_stats.h"
#include "bench/signalers.h"
#include "bench/start_many.h"

static const uint64_t RUNS_DEFAULT = 1000;
static const uint64_t SIGNALS_AN_EXCHANGE = 50; /* fewer to and fro: nothing is shared there */

/* Batched signals are so much faster that as many more are needed for a figure; but a run takes only so many
 * transitions (history_max_transitions). */
static const uint64_t BATCHED_SPREAD_TIMES = 10, BATCHED_ONE_RUN_TIMES = 3;
static const uint64_t BATCHED_ONE_RUN_MAX = 450000;

enum { WAIT_MS = 120000 };

enum {
        COLUMN_KIND,
        COLUMN_RUNS,
        COLUMN_CLIENTS,
        COLUMN_IN_FLIGHT,
        COLUMN_SIGNALS,
        COLUMN_RATE,
        COLUMN_P50,
        COLUMN_P99,
        COLUMN_MAX,
        COLUMN_GROUP,
        COLUMNS_COUNT,
};

static const struct report_column columns[COLUMNS_COUNT] = {
        [COLUMN_KIND] = { "kind", "signals", -16, REPORT_WORD },
        [COLUMN_RUNS] = { "runs", "to runs", 8, 0 },
        [COLUMN_CLIENTS] = { "clients", "clients", 8, 0 },
        [COLUMN_IN_FLIGHT] = { "in_flight", "under way", 10, 0 },
        [COLUMN_SIGNALS] = { "signals", "how many", 10, 0 },
        [COLUMN_RATE] = { "signals_per_s", "signals/s", 11, 0 },
        [COLUMN_P50] = { "p50_us", "p50 µs", 10, REPORT_MICROS },
        [COLUMN_P99] = { "p99_us", "p99 µs", 10, REPORT_MICROS },
        [COLUMN_MAX] = { "max_us", "longest µs", 10, REPORT_MICROS },
        [COLUMN_GROUP] = { "records_per_commit", "a commit", 10, 1 },
};

struct signals {
        const struct bench_options *options;
        struct engine engine;
        struct report_table *table;
        stet_value value;
};

/* --- the runs --- */

static int taker(stet_run *run, const stet_value *in, stet_value *ret)
{
        int64_t count = stet_value_int(in, 0);
        int err = 0;
        for (int64_t i = 0; i < count && !err; i++)
                err = stet_wait_signal(run, "tick", NULL);
        return err ? err : stet_value_set_int(ret, count);
}

/* {other, count, first}: count times the ball goes out and comes back. */
static int player(stet_run *run, const stet_value *in, stet_value *ret)
{
        stet_value count = stet_value_get(in, "count"), other = stet_value_get(in, "other"),
                   first = stet_value_get(in, "first");
        char other_id[STET_ID_SIZE_MAX + 1];
        int err = stet_value_get_string(&other, other_id, sizeof(other_id));
        for (int64_t i = 0; i < stet_value_int(&count, 0) && !err; i++) {
                if (stet_value_bool(&first, false))
                        err = stet_signal(run, other_id, "ball", NULL);
                if (!err)
                        err = stet_wait_signal(run, "ball", NULL);
                if (!err && !stet_value_bool(&first, false))
                        err = stet_signal(run, other_id, "ball", NULL);
        }
        return err ? err : stet_value_copy(ret, &count);
}

static int expect_count(stet_client *client, const char *run, int64_t wanted, stet_why *why)
{
        stet_result result = { 0 };
        int err = stet_client_wait(client, run, WAIT_MS, &result, why);
        if (err)
                return err;
        int64_t counted = stet_value_int(&result.value, -1);
        if (result.ending != STET_RUN_COMPLETED || counted != wanted)
                err = stet_why_set(why, STET_EFAILED,
                                   "run %s ended as %s with %" PRId64 " instead of %" PRId64 " signals", run,
                                   stet_ending_name(result.ending), counted, wanted);
        stet_value_free(&result.value);
        return err;
}

/* --- from clients --- */

struct share {
        uint64_t runs;
        uint64_t signals;
};

/* A row: how many of whom send what to whom. */
struct row {
        const char *kind;
        struct share share;
        uint32_t clients;
        uint32_t window; /* 0: they wait for every answer */
};

/* How many of the signals the run of that number gets. */
static uint64_t share_of(const struct share *s, uint64_t number)
{
        return s->signals / s->runs + (number < s->signals % s->runs ? 1 : 0);
}

static int make_input(const void *context, uint64_t number, stet_value *ret)
{
        return stet_value_set_int(ret, (int64_t)share_of(context, number));
}

static void add_row(struct signals *s, const struct row *row, double seconds, const struct histogram *latency,
                    const struct node_stats *before, const struct node_stats *after)
{
        uint32_t in_flight = row->window ? row->window : row->clients;
        struct report_cell cells[COLUMNS_COUNT] = {
                [COLUMN_KIND] = { .word = row->kind },
                [COLUMN_RUNS] = { .number = (double)row->share.runs },
                [COLUMN_CLIENTS] = { .number = row->clients ? (double)row->clients : (double)NAN },
                [COLUMN_IN_FLIGHT] = { .number = in_flight ? (double)in_flight : (double)NAN },
                [COLUMN_SIGNALS] = { .number = (double)row->share.signals },
                [COLUMN_RATE] = { .number = (double)row->share.signals / seconds },
                [COLUMN_P50] = { .number = latency ? histogram_us(latency, 0.5) : (double)NAN },
                [COLUMN_P99] = { .number = latency ? histogram_us(latency, 0.99) : (double)NAN },
                [COLUMN_MAX] = { .number = latency ? histogram_us(latency, 1) : (double)NAN },
                [COLUMN_GROUP] = { .number = (after->records - before->records) /
                                             (after->commits - before->commits) },
        };
        report_table_add(s->table, cells);
}

static int send_to(struct signals *s, const struct row *row, char (*ids)[STET_RUN_ID_SIZE], stet_why *why)
{
        const struct share *share = &row->share;
        struct node_stats before, after;
        struct signalers_result result;
        bool inproc = s->options->transport[0] == 'i' && s->options->transport[1] == 'n';
        struct signalers signalers = {
                .node = inproc ? s->engine.node : NULL,
                .endpoint = inproc ? NULL : stet_node_endpoint(s->engine.node, 0),
                .name = "tick",
                .value = &s->value,
                .run_ids = ids,
                .runs_count = share->runs,
                .signals = share->signals,
                .clients = row->clients,
                .window = row->window,
                .what = "signals",
        };
        int err = node_stats_read(s->engine.client, &before, why);
        if (!err)
                err = signalers_run(&signalers, &result, why);
        if (!err)
                err = node_stats_read(s->engine.client, &after, why);
        for (uint64_t i = 0; i < share->runs && !err; i++)
                err = expect_count(s->engine.client, ids[i], (int64_t)share_of(share, i), why);
        if (!err)
                add_row(s, row, result.seconds, &result.latency, &before, &after);
        return err;
}

static int from_clients(struct signals *s, const struct row *row, stet_why *why)
{
        struct start_many many = {
                .workflow = "taker",
                .input = make_input,
                .context = &row->share,
                .runs = row->share.runs,
                .what = "signals, starts",
        };
        char(*ids)[STET_RUN_ID_SIZE] = xcalloc(row->share.runs, STET_RUN_ID_SIZE);
        int err = start_many(s->engine.client, &many, ids, why);
        if (!err)
                err = send_to(s, row, ids, why);
        free(ids);
        return err;
}

/* How many go to the one run in batches. */
static uint64_t batched_to_one(uint64_t signals)
{
        uint64_t more = signals * BATCHED_ONE_RUN_TIMES;
        if (more > BATCHED_ONE_RUN_MAX)
                more = BATCHED_ONE_RUN_MAX;
        return more > signals ? more : signals;
}

static int all_from_clients(struct signals *s, stet_why *why)
{
        const struct bench_options *o = s->options;
        uint64_t runs = o->runs ? o->runs : RUNS_DEFAULT;
        const struct row rows[] = {
                { "spread", { runs, o->signals }, o->in_flight, 0 },
                { "one run", { 1, o->signals }, o->in_flight, 0 },
                { "spread, batched", { runs, o->signals * BATCHED_SPREAD_TIMES }, 1, o->window },
                { "one run, batched", { 1, batched_to_one(o->signals) }, 1, o->window },
        };
        int err = 0;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && !err; i++)
                err = from_clients(s, &rows[i], why);
        return err;
}

/* --- between runs --- */

static int start_player(struct signals *s, const char *id, const char *other, int64_t count, bool first,
                        stet_why *why)
{
        stet_started started;
        stet_value input = { 0 };
        stet_value_pack(&input, "{s:s, s:I, s:b}", "other", other, "count", count, "first", (int)first);
        stet_start start = { .workflow = "player", .id = id, .input = &input };
        int err = stet_client_start(s->engine.client, &start, &started, why);
        stet_value_free(&input);
        return err;
}

static int between_runs(struct signals *s, stet_why *why)
{
        struct node_stats before, after;
        int64_t count = (int64_t)(s->options->signals / SIGNALS_AN_EXCHANGE) + 1;
        int err = node_stats_read(s->engine.client, &before, why);
        if (!err)
                err = start_player(s, "pong", "ping", count, false, why);
        int64_t start_ns = machine_now_ns();
        if (!err)
                err = start_player(s, "ping", "pong", count, true, why);
        if (!err)
                err = expect_count(s->engine.client, "ping", count, why);
        double seconds = (double)(machine_now_ns() - start_ns) / 1e9;
        if (!err)
                err = expect_count(s->engine.client, "pong", count, why);
        if (!err)
                err = node_stats_read(s->engine.client, &after, why);
        if (!err)
                add_row(s, &(struct row){ "ping-pong", { 2, (uint64_t)count * 2 }, 0, 0 }, seconds, NULL,
                        &before, &after);
        return err;
}

static int measure(struct signals *s, stet_why *why)
{
        int err = engine_workload_input(s->options->payload_bytes, &s->value, why);
        if (!err)
                err = all_from_clients(s, why);
        return err ? err : between_runs(s, why);
}

int workload_signals(const struct bench_options *options, const char *dir, struct report *r, stet_why *why)
{
        stet_app app = STET_APP("bench");
        struct signals s = { .options = options };
        stet_app_workflow(&app, "taker", taker);
        stet_app_workflow(&app, "player", player);
        r->transport = options->transport;
        s.table = report_table_begin(r, "points", columns, COLUMNS_COUNT);
        int err = engine_open(options, &app, dir, &s.engine, why);
        if (!err) {
                err = engine_explain(&s.engine, measure(&s, why), why);
                engine_close(&s.engine);
        }
        if (!err) {
                r->rss_bytes = (double)machine_usage().rss_bytes;
                r->in_flight = options->in_flight;
        }
        stet_value_free(&s.value);
        stet_app_fini(&app);
        return err;
}
