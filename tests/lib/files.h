/* SPDX-License-Identifier: MIT
 *
 * Whole files as bytes, for tests that damage them; and LMDB's files, as far as such tests must know them. A
 * call that fails ends the test.
 */
#ifndef TESTS_LIB_FILES_H
#define TESTS_LIB_FILES_H

#include "base/buffer.h"
#include "wal/le.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <lmdb.h>
#include <unistd.h>

static inline struct buffer file_read(const char *path)
{
        struct buffer b = { 0 };
        int fd = open(path, O_RDONLY);
        cr_assert_geq(fd, 0);
        ssize_t n;
        while ((n = read(fd, buffer_reserve(&b, 65536), 65536)) > 0)
                b.size += (size_t)n;
        close(fd);
        return b;
}

static inline void file_write(const char *path, struct bytes data)
{
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        cr_assert_geq(fd, 0);
        cr_assert_eq(write(fd, data.data, data.size), (ssize_t)data.size);
        close(fd);
}

static inline void file_patch(const char *path, size_t at, const void *data, size_t size)
{
        int fd = open(path, O_WRONLY);
        cr_assert_geq(fd, 0);
        cr_assert_eq(lseek(fd, (off_t)at, SEEK_SET), (off_t)at);
        cr_assert_eq(write(fd, data, size), (ssize_t)size);
        close(fd);
}

/* --- LMDB's --- */

enum { PAGE = 4096, META_ENTRIES_AT = 120, META_NUMBER_AT = 144, META_SIZE = 152 };

/* Where the newer of the two meta pages begins. */
static inline size_t newest_meta(const struct buffer *file)
{
        return le64_get(file->data + META_NUMBER_AT) > le64_get(file->data + PAGE + META_NUMBER_AT) ? 0
                                                                                                    : PAGE;
}

/* Does the work in a transaction on the file, past our own code. */
static inline void lmdb_change(const char *path, void (*work)(MDB_txn *txn, MDB_dbi dbi, const void *arg),
                               const void *arg)
{
        MDB_env *env;
        MDB_txn *txn;
        MDB_dbi dbi;
        cr_assert_eq(mdb_env_create(&env), 0);
        cr_assert_eq(mdb_env_open(env, path, MDB_NOSUBDIR | MDB_NOLOCK, 0600), 0);
        cr_assert_eq(mdb_txn_begin(env, NULL, 0, &txn), 0);
        cr_assert_eq(mdb_dbi_open(txn, NULL, 0, &dbi), 0);
        work(txn, dbi, arg);
        cr_assert_eq(mdb_txn_commit(txn), 0);
        mdb_env_close(env);
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

#endif
