/* SPDX-License-Identifier: MIT
 *
 * What only the LMDB store does: flags and modes, files it refuses, pieces, a growing map, readers in other
 * processes, copies, a full disk, a failing disk.
 */
#include "wal/store_lmdb.h"

#include "tests/lib/failing_disk.h"
#include "tests/lib/lmdb_file.h"
#include "tests/lib/small_disk.h"
#include "tests/lib/store_place.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* --- fixture --- */

static struct store *open_reading(const char *path, bool alone)
{
        struct store *s;
        stet_why why = { "" };
        cr_assert_eq(store_lmdb_open_reading(path, alone, &s, &why), 0, "%s", why.text);
        return s;
}

/* And the file stays as it is. */
static void assert_open_refused(const char *path, int expected, const char *words)
{
        struct store *s = NULL;
        stet_why why = { "" };
        struct store_lmdb_options options = options_at(path);
        struct buffer before = file_read(path);
        int err = store_lmdb_open(&options, &s, &why);
        cr_assert_eq(err, expected, "%d: %s", err, why.text);
        cr_assert_not_null(strstr(why.text, words), "%s", why.text);
        why.text[0] = '\0';
        err = store_lmdb_open_reading(path, true, &s, &why);
        cr_assert_eq(err, expected, "%d: %s", err, why.text);
        cr_assert_not_null(strstr(why.text, words), "%s", why.text);
        cr_assert_null(s);
        file_assert_is(path, buffer_bytes(&before));
        buffer_fini(&before);
}

/* Puts `count` entries with the numbers from `from` on; the value is the round, over and over. */
static int try_commit(struct store *s, uint32_t from, uint32_t count, size_t size, unsigned round,
                      stet_why *why)
{
        struct store_batch batch = { 0 };
        uint8_t *value = xmalloc(size + 1);
        memset(value, (int)round, size);
        for (uint32_t i = from; i < from + count; i++) {
                uint8_t key[5] = { 'k', (uint8_t)(i >> 24), (uint8_t)(i >> 16), (uint8_t)(i >> 8),
                                   (uint8_t)i };
                store_put(&batch, bytes_of(key, sizeof key), bytes_of(value, size));
        }
        struct store_checkpoint to = { s->checkpoint.lsn + 1, round };
        int err = store_commit(s, &batch, to, why);
        store_batch_fini(&batch);
        free(value);
        return err;
}

static void commit(struct store *s, uint32_t from, uint32_t count, size_t size, unsigned round)
{
        stet_why why = { "" };
        cr_assert_eq(try_commit(s, from, count, size, round, &why), 0, "%s", why.text);
}

struct seen {
        uint64_t entries;
        uint64_t bytes;
        unsigned round;
        bool same_round; /* for all of them */
};

static int see(void *ctx, struct bytes key, struct bytes value)
{
        struct seen *seen = ctx;
        (void)key;
        for (size_t i = 1; i < value.size; i++)
                cr_assert(value.data[i] == value.data[0]);
        if (!seen->entries++)
                *seen = (struct seen){ .entries = 1, .round = value.data[0], .same_round = true };
        seen->same_round &= value.data[0] == seen->round;
        seen->bytes += value.size;
        return 0;
}

static struct seen see_all(struct store *s)
{
        struct seen seen = { 0 };
        stet_why why = { "" };
        cr_assert_eq(store_scan(s, bytes_str(""), bytes_str(""), false, see, &seen, &why), 0, "%s", why.text);
        return seen;
}

/* --- flags, modes, levels --- */

static unsigned flags_at(const char *path, enum log_level level)
{
        unsigned flags;
        struct store *s = open_at(path, level, 0);
        mdb_env_get_flags(env_of(s), &flags);
        store_close(s);
        return flags;
}

Test(store_lmdb, the_synced_levels_open_without_any_flag_that_weakens_syncing)
{
        struct place p = place_new();
        const unsigned weak = MDB_NOSYNC | MDB_NOMETASYNC | MDB_WRITEMAP | MDB_MAPASYNC;
        cr_assert_eq(flags_at(p.path, LOG_SYNC) & weak, 0);
        cr_assert_eq(flags_at(p.path, LOG_RELAXED) & weak, 0);
        cr_assert_eq(flags_at(p.path, LOG_MEMORY) & weak, MDB_NOSYNC);
        cr_assert(flags_at(p.path, LOG_SYNC) & MDB_NOTLS);
        temp_dir_free(p.dir);
}

