/* SPDX-License-Identifier: MIT
 *
 * Runs whose history gets long: warned of, then blocked, never cut; what still works then, and what lets them
 * go on. Through the public API, on a node without threads.
 */
#include "tests/lib/embedded.h"
#include "tests/lib/told.h"
#include "tests/lib/workflows.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRANSITIONS_MAX = 20 };

static struct embedded e;
static stet_why why;
static char log_text[8192];

/* --- code --- */

/* Takes ticks until it is told to stop, or cancelled: then it cleans up in four steps. */
static int ticks(stet_run *run, const stet_value *in, stet_value *ret)
{
        int64_t count = 0;
        int err = 0;
        (void)in;
        while ((err = stet_wait_signal(run, "tick", NULL)) == 0 && count < 100)
                count++;
        if (err != STET_ECANCELED)
                return err ? err : stet_value_set_int(ret, count);
        for (int i = 0; i < 2; i++)
                stet_sleep(run, 1);
        return err;
}

/* Calls an activity again and again, in its own time. */
static int calls(stet_run *run, const stet_value *in, stet_value *ret)
{
        (void)ret;
        for (;;) {
                int err = stet_call(run, "echo", in, NULL);
                if (err)
                        return err;
        }
}

static int continues(stet_run *run, const stet_value *in, stet_value *ret)
{
        int64_t left = stet_value_int(in, 0);
        for (int i = 0; i < TRANSITIONS_MAX / 2; i++)
                stet_call(run, "echo", NULL, NULL);
        stet_value next = { 0 };
        stet_value_set_int(&next, left - 1);
        return left ? stet_continue_as_new(run, &next) : stet_value_set_string(ret, "done");
}

static int sends(stet_run *run, const stet_value *in, stet_value *ret)
{
        (void)in;
        return stet_value_set_int(ret, stet_signal(run, "t", "tick", NULL));
}

static stet_app app;

static void setup(void)
{
        app = (stet_app)STET_APP("test");
        stet_app_workflow(&app, "ticks", ticks);
        stet_app_workflow(&app, "calls", calls);
        stet_app_workflow(&app, "continues", continues);
        stet_app_workflow(&app, "sends", sends);
        stet_app_activity(&app, "echo", activity_echo);
        cr_assert_eq(app.err, 0, "%s", app.why.text);
}

static void teardown(void)
{
        stet_app_fini(&app);
}

TestSuite(shard_limit, .init = setup, .fini = teardown, .timeout = 60);

/* --- helpers --- */

static void open_with(uint64_t transitions, uint64_t bytes)
{
        e = (struct embedded){ .options = STET_NODE_OPTIONS };
        e.options.history_max_transitions = transitions;
        e.options.history_max_bytes = bytes;
        embedded_open(&e, &app);
}

static int tick(const char *run)
{
        return stet_client_signal(e.client, run, "tick", NULL, NULL, &why);
}

/* Ticks until the run is blocked. */
static void fill(const char *run)
{
        for (int i = 1; i < TRANSITIONS_MAX; i++)
                cr_assert_eq(tick(run), 0, "%d: %s", i, why.text);
        cr_assert_str_eq(embedded_show(&e, run, "state"), "blocked");
}

/* --- tests --- */

Test(shard_limit, run_of_as_many_transitions_as_may_be_is_blocked_with_advice_and_loses_none)
{
        open_with(TRANSITIONS_MAX, 0);
        embedded_start(&e, "ticks", "t", NULL);
        for (int i = 1; i < TRANSITIONS_MAX - 1; i++) {
                cr_assert_eq(tick("t"), 0);
                cr_assert_str_eq(embedded_show(&e, "t", "state"), "open");
        }
        cr_assert_eq(tick("t"), 0, "the last one that may be: %s", why.text);
        cr_assert_str_eq(embedded_show(&e, "t", "state"), "blocked");
        const char *reason = embedded_show(&e, "t", "reason");
        cr_assert(strstr(reason, "20 transitions") && strstr(reason, "continue as new"), "%s", reason);
        cr_assert_eq(told_of_run(e.client, "t", "transitions"), TRANSITIONS_MAX);
        cr_assert_eq(told_history(e.client, "t"), TRANSITIONS_MAX);
        embedded_close(&e);
}

