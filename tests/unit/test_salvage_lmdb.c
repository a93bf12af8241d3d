/* SPDX-License-Identifier: MIT
 *
 * The entries of LMDB files that are sound, and of ones in which pages are destroyed: what is on the others
 * is found, and nothing makes it crash.
 */
#include "wal/salvage_lmdb.h"

#include "tests/lib/lmdb_file.h"
#include "tests/lib/random.h"
#include "tests/lib/temp_dir.h"
#include "wal/meta_lmdb.h"

#include <stdio.h>
#include <stdlib.h>

enum { ENTRIES = 3000, LARGE = 4000 }; /* a value that has a page of its own */

static char *dir;
static char path[128];

static void setup(void)
{
        dir = temp_dir_new();
        snprintf(path, sizeof path, "%s/file.lmdb", dir);
}

static void teardown(void)
{
        temp_dir_free(dir);
}

TestSuite(salvage, .init = setup, .fini = teardown, .timeout = 60);

/* --- files --- */

struct entry {
        uint8_t key[8];
        uint8_t value[LARGE];
        size_t size;
};

/* Everything in it follows from its number and round. */
static void entry_make(struct entry *e, uint32_t number, uint8_t round)
{
        snprintf((char *)e->key, sizeof e->key, "%06u", number);
        e->size = number % 7 == 3 ? LARGE - number % 10 : number % 60;
        memset(e->value, (int)(number * 31 + round) & 0xff, e->size);
}

static void put_all(MDB_txn *txn, MDB_dbi dbi, const void *round)
{
        struct entry e;
        for (uint32_t i = 0; i < ENTRIES; i++) {
                entry_make(&e, i, *(const uint8_t *)round);
                MDB_val key = { sizeof e.key, e.key }, value = { e.size, e.value };
                cr_assert_eq(mdb_put(txn, dbi, &key, &value, 0), 0);
        }
}

static void put_none(MDB_txn *txn, MDB_dbi dbi, const void *arg)
{
        (void)txn;
        (void)dbi;
        (void)arg;
}

/* One commit in which all entries are of that round; they take the place of those there are. */
static void commit(uint8_t round)
{
        MDB_env *env;
        cr_assert_eq(mdb_env_create(&env), 0);
        cr_assert_eq(mdb_env_set_mapsize(env, 64 << 20), 0);
        cr_assert_eq(mdb_env_open(env, path, MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOSYNC, 0600), 0);
        lmdb_change_within(env, put_all, &round);
        mdb_env_close(env);
}

/* --- what is found --- */

struct found {
        unsigned count;
        uint8_t times[ENTRIES]; /* how often an entry of that round was */
        uint8_t round;
};

static void note(void *ctx, struct bytes key, struct bytes value)
{
        struct found *f = ctx;
        struct entry expected;
        unsigned number =
            key.size == 8 && key.data[7] == 0 ? (unsigned)atoi((const char *)key.data) : ENTRIES;
        f->count++;
        if (number >= ENTRIES)
                return;
        entry_make(&expected, number, f->round);
        f->times[number] += bytes_equal(value, bytes_of(expected.value, expected.size));
}

static struct found salvage(uint8_t round, bool *ret_whole)
{
        struct found f = { .round = round };
        stet_why why = { "" };
        cr_assert_eq(salvage_lmdb(path, note, &f, ret_whole, &why), 0, "%s", why.text);
        return f;
}

static unsigned count_found(const struct found *f)
{
        unsigned count = 0;
        for (uint32_t i = 0; i < ENTRIES; i++)
                count += f->times[i] > 0;
        return count;
}

/* --- sound files --- */

Test(salvage, sound_file_gives_each_entry_once_and_is_whole)
{
        bool whole = false;
        commit(1);
        struct found f = salvage(1, &whole);
        cr_assert(whole);
        cr_assert_eq(f.count, ENTRIES);
        cr_assert_eq(count_found(&f), ENTRIES);
}

Test(salvage, sound_file_gives_nothing_of_earlier_commits)
{
        bool whole = false;
        for (uint8_t round = 1; round <= 3; round++)
                commit(round);
        struct found f = salvage(3, &whole);
        cr_assert(whole);
        cr_assert_eq(f.count, ENTRIES);
        cr_assert_eq(count_found(&f), ENTRIES);
}

Test(salvage, empty_file_of_lmdbs_has_no_entry_and_is_whole)
{
        bool whole = false;
        lmdb_change(path, put_none, NULL);
        struct found f = salvage(1, &whole);
        cr_assert(whole);
        cr_assert_eq(f.count, 0);
}

