/* SPDX-License-Identifier: MIT
 *
 * What a workflow's code can do, claim by claim, through the public API: each on a node without threads, and
 * where it matters across a restart.
 */
#include "tests/lib/embedded.h"
#include "tests/lib/workflows.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct embedded e;

/* --- activities --- */

static int tries_left;

static int flaky(stet_activity *a, const stet_value *in, stet_value *ret)
{
        (void)in;
        if (tries_left-- > 0)
                return stet_fail(a, "Flaky", "%d tries left", tries_left);
        return stet_value_set_int(ret, stet_activity_attempt(a));
}

static int permanent(stet_activity *a, const stet_value *in, stet_value *ret)
{
        (void)in;
        (void)ret;
        tries_left--;
        return stet_fail_permanently(a, "Gone", "for good");
}

static int choosy(stet_activity *a, const stet_value *in, stet_value *ret)
{
        tries_left--;
        if (stet_value_int(in, 0) < 0)
                return stet_fail(a, "Negative", "%lld is below 0", (long long)stet_value_int(in, 0));
        return stet_value_copy(ret, in);
}

static const char *const negative_only[] = { "Negative", NULL };
static const stet_retry quick = { 5, 1, 1, 1.0, 0.0, NULL };
static const stet_retry quick_choosy = { 5, 1, 1, 1.0, 0.0, negative_only };

/* --- calls --- */

static int fan_all(stet_run *run, const stet_value *in, stet_value *ret)
{
        enum { WIDTH = 20 };
        stet_future futures[WIDTH];
        int64_t sum = 0;
        for (int i = 0; i < WIDTH; i++) {
                stet_value n = { 0 };
                stet_value_set_int(&n, i);
                futures[i] = stet_call_start(run, "echo", &n);
                stet_value_free(&n);
        }
        (void)in;
        int err = stet_await_all(run, futures, WIDTH);
        for (int i = 0; i < WIDTH && !err; i++) {
                stet_value n = { 0 };
                err = stet_await(run, futures[i], &n);
                sum += stet_value_int(&n, 0);
        }
        return err ? err : stet_value_set_int(ret, sum);
}

static int first_of_two(stet_run *run, const stet_value *in, stet_value *ret)
{
        stet_future both[2] = { stet_timer_start(run, 3600000), stet_call_start(run, "echo", in) };
        size_t place = 9;
        int err = stet_await_any(run, both, 2, &place);
        return err ? err : stet_value_set_int(ret, (int64_t)place);
}

static int first_success(stet_run *run, const stet_value *in, stet_value *ret)
{
        stet_value minus = { 0 }, plus = { 0 };
        stet_value_set_int(&minus, -1);
        stet_value_set_int(&plus, 7);
        stet_future both[2] = { stet_call_start(run, "choosy", &minus, .retry = &quick_choosy),
                                stet_call_start(run, "choosy", stet_value_bool(in, false) ? &plus : &minus,
                                                .retry = &quick_choosy) };
        stet_value_free(&minus);
        stet_value_free(&plus);
        return stet_await_first_success(run, both, 2, NULL, ret);
}

static int call_flaky(stet_run *run, const stet_value *in, stet_value *ret)
{
        return stet_call(run, "flaky", in, ret, .retry = &quick);
}

static int call_permanent(stet_run *run, const stet_value *in, stet_value *ret)
{
        int err = stet_call(run, "permanent", in, ret, .retry = &quick);
        if (err != STET_EFAILED || strcmp(stet_failure_kind(run), "Gone") != 0)
                return stet_run_fail(run, "Wrong", "%d", err);
        return stet_value_set_string(ret, "caught");
}

static int call_unknown(stet_run *run, const stet_value *in, stet_value *ret)
{
        return stet_call(run, "nobody_has_it", in, ret);
}

static int call_unknown_for_a_while(stet_run *run, const stet_value *in, stet_value *ret)
{
        return stet_call(run, "nobody_has_it", in, ret, .schedule_to_start_timeout_ms = 20,
                         .retry = stet_retry_preset("none"));
}

