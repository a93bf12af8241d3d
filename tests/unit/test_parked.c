/* SPDX-License-Identifier: MIT
 *
 * Runs that have left memory: they cost nothing, and nobody can tell. Each test lets them go to the store
 * first, and then does something to them, with and without a restart between.
 */
#include "runtime/clock.h"
#include "tests/lib/temp_dir.h"
#include "tests/lib/told.h"
#include "tests/lib/workflows.h"

#include <stet/stet.h>

#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BOUND_MS = 30000 };

static char *dir;
static char path[4096];
static stet_app app;
static stet_why why;
static stet_node *node;
static stet_client *client;

/* --- code --- */

static int wait_for_go(stet_run *run, const stet_value *in, stet_value *ret)
{
        (void)in;
        stet_value_set_string(ret, "waiting");
        stet_set_status(run, ret);
        return stet_wait_signal(run, "go", ret);
}

/* Sleeps as long as it is told and says for how long it really was, in ms. */
static int sleep_for(stet_run *run, const stet_value *in, stet_value *ret)
{
        int64_t begin_ms = stet_now_ms(run);
        int err = stet_sleep(run, stet_value_int(in, 0));
        stet_value_set_int(ret, stet_now_ms(run) - begin_ms);
        return err;
}

/* Goes on as new as often as it is told. */
static int again(stet_run *run, const stet_value *in, stet_value *ret)
{
        int64_t left = stet_value_int(in, 0);
        int err = stet_wait_signal(run, "next", NULL);
        if (err || left == 0)
                return err;
        stet_value_set_int(ret, left - 1);
        return stet_continue_as_new(run, ret);
}

/* --- the node --- */

static void open_node_with(const stet_app *code, uint32_t runs_max)
{
        stet_node_options o = STET_NODE_OPTIONS;
        o.data_dir = path;
        o.app = code;
        o.level = STET_LEVEL_MEMORY;
        o.idle_ms = 1;
        o.runs_max = runs_max;
        cr_assert_eq(stet_node_open(&o, &node, &why), 0, "%s", why.text);
        cr_assert_eq(stet_node_client(node, &client, &why), 0, "%s", why.text);
}

static void open_node(void)
{
        open_node_with(&app, 0);
}

static void close_node(void)
{
        stet_client_close(client);
        stet_node_close(node);
        node = NULL;
}

static void restart(void)
{
        close_node();
        open_node();
}

static void setup(void)
{
        dir = temp_dir_new();
        snprintf(path, sizeof path, "%s/data", dir);
        app = (stet_app)STET_APP("test");
        stet_app_workflow(&app, "wait", wait_for_go);
        stet_app_workflow(&app, "sleep", sleep_for);
        stet_app_workflow(&app, "echo", workflow_call_echo);
        stet_app_workflow(&app, "again", again);
        stet_app_activity(&app, "echo", activity_echo);
        open_node();
}

static void teardown(void)
{
        if (node)
                close_node();
        temp_dir_free(dir);
        stet_app_fini(&app);
}

TestSuite(parked, .init = setup, .fini = teardown, .timeout = 120);

/* Until so many runs are in memory. */
static void wait_until_in_memory(int64_t count)
{
        int64_t until_ns = clock_elapsed_ns() + BOUND_MS * INT64_C(1000000);
        while (told_stat(client, "runs", "in_memory") != count) {
                struct pollfd fd = { .fd = stet_node_fd(node), .events = POLLIN };
                cr_assert_lt(clock_elapsed_ns(), until_ns, "%lld runs are in memory",
                             (long long)told_stat(client, "runs", "in_memory"));
                poll(&fd, 1, stet_node_timeout_ms(node));
                cr_assert_eq(stet_node_poll(node, &why), 0, "%s", why.text);
        }
}

static void start(const char *workflow, const char *id, int64_t number, stet_started *ret)
{
        stet_value input = { 0 };
        stet_value_set_int(&input, number);
        stet_start what = { .workflow = workflow, .id = id, .input = &input, .request_id = id };
        cr_assert_eq(stet_client_start(client, &what, ret, &why), 0, "%s", why.text);
        stet_value_free(&input);
}

