/* SPDX-License-Identifier: MIT
 *
 * What is damaged at random is verified in a child (damage.h); what is damaged on purpose, here.
 */
#include "wal/log_lmdb.h"

#include "tests/lib/damage.h"
#include "tests/lib/records.h"
#include "tests/lib/temp_dir.h"
#include "wal/meta_lmdb.h"
#include "wal/record_layout.h"

#include <stdio.h>
#include <stdlib.h>

/* --- fixture --- */

struct sample {
        char *dir;
        char path[128];
        char damaged_path[128];
        struct buffer file;
        struct buffer records; /* all of them, encoded */
        uint64_t last_lsn;
};

static void append(struct log *log, uint32_t count, size_t body_size, struct buffer *all)
{
        struct log_group g = { 0 };
        stet_why why = { "" };
        log_group_reset(&g, log->last_lsn, log->last_crc);
        while (g.count < count)
                records_put(&g, body_size);
        cr_assert_eq(log_append(log, log->epoch, &g, &why), 0, "%s", why.text);
        buffer_append(all, g.bytes.data, g.bytes.size);
        log_group_fini(&g);
}

/* A log of some thousand records, of many commits of different sizes; two records are cut into pieces. */
static struct sample sample_new(void)
{
        struct sample s = { .dir = temp_dir_new() };
        struct log *log;
        snprintf(s.path, sizeof s.path, "%s/shard-0.log", s.dir);
        snprintf(s.damaged_path, sizeof s.damaged_path, "%s/damaged.log", s.dir);
        struct log_lmdb_options options = { .path = s.path, .level = LOG_MEMORY };
        cr_assert_eq(log_lmdb_open(&options, &log, NULL), 0);
        for (uint32_t i = 0; i < 60; i++) {
                append(log, 1 + i * 7 % 130, 40 + i, &s.records);
                if (i % 30 == 20)
                        append(log, 1, 9000, &s.records);
        }
        s.last_lsn = log->last_lsn;
        log_close(log);
        s.file = file_read(s.path);
        return s;
}

static void sample_free(struct sample *s)
{
        buffer_fini(&s->file);
        buffer_fini(&s->records);
        temp_dir_free(s->dir);
}

struct damages {
        uint64_t count;
        uint64_t lsn[16];
        uint64_t stream[16];
        char text[16][256];
};

static void note_damage(void *ctx, uint64_t lsn, uint64_t stream, const char *sentence)
{
        struct damages *d = ctx;
        if (d->count < 16) {
                d->lsn[d->count] = lsn;
                d->stream[d->count] = stream;
                snprintf(d->text[d->count], sizeof d->text[0], "%s", sentence);
        }
        d->count++;
}

static int verify(const char *path, struct damages *damages, struct log_verify_report *report)
{
        *damages = (struct damages){ 0 };
        stet_why why;
        return log_lmdb_verify(path, note_damage, NULL, damages, report, &why);
}

/* Where that record's header lies in the file; it is not cut. */
static size_t find_record(const struct buffer *file, uint64_t lsn)
{
        for (size_t at = 0; at + RECORD_HEADER_SIZE <= file->size; at++) {
                struct record r;
                size_t size;
                if (record_lsn(file->data + at) == lsn &&
                    !record_decode(bytes_of(file->data + at, file->size - at), &r, &size))
                        return at;
        }
        cr_assert_fail("record %lu is not in the file", (unsigned long)lsn);
        return 0;
}

/* --- sound logs --- */

static void count_call(void *ctx, uint64_t lsn)
{
        (void)lsn;
        ++*(unsigned *)ctx;
}

Test(log_verify, a_sound_log_is_whole)
{
        struct sample s = sample_new();
        struct log_verify_report report;
        struct damages damages;
        cr_assert_eq(verify(s.path, &damages, &report), 0, "%s", damages.text[0]);
        cr_assert_eq(report.damaged, 0);
        cr_assert_eq(report.records, s.last_lsn);
        cr_assert_eq(report.first_lsn, 1);
        cr_assert_eq(report.last_lsn, s.last_lsn);
        sample_free(&s);
}