static int bad_options(stet_run *run, const stet_value *in, stet_value *ret)
{
        static const stet_retry wrong = { 1, 0, 0, 0.5, 3, NULL };
        int errors = stet_call(run, "echo", in, ret, .retry = &wrong) == STET_EINVAL;
        errors += stet_call(run, "", in, ret) == STET_EINVAL;
        errors += stet_call(run, "echo", in, ret, .timeout_ms = -1) == STET_EINVAL;
        errors += stet_wait_signal(run, "\n", ret) == STET_EINVAL;
        return stet_value_set_int(ret, errors);
}

/* --- time, signals, children --- */

static int sleep_then_say(stet_run *run, const stet_value *in, stet_value *ret)
{
        int64_t before = stet_now_ms(run);
        int err = stet_sleep(run, stet_value_int(in, 0));
        return err ? err : stet_value_set_bool(ret, stet_now_ms(run) - before >= stet_value_int(in, 0));
}

static int two_signals(stet_run *run, const stet_value *in, stet_value *ret)
{
        stet_value item = { 0 };
        (void)in;
        for (int i = 0; i < 2; i++) {
                int err = stet_wait_signal(run, "item", &item);
                if (!err)
                        err = stet_value_append(ret, &item);
                if (err)
                        return err;
        }
        return 0;
}

static int signal_or_timeout(stet_run *run, const stet_value *in, stet_value *ret)
{
        int err = stet_wait_signal(run, "go", ret, .timeout_ms = stet_value_int(in, 1));
        return err == STET_ETIMEDOUT ? stet_value_set_string(ret, "timed out") : err;
}

static int send_to(stet_run *run, const stet_value *in, stet_value *ret)
{
        char id[100];
        if (stet_value_get_string(in, id, sizeof id) != 0)
                return STET_EINVAL;
        return stet_value_set_int(ret, stet_signal(run, id, "item", in));
}

static int parent(stet_run *run, const stet_value *in, stet_value *ret)
{
        return stet_child(run, "first_of_two", in, ret);
}

static int parent_of_failing(stet_run *run, const stet_value *in, stet_value *ret)
{
        int err = stet_child(run, "fails", in, ret);
        return err == STET_EFAILED ? stet_value_set_string(ret, stet_failure_kind(run)) : STET_EINVAL;
}

static int fails(stet_run *run, const stet_value *in, stet_value *ret)
{
        (void)in;
        (void)ret;
        return stet_run_fail(run, "OutOfStock", "no %s left", "pears");
}

static int parent_that_leaves(stet_run *run, const stet_value *in, stet_value *ret)
{
        stet_child_start(run, "two_signals", in, .id = "asked");
        stet_child_start(run, "two_signals", in, .id = "let-go",
                         .on_parent_close = STET_PARENT_CLOSE_ABANDON);
        stet_sleep(run, 1);
        return stet_value_set_bool(ret, true);
}

/* --- facts, cancelling, chains, versions --- */

static int replays; /* how often code found that it is replayed */

static int facts(stet_run *run, const stet_value *in, stet_value *ret)
{
        char uuid[37];
        (void)in;
        replays += stet_replaying(run);
        stet_uuid(run, uuid);
        int err = stet_value_pack(ret, "{s:s, s:I, s:I}", "uuid", uuid, "now", stet_now_ms(run), "random",
                                  (int64_t)(stet_random(run) >> 1));
        stet_log(run, STET_LOG_INFO, "the workflow says hello");
        if (!err)
                err = stet_set_status(run, ret);
        return err ? err : stet_wait_signal(run, "go", NULL);
}

static int cancellable(stet_run *run, const stet_value *in, stet_value *ret)
{
        stet_value cleaned = { 0 };
        int err = stet_sleep(run, 3600000);
        if (err != STET_ECANCELED || !stet_cancelled(run))
                return STET_EINVAL;
        int cleanup = stet_call(run, "echo", in, &cleaned);
        if (cleanup)
                return cleanup;
        stet_set_status(run, &cleaned);
        (void)ret;
        return err;
}

static int counter(stet_run *run, const stet_value *in, stet_value *ret)
{
        stet_value next = { 0 };
        int64_t n = stet_value_int(in, 0);
        int err = stet_wait_signal(run, "add", &next);
        if (err)
                return err;
        n += stet_value_int(&next, 0);
        if (n >= 6)
                return stet_value_set_int(ret, n);
        stet_value_set_int(&next, n);
        return stet_continue_as_new(run, &next);
}

