/* SPDX-License-Identifier: MIT
 *
 * The comparison of store and log: a sound pair is found sound, and whatever is whole and wrong is told, in
 * whichever table it is. What is wrong is written into the store as its owner would write it.
 */
#include "runtime/verify_store.h"

#include "base/pack.h"
#include "runtime/chunk.h"
#include "tests/lib/kept_runs.h"
#include "tests/lib/trace.h"
#include "wal/le.h"

#include <stdlib.h>
#include <string.h>

enum { BIG_VALUE_SIZE = 5000 };

static struct kept_runs kept;
static struct trace told; /* by the last verification */

static void setup(void)
{
        kept_runs_open(&kept);
}

static void teardown(void)
{
        kept_runs_close(&kept);
}

TestSuite(verify_store, .init = setup, .fini = teardown, .timeout = 60);

/* --- verifying --- */

static void tell(void *ctx, uint64_t lsn, uint64_t run, const char *sentence)
{
        (void)ctx;
        trace_write(&told, "run %llx, record %llu: %s\n", (unsigned long long)run, (unsigned long long)lsn,
                    sentence);
}

/* How many runs there are. */
static uint64_t verify_with(struct verify_store_options options)
{
        stet_why why = { "" };
        uint64_t runs;
        trace_clear(&told);
        options.damage = tell;
        cr_assert_eq(verify_store(&options, &runs, &why), 0, "%s", why.text);
        return runs;
}

static uint64_t verify(void)
{
        return verify_with((struct verify_store_options){ .store = kept.runs.store, .log = kept.log });
}

/* All that is told of them. */
#define EXPECT(lines)                                                                                        \
        do {                                                                                                 \
                verify();                                                                                    \
                trace_expect(&told, lines, __LINE__);                                                        \
        } while (0)

static void assert_told(const char *words)
{
        verify();
        cr_assert(strstr(told.text, words), "no \"%s\" in:\n%s", words, told.text);
}

/* --- the store's entries --- */

static void commit(struct store_batch *batch)
{
        stet_why why = { "" };
        cr_assert_eq(store_commit(kept.runs.store, batch, kept.runs.store->checkpoint, &why), 0, "%s",
                     why.text);
        store_batch_fini(batch);
}

static void put(const struct run_key *key, struct bytes value)
{
        struct store_batch batch = { 0 };
        store_put(&batch, run_key_bytes(key), value);
        commit(&batch);
}

static void put_run(const struct run_key *key, uint64_t run)
{
        uint8_t value[8];
        be64_put(value, run);
        put(key, bytes_of(value, sizeof value));
}

static void take_out(const struct run_key *key)
{
        struct store_batch batch = { 0 };
        store_remove(&batch, run_key_bytes(key));
        commit(&batch);
}

static struct buffer value_of(const struct run_key *key)
{
        struct buffer value = { 0 };
        stet_why why = { "" };
        cr_assert_eq(store_get(kept.runs.store, run_key_bytes(key), &value, &why), 0, "%s", why.text);
        return value;
}

static int take_key(void *ctx, struct bytes key, struct bytes value)
{
        struct run_key *taken = ctx;
        (void)value;
        memcpy(taken->bytes, key.data, key.size);
        taken->size = key.size;
        return -1;
}

/* The first key of the table. */
static struct run_key key_in(char table)
{
        struct run_key from = run_key_of(table), to = run_key_after(&from), found = { .size = 0 };
        stet_why why = { "" };
        store_scan(kept.runs.store, run_key_bytes(&from), run_key_bytes(&to), false, take_key, &found, &why);
        cr_assert(found.size, "table '%c' is empty", table);
        return found;
}

/* --- runs --- */

/* Two runs that have something in every table of keys without values: an open one with a timer and a call, as
 * a child and with an attribute, and one that has ended. */