Test(log_verify, changes_nothing_and_needs_no_right_to_write)
{
        struct sample s = sample_new();
        struct log_verify_report report;
        struct damages damages;
        char lock[160];
        file_write(s.damaged_path, buffer_bytes(&s.file));
        cr_assert_eq(verify(s.damaged_path, &damages, &report), 0);
        file_assert_is(s.damaged_path, buffer_bytes(&s.file));
        snprintf(lock, sizeof lock, "%s-lock", s.damaged_path);
        cr_assert_neq(access(lock, F_OK), 0);
        sample_free(&s);
}

static int put_another_origin(struct env_lmdb *env, MDB_txn *txn, void *arg, stet_why *why)
{
        struct log_head head;
        int err = log_lmdb_head(env, txn, &head, why);
        (void)arg;
        head.origin_crc ^= 1;
        return err ? err : log_lmdb_head_put(env, txn, &head, why);
}

static void change_origin(const char *path)
{
        struct env_lmdb env;
        cr_assert_eq(env_lmdb_open(&env, path, MDB_NOLOCK, 1 << 20, NULL), 0);
        cr_assert_eq(env_lmdb_write(&env, put_another_origin, NULL, NULL), 0);
        env_lmdb_close(&env);
}

static int put_first_lsn(struct env_lmdb *env, MDB_txn *txn, void *arg, stet_why *why)
{
        struct log_head head;
        int err = log_lmdb_head(env, txn, &head, why);
        head.first_lsn = *(const uint64_t *)arg;
        return err ? err : log_lmdb_head_put(env, txn, &head, why);
}

Test(log_verify, empty_trimmed_and_wholly_trimmed_logs_are_whole)
{
        struct sample s = sample_new();
        struct log *log;
        struct log_verify_report report;
        struct damages damages;
        struct log_lmdb_options options = { .path = s.damaged_path };
        cr_assert_eq(log_lmdb_open(&options, &log, NULL), 0);
        log_close(log);
        cr_assert_eq(verify(s.damaged_path, &damages, &report), 0, "%s", damages.text[0]);
        cr_assert_eq(report.records, 0);
        options.path = s.path;
        const uint64_t to[] = { 2, 777, s.last_lsn };
        for (size_t i = 0; i < sizeof to / sizeof to[0]; i++) {
                cr_assert_eq(log_lmdb_open(&options, &log, NULL), 0);
                log_trim(log, to[i]);
                for (int n = 0; log->first_lsn < to[i]; n++) {
                        cr_assert_lt(n, 100);
                        append(log, 1000, 100, &s.records);
                }
                s.last_lsn = log->last_lsn;
                log_close(log);
                cr_assert_eq(verify(s.path, &damages, &report), 0, "%s", damages.text[0]);
                cr_assert_eq(report.first_lsn, to[i]);
                cr_assert_eq(report.records, s.last_lsn + 1 - to[i]);
        }
        uint64_t end = s.last_lsn + 1;
        struct env_lmdb env;
        cr_assert_eq(env_lmdb_open(&env, s.path, MDB_NOLOCK, 1 << 20, NULL), 0);
        cr_assert_eq(env_lmdb_write(&env, put_first_lsn, &end, NULL), 0);
        env_lmdb_close(&env);
        cr_assert_eq(verify(s.path, &damages, &report), 0, "%s", damages.text[0]);
        cr_assert_eq(report.records, 0);
        cr_assert_eq(log_lmdb_open(&options, &log, NULL), 0);
        cr_assert_eq(log->first_lsn, end);
        cr_assert_eq(log->last_lsn, s.last_lsn);
        log_close(log);
        sample_free(&s);
}

