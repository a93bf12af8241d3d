/* SPDX-License-Identifier: MIT
 *
 * Nodes, clients and executors on threads of their own, all busy at the same time. It runs in every tree, but
 * it is meant for ThreadSanitizer, which does not work under Criterion: hence a plain program, whose output
 * is TAP.
 */
#include "runtime/clock.h"
#include "tests/lib/temp_dir.h"

#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <stet/stet.h>
#include <string.h>

enum { CLIENTS = 2, RUNS = 1000, SIGNALLED = 100, ANSWERS = 64, SILENCE_MS = 60000 };

struct visitor {
        pthread_t thread;
        stet_node *node; /* NULL: connects to the endpoint */
        const char *endpoint;
        int completed; /* runs */
};

static atomic_int calls; /* of add_one() */

static int add_one(stet_activity *a, const stet_value *in, stet_value *ret)
{
        (void)a;
        atomic_fetch_add(&calls, 1);
        return stet_value_set_int(ret, stet_value_int(in, 0) + 1);
}

static int add_three(stet_run *run, const stet_value *in, stet_value *ret)
{
        stet_value one = { 0 }, two = { 0 };
        int err = stet_call(run, "add_one", in, &one, .timeout_ms = SILENCE_MS);
        if (!err)
                err = stet_call(run, "add_one", &one, &two, .timeout_ms = SILENCE_MS);
        return err ? err : stet_call(run, "add_one", &two, ret, .timeout_ms = SILENCE_MS);
}

/* Waits for a number and passes it on to its neighbour, if it has one: signals between shards. */
static int pass_on(stet_run *run, const stet_value *in, stet_value *ret)
{
        char neighbour[40];
        int err = stet_wait_signal(run, "number", ret);
        if (!err && stet_value_get_string(in, neighbour, sizeof neighbour) == 0)
                err = stet_signal(run, neighbour, "number", ret);
        return err;
}

static void submit_all(stet_client *client)
{
        stet_value in = { 0 };
        stet_value_set_int(&in, 1);
        for (uint64_t tag = 0; tag < RUNS; tag++) {
                stet_start start = { .workflow = "add_three", .input = &in };
                stet_why why = { "" };
                if (stet_client_submit(client, &start, tag, true, &why) != 0) {
                        fprintf(stderr, "submit: %s\n", why.text);
                        abort();
                }
        }
        stet_value_free(&in);
}

/* Returns how many runs have completed: all of them, or fewer when one ended otherwise or nothing was heard
 * any more. */
static int collect_all(stet_client *client)
{
        int completed = 0;
        size_t count;
        stet_answer answers[ANSWERS];
        stet_why why = { "" };
        for (int ended = 0; ended < RUNS;) {
                int err = stet_client_collect(client, answers, ANSWERS, SILENCE_MS, &count, &why);
                if (err || count == 0) {
                        fprintf(stderr, "collect: %s\n", err ? why.text : "no answer");
                        return completed;
                }
                for (size_t i = 0; i < count; i++) {
                        ended += answers[i].ended || answers[i].err != 0;
                        completed += answers[i].ended && answers[i].ending == STET_RUN_COMPLETED;
                }
        }
        return completed;
}

static void *visit(void *arg)
{
        struct visitor *v = arg;
        stet_client *client = NULL;
        stet_why why = { "" };
        int err = v->node ? stet_node_client(v->node, &client, &why)
                          : stet_client_connect(v->endpoint, &client, &why);
        if (err) {
                fprintf(stderr, "client: %s\n", why.text);
                return NULL;
        }
        submit_all(client);
        v->completed = collect_all(client);
        stet_client_close(client);
        return NULL;
}

/* Whether every run of every client completed. */
static bool visit_together(stet_node *node, const char *endpoint)
{
        struct visitor visitors[CLIENTS] = { 0 };
        bool all = true;
        for (int i = 0; i < CLIENTS; i++) {
                visitors[i].node = node;
                visitors[i].endpoint = endpoint;
                int err = pthread_create(&visitors[i].thread, NULL, visit, &visitors[i]);
                assert(!err);
        }
        for (int i = 0; i < CLIENTS; i++) {
                pthread_join(visitors[i].thread, NULL);
                all = all && visitors[i].completed == RUNS;
        }
        return all;
}

static stet_node *open_node(const stet_node_options *options)
{
        stet_node *node = NULL;
        stet_why why = { "" };
        if (stet_node_open(options, &node, &why) != 0) {
                fprintf(stderr, "node: %s\n", why.text);
                exit(1);
        }
        return node;
}

static bool clients_share_a_node_of_three_shards(const stet_app *app, const char *dir)
{
        stet_node_options options = STET_NODE_OPTIONS;
        options.data_dir = dir;
        options.app = app;
        options.threads = true;
        options.shards = 3;
        options.executors = 2;
        stet_node *node = open_node(&options);
        bool all = visit_together(node, NULL);
        stet_node_close(node);
        return all;
}

static stet_executor *start_executor(const stet_app *app, const char *endpoint)
{
        stet_executor_options options = STET_EXECUTOR_OPTIONS;
        options.endpoint = endpoint;
        options.app = app;
        options.slots = 2;
        stet_executor *executor = NULL;
        stet_why why = { "" };
        if (stet_executor_start(&options, &executor, &why) != 0) {
                fprintf(stderr, "executor: %s\n", why.text);
                exit(1);
        }
        return executor;
}

