/* SPDX-License-Identifier: MIT
 *
 * A look at every page that a log file's newest transaction stands on, with pread. LMDB follows pages
 * wherever they lead when it reads, and when it writes it reuses those that its free list names: a flipped
 * bit there leaves all records whole and lets the next write go over them.
 */
#ifndef WAL_PAGES_LMDB_H
#define WAL_PAGES_LMDB_H

#include "wal/meta_lmdb.h"

/* Checks that both trees (the records' and the free pages') are made as LMDB makes them, that no page is used
 * twice, and that no free page is used. What the records say is not looked at. damage is called for each page
 * that is not right; a tree is not followed beyond it. 0, also then; STET_EIO. */
int pages_lmdb_check(const char *path, const struct meta_lmdb *meta,
                     void (*damage)(void *ctx, const char *sentence), void *ctx, stet_why *why);

#endif
