/* SPDX-License-Identifier: MIT
 *
 * A directory for a test's LMDB store: where it lies, how it is opened, and whether its file is whole.
 */
#ifndef TESTS_LIB_STORE_PLACE_H
#define TESTS_LIB_STORE_PLACE_H

#include "tests/lib/temp_dir.h"
#include "wal/store_lmdb.h"

#include <criterion/criterion.h>
#include <stdio.h>

struct place {
        char *dir;
        char path[128];
        char other[160]; /* a second file */
        char lock[160];
};

static inline struct place place_in(char *dir)
{
        struct place p = { .dir = dir };
        snprintf(p.path, sizeof p.path, "%s/shard-0.store", p.dir);
        snprintf(p.other, sizeof p.other, "%s/other.store", p.dir);
        snprintf(p.lock, sizeof p.lock, "%s-lock", p.path);
        return p;
}

static inline struct place place_new(void)
{
        return place_in(temp_dir_new());
}

static inline struct store_lmdb_options options_at(const char *path)
{
        return (struct store_lmdb_options){ .path = path, .epoch = 1, .create = true };
}

static inline struct store *open_at(const char *path, enum log_level level, size_t map_bytes)
{
        struct store *s;
        stet_why why = { "" };
        struct store_lmdb_options options = options_at(path);
        options.level = level;
        options.map_bytes = map_bytes;
        cr_assert_eq(store_lmdb_open(&options, &s, &why), 0, "%s", why.text);
        return s;
}

static inline MDB_env *env_of(struct store *s)
{
        return ((struct store_lmdb *)s)->env.mdb;
}

static inline void assert_whole(const char *path, uint64_t entries)
{
        struct store_verify_report report;
        stet_why why = { "" };
        cr_assert_eq(store_lmdb_verify(path, NULL, NULL, NULL, &report, &why), 0, "%s", why.text);
        cr_assert_eq(report.entries, entries);
}

#endif