Test(store_lmdb, every_commit_and_every_opening_is_synced_but_at_the_level_memory)
{
        static const enum log_level levels[] = { LOG_SYNC, LOG_RELAXED, LOG_MEMORY };
        struct place p = place_new();
        for (size_t i = 0; i < 3; i++) {
                store_close(open_at(p.path, levels[i], 0));
                disk.syncs = 0;
                struct store *s = open_at(p.path, levels[i], 0);
                cr_assert_eq(disk.syncs, levels[i] == LOG_MEMORY ? 0 : 1);
                commit(s, 0, 10, 10, 1);
                commit(s, 0, 10, 10, 2);
                cr_assert_eq(disk.syncs, levels[i] == LOG_MEMORY ? 0 : 3);
                store_close(s);
        }
        temp_dir_free(p.dir);
}

Test(store_lmdb, an_opening_whose_epoch_did_not_reach_the_disk_is_none)
{
        struct place p = place_new();
        store_close(open_at(p.path, LOG_SYNC, 0));
        struct store *s = NULL;
        struct store_lmdb_options options = options_at(p.path);
        stet_why why = { "" };
        disk.fdatasync_errno = EIO;
        cr_assert_eq(store_lmdb_open(&options, &s, &why), STET_EIO);
        cr_assert_not_null(strstr(why.text, "outcome is unknown"), "%s", why.text);
        cr_assert_null(s);
        temp_dir_free(p.dir);
}

Test(store_lmdb, files_are_for_their_owner_only_and_creation_leaves_no_other_file)
{
        struct place p = place_new();
        char half[160];
        struct stat st;
        store_close(open_at(p.path, LOG_SYNC, 0));
        cr_assert_eq(stat(p.path, &st), 0);
        cr_assert_eq(st.st_mode & 0777, 0600);
        cr_assert_eq(stat(p.lock, &st), 0);
        cr_assert_eq(st.st_mode & 0777, 0600);
        snprintf(half, sizeof half, "%s.new", p.path);
        cr_assert_neq(stat(half, &st), 0);
        temp_dir_free(p.dir);
}

Test(store_lmdb, a_missing_file_is_made_only_when_asked)
{
        struct place p = place_new();
        struct store *s = NULL;
        struct store_lmdb_options options = options_at(p.path);
        stet_why why = { "" };
        options.create = false;
        cr_assert_eq(store_lmdb_open(&options, &s, &why), STET_ENOTFOUND);
        cr_assert_not_null(strstr(why.text, p.path), "%s", why.text);
        cr_assert_eq(store_lmdb_open_reading(p.path, true, &s, NULL), STET_ENOTFOUND);
        cr_assert_eq(store_lmdb_open_reading(p.path, false, &s, NULL), STET_ENOTFOUND);
        cr_assert_null(s);
        cr_assert_neq(access(p.path, F_OK), 0);
        cr_assert_neq(access(p.lock, F_OK), 0);
        temp_dir_free(p.dir);
}

Test(store_lmdb, a_creation_that_was_cut_short_is_done_again)
{
        struct place p = place_new();
        char half[160];
        snprintf(half, sizeof half, "%s.new", p.path);
        file_write(half, bytes_str("half of a store"));
        struct store *s = open_at(p.path, LOG_SYNC, 0);
        commit(s, 0, 5, 10, 1);
        store_close(s);
        assert_whole(p.path, 5);
        temp_dir_free(p.dir);
}

/* --- files it refuses --- */

static void assert_foreign(const char *path)
{
        assert_open_refused(path, STET_EFORMAT, "not an LMDB file");
}

Test(store_lmdb, foreign_files_are_refused_and_stay_as_they_are)
{
        struct place p = place_new();
        file_each_foreign(p.path, assert_foreign);
        temp_dir_free(p.dir);
}

static void make_log(const char *path)
{
        struct log *log;
        cr_assert_eq(log_lmdb_open(&(struct log_lmdb_options){ .path = path }, &log, NULL), 0);
        log_close(log);
}

Test(store_lmdb, another_programs_lmdb_file_and_a_log_are_refused_and_stay_as_they_are)
{
        void (*const make[])(const char *path) = { lmdb_make_foreign, make_log };
        for (size_t i = 0; i < 2; i++) {
                struct place p = place_new();
                make[i](p.path);
                unlink(p.lock);
                assert_open_refused(p.path, STET_EFORMAT, "not a stet store");
                cr_assert_neq(access(p.lock, F_OK), 0);
                temp_dir_free(p.dir);
        }
}

