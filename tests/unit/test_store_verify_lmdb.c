/* SPDX-License-Identifier: MIT
 *
 * What is damaged at random is verified in a child (damage.h); what is damaged on purpose, here.
 */
#include "wal/env_lmdb.h"
#include "wal/meta_lmdb.h"
#include "wal/store_entry.h"

#include "tests/lib/damage.h"
#include "tests/lib/temp_dir.h"

#include <stdio.h>
#include <stdlib.h>

/* --- fixture --- */

struct sample {
        char *dir;
        char path[128];
        char damaged_path[128];
        struct buffer file;
        struct buffer content;         /* of all entries, as a plain walk finds them */
        struct buffer content_written; /* the same after further commits */
        uint64_t entries;
        struct store_checkpoint checkpoint;
};

static struct store *open_at(const char *path)
{
        struct store *s = NULL;
        stet_why why = { "" };
        struct store_lmdb_options options = { .path = path, .level = LOG_MEMORY, .epoch = 1, .create = true };
        cr_assert_eq(store_lmdb_open(&options, &s, &why), 0, "%s", why.text);
        return s;
}

static void make_key(char key[16], uint64_t number)
{
        snprintf(key, 16, "%s%06u", number % 3 ? "run-" : "chunk-", (unsigned)(number % 100000));
}

/* Some values are empty, some in pieces. */
static void change_one(struct store_batch *batch, uint64_t *random)
{
        uint8_t value[20000];
        char key[16];
        make_key(key, random_below(random, 2000));
        size_t size = random_below(random, random_below(random, 40) ? 200 : sizeof value);
        random_fill(random, value, size);
        if (random_below(random, 5))
                store_put(batch, bytes_str(key), bytes_of(value, size));
        else
                store_remove(batch, bytes_str(key));
}

/* Commits of many sizes. */
static void commit_some(struct store *s, uint64_t seed, int count)
{
        struct store_batch batch = { 0 };
        stet_why why = { "" };
        for (int i = 0; i < count; i++) {
                for (int n = 1 + i * 7 % 130; n; n--)
                        change_one(&batch, &seed);
                struct store_checkpoint to = { s->checkpoint.lsn + 1, (uint32_t)i };
                cr_assert_eq(store_commit(s, &batch, to, &why), 0, "%s", why.text);
                store_batch_clear(&batch);
        }
        store_batch_fini(&batch);
}

static void take_entry(struct buffer *all, struct bytes key, struct bytes value)
{
        buffer_append(all, key.data, key.size);
        buffer_append(all, value.data, value.size);
}

static int count_entry(void *ctx, struct bytes key, struct bytes value)
{
        (void)key;
        (void)value;
        ++*(uint64_t *)ctx;
        return 0;
}

static struct sample sample_new(void)
{
        struct sample s = { .dir = temp_dir_new() };
        snprintf(s.path, sizeof s.path, "%s/shard-0.store", s.dir);
        snprintf(s.damaged_path, sizeof s.damaged_path, "%s/damaged.store", s.dir);
        struct store *store = open_at(s.path);
        commit_some(store, 1, 60);
        cr_assert_eq(store_scan(store, bytes_str(""), bytes_str(""), false, count_entry, &s.entries, NULL),
                     0);
        s.checkpoint = store->checkpoint;
        store_close(store);
        s.file = file_read(s.path);
        s.content = lmdb_walk(s.path, take_entry);
        file_write(s.damaged_path, buffer_bytes(&s.file));
        store = open_at(s.damaged_path);
        commit_some(store, 2, 20);
        store_close(store);
        s.content_written = lmdb_walk(s.damaged_path, take_entry);
        return s;
}

static void sample_free(struct sample *s)
{
        buffer_fini(&s->file);
        buffer_fini(&s->content);
        buffer_fini(&s->content_written);
        temp_dir_free(s->dir);
}

struct damages {
        uint64_t count;
        char key[16][64];
        char text[16][256];
};

static void note_damage(void *ctx, struct bytes key, const char *sentence)
{
        struct damages *d = ctx;
        if (d->count < 16) {
                snprintf(d->key[d->count], sizeof d->key[0], "%.*s", (int)key.size, (const char *)key.data);
                snprintf(d->text[d->count], sizeof d->text[0], "%s", sentence);
        }
        d->count++;
}

