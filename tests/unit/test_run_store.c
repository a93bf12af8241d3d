/* SPDX-License-Identifier: MIT
 *
 * What the store has of runs besides their histories: the keys by which lists find them, and when they
 * started.
 */
#include "tests/lib/kept_runs.h"

#include <criterion/criterion.h>

static struct kept_runs kept;

static void setup(void)
{
        kept_runs_open(&kept);
}

static void teardown(void)
{
        kept_runs_close(&kept);
}

TestSuite(run_store, .init = setup, .fini = teardown, .timeout = 60);

static struct effect call_on(const char *queue, uint32_t op)
{
        return (struct effect){ .type = EFFECT_CALL,
                                .op = op,
                                .name = bytes_str("charge"),
                                .queue = bytes_str(queue),
                                .initial_interval_ms = 100,
                                .max_interval_ms = 1000,
                                .backoff_factor = 2 };
}

static struct event outcome_of(uint32_t op)
{
        return (struct event){ .type = EVENT_ACTIVITY, .op = op, .attempt = 1 };
}

/* --- queues --- */

static int count_entry(void *ctx, struct bytes key, struct bytes value)
{
        (void)key;
        (void)value;
        ++*(size_t *)ctx;
        return 0;
}

static size_t entries_between(const struct run_key *from)
{
        struct run_key to = run_key_after(from);
        stet_why why = { "" };
        size_t count = 0;
        cr_assert_eq(store_scan(kept.runs.store, run_key_bytes(from), run_key_bytes(&to), false, count_entry,
                                &count, &why),
                     0, "%s", why.text);
        return count;
}

static size_t runs_on(const char *ns, const char *queue)
{
        struct run_key index = run_key_index(&kept.runs, INDEX_QUEUE, bytes_str(ns), bytes_str(queue));
        return entries_between(&index);
}

static size_t entries_of_queues(void)
{
        struct run_key table = run_key_of(INDEX_QUEUE);
        return entries_between(&table);
}

Test(run_store, run_has_one_key_for_each_queue_that_it_has_open_calls_on)
{
        const struct effect calls[] = { call_on("mail", 1), call_on("print", 2), call_on("mail", 3),
                                        call_on("default", 4), call_on("print", 5) };
        kept_runs_start(&kept, 1000, calls, 5);
        kept_runs_start(&kept, 2000, calls, 1);
        kept_runs_checkpoint(&kept);
        cr_assert_eq(runs_on("default", "mail"), 2);
        cr_assert_eq(runs_on("default", "print"), 1);
        cr_assert_eq(runs_on("default", "default"), 1);
        cr_assert_eq(entries_of_queues(), 4);
}

Test(run_store, key_of_a_queue_goes_with_the_last_call_on_it)
{
        const struct effect calls[] = { call_on("mail", 1), call_on("mail", 2) };
        struct event first = outcome_of(1), second = outcome_of(2);
        struct effect other = call_on("print", 3);
        uint64_t run = kept_runs_start(&kept, 1000, calls, 2);
        kept_runs_checkpoint(&kept);
        uint64_t lsn = kept_runs_step(&kept, run, run, 2000, &first, NULL, 0);
        kept_runs_checkpoint(&kept);
        cr_assert_eq(runs_on("default", "mail"), 1);
        kept_runs_step(&kept, run, lsn, 3000, &second, &other, 1);
        kept_runs_checkpoint(&kept);
        cr_assert_eq(runs_on("default", "mail"), 0);
        cr_assert_eq(runs_on("default", "print"), 1);
}

Test(run_store, call_that_is_tried_again_stays_on_its_queue)
{
        struct effect call = call_on("mail", 1);
        struct effect retry = { .type = EFFECT_RETRY, .op = 1, .attempt = 2, .due_ns = 9000 };
        struct event failed = outcome_of(1);
        failed.code = STET_EFAILED;
        call.max_attempts = 3;
        uint64_t run = kept_runs_start(&kept, 1000, &call, 1);
        size_t offset = log_group_begin(&kept.group, RECORD_TRANSITION, 0, run, run, 2000);
        event_encode(&kept.group.bytes, &failed);
        effect_encode(&kept.group.bytes, &retry);
        log_group_end(&kept.group, offset);
        kept_runs_checkpoint(&kept);
        cr_assert_eq(runs_on("default", "mail"), 1);
}

