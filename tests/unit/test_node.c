/* SPDX-License-Identifier: MIT
 *
 * Opening nodes: what is refused and with which words, what a refusal leaves behind, and several nodes in one
 * process.
 */
#include "runtime/clock.h"
#include "tests/lib/child.h"
#include "tests/lib/temp_dir.h"
#include "tests/lib/workflows.h"

#include <stet/stet.h>

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { BOUND_MS = 20000 };

static char *dir;       /* holds what a test makes */
static char path[4096]; /* of its data directory, which is not there at first */
static stet_app app;
static stet_why why;

/* --- code --- */

static int sleep_for(stet_run *run, const stet_value *in, stet_value *ret)
{
        (void)ret;
        return stet_sleep(run, stet_value_int(in, 0));
}

/* Crashes when it goes on, so that its start is durable before. */
static int crash(stet_run *run, const stet_value *in, stet_value *ret)
{
        (void)in;
        (void)ret;
        stet_wait_signal(run, "go", NULL);
        abort();
}

static void setup(void)
{
        dir = temp_dir_new();
        snprintf(path, sizeof path, "%s/data", dir);
        app = (stet_app)STET_APP("test");
        stet_app_workflow(&app, "echo", workflow_call_echo);
        stet_app_workflow(&app, "wait", workflow_wait);
        stet_app_workflow(&app, "sleep", sleep_for);
        stet_app_workflow(&app, "crash", crash);
        stet_app_activity(&app, "echo", activity_echo);
        cr_assert_eq(app.err, 0, "%s", app.why.text);
}

static void teardown(void)
{
        temp_dir_free(dir);
        stet_app_fini(&app);
}

TestSuite(node, .init = setup, .fini = teardown, .timeout = 60);

/* --- helpers --- */

static stet_node_options options_of(const char *data_dir)
{
        stet_node_options o = STET_NODE_OPTIONS;
        o.data_dir = data_dir;
        o.app = &app;
        o.level = STET_LEVEL_MEMORY;
        return o;
}

static stet_node *open_node(const stet_node_options *o)
{
        stet_node *node;
        cr_assert_eq(stet_node_open(o, &node, &why), 0, "%s", why.text);
        return node;
}

static stet_client *client_of(stet_node *node)
{
        stet_client *client;
        cr_assert_eq(stet_node_client(node, &client, &why), 0, "%s", why.text);
        return client;
}

/* It does not open, for this reason, which names that. */
static void refused(const stet_node_options *o, int wanted, const char *word)
{
        stet_node *node = NULL;
        why.text[0] = 0;
        int err = stet_node_open(o, &node, &why);
        cr_assert_eq(err, wanted, "%s: %s", stet_error_name(err), why.text);
        cr_assert_null(node, "set on success only");
        cr_assert(strstr(why.text, word), "no \"%s\" in: %s", word, why.text);
}

static bool there(const char *name)
{
        struct stat info;
        return lstat(name, &info) == 0;
}

static void start(stet_client *client, const char *workflow, const char *id, const stet_value *input)
{
        stet_start what = { .workflow = workflow, .id = id, .input = input };
        stet_started started;
        cr_assert_eq(stet_client_start(client, &what, &started, &why), 0, "%s", why.text);
}

static void assert_ends(stet_client *client, const char *id, const char *json)
{
        stet_result result;
        char *text;
        cr_assert_eq(stet_client_wait(client, id, BOUND_MS, &result, &why), 0, "%s", why.text);
        cr_assert_eq(result.ending, STET_RUN_COMPLETED, "%s: %s", result.failure_kind,
                     result.failure_message);
        cr_assert_eq(stet_value_to_json(&result.value, 0, &text), 0);
        cr_assert_str_eq(text, json);
        free(text);
        stet_value_free(&result.value);
}

/* --- refusals --- */

Test(node, held_directory_is_refused_with_its_holder)
{
        char pid[32];
        const char *const listen[] = { "tcp://127.0.0.1:0", NULL };
        snprintf(pid, sizeof pid, "process %ld", (long)getpid());
        stet_node_options o = options_of(path);
        stet_node *first = open_node(&o);
        refused(&o, STET_ELOCKED, pid);
        stet_node_close(first);

        o.listen = listen;
        first = open_node(&o);
        o.listen = NULL;
        refused(&o, STET_ELOCKED, stet_node_endpoint(first, 0));
        stet_node_close(first);
        stet_node_close(open_node(&o));
}