static bool executors_elsewhere_serve_clients_elsewhere(const stet_app *app, const char *dir)
{
        const char *const listen[] = { "tcp://127.0.0.1:0", NULL };
        stet_node_options options = STET_NODE_OPTIONS;
        options.data_dir = dir;
        options.app = app;
        options.threads = true;
        options.no_activities = true;
        options.listen = listen;
        stet_node *node = open_node(&options);
        stet_executor *executor = start_executor(app, stet_node_endpoint(node, 0));
        bool all = visit_together(NULL, stet_node_endpoint(node, 0));
        stet_executor_stop(executor, SILENCE_MS);
        stet_node_close(node);
        return all;
}

/* Ring number n passes its number on to n - 1, down to 0. */
static bool start_ring(stet_client *client, int n)
{
        char id[40], neighbour[40];
        snprintf(id, sizeof id, "ring-%d", n);
        snprintf(neighbour, sizeof neighbour, "ring-%d", n - 1);
        stet_value in = { 0 };
        if (n > 0)
                stet_value_set_string(&in, neighbour);
        stet_start start = { .workflow = "pass_on", .id = id, .input = &in };
        stet_started started;
        stet_why why = { "" };
        int err = stet_client_start(client, &start, &started, &why);
        if (err)
                fprintf(stderr, "start: %s\n", why.text);
        stet_value_free(&in);
        return !err;
}

static bool ring_got(stet_client *client, int n, int64_t number)
{
        char id[40];
        stet_result result = { 0 };
        stet_why why = { "" };
        snprintf(id, sizeof id, "ring-%d", n);
        int err = stet_client_wait(client, id, SILENCE_MS, &result, &why);
        bool good = !err && result.ending == STET_RUN_COMPLETED && stet_value_int(&result.value, 0) == number;
        if (!good)
                fprintf(stderr, "%s: %s\n", id, err ? why.text : stet_ending_name(result.ending));
        stet_value_free(&result.value);
        return good;
}

static bool signals_cross_shards(const stet_app *app, const char *dir)
{
        stet_node_options options = STET_NODE_OPTIONS;
        options.data_dir = dir;
        options.app = app;
        options.threads = true;
        options.shards = 3;
        stet_node *node = open_node(&options);
        stet_client *client = NULL;
        stet_why why = { "" };
        stet_value number = { 0 };
        stet_value_set_int(&number, 42);
        bool good = stet_node_client(node, &client, &why) == 0;
        for (int n = 0; n < SIGNALLED && good; n++)
                good = start_ring(client, n);
        char last[40];
        snprintf(last, sizeof last, "ring-%d", SIGNALLED - 1);
        good = good && stet_client_signal(client, last, "number", &number, NULL, &why) == 0;
        for (int n = SIGNALLED - 1; n >= 0 && good; n--)
                good = ring_got(client, n, 42);
        stet_value_free(&number);
        stet_client_close(client);
        stet_node_close(node);
        return good;
}

static void wait_for_calls(int count)
{
        int64_t until_ns = clock_elapsed_ns() + SILENCE_MS * INT64_C(1000000);
        while (atomic_load(&calls) < count && clock_elapsed_ns() < until_ns)
                sched_yield();
}

/* The node goes down under its clients and its executor, again and again, while they are busy; each time all
 * go on where they were. */
static bool node_is_closed_and_opened_under_its_guests(const stet_app *app, const char *dir)
{
        enum { CLOSES = 3 };
        const char *listen[] = { "tcp://127.0.0.1:0", NULL };
        stet_node_options options = STET_NODE_OPTIONS;
        options.data_dir = dir;
        options.app = app;
        options.threads = true;
        options.shards = 3;
        options.no_activities = true;
        options.listen = listen;
        stet_node *node = open_node(&options);
        char endpoint[100];
        snprintf(endpoint, sizeof endpoint, "%s", stet_node_endpoint(node, 0));
        listen[0] = endpoint;
        stet_executor *executor = start_executor(app, endpoint);
        struct visitor guest = { .endpoint = endpoint };
        int before = atomic_load(&calls);
        int err = pthread_create(&guest.thread, NULL, visit, &guest);
        assert(!err);
        for (int i = 1; i <= CLOSES; i++) {
                wait_for_calls(before + 3 * RUNS * i / (CLOSES + 1));
                stet_node_close(node);
                node = open_node(&options);
        }
        pthread_join(guest.thread, NULL);
        stet_executor_stop(executor, SILENCE_MS);
        stet_node_close(node);
        return guest.completed == RUNS;
}

static const struct {
        const char *name;
        bool (*run)(const stet_app *app, const char *dir);
} cases[] = {
        { "clients_share_a_node_of_three_shards", clients_share_a_node_of_three_shards },
        { "executors_elsewhere_serve_clients_elsewhere", executors_elsewhere_serve_clients_elsewhere },
        { "signals_cross_shards", signals_cross_shards },
        { "node_is_closed_and_opened_under_its_guests", node_is_closed_and_opened_under_its_guests },
};

int main(void)
{
        const size_t count = sizeof cases / sizeof *cases;
        bool all = true;
        stet_app app = STET_APP("threads");
        stet_app_workflow(&app, "add_three", add_three);
        stet_app_workflow(&app, "pass_on", pass_on);
        stet_app_activity(&app, "add_one", add_one);
        printf("1..%zu\n", count);
        for (size_t i = 0; i < count; i++) {
                char *dir = temp_dir_new();
                bool good = cases[i].run(&app, dir);
                printf("%s %zu - %s\n", good ? "ok" : "not ok", i + 1, cases[i].name);
                fflush(stdout);
                temp_dir_free(dir);
                all = all && good;
        }
        stet_app_fini(&app);
        return all ? 0 : 1;
}
