/* SPDX-License-Identifier: MIT
 *
 * A look at both ends of a tree in an LMDB file, with pread: LMDB itself only leads to its newest one.
 */
#ifndef WAL_TREE_LMDB_H
#define WAL_TREE_LMDB_H

#include "base/bytes.h"
#include "wal/meta_lmdb.h"

struct tree_entry {
        struct bytes key;
        struct bytes value;
};

/* Finds the number of the newest transaction that left it in the tree's first or last entry, which may be the
 * same. False: they don't have any. */
typedef bool tree_lmdb_commit_fn(const struct tree_entry *first, const struct tree_entry *last,
                                 uint64_t *ret_commit);

/* Lets commit_of find the number; 0 for an empty tree. STET_ECORRUPT: its pages lead nowhere, or commit_of
 * found none. */
int tree_lmdb_commit(const char *path, const struct meta_lmdb *meta, const struct meta_tree *tree,
                     tree_lmdb_commit_fn *commit_of, uint64_t *ret_commit, stet_why *why);

#endif
