/* SPDX-License-Identifier: MIT
 *
 * The head of a file of ours, as the entry of LMDB's that comes before all others.
 */
#ifndef WAL_HEAD_LMDB_H
#define WAL_HEAD_LMDB_H

#include "wal/env_lmdb.h"
#include "wal/head.h"

typedef int head_decode_fn(struct bytes value, void *ret, stet_why *why);

/* STET_EFORMAT: there is none; or what `decode` returns, with the file's name before its sentence. */
int head_lmdb_get(struct env_lmdb *env, MDB_txn *txn, struct bytes key, const struct head_kind *kind,
                  head_decode_fn *decode, void *ret, stet_why *why);
int head_lmdb_put(struct env_lmdb *env, MDB_txn *txn, struct bytes key, struct bytes value, stet_why *why);

#endif