static int version_1(stet_run *run, const stet_value *in, stet_value *ret)
{
        int err = stet_wait_signal(run, "go", NULL);
        return err ? err : stet_call(run, "echo", in, ret);
}

static int version_2(stet_run *run, const stet_value *in, stet_value *ret)
{
        stet_value text = { 0 };
        bool fresh = stet_patched(run, "greet first");
        if (fresh)
                stet_call(run, "echo", in, NULL);
        int err = stet_wait_signal(run, "go", NULL);
        if (!err)
                err = stet_call(run, "echo", in, ret);
        stet_value_set_string(&text, fresh ? "new" : "old");
        return err ? err : stet_value_copy(ret, &text);
}

static int version_wrong(stet_run *run, const stet_value *in, stet_value *ret)
{
        int err = stet_sleep(run, 5);
        return err ? err : stet_call(run, "echo", in, ret);
}

static int answer(void *context, const stet_value *in, stet_value *ret)
{
        return stet_value_set_int(ret, *(int64_t *)context + stet_value_int(in, 0));
}

static int asked(stet_run *run, const stet_value *in, stet_value *ret)
{
        int64_t taken = 0;
        (void)in;
        stet_on_query(run, "taken", answer, &taken);
        while (taken < 3) {
                int err = stet_wait_signal(run, "item", ret);
                if (err)
                        return err;
                taken++;
        }
        return 0;
}

static const struct {
        const char *name;
        stet_workflow_fn *fn;
} workflows[] = {
        { "fan_all", fan_all },
        { "first_of_two", first_of_two },
        { "first_success", first_success },
        { "call_flaky", call_flaky },
        { "call_permanent", call_permanent },
        { "call_unknown", call_unknown },
        { "call_unknown_for_a_while", call_unknown_for_a_while },
        { "bad_options", bad_options },
        { "sleep", sleep_then_say },
        { "two_signals", two_signals },
        { "signal_or_timeout", signal_or_timeout },
        { "send_to", send_to },
        { "parent", parent },
        { "parent_of_failing", parent_of_failing },
        { "parent_that_leaves", parent_that_leaves },
        { "fails", fails },
        { "facts", facts },
        { "cancellable", cancellable },
        { "counter", counter },
        { "asked", asked },
};

static stet_app make_app(stet_workflow_fn *versioned)
{
        stet_app app = STET_APP("test");
        for (size_t i = 0; i < sizeof workflows / sizeof workflows[0]; i++)
                stet_app_workflow(&app, workflows[i].name, workflows[i].fn);
        stet_app_workflow(&app, "versioned", versioned);
        stet_app_activity(&app, "echo", activity_echo);
        stet_app_activity(&app, "flaky", flaky);
        stet_app_activity(&app, "permanent", permanent);
        stet_app_activity(&app, "choosy", choosy);
        cr_assert_eq(app.err, 0, "%s", app.why.text);
        return app;
}

static stet_app app;

static void setup(void)
{
        app = make_app(version_1);
        e = (struct embedded){ 0 };
        embedded_open(&e, &app);
}

static void teardown(void)
{
        embedded_close(&e);
        stet_app_fini(&app);
}

TestSuite(workflow, .init = setup, .fini = teardown);

/* --- claims --- */

Test(workflow, awaits_all_of_several_calls)
{
        cr_assert_str_eq(embedded_run(&e, "fan_all", NULL), "190");
}

Test(workflow, await_any_gives_the_one_that_was_done_first)
{
        cr_assert_str_eq(embedded_run(&e, "first_of_two", "5"), "1");
}

Test(workflow, first_success_passes_over_failures)
{
        cr_assert_str_eq(embedded_run(&e, "first_success", "true"), "7");
}

Test(workflow, first_success_fails_when_all_have_failed)
{
        embedded_result(&e, embedded_start(&e, "first_success", NULL, "false"), STET_RUN_FAILED);
        cr_assert_str_eq(embedded_failure_kind(), "Negative");
        cr_assert_str_eq(embedded_failure_message(), "-1 is below 0");
}