static int verify(const char *path, struct damages *damages, struct store_verify_report *report)
{
        *damages = (struct damages){ 0 };
        return store_lmdb_verify(path, note_damage, NULL, damages, report, NULL);
}

static void assert_damaged(const char *path, const char *key, const char *words)
{
        struct damages damages;
        struct store_verify_report report;
        stet_why why = { "" };
        cr_assert_eq(verify(path, &damages, &report), STET_ECORRUPT);
        cr_assert_not_null(strstr(damages.text[0], words), "%s", damages.text[0]);
        cr_assert_str_eq(damages.key[0], key);
        cr_assert_eq(report.damaged, damages.count);
        cr_assert_eq(store_lmdb_verify(path, NULL, NULL, NULL, &report, &why), STET_ECORRUPT);
        cr_assert_not_null(strstr(why.text, words), "%s", why.text);
}

/* --- sound stores --- */

Test(store_verify, a_sound_store_is_whole)
{
        struct sample s = sample_new();
        struct store_verify_report report;
        struct damages damages;
        cr_assert_eq(verify(s.path, &damages, &report), 0, "%s", damages.text[0]);
        cr_assert_eq(report.damaged, 0);
        cr_assert_eq(report.entries, s.entries);
        cr_assert_eq(report.checkpoint.lsn, s.checkpoint.lsn);
        cr_assert_eq(report.checkpoint.crc, s.checkpoint.crc);
        cr_assert_eq(verify(s.damaged_path, &damages, &report), 0, "%s", damages.text[0]); /* written to */
        sample_free(&s);
}

Test(store_verify, an_empty_store_is_whole)
{
        char *dir = temp_dir_new(), path[128];
        struct store_verify_report report;
        struct damages damages;
        snprintf(path, sizeof path, "%s/shard-0.store", dir);
        store_close(open_at(path));
        cr_assert_eq(verify(path, &damages, &report), 0, "%s", damages.text[0]);
        cr_assert_eq(report.entries, 0);
        cr_assert_eq(report.checkpoint.lsn, 0);
        temp_dir_free(dir);
}

Test(store_verify, changes_nothing_and_needs_no_right_to_write)
{
        struct sample s = sample_new();
        struct store_verify_report report;
        struct damages damages;
        char lock[160];
        snprintf(lock, sizeof lock, "%s-lock", s.damaged_path);
        unlink(lock);
        file_write(s.damaged_path, buffer_bytes(&s.file));
        cr_assert_eq(verify(s.damaged_path, &damages, &report), 0);
        file_assert_is(s.damaged_path, buffer_bytes(&s.file));
        cr_assert_neq(access(lock, F_OK), 0);
        sample_free(&s);
}

static void count_call(void *ctx, uint64_t entries)
{
        (void)entries;
        ++*(unsigned *)ctx;
}

Test(store_verify, tells_of_its_progress)
{
        struct sample s = sample_new();
        struct store *store = open_at(s.path);
        struct store_batch batch = { 0 };
        struct store_verify_report report;
        unsigned calls = 0;
        for (uint32_t i = 1; i < 10000; i++)
                store_put(&batch, bytes_of((uint8_t[]){ 'p', (uint8_t)(i >> 8), (uint8_t)i }, 3),
                          bytes_str("v"));
        cr_assert_eq(store_commit(store, &batch, store->checkpoint, NULL), 0);
        store_batch_fini(&batch);
        store_close(store);
        cr_assert_eq(store_lmdb_verify(s.path, NULL, count_call, &calls, &report, NULL), 0);
        cr_assert_geq(calls, 2);
        sample_free(&s);
}