/* --- damaged ones --- */

static void destroy_page(uint64_t page)
{
        uint8_t garbage[PAGE];
        memset(garbage, 0xee, sizeof garbage);
        file_patch(path, page * PAGE, garbage, sizeof garbage);
}

Test(salvage, without_meta_pages_all_entries_are_found)
{
        bool whole = true;
        commit(1);
        destroy_page(0);
        destroy_page(1);
        struct found f = salvage(1, &whole);
        cr_assert_not(whole);
        cr_assert_eq(count_found(&f), ENTRIES);
}

Test(salvage, without_the_root_all_entries_are_found)
{
        struct meta_lmdb meta;
        bool whole = true;
        commit(1);
        cr_assert_eq(meta_lmdb_read(path, &meta, NULL), 0);
        cr_assert_gt(meta.newest.records.depth, 1);
        destroy_page(meta.newest.records.root);
        struct found f = salvage(1, &whole);
        cr_assert_not(whole);
        cr_assert_eq(count_found(&f), ENTRIES);
}

Test(salvage, where_the_tree_does_not_lead_everywhere_earlier_entries_are_found_as_well)
{
        bool whole = true;
        commit(1);
        commit(2);
        destroy_page(0);
        destroy_page(1);
        struct found earlier = salvage(1, &whole), later = salvage(2, &whole);
        cr_assert_gt(later.count, ENTRIES);
        cr_assert_eq(count_found(&later), ENTRIES);
        cr_assert_gt(count_found(&earlier), 0);
}

Test(salvage, destroyed_page_costs_what_was_on_it)
{
        struct meta_lmdb meta;
        commit(1);
        cr_assert_eq(meta_lmdb_read(path, &meta, NULL), 0);
        struct buffer file = file_read(path);
        for (uint64_t page = 2; page < meta.newest.pages; page += 37) {
                bool whole;
                destroy_page(page);
                struct found f = salvage(1, &whole);
                cr_assert_gt(count_found(&f), ENTRIES - 200, "page %lu", (unsigned long)page);
                file_write(path, buffer_bytes(&file));
        }
        buffer_fini(&file);
}

/* --- no files of LMDB's, and none at all --- */

static void find_nothing(const char *file)
{
        bool whole = true;
        (void)file;
        struct found f = salvage(1, &whole);
        cr_assert_not(whole);
        cr_assert_eq(f.count, 0);
}

Test(salvage, nothing_is_found_in_files_of_others)
{
        file_each_foreign(path, find_nothing);
}

Test(salvage, file_that_is_not_there_and_one_that_can_not_be_read_are_told_apart)
{
        struct found f = { .count = 0 };
        bool whole = true;
        stet_why why = { "" };
        cr_assert_eq(salvage_lmdb(path, note, &f, &whole, &why), STET_ENOTFOUND);
        cr_assert_not_null(strstr(why.text, path), "%s", why.text);
        char link[160];
        snprintf(link, sizeof link, "%s/link", dir);
        commit(1);
        cr_assert_eq(symlink(path, link), 0);
        cr_assert_eq(salvage_lmdb(link, note, &f, &whole, &why), STET_EIO, "no link is followed");
        cr_assert_eq(f.count, 0);
}

/* --- any bit, any cut --- */

static bool fewer; /* were found than there were */

static void find_some(const char *file, size_t size)
{
        bool whole = true;
        (void)file;
        struct found f = salvage(1, &whole);
        cr_assert_not(whole, "%zu bytes", size);
        fewer |= count_found(&f) < ENTRIES;
}

Test(salvage, cut_file_is_not_whole)
{
        commit(1);
        file_each_cut(path, find_some);
        cr_assert(fewer);
}

Test(salvage, no_flipped_bit_makes_it_crash_or_costs_more_than_its_page)
{
        uint64_t random = 77;
        commit(1);
        struct buffer file = file_read(path);
        for (int i = 0; i < 300; i++) {
                bool whole;
                size_t page = random_below(&random, file.size / PAGE);
                /* Mostly in what says where the rest is. */
                size_t at = page * PAGE + random_below(&random, i % 4 ? 64 : PAGE);
                uint8_t byte = file.data[at] ^ (uint8_t)(1u << random_below(&random, 8));
                file_patch(path, at, &byte, 1);
                struct found f = salvage(1, &whole);
                cr_assert_gt(count_found(&f), ENTRIES - 200, "byte %zu", at);
                file_patch(path, at, file.data + at, 1);
        }
        buffer_fini(&file);
}
