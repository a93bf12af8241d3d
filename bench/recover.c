/* SPDX-License-Identifier: MIT
 *
 * `recover`: how long a killed node takes to come back, by the number of open runs. Two kinds: parked runs
 * wait for a signal (with a timeout, so that each has a timer, too); active ones have an activity queued that
 * no executor takes until the node is back. The node is killed as soon as the last start is durable, so what
 * it could have put in order after that it has not.
 */
#include "bench/workload.h"

#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "bench/node_stats.h"
#include "bench/probe.h"
#include "bench/progress.h"
#include "bench/server_process.h"
#include "bench/start_many.h"

static const uint64_t runs_default[] = { 1000, 100000, 1000000 };
static const double BOUND_MS = 1000;
static const double BOUND_RUNS_A_MS = 100; /* beside that: 1 s for 100,000 */

enum { STEP_TIMEOUT_MS = 120000, STALLED_MS = 60000, LOOK_EVERY_MS = 1, STOP_TIMEOUT_MS = 10000 };

enum {
        COLUMN_RUNS,
        COLUMN_KIND,
        COLUMN_DISK,
        COLUMN_LAG,
        COLUMN_READY,
        COLUMN_CPU,
        COLUMN_BOUND,
        COLUMN_OK,
        COLUMN_FIRST,
        COLUMN_DONE,
        COLUMN_RSS,
        COLUMN_ANON,
        COLUMNS_COUNT,
};

static const struct report_column columns[COLUMNS_COUNT] = {
        [COLUMN_RUNS] = { "runs", "open runs", 10, 0 },
        [COLUMN_KIND] = { "kind", "kind", -6, REPORT_WORD },
        [COLUMN_DISK] = { "disk_bytes_per_run", "disk/run", 8, 0 },
        [COLUMN_LAG] = { "lag_bytes", "lag bytes", 12, 0 },
        [COLUMN_READY] = { "ready_ms", "ready ms", 9, 1 },
        [COLUMN_CPU] = { "ready_cpu_ms", "its CPU ms", 10, 1 },
        [COLUMN_BOUND] = { "bound_ms", "bound ms", 9, 0 },
        [COLUMN_OK] = { "ok", "ok", 4, REPORT_BOOL },
        [COLUMN_FIRST] = { "first_step_ms", "first step ms", 13, 1 },
        [COLUMN_DONE] = { "all_done_ms", "all done ms", 12, 1 },
        [COLUMN_RSS] = { "rss_bytes", "RSS bytes", 14, 0 },
        [COLUMN_ANON] = { "anon_bytes", "its own", 14, 0 },
};

/* One line of the table. */
struct point {
        struct server_process *server;
        stet_client *client;
        uint64_t runs;
        bool active;
        bool to_end;
        char (*run_ids)[STET_RUN_ID_SIZE];
        int64_t restart_ns;
        struct report_cell cells[COLUMNS_COUNT];
};

/* --- the runs --- */

static int waiter(stet_run *run, const stet_value *in, stet_value *ret)
{
        (void)in;
        return stet_wait_signal(run, "go", ret, .timeout_ms = stet_hours(24));
}

static int worker(stet_run *run, const stet_value *in, stet_value *ret)
{
        return stet_call(run, "job", in, ret);
}

/* When the first job of a point was handed to the executor, which is in this process; 0: not yet. */
static _Atomic int64_t first_job_ns;

static int job(stet_activity *a, const stet_value *in, stet_value *ret)
{
        int64_t none = 0;
        (void)a;
        atomic_compare_exchange_strong(&first_job_ns, &none, machine_now_ns());
        return stet_value_copy(ret, in);
}

static int make_input(const void *context, uint64_t number, stet_value *ret)
{
        (void)context;
        return stet_value_set_int(ret, (int64_t)number);
}

/* --- a point --- */

static double since_restart_ms(const struct point *p, int64_t ns)
{
        return (double)(ns - p->restart_ns) / 1e6;
}

static int fill(struct point *p, stet_why *why)
{
        struct node_stats stats;
        struct start_many many = {
                .workflow = p->active ? "worker" : "waiter",
                .input = make_input,
                .runs = p->runs,
                .what = "recover, starts",
        };
        int err = server_process_start(p->server, &(struct server_start){ 0 }, why);
        if (!err)
                err = server_process_connect(p->server, &p->client, why);
        if (!err)
                err = start_many(p->client, &many, p->run_ids, why);
        if (!err)
                err = node_stats_read(p->client, &stats, why);
        if (!err)
                p->cells[COLUMN_LAG].number = stats.lag_bytes;
        return err;
}

static int kill_and_restart(struct point *p, stet_why *why)
{
        double *ready_ms = &p->cells[COLUMN_READY].number;
        stet_client_close(p->client);
        p->client = NULL;
        int err = server_process_kill(p->server, why);
        if (err)
                return err;
        p->cells[COLUMN_DISK].number = (double)machine_disk_bytes(p->server->dir, NULL) / (double)p->runs;
        p->restart_ns = machine_now_ns();
        err = probe_restart(p->server, &(struct server_start){ 0 }, &p->client, ready_ms, why);
        p->cells[COLUMN_CPU].number = server_process_cpu_s(p->server) * 1e3;
        return err;
}