static stet_result ending_of(const char *id)
{
        stet_result result;
        cr_assert_eq(stet_client_wait(client, id, BOUND_MS, &result, &why), 0, "%s", why.text);
        cr_assert_eq(result.ending, STET_RUN_COMPLETED, "%s", result.failure_message);
        return result;
}

static void assert_shows(const char *id, const char *word)
{
        stet_value shown = { 0 };
        char *text;
        cr_assert_eq(stet_client_show(client, id, &shown, &why), 0, "%s", why.text);
        cr_assert_eq(stet_value_to_json(&shown, 0, &text), 0);
        cr_assert(strstr(text, word), "no %s in %s", word, text);
        free(text);
        stet_value_free(&shown);
}

/* --- tests --- */

Test(parked, run_takes_a_signal)
{
        stet_started started;
        stet_value payload = { 0 };
        start("wait", "a", 0, &started);
        wait_until_in_memory(0);
        assert_shows("a", "\"waiting\"");
        wait_until_in_memory(0);
        restart();
        wait_until_in_memory(0);
        stet_value_set_int(&payload, 42);
        cr_assert_eq(stet_client_signal(client, "a", "go", &payload, NULL, &why), 0, "%s", why.text);
        stet_result result = ending_of("a");
        cr_assert_eq(stet_value_int(&result.value, 0), 42);
        stet_value_free(&result.value);
        stet_value_free(&payload);
}

Test(parked, timer_fires_at_its_time_and_not_before)
{
        stet_started started;
        start("sleep", "s", 4000, &started);
        wait_until_in_memory(0);
        stet_result result = ending_of("s");
        cr_assert_geq(stet_value_int(&result.value, 0), 4000);
        stet_value_free(&result.value);
}

Test(parked, timer_fires_after_a_restart)
{
        stet_started started;
        start("sleep", "s", 4000, &started);
        wait_until_in_memory(0);
        restart();
        cr_assert_eq(told_stat(client, "runs", "in_memory"), 0, "a restart does not touch it");
        stet_result result = ending_of("s");
        cr_assert_geq(stet_value_int(&result.value, 0), 4000);
        stet_value_free(&result.value);
}

Test(parked, many_timers_of_one_instant_all_fire)
{
        enum { RUNS = 1500 };
        stet_started started;
        char id[16];
        for (int i = 0; i < RUNS; i++) {
                snprintf(id, sizeof id, "s%d", i);
                start("sleep", id, 5000, &started);
        }
        wait_until_in_memory(0);
        for (int i = 0; i < RUNS; i++) {
                snprintf(id, sizeof id, "s%d", i);
                stet_result result = ending_of(id);
                cr_assert_geq(stet_value_int(&result.value, 0), 5000);
                stet_value_free(&result.value);
        }
        cr_assert_eq(told_stat(client, "runs", "completed"), RUNS);
}

Test(parked, repeated_start_gets_the_same_run)
{
        stet_started first, second;
        start("wait", "a", 0, &first);
        wait_until_in_memory(0);
        start("wait", "a", 0, &second);
        cr_assert_str_eq(first.run_id, second.run_id);
        wait_until_in_memory(0);
        restart();
        start("wait", "a", 0, &second);
        cr_assert_str_eq(first.run_id, second.run_id);
        cr_assert_eq(told_stat(client, "runs", "open"), 1);
}

Test(parked, id_of_an_open_run_is_taken_and_that_of_an_ended_one_is_free)
{
        stet_started started;
        stet_start what = { .workflow = "wait", .id = "a" };
        start("wait", "a", 0, &started);
        wait_until_in_memory(0);
        cr_assert_eq(stet_client_start(client, &what, &started, &why), STET_EEXISTS);
        cr_assert_eq(stet_client_terminate(client, "a", NULL, NULL, &why), 0);
        wait_until_in_memory(0);
        cr_assert_eq(stet_client_start(client, &what, &started, &why), 0, "%s", why.text);
        cr_assert_eq(told_stat(client, "runs", "terminated"), 1);
        wait_until_in_memory(0);
        cr_assert_eq(stet_client_signal(client, "a", "go", NULL, NULL, &why), 0,
                     "it is for the latest of the id");
        ending_of("a");
}

