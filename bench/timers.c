/* SPDX-License-Identifier: MIT
 *
 * `timers`: runs that sleep, what each costs while it does, and how late they wake after the server was
 * killed in between.
 *
 * Each run is told when it is due and returns the recorded time at which it went on, so that what is measured
 * is in the log and can be read afterwards, run by run: a run that woke early, twice or not at all is found.
 */
#include "bench/workload.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "bench/firings.h"
#include "bench/node_stats.h"
#include "bench/probe.h"
#include "bench/progress.h"
#include "bench/server_process.h"
#include "bench/sleeps.h"
#include "bench/start_many.h"

static const uint64_t RUNS_DEFAULT = 100000;
static const int64_t AFTER_MS = 20000;
static const int64_t AFTER_RUNS_A_MS = 5;
static const int64_t SPREAD_MS_MIN = 1000;
static const int64_t SPREAD_RUNS_A_MS = 10;
static const int64_t GRACE_MS = 60000; /* after the last was due, and a ms a run: then the rest is lost */

enum {
        LOOK_EVERY_MS = 250,
        STEADY_LOOKS = 28,         /* so many in a row: longer than an idle run stays in memory … */
        STEADY_BYTES = 256 * 1024, /* … within so many bytes */
};

struct timers {
        struct server_process server;
        stet_client *client;
        struct firings_due due;
        char (*run_ids)[STET_RUN_ID_SIZE];
        struct server_memory empty, parked, recovered, after;
        double settle_s;
        double ready_ms;
        double ready_ahead_ms; /* of the first that is due */
        uint64_t disk_bytes;
        struct firings fired;
};

static int sleeper(stet_run *run, const stet_value *in, stet_value *ret)
{
        int err = stet_sleep_until(run, stet_value_int(in, 0));
        return err ? err : stet_value_set_int(ret, stet_now_ms(run));
}

static int make_input(const void *context, uint64_t number, stet_value *ret)
{
        return stet_value_set_int(ret, firings_due_ms(context, number));
}

/* --- before the kill --- */

static int start_sleepers(const struct bench_options *options, struct timers *t, stet_why *why)
{
        int64_t after_ms =
            options->after_ms >= 0 ? options->after_ms : AFTER_MS + (int64_t)t->due.runs / AFTER_RUNS_A_MS;
        struct start_many many = {
                .workflow = "sleeper",
                .input = make_input,
                .context = &t->due,
                .runs = t->due.runs,
                .what = "timers, starts",
        };
        t->due.first_ms = machine_wall_ms() + after_ms;
        int err = start_many(t->client, &many, t->run_ids, why);
        int64_t ahead_ms = t->due.first_ms - machine_wall_ms();
        if (!err && ahead_ms < 0)
                err = stet_why_set(why, STET_ETIMEDOUT,
                                   "the first run was due %lld ms before the last was started: give a longer "
                                   "--after",
                                   (long long)-ahead_ms);
        return err;
}

/* Whether all that can be put aside was: no run in memory, nothing left to checkpoint, as far as the node
 * tells. */
static bool is_parked(const struct node_stats *s)
{
        return !(s->runs_in_memory > 0) && !(s->lag_bytes > 0);
}

/* Waits until the server's memory stays the same, but at most for three quarters of the time that is left. */
static int settle(struct timers *t, stet_why *why)
{
        int64_t start_ns = machine_now_ns(), now_ms = machine_wall_ms();
        int64_t until_ms = t->due.first_ms - (t->due.first_ms - now_ms) / 4;
        double base = 0;
        int err = 0;
        for (int same = 0; same < STEADY_LOOKS && machine_wall_ms() < until_ms && !err;) {
                struct node_stats stats;
                err = progress_pause(LOOK_EVERY_MS, why);
                if (!err)
                        err = server_process_memory(&t->server, &t->parked, why);
                if (!err)
                        err = node_stats_read(t->client, &stats, why);
                if (err)
                        break;
                bool steady = fabs(t->parked.rss_bytes - base) <= STEADY_BYTES && is_parked(&stats);
                same = steady ? same + 1 : 0;
                base = steady ? base : t->parked.rss_bytes;
        }
        t->settle_s = (double)(machine_now_ns() - start_ns) / 1e9;
        return err ? err : server_process_memory(&t->server, &t->parked, why);
}

static int begin(const struct bench_options *options, struct timers *t, stet_why *why)
{
        int err = server_process_start(&t->server, &(struct server_start){ 0 }, why);
        if (!err)
                err = server_process_connect(&t->server, &t->client, why);
        if (!err)
                err = probe_command(t->client, why);
        if (!err)
                err = server_process_memory(&t->server, &t->empty, why);
        if (!err)
                err = start_sleepers(options, t, why);
        if (!err)
                err = settle(t, why);
        t->disk_bytes = machine_disk_bytes(t->server.dir, NULL);
        return err;
}

/* --- the kill --- */

static int restart(struct timers *t, stet_why *why)
{
        stet_client_close(t->client);
        t->client = NULL;
        int err = server_process_kill(&t->server, why);
        if (!err)
                err = probe_restart(&t->server, &(struct server_start){ 0 }, &t->client, &t->ready_ms, why);
        t->ready_ahead_ms = (double)(t->due.first_ms - machine_wall_ms());
        return err ? err : server_process_memory(&t->server, &t->recovered, why);
}

/* --- and after it --- */