/* A run somewhere in the middle is told to go, and has gone. */
static int first_signal(struct point *p, stet_why *why)
{
        const char *run = p->run_ids[p->runs / 2];
        stet_result result = { 0 };
        int err = stet_client_signal(p->client, run, "go", NULL, NULL, why);
        if (!err)
                err = stet_client_wait(p->client, run, STEP_TIMEOUT_MS, &result, why);
        if (!err && result.ending != STET_RUN_COMPLETED)
                err = stet_why_set(why, STET_EFAILED, "run %s ended as %s", run,
                                   stet_ending_name(result.ending));
        p->cells[COLUMN_FIRST].number = since_restart_ms(p, machine_now_ns());
        stet_value_free(&result.value);
        return err;
}

/* Waits until the executor has done so many; an error when nothing comes for a long time. */
static int wait_for_done(const stet_executor *executor, uint64_t wanted, stet_why *why)
{
        struct progress progress;
        uint64_t done = 0;
        int64_t moved_ns = machine_now_ns();
        int err = 0;
        progress_begin(&progress, "recover, activities", wanted);
        while (done < wanted && !err) {
                uint64_t before = done;
                err = progress_pause(LOOK_EVERY_MS, why);
                done = stet_executor_done(executor);
                int64_t now_ns = machine_now_ns();
                if (done != before)
                        moved_ns = now_ns;
                else if (!err && now_ns - moved_ns > (int64_t)STALLED_MS * 1000000)
                        err = stet_why_set(why, STET_ETIMEDOUT,
                                           "%" PRIu64 " of %" PRIu64
                                           " activities were done, then none for %d s",
                                           done, wanted, STALLED_MS / 1000);
                progress_show(&progress, done, now_ns);
        }
        progress_end(&progress);
        return err;
}

static int first_task(struct point *p, const stet_app *app, stet_why *why)
{
        stet_executor *executor;
        stet_executor_options options = STET_EXECUTOR_OPTIONS;
        options.endpoint = p->server->endpoint;
        options.app = app;
        atomic_store(&first_job_ns, 0);
        int err = stet_executor_start(&options, &executor, why);
        if (err)
                return err;
        err = wait_for_done(executor, p->to_end ? p->runs : 1, why);
        p->cells[COLUMN_FIRST].number = since_restart_ms(p, atomic_load(&first_job_ns));
        if (p->to_end)
                p->cells[COLUMN_DONE].number = since_restart_ms(p, machine_now_ns());
        stet_executor_stop(executor, STOP_TIMEOUT_MS);
        return err;
}

static int measure_point(struct point *p, const stet_app *app, stet_why *why)
{
        struct server_memory memory;
        int err = fill(p, why);
        if (!err)
                err = kill_and_restart(p, why);
        if (!err)
                err = server_process_memory(p->server, &memory, why);
        if (!err)
                err = p->active ? first_task(p, app, why) : first_signal(p, why);
        stet_client_close(p->client);
        int killed = server_process_kill(p->server, err ? NULL : why);
        if (err || killed)
                return err ? err : killed;
        p->cells[COLUMN_RSS].number = memory.rss_bytes;
        p->cells[COLUMN_ANON].number = memory.anon_bytes;
        p->cells[COLUMN_OK].number = p->cells[COLUMN_READY].number <= p->cells[COLUMN_BOUND].number;
        return 0;
}

static int add_point(const struct bench_options *options, struct server_process *server, const stet_app *app,
                     uint64_t runs, bool active, struct report_table *table, stet_why *why)
{
        char name[64];
        struct point p = {
                .server = server,
                .runs = runs,
                .active = active,
                .to_end = options->to_end,
                .run_ids = xcalloc(runs, STET_RUN_ID_SIZE),
        };
        for (size_t i = 0; i < COLUMNS_COUNT; i++)
                p.cells[i].number = NAN;
        p.cells[COLUMN_RUNS].number = (double)runs;
        p.cells[COLUMN_KIND].word = active ? "active" : "parked";
        p.cells[COLUMN_BOUND].number = BOUND_MS + (double)runs / BOUND_RUNS_A_MS;
        snprintf(name, sizeof(name), "%s-%" PRIu64, p.cells[COLUMN_KIND].word, runs);
        server_process_use(server, name);
        int err = measure_point(&p, app, why);
        if (!err)
                report_table_add(table, p.cells);
        free(p.run_ids);
        return err;
}

static int measure_points(const struct bench_options *options, struct server_process *server,
                          const stet_app *app, struct report *r, stet_why *why)
{
        struct report_table *table = report_table_begin(r, "points", columns, COLUMNS_COUNT);
        const uint64_t *runs = options->runs_count ? options->runs_list : runs_default;
        size_t count = options->runs_count ? options->runs_count : sizeof(runs_default) / sizeof(*runs);
        int err = 0;
        for (size_t i = 0; i < count && !err; i++) {
                if (options->parked)
                        err = add_point(options, server, app, runs[i], false, table, why);
                if (options->active && !err)
                        err = add_point(options, server, app, runs[i], true, table, why);
                report_show_rows(r, table);
        }
        return err;
}

int workload_recover(const struct bench_options *options, const char *dir, struct report *r, stet_why *why)
{
        stet_app app = STET_APP("bench");
        struct server_process server = { 0 };
        stet_app_workflow(&app, "waiter", waiter);
        stet_app_workflow(&app, "worker", worker);
        stet_app_activity(&app, "job", job);
        probe_register(&app);
        r->transport = "tcp";
        r->payload_bytes = NAN;
        int err = server_process_open(options, &app, dir, &server, why);
        if (!err)
                err = measure_points(options, &server, &app, r, why);
        server_process_close(&server);
        if (!err)
                r->rss_bytes = (double)machine_usage().rss_bytes;
        stet_app_fini(&app);
        return err;
}