Test(node, missing_directory_is_made_only_if_it_may_be)
{
        stet_node_options o = options_of(path);
        o.no_create = true;
        refused(&o, STET_ENOTFOUND, path);
        cr_assert_not(there(path));
        o.no_create = false;
        stet_node_close(open_node(&o));
        o.no_create = true;
        stet_node_close(open_node(&o));
}

Test(node, foreign_directory_is_refused_and_left_as_it_is)
{
        char name[4200], lock[4200];
        snprintf(name, sizeof name, "%s/letters.txt", path);
        snprintf(lock, sizeof lock, "%s/lock", path);
        cr_assert_eq(mkdir(path, 0700), 0);
        FILE *file = fopen(name, "w");
        cr_assert(file);
        fputs("not yours", file);
        fclose(file);
        stet_node_options o = options_of(path);
        refused(&o, STET_EFORMAT, path);
        cr_assert(there(name));
        cr_assert_not(there(lock));
        o.data_dir = name;
        refused(&o, STET_EFORMAT, "not a directory");
}

Test(node, other_number_of_shards_is_refused_with_both_numbers)
{
        stet_node_options o = options_of(path);
        o.threads = true;
        o.shards = 3;
        stet_node_close(open_node(&o));
        o.shards = 2;
        refused(&o, STET_EINVAL, "3 shards, not 2");
        o.shards = 0;
        stet_node *node = open_node(&o);
        stet_client *client = client_of(node);
        stet_value stats = { 0 };
        cr_assert_eq(stet_client_stats(client, &stats, &why), 0, "%s", why.text);
        stet_value shards = stet_value_get(&stats, "shards");
        cr_assert_eq(stet_value_int(&shards, 0), 3);
        stet_value_free(&stats);
        stet_client_close(client);
        stet_node_close(node);
        o.threads = false;
        refused(&o, STET_EINVAL, "threads");
}

static void copy_file(const char *from_name, const char *to_name)
{
        char from[4200], to[4200], buf[4096];
        snprintf(from, sizeof from, "%s/%s", path, from_name);
        snprintf(to, sizeof to, "%s/%s", path, to_name);
        FILE *in = fopen(from, "r"), *out = fopen(to, "w");
        cr_assert(in && out);
        for (size_t n; (n = fread(buf, 1, sizeof buf, in)) > 0;)
                fwrite(buf, 1, n, out);
        fclose(in);
        fclose(out);
}

Test(node, log_of_another_shard_is_refused)
{
        char id[16];
        stet_node_options o = options_of(path);
        o.threads = true;
        o.shards = 3;
        stet_node *node = open_node(&o);
        stet_client *client = client_of(node);
        for (int i = 0; i < 20; i++) {
                snprintf(id, sizeof id, "w%d", i);
                start(client, "wait", id, NULL);
        }
        stet_client_close(client);
        stet_node_close(node);
        copy_file("shard-1.log", "shard-2.log");
        refused(&o, STET_ECORRUPT, "the log of shard 2 is that of shard 1");
}

Test(node, log_that_is_gone_is_refused_and_not_made_anew)
{
        char log[4200];
        stet_node_options o = options_of(path);
        o.threads = true;
        o.shards = 2;
        stet_node_close(open_node(&o));
        snprintf(log, sizeof log, "%s/shard-1.log", path);
        cr_assert_eq(unlink(log), 0);
        for (int i = 0; i < 2; i++) {
                refused(&o, STET_ECORRUPT, log);
                cr_assert_not(there(log));
        }
}

Test(node, options_that_cannot_be_make_no_directory)
{
        const struct {
                stet_node_options options;
                const char *word;
        } rows[] = {
                { { .struct_size = sizeof(stet_node_options) }, "data directory" },
                { { .struct_size = sizeof(stet_node_options), .data_dir = "" }, "data directory" },
                { { .data_dir = path }, "STET_NODE_OPTIONS" },
                { { .struct_size = sizeof(stet_node_options), .data_dir = path, .stack_size = 16383 },
                  "16 KiB" },
                { { .struct_size = sizeof(stet_node_options), .data_dir = path, .shards = 3 }, "threads" },
                { { .struct_size = sizeof(stet_node_options),
                    .data_dir = path,
                    .shards = 1 << 20,
                    .threads = true },
                  "shards" },
                { { .struct_size = sizeof(stet_node_options), .data_dir = path, .lease_ms = -1 }, "lease" },
        };
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
                refused(&rows[i].options, STET_EINVAL, rows[i].word);
                cr_assert_not(there(path), "row %zu", i);
        }
        stet_node *node;
        cr_assert_eq(stet_node_open(NULL, &node, &why), STET_EINVAL);
}