Test(shard_limit, signals_to_it_are_refused_with_the_reason_and_leave_no_trace)
{
        open_with(TRANSITIONS_MAX, 0);
        embedded_start(&e, "ticks", "t", NULL);
        fill("t");
        cr_assert_eq(tick("t"), STET_ETOOBIG);
        cr_assert(strstr(why.text, "takes no signal") && strstr(why.text, "continue as new"), "%s", why.text);
        char expected[20];
        snprintf(expected, sizeof expected, "%d", STET_ETOOBIG);
        cr_assert_str_eq(embedded_run(&e, "sends", NULL), expected, "of another run");
        cr_assert_eq(told_of_run(e.client, "t", "transitions"), TRANSITIONS_MAX);
        embedded_close(&e);
}

Test(shard_limit, signals_submitted_in_a_batch_are_answered_with_the_error)
{
        enum { COUNT = TRANSITIONS_MAX + 10 };
        stet_answer answers[COUNT];
        size_t some, applied = 0;
        open_with(TRANSITIONS_MAX, 0);
        embedded_start(&e, "ticks", "t", NULL);
        for (uint64_t i = 0; i < COUNT; i++)
                cr_assert_eq(stet_client_submit_signal(e.client, "t", "tick", NULL, NULL, i, &why), 0);
        for (size_t had = 0; had < COUNT; had += some) {
                cr_assert_eq(stet_client_collect(e.client, answers, COUNT, 20000, &some, &why), 0);
                cr_assert_gt(some, 0);
                for (size_t i = 0; i < some; i++) {
                        applied += !answers[i].err;
                        cr_assert(!answers[i].err || answers[i].err == STET_ETOOBIG);
                }
        }
        cr_assert_eq(told_of_run(e.client, "t", "transitions"), TRANSITIONS_MAX);
        cr_assert_eq(applied, TRANSITIONS_MAX - 1, "the start is one, too");
        embedded_close(&e);
}

Test(shard_limit, restart_blocks_it_again_and_writes_nothing)
{
        open_with(TRANSITIONS_MAX, 0);
        embedded_start(&e, "ticks", "t", NULL);
        fill("t");
        for (int i = 0; i < 3; i++) {
                embedded_reopen(&e, &app);
                cr_assert_str_eq(embedded_show(&e, "t", "state"), "blocked");
                cr_assert_eq(tick("t"), STET_ETOOBIG);
        }
        cr_assert_eq(told_of_run(e.client, "t", "transitions"), TRANSITIONS_MAX);
        embedded_close(&e);
}

Test(shard_limit, higher_limit_lets_it_go_on_with_nothing_lost)
{
        open_with(TRANSITIONS_MAX, 0);
        embedded_start(&e, "ticks", "t", NULL);
        fill("t");
        e.options.history_max_transitions = 1000;
        embedded_reopen(&e, &app);
        cr_assert_str_eq(embedded_show(&e, "t", "state"), "open");
        for (int i = TRANSITIONS_MAX - 1; i < 101; i++)
                cr_assert_eq(tick("t"), 0, "%s", why.text);
        cr_assert_str_eq(embedded_result(&e, "t", STET_RUN_COMPLETED), "100");
        embedded_close(&e);
}

Test(shard_limit, lower_limit_blocks_what_is_longer_when_something_happens_to_it)
{
        open_with(1000, 0);
        embedded_start(&e, "ticks", "t", NULL);
        for (int i = 0; i < 50; i++)
                cr_assert_eq(tick("t"), 0);
        e.options.history_max_transitions = TRANSITIONS_MAX;
        embedded_reopen(&e, &app);
        cr_assert_eq(tick("t"), 0, "%s", why.text);
        cr_assert_str_eq(embedded_show(&e, "t", "state"), "blocked");
        cr_assert_eq(tick("t"), STET_ETOOBIG);
        embedded_close(&e);
}

Test(shard_limit, cancelled_it_cleans_up)
{
        open_with(10 * TRANSITIONS_MAX, 0);
        embedded_start(&e, "ticks", "t", NULL);
        e.options.history_max_transitions = 50;
        for (int i = 1; i < 50; i++)
                cr_assert_eq(tick("t"), 0);
        embedded_reopen(&e, &app);
        cr_assert_eq(tick("t"), 0);
        cr_assert_str_eq(embedded_show(&e, "t", "state"), "blocked");
        cr_assert_eq(stet_client_cancel(e.client, "t", NULL, NULL, &why), 0, "%s", why.text);
        embedded_result(&e, "t", STET_RUN_CANCELED);
        embedded_close(&e);
}

