/* SPDX-License-Identifier: MIT
 *
 * What is saved of runs from the entries of a log and a store, of which some are missing, repeated or
 * damaged: runs are recovered whole or told as lost.
 */
#include "runtime/recover.h"

#include "base/pack.h"
#include "runtime/verify_store.h"
#include "tests/lib/kept_runs.h"
#include "tests/lib/trace.h"
#include "wal/record_layout.h"
#include "wal/store_entry.h"

#include <criterion/criterion.h>
#include <string.h>

enum { BIG_VALUE_SIZE = 20000 }; /* in several pieces, in the log as in the store */

static struct kept_runs kept;
static struct recovery recovery;
static struct trace told; /* the runs that are lost */

static void setup(void)
{
        kept_runs_open(&kept);
}

static void teardown(void)
{
        recovery_fini(&recovery);
        kept_runs_close(&kept);
}

TestSuite(recover, .init = setup, .fini = teardown, .timeout = 60);

/* --- runs --- */

/* Two runs in turns: run 1 with the records 1, 3 and 5; run 2, which has ended, with 2 and 4. */
static void fill(void)
{
        const struct effect waits[] = { { .type = EFFECT_WAIT_SIGNAL, .op = 1, .name = bytes_str("go") },
                                        { .type = EFFECT_WAIT_SIGNAL, .op = 2, .name = bytes_str("go") },
                                        { .type = EFFECT_WAIT_SIGNAL, .op = 3, .name = bytes_str("go") } };
        const struct effect end = { .type = EFFECT_FINISH, .ending = RUN_COMPLETED };
        const struct event go = { .type = EVENT_SIGNAL, .name = bytes_str("go") };
        kept_runs_start(&kept, 1000, waits, 3);
        kept_runs_start(&kept, 2000, waits, 1);
        kept_runs_step(&kept, 1, 1, 3000, &go, NULL, 0);
        kept_runs_step(&kept, 2, 2, 4000, &go, &end, 1);
        kept_runs_step(&kept, 1, 3, 5000, &go, NULL, 0);
        kept_runs_checkpoint(&kept);
}

/* Run 6, whose input is big. */
static void fill_big(void)
{
        static uint8_t text[BIG_VALUE_SIZE];
        struct buffer value = { 0 };
        memset(text, 'v', sizeof text);
        pack_bin(&value, bytes_of(text, sizeof text));
        const struct event start = { .type = EVENT_START,
                                     .ns = bytes_str("default"),
                                     .workflow = bytes_str("order"),
                                     .value = buffer_bytes(&value) };
        fill();
        kept_runs_step(&kept, 6, 0, 6000, &start, NULL, 0);
        kept_runs_checkpoint(&kept);
        buffer_fini(&value);
}

/* --- giving what is left of them --- */

enum { ALL = 0 };

/* Which entry is left out, or has a bit flipped. */
struct harm {
        uint64_t lsn; /* of the record in the log, or that a chunk begins with; ALL: none */
        int piece;    /* -1: the whole entry */
        bool flip;
};

static bool harmed(const struct harm *harm, uint64_t lsn, int piece)
{
        return harm->lsn == lsn && (harm->piece < 0 || harm->piece == piece);
}

static void give_block(const struct block *block, const struct harm *harm)
{
        uint8_t key[BLOCK_KEY_SIZE], value[BLOCK_SIZE_MAX];
        bool hit = harmed(harm, block->lsn, block->piece);
        block_key_encode(key, block->lsn, block->piece);
        block_header_encode(value, block);
        memcpy(value + BLOCK_HEADER_SIZE, block->body.data, block->body.size);
        value[BLOCK_HEADER_SIZE + RECORD_HEADER_SIZE] ^= hit && harm->flip;
        if (!hit || harm->flip)
                recovery_take_log(&recovery, bytes_of(key, sizeof key),
                                  bytes_of(value, BLOCK_HEADER_SIZE + block->body.size));
}

/* As the blocks of groups of one record each. */
static int give_record(void *ctx, const struct record *record)
{
        struct log_group group = { .first_lsn = record->lsn, .count = 1 };
        struct block block;
        record_encode(&group.bytes, record);
        for (struct block_cutter cutter = block_cutter_of(&group); block_cut(&cutter, &block);)
                give_block(&block, ctx);
        buffer_fini(&group.bytes);
        return 0;
}

static void give_log(struct harm harm)
{
        stet_why why = { "" };
        cr_assert_eq(log_read(kept.log, 1, give_record, &harm, &why), 0, "%s", why.text);
}

