/* SPDX-License-Identifier: MIT
 *
 * What only the LMDB store does: flags and modes, files it refuses, a growing map, a full disk, a failing
 * disk.
 */
#include "wal/log_lmdb.h"

#include "tests/lib/failing_disk.h"
#include "tests/lib/lmdb_file.h"
#include "tests/lib/log_records.h"
#include "tests/lib/small_disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* --- fixture --- */

struct place {
        char *dir;
        char path[128];
};

static struct place place_new(void)
{
        struct place p = { .dir = temp_dir_new() };
        snprintf(p.path, sizeof p.path, "%s/shard-0.log", p.dir);
        return p;
}

static struct log *open_at(const char *path, enum log_level level, size_t map_bytes)
{
        struct log *log;
        stet_why why = { "" };
        struct log_lmdb_options options = { .path = path, .level = level, .map_bytes = map_bytes };
        cr_assert_eq(log_lmdb_open(&options, &log, &why), 0, "%s", why.text);
        return log;
}

static MDB_env *env_of(struct log *log)
{
        return ((struct log_lmdb *)log)->env.mdb;
}

static void assert_open_fails(const char *path, int expected, const char *words)
{
        struct log *log = NULL;
        stet_why why = { "" };
        struct log_lmdb_options options = { .path = path };
        int err = log_lmdb_open(&options, &log, &why);
        cr_assert_eq(err, expected, "%d: %s", err, why.text);
        cr_assert_not_null(strstr(why.text, words), "%s", why.text);
        cr_assert_null(log);
}

/* And the file stays as it is. */
static void assert_open_refused(const char *path, int expected, const char *words)
{
        struct buffer before = file_read(path);
        assert_open_fails(path, expected, words);
        file_assert_is(path, buffer_bytes(&before));
        buffer_fini(&before);
}

/* --- flags, modes, levels --- */

static unsigned flags_at(const char *path, enum log_level level)
{
        unsigned flags;
        struct log *log = open_at(path, level, 0);
        mdb_env_get_flags(env_of(log), &flags);
        log_close(log);
        return flags;
}

Test(log_lmdb, the_synced_level_opens_without_any_flag_that_weakens_syncing)
{
        struct place p = place_new();
        const unsigned weak = MDB_NOSYNC | MDB_NOMETASYNC | MDB_WRITEMAP | MDB_MAPASYNC;
        cr_assert_eq(flags_at(p.path, LOG_SYNC) & weak, 0);
        cr_assert_eq(flags_at(p.path, LOG_RELAXED) & weak, MDB_NOSYNC);
        cr_assert_eq(flags_at(p.path, LOG_MEMORY) & weak, MDB_NOSYNC);
        cr_assert(flags_at(p.path, LOG_SYNC) & MDB_NOTLS);
        temp_dir_free(p.dir);
}

Test(log_lmdb, every_commit_of_the_synced_level_syncs_and_the_others_only_when_asked)
{
        struct place p = place_new();
        struct log *log = open_at(p.path, LOG_SYNC, 0);
        for (int i = 0; i < 5; i++) {
                disk.syncs = 0;
                log_records_append(log, 1, 10);
                cr_assert_eq(disk.syncs, 1);
        }
        log_close(log);
        log = open_at(p.path, LOG_RELAXED, 0);
        disk.syncs = 0;
        log_records_append(log, 1, 10);
        cr_assert_eq(disk.syncs, 0);
        cr_assert_eq(log_sync(log, NULL), 0);
        cr_assert_eq(disk.syncs, 1);
        log_close(log);
        log = open_at(p.path, LOG_MEMORY, 0);
        disk.syncs = 0;
        log_records_append(log, 1, 10);
        cr_assert_eq(log_sync(log, NULL), 0);
        cr_assert_eq(disk.syncs, 0);
        log_close(log);
        temp_dir_free(p.dir);
}