Test(store_verify, files_that_are_no_stores_or_not_there_are_told_apart)
{
        struct sample s = sample_new();
        struct store_verify_report report;
        struct damages damages;
        char text[1000];
        memset(text, 'x', sizeof text);
        file_write(s.damaged_path, bytes_of(text, sizeof text));
        cr_assert_eq(verify(s.damaged_path, &damages, &report), STET_EFORMAT);
        cr_assert_eq(damages.count, 0);
        unlink(s.damaged_path);
        cr_assert_eq(verify(s.damaged_path, &damages, &report), STET_ENOTFOUND);
        cr_assert_eq(damages.count, 0);
        lmdb_make_foreign(s.damaged_path);
        cr_assert_eq(verify(s.damaged_path, &damages, &report), STET_ECORRUPT);
        sample_free(&s);
}

/* --- entries --- */

enum { BIG = 10000 }; /* in three pieces */

/* A store with "before", "big" and "zero"; big is in three pieces. */
struct small {
        char *dir;
        char path[128];
};

static struct small small_new(void)
{
        struct small s = { .dir = temp_dir_new() };
        struct store_batch batch = { 0 };
        uint8_t *value = xmalloc(BIG);
        memset(value, 'v', BIG);
        snprintf(s.path, sizeof s.path, "%s/shard-0.store", s.dir);
        struct store *store = open_at(s.path);
        store_put(&batch, bytes_str("before"), bytes_str("1"));
        store_put(&batch, bytes_str("big"), bytes_of(value, BIG));
        store_put(&batch, bytes_str("zero"), bytes_str(""));
        cr_assert_eq(store_commit(store, &batch, (struct store_checkpoint){ 1, 1 }, NULL), 0);
        store_batch_fini(&batch);
        store_close(store);
        free(value);
        return s;
}

/* What is done to a piece: its bytes become others, or it goes. */
struct edit {
        const char *key;
        uint16_t number;
        const void *data; /* NULL: it is removed */
        size_t size;
        bool with_checksum; /* of this piece alone */
};

static void edit_piece(MDB_txn *txn, MDB_dbi dbi, const void *arg)
{
        const struct edit *e = arg;
        struct piece_key k;
        uint8_t piece[PIECE_SIZE_MAX];
        piece_key_make(&k, bytes_str(e->key));
        piece_key_set(&k, e->number);
        MDB_val key = { k.size, k.data }, value = { e->size, (void *)(uintptr_t)e->data };
        if (!e->data) {
                cr_assert_eq(mdb_del(txn, dbi, &key, NULL), 0);
                return;
        }
        if (e->with_checksum) {
                piece_encode(piece, bytes_of(k.data, k.size), 0, bytes_of(e->data, e->size));
                value = (MDB_val){ PIECE_HEADER_SIZE + e->size, piece };
        }
        cr_assert_eq(mdb_put(txn, dbi, &key, &value, 0), 0);
}

/* The commit is not ours, so that its number is missing in the head: that is the damage behind this one. */
static void assert_edit_found(const struct edit *edit, const char *key, const char *words, uint64_t whole)
{
        struct small s = small_new();
        struct damages damages;
        struct store_verify_report report;
        lmdb_change(s.path, edit_piece, edit);
        assert_damaged(s.path, key, words);
        cr_assert_eq(verify(s.path, &damages, &report), STET_ECORRUPT);
        cr_assert_eq(report.entries, whole);
        cr_assert_not_null(strstr(damages.text[damages.count - 1], "a write was torn or lost"), "%s",
                           damages.text[damages.count - 1]);
        temp_dir_free(s.dir);
}

Test(store_verify, a_damaged_entry_is_named_and_the_others_are_checked)
{
        uint8_t piece[PIECE_SIZE_MAX] = { 0 };
        assert_edit_found(&(struct edit){ "before", 0, "12345", 5, false }, "before",
                          "the entry before is damaged: piece 0 does not fit its checksum", 2);
        assert_edit_found(&(struct edit){ "zero", 0, "123", 3, false }, "zero", "piece 0 does not fit", 2);
        assert_edit_found(&(struct edit){ "big", 1, piece, sizeof piece, false }, "big",
                          "piece 1 does not fit", 2);
}

Test(store_verify, a_missing_piece_is_named_and_pieces_without_a_beginning)
{
        assert_edit_found(&(struct edit){ "big", 2, NULL, 0, false }, "big", "piece 2 is missing", 2);
        assert_edit_found(&(struct edit){ "big", 1, NULL, 0, false }, "big", "piece 1 is missing", 2);
        assert_edit_found(&(struct edit){ "big", 0, NULL, 0, false }, "big", "piece 1 has none before it", 2);
}