Test(parked, list_finds_runs_wherever_they_are)
{
        stet_started started;
        char id[16];
        for (int i = 0; i < 5; i++) {
                snprintf(id, sizeof id, "w%d", i);
                start("wait", id, 0, &started);
        }
        start("echo", "e", 1, &started);
        stet_result result = ending_of("e");
        stet_value_free(&result.value);
        wait_until_in_memory(0);
        start("wait", "w5", 0, &started);
        cr_assert_eq(told_listed(client, NULL), 7);
        cr_assert_eq(told_listed(client, &(stet_list_filter){ .state = "open" }), 6);
        cr_assert_eq(told_listed(client, &(stet_list_filter){ .state = "completed" }), 1);
        cr_assert_eq(told_listed(client, &(stet_list_filter){ .workflow = "wait" }), 6);
        cr_assert_eq(told_listed(client, &(stet_list_filter){ .workflow = "wait", .state = "completed" }), 0);
        cr_assert_eq(told_listed(client, &(stet_list_filter){ .limit = 3 }), 3);
        wait_until_in_memory(0);
        restart();
        cr_assert_eq(told_listed(client, NULL), 7);
        cr_assert_eq(told_stat(client, "runs", "open"), 6);
        cr_assert_eq(told_stat(client, "runs", "completed"), 1);
}

Test(parked, list_finds_runs_by_attributes_and_parent)
{
        stet_started started;
        stet_value ulm = { 0 }, urgent = { 0 }, both = { 0 }, other = { 0 };
        stet_value_pack(&ulm, "{s:s}", "city", "Ulm");
        stet_value_pack(&urgent, "{s:b}", "urgent", true);
        stet_value_pack(&both, "{s:s,s:b}", "urgent-not", "x", "urgent", true);
        stet_value_pack(&other, "{s:s}", "city", "Bern");
        for (int i = 0; i < 3; i++) {
                stet_value attributes = { 0 };
                stet_value_copy(&attributes, i < 2 ? &ulm : &other);
                stet_value flag = { 0 };
                stet_value_set_bool(&flag, true);
                if (i == 1)
                        stet_value_set(&attributes, "urgent", &flag);
                stet_start what = { .workflow = "wait", .attributes = &attributes };
                cr_assert_eq(stet_client_start(client, &what, &started, &why), 0, "%s", why.text);
                stet_value_free(&attributes);
                stet_value_free(&flag);
        }
        for (int where = 0; where < 2; where++) {
                cr_assert_eq(told_listed(client, &(stet_list_filter){ .attributes = &ulm }), 2);
                cr_assert_eq(told_listed(client, &(stet_list_filter){ .attributes = &urgent }), 1);
                cr_assert_eq(told_listed(client, &(stet_list_filter){ .attributes = &both }), 0);
                cr_assert_eq(
                    told_listed(client, &(stet_list_filter){ .attributes = &other, .state = "open" }), 1);
                cr_assert_eq(
                    told_listed(client, &(stet_list_filter){ .attributes = &other, .state = "completed" }),
                    0);
                cr_assert_eq(told_listed(client, &(stet_list_filter){ .parent_run_id = started.run_id }), 0);
                wait_until_in_memory(0);
        }
        stet_value_free(&ulm);
        stet_value_free(&urgent);
        stet_value_free(&both);
        stet_value_free(&other);
}

/* Something is not in the store yet, or has to be done soon. */
static bool is_busy(void)
{
        int timeout_ms = stet_node_timeout_ms(node);
        return told_stat(client, "store", "lag_bytes") > 0 || (timeout_ms >= 0 && timeout_ms < 100);
}