Test(log_lmdb, opening_raises_the_epoch_durably)
{
        struct place p = place_new();
        log_close(open_at(p.path, LOG_SYNC, 0));
        disk.syncs = 0;
        log_close(open_at(p.path, LOG_RELAXED, 0));
        cr_assert_geq(disk.syncs, 1);
        disk.fdatasync_errno = EIO;
        assert_open_fails(p.path, STET_EIO, "outcome is unknown");
        disk.fdatasync_errno = 0;
        temp_dir_free(p.dir);
}

Test(log_lmdb, files_are_for_their_owner_only_and_creation_leaves_no_other_file)
{
        struct place p = place_new();
        char other[160];
        struct stat st;
        log_close(open_at(p.path, LOG_SYNC, 0));
        cr_assert_eq(stat(p.path, &st), 0);
        cr_assert_eq(st.st_mode & 0777, 0600);
        snprintf(other, sizeof other, "%s-lock", p.path);
        cr_assert_eq(stat(other, &st), 0);
        cr_assert_eq(st.st_mode & 0777, 0600);
        snprintf(other, sizeof other, "%s.new", p.path);
        cr_assert_neq(stat(other, &st), 0);
        temp_dir_free(p.dir);
}

Test(log_lmdb, a_creation_that_was_cut_short_is_done_again)
{
        struct place p = place_new();
        char half[160];
        snprintf(half, sizeof half, "%s.new", p.path);
        file_write(half, bytes_str("half of a log"));
        struct log *log = open_at(p.path, LOG_SYNC, 0);
        log_records_append(log, 5, 10);
        log_close(log);
        temp_dir_free(p.dir);
}

/* --- a log that begins anywhere --- */

static void create_at(const char *path, uint64_t lsn, uint32_t crc)
{
        stet_why why = { "" };
        cr_assert_eq(log_lmdb_create_at(path, lsn, crc, &why), 0, "%s", why.text);
}

Test(log_lmdb, a_log_can_begin_with_any_record_behind_any_other)
{
        static const uint64_t lsns[] = { 1, 2, 1000, UINT64_C(1) << 50 };
        for (size_t i = 0; i < sizeof lsns / sizeof lsns[0]; i++) {
                struct place p = place_new();
                uint32_t crc = lsns[i] == 1 ? 0 : 0xdecade;
                create_at(p.path, lsns[i], crc);
                for (int opening = 0; opening < 2; opening++) { /* empty, it survives one as well */
                        struct log *log = open_at(p.path, LOG_SYNC, 0);
                        cr_assert_eq(log->first_lsn, lsns[i]);
                        cr_assert_eq(log->last_lsn, lsns[i] - 1);
                        cr_assert_eq(log->last_crc, crc);
                        cr_assert_eq(log_records_count(log), 0);
                        log_close(log);
                }
                struct log *log = open_at(p.path, LOG_SYNC, 0);
                log_records_append(log, 10, 100);
                log_trim(log, lsns[i] + 5);
                log_records_append(log, 1000, 100);
                log_close(log);
                log = open_at(p.path, LOG_SYNC, 0);
                cr_assert_eq(log->first_lsn, lsns[i] + 5);
                cr_assert_eq(log->last_lsn, lsns[i] + 1009);
                cr_assert_eq(log_records_count(log), 1005);
                log_close(log);
                temp_dir_free(p.dir);
        }
}

Test(log_lmdb, the_first_record_of_a_log_that_begins_later_must_continue_the_one_before)
{
        struct place p = place_new();
        create_at(p.path, 1000, 0xdecade);
        struct log *log = open_at(p.path, LOG_SYNC, 0);
        struct log_group g = { 0 };
        stet_why why;
        log_group_reset(&g, 999, 0xdecadf);
        records_put(&g, 10);
        cr_assert_eq(log_append(log, log->epoch, &g, &why), STET_EINVAL);
        log_group_reset(&g, 999, 0xdecade);
        records_put(&g, 10);
        cr_assert_eq(log_append(log, log->epoch, &g, &why), 0, "%s", why.text);
        log_group_fini(&g);
        log_close(log);
        temp_dir_free(p.dir);
}