static uint64_t fill(void)
{
        const struct event start = { .type = EVENT_START,
                                     .ns = bytes_str("default"),
                                     .workflow = bytes_str("order"),
                                     .sender = 0x77,
                                     .sender_op = 1,
                                     .attributes = bytes_of("\x81\xa4"
                                                            "city\xa3Ulm",
                                                            10) };
        const struct effect asks[] = {
                { .type = EFFECT_TIMER, .op = 1, .due_ns = 90000 },
                { .type = EFFECT_CALL,
                  .op = 2,
                  .name = bytes_str("print"),
                  .queue = bytes_str("printers"),
                  .initial_interval_ms = 100,
                  .max_interval_ms = 1000,
                  .backoff_factor = 2 },
        };
        const struct effect end = { .type = EFFECT_FINISH, .ending = RUN_COMPLETED };
        uint64_t run = kept_runs_step(&kept, log_group_next_lsn(&kept.group), 0, 1000, &start, asks, 2);
        kept_runs_start(&kept, 2000, &end, 1);
        kept_runs_checkpoint(&kept);
        return run;
}

/* One that was started by a request under the id "lamp" (record 3) and took a signal of another request
 * (record 4); both have the same big value. Its two transitions are in one chunk. */
static uint64_t fill_lamp(void)
{
        static const uint8_t text[BIG_VALUE_SIZE];
        struct buffer value = { 0 };
        pack_bin(&value, bytes_of(text, sizeof text));
        const struct event start = { .type = EVENT_START,
                                     .ns = bytes_str("default"),
                                     .workflow = bytes_str("order"),
                                     .id = bytes_str("lamp"),
                                     .request_id = bytes_str("r1"),
                                     .value = buffer_bytes(&value) };
        const struct event signal = { .type = EVENT_SIGNAL,
                                      .name = bytes_str("go"),
                                      .request_id = bytes_str("r2"),
                                      .value = buffer_bytes(&value) };
        const struct effect waits[] = { { .type = EFFECT_WAIT_SIGNAL, .op = 1, .name = bytes_str("go") },
                                        { .type = EFFECT_WAIT_SIGNAL, .op = 2, .name = bytes_str("stop") } };
        fill();
        uint64_t run = kept_runs_step(&kept, log_group_next_lsn(&kept.group), 0, 3000, &start, waits, 2);
        kept_runs_step(&kept, run, run, 4000, &signal, NULL, 0);
        kept_runs_checkpoint(&kept);
        buffer_fini(&value);
        return run;
}

/* --- sound ones --- */

Test(verify_store, sound_store_gives_no_sentence)
{
        fill_lamp();
        cr_assert_eq(verify(), 3);
        trace_expect(&told, "", __LINE__);
}

Test(verify_store, log_without_a_store_is_read_from_its_beginning)
{
        fill_lamp();
        cr_assert_eq(verify_with((struct verify_store_options){ .log = kept.log }), 0);
        trace_expect(&told, "", __LINE__);
        kept_runs_start(&kept, 5000, NULL, 0);
        kept_runs_step(&kept, 3, 3, 6000, &(struct event){ .type = EVENT_CANCEL }, NULL, 0);
        kept_runs_append(&kept);
        verify_with((struct verify_store_options){ .log = kept.log });
        trace_expect(&told, "run 3, record 6: record 6 does not fit run 0000000000000003\n", __LINE__);
}

static void count_call(void *ctx, uint64_t runs)
{
        *(uint64_t *)ctx = runs;
}

Test(verify_store, progress_is_told_now_and_then)
{
        uint64_t progress = 0;
        for (int i = 0; i < 1500; i++)
                kept_runs_start(&kept, 1000,
                                &(struct effect){ .type = EFFECT_TIMER, .op = 1, .due_ns = 9000 }, 1);
        kept_runs_checkpoint(&kept);
        struct verify_store_options options = { .store = kept.runs.store,
                                                .log = kept.log,
                                                .damage = tell,
                                                .progress = count_call,
                                                .ctx = &progress };
        cr_assert_eq(verify_with(options), 1500);
        trace_expect(&told, "", __LINE__);
        cr_assert_gt(progress, 0);
        cr_assert_leq(progress, 1500);
}

/* --- entries that follow from a state --- */

