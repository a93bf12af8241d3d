/* SPDX-License-Identifier: MIT
 *
 * `fan`: one run that starts many activities in parallel and goes on when all are done. One run goes at a
 * time: its latency is the time of the whole fan.
 */
#include "bench/engine_workload.h"

#include "base/buffer.h"

#include <stdlib.h>

static const uint64_t RUNS_DEFAULT = 20;

static int echo(stet_activity *a, const stet_value *in, stet_value *ret)
{
        (void)a;
        return stet_value_copy(ret, in);
}

static int fan(stet_run *run, const stet_value *in, stet_value *ret)
{
        stet_value width = stet_value_get(in, "width"), value = stet_value_get(in, "value");
        size_t count = (size_t)stet_value_int(&width, 0);
        stet_future *futures = stet_run_alloc(run, count * sizeof(*futures));
        for (size_t i = 0; i < count; i++)
                futures[i] = stet_call_start(run, "echo", &value);
        int err = stet_await_all(run, futures, count);
        return err ? err : stet_value_copy(ret, &width);
}

static void report_fan(struct report *r, uint32_t width)
{
        double activities_per_s = r->runs * (double)width / r->seconds;
        const struct report_figure figures[] = {
                { "width", "activities in parallel", NULL, width, 0 },
                { "fan_ms", "ms until all are joined, p50", NULL, r->p50_us / 1e3, 1 },
                { "activities_per_s", "activities/s", NULL, activities_per_s, 0 },
        };
        for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
                report_figure_add(r, &figures[i]);
}

int workload_fan(const struct bench_options *options, const char *dir, struct report *r, stet_why *why)
{
        struct bench_options alone = *options;
        stet_app app = STET_APP("bench");
        stet_value bytes = { 0 }, input = { 0 };
        alone.one_at_a_time = true;
        alone.in_flight = 1;
        alone.runs = options->runs ? options->runs : RUNS_DEFAULT;
        stet_app_workflow(&app, "fan", fan);
        stet_app_activity(&app, "echo", echo);
        int err = engine_workload_input(options->payload_bytes, &bytes, why);
        if (!err) {
                err = stet_value_pack(&input, "{s:i, s:v}", "width", (int)options->width, "value", &bytes);
                if (err)
                        stet_why_set(why, err, "the input: %s", stet_error_text(err));
        }
        if (!err)
                err = engine_workload_measure(&alone, dir, &app, &input, r, why);
        if (!err)
                report_fan(r, options->width);
        stet_value_free(&input);
        stet_value_free(&bytes);
        stet_app_fini(&app);
        return err;
}