Test(log_lmdb, a_log_is_made_anywhere_only_where_there_is_none)
{
        struct place p = place_new();
        stet_why why;
        cr_assert_eq(log_lmdb_create_at(p.path, 0, 0, &why), STET_EINVAL);
        cr_assert_eq(log_lmdb_create_at(p.path, 1, 5, &why), STET_EINVAL);
        cr_assert_neq(access(p.path, F_OK), 0);
        struct log *log = open_at(p.path, LOG_SYNC, 0);
        log_records_append(log, 3, 10);
        log_close(log);
        cr_assert_eq(log_lmdb_create_at(p.path, 1000, 5, &why), STET_EEXISTS);
        cr_assert_not_null(strstr(why.text, p.path), "%s", why.text);
        log = open_at(p.path, LOG_SYNC, 0);
        cr_assert_eq(log_records_count(log), 3);
        log_close(log);
        temp_dir_free(p.dir);
}

static int put_head(struct env_lmdb *env, MDB_txn *txn, void *arg, stet_why *why)
{
        struct log_head head = { .epoch = 1, .origin_lsn = 999, .first_lsn = *(const uint64_t *)arg };
        return log_lmdb_head_put(env, txn, &head, why);
}

Test(log_lmdb, a_beginning_that_does_not_fit_the_records_is_refused)
{
        static const uint64_t first[] = { 0, 999, 1001 };
        for (size_t i = 0; i < sizeof first / sizeof first[0]; i++) {
                struct place p = place_new();
                struct env_lmdb env;
                uint64_t lsn = first[i];
                create_at(p.path, 1000, 0xdecade);
                cr_assert_eq(env_lmdb_open(&env, p.path, MDB_NOLOCK, 1 << 20, NULL), 0);
                cr_assert_eq(env_lmdb_write(&env, put_head, &lsn, NULL), 0);
                env_lmdb_close(&env);
                assert_open_refused(p.path, STET_ECORRUPT, "it should begin with record");
                struct log_verify_report report;
                cr_assert_eq(log_lmdb_verify(p.path, NULL, NULL, NULL, &report, NULL), STET_ECORRUPT);
                cr_assert_eq(report.damaged, 1);
                temp_dir_free(p.dir);
        }
}

/* --- files it refuses --- */

static void assert_foreign(const char *path)
{
        assert_open_refused(path, STET_EFORMAT, "not an LMDB file");
}

Test(log_lmdb, foreign_files_are_refused_and_stay_as_they_are)
{
        struct place p = place_new();
        file_each_foreign(p.path, assert_foreign);
        temp_dir_free(p.dir);
}

Test(log_lmdb, another_programs_lmdb_file_is_refused_and_stays_as_it_is)
{
        struct place p = place_new();
        char lock[160];
        lmdb_make_foreign(p.path);
        assert_open_refused(p.path, STET_EFORMAT, "not a stet log");
        snprintf(lock, sizeof lock, "%s-lock", p.path);
        cr_assert_neq(access(lock, F_OK), 0);
        temp_dir_free(p.dir);
}

Test(log_lmdb, a_newer_format_is_refused_and_the_file_stays_as_it_is)
{
        struct place p = place_new();
        log_close(open_at(p.path, LOG_SYNC, 0));
        file_flip_behind(p.path, "stet log", 8,
                         1 ^ (LOG_FORMAT + 1)); /* a log from its beginning has format 1 */
        assert_open_refused(p.path, STET_ENEWER, "its format is 3");
        temp_dir_free(p.dir);
}

static void assert_cut(const char *path, size_t size)
{
        struct log *log;
        stet_why why = { "" };
        int err = log_lmdb_open(&(struct log_lmdb_options){ .path = path }, &log, &why);
        cr_assert(err == STET_ECORRUPT || (err == STET_EFORMAT && size < 200), "%zu: %s", size, why.text);
}