Test(store_lmdb, a_store_is_no_log)
{
        struct place p = place_new();
        struct log *log = NULL;
        store_close(open_at(p.path, LOG_SYNC, 0));
        cr_assert_eq(log_lmdb_open(&(struct log_lmdb_options){ .path = p.path }, &log, NULL), STET_EFORMAT);
        cr_assert_null(log);
        temp_dir_free(p.dir);
}

Test(store_lmdb, a_newer_format_is_refused_and_the_file_stays_as_it_is)
{
        struct place p = place_new();
        store_close(open_at(p.path, LOG_SYNC, 0));
        file_flip_behind(p.path, "stetstor", 8, STORE_FORMAT ^ (STORE_FORMAT + 1));
        assert_open_refused(p.path, STET_ENEWER, "its format is 2");
        temp_dir_free(p.dir);
}

Test(store_lmdb, a_damaged_head_is_refused)
{
        struct place p = place_new();
        struct store *s = open_at(p.path, LOG_SYNC, 0);
        commit(s, 0, 5, 10, 1);
        store_close(s);
        for (size_t at = 12; at < STORE_HEAD_SIZE; at++) {
                file_flip_behind(p.path, "stetstor", at, 8);
                assert_open_refused(p.path, STET_ECORRUPT, "its head is damaged");
                file_flip_behind(p.path, "stetstor", at, 8);
        }
        temp_dir_free(p.dir);
}

static void assert_cut(const char *path, size_t size)
{
        struct store *s;
        struct store_lmdb_options options = options_at(path);
        stet_why why = { "" };
        int err = store_lmdb_open(&options, &s, &why);
        cr_assert(err == STET_ECORRUPT || (err == STET_EFORMAT && size < 200), "%zu: %s", size, why.text);
}

Test(store_lmdb, a_cut_file_is_refused_at_every_length)
{
        struct place p = place_new();
        struct store *s = open_at(p.path, LOG_SYNC, 0);
        for (unsigned i = 0; i < 20; i++)
                commit(s, i * 50, 50, 100, 1);
        store_close(s);
        file_each_cut(p.path, assert_cut);
        s = open_at(p.path, LOG_SYNC, 0);
        cr_assert_eq(see_all(s).entries, 1000);
        store_close(s);
        temp_dir_free(p.dir);
}

Test(store_lmdb, a_newest_transaction_that_is_not_in_the_file_is_noticed)
{
        struct place p = place_new();
        struct store *s = open_at(p.path, LOG_SYNC, 0);
        commit(s, 0, 10, 10, 1);
        struct buffer before = file_read(p.path);
        commit(s, 0, 10, 10, 2);
        store_close(s);
        lmdb_tear_newest(p.path, &before);
        assert_open_refused(p.path, STET_ECORRUPT, "a write was torn or lost");
        buffer_fini(&before);
        temp_dir_free(p.dir);
}

/* --- pieces --- */

Test(store_lmdb, a_value_that_shrinks_or_goes_leaves_no_piece_behind)
{
        static const struct {
                size_t size, pieces;
        } steps[] = { { 0, 1 },
                      { PIECE_BODY_MAX - 1, 1 },
                      { PIECE_BODY_MAX, 2 }, /* a full piece is followed by another one */
                      { 3 * PIECE_BODY_MAX + 1, 4 },
                      { 3 * PIECE_BODY_MAX, 4 },
                      { PIECE_BODY_MAX + 5, 2 },
                      { 20 * PIECE_BODY_MAX, 21 },
                      { 5, 1 } };
        struct place p = place_new();
        struct store *s = open_at(p.path, LOG_MEMORY, 0);
        struct store_batch batch = { 0 };
        for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
                commit(s, 7, 1, steps[i].size, 1);
                cr_assert_eq(lmdb_entries_count(env_of(s)), 1 + steps[i].pieces, "step %zu", i);
        }
        for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
                commit(s, 7, 1, steps[i].size, 1);
                store_remove(&batch, bytes_of((uint8_t[]){ 'k', 0, 0, 0, 7 }, 5));
                cr_assert_eq(store_commit(s, &batch, s->checkpoint, NULL), 0);
                cr_assert_eq(lmdb_entries_count(env_of(s)), 1);
        }
        store_batch_fini(&batch);
        store_close(s);
        assert_whole(p.path, 0);
        temp_dir_free(p.dir);
}

