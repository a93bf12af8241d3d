/* SPDX-License-Identifier: MIT
 *
 * `history`: whether a transition costs more when many went before it in the same run. Near n = 10, 100, …
 * 100,000 a window of transitions is timed: one in flight, where the wall time is mostly the commit's, and
 * many in flight, where commits are shared and what is left is the node's work; and the CPU time of the
 * server's process in both. Then the server is killed: the first step afterwards has to bring the run's code
 * back by replaying its n transitions, and that does cost more.
 *
 * Two kinds: signals that the run takes in a loop, and activities that it calls in a loop. Near a small n
 * there is not much to time in one run, so several runs are there at the same time.
 */
#include "bench/workload.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "bench/history_calls.h"
#include "bench/probe.h"
#include "bench/signalers.h"
#include "bench/start_many.h"

enum { MANY = 64, WINDOW_MAX = 2000, SAMPLES_MIN = 320, RUNS_MAX = 32, MARK_FIRST = 10, MARK_FACTOR = 10 };

enum {
        COLUMN_KIND,
        COLUMN_N,
        COLUMN_US_ONE,
        COLUMN_CPU_ONE,
        COLUMN_US_MANY,
        COLUMN_CPU_MANY,
        COLUMN_FIRST,
        COLUMN_ANON,
        COLUMNS_COUNT,
};

static const struct report_column columns[COLUMNS_COUNT] = {
        [COLUMN_KIND] = { "kind", "kind", -10, REPORT_WORD },
        [COLUMN_N] = { "n", "near n", 9, 0 },
        [COLUMN_US_ONE] = { "one_us", "one µs", 10, REPORT_MICROS },
        [COLUMN_CPU_ONE] = { "one_cpu_us", "its CPU µs", 10, REPORT_MICROS },
        [COLUMN_US_MANY] = { "many_us", "many µs", 10, REPORT_MICROS },
        [COLUMN_CPU_MANY] = { "many_cpu_us", "its CPU µs", 10, REPORT_MICROS },
        [COLUMN_FIRST] = { "first_step_ms", "first step ms", 13, 1 },
        [COLUMN_ANON] = { "anon_bytes", "server's own bytes", 18, 0 },
};

struct history {
        struct server_process server;
        const stet_app *app;
        struct report *report;
        struct report_table *table;
        double first_cpu_us[2], last_cpu_us[2]; /* many in flight: of signals, of activities */
};

/* One line of the table. */
struct stage {
        struct history *h;
        bool calls; /* activities, not signals */
        uint64_t n;
        uint64_t window; /* of each run, in transitions */
        size_t runs_count;
        char run_ids[RUNS_MAX][STET_RUN_ID_SIZE];
        stet_client *client;
        struct history_calls *executor;
        struct report_cell cells[COLUMNS_COUNT];
};

struct cost {
        double us;
        double cpu_us;
};

static int taker(stet_run *run, const stet_value *in, stet_value *ret)
{
        (void)in;
        (void)ret;
        for (;;) {
                int err = stet_wait_signal(run, "tick", NULL);
                if (err)
                        return err;
        }
}

static int make_input(const void *context, uint64_t number, stet_value *ret)
{
        (void)context;
        (void)number;
        return stet_value_set_null(ret);
}

static double server_cpu_s(const void *context)
{
        return server_process_cpu_s(context);
}

static int send_signals(struct stage *s, uint64_t each, uint32_t clients, struct cost *ret, stet_why *why)
{
        struct signalers_result result;
        struct signalers signalers = {
                .endpoint = s->h->server.endpoint,
                .name = "tick",
                .run_ids = s->run_ids,
                .runs_count = s->runs_count,
                .signals = each * s->runs_count,
                .clients = clients,
                .what = "history, signals",
                .cpu_s = server_cpu_s,
                .cpu_context = &s->h->server,
        };
        int err = signalers_run(&signalers, &result, why);
        double transitions = (double)signalers.signals;
        *ret = (struct cost){ result.seconds * 1e6 / transitions, result.cpu_s * 1e6 / transitions };
        return err;
}

/* One run after the other, each with one call at a time. */
static int call_in_turn(struct stage *s, uint64_t each, struct cost *ret, stet_why *why)
{
        double us = 0, cpu_us = 0, transitions = 0;
        int err = 0;
        for (size_t i = 0; i < s->runs_count && !err; i++) {
                struct history_calls_cost cost = { 0 };
                err = history_calls_run(s->executor, &s->run_ids[i], 1, each, 1, &cost, why);
                us += cost.seconds * 1e6;
                cpu_us += cost.cpu_s * 1e6;
                transitions += cost.transitions;
        }
        *ret = (struct cost){ us / transitions, cpu_us / transitions };
        return err;
}

static int call_together(struct stage *s, uint64_t each, uint32_t in_flight, struct cost *ret, stet_why *why)
{
        struct history_calls_cost cost = { 0 };
        int err = history_calls_run(s->executor, s->run_ids, s->runs_count, each,
                                    in_flight / (uint32_t)s->runs_count, &cost, why);
        *ret = (struct cost){ cost.seconds * 1e6 / cost.transitions, cost.cpu_s * 1e6 / cost.transitions };
        return err;
}

/* So many more transitions in every run, and what one cost. */
static int advance(struct stage *s, uint64_t each, uint32_t in_flight, struct cost *ret, stet_why *why)
{
        if (!s->calls)
                return send_signals(s, each, in_flight, ret, why);
        return in_flight == 1 ? call_in_turn(s, each, ret, why) : call_together(s, each, in_flight, ret, why);
}