Test(log_lmdb, a_cut_file_is_refused_at_every_length)
{
        struct place p = place_new();
        struct log *log = open_at(p.path, LOG_SYNC, 0);
        for (int i = 0; i < 20; i++)
                log_records_append(log, 50, 100);
        log_close(log);
        file_each_cut(p.path, assert_cut);
        log = open_at(p.path, LOG_SYNC, 0);
        cr_assert_eq(log_records_count(log), 1000);
        log_close(log);
        temp_dir_free(p.dir);
}

Test(log_lmdb, a_newest_transaction_that_is_not_in_the_file_is_noticed)
{
        struct place p = place_new();
        struct log *log = open_at(p.path, LOG_SYNC, 0);
        log_records_append(log, 10, 10);
        struct buffer before = file_read(p.path);
        log_records_append(log, 10, 10);
        log_close(log);
        lmdb_tear_newest(p.path, &before);
        assert_open_refused(p.path, STET_ECORRUPT, "a write was torn or lost");
        buffer_fini(&before);
        temp_dir_free(p.dir);
}

/* Set back, the newer meta page would be the older one, and the last commit would be gone in silence. */
Test(log_lmdb, a_meta_page_whose_number_was_set_back_is_noticed)
{
        static const char *const words[] = { "transaction", "its transactions are numbered" };
        struct place p = place_new();
        struct log *log = open_at(p.path, LOG_SYNC, 0);
        log_records_append(log, 100, 100);
        log_records_append(log, 100, 100);
        log_records_append(log, 100, 100);
        log_close(log);
        struct buffer file = file_read(p.path);
        uint8_t *number = file.data + newest_meta(&file) + META_NUMBER_AT;
        for (size_t i = 0; i < 2; i++) { /* that page becomes the older one with the first round */
                le64_put(number, le64_get(number) - 2);
                file_write(p.path, buffer_bytes(&file));
                assert_open_refused(p.path, STET_ECORRUPT, "has a damaged meta page");
                assert_open_refused(p.path, STET_ECORRUPT, words[i]);
        }
        buffer_fini(&file);
        temp_dir_free(p.dir);
}

static void flip_record(const char *path, uint64_t lsn, size_t at)
{
        struct buffer file = file_read(path);
        uint8_t lsn_bytes[8];
        size_t changed = 0;
        le64_put(lsn_bytes, lsn);
        for (size_t i = 16; i + RECORD_HEADER_SIZE <= file.size; i++)
                if (file.data[i - 4] == RECORD_TRANSITION && file.data[i - 3] == 3 &&
                    memcmp(file.data + i, lsn_bytes, 8) == 0) {
                        file.data[i - 16 + at] ^= 4;
                        changed++;
                }
        cr_assert_gt(changed, 0);
        file_write(path, buffer_bytes(&file));
        buffer_fini(&file);
}

Test(log_lmdb, a_damaged_record_ends_the_reading_with_its_lsn_and_stream)
{
        struct place p = place_new();
        struct log *log = open_at(p.path, LOG_SYNC, 0);
        log_records_append(log, 100, 10);
        log_records_append(log, 100, 10);
        log_close(log);
        flip_record(p.path, 50, 50);
        log = open_at(p.path, LOG_SYNC, 0);
        uint64_t count = 0;
        stet_why why;
        cr_assert_eq(log_read(log, 1, log_records_visit, &count, &why), STET_ECORRUPT);
        cr_assert_eq(count, 49);
        char words[64];
        snprintf(words, sizeof words, "record 50 of stream %lu is damaged",
                 (unsigned long)records_stream(50));
        cr_assert_not_null(strstr(why.text, words), "%s", why.text);
        log_close(log);
        temp_dir_free(p.dir);
}

static void delete_block(struct log *log, uint64_t lsn)
{
        uint8_t key[BLOCK_KEY_SIZE];
        const struct bytes block = bytes_of(key, sizeof key);
        block_key_encode(key, lsn, 0);
        lmdb_change_within(env_of(log), lmdb_remove, &block);
}