static void damage_value(MDB_txn *txn, MDB_dbi dbi, const void *arg)
{
        MDB_val key = val_of_bytes(*(const struct bytes *)arg), value = { 5, (void *)"wrong" };
        cr_assert_eq(mdb_put(txn, dbi, &key, &value, 0), 0);
}

Test(store_lmdb, a_damaged_entry_is_named_when_it_is_met_and_the_others_are_read)
{
        static const struct {
                lmdb_work *work;
                uint8_t piece;
                const char *words;
                int get_err;
        } damages[] = {
                { damage_value, 0, "the entry k\\x00\\x00\\x00\\x05 is damaged: piece 0 does not",
                  STET_ECORRUPT },
                { damage_value, 1, "piece 1 does not fit its checksum", STET_ECORRUPT },
                { lmdb_remove, 1, "piece 1 is missing", STET_ECORRUPT },
                { lmdb_remove, 2, "piece 2 is missing", STET_ECORRUPT },
                { lmdb_remove, 0, "piece 1 has none before it", STET_ENOTFOUND },
        };
        for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
                struct place p = place_new();
                struct store *s = open_at(p.path, LOG_MEMORY, 0);
                commit(s, 0, 10, 10000, 1);
                const uint8_t key[] = { 'k', 0, 0, 0, 5, 0, damages[i].piece };
                const struct bytes piece = bytes_of(key, sizeof key);
                lmdb_change_within(env_of(s), damages[i].work, &piece);
                struct buffer value = { 0 };
                stet_why why = { "" };
                cr_assert_eq(store_get(s, bytes_of("k\0\0\0\5", 5), &value, &why), damages[i].get_err);
                cr_assert_eq(value.size, 0);
                for (int backwards = 0; backwards <= 1; backwards++) {
                        struct seen seen = { 0 };
                        cr_assert_eq(store_scan(s, bytes_str(""), bytes_str(""), backwards, see, &seen, &why),
                                     STET_ECORRUPT);
                        /* Backwards, another piece of the entry is met first. */
                        const char *words =
                            backwards ? "the entry k\\x00\\x00\\x00\\x05 is damaged" : damages[i].words;
                        cr_assert_not_null(strstr(why.text, words), "%s", why.text);
                        cr_assert_not_null(strstr(why.text, p.path), "%s", why.text);
                        cr_assert_eq(seen.entries, backwards ? 4 : 5);
                }
                cr_assert_eq(store_get(s, bytes_of("k\0\0\0\6", 5), &value, &why), 0);
                cr_assert_eq(value.size, 10000);
                cr_assert_eq(store_lmdb_copy(s, p.other, NULL, NULL, &(struct store_checkpoint){ 0 }, &why),
                             STET_ECORRUPT);
                cr_assert_not_null(strstr(why.text, damages[i].words), "%s", why.text);
                cr_assert_neq(access(p.other, F_OK), 0);
                buffer_fini(&value);
                store_close(s);
                temp_dir_free(p.dir);
        }
}

/* --- the map, other processes --- */

Test(store_lmdb, the_map_grows_by_itself_far_beyond_its_first_size)
{
        struct place p = place_new();
        struct store *s = open_at(p.path, LOG_MEMORY, 1);
        for (unsigned i = 0; i < 10; i++)
                commit(s, i * 1000, 1000, 1000, 1);
        commit(s, 20000, 1, STORE_VALUE_MAX, 1);
        struct seen seen = see_all(s);
        cr_assert_eq(seen.entries, 10001);
        cr_assert_eq(seen.bytes, 10000000 + (uint64_t)STORE_VALUE_MAX);
        cr_assert_gt(s->stats.disk_bytes, 40u << 20);
        store_close(s);
        s = open_at(p.path, LOG_SYNC, 1); /* smaller than the file */
        commit(s, 30000, 1000, 1000, 1);
        store_close(s);
        assert_whole(p.path, 11001);
        temp_dir_free(p.dir);
}

