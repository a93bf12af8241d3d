/* SPDX-License-Identifier: MIT */
#include "bench/engine_workload.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "bench/compare_checkpoints.h"
#include "bench/engine.h"
#include "bench/load.h"
#include "bench/node_stats.h"

static const uint64_t RUNS_CLOSED = 100000;
static const uint64_t RUNS_ONE_AT_A_TIME = 2000;
static const double OPEN_LOOP_S = 10;

uint64_t engine_workload_runs(const struct bench_options *options)
{
        if (options->runs)
                return options->runs;
        if (options->one_at_a_time)
                return RUNS_ONE_AT_A_TIME;
        return options->rate > 0 ? (uint64_t)ceil(options->rate * OPEN_LOOP_S) : RUNS_CLOSED;
}

int engine_workload_input(uint32_t payload_bytes, stet_value *ret, stet_why *why)
{
        uint8_t *payload = xmalloc(payload_bytes);
        memset(payload, 'x', payload_bytes);
        int err = stet_value_set_bytes(ret, payload, payload_bytes);
        free(payload);
        return err ? stet_why_set(why, err, "a value of %u bytes: %s", payload_bytes, stet_error_text(err))
                   : 0;
}

static int load_engine(const struct bench_options *options, const stet_app *app, const stet_value *input,
                       struct engine *e, struct load_result *ret, stet_why *why)
{
        stet_value bytes = { 0 };
        int err = input ? 0 : engine_workload_input(options->payload_bytes, &bytes, why);
        if (err)
                return err;
        struct load load = {
                .workflow = stet_app_workflow_name(app, 0),
                .input = input ? input : &bytes,
                .runs = engine_workload_runs(options),
                .in_flight = options->in_flight,
                .rate = options->rate,
                .what = options->workload,
        };
        err = load_run(e->client, &load, ret, why);
        stet_value_free(&bytes);
        return err;
}

static double disk_bytes(const struct node_stats *s)
{
        return s->log_disk_bytes + s->store_bytes;
}

static void fill_report(const struct bench_options *options, const struct load_result *load,
                        const struct node_stats *before, const struct node_stats *after, double cpu_s,
                        struct report *r)
{
        uint64_t runs = engine_workload_runs(options);
        double records = after->records - before->records;
        r->mode = options->one_at_a_time ? "one at a time" : options->rate > 0 ? "open loop" : "closed loop";
        r->transport = options->transport;
        r->executors = options->executors;
        if (options->rate > 0)
                r->rate = options->rate;
        else
                r->in_flight = options->in_flight;
        report_latency(r, &load->latency);
        report_curve_add(&r->curves, "engine", &load->latency);
        r->pace = load->pace;
        report_work(r, runs, load->seconds, (uint64_t)records, (uint64_t)(after->commits - before->commits),
                    cpu_s);
        r->record_bytes = records > 0 ? (after->log_bytes - before->log_bytes) / records : (double)NAN;
        r->disk_bytes_per_run = (disk_bytes(after) - disk_bytes(before)) / (double)runs;
}

int engine_workload_measure(const struct bench_options *options, const char *dir, const stet_app *app,
                            const stet_value *input, struct report *r, stet_why *why)
{
        struct engine e;
        struct node_stats before, after;
        struct load_result load;
        struct usage used_before = machine_usage();
        if (app->err)
                return stet_why_set(why, app->err, "%s", app->why.text);
        int err = engine_open(options, app, dir, &e, why);
        if (err)
                return err;
        err = node_stats_read(e.client, &before, why);
        if (!err)
                err = load_engine(options, app, input, &e, &load, why);
        if (!err)
                err = node_stats_read(e.client, &after, why);
        err = engine_explain(&e, err, why);
        engine_close(&e);
        struct usage used_after = machine_usage(); /* with the executors' process, which has ended */
        if (err)
                return err;
        fill_report(options, &load, &before, &after, used_after.cpu_s - used_before.cpu_s, r);
        r->rss_bytes = (double)used_after.rss_bytes;
        return 0;
}

int engine_workload(const struct bench_options *options, const char *dir, const stet_app *app, uint32_t steps,
                    struct report *r, stet_why *why)
{
        if (options->checkpoint == BENCH_CHECKPOINT_BOTH)
                return compare_checkpoints(options, dir, app, r, why);
        int err = engine_workload_measure(options, dir, app, NULL, r, why);
        if (err || options->no_ceiling)
                return err;
        return workload_compare_ceiling(options, dir, steps, r, why);
}
