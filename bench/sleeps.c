/* SPDX-License-Identifier: MIT
 *
 * Lateness is told twice. Each run returns by how much the recorded time at which it went on is after the
 * time at which it was due, which is its recorded start and the sleep: the engine's own lateness. And the
 * client takes the time at which it hears of the ending, less the time at which it sent the start and the
 * sleep: what a user waits too long, with everything in it.
 */
#include "bench/sleeps.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "bench/engine.h"
#include "bench/node_stats.h"
#include "bench/progress.h"
#include "bench/server_process.h"

static const uint64_t RUNS_DEFAULT = 10000;
static const int64_t MS_NS = 1000000;

/* More starts than this are not on their way at a time, so that millions don't fill the memory. */
enum { STARTS_MAX = 10000, ANSWERS_MAX = 4096, WAIT_MS = 100 };

struct sleeps {
        uint64_t runs;
        int64_t sleep_ms;
        struct engine engine;         /* inproc, … */
        struct server_process server; /* … or tcp */
        stet_client *client;          /* of the one or the other */
        stet_value input;

        char (*run_ids)[STET_RUN_ID_SIZE];
        int64_t *sent_ns;
        uint64_t sent, durable, ended;
        int64_t first_ns, last_start_ns, last_end_ns;
        struct histogram seen;     /* at the client */
        struct histogram recorded; /* in the log; an early one counts as 0 */
        uint64_t early;
        struct node_stats before, after;
        double cpu_s;      /* of all processes, from the first start to the last ending */
        double node_cpu_s; /* NAN: it is no process of its own */
};

static int sleeper(stet_run *run, const stet_value *in, stet_value *ret)
{
        int64_t delay_ms = stet_value_int(in, 0), due_ms = stet_now_ms(run) + delay_ms;
        int err = stet_sleep(run, delay_ms);
        return err ? err : stet_value_set_int(ret, stet_now_ms(run) - due_ms);
}

/* --- starting and ending --- */

static int submit(struct sleeps *s, uint64_t number, stet_why *why)
{
        stet_start start = { .workflow = "sleeper", .input = &s->input };
        if (!s->sent_ns[number]) /* one that is repeated has waited since the first time */
                s->sent_ns[number] = machine_now_ns();
        return stet_client_submit(s->client, &start, number, true, why);
}

static int take_answer(struct sleeps *s, const stet_answer *answer, int64_t now_ns, stet_why *why)
{
        if (answer->err == STET_EBUSY)
                return submit(s, answer->tag, why);
        if (answer->err)
                return stet_why_set(why, answer->err, "a start was refused: %s",
                                    stet_error_text(answer->err));
        if (!answer->ended) {
                s->durable++;
                s->last_start_ns = now_ns;
                memcpy(s->run_ids[answer->tag], answer->run_id, STET_RUN_ID_SIZE);
                return 0;
        }
        if (answer->ending != STET_RUN_COMPLETED)
                return stet_why_set(why, STET_EFAILED, "run %s ended as %s", answer->run_id,
                                    stet_ending_name(answer->ending));
        s->ended++;
        s->last_end_ns = now_ns;
        histogram_add(&s->seen, now_ns - s->sent_ns[answer->tag] - s->sleep_ms * MS_NS);
        return 0;
}

static int take_answers(struct sleeps *s, stet_answer *answers, stet_why *why)
{
        size_t count;
        int err = stet_client_collect(s->client, answers, ANSWERS_MAX, WAIT_MS, &count, why);
        int64_t now_ns = machine_now_ns();
        for (size_t i = 0; i < count && !err; i++)
                err = take_answer(s, &answers[i], now_ns, why);
        if (!err && progress_interrupted())
                err = stet_why_set(why, STET_ECANCELED, "interrupted");
        return err;
}

static int run_all(struct sleeps *s, stet_why *why)
{
        struct progress progress;
        stet_answer *answers = xcalloc(ANSWERS_MAX, sizeof(*answers));
        int err = 0;
        progress_begin(&progress, "timers, ended", s->runs);
        s->first_ns = machine_now_ns();
        while (s->ended < s->runs && !err) {
                while (s->sent < s->runs && s->sent - s->durable < STARTS_MAX && !err)
                        err = submit(s, s->sent++, why);
                if (!err)
                        err = take_answers(s, answers, why);
                progress_show(&progress, s->ended, machine_now_ns());
        }
        progress_end(&progress);
        free(answers);
        return err;
}

/* --- what they recorded --- */

static int read_one(struct sleeps *s, const char *run_id, stet_why *why)
{
        stet_value shown = { 0 };
        int err = stet_client_show(s->client, run_id, &shown, why);
        if (err)
                return err;
        stet_value result = stet_value_get(&shown, "result");
        int64_t late_ms = stet_value_int(&result, -1);
        s->early += late_ms < 0;
        histogram_add(&s->recorded, late_ms * MS_NS);
        stet_value_free(&shown);
        return progress_interrupted() ? stet_why_set(why, STET_ECANCELED, "interrupted") : 0;
}