Test(store_lmdb, a_writer_adopts_the_map_that_another_process_grew_and_hears_that_it_is_fenced)
{
        struct place p = place_new();
        struct store *s = open_at(p.path, LOG_SYNC, 1 << 16);
        commit(s, 0, 10, 10, 1);
        pid_t pid = fork();
        if (pid == 0) {
                struct store *newer;
                struct store_lmdb_options options = options_at(p.path);
                options.epoch = 2;
                options.map_bytes = 1 << 16;
                if (store_lmdb_open(&options, &newer, NULL))
                        _exit(1);
                commit(newer, 10, 3000, 1000, 1);
                store_close(newer);
                _exit(0);
        }
        cr_assert_eq(child_exit_code(pid), 0);
        stet_why why = { "" };
        cr_assert_eq(try_commit(s, 0, 1, 10, 2, &why), STET_EFENCED, "%s", why.text);
        cr_assert_eq(see_all(s).entries, 3010);
        store_close(s);
        temp_dir_free(p.dir);
}

Test(store_lmdb, whoever_only_reads_may_not_commit_and_writes_no_epoch)
{
        struct place p = place_new();
        struct store *s = open_at(p.path, LOG_SYNC, 0);
        commit(s, 0, 10, 10, 3);
        store_close(s);
        for (int alone = 0; alone <= 1; alone++) {
                struct buffer before = file_read(p.path);
                s = open_reading(p.path, alone);
                cr_assert_eq(s->epoch, 1);
                cr_assert_eq(s->checkpoint.lsn, 1);
                cr_assert_eq(s->checkpoint.crc, 3);
                cr_assert_gt(s->stats.disk_bytes, 0);
                stet_why why = { "" };
                cr_assert_eq(try_commit(s, 0, 1, 10, 2, &why), STET_EINVAL);
                cr_assert_not_null(strstr(why.text, "for reading only"), "%s", why.text);
                cr_assert_eq(see_all(s).entries, 10);
                store_close(s);
                file_assert_is(p.path, buffer_bytes(&before));
                buffer_fini(&before);
        }
        temp_dir_free(p.dir);
}

Test(store_lmdb, whoever_reads_alone_touches_no_lock_file)
{
        struct place p = place_new();
        struct store *s = open_at(p.path, LOG_SYNC, 0);
        commit(s, 0, 10, 10, 1);
        store_close(s);
        unlink(p.lock);
        s = open_reading(p.path, true);
        cr_assert_eq(see_all(s).entries, 10);
        cr_assert_neq(access(p.lock, F_OK), 0);
        store_close(s);
        temp_dir_free(p.dir);
}

/* Opens, looks and closes while another process commits; each look must be sound. 0 when all were. */
static int read_until_told(const char *path, int from_parent)
{
        char byte;
        for (unsigned i = 0; i < 20 || read(from_parent, &byte, 1) != 0; i++) {
                struct store *s;
                if (store_lmdb_open_reading(path, false, &s, NULL))
                        return 1;
                for (int looks = 0; looks < 5; looks++) {
                        struct seen seen = see_all(s);
                        if (seen.entries < 100)
                                return 2;
                }
                store_close(s);
        }
        return 0;
}

Test(store_lmdb, another_process_reads_while_commits_go_on_and_the_map_grows)
{
        struct place p = place_new();
        struct store *s = open_at(p.path, LOG_MEMORY, 1 << 16);
        commit(s, 0, 100, 100, 1);
        store_close(s);
        int done[2];
        cr_assert_eq(pipe(done), 0);
        pid_t pid = fork();
        if (pid == 0) {
                close(done[1]);
                cr_assert_eq(fcntl(done[0], F_SETFL, O_NONBLOCK), 0);
                _exit(read_until_told(p.path, done[0]));
        }
        close(done[0]);
        s = open_at(p.path, LOG_MEMORY, 1 << 16);
        for (unsigned round = 2; round < 150; round++)
                commit(s, round * 40 % 8000, 100, 300, round);
        close(done[1]);
        cr_assert_eq(child_exit_code(pid), 0);
        store_close(s);
        temp_dir_free(p.dir);
}

enum { THREADS = 24 }; /* more than the transactions that are kept */

static void *read_some(void *arg)
{
        for (int i = 0; i < 5; i++)
                cr_assert_eq(see_all(arg).entries, 2000);
        return NULL;
}