static const char tables[] = {
        't', 'o', 'e', INDEX_STATE, INDEX_WORKFLOW, INDEX_PARENT, INDEX_QUEUE, INDEX_ATTRIBUTE
};

Test(verify_store, entry_that_is_missing_is_found_in_every_table)
{
        fill();
        for (size_t i = 0; i < sizeof tables; i++) {
                struct run_key key = key_in(tables[i]);
                take_out(&key);
                assert_told("is missing or damaged");
                put(&key, bytes_str(""));
                EXPECT("");
        }
}

Test(verify_store, entry_too_many_is_found_in_every_table)
{
        fill();
        for (size_t i = 0; i < sizeof tables; i++) {
                struct run_key key = key_in(tables[i]);
                key.bytes[1] ^= 0x40; /* another time, hash or run */
                put(&key, bytes_str(""));
                assert_told("belongs to no run");
                take_out(&key);
                EXPECT("");
        }
}

Test(verify_store, entry_that_says_something_is_found_in_every_table)
{
        fill();
        for (size_t i = 0; i < sizeof tables; i++) {
                struct run_key key = key_in(tables[i]);
                put(&key, bytes_str("something"));
                assert_told("says something else");
                put(&key, bytes_str(""));
                EXPECT("");
        }
}

Test(verify_store, entry_of_a_queue_that_the_run_has_no_call_on_is_told_with_the_run)
{
        uint64_t run = fill();
        cr_assert_eq(run, 1);
        struct run_key key =
            run_key_index(&kept.runs, INDEX_QUEUE, bytes_str("default"), bytes_str("default"));
        run_key_u64(&key, run);
        put(&key, bytes_str(""));
        EXPECT("run 1, record 0: an entry among the indexes for lists belongs to no run\n");
}

/* --- histories and images --- */

Test(verify_store, chunk_of_no_run_is_found)
{
        fill();
        struct run_key key = key_in('z');
        key.bytes[8] ^= 0x40;
        put(&key, bytes_str(""));
        assert_told("an entry among the histories belongs to no run");
}

Test(verify_store, chunk_that_is_none_is_told_with_its_first_record_and_the_other_runs_are_looked_at)
{
        fill();
        struct run_key chunk = run_key_chunk(1, 1), ended = key_in('e');
        put(&chunk, bytes_str("no chunk"));
        take_out(&ended);
        EXPECT("run 1, record 0: run 0000000000000001: the records from 1 on can't be read\n"
               "run 2, record 2: its entry among the ended runs is missing or damaged\n");
}

/* The run's last transition alone, in place of all. */
Test(verify_store, record_that_does_not_follow_the_one_before_is_found)
{
        fill();
        kept_runs_step(&kept, 1, 1, 3000, &(struct event){ .type = EVENT_TIMER, .op = 1 }, NULL, 0);
        kept_runs_checkpoint(&kept);
        struct run_key key = run_key_chunk(1, 1);
        struct buffer chunk = value_of(&key), records = { 0 }, later = { 0 };
        struct bytes rest;
        struct chunk_item item;
        cr_assert_eq(chunk_count(buffer_bytes(&chunk)), 2);
        cr_assert_eq(chunk_open(buffer_bytes(&chunk), &records, &rest), 0);
        cr_assert_eq(chunk_next(&rest, &item), 0);
        chunk_begin(&later, 0);
        chunk_append(&later, rest, NULL, 0);
        put(&key, buffer_bytes(&later));
        EXPECT("run 1, record 3: record 3 does not follow record 0 of its run, or does not fit it\n");
        buffer_fini(&chunk);
        buffer_fini(&records);
        buffer_fini(&later);
}

Test(verify_store, image_without_a_record_is_found)
{
        fill();
        struct run_key key = run_key_chunk(1, 1);
        take_out(&key);
        EXPECT("run 1, record 0: it has an image and no record\n");
}

Test(verify_store, image_that_is_none_is_found)
{
        fill();
        struct run_key key = run_key_run('r', 1);
        put(&key, bytes_str("no image"));
        EXPECT("run 1, record 0: its image can't be read\n");
}

