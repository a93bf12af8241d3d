/* SPDX-License-Identifier: MIT
 *
 * The comparison of store and log: a sound pair is found sound, and each entry that is missing or too many is
 * told, in whichever table it is.
 */
#include "runtime/verify_store.h"

#include "tests/lib/kept_runs.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct kept_runs kept;
static char told[4096]; /* the sentences of the last verification */

static void setup(void)
{
        kept_runs_open(&kept);
}

static void teardown(void)
{
        kept_runs_close(&kept);
}

TestSuite(verify_store, .init = setup, .fini = teardown, .timeout = 60);

static void tell(void *ctx, uint64_t lsn, uint64_t run, const char *sentence)
{
        size_t size = strlen(told);
        (void)ctx;
        (void)lsn;
        snprintf(told + size, sizeof told - size, "%llx: %s\n", (unsigned long long)run, sentence);
}

static void verify(void)
{
        struct verify_store_options options = { .store = kept.runs.store, .log = kept.log, .damage = tell };
        stet_why why = { "" };
        uint64_t runs;
        told[0] = 0;
        cr_assert_eq(verify_store(&options, &runs, &why), 0, "%s", why.text);
}

/* value NULL: it is taken out. */
static void change(struct bytes key, const char *value)
{
        struct store_batch batch = { 0 };
        stet_why why = { "" };
        if (value)
                store_put(&batch, key, bytes_str(value));
        else
                store_remove(&batch, key);
        cr_assert_eq(store_commit(kept.runs.store, &batch, kept.runs.store->checkpoint, &why), 0, "%s",
                     why.text);
        store_batch_fini(&batch);
}

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

static const char tables[] = {
        't', 'o', 'e', INDEX_STATE, INDEX_WORKFLOW, INDEX_PARENT, INDEX_QUEUE, INDEX_ATTRIBUTE
};

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

Test(verify_store, sound_store_gives_no_sentence)
{
        fill();
        verify();
        cr_assert_str_eq(told, "");
}

Test(verify_store, entry_that_is_missing_is_found_in_every_table)
{
        fill();
        for (size_t i = 0; i < sizeof tables; i++) {
                struct run_key key = key_in(tables[i]);
                change(run_key_bytes(&key), NULL);
                verify();
                cr_assert(strstr(told, "is missing or damaged"), "'%c': %s", tables[i], told);
                change(run_key_bytes(&key), "");
                verify();
                cr_assert_str_eq(told, "", "'%c' is whole again", tables[i]);
        }
}

Test(verify_store, entry_too_many_is_found_in_every_table)
{
        fill();
        for (size_t i = 0; i < sizeof tables; i++) {
                struct run_key key = key_in(tables[i]);
                key.bytes[1] ^= 0x40; /* another time, hash or run */
                change(run_key_bytes(&key), "");
                verify();
                cr_assert(strstr(told, "belongs to no run"), "'%c': %s", tables[i], told);
                change(run_key_bytes(&key), NULL);
                verify();
                cr_assert_str_eq(told, "", "'%c' is whole again", tables[i]);
        }
}

Test(verify_store, entry_of_a_queue_that_the_run_has_no_call_on_is_told_with_the_run)
{
        char wanted[80];
        uint64_t run = fill();
        struct run_key key =
            run_key_index(&kept.runs, INDEX_QUEUE, bytes_str("default"), bytes_str("default"));
        run_key_u64(&key, run);
        change(run_key_bytes(&key), "");
        verify();
        snprintf(wanted, sizeof wanted, "%llx: an entry among the indexes for lists belongs to no run\n",
                 (unsigned long long)run);
        cr_assert_str_eq(told, wanted);
}

Test(verify_store, chunk_of_no_run_is_found)
{
        fill();
        struct run_key key = key_in('z');
        key.bytes[8] ^= 0x40;
        change(run_key_bytes(&key), "");
        verify();
        cr_assert(strstr(told, "an entry among the histories belongs to no run"), "%s", told);
}