Test(store_verify, a_piece_that_no_other_leads_to_is_found)
{
        assert_edit_found(&(struct edit){ "zero", 1, "left over", 9, true }, "zero",
                          "piece 1 has none before it", 3);
        assert_edit_found(&(struct edit){ "big", 3, "left over", 9, true }, "big",
                          "piece 3 has none before it", 3);
}

/* As when the write of one page of a newer version was lost. */
Test(store_verify, a_whole_piece_of_another_version_of_the_value_is_found)
{
        uint8_t body[PIECE_BODY_MAX];
        memset(body, 'w', sizeof body);
        assert_edit_found(&(struct edit){ "big", 0, body, sizeof body, true }, "big", "piece 1 does not fit",
                          2);
        assert_edit_found(&(struct edit){ "big", 2, "the old end", 11, true }, "big", "piece 2 does not fit",
                          2);
}

static void swap_entries(MDB_txn *txn, MDB_dbi dbi, const void *arg)
{
        static const char *const keys[] = { "big", "zero" };
        uint8_t bytes[2][PIECE_SIZE_MAX];
        size_t sizes[2];
        (void)arg;
        for (int writing = 0; writing <= 1; writing++)
                for (int i = 0; i < 2; i++) {
                        struct piece_key k;
                        piece_key_make(&k, bytes_str(keys[i]));
                        MDB_val key = { k.size, k.data }, value = { sizes[!i], bytes[!i] };
                        cr_assert_eq(writing ? mdb_put(txn, dbi, &key, &value, 0)
                                             : mdb_get(txn, dbi, &key, &value),
                                     0);
                        if (writing)
                                continue;
                        memcpy(bytes[i], value.mv_data, value.mv_size);
                        sizes[i] = value.mv_size;
                }
}

Test(store_verify, two_pieces_that_changed_places_are_found)
{
        struct small s = small_new();
        struct damages damages;
        struct store_verify_report report;
        lmdb_change(s.path, swap_entries, NULL);
        assert_damaged(s.path, "big", "does not fit its checksum");
        cr_assert_eq(verify(s.path, &damages, &report), STET_ECORRUPT);
        cr_assert_eq(report.entries, 1);
        temp_dir_free(s.dir);
}

static void put_bare(MDB_txn *txn, MDB_dbi dbi, const void *arg)
{
        MDB_val key = { strlen(arg), (void *)(uintptr_t)arg }, value = { 1, (void *)"v" };
        cr_assert_eq(mdb_put(txn, dbi, &key, &value, 0), 0);
}

Test(store_verify, a_key_that_is_not_of_an_entry_is_found)
{
        struct small s = small_new();
        lmdb_change(s.path, put_bare, "a");
        assert_damaged(s.path, "a", "the key a is not of an entry");
        temp_dir_free(s.dir);
}

static void damage_head(MDB_txn *txn, MDB_dbi dbi, const void *arg)
{
        MDB_val key = val_of_bytes(store_head_key()), value = { strlen(arg), (void *)(uintptr_t)arg };
        cr_assert_eq(*(const char *)arg ? mdb_put(txn, dbi, &key, &value, 0) : mdb_del(txn, dbi, &key, NULL),
                     0);
}

Test(store_verify, a_damaged_or_missing_head_is_found_and_the_entries_are_checked)
{
        static const char *const heads[] = { "", "a head" };
        static const char *const words[] = { "the store's head is missing", "does not begin with the head" };
        for (size_t i = 0; i < 2; i++) {
                struct small s = small_new();
                struct damages damages;
                struct store_verify_report report;
                lmdb_change(s.path, damage_head, heads[i]);
                assert_damaged(s.path, "", words[i]);
                cr_assert_eq(verify(s.path, &damages, &report), STET_ECORRUPT);
                cr_assert_eq(report.entries, 3);
                temp_dir_free(s.dir);
        }
}

/* --- the tree and its transactions --- */