Test(verify_store, image_of_an_earlier_state_is_found)
{
        fill();
        struct run_key key = run_key_run('r', 1);
        struct buffer earlier = value_of(&key);
        kept_runs_step(&kept, 1, 1, 3000, &(struct event){ .type = EVENT_TIMER, .op = 1 }, NULL, 0);
        kept_runs_checkpoint(&kept);
        put(&key, buffer_bytes(&earlier));
        EXPECT("run 1, record 3: its image is not what its records add up to: 2 transitions to record 3, the "
               "image "
               "has 1 to record 1\n");
        buffer_fini(&earlier);
}

Test(verify_store, image_in_another_shards_store_is_found)
{
        fill();
        cr_assert_eq(verify_with((struct verify_store_options){
                         .store = kept.runs.store, .log = kept.log, .shard = 1 }),
                     0);
        cr_assert(strstr(told.text, "run 1, record 0: its image stands in the store of shard 1\n"
                                    "run 2, record 0: its image stands in the store of shard 1\n"),
                  "%s", told.text);
}

Test(verify_store, key_of_an_image_that_names_no_run_is_found)
{
        fill();
        struct run_key key = run_key_of('r');
        run_key_u32(&key, 1);
        put(&key, bytes_str("image"));
        EXPECT("run 0, record 0: its image stands in the store of shard 0\n");
}

/* --- requests and workflow ids --- */

Test(verify_store, request_that_is_missing_is_found)
{
        fill_lamp();
        struct run_key key = key_in('q');
        take_out(&key);
        EXPECT("run 3, record 4: its entry among the requests is missing or damaged\n"
               "run 0, record 0: there are 1 entries among the requests, and runs have 2\n");
}

Test(verify_store, request_that_names_another_run_is_found)
{
        fill_lamp();
        struct run_key key = key_in('q');
        put_run(&key, 1);
        EXPECT("run 3, record 4: its entry among the requests says something else\n");
}

Test(verify_store, request_that_no_run_has_applied_is_found)
{
        fill_lamp();
        struct run_key key = run_key_request(&kept.runs, EVENT_CANCEL, bytes_str("default"),
                                             bytes_str("lamp"), bytes_str("r3"));
        put_run(&key, 3);
        EXPECT("run 0, record 0: there are 3 entries among the requests, and runs have 2\n");
}

Test(verify_store, workflow_id_that_leads_to_another_run_is_found)
{
        uint64_t run = fill_lamp();
        struct run_key key = run_key_name(&kept.runs, bytes_str("default"), bytes_str("lamp"));
        put_run(&key, run - 1);
        EXPECT("run 3, record 4: its workflow id does not lead to it\n"
               "run 2, record 0: a workflow id leads to a run that has another, or is not there\n");
}

Test(verify_store, workflow_id_that_leads_nowhere_is_found)
{
        uint64_t run = fill_lamp();
        struct run_key key = run_key_name(&kept.runs, bytes_str("default"), bytes_str("lamp"));
        put_run(&key, run + 1);
        EXPECT("run 4, record 0: a workflow id leads to a run that has another, or is not there\n");
        put(&key, bytes_str("?"));
        EXPECT("run 3, record 4: its workflow id does not lead to it\n"
               "run 0, record 0: a workflow id leads to a run that has another, or is not there\n");
}

/* Whoever removes a run takes its workflow id, too; a run before it of that id is then led to by none. */
Test(verify_store, run_whose_workflow_id_was_removed_with_a_later_run_is_sound)
{
        fill_lamp();
        struct run_key key = run_key_name(&kept.runs, bytes_str("default"), bytes_str("lamp"));
        take_out(&key);
        EXPECT("");
}

/* --- big values --- */

Test(verify_store, big_value_that_is_counted_otherwise_is_found)
{
        fill_lamp();
        struct run_key count = key_in('p');
        uint8_t value[8];
        le64_put(value, 3);
        put(&count, bytes_of(value, sizeof value));
        EXPECT("run 0, record 0: a big value that 2 records have is counted otherwise\n");
        put(&count, bytes_str("three"));
        EXPECT("run 0, record 0: a big value that 2 records have is counted otherwise\n");
        take_out(&count);
        EXPECT("run 0, record 0: a big value that 2 records have is counted otherwise\n"
               "run 0, record 0: there are 0 big values counted, and records have 1\n");
}