Test(log_verify, a_log_that_begins_later_is_whole_and_its_first_record_is_checked_against_the_one_before)
{
        struct sample s = sample_new();
        struct log *log;
        struct log_verify_report report;
        struct damages damages;
        struct log_lmdb_options options = { .path = s.damaged_path };
        cr_assert_eq(log_lmdb_create_at(s.damaged_path, 1000, 0xdecade, NULL), 0);
        cr_assert_eq(verify(s.damaged_path, &damages, &report), 0, "%s", damages.text[0]);
        cr_assert_eq(report.records, 0);
        cr_assert_eq(log_lmdb_open(&options, &log, NULL), 0);
        append(log, 30, 10, &s.records);
        cr_assert_eq(verify(s.damaged_path, &damages, &report), 0, "%s", damages.text[0]);
        cr_assert_eq(report.records, 30);
        cr_assert_eq(report.first_lsn, 1000);
        log_close(log);
        change_origin(s.damaged_path);
        cr_assert_eq(verify(s.damaged_path, &damages, &report), STET_ECORRUPT);
        cr_assert_eq(damages.count, 1);
        cr_assert_eq(damages.lsn[0], 1000);
        cr_assert_not_null(strstr(damages.text[0], "another past"), "%s", damages.text[0]);
        sample_free(&s);
}

Test(log_verify, tells_of_its_progress)
{
        struct sample s = sample_new();
        struct log *log;
        struct log_verify_report report;
        unsigned calls = 0;
        cr_assert_eq(
            log_lmdb_open(&(struct log_lmdb_options){ .path = s.path, .level = LOG_MEMORY }, &log, NULL), 0);
        for (int i = 0; i < 3000; i++)
                append(log, 1, 10, &s.records);
        log_close(log);
        cr_assert_eq(log_lmdb_verify(s.path, NULL, count_call, &calls, &report, NULL), 0);
        cr_assert_geq(calls, 2);
        sample_free(&s);
}

/* --- what it says --- */

Test(log_verify, a_damaged_record_is_named_with_its_stream_and_the_rest_is_checked)
{
        struct sample s = sample_new();
        struct log_verify_report report;
        struct damages damages;
        s.file.data[find_record(&s.file, 500) + RECORD_HEADER_SIZE] ^= 1;
        s.file.data[find_record(&s.file, 502) + RECORD_AT_LENGTH] ^= 4; /* its end is not known any more */
        s.file.data[find_record(&s.file, 1500) + RECORD_AT_LSN] ^= 1;
        file_write(s.path, buffer_bytes(&s.file));
        cr_assert_eq(verify(s.path, &damages, &report), STET_ECORRUPT);
        cr_assert_eq(report.damaged, 3);
        cr_assert_eq(damages.count, 3);
        cr_assert_eq(damages.lsn[0], 500);
        cr_assert_eq(damages.stream[0], records_stream(500));
        cr_assert_not_null(strstr(damages.text[0], "record 500 of stream"), "%s", damages.text[0]);
        cr_assert_eq(damages.lsn[1], 502);
        cr_assert_eq(damages.lsn[2], 1500);
        cr_assert_eq(damages.stream[2], 0);
        cr_assert_eq(report.records, s.last_lsn - 3);
        cr_assert_eq(report.last_lsn, s.last_lsn);
        sample_free(&s);
}

Test(log_verify, records_that_no_other_leads_to_are_missing)
{
        struct sample s = sample_new();
        struct log_verify_report report;
        struct damages damages;
        const uint64_t lsns[] = { 502, s.last_lsn - 1 }; /* within a block, and at its end */
        for (size_t i = 0; i < 2; i++)
                for (uint64_t lsn = lsns[i]; lsn <= lsns[i] + 1; lsn++)
                        s.file.data[find_record(&s.file, lsn) + RECORD_AT_LENGTH] ^= 4;
        file_write(s.path, buffer_bytes(&s.file));
        cr_assert_eq(verify(s.path, &damages, &report), STET_ECORRUPT);
        cr_assert_eq(damages.count, 4);
        for (size_t i = 0; i < 4; i++)
                cr_assert_eq(damages.lsn[i], lsns[i / 2] + i % 2);
        cr_assert_str_eq(damages.text[1], "record 503 is missing");
        cr_assert_eq(report.records, s.last_lsn - 4);
        sample_free(&s);
}