Test(store_verify, entries_that_the_tree_does_not_lead_to_are_noticed)
{
        struct sample s = sample_new();
        lmdb_add_entries(s.path, 1);
        assert_damaged(s.path, "", "fewer than");
        lmdb_add_entries(s.path, -2);
        assert_damaged(s.path, "", "more than");
        sample_free(&s);
}

Test(store_verify, a_newest_transaction_that_is_not_in_the_file_is_noticed)
{
        struct sample s = sample_new();
        struct damages damages;
        struct store_verify_report report;
        lmdb_lose_newest(s.path);
        cr_assert_eq(verify(s.path, &damages, &report), STET_ECORRUPT);
        cr_assert_not_null(strstr(damages.text[damages.count - 1], "a write was torn or lost"), "%s",
                           damages.text[damages.count - 1]);
        sample_free(&s);
}

/* The last two commits took no new page, so that only the tree tells which of them is the newer. */
Test(store_verify, a_newest_transaction_under_an_older_number_is_noticed)
{
        struct sample s = sample_new();
        struct meta_lmdb meta = { .newest.pages = 1 };
        struct store *store = open_at(s.path);
        for (uint64_t i = 0; i < 1000 && meta.newest.pages != meta.older.pages; i++) {
                commit_some(store, i, 1);
                cr_assert_eq(meta_lmdb_read(s.path, &meta, NULL), 0);
        }
        store_close(store);
        cr_assert_eq(meta.newest.pages, meta.older.pages);
        lmdb_set_number_back(s.path);
        assert_damaged(s.path, "", "its number is damaged");
        sample_free(&s);
}

/* --- any bit, any cut --- */

static int judge(const void *ctx)
{
        const struct sample *s = ctx;
        struct store_verify_report report;
        struct damages damages;
        if (verify(s->damaged_path, &damages, &report))
                return REPORTED;
        struct buffer all = lmdb_walk(s->damaged_path, take_entry);
        bool same = bytes_equal(buffer_bytes(&all), buffer_bytes(&s->content)) &&
                    report.entries == s->entries && report.checkpoint.lsn == s->checkpoint.lsn &&
                    report.checkpoint.crc == s->checkpoint.crc;
        buffer_fini(&all);
        return same ? 0 : SILENT;
}

/* 0 when the store takes further commits and then has what it should. */
static int judge_by_writing(const void *ctx)
{
        const struct sample *s = ctx;
        struct store_verify_report report;
        struct damages damages;
        struct store *store = open_at(s->damaged_path);
        commit_some(store, 2, 20);
        store_close(store);
        if (verify(s->damaged_path, &damages, &report))
                return SILENT;
        struct buffer all = lmdb_walk(s->damaged_path, take_entry);
        bool same = bytes_equal(buffer_bytes(&all), buffer_bytes(&s->content_written));
        buffer_fini(&all);
        return same ? 0 : SILENT;
}

static struct damage damage_of(const struct sample *s)
{
        return (struct damage){ .path = s->damaged_path, .file = &s->file, .judge = judge, .ctx = s };
}

Test(store_verify, every_flipped_bit_is_found_or_changed_nothing)
{
        struct sample s = sample_new();
        struct damage d = damage_of(&s);
        cr_assert_gt(damage_flip_anywhere(&d, 4, 400), 100);
        sample_free(&s);
}

Test(store_verify, every_flipped_bit_of_the_meta_pages_and_of_the_tree_is_found_or_changed_nothing)
{
        struct sample s = sample_new();
        struct damage d = damage_of(&s);
        damage_flip_meta_and_tree(&d, 1848, 300);
        sample_free(&s);
}

Test(store_verify, a_store_that_is_called_whole_can_be_written_to)
{
        struct sample s = sample_new();
        struct damage d = damage_of(&s);
        cr_assert_gt(damage_flip_headers(&d, 299, 300, judge_by_writing), 50);
        sample_free(&s);
}

Test(store_verify, every_cut_is_reported_without_a_crash)
{
        struct sample s = sample_new();
        struct damage d = damage_of(&s);
        damage_cut(&d, 7, 60);
        sample_free(&s);
}
