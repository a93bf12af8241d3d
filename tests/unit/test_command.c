/* SPDX-License-Identifier: MIT
 *
 * What clients may rely on when they start, signal, cancel, terminate and read runs, through the public API.
 * Each claim is made of two nodes: one shard driven by the caller, and three shards with threads. Both must
 * give the same answers.
 */
#include "runtime/client_state.h"
#include "tests/lib/embedded.h"
#include "tests/lib/temp_dir.h"
#include "tests/lib/workflows.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct embedded e;
static stet_app app;

/* --- code --- */

static int fails(stet_run *run, const stet_value *in, stet_value *ret)
{
        (void)in;
        (void)ret;
        return stet_run_fail(run, "OutOfStock", "no pears left");
}

/* As many characters of three bytes as there is room for. */
static void fill_with_snowmen(char *text, size_t size)
{
        size_t at = 0;
        for (; at + 3 < size; at += 3)
                memcpy(text + at, "☃", 3);
        text[at] = 0;
}

/* A message and a kind that do not fit, of characters of three bytes, and one that is no text at all. */
static int fails_at_length(stet_run *run, const stet_value *in, stet_value *ret)
{
        char text[1000];
        (void)ret;
        fill_with_snowmen(text, sizeof text);
        return stet_value_bool(in, false) ? stet_run_fail(run, "\xc3", "caf\xe9")
                                          : stet_run_fail(run, text, "%s", text);
}

/* Continues as new as often as its input says, then waits. */
static int chain(stet_run *run, const stet_value *in, stet_value *ret)
{
        stet_value next = { 0 };
        int64_t left = stet_value_int(in, 0);
        if (left == 0)
                return stet_wait_signal(run, "go", ret);
        stet_value_set_int(&next, left - 1);
        return stet_continue_as_new(run, &next);
}

/* Counts the signals "tick" until the signal "go". */
static int count_ticks(stet_run *run, const stet_value *in, stet_value *ret)
{
        int64_t ticks = 0;
        (void)in;
        stet_future go = stet_signal_wait_start(run, "go");
        for (;;) {
                size_t first;
                stet_future both[] = { stet_signal_wait_start(run, "tick"), go };
                int err = stet_await_any(run, both, 2, &first);
                if (err)
                        return err;
                if (first == 1)
                        return stet_value_set_int(ret, ticks);
                ticks++;
        }
}

/* Takes as many numbers as its input says, each one more than the last, from 0. */
static int takes_in_order(stet_run *run, const stet_value *in, stet_value *ret)
{
        int64_t count = stet_value_int(in, 0);
        for (int64_t i = 0; i < count; i++) {
                stet_value number = { 0 };
                int err = stet_wait_signal(run, "number", &number);
                int64_t got = stet_value_int(&number, -1);
                stet_value_free(&number);
                if (err)
                        return err;
                if (got != i)
                        return stet_run_fail(run, "Order", "%d instead of %d", (int)got, (int)i);
        }
        return stet_value_set_int(ret, count);
}

static void register_all(void)
{
        app = (stet_app)STET_APP("test");
        stet_app_workflow(&app, "echo", workflow_echo);
        stet_app_workflow(&app, "wait", workflow_wait);
        stet_app_workflow(&app, "fails", fails);
        stet_app_workflow(&app, "fails_at_length", fails_at_length);
        stet_app_workflow(&app, "chain", chain);
        stet_app_workflow(&app, "count", count_ticks);
        stet_app_workflow(&app, "in_order", takes_in_order);
        stet_app_workflow(&app, "call", workflow_call_echo);
        stet_app_activity(&app, "echo", activity_echo);
        cr_assert_eq(app.err, 0, "%s", app.why.text);
}

/* --- the two nodes --- */

static void open_one_shard(void)
{
        register_all();
        embedded_open(&e, &app);
}

static void open_three_shards(void)
{
        register_all();
        e.options.threads = true;
        e.options.shards = 3;
        embedded_open(&e, &app);
}

static void close_node(void)
{
        embedded_close(&e);
        stet_app_fini(&app);
}

TestSuite(one_shard, .init = open_one_shard, .fini = close_node, .timeout = 60);
TestSuite(three_shards, .init = open_three_shards, .fini = close_node, .timeout = 60);

/* A claim about both. */
#define CLAIM(name)                                                                                          \
        static void claim_##name(void);                                                                      \
        Test(one_shard, name)                                                                                \
        {                                                                                                    \
                claim_##name();                                                                              \
        }                                                                                                    \
        Test(three_shards, name)                                                                             \
        {                                                                                                    \
                claim_##name();                                                                              \
        }                                                                                                    \
        static void claim_##name(void)

static void reopen(void)
{
        embedded_reopen(&e, &app);
}

/* --- commands --- */

static stet_started start(stet_start what)
{
        stet_started started;
        int err = stet_client_start(e.client, &what, &started, &e.why);
        cr_assert_eq(err, 0, "%s", e.why.text);
        return started;
}

/* A new run of "wait" that belongs to that id. */
static stet_started start_waiting(const char *id)
{
        return start((stet_start){ .workflow = "wait", .id = id });
}

static void start_refused(stet_start what, int wanted, const char *word)
{
        stet_started started;
        e.why.text[0] = 0;
        int err = stet_client_start(e.client, &what, &started, &e.why);
        cr_assert_eq(err, wanted, "%s: %s", stet_error_name(err), e.why.text);
        cr_assert(strstr(e.why.text, word), "no \"%s\" in: %s", word, e.why.text);
}

static void signal_run(const char *run, const char *name, const char *request_id)
{
        int err = stet_client_signal(e.client, run, name, NULL, request_id, &e.why);
        cr_assert_eq(err, 0, "%s", e.why.text);
}

static void complete(const char *run)
{
        signal_run(run, "go", NULL);
        embedded_result(&e, run, STET_RUN_COMPLETED);
}

static void assert_same(const stet_started *a, const stet_started *b)
{
        cr_assert_str_eq(a->run_id, b->run_id);
        cr_assert_str_eq(a->workflow_id, b->workflow_id);
}

static stet_value list(stet_list_filter filter)
{
        stet_value runs = { 0 };
        int err = stet_client_list(e.client, &filter, &runs, &e.why);
        cr_assert_eq(err, 0, "%s", e.why.text);
        return runs;
}

static size_t count_runs(void)
{
        stet_value runs = list((stet_list_filter){ .limit = 1000 });
        size_t count = stet_value_count(&runs);
        stet_value_free(&runs);
        return count;
}

static const char *text_of(const stet_value *map, const char *key, char buf[static 256])
{
        stet_value item = stet_value_get(map, key);
        cr_assert_eq(stet_value_get_string(&item, buf, 256), 0, "no text \"%s\"", key);
        return buf;
}

static size_t collect_all(stet_answer *answers, size_t max)
{
        size_t count = 0;
        while (count < max) {
                size_t some = 0;
                int err = stet_client_collect(e.client, answers + count, max - count, 20000, &some, &e.why);
                cr_assert_eq(err, 0, "%s", e.why.text);
                if (!some)
                        break;
                count += some;
        }
        return count;
}

/* --- claims: a request is done once --- */

CLAIM(repeated_start_gives_the_first_answer_and_starts_nothing)
{
        stet_value other = { 0 };
        stet_value_set_int(&other, 2);
        stet_started first = start((stet_start){ .workflow = "wait", .id = "order", .request_id = "r1" });
        cr_assert_not(first.existing);
        for (int round = 0; round < 2; round++, reopen()) {
                stet_started again = start(
                    (stet_start){ .workflow = "echo", .id = "order", .request_id = "r1", .input = &other });
                assert_same(&again, &first);
                cr_assert(again.existing);
                cr_assert_eq(count_runs(), 1);
                cr_assert_str_eq(embedded_show(&e, "order", "transitions"), "1");
        }
        stet_value_free(&other);
}