Test(verify_store, big_value_that_no_record_has_is_found)
{
        fill_lamp();
        struct run_key value = run_key_value('b', &kept.runs, bytes_str("nobody's")),
                       count = run_key_value('p', &kept.runs, bytes_str("nobody's"));
        put(&value, bytes_str("nobody's"));
        EXPECT("run 0, record 0: there are 2 big values, and records have 1\n");
        put(&count, bytes_of("\1\0\0\0\0\0\0\0", 8));
        EXPECT("run 0, record 0: there are 2 big values, and records have 1\n"
               "run 0, record 0: there are 2 big values counted, and records have 1\n");
}

Test(verify_store, big_value_that_is_missing_or_another_is_told_with_its_record)
{
        fill_lamp();
        struct run_key value = key_in('b');
        struct buffer content = value_of(&value);
        content.data[100] ^= 1;
        put(&value, buffer_bytes(&content));
        EXPECT("run 3, record 0: run 0000000000000003: the records from 3 on can't be read\n");
        take_out(&value);
        EXPECT("run 3, record 0: run 0000000000000003: the records from 3 on can't be read\n");
        buffer_fini(&content);
}

/* Under another secret it has another hash; so have all names. */
Test(verify_store, big_value_under_a_hash_that_it_does_not_have_is_found)
{
        fill_lamp();
        struct run_key secret = run_key_about("secret");
        put(&secret, bytes_str("sixteen bytes it"));
        assert_told("a big value is not what its hash says");
        assert_told("run 3, record 4: its entry among the indexes for lists is missing or damaged");
        assert_told("run 3, record 4: its entry among the requests is missing or damaged");
        assert_told("a workflow id leads to a run that has another, or is not there");
}

/* --- the store as a whole --- */

Test(verify_store, wrong_counters_are_found)
{
        fill();
        struct run_key counts = run_key_about("counts");
        struct buffer value = value_of(&counts);
        le64_put(value.data + 8 * RUN_OPEN, 7);
        put(&counts, buffer_bytes(&value));
        EXPECT("run 0, record 0: it counts 7 open runs and 1 completed, and there are 1 and 1\n");
        put(&counts, bytes_str("7"));
        EXPECT("run 0, record 0: the store's \"counts\" has 1 bytes, not 48\n");
        buffer_fini(&value);
}

Test(verify_store, time_before_that_of_the_records_is_found)
{
        fill();
        struct run_key key = run_key_about("time");
        uint8_t value[8];
        le64_put(value, 1999);
        put(&key, bytes_of(value, sizeof value));
        EXPECT("run 0, record 0: its time is before that of its records\n");
}

Test(verify_store, store_without_its_secret_is_told)
{
        fill();
        struct run_key key = run_key_about("secret");
        take_out(&key);
        EXPECT("run 0, record 0: the store has lost its secret; restore a backup\n");
}

/* --- the log behind it --- */

Test(verify_store, records_behind_the_store_are_sound_if_they_fit_it)
{
        fill();
        kept_runs_step(&kept, 1, 1, 3000, &(struct event){ .type = EVENT_TIMER, .op = 1 }, NULL, 0);
        kept_runs_start(&kept, 4000, NULL, 0);
        kept_runs_append(&kept);
        EXPECT("");
}

Test(verify_store, record_behind_the_store_that_does_not_fit_its_run_is_told_once)
{
        const struct event cancel = { .type = EVENT_CANCEL };
        fill();
        uint64_t wrong = kept_runs_step(&kept, 1, 2, 3000, &cancel, NULL, 0);
        kept_runs_step(&kept, 1, wrong, 4000, &cancel, NULL, 0);
        kept_runs_append(&kept);
        EXPECT("run 1, record 3: record 3 does not fit run 0000000000000001\n");
}