Test(workflow, failed_attempts_are_tried_again_as_its_policy_says)
{
        tries_left = 4;
        cr_assert_str_eq(embedded_run(&e, "call_flaky", NULL), "5");
}

Test(workflow, failure_reaches_the_code_when_the_attempts_are_used_up)
{
        tries_left = 5;
        embedded_result(&e, embedded_start(&e, "call_flaky", NULL, NULL), STET_RUN_FAILED);
        cr_assert_str_eq(embedded_failure_kind(), "Flaky");
        cr_assert_eq(tries_left, 0);
}

Test(workflow, permanent_failure_is_not_tried_again)
{
        tries_left = 9;
        cr_assert_str_eq(embedded_run(&e, "call_permanent", NULL), "\"caught\"");
        cr_assert_eq(tries_left, 8);
}

Test(workflow, non_retryable_kind_is_not_tried_again)
{
        tries_left = 9;
        embedded_result(&e, embedded_start(&e, "first_success", NULL, "false"), STET_RUN_FAILED);
        cr_assert_eq(tries_left, 7);
}

Test(workflow, activity_that_nobody_serves_waits_and_says_so)
{
        const char *run = embedded_start(&e, "call_unknown", NULL, NULL);
        cr_assert(strstr(embedded_blocked_on(&e, run), "nobody_has_it"), "%s", embedded_blocked_on(&e, run));
        cr_assert_str_eq(embedded_show(&e, run, "state"), "open");
}

Test(workflow, activity_that_is_not_handed_out_in_time_fails_as_a_timeout)
{
        embedded_result(&e, embedded_start(&e, "call_unknown_for_a_while", NULL, NULL), STET_RUN_FAILED);
        cr_assert_str_eq(embedded_failure_kind(), "Timeout");
}

Test(workflow, options_out_of_range_are_refused_at_the_call)
{
        cr_assert_str_eq(embedded_run(&e, "bad_options", NULL), "4");
}

Test(workflow, sleep_is_never_early)
{
        cr_assert_str_eq(embedded_run(&e, "sleep", "30"), "true");
}

Test(workflow, timer_fires_once_after_recovery)
{
        const char *run = embedded_start(&e, "sleep", "sleeper", "50");
        (void)run;
        embedded_reopen(&e, &app);
        cr_assert_str_eq(embedded_result(&e, "sleeper", STET_RUN_COMPLETED), "true");
        cr_assert_str_eq(embedded_show(&e, "sleeper", "transitions"), "2");
}

Test(workflow, signals_are_taken_in_the_order_in_which_they_came)
{
        embedded_start(&e, "two_signals", "box", NULL);
        embedded_signal(&e, "box", "other", "0");
        embedded_signal(&e, "box", "item", "1");
        embedded_signal(&e, "box", "item", "2");
        cr_assert_str_eq(embedded_result(&e, "box", STET_RUN_COMPLETED), "[1,2]");
}

Test(workflow, signal_that_came_before_the_wait_counts)
{
        embedded_start(&e, "versioned", "box", NULL);
        embedded_reopen(&e, NULL); /* no code: it is kept */
        embedded_signal(&e, "box", "go", NULL);
        cr_assert_str_eq(embedded_show(&e, "box", "state"), "blocked");
        embedded_reopen(&e, &app);
        cr_assert_str_eq(embedded_result(&e, "box", STET_RUN_COMPLETED), "null");
}

Test(workflow, waiting_for_a_signal_times_out)
{
        cr_assert_str_eq(embedded_run(&e, "signal_or_timeout", "5"), "\"timed out\"");
}

Test(workflow, signal_in_time_wins_over_the_timeout)
{
        embedded_start(&e, "signal_or_timeout", "box", "600000");
        embedded_signal(&e, "box", "go", "\"here\"");
        cr_assert_str_eq(embedded_result(&e, "box", STET_RUN_COMPLETED), "\"here\"");
}

Test(workflow, run_signals_another_run)
{
        embedded_start(&e, "two_signals", "target", NULL);
        cr_assert_str_eq(embedded_run(&e, "send_to", "\"target\""), "0");
        cr_assert_str_eq(embedded_run(&e, "send_to", "\"target\""), "0");
        cr_assert_str_eq(embedded_result(&e, "target", STET_RUN_COMPLETED), "[\"target\",\"target\"]");
}