CLAIM(repeated_start_without_an_id_gives_the_first_answer)
{
        stet_started first[9];
        char request[32];
        for (int i = 0; i < 9; i++) {
                snprintf(request, sizeof request, "request-%d", i);
                first[i] = start((stet_start){ .workflow = "wait", .request_id = request });
                cr_assert_str_eq(first[i].run_id, first[i].workflow_id);
        }
        for (int round = 0; round < 2; round++, reopen())
                for (int i = 0; i < 9; i++) {
                        snprintf(request, sizeof request, "request-%d", i);
                        stet_started again = start((stet_start){ .workflow = "wait", .request_id = request });
                        assert_same(&again, &first[i]);
                }
        cr_assert_eq(count_runs(), 9);
}

CLAIM(repeated_start_of_a_run_that_has_ended_gives_it_whatever_the_policies_say)
{
        stet_start what = { .workflow = "echo",
                            .id = "order",
                            .request_id = "r1",
                            .on_reuse = STET_REUSE_REJECT,
                            .on_conflict = STET_CONFLICT_TERMINATE_EXISTING };
        stet_started first = start(what);
        embedded_result(&e, "order", STET_RUN_COMPLETED);
        for (int round = 0; round < 2; round++, reopen()) {
                stet_started again = start(what);
                assert_same(&again, &first);
                cr_assert_eq(count_runs(), 1);
        }
}

CLAIM(repeated_start_that_terminated_a_run_terminates_no_other)
{
        stet_start what = { .workflow = "wait",
                            .id = "order",
                            .request_id = "r1",
                            .on_conflict = STET_CONFLICT_TERMINATE_EXISTING };
        start_waiting("order");
        stet_started second = start(what);
        start((stet_start){
            .workflow = "wait", .id = "order", .on_conflict = STET_CONFLICT_TERMINATE_EXISTING });
        for (int round = 0; round < 2; round++, reopen()) {
                stet_started again = start(what);
                assert_same(&again, &second);
                cr_assert_str_eq(embedded_show(&e, "order", "state"), "open");
                cr_assert_str_eq(embedded_show(&e, second.run_id, "state"), "terminated");
        }
}

CLAIM(repeated_signal_is_applied_once)
{
        stet_started run = start((stet_start){ .workflow = "count", .id = "clock" });
        for (int round = 0; round < 2; round++, reopen())
                for (int i = 0; i < 3; i++)
                        signal_run(i % 2 ? run.run_id : "clock", "tick", "tick-1");
        signal_run("clock", "tick", "tick-2");
        signal_run("clock", "go", "go-1");
        cr_assert_str_eq(embedded_result(&e, "clock", STET_RUN_COMPLETED), "2");
        reopen();
        signal_run("clock", "tick", "tick-1"); /* not STET_ECLOSED: it was applied */
        signal_run("clock", "go", "go-1");
        cr_assert_eq(stet_client_signal(e.client, "clock", "tick", NULL, "tick-3", &e.why), STET_ECLOSED);
}

CLAIM(repeated_cancel_and_terminate_are_answered_as_the_first)
{
        start_waiting("c");
        start_waiting("t");
        for (int round = 0; round < 2; round++, reopen()) {
                cr_assert_eq(stet_client_cancel(e.client, "c", "enough", "r1", &e.why), 0, "%s", e.why.text);
                cr_assert_eq(stet_client_terminate(e.client, "t", "enough", "r1", &e.why), 0, "%s",
                             e.why.text);
                embedded_result(&e, "c", STET_RUN_CANCELED);
                embedded_result(&e, "t", STET_RUN_TERMINATED);
                cr_assert_str_eq(embedded_show(&e, "c", "transitions"), "2");
                cr_assert_str_eq(embedded_show(&e, "t", "transitions"), "2");
        }
        cr_assert_eq(stet_client_cancel(e.client, "c", "enough", "r2", &e.why), STET_ECLOSED);
        cr_assert_eq(stet_client_terminate(e.client, "t", "enough", "r2", &e.why), STET_ECLOSED);
}

CLAIM(repeated_command_to_an_id_that_was_used_again_does_not_reach_the_new_run)
{
        start_waiting("order");
        cr_assert_eq(stet_client_terminate(e.client, "order", NULL, "r1", &e.why), 0, "%s", e.why.text);
        start_waiting("order");
        for (int round = 0; round < 2; round++, reopen()) {
                cr_assert_eq(stet_client_terminate(e.client, "order", NULL, "r1", &e.why), 0, "%s",
                             e.why.text);
                cr_assert_str_eq(embedded_show(&e, "order", "state"), "open");
        }
}

CLAIM(same_request_id_in_another_command_is_another_request)
{
        stet_started first = start((stet_start){ .workflow = "count", .id = "a", .request_id = "r1" });
        stet_started second = start((stet_start){ .workflow = "count", .id = "b", .request_id = "r1" });
        stet_started third = start((stet_start){ .workflow = "count", .request_id = "r1" });
        cr_assert_str_neq(first.run_id, second.run_id);
        cr_assert_str_neq(first.run_id, third.run_id);
        cr_assert_str_neq(second.run_id, third.run_id);
        for (int round = 0; round < 2; round++, reopen()) {
                signal_run("a", "tick", "r1");
                signal_run("b", "tick", "r1");
                signal_run(third.run_id, "tick", "r1");
        }
        cr_assert_eq(stet_client_cancel(e.client, "b", NULL, "r1", &e.why), 0, "%s", e.why.text);
        embedded_result(&e, "b", STET_RUN_CANCELED);
        complete("a");
        complete(third.run_id);
        cr_assert_str_eq(embedded_result(&e, "a", STET_RUN_COMPLETED), "1");
        cr_assert_str_eq(embedded_result(&e, third.run_id, STET_RUN_COMPLETED), "1");
}

CLAIM(repeated_request_that_was_refused_is_refused_again)
{
        stet_start what = { .workflow = "wait", .id = "order", .request_id = "r1" };
        stet_started before = start_waiting("order");
        start_refused(what, STET_EEXISTS, before.run_id);
        complete("order");
        start_refused(what, STET_EEXISTS, before.run_id); /* its client may have been told so */
        cr_assert_eq(count_runs(), 1);
        what.request_id = "r2";
        stet_started after = start(what);
        cr_assert_not(after.existing);
        cr_assert_str_neq(after.run_id, before.run_id);
        what.request_id = "r1";
        start_refused(what, STET_EEXISTS, before.run_id);
}

CLAIM(repeated_start_that_used_an_open_run_gives_it_after_its_end)
{
        stet_start what = { .workflow = "wait",
                            .id = "order",
                            .request_id = "r1",
                            .on_conflict = STET_CONFLICT_USE_EXISTING };
        start_waiting("order");
        stet_started first = start(what);
        complete("order");
        stet_started again = start(what);
        assert_same(&again, &first);
        cr_assert(again.existing);
        cr_assert_eq(count_runs(), 1);
}

CLAIM(second_cancel_is_answered_the_same_before_and_after_the_end)
{
        embedded_reopen(&e, NULL); /* without its code it stays open */
        start_waiting("order");
        embedded_reopen(&e, NULL);
        cr_assert_eq(stet_client_cancel(e.client, "order", NULL, "r1", &e.why), 0, "%s", e.why.text);
        cr_assert_eq(stet_client_cancel(e.client, "order", NULL, "r2", &e.why), 0, "%s", e.why.text);
        cr_assert_eq(stet_client_terminate(e.client, "order", NULL, NULL, &e.why), 0, "%s", e.why.text);
        cr_assert_eq(stet_client_cancel(e.client, "order", NULL, "r1", &e.why), 0, "%s", e.why.text);
        cr_assert_eq(stet_client_cancel(e.client, "order", NULL, "r2", &e.why), 0, "%s", e.why.text);
        cr_assert_eq(stet_client_cancel(e.client, "order", NULL, "r3", &e.why), STET_ECLOSED);
}

