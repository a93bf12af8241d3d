/* SPDX-License-Identifier: MIT
 *
 * Runs that are removed, by a client and by retention, through the public API on a node without threads: what
 * is gone, what is free again, and that no restart brings anything back.
 */
#include "runtime/clock.h"
#include "tests/lib/embedded.h"
#include "tests/lib/told.h"
#include "tests/lib/workflows.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATIENCE_S = 20 };

#define SECOND INT64_C(1000000000)

static struct embedded e;
static stet_why why;

/* --- code --- */

/* Has a child of the id that it is given, and waits. */
static int parent_of(stet_run *run, const stet_value *in, stet_value *ret)
{
        char id[20];
        int err = stet_value_get_string(in, id, sizeof id);
        if (!err)
                err = stet_child(run, "echo", in, ret, .id = id);
        return err ? err : stet_wait_signal(run, "go", NULL);
}

/* Has a child that has ended, and waits. */
static int parent(stet_run *run, const stet_value *in, stet_value *ret)
{
        int err = stet_child(run, "echo", in, ret, .id = "child");
        return err ? err : stet_wait_signal(run, "go", NULL);
}

static int counts_down(stet_run *run, const stet_value *in, stet_value *ret)
{
        stet_value next = { 0 };
        int64_t left = stet_value_int(in, 0);
        if (!left)
                return stet_value_set_string(ret, "at last");
        stet_value_set_int(&next, left - 1);
        return stet_continue_as_new(run, &next);
}

static stet_app app;

static void setup(void)
{
        app = (stet_app)STET_APP("test");
        stet_app_workflow(&app, "echo", workflow_echo);
        stet_app_workflow(&app, "fails", workflow_fails);
        stet_app_workflow(&app, "wait", workflow_wait);
        stet_app_workflow(&app, "parent", parent);
        stet_app_workflow(&app, "parent-of", parent_of);
        stet_app_workflow(&app, "countdown", counts_down);
        cr_assert_eq(app.err, 0, "%s", app.why.text);
}

static void teardown(void)
{
        stet_app_fini(&app);
}

TestSuite(shard_remove, .init = setup, .fini = teardown, .timeout = 60);

/* --- helpers --- */

static void open_with(const char *retention)
{
        e = (struct embedded){ .options = STET_NODE_OPTIONS };
        e.options.retention = retention;
        embedded_open(&e, &app);
}

/* The run id of a run that has ended. */
static const char *ended(const char *workflow, const char *id, const char *json)
{
        static char run[4][STET_RUN_ID_SIZE];
        static unsigned place;
        char *text = run[place++ % 4];
        snprintf(text, STET_RUN_ID_SIZE, "%s", embedded_start(&e, workflow, id, json));
        stet_result result;
        cr_assert_eq(stet_client_wait(e.client, text, 20000, &result, &why), 0, "%s", why.text);
        stet_value_free(&result.value);
        return text;
}

/* What the node answers to the start, which it takes. */
static stet_started started(const stet_start *start)
{
        stet_started answer;
        cr_assert_eq(stet_client_start(e.client, start, &answer, &why), 0, "%s", why.text);
        return answer;
}

static int show(const char *run)
{
        stet_value v = { 0 };
        int err = stet_client_show(e.client, run, &v, &why);
        stet_value_free(&v);
        return err;
}

static size_t listed(const char *state)
{
        return told_listed(e.client, &(stet_list_filter){ .state = state });
}

static void assert_gone(const char *run)
{
        stet_value v = { 0 };
        stet_result result;
        cr_assert_eq(show(run), STET_ENOTFOUND, "%s is there", run);
        cr_assert_eq(stet_client_history(e.client, run, 0, 0, &v, &why), STET_ENOTFOUND);
        cr_assert_eq(stet_client_wait(e.client, run, 0, &result, &why), STET_ENOTFOUND);
        cr_assert_eq(stet_client_signal(e.client, run, "go", NULL, NULL, &why), STET_ENOTFOUND);
        cr_assert_eq(stet_client_delete(e.client, run, NULL, &why), STET_ENOTFOUND);
}

/* Drives the node until the run is gone. */
static void until_gone(const char *run)
{
        int64_t until_ns = clock_elapsed_ns() + PATIENCE_S * SECOND;
        while (show(run) != STET_ENOTFOUND)
                cr_assert_lt(clock_elapsed_ns(), until_ns, "%s is still there", run);
}

