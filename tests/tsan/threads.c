/* SPDX-License-Identifier: MIT
 *
 * Nodes, clients and executors on threads of their own, all busy at the same time. It runs in every tree, but
 * it is meant for ThreadSanitizer, which does not work under Criterion: hence a plain program, whose output
 * is TAP.
 */
#include "tests/lib/temp_dir.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <stet/stet.h>
#include <string.h>

enum { CLIENTS = 2, RUNS = 200, ANSWERS = 64, SILENCE_MS = 60000 };

struct visitor {
        pthread_t thread;
        stet_node *node; /* NULL: connects to the endpoint */
        const char *endpoint;
        int completed; /* runs */
};

static int add_one(stet_activity *a, const stet_value *in, stet_value *ret)
{
        (void)a;
        return stet_value_set_int(ret, stet_value_int(in, 0) + 1);
}

static int add_two(stet_run *run, const stet_value *in, stet_value *ret)
{
        stet_value middle = { 0 };
        int err = stet_call(run, "add_one", in, &middle, .timeout_ms = SILENCE_MS);
        return err ? err : stet_call(run, "add_one", &middle, ret, .timeout_ms = SILENCE_MS);
}

static void submit_all(stet_client *client)
{
        stet_value in = { 0 };
        stet_value_set_int(&in, 1);
        for (uint64_t tag = 0; tag < RUNS; tag++) {
                stet_start start = { .workflow = "add_two", .input = &in };
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

static bool clients_share_a_node_of_two_shards(const stet_app *app, const char *dir)
{
        stet_node_options options = STET_NODE_OPTIONS;
        options.data_dir = dir;
        options.app = app;
        options.threads = true;
        options.shards = 2;
        options.executors = 2;
        stet_node *node = open_node(&options);
        bool all = visit_together(node, NULL);
        stet_node_close(node);
        return all;
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

        stet_executor_options executor_options = STET_EXECUTOR_OPTIONS;
        executor_options.endpoint = stet_node_endpoint(node, 0);
        executor_options.app = app;
        executor_options.slots = 2;
        stet_executor *executor = NULL;
        stet_why why = { "" };
        bool all = false;
        if (stet_executor_start(&executor_options, &executor, &why) == 0)
                all = visit_together(NULL, executor_options.endpoint);
        else
                fprintf(stderr, "executor: %s\n", why.text);
        stet_executor_stop(executor, SILENCE_MS);
        stet_node_close(node);
        return all;
}

static const struct {
        const char *name;
        bool (*run)(const stet_app *app, const char *dir);
} cases[] = {
        { "clients_share_a_node_of_two_shards", clients_share_a_node_of_two_shards },
        { "executors_elsewhere_serve_clients_elsewhere", executors_elsewhere_serve_clients_elsewhere },
};

int main(void)
{
        const size_t count = sizeof cases / sizeof *cases;
        bool all = true;
        stet_app app = STET_APP("threads");
        stet_app_workflow(&app, "add_two", add_two);
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