/* --- claims: ids of open runs --- */

CLAIM(id_of_an_open_run_is_refused_and_its_run_named)
{
        stet_started first = start_waiting("order");
        for (int round = 0; round < 2; round++, reopen()) {
                start_refused((stet_start){ .workflow = "echo", .id = "order" }, STET_EEXISTS, first.run_id);
                start_refused(
                    (stet_start){ .workflow = "echo", .id = "order", .on_reuse = STET_REUSE_REJECT },
                    STET_EEXISTS, first.run_id);
                cr_assert_str_eq(embedded_show(&e, "order", "run_id"), first.run_id);
                cr_assert_eq(count_runs(), 1);
        }
}

CLAIM(open_run_can_be_used_instead_of_a_new_one)
{
        stet_started first = start_waiting("order");
        for (int round = 0; round < 2; round++, reopen()) {
                stet_started again = start((stet_start){
                    .workflow = "echo", .id = "order", .on_conflict = STET_CONFLICT_USE_EXISTING });
                assert_same(&again, &first);
                cr_assert(again.existing);
                cr_assert_eq(count_runs(), 1);
        }
        complete("order");
        stet_started next = start(
            (stet_start){ .workflow = "wait", .id = "order", .on_conflict = STET_CONFLICT_USE_EXISTING });
        cr_assert_not(next.existing);
        cr_assert_str_neq(next.run_id, first.run_id);
}

CLAIM(open_run_can_be_terminated_for_a_new_one)
{
        stet_started before = start_waiting("order");
        for (int round = 0; round < 2; round++, reopen()) {
                stet_started after = start((stet_start){
                    .workflow = "wait", .id = "order", .on_conflict = STET_CONFLICT_TERMINATE_EXISTING });
                cr_assert_str_neq(after.run_id, before.run_id);
                embedded_result(&e, before.run_id, STET_RUN_TERMINATED);
                cr_assert_str_eq(embedded_show(&e, "order", "run_id"), after.run_id);
                cr_assert_str_eq(embedded_show(&e, "order", "state"), "open");
                before = after;
        }
}

/* --- claims: ids of ended runs --- */

/* Runs with the ids "done", "failed", "canceled" and "terminated", which ended so. */
static void end_in_every_way(void)
{
        start_waiting("done");
        complete("done");
        start((stet_start){ .workflow = "fails", .id = "failed" });
        embedded_result(&e, "failed", STET_RUN_FAILED);
        start_waiting("canceled");
        cr_assert_eq(stet_client_cancel(e.client, "canceled", NULL, NULL, &e.why), 0, "%s", e.why.text);
        embedded_result(&e, "canceled", STET_RUN_CANCELED);
        start_waiting("terminated");
        cr_assert_eq(stet_client_terminate(e.client, "terminated", NULL, NULL, &e.why), 0, "%s", e.why.text);
        embedded_result(&e, "terminated", STET_RUN_TERMINATED);
}

static const char *const ids_of_ended[] = { "done", "failed", "canceled", "terminated" };

CLAIM(id_that_was_used_can_be_used_again)
{
        end_in_every_way();
        for (int round = 0; round < 2; round++, reopen())
                for (int i = 0; i < 4; i++) {
                        char before[256];
                        snprintf(before, sizeof before, "%s", embedded_show(&e, ids_of_ended[i], "run_id"));
                        stet_started again = start_waiting(ids_of_ended[i]);
                        cr_assert_not(again.existing);
                        cr_assert_str_neq(again.run_id, before);
                        complete(ids_of_ended[i]);
                        cr_assert_str_eq(embedded_show(&e, ids_of_ended[i], "run_id"), again.run_id);
                }
}

CLAIM(id_can_be_used_again_only_after_a_run_that_did_not_complete)
{
        end_in_every_way();
        for (int round = 0; round < 2; round++, reopen())
                for (int i = 0; i < 4; i++) {
                        stet_start again = { .workflow = "fails",
                                             .id = ids_of_ended[i],
                                             .on_reuse = STET_REUSE_ALLOW_FAILED_ONLY };
                        if (i == 0) {
                                start_refused(again, STET_EEXISTS, "completed");
                        } else {
                                start(again);
                                embedded_result(&e, ids_of_ended[i], STET_RUN_FAILED);
                        }
                }
}

CLAIM(id_can_be_kept_from_being_used_again)
{
        end_in_every_way();
        for (int round = 0; round < 2; round++, reopen())
                for (int i = 0; i < 4; i++) {
                        stet_start again = { .workflow = "echo",
                                             .id = ids_of_ended[i],
                                             .on_reuse = STET_REUSE_REJECT };
                        start_refused(again, STET_EEXISTS, ids_of_ended[i]);
                }
        cr_assert_eq(count_runs(), 4);
        start((stet_start){ .workflow = "echo", .id = "fresh", .on_reuse = STET_REUSE_REJECT });
}

CLAIM(policies_look_at_the_last_run_of_a_chain)
{
        stet_value three = { 0 };
        stet_value_set_int(&three, 3);
        start((stet_start){ .workflow = "chain", .id = "chain", .input = &three });
        embedded_wait_show(&e, "chain", "state", "open");
        cr_assert_eq(count_runs(), 4);
        for (int round = 0; round < 2; round++, reopen())
                start_refused((stet_start){ .workflow = "echo", .id = "chain" }, STET_EEXISTS,
                              embedded_show(&e, "chain", "run_id"));
        complete("chain");
        for (int round = 0; round < 2; round++, reopen())
                start_refused((stet_start){ .workflow = "echo",
                                            .id = "chain",
                                            .on_reuse = STET_REUSE_ALLOW_FAILED_ONLY },
                              STET_EEXISTS, "completed");
        stet_value_free(&three);
}

/* --- claims: names, ids, values --- */

CLAIM(names_that_cannot_be_are_refused_wherever_they_stand)
{
        char too_long[257];
        memset(too_long, 'x', 256);
        too_long[256] = 0;
        const char *const bad[] = { "",
                                    too_long,
                                    "line\nbreak",
                                    "\x01",
                                    "del\x7f",
                                    "\xff",
                                    "\xc3",
                                    "caf\xe9",
                                    "\xed\xa0\x80",
                                    "\xc0\xaf",
                                    "\xf4\x90\x80\x80",
                                    "\x1b[31m",
                                    "c1\xc2\x9b"
                                    "31m" };
        stet_value value = { 0 };
        start_waiting("w");
        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
                start_refused((stet_start){ .workflow = bad[i] }, STET_EINVAL, "control characters");
                start_refused((stet_start){ .workflow = "echo", .id = bad[i] }, STET_EINVAL,
                              "control characters");
                start_refused((stet_start){ .workflow = "echo", .request_id = bad[i] }, STET_EINVAL,
                              "control characters");
                start_refused((stet_start){ .workflow = "echo", .name_space = bad[i] }, STET_EINVAL,
                              "control characters");
                cr_assert_eq(stet_client_signal(e.client, bad[i], "go", NULL, NULL, &e.why), STET_EINVAL);
                cr_assert_eq(stet_client_signal(e.client, "w", bad[i], NULL, NULL, &e.why), STET_EINVAL);
                cr_assert_eq(stet_client_signal(e.client, "w", "go", NULL, bad[i], &e.why), STET_EINVAL);
                cr_assert_eq(stet_client_cancel(e.client, bad[i], NULL, NULL, &e.why), STET_EINVAL);
                cr_assert_eq(stet_client_show(e.client, bad[i], &value, &e.why), STET_EINVAL);
                cr_assert_eq(stet_client_query(e.client, "w", bad[i], NULL, &value, &e.why), STET_EINVAL);
        }
        start_refused((stet_start){ .workflow = NULL }, STET_EINVAL, "missing");
        cr_assert_eq(stet_client_signal(e.client, NULL, "go", NULL, NULL, &e.why), STET_EINVAL);
        cr_assert_eq(count_runs(), 1);
        cr_assert_str_eq(embedded_show(&e, "w", "transitions"), "1");
}