Test(workflow, signal_to_a_run_that_is_not_there_says_so)
{
        char wanted[16];
        snprintf(wanted, sizeof wanted, "%d", STET_ENOTFOUND);
        cr_assert_str_eq(embedded_run(&e, "send_to", "\"nobody\""), wanted);
}

Test(workflow, child_gives_its_result)
{
        cr_assert_str_eq(embedded_run(&e, "parent", "1"), "1");
}

Test(workflow, failed_child_gives_its_failure)
{
        cr_assert_str_eq(embedded_run(&e, "parent_of_failing", NULL), "\"OutOfStock\"");
}

Test(workflow, child_is_cancelled_with_its_parent_unless_it_was_let_go)
{
        embedded_run(&e, "parent_that_leaves", NULL);
        embedded_result(&e, "asked", STET_RUN_CANCELED);
        cr_assert_str_eq(embedded_show(&e, "let-go", "state"), "open");
        embedded_signal(&e, "let-go", "item", "1");
        embedded_signal(&e, "let-go", "item", "2");
        embedded_result(&e, "let-go", STET_RUN_COMPLETED);
}

Test(workflow, child_started_before_a_restart_answers_after_it)
{
        const char *run = embedded_start(&e, "parent", "p", "1");
        (void)run;
        embedded_reopen(&e, &app);
        cr_assert_str_eq(embedded_result(&e, "p", STET_RUN_COMPLETED), "1");
}

Test(workflow, time_randomness_and_uuids_are_the_same_on_replay)
{
        char before[4096];
        embedded_start(&e, "facts", "f", NULL);
        snprintf(before, sizeof before, "%s", embedded_show(&e, "f", "status"));
        embedded_reopen(&e, &app);
        embedded_signal(&e, "f", "go", NULL);
        cr_assert_str_eq(embedded_result(&e, "f", STET_RUN_COMPLETED), before);
        cr_assert_str_eq(embedded_show(&e, "f", "status"), before);
}

Test(workflow, code_can_tell_that_it_is_replayed)
{
        replays = 0;
        embedded_start(&e, "facts", "f", NULL);
        cr_assert_eq(replays, 0);
        embedded_reopen(&e, &app);
        embedded_signal(&e, "f", "go", NULL);
        embedded_result(&e, "f", STET_RUN_COMPLETED);
        cr_assert_eq(replays, 1);
}

Test(workflow, log_is_not_repeated_on_replay)
{
        embedded_start(&e, "facts", "f", NULL);
        embedded_reopen(&e, &app);
        embedded_signal(&e, "f", "go", NULL);
        embedded_result(&e, "f", STET_RUN_COMPLETED);
        cr_assert_eq(e.log_lines, 1);
}

Test(workflow, cancelling_surfaces_at_the_wait_and_cleanup_can_call)
{
        embedded_start(&e, "cancellable", "c", "\"clean\"");
        cr_assert_eq(stet_client_cancel(e.client, "c", "enough", NULL, &e.why), 0, "%s", e.why.text);
        embedded_result(&e, "c", STET_RUN_CANCELED);
        cr_assert_str_eq(embedded_show(&e, "c", "status"), "clean");
}

Test(workflow, cancelling_twice_surfaces_once)
{
        embedded_start(&e, "cancellable", "c", "1");
        cr_assert_eq(stet_client_cancel(e.client, "c", NULL, "first", &e.why), 0);
        embedded_result(&e, "c", STET_RUN_CANCELED);
        cr_assert_eq(stet_client_cancel(e.client, "c", NULL, "first", &e.why), 0, "%s", e.why.text);
        cr_assert_eq(stet_client_cancel(e.client, "c", NULL, "second", &e.why), STET_ECLOSED);
}

Test(workflow, continues_as_new_with_its_state_and_the_signals_not_taken)
{
        embedded_start(&e, "counter", "sum", "0");
        embedded_reopen(&e, NULL);
        for (int i = 1; i <= 3; i++)
                embedded_signal(&e, "sum", "add", i == 1 ? "1" : i == 2 ? "2" : "3");
        embedded_reopen(&e, &app);
        cr_assert_str_eq(embedded_result(&e, "sum", STET_RUN_COMPLETED), "6");
}

