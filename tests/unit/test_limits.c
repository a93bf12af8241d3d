/* SPDX-License-Identifier: MIT
 *
 * Every limit of the public API at its last byte: what is just within it goes all the way, over a connection,
 * through the log and across a restart, and comes back byte for byte; one more is refused with the limit and
 * the size, and has changed nothing.
 */
#include "tests/lib/temp_dir.h"
#include "tests/lib/workflows.h"

#include "runtime/client_args.h"

#include <stet/stet.h>

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BOUND_MS = 60000, REASON_MAX = CLIENT_REASON_SIZE_MAX };

static char *dir;
static stet_app app;
static stet_node *node;
static stet_client *client;
static stet_why why;
static char long_name[STET_ID_SIZE_MAX + 2]; /* one byte too many */
static char full_name[STET_ID_SIZE_MAX + 1]; /* as long as may be */

/* --- code --- */

static int through_activity(stet_run *run, const stet_value *in, stet_value *ret)
{
        return stet_call(run, full_name, in, ret);
}

static int through_child(stet_run *run, const stet_value *in, stet_value *ret)
{
        return stet_child(run, "activity", in, ret);
}

static int through_next(stet_run *run, const stet_value *in, stet_value *ret)
{
        stet_value got = { 0 };
        int err = stet_wait_signal(run, full_name, &got);
        return err                                ? err
               : stet_value_type(in) == STET_NULL ? stet_continue_as_new(run, &got)
                                                  : stet_value_copy(ret, in);
}

static int repeat_question(void *context, const stet_value *in, stet_value *ret)
{
        (void)context;
        return stet_value_copy(ret, in);
}

/* Shows its input as its status, answers with what it is asked, and returns the signal's value. */
static int through_signal(stet_run *run, const stet_value *in, stet_value *ret)
{
        int err = stet_on_query(run, full_name, repeat_question, NULL);
        if (!err)
                err = stet_set_status(run, in);
        return err ? err : stet_wait_signal(run, full_name, ret);
}

/* Sends its input to the run "taker". */
static int send_it(stet_run *run, const stet_value *in, stet_value *ret)
{
        (void)ret;
        return stet_signal(run, "taker", full_name, in);
}

/* --- a node behind a connection --- */

static void open_all(void)
{
        char data[4096], endpoint[4096];
        snprintf(data, sizeof data, "%s/data", dir);
        snprintf(endpoint, sizeof endpoint, "ipc://%s/socket", dir);
        const char *listen[] = { endpoint, NULL };
        stet_node_options o = STET_NODE_OPTIONS;
        o.data_dir = data;
        o.app = &app;
        o.level = STET_LEVEL_MEMORY;
        o.listen = listen;
        o.threads = true;
        o.stack_size = 256 << 10;
        cr_assert_eq(stet_node_open(&o, &node, &why), 0, "%s", why.text);
        cr_assert_eq(stet_client_connect(endpoint, &client, &why), 0, "%s", why.text);
        stet_client_set_timeout(client, BOUND_MS);
}

static void close_all(void)
{
        stet_client_close(client);
        stet_node_close(node);
}

static void setup(void)
{
        dir = temp_dir_new();
        memset(long_name, 'n', STET_ID_SIZE_MAX + 1);
        memset(full_name, 'n', STET_ID_SIZE_MAX);
        app = (stet_app)STET_APP("test");
        stet_app_workflow(&app, "activity", through_activity);
        stet_app_workflow(&app, "child", through_child);
        stet_app_workflow(&app, "next", through_next);
        stet_app_workflow(&app, "send", send_it);
        stet_app_workflow(&app, full_name, through_signal);
        stet_app_activity(&app, full_name, activity_echo);
        cr_assert_eq(app.err, 0, "%s", app.why.text);
        open_all();
}

static void teardown(void)
{
        close_all();
        temp_dir_free(dir);
        stet_app_fini(&app);
}

TestSuite(limits, .init = setup, .fini = teardown, .timeout = 120);

static void restart(void)
{
        close_all();
        open_all();
}

/* --- values --- */