Test(verify_store, record_of_a_run_that_was_removed_before_is_told)
{
        fill();
        size_t offset = log_group_begin(&kept.group, RECORD_REMOVAL, 0, 0, 0, 3000);
        pack_uint(&kept.group.bytes, 2);
        log_group_end(&kept.group, offset);
        kept_runs_append(&kept);
        EXPECT("");
        kept_runs_step(&kept, 2, 2, 4000, &(struct event){ .type = EVENT_CANCEL }, NULL, 0);
        kept_runs_append(&kept);
        EXPECT("run 2, record 4: record 4 does not fit run 0000000000000002\n");
}

Test(verify_store, log_that_was_opened_less_often_than_the_store_is_told)
{
        fill();
        store_close(kept.runs.store);
        kept.runs.store = store_mem_open(kept.store_disk, kept.log->epoch + 4);
        EXPECT("run 0, record 0: the log is older than the store: it was opened 1 times, and the store with "
               "the log "
               "of opening 5\n");
}

Test(verify_store, gap_between_store_and_log_is_told)
{
        fill();
        for (int i = 0; i < 3; i++)
                kept_runs_start(&kept, 3000, NULL, 0);
        kept_runs_append(&kept);
        log_trim(kept.log, 5);
        kept_runs_start(&kept, 4000, NULL, 0);
        kept_runs_append(&kept);
        cr_assert_eq(kept.log->first_lsn, 5);
        EXPECT("run 0, record 3: the store ends with record 2, and the log begins with record 5\n");
}

/* The store against a log of another past, with that many runs that started at other times. */
static void verify_with_a_log_of(int runs)
{
        struct kept_runs other;
        kept_runs_open(&other);
        for (int i = 0; i < runs; i++)
                kept_runs_start(&other, 7000 + i, NULL, 0);
        kept_runs_append(&other);
        verify_with((struct verify_store_options){ .store = kept.runs.store, .log = other.log });
        kept_runs_close(&other);
}

Test(verify_store, log_of_another_past_is_told)
{
        fill();
        verify_with_a_log_of(1);
        trace_expect(&told, "run 0, record 1: the store has record 2, and the log ends with record 1\n",
                     __LINE__);
        verify_with_a_log_of(2);
        trace_expect(&told, "run 0, record 2: record 2 of the log is not the one that the store ends with\n",
                     __LINE__);
        verify_with_a_log_of(3);
        trace_expect(&told, "run 3, record 3: record 3 of the log does not continue the store's last one\n",
                     __LINE__);
}

/* --- whose a key is --- */

Test(verify_store, key_tells_whose_it_is)
{
        struct run_key chunk = run_key_chunk(7, 9), image = run_key_run('r', 7), owed = run_key_run('o', 7);
        struct run_key timer = run_key_of('t'), count = run_key_about("counts");
        struct run_key index = run_key_index(&kept.runs, INDEX_STATE, bytes_str("default"), bytes_str("x"));
        struct run_key ended = run_key_ended(&kept.runs, RUN_FAILED, bytes_str("default"));
        struct run_key name = run_key_name(&kept.runs, bytes_str("default"), bytes_str("lamp"));
        run_key_u64(&timer, 90000);
        run_key_u64(&timer, 7);
        run_key_u32(&timer, 1);
        run_key_u64(&ended, 90000);
        run_key_u64(&ended, 7);
        cr_assert_eq(verify_store_run_of(run_key_bytes(&index)), 0, "a prefix is nobody's");
        run_key_u64(&index, 7);
        const struct run_key *of_seven[] = { &chunk, &image, &owed, &timer, &index, &ended };
        for (size_t i = 0; i < sizeof of_seven / sizeof of_seven[0]; i++)
                cr_assert_eq(verify_store_run_of(run_key_bytes(of_seven[i])), 7, "%c", of_seven[i]->bytes[0]);
        cr_assert_eq(verify_store_run_of(run_key_bytes(&name)), 0);
        cr_assert_eq(verify_store_run_of(run_key_bytes(&count)), 0);
        cr_assert_eq(verify_store_run_of(bytes_str("r")), 0);
        cr_assert_eq(verify_store_run_of(bytes_str("")), 0);
}