Test(log_lmdb, a_missing_block_ends_the_reading_wherever_it_starts)
{
        struct place p = place_new();
        struct log *log = open_at(p.path, LOG_SYNC, 0);
        for (int i = 0; i < 5; i++)
                log_records_append(log, 10, 10);
        delete_block(log, 21);
        for (uint64_t from = 1; from <= 30; from++) {
                uint64_t count = 0;
                char words[64];
                stet_why why;
                cr_assert_eq(log_read(log, from, log_records_visit, &count, &why), STET_ECORRUPT, "from %lu",
                             (unsigned long)from);
                cr_assert_eq(count, from < 21 ? 21 - from : 0);
                snprintf(words, sizeof words, "record %lu (stream unknown)",
                         (unsigned long)(from < 21 ? 21 : from));
                cr_assert_not_null(strstr(why.text, words), "%s", why.text);
        }
        log_close(log);
        temp_dir_free(p.dir);
}

Test(log_lmdb, a_damaged_end_is_refused_when_the_log_is_opened)
{
        struct place p = place_new();
        struct log *log = open_at(p.path, LOG_SYNC, 0);
        log_records_append(log, 100, 10);
        log_close(log);
        flip_record(p.path, 100, 50);
        assert_open_refused(p.path, STET_ECORRUPT, "record 100 of stream");
        temp_dir_free(p.dir);
}

/* --- trimming --- */

static uint64_t first_block(struct log *log)
{
        struct env_lmdb *env = &((struct log_lmdb *)log)->env;
        MDB_txn *txn;
        MDB_cursor *cursor;
        MDB_val key, value;
        cr_assert_eq(mdb_txn_begin(env->mdb, NULL, MDB_RDONLY, &txn), 0);
        cr_assert_eq(mdb_cursor_open(txn, env->dbi, &cursor), 0);
        cr_assert_eq(mdb_cursor_get(cursor, &key, &value, MDB_FIRST), 0); /* the head */
        cr_assert_eq(mdb_cursor_get(cursor, &key, &value, MDB_NEXT), 0);
        uint64_t lsn = be64_get(key.mv_data);
        mdb_cursor_close(cursor);
        mdb_txn_abort(txn);
        return lsn;
}

static void trim_to(struct log *log, uint64_t to_lsn)
{
        log_trim(log, to_lsn);
        for (int i = 0; log->first_lsn < to_lsn; i++) {
                cr_assert_lt(i, 2000);
                log_records_append(log, 1, 10);
        }
}

Test(log_lmdb, a_block_goes_as_soon_as_all_of_its_records_may)
{
        struct place p = place_new();
        struct log *log = open_at(p.path, LOG_MEMORY, 0);
        for (int i = 0; i < 5; i++)
                log_records_append(log, 10, 10);
        log_records_append(log, 1, 10000); /* in 3 pieces */
        log_records_append(log, 1, 10000);
        log_records_append(log, 10, 10);
        cr_assert_eq(lmdb_entries_count(env_of(log)), 1 + 5 + 3 + 3 + 1); /* and the head */
        static const struct {
                uint64_t to_lsn;
                uint64_t first_block;
        } steps[] = { { 10, 1 }, { 11, 11 }, { 12, 11 }, { 40, 31 }, { 51, 51 }, { 52, 52 }, { 53, 53 } };
        for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
                trim_to(log, steps[i].to_lsn);
                cr_assert_eq(first_block(log), steps[i].first_block, "step %zu", i);
                cr_assert_eq(log_records_count(log), log->last_lsn + 1 - steps[i].to_lsn);
        }
        log_close(log);
        temp_dir_free(p.dir);
}

Test(log_lmdb, lone_records_seldom_trim_and_a_long_log_becomes_a_short_one_all_the_same)
{
        struct place p = place_new();
        struct log *log = open_at(p.path, LOG_MEMORY, 0);
        for (int i = 0; i < 10000; i++)
                log_records_append(log, 1, 10);
        log_trim(log, 9999);
        unsigned trimmed = 0, appends = 0;
        while (log->first_lsn < 9999) {
                size_t before = lmdb_entries_count(env_of(log));
                uint64_t first_lsn = log->first_lsn;
                log_records_append(log, 1, 10);
                cr_assert_geq(lmdb_entries_count(env_of(log)) + 2 * 1025, before + 1);
                trimmed += log->first_lsn > first_lsn;
                appends++;
        }
        cr_assert_lt(appends, 6000);
        cr_assert_leq(trimmed, appends / 1024 + 1);
        cr_assert_eq(lmdb_entries_count(env_of(log)), 3 + appends);
        log_close(log);
        temp_dir_free(p.dir);
}