CLAIM(longest_names_and_any_script_are_taken_as_they_are)
{
        char longest[256];
        fill_with_snowmen(longest, sizeof longest);
        cr_assert_eq(strlen(longest), 255);
        const char *const good[] = { longest,  "x",         " ",  "a/b?c=d&e",
                                     "注文-1", "e\xcc\x81", "..", "\xf4\x8f\xbf\xbf" };
        for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
                stet_started run =
                    start((stet_start){ .workflow = "wait", .id = good[i], .request_id = good[i] });
                cr_assert_str_eq(run.workflow_id, good[i]);
                signal_run(good[i], good[i], good[i]);
                complete(good[i]);
                cr_assert_str_eq(embedded_show(&e, good[i], "workflow_id"), good[i]);
                start_refused(
                    (stet_start){ .workflow = "echo", .id = good[i], .on_reuse = STET_REUSE_REJECT },
                    STET_EEXISTS, run.run_id);
        }
}

CLAIM(id_that_reads_as_a_run_id_is_refused)
{
        start_refused((stet_start){ .workflow = "wait", .id = "0123456789abcdef" }, STET_EINVAL,
                      "16 hexadecimal");
        start_refused((stet_start){ .workflow = "wait", .id = "ffffffffffffffff" }, STET_EINVAL,
                      "16 hexadecimal");
        start_waiting("0123456789abcde");
        start_waiting("0123456789abcdef0");
        start_waiting("0123456789ABCDEF");
        start_waiting("0123456789abcdeg");
        cr_assert_eq(count_runs(), 4);
}

CLAIM(largest_value_is_taken_and_a_larger_one_refused)
{
        enum { HEADER = 5 };
        char *bytes = calloc(1, STET_VALUE_SIZE_MAX);
        stet_value largest = { 0 };
        cr_assert_eq(stet_value_set_bytes(&largest, bytes, STET_VALUE_SIZE_MAX - HEADER), 0);
        cr_assert_eq(largest.size, STET_VALUE_SIZE_MAX);
        start((stet_start){ .workflow = "call", .id = "large", .input = &largest });
        stet_result result;
        cr_assert_eq(stet_client_wait(e.client, "large", 20000, &result, &e.why), 0, "%s", e.why.text);
        cr_assert_eq(result.ending, STET_RUN_COMPLETED, "%s: %s", result.failure_kind,
                     result.failure_message);
        cr_assert(stet_value_equal(&result.value, &largest));
        stet_value_free(&result.value);

        char *encoded = calloc(1, STET_VALUE_SIZE_MAX + 1);
        memcpy(encoded, (const unsigned char[]){ 0xc6, 0x00, 0x1f, 0xff, 0xfc }, HEADER);
        stet_value larger = { .data = encoded, .size = STET_VALUE_SIZE_MAX + 1, .borrowed = true };
        start_refused((stet_start){ .workflow = "echo", .id = "larger", .input = &larger }, STET_ETOOBIG,
                      "2097153");
        start_waiting("w");
        cr_assert_eq(stet_client_signal(e.client, "w", "go", &larger, NULL, &e.why), STET_ETOOBIG);
        cr_assert_eq(stet_client_query(e.client, "w", "q", &larger, &result.value, &e.why), STET_ETOOBIG);
        cr_assert_eq(count_runs(), 2);
        stet_value_free(&largest);
        free(bytes);
        free(encoded);
}

CLAIM(value_that_is_no_value_is_refused)
{
        static const unsigned char truncated[] = { 0x92, 0x01 }, ext[] = { 0xd4, 0x01, 0x00 },
                                   two[] = { 0x01, 0x02 }, latin1[] = { 0xa1, 0xe9 };
        unsigned char deep[64];
        memset(deep, 0x91, sizeof deep);
        deep[sizeof deep - 1] = 0xc0;
        const stet_value bad[] = {
                { .data = truncated, .size = sizeof truncated, .borrowed = true },
                { .data = ext, .size = sizeof ext, .borrowed = true },
                { .data = two, .size = sizeof two, .borrowed = true },
                { .data = latin1, .size = sizeof latin1, .borrowed = true },
                { .data = deep, .size = sizeof deep, .borrowed = true },
        };
        start_waiting("w");
        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
                start_refused((stet_start){ .workflow = "echo", .input = &bad[i] }, STET_EPROTOCOL,
                              "msgpack");
                cr_assert_eq(stet_client_signal(e.client, "w", "go", &bad[i], NULL, &e.why), STET_EPROTOCOL);
        }
        cr_assert_str_eq(embedded_show(&e, "w", "transitions"), "1");
}

CLAIM(unknown_workflow_is_refused_with_the_names_that_there_are)
{
        start_refused((stet_start){ .workflow = "eco" }, STET_ENOTFOUND, "\"echo\", \"wait\"");
        cr_assert_eq(count_runs(), 0);
}

CLAIM(failure_of_any_bytes_reaches_the_client_as_text)
{
        stet_value yes = { 0 };
        stet_value_set_bool(&yes, true);
        start((stet_start){ .workflow = "fails_at_length", .id = "long" });
        embedded_result(&e, "long", STET_RUN_FAILED);
        cr_assert_eq(strncmp(embedded_failure_kind(), "☃☃", 6), 0, "%s", embedded_failure_kind());
        cr_assert_gt(strlen(embedded_failure_message()), 500);
        start((stet_start){ .workflow = "fails_at_length", .id = "latin1", .input = &yes });
        embedded_result(&e, "latin1", STET_RUN_FAILED);
        cr_assert_str_eq(embedded_failure_message(), "caf?");
        cr_assert_str_eq(embedded_show(&e, "latin1", "state"), "failed");
        stet_value_free(&yes);
}

/* --- claims: attributes --- */

/* What `show` and `list` say of them, as JSON; "null" if nothing. */
static void attributes_are(const char *run, const char *wanted)
{
        stet_value shown = { 0 }, runs = list((stet_list_filter){ 0 });
        char *json, id[256], run_id[256];
        int err = stet_client_show(e.client, run, &shown, &e.why);
        cr_assert_eq(err, 0, "%s", e.why.text);
        stet_value attributes = stet_value_get(&shown, "attributes");
        cr_assert_eq(stet_value_to_json(&attributes, 0, &json), 0);
        cr_assert_str_eq(json, wanted);
        text_of(&shown, "run_id", run_id);
        bool listed = false;
        for (size_t i = 0; i < stet_value_count(&runs); i++) {
                stet_value row = stet_value_at(&runs, i), item = stet_value_get(&row, "attributes");
                if (strcmp(text_of(&row, "run_id", id), run_id) != 0)
                        continue;
                cr_assert(stet_value_equal(&item, &attributes));
                listed = true;
        }
        cr_assert(listed);
        free(json);
        stet_value_free(&shown);
        stet_value_free(&runs);
}

CLAIM(attributes_of_a_start_are_shown_and_listed)
{
        stet_value some = { 0 }, none = { 0 };
        cr_assert_eq(stet_value_pack(&some, "{s:s, s:i, s:b}", "city", "Zürich", "size", -7, "urgent", 1), 0);
        cr_assert_eq(stet_value_pack(&none, "{}"), 0);
        start((stet_start){ .workflow = "wait", .id = "some", .attributes = &some });
        start((stet_start){ .workflow = "wait", .id = "none", .attributes = &none });
        start((stet_start){ .workflow = "wait", .id = "nothing" });
        for (int round = 0; round < 2; round++, reopen()) {
                attributes_are("some", "{\"city\":\"Zürich\",\"size\":-7,\"urgent\":true}");
                attributes_are("none", "null");
                attributes_are("nothing", "null");
        }
        complete("some");
        attributes_are("some", "{\"city\":\"Zürich\",\"size\":-7,\"urgent\":true}");
        stet_value_free(&some);
        stet_value_free(&none);
}