Test(store_lmdb, more_threads_read_than_transactions_are_kept)
{
        struct place p = place_new();
        struct store *s = open_at(p.path, LOG_MEMORY, 0);
        pthread_t threads[THREADS];
        commit(s, 0, 2000, 100, 1);
        for (int i = 0; i < THREADS; i++)
                cr_assert_eq(pthread_create(&threads[i], NULL, read_some, s), 0);
        for (int i = 0; i < THREADS; i++)
                pthread_join(threads[i], NULL);
        cr_assert_leq(((struct store_lmdb *)s)->readers_count, STORE_READERS_KEPT);
        store_close(s);
        temp_dir_free(p.dir);
}

/* --- copies --- */

static void count_call(void *ctx, uint64_t entries)
{
        *(uint64_t *)ctx = entries;
}

Test(store_lmdb, a_copy_is_a_store_with_the_same_entries_and_checkpoint_under_the_same_epoch)
{
        struct place p = place_new();
        struct store *s = open_at(p.path, LOG_MEMORY, 1 << 16);
        struct store_checkpoint at = { 0 };
        uint64_t told = 0;
        stet_why why = { "" };
        commit(s, 0, 5000, 300, 1);
        commit(s, 1000, 100, 20000, 1);
        commit(s, 5000, 1, 3000000, 9);
        cr_assert_eq(store_lmdb_copy(s, p.other, count_call, &told, &at, &why), 0, "%s", why.text);
        cr_assert_eq(told, 5001);
        cr_assert_eq(at.lsn, 3);
        cr_assert_eq(at.crc, 9);
        assert_whole(p.other, 5001);
        struct seen expected = see_all(s), seen;
        store_close(s);
        s = open_reading(p.other, true);
        seen = see_all(s);
        cr_assert_eq(memcmp(&seen, &expected, sizeof seen), 0);
        cr_assert_eq(s->epoch, 1);
        store_close(s);
        s = open_at(p.other, LOG_SYNC, 0);
        cr_assert_eq(s->checkpoint.lsn, 3);
        commit(s, 0, 10, 10, 1);
        store_close(s);
        temp_dir_free(p.dir);
}

/* Keys that begin others: their pieces lie between each other's. */
Test(store_lmdb, a_copy_of_a_store_that_is_read_alone_is_the_same_in_every_piece)
{
        struct place p = place_new();
        struct store *s = open_at(p.path, LOG_MEMORY, 0);
        struct store_batch batch = { 0 };
        struct store_checkpoint at;
        uint8_t key[20] = { 'k' }, *value = xcalloc(30000, 1);
        for (size_t size = 1; size <= sizeof key; size++)
                store_put(&batch, bytes_of(key, size), bytes_of(value, 1500 * size));
        cr_assert_eq(store_commit(s, &batch, (struct store_checkpoint){ 4, 4 }, NULL), 0);
        size_t entries = lmdb_entries_count(env_of(s));
        store_close(s);
        s = open_reading(p.path, true);
        cr_assert_eq(store_lmdb_copy(s, p.other, NULL, NULL, &at, NULL), 0);
        store_close(s);
        assert_whole(p.other, sizeof key);
        s = open_reading(p.other, true);
        cr_assert_eq(lmdb_entries_count(env_of(s)), entries);
        store_close(s);
        store_batch_fini(&batch);
        free(value);
        temp_dir_free(p.dir);
}

Test(store_lmdb, a_copy_of_an_empty_store_is_an_empty_store)
{
        struct place p = place_new();
        struct store *s = open_at(p.path, LOG_MEMORY, 0);
        struct store_checkpoint at = { 5, 5 };
        cr_assert_eq(store_lmdb_copy(s, p.other, NULL, NULL, &at, NULL), 0);
        cr_assert_eq(at.lsn, 0);
        store_close(s);
        assert_whole(p.other, 0);
        s = open_at(p.other, LOG_SYNC, 0);
        cr_assert_eq(see_all(s).entries, 0);
        store_close(s);
        temp_dir_free(p.dir);
}

Test(store_lmdb, a_copy_takes_no_more_room_than_its_entries_need)
{
        struct place p = place_new();
        struct store *s = open_at(p.path, LOG_MEMORY, 0);
        struct stat st;
        for (unsigned round = 1; round <= 20; round++)
                commit(s, 0, 5000, 50 + round, round);
        cr_assert_eq(store_lmdb_copy(s, p.other, NULL, NULL, &(struct store_checkpoint){ 0 }, NULL), 0);
        cr_assert_eq(stat(p.other, &st), 0);
        cr_assert_lt((uint64_t)st.st_size, 5000 * (5 + 2 + 4 + 70 + 10) * 5 / 4);
        cr_assert_lt((uint64_t)st.st_size, s->stats.disk_bytes / 2);
        store_close(s);
        temp_dir_free(p.dir);
}