/* Drives the node until the store has all that was written. */
static void until_stored(void)
{
        int64_t until_ns = clock_elapsed_ns() + PATIENCE_S * SECOND;
        while (told_stat(e.client, "store", "checkpoint_lsn") < told_stat(e.client, "log", "lsn"))
                cr_assert_lt(clock_elapsed_ns(), until_ns, "no checkpoint");
}

/* --- on demand --- */

Test(shard_remove, deleted_run_is_gone_everywhere_and_its_ids_are_free_again)
{
        open_with("forever");
        stet_start s = {
                .workflow = "echo", .id = "order-1", .request_id = "r-1", .on_reuse = STET_REUSE_REJECT
        };
        stet_started first = started(&s);
        embedded_result(&e, "order-1", STET_RUN_COMPLETED);
        cr_assert_eq(stet_client_delete(e.client, "order-1", NULL, &why), 0, "%s", why.text);
        assert_gone("order-1");
        assert_gone(first.run_id);
        cr_assert_eq(listed(NULL), 0);
        cr_assert_eq(told_stat(e.client, "runs", "completed"), 0);
        cr_assert_eq(told_stat(e.client, "runs", "removed"), 1);
        stet_started second = started(&s);
        cr_assert_not(second.existing);
        cr_assert_str_neq(first.run_id, second.run_id);
        embedded_close(&e);
}

Test(shard_remove, request_of_a_removed_run_is_remembered_of_the_run_that_it_started_next)
{
        open_with("forever");
        stet_start s = { .workflow = "echo", .request_id = "r-1" };
        stet_started first = started(&s);
        embedded_result(&e, first.run_id, STET_RUN_COMPLETED);
        until_stored();
        cr_assert_eq(stet_client_delete(e.client, first.run_id, NULL, &why), 0, "%s", why.text);
        stet_started second = started(&s);
        cr_assert_not(second.existing);
        embedded_result(&e, second.run_id, STET_RUN_COMPLETED);
        until_stored(); /* the removal and the next run in one batch, most likely */
        embedded_reopen(&e, &app);
        stet_started again = started(&s);
        cr_assert(again.existing);
        cr_assert_str_eq(again.run_id, second.run_id);
        embedded_close(&e);
}

/* The one that comes back from the store lies in memory where the removed one lay. */
Test(shard_remove, ending_that_is_asked_for_after_a_removal_is_not_that_of_the_removed_run)
{
        open_with("forever");
        const char *kept = ended("echo", "kept", "1");
        until_stored();
        embedded_start(&e, "wait", "gone", NULL);
        cr_assert_eq(stet_client_cancel(e.client, "gone", NULL, NULL, &why), 0, "%s", why.text);
        embedded_result(&e, "gone", STET_RUN_CANCELED);
        cr_assert_eq(stet_client_delete(e.client, "gone", NULL, &why), 0, "%s", why.text);
        embedded_result(&e, kept, STET_RUN_COMPLETED);
        embedded_close(&e);
}

Test(shard_remove, open_run_is_not_deleted_and_the_refusal_says_what_to_do)
{
        open_with("forever");
        embedded_start(&e, "wait", "w", NULL);
        cr_assert_eq(stet_client_delete(e.client, "w", NULL, &why), STET_EAGAIN);
        cr_assert(strstr(why.text, "cancel or terminate it first"), "%s", why.text);
        embedded_signal(&e, "w", "go", "1");
        embedded_result(&e, "w", STET_RUN_COMPLETED);
        cr_assert_eq(stet_client_delete(e.client, "w", NULL, &why), 0, "%s", why.text);
        assert_gone("w");
        embedded_close(&e);
}

Test(shard_remove, repeat_of_a_delete_is_answered_as_the_first)
{
        open_with("forever");
        ended("echo", "a", "1");
        cr_assert_eq(stet_client_delete(e.client, "a", "d-1", &why), 0, "%s", why.text);
        cr_assert_eq(stet_client_delete(e.client, "a", "d-1", &why), 0, "%s", why.text);
        cr_assert_eq(stet_client_delete(e.client, "a", "d-2", &why), STET_ENOTFOUND);
        ended("echo", "a", "2");
        cr_assert_eq(stet_client_delete(e.client, "a", "d-1", &why), 0, "%s", why.text);
        cr_assert_eq(show("a"), 0, "the repeat is of the first run's: %s", why.text);
        embedded_close(&e);
}

