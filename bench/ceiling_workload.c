/* SPDX-License-Identifier: MIT
 *
 * `ceiling` as a workload of its own, and as the measure beside chain3 and empty.
 */
#include "bench/workload.h"

#include <math.h>

#include "bench/ceiling.h"

static const uint64_t RUNS_DEFAULT = 300000;
static const uint64_t RUNS_COMPARED_MAX = 100000; /* enough for a steady figure, in a second or less */
static const uint64_t RUNS_ONE_AT_A_TIME = 2000;

enum { CHAIN_STEPS = 3 };

static struct ceiling_options ceiling_of(const struct bench_options *options, const char *dir, uint32_t steps)
{
        return (struct ceiling_options){
                .dir = dir,
                .transport = options->transport,
                .executors = options->executors,
                .level = options->level,
                .steps = steps,
                .in_flight = options->in_flight,
                .payload_bytes = options->payload_bytes,
                .record_bytes = ceiling_record_bytes(options->payload_bytes),
        };
}

static int measure(const struct ceiling_options *c, struct ceiling_result *ret, stet_why *why)
{
        struct progress progress;
        progress_begin(&progress, "ceiling, runs", c->runs);
        int err = ceiling_measure(c, &progress, ret, why);
        progress_end(&progress);
        return err;
}

int workload_ceiling(const struct bench_options *options, const char *dir, struct report *r, stet_why *why)
{
        struct ceiling_options c = ceiling_of(options, dir, CHAIN_STEPS);
        struct ceiling_result result;
        c.runs = options->runs ? options->runs : options->one_at_a_time ? RUNS_ONE_AT_A_TIME : RUNS_DEFAULT;
        struct usage before = machine_usage();
        int err = measure(&c, &result, why);
        struct usage after = machine_usage();
        if (!err)
                err = ceiling_hop_us(dir, options->transport, options->payload_bytes, &r->hop_us, why);
        if (err)
                return err;
        r->mode = options->one_at_a_time ? "one at a time" : "closed loop";
        r->transport = options->transport;
        r->executors = options->executors;
        r->in_flight = options->in_flight;
        report_work(r, result.runs, result.seconds, result.records, result.commits,
                    after.cpu_s - before.cpu_s);
        report_latency(r, &result.latency);
        report_curve_add(&r->curves, "ceiling", &result.latency);
        r->record_bytes = c.record_bytes;
        r->disk_bytes_per_run = (double)result.disk_bytes / (double)result.runs;
        r->rss_bytes = (double)after.rss_bytes;
        return 0;
}

int workload_compare_ceiling(const struct bench_options *options, const char *dir, uint32_t steps,
                             struct report *r, stet_why *why)
{
        struct ceiling_options c = ceiling_of(options, dir, steps);
        struct ceiling_result result;
        c.runs = r->runs < (double)RUNS_COMPARED_MAX ? (uint64_t)r->runs : RUNS_COMPARED_MAX;
        if (isfinite(r->record_bytes))
                c.record_bytes = (uint32_t)lround(r->record_bytes);
        int err = measure(&c, &result, why);
        if (!err)
                err = ceiling_hop_us(dir, options->transport, options->payload_bytes, &r->hop_us, why);
        if (err)
                return err;
        report_curve_add(&r->curves, "ceiling", &result.latency);
        r->ceiling_runs_per_s = (double)result.runs / result.seconds;
        r->ceiling_ratio = r->runs_per_s / r->ceiling_runs_per_s;
        if (options->one_at_a_time)
                r->ceiling_p50_us = histogram_us(&result.latency, 0.5);
        return 0;
}