Test(store_lmdb, a_copy_writes_over_no_file)
{
        struct place p = place_new();
        struct store *s = open_at(p.path, LOG_MEMORY, 0);
        struct store_checkpoint at;
        stet_why why = { "" };
        file_write(p.other, bytes_str("somebody's"));
        cr_assert_eq(store_lmdb_copy(s, p.other, NULL, NULL, &at, &why), STET_EEXISTS);
        cr_assert_not_null(strstr(why.text, p.other), "%s", why.text);
        file_assert_is(p.other, bytes_str("somebody's"));
        store_close(s);
        temp_dir_free(p.dir);
}

struct copying {
        struct store *from;
        const char *to;
        atomic_uint batches; /* the copier is told that this many are written … */
        atomic_uint commits; /* … and waits until this many were made meanwhile */
        struct store_checkpoint at;
        int err;
};

/* Each time that a batch was copied some commits are waited for, so that the two alternate. */
static void let_commit(void *ctx, uint64_t entries)
{
        struct copying *c = ctx;
        unsigned before = atomic_load(&c->commits);
        (void)entries;
        atomic_fetch_add(&c->batches, 1);
        while (atomic_load(&c->commits) < before + 2)
                sched_yield();
}

static void *copy_along(void *arg)
{
        struct copying *c = arg;
        c->err = store_lmdb_copy(c->from, c->to, let_commit, c, &c->at, NULL);
        atomic_store(&c->batches, UINT32_MAX);
        return NULL;
}

Test(store_lmdb, a_copy_is_of_one_moment_while_commits_go_on_and_the_map_grows)
{
        struct place p = place_new();
        struct store *s = open_at(p.path, LOG_MEMORY, 1 << 20);
        struct copying c = { .from = s, .to = p.other };
        struct env_lmdb *env = &((struct store_lmdb *)s)->env;
        pthread_t thread;
        commit(s, 0, 5000, 1000, 1);
        size_t map_before = env->map_bytes;
        cr_assert_eq(pthread_create(&thread, NULL, copy_along, &c), 0);
        for (unsigned round = 2; atomic_load(&c.batches) != UINT32_MAX; round++) {
                commit(s, 0, 5000, 1000, round % 200);
                atomic_fetch_add(&c.commits, 1);
        }
        pthread_join(thread, NULL);
        cr_assert_eq(c.err, 0);
        cr_assert_gt(env->map_bytes, map_before);
        store_close(s);
        assert_whole(p.other, 5000);
        s = open_reading(p.other, true);
        struct seen seen = see_all(s);
        cr_assert_eq(seen.entries, 5000);
        cr_assert(seen.same_round);
        cr_assert_eq(seen.round, s->checkpoint.crc);
        cr_assert_eq(s->checkpoint.lsn, c.at.lsn);
        store_close(s);
        temp_dir_free(p.dir);
}

/* --- a full disk --- */

static int no_space(char *dir)
{
        struct store *s;
        stet_why why;
        struct place p = place_in(dir);
        struct store_lmdb_options options = options_at(p.path);
        if (store_lmdb_open(&options, &s, &why))
                return 1;
        int err;
        uint32_t kept = 0;
        for (; !(err = try_commit(s, kept, 100, 1000, 1, &why)); kept += 100)
                ;
        if (err != STET_EFULL || !strstr(why.text, "nothing was written") || kept < 1000)
                return 2;
        if (try_commit(s, kept, 100, 1000, 1, &why) != STET_EFULL || see_all(s).entries != kept)
                return 3;
        if (store_lmdb_copy(s, p.other, NULL, NULL, &(struct store_checkpoint){ 0 }, &why) != STET_EFULL ||
            access(p.other, F_OK) == 0)
                return 4;
        if (!small_disk_grow(dir) || try_commit(s, kept, 100, 1000, 1, &why))
                return 5;
        store_close(s);
        if (store_lmdb_open(&options, &s, &why))
                return 6;
        return see_all(s).entries == kept + 100 ? 0 : 7;
}

Test(store_lmdb, a_full_disk_loses_nothing_and_goes_on_when_there_is_room)
{
        small_disk_try(no_space);
}

