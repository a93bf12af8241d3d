/* SPDX-License-Identifier: MIT
 *
 * A look at both ends of a tree in a log file, with pread: LMDB itself only leads to its newest one.
 */
#ifndef WAL_TREE_LMDB_H
#define WAL_TREE_LMDB_H

#include "wal/meta_lmdb.h"

/* The newest transaction that left its number in the tree's head or last block; 0 for an empty tree.
 * STET_ECORRUPT: its pages lead nowhere. */
int tree_lmdb_commit(const char *path, const struct meta_lmdb *meta, const struct meta_tree *tree,
                     uint64_t *ret_commit, stet_why *why);

#endif