Test(log_lmdb, a_log_that_is_never_open_for_long_is_trimmed_all_the_same)
{
        struct place p = place_new();
        for (int opening = 0; opening < 50; opening++) {
                struct log *log = open_at(p.path, LOG_MEMORY, 0);
                for (int i = 0; i < 20; i++)
                        log_records_append(log, 1, 10);
                log_trim(log, log->last_lsn);
                log_records_append(log, 1, 10);
                cr_assert_leq(lmdb_entries_count(env_of(log)), 1 + 2, "opening %d", opening);
                log_close(log);
        }
        temp_dir_free(p.dir);
}

Test(log_lmdb, a_large_group_deletes_more_but_never_without_bound)
{
        struct place p = place_new();
        struct log *log = open_at(p.path, LOG_MEMORY, 0);
        for (int i = 0; i < 12000; i++)
                log_records_append(log, 1, 10);
        size_t before = lmdb_entries_count(env_of(log));
        log_trim(log, 12000);
        log_records_append(log, 1000, 2100); /* one record a block */
        cr_assert_eq(log->first_lsn, 1 + 2 * (1000 + 1024));
        cr_assert_eq(lmdb_entries_count(env_of(log)), before + 1000 - 2 * (1000 + 1024));
        log_records_append(log, 3000, 2100);
        cr_assert_eq(lmdb_entries_count(env_of(log)), before + 4000 - 2 * (1000 + 1024) - 4096);
        cr_assert_eq(log_records_count(log), log->last_lsn + 1 - log->first_lsn);
        log_close(log);
        temp_dir_free(p.dir);
}

Test(log_lmdb, a_log_that_has_its_size_takes_no_more_pages_of_the_disk)
{
        struct place p = place_new();
        struct log *log = open_at(p.path, LOG_MEMORY, 0);
        struct log_verify_report report;
        stet_why why = { "" };
        uint64_t early = 0;
        for (uint32_t i = 0; i < 3000; i++) {
                log_records_append(log, i % 3 ? 1 : i % 400, 336);
                if (i % 50 == 0 && log->last_lsn > 5000)
                        log_trim(log, log->last_lsn - 5000);
                if (i == 600)
                        early = log->stats.disk_bytes;
        }
        cr_assert_gt(log->last_lsn, 100000);
        cr_assert_leq(log->stats.disk_bytes, early + early / 10);
        log_close(log);
        cr_assert_eq(log_lmdb_verify(p.path, NULL, NULL, NULL, &report, &why), 0, "%s", why.text);
        cr_assert_geq(report.records, 5000);
        cr_assert_leq(report.records, 20000);
        temp_dir_free(p.dir);
}

/* --- the map --- */

Test(log_lmdb, the_map_grows_by_itself_far_beyond_its_first_size)
{
        struct place p = place_new();
        struct log *log = open_at(p.path, LOG_MEMORY, 1);
        for (int i = 0; i < 10; i++)
                log_records_append(log, 1000, 1000);
        log_records_append(log, 1, RECORD_BODY_MAX);
        cr_assert_eq(log_records_count(log), 10001);
        cr_assert_gt(log->stats.disk_bytes, 26u << 20);
        log_close(log);
        log = open_at(p.path, LOG_SYNC, 1); /* smaller than the file */
        log_records_append(log, 1000, 1000);
        cr_assert_eq(log_records_count(log), 11001);
        log_close(log);
        temp_dir_free(p.dir);
}