Test(shard_limit, cancelled_it_may_not_go_on_for_ever_but_can_be_terminated)
{
        open_with(TRANSITIONS_MAX, 0);
        embedded_start(&e, "ticks", "t", NULL);
        fill("t");
        cr_assert_eq(stet_client_cancel(e.client, "t", NULL, NULL, &why), 0, "%s", why.text);
        embedded_wait_show(&e, "t", "state", "blocked");
        cr_assert_eq(stet_client_terminate(e.client, "t", NULL, NULL, &why), 0, "%s", why.text);
        embedded_result(&e, "t", STET_RUN_TERMINATED);
        embedded_close(&e);
}

Test(shard_limit, run_that_goes_on_by_itself_is_stopped_too)
{
        open_with(TRANSITIONS_MAX, 0);
        embedded_start(&e, "calls", "c", "7");
        embedded_wait_show(&e, "c", "state", "blocked");
        cr_assert_eq(told_of_run(e.client, "c", "transitions"), TRANSITIONS_MAX);
        embedded_reopen(&e, &app);
        cr_assert_str_eq(embedded_show(&e, "c", "state"), "blocked");
        cr_assert_eq(told_of_run(e.client, "c", "transitions"), TRANSITIONS_MAX);
        embedded_close(&e);
}

Test(shard_limit, bytes_have_a_limit_as_well)
{
        enum { BYTES_MAX = 100000, VALUE = 10000 };
        open_with(0, BYTES_MAX);
        stet_value v = { 0 };
        char *text = calloc(1, VALUE);
        cr_assert_eq(stet_value_set_bytes(&v, text, VALUE), 0);
        embedded_start(&e, "ticks", "t", NULL);
        int taken = 0;
        while (stet_client_signal(e.client, "t", "tick", &v, NULL, &why) == 0)
                taken++;
        cr_assert_eq(taken, 11, "ten make it full, and one is kept");
        cr_assert_str_eq(embedded_show(&e, "t", "state"), "blocked");
        cr_assert_gt(told_of_run(e.client, "t", "history_bytes"), BYTES_MAX);
        embedded_reopen(&e, &app);
        cr_assert_str_eq(embedded_show(&e, "t", "state"), "blocked");
        cr_assert_eq(told_of_run(e.client, "t", "transitions"), 1 + taken);
        stet_value_free(&v);
        free(text);
        embedded_close(&e);
}

Test(shard_limit, run_that_continues_as_new_never_reaches_it)
{
        open_with(TRANSITIONS_MAX, 0);
        cr_assert_str_eq(embedded_run(&e, "continues", "5"), "\"done\"");
        embedded_close(&e);
}

static void keep_line(void *context, stet_log_level level, const char *line)
{
        (void)context;
        if (level == STET_LOG_WARNING)
                strncat(log_text, line, sizeof log_text - strlen(log_text) - 1);
}

static size_t warnings(void)
{
        size_t count = 0;
        for (const char *at = log_text; (at = strstr(at, "a tenth of what it may have")) != NULL; at++)
                count++;
        return count;
}

Test(shard_limit, tenth_of_it_is_told_once)
{
        open_with(1000, 0);
        stet_client_close(e.client);
        stet_node_close(e.node);
        e.options.history_max_transitions = 100;
        e.options.log = keep_line;
        cr_assert_eq(stet_node_open(&e.options, &e.node, &why), 0, "%s", why.text);
        cr_assert_eq(stet_node_client(e.node, &e.client, &why), 0, "%s", why.text);
        embedded_start(&e, "ticks", "t", NULL);
        for (int i = 0; i < 7; i++)
                cr_assert_eq(tick("t"), 0);
        cr_assert_eq(warnings(), 0, "%s", log_text);
        for (int i = 0; i < 30; i++)
                cr_assert_eq(tick("t"), 0);
        cr_assert_eq(warnings(), 1, "%s", log_text);
        cr_assert(strstr(log_text, "(t)") && strstr(log_text, "continue as new"), "%s", log_text);
        embedded_close(&e);
}