/* Nobody knows the code of these runs, so they stand still in memory, and are more than fit. */
Test(parked, runs_that_can_not_leave_are_not_looked_at_again_and_again)
{
        enum { RUNS = 10, TURNS_MAX = 20 };
        stet_app other = STET_APP("other");
        char id[16];
        for (int i = 0; i < RUNS; i++) {
                stet_started started;
                snprintf(id, sizeof id, "run-%d", i);
                start("wait", id, 0, &started);
        }
        close_node();
        open_node_with(&other, RUNS / 2);
        for (int i = 0; i < RUNS; i++) {
                snprintf(id, sizeof id, "run-%d", i);
                cr_assert_eq(stet_client_signal(client, id, "go", NULL, NULL, &why), 0, "%s", why.text);
        }
        for (int turns = 0; is_busy(); turns++) {
                struct pollfd fd = { .fd = stet_node_fd(node), .events = POLLIN };
                cr_assert_lt(turns, TURNS_MAX);
                poll(&fd, 1, stet_node_timeout_ms(node) < 1000 ? stet_node_timeout_ms(node) : 1000);
                cr_assert_eq(stet_node_poll(node, &why), 0, "%s", why.text);
        }
        cr_assert_eq(told_stat(client, "runs", "in_memory"), RUNS);
        close_node();
        stet_app_fini(&other);
}

Test(parked, history_is_whole)
{
        stet_started started;
        stet_value history = { 0 };
        start("again", "a", 2, &started);
        for (int i = 0; i < 3; i++) {
                wait_until_in_memory(0);
                cr_assert_eq(stet_client_signal(client, "a", "next", NULL, NULL, &why), 0, "%s", why.text);
        }
        ending_of("a");
        cr_assert_eq(stet_client_history(client, started.run_id, 0, 0, &history, &why), 0, "%s", why.text);
        cr_assert_eq(stet_value_count(&history), 2, "its start and the signal");
        stet_value_free(&history);
        cr_assert_eq(told_stat(client, "runs", "continued"), 2);
}

Test(parked, big_values_come_back_as_they_were)
{
        enum { SIZE = 1 << 20 };
        stet_value big = { 0 };
        char *text = malloc(SIZE + 1);
        memset(text, 'x', SIZE);
        text[SIZE] = 0;
        stet_value_set_string(&big, text);
        for (int i = 0; i < 3; i++) {
                char id[8];
                stet_started started;
                snprintf(id, sizeof id, "b%d", i);
                stet_start what = { .workflow = "echo", .id = id, .input = &big };
                cr_assert_eq(stet_client_start(client, &what, &started, &why), 0, "%s", why.text);
                stet_result result = ending_of(id);
                stet_value_free(&result.value);
        }
        wait_until_in_memory(0);
        restart();
        for (int i = 0; i < 3; i++) {
                char id[8];
                snprintf(id, sizeof id, "b%d", i);
                stet_result result = ending_of(id);
                cr_assert_eq(result.value.size, big.size);
                cr_assert_eq(memcmp(result.value.data, big.data, big.size), 0);
                stet_value_free(&result.value);
        }
        cr_assert_lt(told_stat(client, "store", "store_bytes"), 3 << 20, "the value is there once");
        stet_value_free(&big);
        free(text);
}

Test(parked, burst_of_starts_takes_no_more_stacks_than_may_be_and_what_is_being_written)
{
        enum { RUNS = 5000, STACKS = 10, STARTS_OF_A_FRAME = 1500 };
        stet_node_options o = STET_NODE_OPTIONS;
        stet_answer answers[100];
        stet_start what = { .workflow = "wait" };
        size_t answered = 0, count;
        close_node();
        o.data_dir = path;
        o.app = &app;
        o.level = STET_LEVEL_MEMORY;
        o.stacks_max = STACKS;
        cr_assert_eq(stet_node_open(&o, &node, &why), 0, "%s", why.text);
        cr_assert_eq(stet_node_client(node, &client, &why), 0, "%s", why.text);
        for (uint64_t i = 0; i < RUNS; i++)
                cr_assert_eq(stet_client_submit(client, &what, i, false, &why), 0, "%s", why.text);
        while (answered < RUNS) {
                cr_assert_eq(stet_client_collect(client, answers, 100, BOUND_MS, &count, &why), 0, "%s",
                             why.text);
                cr_assert_gt(count, 0);
                answered += count;
        }
        cr_assert_eq(told_stat(client, "runs", "open"), RUNS);
        cr_assert_lt(told_stat(client, "runs", "awake"), STARTS_OF_A_FRAME);
}