static int attach(struct stage *s, stet_why *why)
{
        return s->calls ? history_calls_open(&s->h->server, s->h->app, &s->executor, why) : 0;
}

static void detach(struct stage *s)
{
        history_calls_close(s->executor);
        s->executor = NULL;
        stet_client_close(s->client);
        s->client = NULL;
}

static int begin(struct stage *s, stet_why *why)
{
        char name[64];
        struct start_many many = {
                .workflow = s->calls ? "caller" : "taker",
                .input = make_input,
                .runs = s->runs_count,
                .what = "history, starts",
        };
        snprintf(name, sizeof(name), "%s-%" PRIu64, s->cells[COLUMN_KIND].word, s->n);
        server_process_use(&s->h->server, name);
        int err = server_process_start(&s->h->server, &(struct server_start){ 0 }, why);
        if (!err)
                err = server_process_connect(&s->h->server, &s->client, why);
        if (!err)
                err = start_many(s->client, &many, s->run_ids, why);
        return err ? err : attach(s, why);
}

static int measure_windows(struct stage *s, stet_why *why)
{
        struct cost ignored, one, many;
        struct server_memory memory;
        int err = advance(s, s->n, MANY, &ignored, why);
        if (!err)
                err = server_process_memory(&s->h->server, &memory, why);
        if (!err)
                err = advance(s, s->window, 1, &one, why);
        if (!err)
                err = advance(s, s->window, MANY, &many, why);
        if (err)
                return err;
        s->cells[COLUMN_US_ONE].number = one.us;
        s->cells[COLUMN_CPU_ONE].number = one.cpu_us;
        s->cells[COLUMN_US_MANY].number = many.us;
        s->cells[COLUMN_CPU_MANY].number = many.cpu_us;
        s->cells[COLUMN_ANON].number = memory.anon_bytes;
        return 0;
}

/* Of one run: its code has to come back before it can answer. */
static int first_step(struct stage *s, double *ret_ms, stet_why *why)
{
        struct history_calls_cost calls = { 0 };
        struct cost signal = { 0 };
        int err = s->calls ? history_calls_run(s->executor, s->run_ids, 1, 1, 1, &calls, why)
                           : send_signals(s, 1, 1, &signal, why);
        if (!err)
                *ret_ms = s->calls ? calls.first_ms : signal.us / 1e3;
        return err;
}

static int measure_first_step(struct stage *s, stet_why *why)
{
        double ready_ms;
        detach(s);
        int err = server_process_kill(&s->h->server, why);
        if (!err)
                err = probe_restart(&s->h->server, &(struct server_start){ 0 }, &s->client, &ready_ms, why);
        if (!err)
                err = attach(s, why);
        s->runs_count = 1;
        return err ? err : first_step(s, &s->cells[COLUMN_FIRST].number, why);
}

static int add_stage(struct history *h, bool calls, uint64_t n, stet_why *why)
{
        struct stage s = { .h = h, .calls = calls, .n = n, .window = n < WINDOW_MAX ? n : WINDOW_MAX };
        s.runs_count = (size_t)(s.window < SAMPLES_MIN ? SAMPLES_MIN / s.window : 1);
        s.cells[COLUMN_KIND].word = calls ? "activities" : "signals";
        s.cells[COLUMN_N].number = (double)n;
        int err = begin(&s, why);
        if (!err)
                err = measure_windows(&s, why);
        if (!err)
                err = measure_first_step(&s, why);
        detach(&s);
        int killed = server_process_kill(&h->server, err ? NULL : why);
        if (err || killed)
                return err ? err : killed;
        report_table_add(h->table, s.cells);
        report_show_rows(h->report, h->table);
        h->last_cpu_us[calls] = s.cells[COLUMN_CPU_MANY].number;
        if (n == MARK_FIRST)
                h->first_cpu_us[calls] = h->last_cpu_us[calls];
        return 0;
}

static void report_ratios(struct report *r, const struct history *h)
{
        const struct report_figure figures[] = {
                { "signals_ratio", "signals: last n / first n", "CPU of a transition, many in flight",
                  h->last_cpu_us[0] / h->first_cpu_us[0], 2 },
                { "activities_ratio", "activities: last n / first n", "likewise",
                  h->last_cpu_us[1] / h->first_cpu_us[1], 2 },
        };
        for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
                report_figure_add(r, &figures[i]);
}

int workload_history(const struct bench_options *options, const char *dir, struct report *r, stet_why *why)
{
        stet_app app = STET_APP("bench");
        struct history h = { .app = &app, .report = r };
        stet_app_workflow(&app, "taker", taker);
        history_calls_register(&app);
        probe_register(&app);
        r->transport = "tcp";
        r->payload_bytes = NAN;
        h.table = report_table_begin(r, "points", columns, COLUMNS_COUNT);
        int err = server_process_open(options, &app, dir, &h.server, why);
        for (int calls = 0; calls < 2; calls++)
                for (uint64_t n = MARK_FIRST; n <= options->transitions && !err; n *= MARK_FACTOR)
                        err = add_stage(&h, calls, n, why);
        server_process_close(&h.server);
        if (!err) {
                r->rss_bytes = (double)machine_usage().rss_bytes;
                report_ratios(r, &h);
        }
        stet_app_fini(&app);
        return err;
}