/* A value whose msgpack has exactly so many bytes, none of them like its neighbours. */
static stet_value value_of(size_t size)
{
        enum { HEAD = 5 };
        stet_value v = { 0 };
        uint8_t *data = malloc(size);
        for (size_t i = 0; i < size; i++)
                data[i] = (uint8_t)((i * 2654435761u) >> 13);
        cr_assert_eq(stet_value_set_bytes(&v, data, size - HEAD), 0);
        cr_assert_eq(v.size, size);
        free(data);
        return v;
}

/* One more than a value may have: nothing of the library makes it. */
static stet_value too_large(void)
{
        static uint8_t data[STET_VALUE_SIZE_MAX + 1];
        data[0] = 0xc6; /* bin 32 */
        data[1] = 0x00;
        data[2] = 0x1f;
        data[3] = 0xff;
        data[4] = 0xfc;
        return (stet_value){ .data = data, .size = sizeof data, .borrowed = true };
}

static void assert_same(const stet_value *a, const stet_value *b)
{
        cr_assert_eq(a->size, b->size, "%zu and %zu bytes", a->size, b->size);
        cr_assert_arr_eq(a->data, b->data, a->size);
}

static void assert_says(const char *part)
{
        cr_assert(strstr(why.text, part), "no \"%s\" in: %s", part, why.text);
}

static void start(const char *workflow, const char *id, const stet_value *input)
{
        stet_start s = { .workflow = workflow, .id = id, .input = input };
        stet_started started;
        cr_assert_eq(stet_client_start(client, &s, &started, &why), 0, "%s", why.text);
}

static void assert_result(const char *run, const stet_value *expected)
{
        stet_result result;
        cr_assert_eq(stet_client_wait(client, run, BOUND_MS, &result, &why), 0, "%s", why.text);
        cr_assert_eq(result.ending, STET_RUN_COMPLETED, "%s: %s", result.failure_kind,
                     result.failure_message);
        assert_same(&result.value, expected);
        stet_value_free(&result.value);
}

static void assert_no_runs(void)
{
        stet_value runs = { 0 };
        cr_assert_eq(stet_client_list(client, NULL, &runs, &why), 0, "%s", why.text);
        cr_assert_eq(stet_value_count(&runs), 0);
        stet_value_free(&runs);
}

/* --- the size of a value --- */

Test(limits, value_of_2_MiB_goes_through_workflow_activity_log_and_restart_byte_for_byte)
{
        stet_value v = value_of(STET_VALUE_SIZE_MAX);
        start("activity", "a", &v);
        assert_result("a", &v);
        start("child", "c", &v);
        assert_result("c", &v);
        restart();
        assert_result("a", &v);
        assert_result("c", &v);
        stet_value_free(&v);
}

Test(limits, value_of_2_MiB_is_signalled_asked_and_continued_with_byte_for_byte)
{
        stet_value v = value_of(STET_VALUE_SIZE_MAX), answer = { 0 };
        start(full_name, "s", &v);
        cr_assert_eq(stet_client_query(client, "s", full_name, &v, &answer, &why), 0, "%s", why.text);
        assert_same(&answer, &v);
        restart();
        cr_assert_eq(stet_client_signal(client, "s", full_name, &v, NULL, &why), 0, "%s", why.text);
        assert_result("s", &v);
        start("next", "n", NULL);
        cr_assert_eq(stet_client_signal(client, "n", full_name, &v, NULL, &why), 0, "%s", why.text);
        cr_assert_eq(stet_client_signal(client, "n", full_name, NULL, NULL, &why), 0, "%s", why.text);
        assert_result("n", &v);
        stet_value_free(&answer);
        stet_value_free(&v);
}

Test(limits, value_of_2_MiB_is_sent_from_run_to_run_byte_for_byte)
{
        stet_value v = value_of(STET_VALUE_SIZE_MAX);
        start(full_name, "taker", NULL);
        start("send", NULL, &v);
        assert_result("taker", &v);
        stet_value_free(&v);
}