Test(log_verify, entries_that_the_tree_does_not_lead_to_are_noticed)
{
        struct sample s = sample_new();
        struct log_verify_report report;
        struct damages damages;
        lmdb_add_entries(s.path, 1);
        cr_assert_eq(verify(s.path, &damages, &report), STET_ECORRUPT);
        cr_assert_not_null(strstr(damages.text[0], "fewer than"), "%s", damages.text[0]);
        lmdb_add_entries(s.path, -2);
        cr_assert_eq(verify(s.path, &damages, &report), STET_ECORRUPT);
        cr_assert_not_null(strstr(damages.text[0], "more than"), "%s", damages.text[0]);
        sample_free(&s);
}

Test(log_verify, a_newest_transaction_that_is_not_in_the_file_is_noticed)
{
        struct sample s = sample_new();
        struct log_verify_report report;
        struct damages damages;
        lmdb_lose_newest(s.path);
        cr_assert_eq(verify(s.path, &damages, &report), STET_ECORRUPT);
        cr_assert_not_null(strstr(damages.text[damages.count - 1], "a write was torn or lost"), "%s",
                           damages.text[damages.count - 1]);
        sample_free(&s);
}

/* The last two commits took no new page, so that only the tree tells which of them is the newer. */
Test(log_verify, a_newest_transaction_under_an_older_number_is_noticed)
{
        struct sample s = sample_new();
        struct log_verify_report report;
        struct damages damages;
        struct meta_lmdb meta = { .newest.pages = 1 };
        struct log *log;
        cr_assert_eq(
            log_lmdb_open(&(struct log_lmdb_options){ .path = s.path, .level = LOG_MEMORY }, &log, NULL), 0);
        for (int i = 0; i < 1000 && meta.newest.pages != meta.older.pages; i++) {
                append(log, 1, 10, &s.records);
                cr_assert_eq(meta_lmdb_read(s.path, &meta, NULL), 0);
        }
        log_close(log);
        cr_assert_eq(meta.newest.pages, meta.older.pages);
        cr_assert_eq(verify(s.path, &damages, &report), 0);
        lmdb_set_number_back(s.path);
        cr_assert_eq(verify(s.path, &damages, &report), STET_ECORRUPT);
        cr_assert_eq(damages.count, 1);
        cr_assert_not_null(strstr(damages.text[0], "its number is damaged"), "%s", damages.text[0]);
        sample_free(&s);
}

Test(log_verify, a_missing_block_is_named_by_its_records)
{
        struct sample s = sample_new();
        struct log_verify_report report;
        struct damages damages;
        uint8_t key[BLOCK_KEY_SIZE];
        const struct bytes block = bytes_of(key, sizeof key);
        block_key_encode(key, 2, 0);
        lmdb_change(s.path, lmdb_remove, &block); /* the second commit's: 8 records */
        cr_assert_eq(verify(s.path, &damages, &report), STET_ECORRUPT);
        cr_assert_str_eq(damages.text[0], "records 2 to 9 are missing");
        cr_assert_eq(report.records, s.last_lsn - 8);
        struct log *log = NULL;
        stet_why why;
        cr_assert_eq(log_lmdb_open(&(struct log_lmdb_options){ .path = s.path }, &log, &why), STET_ECORRUPT);
        cr_assert_null(log);
        sample_free(&s);
}

/* A record of another past: sound, with the right number, but not the one that the next continues. */
Test(log_verify, a_record_from_another_past_breaks_the_chain)
{
        struct sample s = sample_new();
        struct log_verify_report report;
        struct damages damages;
        struct log_group g = { 0 };
        size_t at = find_record(&s.file, 700);
        uint32_t length = record_length(s.file.data + at);
        log_group_reset(&g, 699, record_chain(s.file.data + at));
        size_t offset = log_group_begin(&g, RECORD_NOTE, 0, 1, 0, 0);
        memset(buffer_reserve(&g.bytes, length - RECORD_HEADER_SIZE), 'x', length - RECORD_HEADER_SIZE);
        g.bytes.size += length - RECORD_HEADER_SIZE;
        log_group_end(&g, offset);
        memcpy(s.file.data + at, g.bytes.data, length);
        file_write(s.path, buffer_bytes(&s.file));
        cr_assert_eq(verify(s.path, &damages, &report), STET_ECORRUPT);
        cr_assert_eq(damages.count, 1);
        cr_assert_eq(damages.lsn[0], 701);
        cr_assert_not_null(strstr(damages.text[0], "another past"), "%s", damages.text[0]);
        log_group_fini(&g);
        sample_free(&s);
}