/* Waits until no run is open; what is open when the grace is over is lost. */
static int wait_for_all(struct timers *t, stet_why *why)
{
        struct progress progress;
        struct node_stats stats = { .runs_open = (double)t->due.runs };
        int64_t until_ms = t->due.first_ms + t->due.spread_ms + GRACE_MS + (int64_t)t->due.runs;
        int err = 0;
        progress_begin(&progress, "timers, fired", t->due.runs);
        while (stats.runs_open > 0 && machine_wall_ms() < until_ms && !err) {
                err = progress_pause(LOOK_EVERY_MS, why);
                if (!err)
                        err = node_stats_read(t->client, &stats, why);
                progress_show(&progress, t->due.runs - (uint64_t)stats.runs_open, machine_now_ns());
        }
        progress_end(&progress);
        return err ? err : server_process_memory(&t->server, &t->after, why);
}

/* --- the report --- */

static void report_costs(struct report *r, const struct timers *t)
{
        double runs = (double)t->due.runs;
        const struct report_figure figures[] = {
                { "rss_bytes_per_run", "resident bytes/run", "the whole server, divided by the runs",
                  t->parked.rss_bytes / runs, 0 },
                { "anon_bytes_per_run", "  of its own", NULL, t->parked.anon_bytes / runs, 0 },
                { "file_bytes_per_run", "  of mapped files", "the kernel can take them back",
                  t->parked.file_bytes / runs, 0 },
                { "parked_rss_bytes", "server's bytes, all asleep", NULL, t->parked.rss_bytes, 0 },
                { "parked_anon_bytes", NULL, NULL, t->parked.anon_bytes, 0 },
                { "empty_rss_bytes", "  without any run", NULL, t->empty.rss_bytes, 0 },
                { "empty_anon_bytes", NULL, NULL, t->empty.anon_bytes, 0 },
                { "recovered_rss_bytes", "  after the restart", NULL, t->recovered.rss_bytes, 0 },
                { "recovered_anon_bytes", NULL, NULL, t->recovered.anon_bytes, 0 },
                { "after_rss_bytes", "  when all have fired", NULL, t->after.rss_bytes, 0 },
                { "after_anon_bytes", NULL, NULL, t->after.anon_bytes, 0 },
                { "settle_s", "seconds until memory is steady", NULL, t->settle_s, 1 },
                { "ready_ms", "ready after kill -9, ms", "a start is answered", t->ready_ms, 1 },
                { "ready_ahead_ms", "  before the first is due, ms", NULL, t->ready_ahead_ms, 0 },
        };
        for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
                report_figure_add(r, &figures[i]);
}

static void report_lateness(struct report *r, const struct timers *t)
{
        const struct firings *f = &t->fired;
        const struct histogram *h = &f->lateness;
        double fired_s = (double)(f->last_fired_ms - t->due.first_ms) / 1e3;
        report_curve_add(&r->curves, "all runs", h);
        const struct report_figure figures[] = {
                { "spread_ms", "due within, ms", NULL, (double)t->due.spread_ms, 0 },
                { "fired_per_s", "fired a second", "from the first that is due to the last that fired",
                  (double)h->count / fired_s, 0 },
                { "lateness_p50_ms", "late by ms, p50", NULL, histogram_us(h, 0.5) / 1e3, 1 },
                { "lateness_p99_ms", "  p99", NULL, histogram_us(h, 0.99) / 1e3, 1 },
                { "lateness_p999_ms", "  p99.9", NULL, histogram_us(h, 0.999) / 1e3, 1 },
                { "lateness_max_ms", "  longest", NULL, histogram_us(h, 1) / 1e3, 1 },
                { "fired_once", "fired once", NULL, (double)f->once, 0 },
                { "fired_again", "fired again", "must be 0", (double)f->again, 0 },
                { "fired_early", "fired early", "must be 0", (double)f->early, 0 },
                { "lost", "lost", "must be 0", (double)f->lost, 0 },
        };
        for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
                report_figure_add(r, &figures[i]);
}

static int measure(const struct bench_options *options, struct timers *t, stet_why *why)
{
        int err = begin(options, t, why);
        if (!err)
                err = restart(t, why);
        if (!err)
                err = wait_for_all(t, why);
        if (!err)
                err = firings_read(&t->due, &t->server, t->run_ids, &t->fired, why);
        stet_client_close(t->client);
        return err;
}

int workload_timers(const struct bench_options *options, const char *dir, struct report *r, stet_why *why)
{
        if (options->sleep_ms >= 0)
                return sleeps_measure(options, dir, r, why);
        struct timers *t = xcalloc(1, sizeof(*t));
        stet_app app = STET_APP("bench");
        int64_t start_ns = machine_now_ns();
        stet_app_workflow(&app, "sleeper", sleeper);
        probe_register(&app);
        t->due.runs = options->runs ? options->runs : RUNS_DEFAULT;
        t->due.spread_ms = (int64_t)t->due.runs / SPREAD_RUNS_A_MS;
        if (t->due.spread_ms < SPREAD_MS_MIN)
                t->due.spread_ms = SPREAD_MS_MIN;
        if (options->spread_ms >= 0)
                t->due.spread_ms = options->spread_ms;
        t->run_ids = xcalloc(t->due.runs, sizeof(*t->run_ids));
        int err = server_process_open(options, &app, dir, &t->server, why);
        if (!err)
                err = measure(options, t, why);
        server_process_close(&t->server);
        if (!err) {
                r->transport = "tcp";
                r->runs = (double)t->due.runs;
                r->seconds = (double)(machine_now_ns() - start_ns) / 1e9;
                r->rss_bytes = fmax(t->parked.peak_bytes, t->after.peak_bytes);
                r->disk_bytes_per_run = (double)t->disk_bytes / (double)t->due.runs;
                r->payload_bytes = NAN;
                report_costs(r, t);
                report_lateness(r, t);
        }
        stet_app_fini(&app);
        free(t->run_ids);
        free(t);
        return err;
}