static int give_entry(void *ctx, struct bytes key, struct bytes value)
{
        const struct harm *harm = ctx;
        uint64_t lsn = key.data[0] == 'z' ? run_key_number(key, 9) : ALL;
        uint8_t piece[PIECE_SIZE_MAX];
        struct piece_key at;
        uint32_t chain = 0;
        piece_key_make(&at, key);
        for (uint16_t number = 0;; number++) {
                struct bytes body =
                    bytes_of(value.data, value.size < PIECE_BODY_MAX ? value.size : PIECE_BODY_MAX);
                bool hit = lsn && harmed(harm, lsn, number);
                piece_key_set(&at, number);
                chain = piece_encode(piece, bytes_of(at.data, at.size), chain, body);
                piece[PIECE_HEADER_SIZE] ^= hit && harm->flip;
                if (!hit || harm->flip)
                        recovery_take_store(&recovery, bytes_of(at.data, at.size),
                                            bytes_of(piece, PIECE_HEADER_SIZE + body.size));
                if (body.size < PIECE_BODY_MAX)
                        return 0;
                value = bytes_of(value.data + body.size, value.size - body.size);
        }
}

static void give_table(char table, struct harm harm)
{
        struct run_key from = run_key_of(table), to = run_key_after(&from);
        stet_why why = { "" };
        cr_assert_eq(store_scan(kept.runs.store, run_key_bytes(&from), run_key_bytes(&to), false, give_entry,
                                &harm, &why),
                     0, "%s", why.text);
}

static void give_store(struct harm harm)
{
        for (const char *table = "abekmnopqrstuwz"; *table; table++)
                give_table(*table, harm);
}

static const struct harm none = { ALL, 0, false };

static struct harm without(uint64_t lsn)
{
        return (struct harm){ lsn, -1, false };
}

/* --- what is recovered --- */

static void tell(void *ctx, uint64_t run, const char *sentence)
{
        (void)ctx;
        trace_write(&told, "run %llx: %s\n", (unsigned long long)run, sentence);
}

static void tell_damage(void *ctx, uint64_t lsn, uint64_t run, const char *sentence)
{
        (void)lsn;
        tell(ctx, run, sentence);
}

/* The new log is one in which every run folds. */
static uint64_t write_log(struct log_disk *disk)
{
        struct log *log = log_mem_open(disk);
        struct verify_store_options options = { .log = log, .damage = tell_damage };
        stet_why why = { "" };
        uint64_t runs;
        cr_assert_eq(recovery_write(&recovery, log, &why), 0, "%s", why.text);
        cr_assert_eq(verify_store(&options, &runs, &why), 0, "%s", why.text);
        uint64_t records = log->last_lsn;
        log_close(log);
        return records;
}

/* Of so many runs there are so many records, and these sentences about the others. */
static void expect(uint64_t runs, uint64_t records, const char *lost, int line)
{
        struct log_disk *disk = log_disk_new();
        cr_assert_eq(recovery_sort_out(&recovery, tell, NULL), runs, "line %d: %s", line, told.text);
        trace_expect(&told, lost, line);
        cr_assert_eq(write_log(disk), records, "line %d", line);
        trace_expect(&told, "", line);
        log_disk_free(disk);
}
#define EXPECT(runs, records, lost) expect(runs, records, lost, __LINE__)

/* --- claims --- */

Test(recover, nothing_is_recovered_of_nothing)
{
        EXPECT(0, 0, "");
}

Test(recover, log_alone_has_all_runs)
{
        fill_big();
        give_log(none);
        EXPECT(3, 6, "");
        cr_assert_eq(recovery.unreadable, 0);
        cr_assert_eq(recovery.last_lsn, 6);
}

Test(recover, store_alone_has_all_runs)
{
        fill_big();
        give_store(none);
        EXPECT(3, 6, "");
        cr_assert_eq(recovery.unreadable, 0);
}

Test(recover, what_is_found_twice_is_recovered_once)
{
        fill_big();
        give_log(none);
        give_store(none);
        give_log(none);
        EXPECT(3, 6, "");
}

Test(recover, what_one_has_lost_the_other_has)
{
        fill_big();
        give_log(without(3));
        give_store(without(2));
        EXPECT(3, 6, "");
}

Test(recover, run_with_a_gap_is_lost_and_the_others_are_not)
{
        fill();
        give_log(without(3));
        EXPECT(1, 2, "run 1: its records between 1 and 5 are lost\n");
}

Test(recover, run_without_its_start_is_lost)
{
        fill();
        give_log(without(1));
        EXPECT(1, 2, "run 1: its records between 0 and 3 are lost\n");
}

Test(recover, run_that_an_image_knows_further_is_lost)
{
        fill();
        give_log(without(5));
        give_table('r', none);
        EXPECT(1, 2, "run 1: its records from 4 to 5 are lost\n");
}