Test(log_verify, files_that_are_no_logs_or_not_there_are_told_apart)
{
        struct sample s = sample_new();
        struct log_verify_report report;
        struct damages damages;
        file_write(s.damaged_path,
                   bytes_str("a text of another program, long enough to be looked at: "
                             "................................................................"
                             "................................................................"));
        cr_assert_eq(verify(s.damaged_path, &damages, &report), STET_EFORMAT);
        unlink(s.damaged_path);
        cr_assert_eq(verify(s.damaged_path, &damages, &report), STET_ENOTFOUND);
        cr_assert_eq(damages.count, 0);
        sample_free(&s);
}

/* --- any bit, any cut --- */

static void take_records(struct buffer *all, struct bytes key, struct bytes value)
{
        (void)key;
        buffer_append(all, value.data + BLOCK_HEADER_SIZE, value.size - BLOCK_HEADER_SIZE);
}

/* In a child: 0 when verify found damage, or when it found none and there is none. */
static int judge(const void *ctx)
{
        const struct sample *s = ctx;
        struct log_verify_report report;
        struct damages damages;
        if (verify(s->damaged_path, &damages, &report))
                return REPORTED;
        struct buffer all = lmdb_walk(s->damaged_path, take_records);
        bool same =
            bytes_equal(buffer_bytes(&all), buffer_bytes(&s->records)) && report.records == s->last_lsn;
        buffer_fini(&all);
        return same ? 0 : SILENT;
}

/* In a child: 0 when the log takes further records and still has those it had. */
static int judge_by_writing(const void *ctx)
{
        const struct sample *s = ctx;
        struct log_verify_report report;
        struct damages damages;
        struct log *log;
        struct log_lmdb_options options = { .path = s->damaged_path, .level = LOG_MEMORY };
        struct buffer wanted = { 0 };
        buffer_append(&wanted, s->records.data, s->records.size);
        if (log_lmdb_open(&options, &log, NULL) != 0)
                return SILENT;
        for (uint32_t i = 0; i < 20; i++)
                append(log, 1 + i * 7 % 130, 40 + i, &wanted);
        log_close(log);
        if (verify(s->damaged_path, &damages, &report))
                return SILENT;
        struct buffer all = lmdb_walk(s->damaged_path, take_records);
        bool same = bytes_equal(buffer_bytes(&all), buffer_bytes(&wanted));
        buffer_fini(&all);
        buffer_fini(&wanted);
        return same ? 0 : SILENT;
}

static struct damage damage_of(const struct sample *s)
{
        return (struct damage){ .path = s->damaged_path, .file = &s->file, .judge = judge, .ctx = s };
}

Test(log_verify, every_flipped_bit_is_found_or_changed_nothing)
{
        struct sample s = sample_new();
        struct damage d = damage_of(&s);
        cr_assert_gt(damage_flip_anywhere(&d, 20240229, 300), 150); /* most of the file is records */
        sample_free(&s);
}

Test(log_verify, every_flipped_bit_of_the_meta_pages_and_of_the_tree_is_found_or_changed_nothing)
{
        struct sample s = sample_new();
        struct damage d = damage_of(&s);
        damage_flip_meta_and_tree(&d, 1848, 300);
        sample_free(&s);
}

Test(log_verify, log_that_is_called_whole_can_be_written_to)
{
        struct sample s = sample_new();
        struct damage d = damage_of(&s);
        cr_assert_gt(damage_flip_headers(&d, 299, 300, judge_by_writing), 50);
        sample_free(&s);
}

Test(log_verify, every_cut_is_reported_without_a_crash)
{
        struct sample s = sample_new();
        struct damage d = damage_of(&s);
        damage_cut(&d, 7, 60);
        sample_free(&s);
}