static struct log *open_and_grow_elsewhere(const struct place *p)
{
        struct log *log = open_at(p->path, LOG_SYNC, 1 << 16);
        log_records_append(log, 10, 10);
        pid_t pid = fork();
        if (pid == 0) {
                struct log *newer = open_at(p->path, LOG_MEMORY, 1 << 16);
                log_records_append(newer, 3000, 1000);
                log_close(newer);
                _exit(0);
        }
        cr_assert_eq(child_exit_code(pid), 0);
        return log;
}

Test(log_lmdb, a_reader_adopts_the_map_that_another_process_grew)
{
        struct place p = place_new();
        struct log *log = open_and_grow_elsewhere(&p);
        cr_assert_eq(log_records_count(log), 3010);
        log_close(log);
        temp_dir_free(p.dir);
}

Test(log_lmdb, a_writer_adopts_the_map_that_another_process_grew_and_hears_that_it_is_fenced)
{
        struct place p = place_new();
        struct log *log = open_and_grow_elsewhere(&p);
        stet_why why = { "" };
        cr_assert_eq(log_records_try(log, 1, 10, &why), STET_EFENCED, "%s", why.text);
        log_close(log);
        temp_dir_free(p.dir);
}

/* --- a full disk --- */

static int no_space(char *dir)
{
        struct log *log;
        stet_why why;
        char path[160];
        snprintf(path, sizeof path, "%s/shard-0.log", dir);
        if (log_lmdb_open(&(struct log_lmdb_options){ .path = path }, &log, &why))
                return 1;
        int err;
        while (!(err = log_records_try(log, 100, 1000, &why)))
                ;
        uint64_t kept = log->last_lsn;
        if (err != STET_EFULL || !strstr(why.text, "nothing was written") || kept < 1000)
                return 2;
        if (log_records_try(log, 100, 1000, &why) != STET_EFULL || log_records_count(log) != kept)
                return 3;
        if (!small_disk_grow(dir) || log_records_try(log, 100, 1000, &why))
                return 4;
        log_close(log);
        if (log_lmdb_open(&(struct log_lmdb_options){ .path = path }, &log, &why))
                return 5;
        return log_records_count(log) == kept + 100 && log->last_lsn == kept + 100 ? 0 : 6;
}

static int room_by_trimming(char *dir)
{
        struct log *log;
        stet_why why;
        char path[160];
        snprintf(path, sizeof path, "%s/shard-0.log", dir);
        if (log_lmdb_open(&(struct log_lmdb_options){ .path = path }, &log, &why))
                return 1;
        while (!log_records_try(log, 100, 1000, &why))
                ;
        for (int round = 0; round < 20; round++) {
                uint64_t last_lsn = log->last_lsn;
                log_trim(log, last_lsn - 100);
                int err, tries = 0;
                while ((err = log_records_try(log, 100, 1000, &why)) == STET_EFULL && tries < 10)
                        tries++;
                if (err)
                        return 2;
                while (!log_records_try(log, 100, 1000, &why))
                        ;
                if (log->last_lsn < last_lsn + 1000 || log->first_lsn != last_lsn - 100)
                        return 3;
        }
        log_close(log);
        if (log_lmdb_open(&(struct log_lmdb_options){ .path = path }, &log, &why))
                return 5;
        return log_records_count(log) == log->last_lsn + 1 - log->first_lsn ? 0 : 6;
}

Test(log_lmdb, a_full_disk_loses_nothing_and_goes_on_when_there_is_room)
{
        small_disk_try(no_space);
}

Test(log_lmdb, a_full_disk_has_room_again_once_the_log_may_be_trimmed)
{
        small_disk_try(room_by_trimming);
}

Test(log_lmdb, no_space_for_the_pages_is_full_and_retriable)
{
        static const int numbers[] = { ENOSPC, EDQUOT, EFBIG };
        struct place p = place_new();
        struct log *log = open_at(p.path, LOG_SYNC, 0);
        for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
                stet_why why = { "" };
                disk.data_errno = numbers[i];
                cr_assert_eq(log_records_try(log, 500, 100, &why), STET_EFULL, "%s", why.text);
                cr_assert_eq(log_records_try(log, 1, 100, &why), STET_EFULL, "%s", why.text);
                disk.data_errno = 0;
                log_records_append(log, 500, 100);
        }
        cr_assert_eq(log_records_count(log), 1500);
        log_close(log);
        temp_dir_free(p.dir);
}

