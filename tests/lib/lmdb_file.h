/* SPDX-License-Identifier: MIT
 *
 * LMDB's files, as far as tests must know them that damage them: read and changed past our own code. A call
 * that fails ends the test.
 */
#ifndef TESTS_LIB_LMDB_FILE_H
#define TESTS_LIB_LMDB_FILE_H

#include "tests/lib/files.h"
#include "wal/env_lmdb.h"
#include "wal/le.h"

/* --- meta pages --- */

enum {
        PAGE = 4096,
        META_NEXT_AT = 16, /* behind the page's header and what never changes */
        META_ENTRIES_AT = 120,
        META_PAGES_AT = 136,
        META_NUMBER_AT = 144,
        META_SIZE = 152
};

/* Where the newer of the two begins. */
static inline size_t newest_meta(const struct buffer *file)
{
        return le64_get(file->data + META_NUMBER_AT) > le64_get(file->data + PAGE + META_NUMBER_AT) ? 0
                                                                                                    : PAGE;
}

/* The newer one says that there are so many more entries than it said. */
static inline void lmdb_add_entries(const char *path, int difference)
{
        struct buffer file = file_read(path);
        uint8_t *entries = file.data + newest_meta(&file) + META_ENTRIES_AT;
        le64_put(entries, le64_get(entries) + (uint64_t)difference);
        file_write(path, buffer_bytes(&file));
        buffer_fini(&file);
}

/* Set back by two, the newer one becomes the older one. */
static inline void lmdb_set_number_back(const char *path)
{
        struct buffer file = file_read(path);
        uint8_t *number = file.data + newest_meta(&file) + META_NUMBER_AT;
        le64_put(number, le64_get(number) - 2);
        file_write(path, buffer_bytes(&file));
        buffer_fini(&file);
}

/* The newer one takes all but its number from the older one. */
static inline void lmdb_lose_newest(const char *path)
{
        struct buffer file = file_read(path);
        size_t newer = newest_meta(&file), older = PAGE - newer;
        memcpy(file.data + newer + META_NEXT_AT, file.data + older + META_NEXT_AT,
               META_NUMBER_AT - META_NEXT_AT);
        file_write(path, buffer_bytes(&file));
        buffer_fini(&file);
}

/* Of the meta page that was written since `before`, the tail reached the disk, and the head did not. */
static inline void lmdb_tear_newest(const char *path, const struct buffer *before)
{
        for (size_t page = 0; page <= PAGE; page += PAGE)
                file_patch(path, page, before->data + page, META_PAGES_AT);
}

/* --- entries --- */

typedef void lmdb_work(MDB_txn *txn, MDB_dbi dbi, const void *arg);

/* Does the work in a transaction of an environment that is open. */
static inline void lmdb_change_within(MDB_env *env, lmdb_work *work, const void *arg)
{
        MDB_txn *txn;
        MDB_dbi dbi;
        cr_assert_eq(mdb_txn_begin(env, NULL, 0, &txn), 0);
        cr_assert_eq(mdb_dbi_open(txn, NULL, 0, &dbi), 0);
        work(txn, dbi, arg);
        cr_assert_eq(mdb_txn_commit(txn), 0);
}

/* The same on a file that nobody has open. */
static inline void lmdb_change(const char *path, lmdb_work *work, const void *arg)
{
        MDB_env *env;
        cr_assert_eq(mdb_env_create(&env), 0);
        cr_assert_eq(mdb_env_open(env, path, MDB_NOSUBDIR | MDB_NOLOCK, 0600), 0);
        lmdb_change_within(env, work, arg);
        mdb_env_close(env);
}

/* Works: the entry of that key (a struct bytes) goes; an entry of another program comes. */
static inline void lmdb_remove(MDB_txn *txn, MDB_dbi dbi, const void *key)
{
        MDB_val val = val_of_bytes(*(const struct bytes *)key);
        cr_assert_eq(mdb_del(txn, dbi, &val, NULL), 0);
}

static inline void lmdb_put_foreign(MDB_txn *txn, MDB_dbi dbi, const void *arg)
{
        MDB_val key = { 3, (void *)"key" }, value = { 5, (void *)"value" };
        (void)arg;
        cr_assert_eq(mdb_put(txn, dbi, &key, &value, 0), 0);
}

/* Another program's file. */
static inline void lmdb_make_foreign(const char *path)
{
        lmdb_change(path, lmdb_put_foreign, NULL);
}

static inline size_t lmdb_entries_count(MDB_env *env)
{
        MDB_stat stat;
        cr_assert_eq(mdb_env_stat(env, &stat), 0);
        return stat.ms_entries;
}

/* What `take` takes of each entry but the first, which is the head; nothing where the file can't be read. */
static inline struct buffer lmdb_walk(const char *path,
                                      void (*take)(struct buffer *all, struct bytes key, struct bytes value))
{
        struct buffer all = { 0 };
        MDB_env *env;
        MDB_txn *txn;
        MDB_dbi dbi;
        MDB_cursor *cursor;
        MDB_val key, value;
        if (mdb_env_create(&env) || mdb_env_set_mapsize(env, 1 << 30) ||
            mdb_env_open(env, path, MDB_NOSUBDIR | MDB_NOLOCK | MDB_RDONLY, 0600) ||
            mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) || mdb_dbi_open(txn, NULL, 0, &dbi) ||
            mdb_cursor_open(txn, dbi, &cursor))
                return all;
        int rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
        while (!rc && !(rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)))
                take(&all, bytes_of_val(&key), bytes_of_val(&value));
        mdb_cursor_close(cursor);
        mdb_txn_abort(txn);
        mdb_env_close(env);
        return all;
}

#endif