Test(node, app_that_was_refused_a_name_is_refused)
{
        stet_app wrong = STET_APP("wrong");
        stet_app_workflow(&wrong, "twice", workflow_call_echo);
        stet_app_workflow(&wrong, "twice", workflow_wait);
        stet_node_options o = options_of(path);
        o.app = &wrong;
        refused(&o, wrong.err, "twice");
        cr_assert_not(there(path));
        stet_app_fini(&wrong);
}

Test(node, endpoints_that_cannot_be_are_refused_and_make_no_directory)
{
        const char *const bad[] = {
                "",         "http://127.0.0.1:1", "tcp://127.0.0.1", "tcp://127.0.0.1:99999",
                "tcp://:1", "tcp://0.0.0.0:7233", "tcp://*:7233",    "tcp://example.com:7233",
                "ipc://",   "127.0.0.1:7233"
        };
        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
                const char *const listen[] = { "tcp://127.0.0.1:0", bad[i], NULL };
                stet_node_options o = options_of(path);
                o.listen = listen;
                refused(&o, STET_EENDPOINT, "");
                cr_assert(why.text[0], "%s: no sentence", bad[i]);
                cr_assert_not(there(path), "%s: a directory", bad[i]);
        }
}

Test(node, port_in_use_is_refused_by_name_and_its_user_goes_on)
{
        char other[4096], taken[256];
        const char *listen[] = { "tcp://127.0.0.1:0", NULL };
        stet_node_options o = options_of(path);
        o.listen = listen;
        o.threads = true;
        stet_node *first = open_node(&o);
        snprintf(taken, sizeof taken, "%s", stet_node_endpoint(first, 0));
        snprintf(other, sizeof other, "%s/other", dir);
        listen[0] = taken;
        o.data_dir = other;
        refused(&o, STET_EENDPOINT, taken);

        stet_client *client;
        cr_assert_eq(stet_client_connect(taken, &client, &why), 0, "%s", why.text);
        start(client, "echo", "e", NULL);
        assert_ends(client, "e", "null");
        stet_client_close(client);
        stet_node_close(first);
        stet_node_close(open_node(&o)); /* nobody holds the port or the directory any more */
}

Test(node, smallest_stack_is_enough_for_a_small_workflow)
{
        stet_node_options o = options_of(path);
        o.stack_size = 16 << 10;
        stet_node *node = open_node(&o);
        stet_client *client = client_of(node);
        start(client, "echo", "e", NULL);
        assert_ends(client, "e", "null");
        stet_client_close(client);
        stet_node_close(node);
}

Test(node, endpoints_are_told_as_they_are)
{
        char ipc[4200];
        snprintf(ipc, sizeof ipc, "ipc://%s/socket", dir);
        const char *const listen[] = { "tcp://127.0.0.1:0", ipc, "tcp://localhost:*", NULL };
        stet_node_options o = options_of(path);
        o.listen = listen;
        o.threads = true;
        stet_node *node = open_node(&o);
        for (size_t i = 0; i < 3; i++) {
                stet_client *client;
                char id[8];
                const char *endpoint = stet_node_endpoint(node, i);
                cr_assert_not(strchr(endpoint, '*'), "%s", endpoint);
                cr_assert_eq(stet_client_connect(endpoint, &client, &why), 0, "%s", why.text);
                snprintf(id, sizeof id, "e%zu", i);
                start(client, "echo", id, NULL);
                assert_ends(client, id, "null");
                stet_client_close(client);
        }
        cr_assert_null(stet_node_endpoint(node, 3));
        stet_node_close(node);
}

/* --- driven by a loop --- */

Test(node, descriptor_and_timeout_are_enough_to_drive_it)
{
        stet_node_options o = options_of(path);
        stet_value ms = { 0 };
        stet_result result;
        stet_node *node = open_node(&o);
        stet_client *client = client_of(node);
        stet_value_set_int(&ms, 60);
        start(client, "sleep", "s", &ms);
        int64_t until_ns = clock_elapsed_ns() + BOUND_MS * INT64_C(1000000);
        int turns = 0;
        while (stet_client_wait(client, "s", 0, &result, &why) == STET_ETIMEDOUT) {
                struct pollfd fd = { .fd = stet_node_fd(node), .events = POLLIN };
                int timeout_ms = stet_node_timeout_ms(node);
                cr_assert_lt(clock_elapsed_ns(), until_ns);
                cr_assert_geq(timeout_ms, 0, "a timer is due");
                poll(&fd, 1, timeout_ms);
                cr_assert_eq(stet_node_poll(node, &why), 0, "%s", why.text);
                turns++;
        }
        cr_assert_eq(result.ending, STET_RUN_COMPLETED);
        cr_assert_leq(turns, 20, "%d turns for one timer", turns);
        stet_value_free(&result.value);
        stet_value_free(&ms);
        stet_client_close(client);
        stet_node_close(node);
}