Test(limits, value_of_one_byte_more_is_refused_with_the_limit_and_the_size_before_anything_happens)
{
        stet_value v = too_large(), answer = { 0 };
        stet_start s = { .workflow = "activity", .id = "a", .input = &v };
        stet_started started;
        cr_assert_eq(stet_client_start(client, &s, &started, &why), STET_ETOOBIG);
        assert_says("2097153");
        assert_says("2097152");
        assert_no_runs();
        start(full_name, "s", NULL);
        cr_assert_eq(stet_client_signal(client, "s", full_name, &v, NULL, &why), STET_ETOOBIG);
        assert_says("2097153");
        cr_assert_eq(stet_client_query(client, "s", full_name, &v, &answer, &why), STET_ETOOBIG);
        assert_says("2097153");
        cr_assert_eq(stet_client_submit(client, &s, 1, false, &why), STET_ETOOBIG);
        cr_assert_eq(stet_client_signal(client, "s", full_name, NULL, NULL, &why), 0, "%s", why.text);
}

Test(limits, value_of_no_bytes_at_all_is_null)
{
        stet_value nothing = { 0 }, nil = { 0 };
        stet_value_set_null(&nil);
        start("activity", "a", &nothing);
        stet_result result;
        cr_assert_eq(stet_client_wait(client, "a", BOUND_MS, &result, &why), 0, "%s", why.text);
        cr_assert_eq(stet_value_type(&result.value), STET_NULL);
        stet_value_free(&result.value);
}

/* --- the shape of a value --- */

static stet_value nested(unsigned depth)
{
        stet_value v = { 0 };
        char format[64] = "";
        cr_assert_lt(2 * depth, sizeof format);
        memset(format, '[', depth);
        memset(format + depth, ']', depth);
        cr_assert_eq(stet_value_pack(&v, format), 0);
        return v;
}

Test(limits, value_of_14_levels_comes_back_and_one_of_15_can_not_be_made)
{
        stet_value v = nested(STET_VALUE_DEPTH_MAX), deeper = { 0 };
        start("activity", "a", &v);
        assert_result("a", &v);
        cr_assert_eq(stet_value_append(&deeper, &v), STET_ETOOBIG);
        stet_value_free(&deeper);
        stet_value_free(&v);
}

Test(limits, value_of_262144_parts_comes_back_and_one_of_one_more_can_not_be_made)
{
        enum { ITEMS = STET_VALUE_NODES_MAX - 1 };
        static uint8_t data[5 + ITEMS] = { 0xdd, ITEMS >> 24, ITEMS >> 16 & 255, ITEMS >> 8 & 255,
                                           ITEMS & 255 };
        stet_value v = { 0 }, copy = { 0 }, nil = { 0 };
        stet_value_set_null(&nil);
        memset(data + 5, 0xc0, ITEMS);
        cr_assert_eq(stet_value_from_msgpack(&v, data, sizeof data), 0);
        cr_assert_eq(stet_value_copy(&copy, &v), 0);
        cr_assert_eq(stet_value_append(&copy, &nil), STET_ETOOBIG);
        stet_value_free(&copy);
        start("activity", "a", &v);
        assert_result("a", &v);
        stet_value_free(&v);
}

/* --- names and ids --- */

Test(limits, names_and_ids_of_255_bytes_are_whole_everywhere)
{
        stet_value shown = { 0 };
        stet_start s = {
                .workflow = full_name, .id = full_name, .request_id = full_name, .name_space = full_name
        };
        stet_started started;
        cr_assert_eq(stet_client_start(client, &s, &started, &why), 0, "%s", why.text);
        cr_assert_str_eq(started.workflow_id, full_name);
        cr_assert_eq(stet_client_set_namespace(client, full_name, &why), 0, "%s", why.text);
        restart();
        cr_assert_eq(stet_client_set_namespace(client, full_name, &why), 0, "%s", why.text);
        cr_assert_eq(stet_client_start(client, &s, &started, &why), 0, "%s", why.text);
        cr_assert(started.existing, "the request id is whole");
        cr_assert_eq(stet_client_show(client, full_name, &shown, &why), 0, "%s", why.text);
        static const char *const keys[] = { "workflow_id", "workflow", "namespace" };
        for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
                char text[STET_ID_SIZE_MAX + 1];
                stet_value part = stet_value_get(&shown, keys[i]);
                cr_assert_eq(stet_value_get_string(&part, text, sizeof text), 0);
                cr_assert_str_eq(text, full_name, "%s", keys[i]);
        }
        cr_assert_eq(stet_client_signal(client, full_name, full_name, NULL, full_name, &why), 0, "%s",
                     why.text);
        stet_value_free(&shown);
}