CLAIM(run_that_continues_as_new_keeps_its_attributes)
{
        stet_value attributes = { 0 }, three = { 0 };
        stet_value_set_int(&three, 3);
        cr_assert_eq(stet_value_pack(&attributes, "{s:s}", "city", "Ulm"), 0);
        stet_started first = start(
            (stet_start){ .workflow = "chain", .id = "chain", .input = &three, .attributes = &attributes });
        embedded_wait_show(&e, "chain", "state", "open");
        for (int round = 0; round < 2; round++, reopen()) {
                cr_assert_str_neq(embedded_show(&e, "chain", "run_id"), first.run_id);
                attributes_are("chain", "{\"city\":\"Ulm\"}");
                attributes_are(first.run_id, "{\"city\":\"Ulm\"}");
        }
        stet_value_free(&attributes);
        stet_value_free(&three);
}

CLAIM(attributes_that_are_none_are_refused_by_the_client)
{
        stet_value fraction = { 0 }, list_of_one = { 0 }, many = { 0 }, number = { 0 };
        stet_value_set_int(&number, 1);
        cr_assert_eq(stet_value_pack(&fraction, "{s:f}", "size", 1.5), 0);
        cr_assert_eq(stet_value_pack(&list_of_one, "[s]", "size"), 0);
        for (int i = 0; i < 33; i++) {
                char name[8];
                snprintf(name, sizeof name, "a%d", i);
                stet_value_set(&many, name, &number);
        }
        start_refused((stet_start){ .workflow = "wait", .attributes = &fraction }, STET_EINVAL,
                      "the attribute \"size\" is a number with a fraction");
        start_refused((stet_start){ .workflow = "wait", .attributes = &list_of_one }, STET_EINVAL,
                      "this is a list");
        start_refused((stet_start){ .workflow = "wait", .attributes = &many }, STET_ETOOBIG, "these are 33");
        cr_assert_eq(count_runs(), 0);
        stet_value_free(&fraction);
        stet_value_free(&list_of_one);
        stet_value_free(&many);
        stet_value_free(&number);
}

/* A client in another language may check nothing. */
CLAIM(attributes_that_are_none_are_refused_by_the_node)
{
        static const struct {
                struct bytes map;
                uint32_t code;
                const char *word;
        } bad[] = {
                { { (const uint8_t *)"\x90", 1 }, STET_EINVAL, "this is a list" },
                { { (const uint8_t *)"\x81\xa0\x01", 3 }, STET_EINVAL, "1 to 64 bytes" },
                { { (const uint8_t *)"\x81\xa1x\xc0", 4 }, STET_EINVAL, "\"x\" is null" },
                { { (const uint8_t *)"\x82\xa1x", 3 }, STET_EPROTOCOL, "msgpack" },
        };
        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
                struct message m = { .type = MSG_START, .name = bytes_str("wait"), .attributes = bad[i].map };
                const struct message *reply;
                cr_assert_eq(client_ask(e.client, &m, 20000, &reply, &e.why), 0, "%s", e.why.text);
                cr_assert_eq(reply->code, bad[i].code);
                stet_why_set(&e.why, 0, "%.*s", (int)reply->text.size, (const char *)reply->text.data);
                cr_assert(strstr(e.why.text, bad[i].word), "no \"%s\" in: %s", bad[i].word, e.why.text);
        }
        cr_assert_eq(count_runs(), 0);
}

/* 400 runs with 10 KB of attributes each are more than one answer holds. */
CLAIM(list_of_runs_with_large_attributes_has_shorter_pages)
{
        enum { COUNT = 400 };
        stet_value attributes = { 0 }, text = { 0 };
        stet_answer answers[COUNT];
        char filled[STET_ATTRIBUTE_STRING_MAX + 1], before[256] = "";
        memset(filled, 'x', sizeof filled - 1);
        filled[sizeof filled - 1] = 0;
        stet_value_set_string(&text, filled);
        for (int i = 0; i < STET_ATTRIBUTES_MAX; i++) {
                char name[STET_ATTRIBUTE_NAME_MAX + 1];
                snprintf(name, sizeof name, "%064d", i);
                cr_assert_eq(stet_value_set(&attributes, name, &text), 0);
        }
        stet_start what = { .workflow = "wait", .attributes = &attributes };
        for (uint64_t i = 0; i < COUNT; i++)
                cr_assert_eq(stet_client_submit(e.client, &what, i, false, &e.why), 0, "%s", e.why.text);
        cr_assert_eq(collect_all(answers, COUNT), COUNT);
        size_t total = 0, pages = 0;
        for (;; pages++) {
                stet_value page =
                    list((stet_list_filter){ .limit = COUNT, .before_run_id = before[0] ? before : NULL });
                size_t count = stet_value_count(&page);
                stet_value last = stet_value_at(&page, count - !!count);
                if (count)
                        text_of(&last, "run_id", before);
                stet_value_free(&page);
                if (!count)
                        break;
                total += count;
        }
        cr_assert_eq(total, COUNT);
        cr_assert_eq(pages, 2);
        stet_value_free(&attributes);
        stet_value_free(&text);
}

/* --- claims: code that is not there --- */

CLAIM(node_without_registrations_accepts_and_the_run_waits_for_its_code)
{
        embedded_reopen(&e, NULL);
        start((stet_start){ .workflow = "wait", .id = "order" });
        for (int round = 0; round < 2; round++) {
                cr_assert_str_eq(embedded_show(&e, "order", "state"), "blocked");
                const char *reason = embedded_show(&e, "order", "reason");
                cr_assert(strstr(reason, "\"wait\""), "%s", reason);
                signal_run("order", "go", "once");
                embedded_reopen(&e, NULL);
                signal_run("order", "go", "once");
        }
        reopen();
        cr_assert_str_eq(embedded_result(&e, "order", STET_RUN_COMPLETED), "null");
}

CLAIM(run_without_code_can_be_cancelled_and_terminated)
{
        embedded_reopen(&e, NULL);
        start_waiting("c");
        start_waiting("t");
        cr_assert_eq(stet_client_terminate(e.client, "t", "not needed", NULL, &e.why), 0, "%s", e.why.text);
        embedded_result(&e, "t", STET_RUN_TERMINATED);
        cr_assert_eq(stet_client_cancel(e.client, "c", NULL, NULL, &e.why), 0, "%s", e.why.text);
        cr_assert_str_eq(embedded_show(&e, "c", "state"), "blocked"); /* cancelling is for its code to do */
        reopen();
        embedded_result(&e, "c", STET_RUN_CANCELED);
}

/* --- claims: ended and unknown runs --- */

CLAIM(terminated_run_ends_at_once_with_the_reason)
{
        start_waiting("order");
        cr_assert_eq(stet_client_terminate(e.client, "order", "wrong customer", NULL, &e.why), 0, "%s",
                     e.why.text);
        for (int round = 0; round < 2; round++, reopen()) {
                embedded_result(&e, "order", STET_RUN_TERMINATED);
                cr_assert_str_eq(embedded_failure_message(), "wrong customer");
                cr_assert_str_eq(embedded_blocked_on(&e, "order"), "");
        }
}