Test(shard_remove, restart_before_and_after_a_checkpoint_brings_nothing_back)
{
        open_with("forever");
        const char *early = ended("echo", "early", "1"), *late = ended("echo", "late", "1");
        until_stored();
        cr_assert_eq(stet_client_delete(e.client, "early", NULL, &why), 0, "%s", why.text);
        embedded_reopen(&e, &app);
        assert_gone("early");
        assert_gone(early);
        cr_assert_eq(show("late"), 0);
        cr_assert_eq(told_stat(e.client, "runs", "completed"), 1);
        cr_assert_eq(stet_client_delete(e.client, "late", NULL, &why), 0, "%s", why.text);
        until_stored();
        embedded_reopen(&e, &app);
        assert_gone(early);
        assert_gone(late);
        cr_assert_eq(told_stat(e.client, "runs", "completed"), 0);
        cr_assert_eq(listed(NULL), 0);
        embedded_close(&e);
}

Test(shard_remove, run_that_the_store_never_saw_leaves_nothing_in_it)
{
        open_with("forever");
        ended("echo", "a", "1");
        cr_assert_eq(stet_client_delete(e.client, "a", NULL, &why), 0, "%s", why.text);
        until_stored();
        embedded_reopen(&e, &app);
        assert_gone("a");
        cr_assert_eq(told_stat(e.client, "runs", "completed"), 0);
        embedded_close(&e);
}

Test(shard_remove, id_goes_to_the_run_that_has_it_and_an_earlier_one_is_left_alone)
{
        open_with("forever");
        const char *first = ended("echo", "a", "1"), *second = ended("echo", "a", "2");
        cr_assert_eq(stet_client_delete(e.client, "a", NULL, &why), 0, "%s", why.text);
        assert_gone(second);
        cr_assert_eq(show(first), 0, "%s", why.text);
        cr_assert_eq(stet_client_delete(e.client, first, NULL, &why), 0, "%s", why.text);
        assert_gone(first);
        embedded_close(&e);
}

Test(shard_remove, repeat_of_a_signal_is_answered_although_the_latest_run_of_its_id_is_gone)
{
        open_with("forever");
        embedded_start(&e, "wait", "a", "1");
        for (int restarts = 0; restarts < 2; restarts++) {
                cr_assert_eq(stet_client_signal(e.client, "a", "go", NULL, "once", &why), 0, "%s", why.text);
                until_stored();
                ended("echo", "a", "2");
                cr_assert_eq(stet_client_delete(e.client, "a", NULL, &why), 0, "%s", why.text);
                cr_assert_eq(stet_client_signal(e.client, "a", "go", NULL, "another", &why), STET_ENOTFOUND);
                embedded_reopen(&e, &app);
        }
        cr_assert_eq(stet_client_signal(e.client, "a", "go", NULL, "once", &why), 0, "%s", why.text);
        embedded_close(&e);
}

Test(shard_remove, repeat_of_a_start_that_met_a_run_starts_anew_when_that_run_is_gone)
{
        open_with("forever");
        stet_start join = {
                .workflow = "wait", .id = "a", .request_id = "once", .on_conflict = STET_CONFLICT_USE_EXISTING
        };
        stet_started met, repeated;
        embedded_start(&e, "wait", "a", "1");
        cr_assert_eq(stet_client_start(e.client, &join, &met, &why), 0, "%s", why.text);
        cr_assert(met.existing);
        cr_assert_eq(stet_client_signal(e.client, "a", "go", NULL, NULL, &why), 0, "%s", why.text);
        cr_assert_eq(stet_client_delete(e.client, "a", NULL, &why), 0, "%s", why.text);
        cr_assert_eq(stet_client_start(e.client, &join, &repeated, &why), 0, "%s", why.text);
        cr_assert_str_neq(repeated.run_id, met.run_id);
        cr_assert_eq(show("a"), 0, "%s", why.text);
        embedded_close(&e);
}