static int read_recorded(struct sleeps *s, stet_why *why)
{
        struct progress progress;
        int err = 0;
        progress_begin(&progress, "timers, read", s->runs);
        for (uint64_t i = 0; i < s->runs && !err; i++) {
                err = read_one(s, s->run_ids[i], why);
                progress_show(&progress, i, machine_now_ns());
        }
        progress_end(&progress);
        return err;
}

/* --- all of it --- */

static int open_all(const struct bench_options *options, const stet_app *app, const char *dir,
                    struct sleeps *s, stet_why *why)
{
        if (strcmp(options->transport, "inproc") == 0) {
                int err = engine_open(options, app, dir, &s->engine, why);
                s->client = s->engine.client;
                return err;
        }
        int err = server_process_open(options, app, dir, &s->server, why);
        if (!err)
                err = server_process_start(&s->server, &(struct server_start){ 0 }, why);
        return err ? err : server_process_connect(&s->server, &s->client, why);
}

static void close_all(struct sleeps *s)
{
        if (s->engine.node) {
                engine_close(&s->engine); /* with the client */
                return;
        }
        stet_client_close(s->client);
        server_process_close(&s->server);
}

static int measure(struct sleeps *s, stet_why *why)
{
        int err = node_stats_read(s->client, &s->before, why);
        double own_s = machine_usage().cpu_s;
        double node_s = s->engine.node ? (double)NAN : server_process_cpu_s(&s->server);
        if (!err)
                err = run_all(s, why);
        s->node_cpu_s = s->engine.node ? (double)NAN : server_process_cpu_s(&s->server) - node_s;
        s->cpu_s = machine_usage().cpu_s - own_s + (s->engine.node ? 0 : s->node_cpu_s);
        if (!err)
                err = node_stats_read(s->client, &s->after, why);
        return err ? err : read_recorded(s, why);
}

static void report_sleeps(struct report *r, const struct sleeps *s)
{
        double runs = (double)s->runs;
        const struct histogram *seen = &s->seen, *recorded = &s->recorded;
        const struct report_figure figures[] = {
                { "sleep_ms", "each sleeps, ms", NULL, (double)s->sleep_ms, 0 },
                { "starts_s", "all durable after, s", NULL, (double)(s->last_start_ns - s->first_ns) / 1e9,
                  3 },
                { "all_done_s", "all ended after, s", "as the client sees it",
                  (double)(s->last_end_ns - s->first_ns) / 1e9, 3 },
                { "lateness_p50_ms", "late by ms, recorded, p50", NULL, histogram_us(recorded, 0.5) / 1e3,
                  1 },
                { "lateness_p99_ms", "  p99", NULL, histogram_us(recorded, 0.99) / 1e3, 1 },
                { "lateness_max_ms", "  longest", NULL, histogram_us(recorded, 1) / 1e3, 1 },
                { "seen_lateness_p50_ms", "late by ms, at the client, p50", NULL,
                  histogram_us(seen, 0.5) / 1e3, 1 },
                { "seen_lateness_p99_ms", "  p99", NULL, histogram_us(seen, 0.99) / 1e3, 1 },
                { "seen_lateness_max_ms", "  longest", NULL, histogram_us(seen, 1) / 1e3, 1 },
                { "fired_early", "fired early", "must be 0", (double)s->early, 0 },
                { "cpu_ms_per_run", "CPU ms a run", "all processes", s->cpu_s * 1e3 / runs, 4 },
                { "node_cpu_ms_per_run", "  of the server alone", NULL, s->node_cpu_s * 1e3 / runs, 4 },
        };
        for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
                report_figure_add(r, &figures[i]);
}

static void fill_report(const struct bench_options *options, const struct sleeps *s, struct report *r)
{
        r->mode = "all at once";
        r->transport = options->transport;
        r->payload_bytes = NAN;
        report_work(r, s->runs, (double)(s->last_end_ns - s->first_ns) / 1e9,
                    (uint64_t)(s->after.records - s->before.records),
                    (uint64_t)(s->after.commits - s->before.commits), s->cpu_s);
        r->runs_per_s = r->transitions_per_s = NAN; /* most of the time they sleep */
        r->rss_bytes = (double)machine_usage().rss_bytes;
        report_sleeps(r, s);
}

int sleeps_measure(const struct bench_options *options, const char *dir, struct report *r, stet_why *why)
{
        struct sleeps *s = xcalloc(1, sizeof(*s));
        stet_app app = STET_APP("bench");
        stet_app_workflow(&app, "sleeper", sleeper);
        s->runs = options->runs ? options->runs : RUNS_DEFAULT;
        s->sleep_ms = options->sleep_ms;
        s->run_ids = xcalloc(s->runs, sizeof(*s->run_ids));
        s->sent_ns = xcalloc(s->runs, sizeof(*s->sent_ns));
        int err = stet_value_set_int(&s->input, s->sleep_ms);
        if (!err)
                err = open_all(options, &app, dir, s, why);
        if (!err)
                err = measure(s, why);
        close_all(s);
        if (!err)
                fill_report(options, s, r);
        stet_value_free(&s->input);
        stet_app_fini(&app);
        free(s->sent_ns);
        free(s->run_ids);
        free(s);
        return err;
}
