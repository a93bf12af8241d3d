/* SPDX-License-Identifier: MIT
 *
 * What is checked alike in every file of LMDB's that we wrote, whatever its entries say: the meta pages, each
 * page, both trees and their transactions' numbers.
 */
#ifndef WAL_VERIFY_LMDB_H
#define WAL_VERIFY_LMDB_H

#include "wal/env_lmdb.h"
#include "wal/tree_lmdb.h"

struct verify_lmdb {
        void *ctx;
        void (*report)(void *ctx, const char *sentence); /* of damage */

        /* Looks at all entries, with a cursor that is nowhere yet. */
        void (*walk)(void *ctx, MDB_cursor *cursor, const struct meta_lmdb *meta);
        tree_lmdb_commit_fn *commit_of;
};

/* Reads the file without opening it for writing and without any lock. 0 also when there is damage, except in
 * the meta pages, beyond which nothing can be read: then STET_ECORRUPT, reported too. */
int verify_lmdb_file(const char *path, const struct verify_lmdb *v, stet_why *why);

/* Whether the tree leads to the cursor's entry by its key too, as readers will look for it. */
bool verify_lmdb_leads_to(MDB_cursor *cursor, MDB_val key, const MDB_val *value);

/* Reports it when the walk found another number of entries than the file counts, or another newest
 * transaction than the file's. more: the walk ended before the tree did. */
void verify_lmdb_ends(const struct verify_lmdb *v, const struct meta_lmdb *meta, uint64_t entries, bool more,
                      uint64_t commit);

#endif