Test(node, node_with_threads_is_not_polled)
{
        stet_node_options o = options_of(path);
        o.threads = true;
        stet_node *node = open_node(&o);
        cr_assert_eq(stet_node_poll(node, &why), STET_EINVAL);
        cr_assert_eq(stet_node_error(node, &why), 0, "and takes no harm");
        stet_node_close(node);
}

/* --- several in one process --- */

enum { NODES = 5 };

Test(node, five_nodes_in_one_process_know_nothing_of_each_other)
{
        static char paths[NODES][4096];
        stet_node *nodes[NODES];
        stet_client *clients[NODES];
        stet_value input = { 0 }, runs = { 0 };
        char json[16];
        for (int i = 0; i < NODES; i++) {
                snprintf(paths[i], sizeof paths[i], "%s/data-%d", dir, i);
                stet_node_options o = options_of(paths[i]);
                o.threads = i % 2;
                o.shards = i == 3 ? 3 : 1;
                nodes[i] = open_node(&o);
                clients[i] = client_of(nodes[i]);
        }
        for (int i = 0; i < NODES; i++) {
                stet_value_set_int(&input, i);
                start(clients[i], "wait", "same", NULL);
                start(clients[i], "echo", "own", &input);
        }
        cr_assert_eq(stet_client_signal(clients[1], "same", "go", NULL, "r1", &why), 0, "%s", why.text);
        cr_assert_eq(stet_client_terminate(clients[2], "same", NULL, "r1", &why), 0, "%s", why.text);
        for (int i = 0; i < NODES; i++) {
                stet_result result;
                snprintf(json, sizeof json, "%d", i);
                assert_ends(clients[i], "own", json);
                int err =
                    stet_client_wait(clients[i], "same", i == 1 || i == 2 ? BOUND_MS : 0, &result, &why);
                cr_assert_eq(err, i == 1 || i == 2 ? 0 : STET_ETIMEDOUT, "node %d: %s", i,
                             stet_error_name(err));
                cr_assert_eq(stet_client_list(clients[i], NULL, &runs, &why), 0, "%s", why.text);
                cr_assert_eq(stet_value_count(&runs), 2);
                stet_value_free(&runs);
        }
        for (int i = 0; i < NODES; i++) { /* in another order than they were opened */
                int which = (i * 3 + 1) % NODES;
                stet_client_close(clients[which]);
                stet_node_close(nodes[which]);
        }
        stet_value_free(&input);
}

/* Opens two nodes, both with a run "c" that would crash, and lets that of the first. */
static void crash_in_the_first_of_two(const char *first_dir, const char *second_dir)
{
        stet_node_options o = options_of(first_dir);
        int none = open("/dev/null", O_WRONLY);
        dup2(none, STDERR_FILENO);
        stet_crash_guard_install();
        stet_node *first = open_node(&o);
        o.data_dir = second_dir;
        stet_node *second = open_node(&o);
        stet_client *to_first = client_of(first), *to_second = client_of(second);
        start(to_first, "crash", "c", NULL);
        start(to_second, "crash", "c", NULL);
        stet_client_signal(to_first, "c", "go", NULL, NULL, &why);
}

static size_t size_of_crashes(const char *data_dir)
{
        char name[4300];
        struct stat info;
        snprintf(name, sizeof name, "%s/crashes", data_dir);
        return stat(name, &info) == 0 ? (size_t)info.st_size : 0;
}

Test(node, crash_is_noted_in_the_directory_of_its_own_node)
{
        char second[4096];
        snprintf(second, sizeof second, "%s/second", dir);
        pid_t child = fork();
        cr_assert_geq(child, 0);
        if (child == 0) {
                crash_in_the_first_of_two(path, second);
                _exit(0);
        }
        cr_assert_eq(child_exit_code(child), 70);
        cr_assert_gt(size_of_crashes(path), 0);
        cr_assert_eq(size_of_crashes(second), 0);
}