Test(store_lmdb, a_commit_without_space_can_be_tried_again_with_the_same_batch)
{
        struct place p = place_new();
        struct store *s = open_at(p.path, LOG_SYNC, 0);
        struct store_batch batch = { 0 };
        const struct store_checkpoint to = { 8, 8 };
        commit(s, 0, 10, 10, 1);
        store_put(&batch, bytes_str("b"), bytes_str("1"));
        store_put(&batch, bytes_str("a"), bytes_str("1"));
        store_put(&batch, bytes_str("b"), bytes_str("2"));
        disk.data_errno = ENOSPC;
        cr_assert_eq(store_commit(s, &batch, to, NULL), STET_EFULL);
        cr_assert_eq(store_commit(s, &batch, to, NULL), STET_EFULL);
        cr_assert_eq(s->checkpoint.lsn, 1);
        disk.data_errno = 0;
        cr_assert_eq(store_commit(s, &batch, to, NULL), 0);
        struct buffer value = { 0 };
        cr_assert_eq(store_get(s, bytes_str("b"), &value, NULL), 0);
        cr_assert(bytes_equal(buffer_bytes(&value), bytes_str("2")));
        cr_assert_eq(see_all(s).entries, 12);
        buffer_fini(&value);
        store_batch_fini(&batch);
        store_close(s);
        temp_dir_free(p.dir);
}

/* --- a failing disk --- */

static void assert_stopped_until_reopened(const char *path, struct store *s)
{
        stet_why why = { "" };
        cr_assert_eq(try_commit(s, 0, 1, 100, 9, &why), STET_EIO);
        cr_assert_not_null(strstr(why.text, "until it is opened again"), "%s", why.text);
        store_close(s);
        s = open_at(path, LOG_SYNC, 0);
        struct seen seen = see_all(s);
        cr_assert_eq(seen.entries, 10);
        cr_assert(seen.same_round); /* the commit is there whole or not at all */
        cr_assert_eq(seen.round, s->checkpoint.crc);
        commit(s, 0, 20, 10, 5);
        store_close(s);
        assert_whole(path, 20);
}

Test(store_lmdb, a_failed_sync_or_write_stops_the_store)
{
        static const struct {
                int fdatasync_errno, data_errno, meta_errno;
        } failures[] = { { EIO, 0, 0 }, { 0, EIO, 0 }, { 0, 0, EIO }, { 0, 0, ENOSPC } };
        for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
                struct place p = place_new();
                struct store *s = open_at(p.path, LOG_SYNC, 0);
                stet_why why = { "" };
                commit(s, 0, 10, 10, 1);
                disk_fail(failures[i].fdatasync_errno, failures[i].data_errno, failures[i].meta_errno);
                cr_assert_eq(try_commit(s, 0, 10, 10, 2, &why), STET_EIO);
                cr_assert_not_null(strstr(why.text, "outcome is unknown"), "%s", why.text);
                disk_fail(0, 0, 0);
                assert_stopped_until_reopened(p.path, s);
                temp_dir_free(p.dir);
        }
}

/* --- killed at any moment --- */

static void commit_for_ever(const char *path, int acknowledged_fd)
{
        struct store *s = open_at(path, LOG_SYNC, 1 << 16);
        for (;;) {
                unsigned round = (unsigned)(s->checkpoint.lsn + 1) % 200;
                commit(s, 0, 100, 100 + round * 5, round);
                cr_assert_eq(write(acknowledged_fd, &s->checkpoint.lsn, sizeof s->checkpoint.lsn),
                             sizeof s->checkpoint.lsn);
        }
}

Test(store_lmdb, what_was_acknowledged_is_there_whole_after_a_kill_at_any_moment)
{
        struct place p = place_new();
        for (int round = 0; round < 20; round++) {
                uint64_t lsn = child_killed_after(5 + 3 * round, commit_for_ever, p.path);
                struct store *s = open_at(p.path, LOG_SYNC, 0);
                struct seen seen = see_all(s);
                cr_assert_geq(s->checkpoint.lsn, lsn);
                cr_assert_eq(seen.entries, 100);
                cr_assert(seen.same_round);
                cr_assert_eq(seen.round, s->checkpoint.lsn % 200);
                store_close(s);
        }
        assert_whole(p.path, 100);
        temp_dir_free(p.dir);
}