Test(shard_remove, namespace_hides_a_run_from_deletes_of_others)
{
        open_with("forever");
        const char *run = ended("echo", "a", "1");
        stet_client_set_namespace(e.client, "other", &why);
        cr_assert_eq(stet_client_delete(e.client, "a", NULL, &why), STET_ENOTFOUND);
        cr_assert_eq(stet_client_delete(e.client, run, NULL, &why), STET_ENOTFOUND);
        stet_client_set_namespace(e.client, NULL, &why);
        cr_assert_eq(show("a"), 0);
        embedded_close(&e);
}

Test(shard_remove, child_whose_parent_has_heard_of_its_end_can_go_and_is_not_started_again)
{
        open_with("forever");
        embedded_start(&e, "parent", "p", "7");
        embedded_wait_show(&e, "p", "state", "open");
        cr_assert_str_eq(embedded_result(&e, "child", STET_RUN_COMPLETED), "7");
        int64_t until_ns = clock_elapsed_ns() + PATIENCE_S * SECOND;
        while (!strstr(embedded_blocked_on(&e, "p"), "signal"))
                cr_assert_lt(clock_elapsed_ns(), until_ns);
        cr_assert_eq(stet_client_delete(e.client, "child", NULL, &why), 0, "%s", why.text);
        embedded_reopen(&e, &app);
        assert_gone("child");
        embedded_signal(&e, "p", "go", NULL);
        embedded_result(&e, "p", STET_RUN_COMPLETED);
        assert_gone("child");
        embedded_close(&e);
}

Test(shard_remove, parent_in_another_shard_is_asked_before_a_child_goes)
{
        enum { PAIRS = 12 };
        unsigned apart = 0;
        e = (struct embedded){ .options = STET_NODE_OPTIONS };
        e.options.retention = "forever";
        e.options.threads = true;
        e.options.shards = 2;
        embedded_open(&e, &app);
        for (int i = 0; i < PAIRS; i++) {
                char id[20], json[24], parent_id[STET_RUN_ID_SIZE], name[20];
                snprintf(id, sizeof id, "child-%d", i);
                snprintf(json, sizeof json, "\"%s\"", id);
                snprintf(name, sizeof name, "parent-%d", i);
                snprintf(parent_id, sizeof parent_id, "%s", embedded_start(&e, "parent-of", name, json));
                int64_t until_ns = clock_elapsed_ns() + PATIENCE_S * SECOND;
                while (!strstr(embedded_blocked_on(&e, parent_id), "signal"))
                        cr_assert_lt(clock_elapsed_ns(), until_ns);
                apart += strncmp(embedded_show(&e, id, "run_id"), parent_id, 4) != 0;
                cr_assert_eq(stet_client_delete(e.client, id, NULL, &why), 0, "%s", why.text);
                cr_assert_eq(show(id), STET_ENOTFOUND);
        }
        cr_assert_gt(apart, 0, "no pair is in two shards");
        cr_assert_lt(apart, PAIRS, "all pairs are in two shards");
        embedded_reopen(&e, &app);
        for (int i = 0; i < PAIRS; i++) {
                char id[20];
                snprintf(id, sizeof id, "child-%d", i);
                cr_assert_eq(show(id), STET_ENOTFOUND);
        }
        cr_assert_eq(listed("open"), PAIRS);
        embedded_close(&e);
}

Test(shard_remove, who_waits_for_a_chain_whose_end_is_gone_hears_that_it_continued)
{
        open_with("forever");
        char first[STET_RUN_ID_SIZE];
        snprintf(first, sizeof first, "%s", embedded_start(&e, "countdown", "c", "2"));
        cr_assert_str_eq(embedded_result(&e, "c", STET_RUN_COMPLETED), "\"at last\"");
        cr_assert_eq(stet_client_delete(e.client, "c", NULL, &why), 0, "%s", why.text);
        stet_result result;
        cr_assert_eq(stet_client_wait(e.client, first, 20000, &result, &why), 0, "%s", why.text);
        cr_assert_eq(result.ending, STET_RUN_CONTINUED);
        stet_value_free(&result.value);
        embedded_close(&e);
}

/* --- retention --- */