Test(recover, run_of_which_nothing_knows_more_ends_earlier)
{
        fill();
        give_log(without(5));
        EXPECT(2, 4, "");
}

Test(recover, run_of_which_there_is_an_image_only_is_lost)
{
        fill();
        give_table('r', none);
        EXPECT(0, 0, "run 1: all its records are lost\nrun 2: all its records are lost\n");
}

Test(recover, record_that_does_not_fit_loses_its_run)
{
        fill();
        kept_runs_step(&kept, 1, 5, 6000, &(struct event){ .type = EVENT_TIMER, .op = 77 }, NULL, 0);
        kept_runs_append(&kept);
        give_log(none);
        EXPECT(1, 2, "run 1: its record 6 does not fit\n");
}

Test(recover, removed_run_is_neither_recovered_nor_lost)
{
        fill();
        size_t offset = log_group_begin(&kept.group, RECORD_REMOVAL, 0, 0, 0, 6000);
        pack_uint(&kept.group.bytes, 2);
        log_group_end(&kept.group, offset);
        kept_runs_append(&kept);
        give_log(none);
        give_table('r', none);
        EXPECT(1, 3, "");
        cr_assert_eq(recovery.last_lsn, 6);
}

Test(recover, damaged_record_is_not_taken)
{
        fill();
        give_log((struct harm){ .lsn = 3, .piece = -1, .flip = true });
        EXPECT(1, 2, "run 1: its records between 1 and 5 are lost\n");
        cr_assert_eq(recovery.unreadable, 1);
}

Test(recover, damaged_chunk_is_not_taken)
{
        fill();
        give_store((struct harm){ .lsn = 1, .piece = 0, .flip = true });
        EXPECT(1, 2, "run 1: all its records are lost\n");
        cr_assert_eq(recovery.unreadable, 1);
}

/* Its pieces are found in the order of pages, which is any. */
Test(recover, large_record_needs_all_of_its_pieces_in_whatever_order)
{
        fill_big();
        give_log((struct harm){ .lsn = 6, .piece = 1, .flip = false });
        EXPECT(2, 5, "");
        cr_assert_gt(recovery.unreadable, 0);
        recovery_fini(&recovery);

        give_log((struct harm){ .lsn = 6, .piece = 0, .flip = false });
        give_log(none);
        EXPECT(3, 6, "");
}

Test(recover, big_value_that_is_missing_loses_the_runs_that_have_it)
{
        fill_big();
        give_table('z', none);
        give_table('r', none);
        EXPECT(2, 5, "run 6: all its records are lost\n");
        cr_assert_gt(recovery.unreadable, 0);
}

Test(recover, damaged_image_is_counted_and_the_records_are_taken)
{
        fill();
        struct run_key key = run_key_run('r', 1);
        give_log(none);
        give_entry(&(struct harm){ ALL, 0, false }, run_key_bytes(&key), bytes_str("no image"));
        EXPECT(2, 5, "");
        cr_assert_eq(recovery.unreadable, 1);
}

Test(recover, head_of_the_log_is_no_loss_and_other_entries_are)
{
        uint8_t value[LOG_HEAD_SIZE];
        size_t size = log_head_encode(value, &(struct log_head){ .epoch = 3, .first_lsn = 1 });
        recovery_take_log(&recovery, log_head_key(), bytes_of(value, size));
        cr_assert_eq(recovery.unreadable, 0);
        value[20] ^= 1;
        recovery_take_log(&recovery, log_head_key(), bytes_of(value, size));
        cr_assert_eq(recovery.unreadable, 1);
        recovery_take_log(&recovery, bytes_str("key"), bytes_str("value"));
        cr_assert_eq(recovery.unreadable, 2);
        EXPECT(0, 0, "");
}

static int take_record(void *ctx, const struct record *record)
{
        trace_write(ctx, "%llu: run %llu behind %llu\n", (unsigned long long)record->lsn,
                    (unsigned long long)record->stream, (unsigned long long)record->previous_lsn);
        return 0;
}

Test(recover, records_get_new_numbers_in_the_old_order_and_runs_keep_theirs)
{
        struct log_disk *disk = log_disk_new();
        struct trace written = { .used = 0 };
        fill_big();
        give_log(without(2));
        cr_assert_eq(recovery_sort_out(&recovery, tell, NULL), 2);
        write_log(disk);
        struct log *log = log_mem_open(disk);
        cr_assert_eq(log_read(log, 1, take_record, &written, NULL), 0);
        trace_expect(&written,
                     "1: run 1 behind 0\n"
                     "2: run 1 behind 1\n"
                     "3: run 1 behind 2\n"
                     "4: run 6 behind 0\n",
                     __LINE__);
        log_close(log);
        log_disk_free(disk);
}