CLAIM(commands_on_an_ended_run_say_how_it_ended)
{
        stet_value value = { 0 };
        start((stet_start){ .workflow = "echo", .id = "e" });
        embedded_result(&e, "e", STET_RUN_COMPLETED);
        for (int round = 0; round < 2; round++, reopen()) {
                cr_assert_eq(stet_client_signal(e.client, "e", "go", NULL, NULL, &e.why), STET_ECLOSED);
                cr_assert(strstr(e.why.text, "completed"), "%s", e.why.text);
                cr_assert_eq(stet_client_cancel(e.client, "e", NULL, NULL, &e.why), STET_ECLOSED);
                cr_assert_eq(stet_client_terminate(e.client, "e", NULL, NULL, &e.why), STET_ECLOSED);
                cr_assert_eq(stet_client_query(e.client, "e", "q", NULL, &value, &e.why), STET_ECLOSED);
                cr_assert_str_eq(embedded_result(&e, "e", STET_RUN_COMPLETED), "null");
        }
}

CLAIM(commands_on_a_run_that_never_was_name_it)
{
        const char *const unknown[] = { "nobody", "0000000000000001", "0002000000000009",
                                        "ffffffffffffffff" };
        stet_value value = { 0 };
        stet_result result;
        for (int i = 0; i < 4; i++) {
                cr_assert_eq(stet_client_signal(e.client, unknown[i], "go", NULL, NULL, &e.why),
                             STET_ENOTFOUND);
                cr_assert(strstr(e.why.text, unknown[i]), "%s", e.why.text);
                cr_assert_eq(stet_client_cancel(e.client, unknown[i], NULL, NULL, &e.why), STET_ENOTFOUND);
                cr_assert_eq(stet_client_terminate(e.client, unknown[i], NULL, NULL, &e.why), STET_ENOTFOUND);
                cr_assert_eq(stet_client_query(e.client, unknown[i], "q", NULL, &value, &e.why),
                             STET_ENOTFOUND);
                cr_assert_eq(stet_client_show(e.client, unknown[i], &value, &e.why), STET_ENOTFOUND);
                cr_assert_eq(stet_client_history(e.client, unknown[i], 0, 0, &value, &e.why), STET_ENOTFOUND);
                cr_assert_eq(stet_client_wait(e.client, unknown[i], 0, &result, &e.why), STET_ENOTFOUND);
                cr_assert_eq(stet_client_wait(e.client, unknown[i], 1000, &result, &e.why), STET_ENOTFOUND);
        }
}

/* --- claims: lists --- */

static void start_many(int count)
{
        char id[32];
        for (int i = 0; i < count; i++) {
                snprintf(id, sizeof id, "many-%02d", i);
                start((stet_start){ .workflow = i % 3 ? "echo" : "wait", .id = id });
        }
}

CLAIM(list_has_the_newest_first)
{
        char id[32], buf[256];
        start_many(30);
        for (int round = 0; round < 2; round++, reopen()) {
                stet_value runs = list((stet_list_filter){ 0 });
                cr_assert_eq(stet_value_count(&runs), 30);
                uint64_t later_ms = UINT64_MAX;
                bool seen[30] = { false };
                for (size_t i = 0; i < 30; i++) {
                        stet_value row = stet_value_at(&runs, i),
                                   started = stet_value_get(&row, "started_ms");
                        uint64_t started_ms = (uint64_t)stet_value_int(&started, -1);
                        cr_assert_leq(started_ms, later_ms);
                        later_ms = started_ms;
                        seen[atoi(text_of(&row, "workflow_id", buf) + 5)] = true;
                }
                for (int i = 0; i < 30; i++) {
                        snprintf(id, sizeof id, "many-%02d", i);
                        cr_assert(seen[i], "%s is missing", id);
                }
                stet_value_free(&runs);
        }
}

CLAIM(list_is_filtered_by_state_and_workflow)
{
        char buf[256];
        start_many(9);
        end_in_every_way();
        for (int round = 0; round < 2; round++, reopen()) {
                const struct {
                        stet_list_filter filter;
                        size_t count;
                } rows[] = {
                        { { .state = "open" }, 3 },
                        { { .state = "completed" }, 7 },
                        { { .state = "failed" }, 1 },
                        { { .state = "canceled" }, 1 },
                        { { .state = "terminated" }, 1 },
                        { { .state = "continued" }, 0 },
                        { { .state = "blocked" }, 0 },
                        { { .workflow = "wait" }, 6 },
                        { { .workflow = "echo" }, 6 },
                        { { .workflow = "nobody" }, 0 },
                        { { .limit = 4 }, 4 },
                        { { .state = "completed", .workflow = "wait" }, 1 },
                        { { .state = "open", .limit = 2 }, 2 },
                };
                for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
                        stet_value runs = list(rows[i].filter);
                        cr_assert_eq(stet_value_count(&runs), rows[i].count, "row %zu: %zu", i,
                                     stet_value_count(&runs));
                        stet_value_free(&runs);
                }
                stet_value runs = list((stet_list_filter){ .state = "failed" });
                stet_value row = stet_value_at(&runs, 0);
                cr_assert_str_eq(text_of(&row, "workflow_id", buf), "failed");
                stet_value_free(&runs);
        }
        embedded_reopen(&e, NULL);
        signal_run("many-00", "go", NULL);
        stet_value runs = list((stet_list_filter){ .state = "blocked" });
        cr_assert_eq(stet_value_count(&runs), 1);
        stet_value_free(&runs);
}

CLAIM(pages_of_a_list_have_every_run_once_and_in_its_order)
{
        enum { COUNT = 50 };
        char before[256] = "", id[256];
        start_many(COUNT);
        for (uint32_t limit = 1; limit <= 16; limit *= 4) {
                stet_value all = list((stet_list_filter){ 0 });
                size_t place = 0;
                cr_assert_eq(stet_value_count(&all), COUNT);
                for (before[0] = 0;;) {
                        stet_value page = list(
                            (stet_list_filter){ .limit = limit, .before_run_id = before[0] ? before : NULL });
                        size_t count = stet_value_count(&page);
                        for (size_t i = 0; i < count; i++, place++) {
                                stet_value row = stet_value_at(&page, i), wanted = stet_value_at(&all, place);
                                text_of(&row, "run_id", before);
                                cr_assert_str_eq(before, text_of(&wanted, "run_id", id), "place %zu by %u",
                                                 place, limit);
                        }
                        stet_value_free(&page);
                        if (!count)
                                break;
                }
                cr_assert_eq(place, COUNT);
                stet_value_free(&all);
        }
}

CLAIM(filters_that_cannot_be_are_refused)
{
        stet_value runs = { 0 };
        const struct {
                stet_list_filter filter;
                int err;
                const char *word;
        } rows[] = {
                { { .state = "waiting" }, STET_EINVAL, "waiting" },
                { { .limit = 1001 }, STET_EINVAL, "1000" },
                { { .workflow = "\n" }, STET_EINVAL, "control" },
                { { .before_run_id = "order-1" }, STET_EINVAL, "order-1" },
                { { .before_run_id = "" }, STET_EINVAL, "run id" },
                { { .before_run_id = "000000000000ffff" }, STET_ENOTFOUND, "000000000000ffff" },
                { { .before_run_id = "ffffffffffffffff" }, STET_ENOTFOUND, "ffffffffffffffff" },
        };
        start_waiting("order-1");
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
                int err = stet_client_list(e.client, &rows[i].filter, &runs, &e.why);
                cr_assert_eq(err, rows[i].err, "row %zu: %s", i, stet_error_name(err));
                cr_assert(strstr(e.why.text, rows[i].word), "row %zu: %s", i, e.why.text);
        }
}