Test(limits, names_and_ids_of_256_bytes_are_refused_with_both_numbers)
{
        const stet_start starts[] = { { .workflow = long_name },
                                      { .workflow = "activity", .id = long_name },
                                      { .workflow = "activity", .request_id = long_name },
                                      { .workflow = "activity", .name_space = long_name } };
        stet_started started;
        stet_value answer = { 0 };
        for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
                cr_assert_eq(stet_client_start(client, &starts[i], &started, &why), STET_EINVAL, "%zu", i);
                assert_says("255");
                assert_says("256");
        }
        const int refused[] = { stet_client_signal(client, long_name, "x", NULL, NULL, &why),
                                stet_client_signal(client, "x", long_name, NULL, NULL, &why),
                                stet_client_signal(client, "x", "x", NULL, long_name, &why),
                                stet_client_cancel(client, long_name, NULL, NULL, &why),
                                stet_client_terminate(client, "x", NULL, long_name, &why),
                                stet_client_delete(client, long_name, NULL, &why),
                                stet_client_delete(client, "x", long_name, &why),
                                stet_client_query(client, "x", long_name, NULL, &answer, &why),
                                stet_client_show(client, long_name, &answer, &why),
                                stet_client_set_namespace(client, long_name, &why) };
        for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
                cr_assert_eq(refused[i], STET_EINVAL, "%zu", i);
        assert_no_runs();
}

Test(limits, reason_of_1024_bytes_is_in_the_history_and_one_more_is_refused)
{
        char reason[REASON_MAX + 2] = "";
        memset(reason, 'r', REASON_MAX + 1);
        start(full_name, "s", NULL);
        cr_assert_eq(stet_client_cancel(client, "s", reason, NULL, &why), STET_ETOOBIG);
        assert_says("1025");
        assert_says("1024");
        reason[REASON_MAX] = 0;
        cr_assert_eq(stet_client_cancel(client, "s", reason, NULL, &why), 0, "%s", why.text);
        stet_value page = { 0 };
        cr_assert_eq(stet_client_history(client, "s", 1, 1, &page, &why), 0, "%s", why.text);
        char *json, *found;
        cr_assert_eq(stet_value_to_json(&page, 0, &json), 0);
        found = strstr(json, reason);
        cr_assert_not_null(found);
        free(json);
        stet_value_free(&page);
}

Test(limits, list_of_1000_runs_is_given_and_one_of_1001_refused)
{
        stet_list_filter filter = { .limit = 1001 };
        stet_value runs = { 0 };
        cr_assert_eq(stet_client_list(client, &filter, &runs, &why), STET_EINVAL);
        assert_says("1000");
        assert_says("1001");
        stet_client_set_namespace(client, full_name, &why);
        size_t answered = 0, got = 0;
        for (uint64_t i = 0; i < 1001; i++) {
                char id[STET_ID_SIZE_MAX + 1];
                memset(id, 'i', STET_ID_SIZE_MAX);
                snprintf(id + STET_ID_SIZE_MAX - 4, 5, "%04d", (int)i);
                stet_start s = { .workflow = full_name, .id = id };
                cr_assert_eq(stet_client_submit(client, &s, i, false, &why), 0, "%s", why.text);
        }
        for (; answered < 1001; answered += got) {
                stet_answer answers[100];
                cr_assert_eq(stet_client_collect(client, answers, 100, BOUND_MS, &got, &why), 0, "%s",
                             why.text);
                for (size_t i = 0; i < got; i++)
                        cr_assert_eq(answers[i].err, 0);
        }
        filter.limit = 1000;
        cr_assert_eq(stet_client_list(client, &filter, &runs, &why), 0, "%s", why.text);
        cr_assert_eq(stet_value_count(&runs), 1000);
        stet_value_free(&runs);
}