Test(shard_remove, run_past_its_retention_goes_by_itself_and_its_ids_are_free_again)
{
        open_with("1s");
        stet_start s = { .workflow = "echo", .id = "a", .request_id = "r", .on_reuse = STET_REUSE_REJECT };
        stet_started first = started(&s);
        embedded_result(&e, "a", STET_RUN_COMPLETED);
        until_gone("a");
        assert_gone(first.run_id);
        stet_started second = started(&s);
        cr_assert_not(second.existing);
        embedded_close(&e);
}

Test(shard_remove, rules_tell_states_and_namespaces_apart_and_open_runs_stay)
{
        open_with("1s,failed=1h,keep:forever");
        ended("echo", "completed", "1");
        ended("fails", "failed", NULL);
        embedded_start(&e, "wait", "open", NULL);
        stet_client_set_namespace(e.client, "keep", &why);
        ended("echo", "kept", "1");
        stet_client_set_namespace(e.client, NULL, &why);
        until_gone("completed");
        cr_assert_eq(show("failed"), 0);
        cr_assert_eq(show("open"), 0);
        stet_client_set_namespace(e.client, "keep", &why);
        cr_assert_eq(show("kept"), 0);
        embedded_close(&e);
}

Test(shard_remove, what_became_too_old_while_nothing_ran_goes_after_the_restart)
{
        open_with("forever");
        ended("echo", "a", "1");
        until_stored();
        int64_t until_ns = clock_elapsed_ns() + SECOND * 11 / 10;
        while (clock_elapsed_ns() < until_ns)
                told_stat(e.client, "runs", "open");
        e.options.retention = "1s";
        embedded_reopen(&e, &app);
        until_gone("a");
        embedded_reopen(&e, &app);
        assert_gone("a");
        embedded_close(&e);
}

Test(shard_remove, many_go_in_slices_until_none_is_left)
{
        enum { MANY = 1000 };
        open_with("1s");
        for (uint64_t i = 0; i < MANY; i++) {
                stet_start s = { .workflow = i % 2 ? "echo" : "fails" };
                cr_assert_eq(stet_client_submit(e.client, &s, i, true, &why), 0, "%s", why.text);
        }
        size_t got;
        for (size_t answers_left = 2 * MANY; answers_left; answers_left -= got) {
                stet_answer answers[100];
                cr_assert_eq(stet_client_collect(e.client, answers, 100, 20000, &got, &why), 0, "%s",
                             why.text);
                cr_assert_gt(got, 0);
        }
        int64_t until_ns = clock_elapsed_ns() + PATIENCE_S * SECOND;
        while (told_stat(e.client, "runs", "removed") < MANY)
                cr_assert_lt(clock_elapsed_ns(), until_ns, "%lld are gone",
                             (long long)told_stat(e.client, "runs", "removed"));
        cr_assert_eq(listed(NULL), 0);
        cr_assert_eq(told_stat(e.client, "runs", "completed") + told_stat(e.client, "runs", "failed"), 0);
        embedded_reopen(&e, &app);
        cr_assert_eq(listed(NULL), 0);
        cr_assert_eq(told_stat(e.client, "runs", "completed") + told_stat(e.client, "runs", "failed"), 0);
        embedded_close(&e);
}

/* Starts runs for that long; what the files take then. */
static int64_t disk_after(int seconds)
{
        int64_t until_ns = clock_elapsed_ns() + seconds * SECOND;
        uint64_t tag = 0;
        while (clock_elapsed_ns() < until_ns) {
                for (int i = 0; i < 50; i++) {
                        stet_start s = { .workflow = "echo" };
                        cr_assert_eq(stet_client_submit(e.client, &s, tag++, false, &why), 0, "%s", why.text);
                }
                size_t got;
                for (size_t left = 50; left; left -= got) {
                        stet_answer answers[50];
                        cr_assert_eq(stet_client_collect(e.client, answers, 50, 20000, &got, &why), 0);
                }
        }
        return told_stat(e.client, "log", "disk_bytes") + told_stat(e.client, "store", "store_bytes");
}

Test(shard_remove, disk_use_under_constant_load_comes_to_a_halt)
{
        open_with("1s");
        int64_t early = disk_after(5), late = disk_after(5);
        cr_assert_gt(told_stat(e.client, "runs", "removed"), 1000);
        cr_assert_lt(late, early + early / 3, "%lld bytes after 5 s, %lld after 10 s", (long long)early,
                     (long long)late);
        embedded_close(&e);
}