CLAIM(history_is_paged_by_number)
{
        enum { TICKS = 20 };
        stet_value page = { 0 };
        start((stet_start){ .workflow = "count", .id = "clock" });
        for (int i = 0; i < TICKS; i++)
                signal_run("clock", "tick", NULL);
        for (int round = 0; round < 2; round++, reopen())
                for (uint32_t limit = 1; limit <= 25; limit += 6) {
                        uint64_t from = 0;
                        for (;;) {
                                cr_assert_eq(
                                    stet_client_history(e.client, "clock", from, limit, &page, &e.why), 0);
                                size_t count = stet_value_count(&page);
                                cr_assert_eq(count, from + limit <= TICKS + 1 ? limit : TICKS + 1 - from);
                                for (size_t i = 0; i < count; i++) {
                                        stet_value row = stet_value_at(&page, i),
                                                   seq = stet_value_get(&row, "seq");
                                        cr_assert_eq(stet_value_int(&seq, -1), (int64_t)(from + i));
                                }
                                stet_value_free(&page);
                                if (!count)
                                        break;
                                from += count;
                        }
                }
        cr_assert_eq(stet_client_history(e.client, "clock", UINT64_C(1) << 32, 0, &page, &e.why), 0, "%s",
                     e.why.text);
        cr_assert_eq(stet_value_count(&page), 0, "there is no such transition");
        stet_value_free(&page);
}

/* --- claims: namespaces --- */

CLAIM(namespaces_are_apart)
{
        stet_started here = start((stet_start){ .workflow = "count", .id = "order", .request_id = "r1" });
        stet_started there = start(
            (stet_start){ .workflow = "wait", .id = "order", .request_id = "r1", .name_space = "other" });
        stet_value value = { 0 };
        cr_assert_str_neq(here.run_id, there.run_id);
        for (int round = 0; round < 2; round++, reopen()) {
                cr_assert_str_eq(embedded_show(&e, "order", "run_id"), here.run_id);
                cr_assert_str_eq(embedded_show(&e, "order", "namespace"), "default");
                cr_assert_eq(count_runs(), 1);
                cr_assert_eq(stet_client_show(e.client, there.run_id, &value, &e.why), STET_ENOTFOUND);
                cr_assert_eq(stet_client_terminate(e.client, there.run_id, NULL, NULL, &e.why),
                             STET_ENOTFOUND);
                cr_assert_eq(stet_client_set_namespace(e.client, "other", &e.why), 0, "%s", e.why.text);
                cr_assert_str_eq(embedded_show(&e, "order", "run_id"), there.run_id);
                cr_assert_str_eq(embedded_show(&e, there.run_id, "namespace"), "other");
                cr_assert_eq(count_runs(), 1);
                cr_assert_eq(stet_client_show(e.client, here.run_id, &value, &e.why), STET_ENOTFOUND);
                stet_list_filter before = { .before_run_id = here.run_id };
                cr_assert_eq(stet_client_list(e.client, &before, &value, &e.why), STET_ENOTFOUND);
        }
        cr_assert_eq(stet_client_set_namespace(e.client, "other", &e.why), 0, "%s", e.why.text);
        complete("order");
        stet_started again = start((stet_start){ .workflow = "echo", .id = "order" });
        embedded_result(&e, again.run_id, STET_RUN_COMPLETED);
        cr_assert_eq(count_runs(), 2);
        cr_assert_eq(stet_client_set_namespace(e.client, NULL, &e.why), 0, "%s", e.why.text);
        cr_assert_str_eq(embedded_show(&e, "order", "state"), "open");
        cr_assert_eq(stet_client_set_namespace(e.client, "no\nname", &e.why), STET_EINVAL);
}

/* --- claims: waiting --- */

CLAIM(wait_without_time_only_looks)
{
        stet_result result;
        start_waiting("order");
        cr_assert_eq(stet_client_wait(e.client, "order", 0, &result, &e.why), STET_ETIMEDOUT);
        complete("order");
        for (int round = 0; round < 2; round++, reopen()) {
                cr_assert_eq(stet_client_wait(e.client, "order", 0, &result, &e.why), 0, "%s", e.why.text);
                cr_assert_eq(result.ending, STET_RUN_COMPLETED);
                stet_value_free(&result.value);
        }
}

CLAIM(wait_with_a_limit_ends_there_and_the_run_goes_on)
{
        stet_result result;
        stet_started run = start_waiting("order");
        for (int i = 0; i < 20; i++)
                cr_assert_eq(stet_client_wait(e.client, i % 2 ? run.run_id : "order", 2, &result, &e.why),
                             STET_ETIMEDOUT);
        cr_assert(strstr(e.why.text, run.run_id), "%s", e.why.text);
        complete("order");
        cr_assert_eq(stet_client_wait(e.client, run.run_id, -1, &result, &e.why), 0, "%s", e.why.text);
        cr_assert_eq(result.ending, STET_RUN_COMPLETED);
        cr_assert_str_eq(result.run_id, run.run_id);
        stet_value_free(&result.value);
}

/* --- claims: many at once, and two clients --- */

CLAIM(every_submitted_start_is_answered_when_durable_and_when_ended)
{
        enum { COUNT = 400 };
        static stet_answer answers[2 * COUNT + 1];
        int durable[COUNT] = { 0 }, ended[COUNT] = { 0 };
        for (uint64_t i = 0; i < COUNT; i++) {
                stet_start what = { .workflow = i % 2 ? "echo" : "call" };
                cr_assert_eq(stet_client_submit(e.client, &what, i, true, &e.why), 0, "%s", e.why.text);
        }
        cr_assert_eq(collect_all(answers, 2 * COUNT), 2 * COUNT);
        for (size_t i = 0; i < 2 * COUNT; i++) {
                const stet_answer *a = &answers[i];
                cr_assert_lt(a->tag, COUNT);
                cr_assert_eq(a->err, 0);
                cr_assert_eq(durable[a->tag], a->ended, "an ending comes after its start");
                (a->ended ? ended : durable)[a->tag]++;
                cr_assert(!a->ended || a->ending == STET_RUN_COMPLETED);
        }
        cr_assert_eq(count_runs(), COUNT);
}

CLAIM(submitted_starts_follow_the_same_rules_as_others)
{
        stet_answer answers[5];
        bool seen[4] = { false };
        stet_started open = start_waiting("open");
        const stet_start what[] = {
                { .workflow = "nobody" },
                { .workflow = "wait", .id = "open" },
                { .workflow = "wait", .id = "open", .on_conflict = STET_CONFLICT_USE_EXISTING },
                { .workflow = "wait", .id = "fresh", .request_id = "r1" },
        };
        const int err[] = { STET_ENOTFOUND, STET_EEXISTS, 0, 0 };
        start(what[3]);
        for (uint64_t i = 0; i < 4; i++)
                cr_assert_eq(stet_client_submit(e.client, &what[i], i, false, &e.why), 0, "%s", e.why.text);
        cr_assert_eq(stet_client_submit(e.client, &(stet_start){ .workflow = "\n" }, 9, false, &e.why),
                     STET_EINVAL);
        cr_assert_eq(collect_all(answers, 4), 4);
        for (int i = 0; i < 4; i++) {
                uint64_t tag = answers[i].tag;
                cr_assert_lt(tag, 4);
                cr_assert_not(seen[tag]);
                seen[tag] = true;
                cr_assert_eq(answers[i].err, err[tag], "%s", stet_error_name(answers[i].err));
                if (tag == 2)
                        cr_assert_str_eq(answers[i].run_id, open.run_id);
        }
        cr_assert_eq(collect_all(answers, 1), 0);
        cr_assert_eq(count_runs(), 2);
}

CLAIM(submitted_start_can_be_awaited_while_others_are_commanded)
{
        stet_answer answers[4];
        stet_start what = { .workflow = "wait", .id = "slow", .name_space = "default" };
        cr_assert_eq(stet_client_submit(e.client, &what, 7, true, &e.why), 0, "%s", e.why.text);
        cr_assert_eq(collect_all(answers, 1), 1);
        cr_assert_not(answers[0].ended);
        size_t none = 9;
        cr_assert_eq(stet_client_collect(e.client, answers, 4, 5, &none, &e.why), 0, "%s", e.why.text);
        cr_assert_eq(none, 0);
        signal_run("slow", "go", NULL);
        cr_assert_eq(collect_all(answers, 1), 1);
        cr_assert(answers[0].ended);
        cr_assert_eq(answers[0].tag, 7);
        cr_assert_eq(answers[0].ending, STET_RUN_COMPLETED);
}