/* --- a failing disk --- */

static void assert_stopped_until_reopened(const char *path, struct log *log, uint64_t kept_min,
                                          uint64_t kept_max)
{
        stet_why why = { "" };
        cr_assert_eq(log_records_try(log, 1, 100, &why), STET_EIO);
        cr_assert_not_null(strstr(why.text, "until the log is opened again"), "%s", why.text);
        cr_assert_eq(log_sync(log, &why), STET_EIO);
        log_close(log);
        log = open_at(path, LOG_SYNC, 0);
        uint64_t count = log_records_count(log);
        cr_assert(count >= kept_min && count <= kept_max, "%lu records", (unsigned long)count);
        log_records_append(log, 10, 10);
        cr_assert_eq(log_records_count(log), count + 10);
        log_close(log);
}

static void assert_append_stops_the_log(int fdatasync_errno, int data_errno, int meta_errno,
                                        uint64_t kept_max)
{
        struct place p = place_new();
        struct log *log = open_at(p.path, LOG_SYNC, 0);
        stet_why why = { "" };
        log_records_append(log, 10, 10);
        disk_fail(fdatasync_errno, data_errno, meta_errno);
        cr_assert_eq(log_records_try(log, 5, 100, &why), STET_EIO);
        cr_assert_not_null(strstr(why.text, "outcome is unknown"), "%s", why.text);
        disk_fail(0, 0, 0);
        assert_stopped_until_reopened(p.path, log, 10, kept_max);
        temp_dir_free(p.dir);
}

Test(log_lmdb, a_failed_sync_stops_the_log)
{
        assert_append_stops_the_log(EIO, 0, 0, 15);
}

Test(log_lmdb, a_failed_write_of_the_pages_stops_the_log)
{
        assert_append_stops_the_log(0, EIO, 0, 10);
}

Test(log_lmdb, a_failed_write_of_the_meta_page_stops_the_log_even_for_lack_of_space)
{
        assert_append_stops_the_log(0, 0, EIO, 15);
        assert_append_stops_the_log(0, 0, ENOSPC, 15);
}

Test(log_lmdb, a_failed_sync_of_the_relaxed_level_stops_the_log)
{
        struct place p = place_new();
        struct log *log = open_at(p.path, LOG_RELAXED, 0);
        stet_why why = { "" };
        log_records_append(log, 10, 10);
        disk.fdatasync_errno = EIO;
        cr_assert_eq(log_sync(log, &why), STET_EIO);
        cr_assert_not_null(strstr(why.text, "outcome is unknown"), "%s", why.text);
        disk.fdatasync_errno = 0;
        assert_stopped_until_reopened(p.path, log, 0, 10);
        temp_dir_free(p.dir);
}

/* --- killed at any moment --- */

static void append_for_ever(const char *path, int acknowledged_fd)
{
        struct log *log = open_at(path, LOG_SYNC, 1 << 16);
        for (uint32_t i = 0;; i++) {
                log_records_append(log, 1 + i % 20, 200);
                if (i % 8 == 7)
                        log_trim(log, log->last_lsn - 50);
                cr_assert_eq(write(acknowledged_fd, &log->last_lsn, sizeof log->last_lsn),
                             sizeof log->last_lsn);
        }
}

Test(log_lmdb, what_was_acknowledged_is_there_after_a_kill_at_any_moment)
{
        struct place p = place_new();
        for (int round = 0; round < 20; round++) {
                uint64_t lsn = child_killed_after(5 + 3 * round, append_for_ever, p.path);
                struct log *log = open_at(p.path, LOG_SYNC, 0);
                cr_assert_geq(log->last_lsn, lsn);
                cr_assert_eq(log_records_count(log), log->last_lsn + 1 - log->first_lsn);
                log_close(log);
        }
        temp_dir_free(p.dir);
}