Test(run_store, ended_run_is_on_no_queue)
{
        const struct effect calls[] = { call_on("mail", 1), call_on("print", 2) };
        struct event terminate = { .type = EVENT_TERMINATE };
        struct effect end = { .type = EFFECT_FINISH, .ending = RUN_TERMINATED };
        uint64_t run = kept_runs_start(&kept, 1000, calls, 2);
        kept_runs_checkpoint(&kept);
        cr_assert_eq(entries_of_queues(), 2);
        kept_runs_step(&kept, run, run, 2000, &terminate, &end, 1);
        kept_runs_checkpoint(&kept);
        cr_assert_eq(entries_of_queues(), 0);
}

Test(run_store, queue_of_another_namespace_is_another)
{
        struct effect call = call_on("mail", 1);
        kept_runs_start(&kept, 1000, &call, 1);
        kept_runs_checkpoint(&kept);
        cr_assert_eq(runs_on("other", "mail"), 0);
}

/* --- times --- */

/* Runs with that id and greater ones are those that started then or later, whatever ids there are. */
static void assert_first_from(int64_t from_ns, uint64_t late, uint64_t early)
{
        stet_why why = { "" };
        uint64_t first = 0;
        cr_assert_eq(run_store_first_from(&kept.runs, from_ns, &first, &why), 0, "%s", why.text);
        cr_assert_gt(first, early, "from %lld: %llu", (long long)from_ns, (unsigned long long)first);
        cr_assert_leq(first, late, "from %lld: %llu", (long long)from_ns, (unsigned long long)first);
}

Test(run_store, first_run_from_a_time_on_is_found_among_any_number)
{
        enum { RUNS = 60, STEP_NS = 1000 };
        static const struct event wake = { .type = EVENT_WAKE };
        static const struct effect wait = { .type = EFFECT_WAIT_SIGNAL, .op = 1, .name = { NULL, 0 } };
        uint64_t ids[RUNS + 2] = { 0 };
        for (int i = 1; i <= RUNS; i++) {
                /* pairs start at the same time, and what happens between starts leaves gaps between ids */
                ids[i] = kept_runs_start(&kept, (i + 1) / 2 * STEP_NS, &wait, 1);
                uint64_t last = ids[i];
                for (int gap = 0; gap < i % 5; gap++)
                        last = kept_runs_step(&kept, ids[i], last, (i + 1) / 2 * STEP_NS, &wake, NULL, 0);
                kept_runs_checkpoint(&kept);
                ids[i + 1] = UINT64_MAX;
                for (int pair = 1; 2 * pair - 1 <= i; pair++) {
                        assert_first_from(pair * STEP_NS, ids[2 * pair - 1], ids[2 * pair - 2]);
                        assert_first_from(pair * STEP_NS - 1, ids[2 * pair - 1], ids[2 * pair - 2]);
                }
                assert_first_from((i + 1) / 2 * STEP_NS + 1, UINT64_MAX, ids[i]);
        }
}

Test(run_store, store_without_runs_has_no_first_one)
{
        assert_first_from(0, UINT64_MAX, 0);
        assert_first_from(INT64_MAX, UINT64_MAX, 0);
}

Test(run_store, image_that_cannot_be_read_is_passed_over)
{
        struct effect call = call_on("mail", 1);
        uint64_t ids[5];
        for (int i = 0; i < 5; i++)
                ids[i] = kept_runs_start(&kept, 1000 * (i + 1), &call, 1);
        kept_runs_checkpoint(&kept);
        for (int bad = 0; bad < 5; bad++) {
                struct store_batch batch = { 0 };
                struct run_key key = run_key_run('r', ids[bad]);
                struct buffer whole = { 0 };
                stet_why why = { "" };
                cr_assert_eq(store_get(kept.runs.store, run_key_bytes(&key), &whole, &why), 0);
                store_put(&batch, run_key_bytes(&key), bytes_str("no image"));
                cr_assert_eq(store_commit(kept.runs.store, &batch, kept.runs.store->checkpoint, &why), 0);
                for (int i = 1; i < 5; i++)
                        if (i != bad && i - 1 != bad)
                                assert_first_from(1000 * (i + 1), ids[i], ids[i - 1]);
                store_batch_clear(&batch);
                store_put(&batch, run_key_bytes(&key), buffer_bytes(&whole));
                cr_assert_eq(store_commit(kept.runs.store, &batch, kept.runs.store->checkpoint, &why), 0);
                store_batch_fini(&batch);
                buffer_fini(&whole);
        }
}