static void submit_signal(stet_client *client, const char *run, const char *name, uint64_t tag)
{
        int err = stet_client_submit_signal(client, run, name, NULL, NULL, tag, &e.why);
        cr_assert_eq(err, 0, "%s", e.why.text);
}

CLAIM(submitted_signals_are_each_taken_once)
{
        enum { RUNS = 20, COUNT = 2000 };
        static stet_answer answers[COUNT];
        stet_started runs[RUNS];
        bool seen[COUNT] = { false };
        for (int i = 0; i < RUNS; i++)
                runs[i] = start((stet_start){ .workflow = "count" });
        for (uint64_t i = 0; i < COUNT; i++)
                submit_signal(e.client, runs[i % RUNS].run_id, "tick", i);
        cr_assert_eq(collect_all(answers, COUNT), COUNT);
        for (size_t i = 0; i < COUNT; i++) {
                uint64_t tag = answers[i].tag;
                cr_assert_lt(tag, COUNT);
                cr_assert_not(seen[tag]);
                seen[tag] = true;
                cr_assert_eq(answers[i].err, 0);
                cr_assert_not(answers[i].ended);
                cr_assert_str_eq(answers[i].run_id, runs[tag % RUNS].run_id);
        }
        for (int round = 0; round < 2; round++, reopen())
                for (int i = 0; i < RUNS; i++) {
                        signal_run(runs[i].run_id, "go", "go-1");
                        cr_assert_str_eq(embedded_result(&e, runs[i].run_id, STET_RUN_COMPLETED), "100");
                }
}

CLAIM(submitted_signals_follow_the_same_rules_as_others)
{
        stet_answer answers[6];
        const int wanted[] = { STET_ENOTFOUND, STET_ECLOSED, 0, 0, 0 };
        start((stet_start){ .workflow = "echo", .id = "ended" });
        embedded_result(&e, "ended", STET_RUN_COMPLETED);
        start((stet_start){ .workflow = "count", .id = "clock" });
        submit_signal(e.client, "nobody", "tick", 0);
        submit_signal(e.client, "ended", "tick", 1);
        for (uint64_t tag = 2; tag < 4; tag++)
                cr_assert_eq(stet_client_submit_signal(e.client, "clock", "tick", NULL, "r1", tag, &e.why),
                             0);
        submit_signal(e.client, "clock", "tick", 4);
        cr_assert_eq(collect_all(answers, 6), 5);
        for (int i = 0; i < 5; i++) {
                cr_assert_lt(answers[i].tag, 5);
                cr_assert_eq(answers[i].err, wanted[answers[i].tag], "%s", stet_error_name(answers[i].err));
                cr_assert_eq(strspn(answers[i].run_id, "0") == 16, answers[i].err != 0);
        }
        signal_run("clock", "go", NULL);
        cr_assert_str_eq(embedded_result(&e, "clock", STET_RUN_COMPLETED), "2",
                         "the one said twice counts once");
}

CLAIM(submitted_signals_to_one_run_are_applied_in_their_order)
{
        enum { COUNT = 1500 };
        static stet_answer answers[COUNT];
        stet_value number = { 0 };
        stet_value_set_int(&number, COUNT);
        stet_started run = start((stet_start){ .workflow = "in_order", .id = "clock", .input = &number });
        for (uint64_t i = 0; i < COUNT; i++) {
                stet_value_set_int(&number, (int64_t)i);
                cr_assert_eq(stet_client_submit_signal(e.client, i % 2 ? run.run_id : "clock", "number",
                                                       &number, NULL, i, &e.why),
                             0, "%s", e.why.text);
        }
        cr_assert_eq(collect_all(answers, COUNT), COUNT);
        cr_assert_str_eq(embedded_result(&e, "clock", STET_RUN_COMPLETED), "1500");
        stet_value_free(&number);
}

/* A client of its own, over a socket, which does not know that the node is closed and opened again. */
static void submit_across_a_restart(void)
{
        enum { RUNS = 20, BEFORE = 5000, EARLY = 500, COUNT = 6000 };
        static stet_answer answers[COUNT];
        bool seen[COUNT] = { false };
        stet_client *client;
        stet_started runs[RUNS];
        for (int i = 0; i < RUNS; i++)
                runs[i] = start((stet_start){ .workflow = "count" });
        int err = stet_client_connect(stet_node_endpoint(e.node, 0), &client, &e.why);
        cr_assert_eq(err, 0, "%s", e.why.text);
        for (uint64_t i = 0; i < COUNT; i++) {
                size_t had = 0, some;
                submit_signal(client, runs[i % RUNS].run_id, "tick", i);
                for (; i + 1 == BEFORE && had < EARLY; had += some) {
                        err = stet_client_collect(client, answers + had, EARLY - had, 20000, &some, &e.why);
                        cr_assert_eq(err, 0, "%s", e.why.text);
                }
                if (i + 1 == BEFORE)
                        reopen();
        }
        for (size_t had = EARLY, some; had < COUNT; had += some) {
                err = stet_client_collect(client, answers + had, COUNT - had, 20000, &some, &e.why);
                cr_assert_eq(err, 0, "%s", e.why.text);
                cr_assert_gt(some, 0);
        }
        for (size_t i = 0; i < COUNT; i++) {
                cr_assert_not(seen[answers[i].tag]);
                seen[answers[i].tag] = true;
                cr_assert_eq(answers[i].err, 0, "%s", stet_error_name(answers[i].err));
        }
        for (int i = 0; i < RUNS; i++) {
                signal_run(runs[i].run_id, "go", NULL);
                cr_assert_str_eq(embedded_result(&e, runs[i].run_id, STET_RUN_COMPLETED), "300");
        }
        stet_client_close(client);
}

Test(restarted, submitted_signals_are_neither_lost_nor_doubled, .timeout = 60)
{
        char endpoint[256];
        char *dir = temp_dir_new();
        snprintf(endpoint, sizeof endpoint, "ipc://%s/node", dir);
        e.options.listen = (const char *const[]){ endpoint, NULL };
        open_three_shards();
        submit_across_a_restart();
        close_node();
        temp_dir_free(dir);
}

CLAIM(two_clients_see_the_same_runs)
{
        stet_client *other;
        stet_started again;
        stet_result result;
        cr_assert_eq(stet_node_client(e.node, &other, &e.why), 0, "%s", e.why.text);
        stet_start what = { .workflow = "wait", .id = "order", .request_id = "r1" };
        stet_started first = start(what);
        cr_assert_eq(stet_client_start(other, &what, &again, &e.why), 0, "%s", e.why.text);
        assert_same(&again, &first);
        cr_assert_eq(stet_client_signal(other, "order", "go", NULL, NULL, &e.why), 0, "%s", e.why.text);
        embedded_result(&e, "order", STET_RUN_COMPLETED);
        cr_assert_eq(stet_client_wait(other, "order", 20000, &result, &e.why), 0, "%s", e.why.text);
        stet_value_free(&result.value);
        stet_client_close(other);
        cr_assert_str_eq(embedded_show(&e, "order", "state"), "completed");
}

CLAIM(client_that_left_while_it_waited_takes_nothing_with_it)
{
        stet_client *other;
        stet_result result;
        start_waiting("order");
        cr_assert_eq(stet_node_client(e.node, &other, &e.why), 0, "%s", e.why.text);
        cr_assert_eq(stet_client_wait(other, "order", 5, &result, &e.why), STET_ETIMEDOUT);
        cr_assert_eq(stet_client_submit(other, &(stet_start){ .workflow = "echo" }, 1, true, &e.why), 0);
        stet_client_close(other);
        complete("order");
}
