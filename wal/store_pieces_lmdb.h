/* SPDX-License-Identifier: MIT
 *
 * A store's values as they lie in LMDB, in pieces: put together, and checked. What fails here is damage: 0 or
 * STET_ECORRUPT, with a sentence that names the entry and not the file.
 */
#ifndef WAL_STORE_PIECES_LMDB_H
#define WAL_STORE_PIECES_LMDB_H

#include "wal/env_lmdb.h"
#include "wal/store_entry.h"

/* Appends the value of the entry to *ret, given its piece 0; on an error *ret is as it was. */
int store_pieces_append(MDB_txn *txn, MDB_dbi dbi, struct bytes key, MDB_val first, struct buffer *ret,
                        stet_why *why);

/* The piece `number`, which is not 0, is there because the one before it is full. */
int store_pieces_check_before(MDB_txn *txn, MDB_dbi dbi, struct bytes key, unsigned number, stet_why *why);

/* Checks what begins with this piece, or that it goes on from another: done for all of them, all values are
 * whole and no piece is left over. *ret_key: the entry's key as far as known; *ret_first: it is a piece 0. */
int store_pieces_check(MDB_txn *txn, MDB_dbi dbi, struct bytes lmdb_key, MDB_val piece,
                       struct buffer *scratch, struct bytes *ret_key, bool *ret_first, stet_why *why);

/* Says in *why what is wrong with an entry of which file, and what to do. Returns STET_ECORRUPT. */
int store_pieces_refuse(const struct env_lmdb *env, const stet_why *reason, stet_why *why);

#endif