Test(workflow, waiting_follows_a_chain_of_runs_to_its_end)
{
        const char *first = embedded_start(&e, "counter", NULL, "5");
        embedded_signal(&e, first, "add", "1");
        cr_assert_str_eq(embedded_result(&e, first, STET_RUN_COMPLETED), "6");
}

Test(workflow, old_history_goes_the_old_way_on_patched_code)
{
        stet_app patched = make_app(version_2);
        embedded_start(&e, "versioned", "old", "1");
        embedded_reopen(&e, &patched);
        embedded_start(&e, "versioned", "new", "1");
        embedded_signal(&e, "old", "go", NULL);
        cr_assert_str_eq(embedded_result(&e, "old", STET_RUN_COMPLETED), "\"old\"");
        embedded_reopen(&e, &patched);
        embedded_signal(&e, "new", "go", NULL);
        cr_assert_str_eq(embedded_result(&e, "new", STET_RUN_COMPLETED), "\"new\"");
        embedded_reopen(&e, &app);
        stet_app_fini(&patched);
}

Test(workflow, code_that_does_not_fit_blocks_the_run_until_code_that_fits_is_back)
{
        stet_app wrong = make_app(version_wrong);
        embedded_start(&e, "versioned", "v", "8");
        embedded_reopen(&e, &wrong);
        embedded_signal(&e, "v", "go", NULL);
        cr_assert_str_eq(embedded_show(&e, "v", "state"), "blocked");
        const char *reason = embedded_show(&e, "v", "reason");
        cr_assert(strstr(reason, "nondeterminism"), "%s", reason);
        cr_assert(strstr(reason, "wait for signal \"go\""), "%s", reason);
        cr_assert(strstr(reason, "timer due"), "%s", reason);
        embedded_reopen(&e, &app);
        cr_assert_str_eq(embedded_result(&e, "v", STET_RUN_COMPLETED), "8");
        stet_app_fini(&wrong);
}

Test(workflow, query_is_answered_from_the_present_state_and_writes_nothing)
{
        stet_value in = { 0 }, out = { 0 };
        stet_value_set_int(&in, 100);
        embedded_start(&e, "asked", "q", NULL);
        embedded_signal(&e, "q", "item", NULL);
        cr_assert_eq(stet_client_query(e.client, "q", "taken", &in, &out, &e.why), 0, "%s", e.why.text);
        cr_assert_eq(stet_value_int(&out, 0), 101);
        stet_value_free(&out);
        embedded_reopen(&e, &app);
        cr_assert_eq(stet_client_query(e.client, "q", "taken", &in, &out, &e.why), 0, "%s", e.why.text);
        cr_assert_eq(stet_value_int(&out, 0), 101);
        cr_assert_str_eq(embedded_show(&e, "q", "transitions"), "2");
        cr_assert_eq(stet_client_query(e.client, "q", "nope", &in, &out, &e.why), STET_ENOTFOUND);
        cr_assert(strstr(e.why.text, "\"taken\""), "%s", e.why.text);
        stet_value_free(&in);
        stet_value_free(&out);
}

Test(workflow, runs_without_a_stack_come_back_by_replay)
{
        char id[16];
        e.options.stacks_max = 1;
        embedded_reopen(&e, &app);
        for (int i = 0; i < 10; i++) {
                snprintf(id, sizeof id, "r%d", i);
                embedded_start(&e, "two_signals", id, NULL);
        }
        for (int round = 0; round < 2; round++)
                for (int i = 0; i < 10; i++) {
                        snprintf(id, sizeof id, "r%d", i);
                        embedded_signal(&e, id, "item", round ? "2" : "1");
                }
        for (int i = 0; i < 10; i++) {
                snprintf(id, sizeof id, "r%d", i);
                cr_assert_str_eq(embedded_result(&e, id, STET_RUN_COMPLETED), "[1,2]");
        }
}

Test(workflow, failure_has_the_kind_and_message_that_the_code_gave)
{
        embedded_result(&e, embedded_start(&e, "fails", NULL, NULL), STET_RUN_FAILED);
        cr_assert_str_eq(embedded_failure_kind(), "OutOfStock");
        cr_assert_str_eq(embedded_failure_message(), "no pears left");
}
