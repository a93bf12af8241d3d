/* SPDX-License-Identifier: MIT
 *
 * What the parts of the LMDB store share: the store on an environment, and how its entries are read.
 */
#ifndef WAL_STORE_LMDB_H
#define WAL_STORE_LMDB_H

#include "wal/env_lmdb.h"
#include "wal/store_entry.h"

enum { STORE_READERS_KEPT = 16 };

struct store_lmdb {
        struct store store;
        struct env_lmdb env;
        bool reading;  /* it takes no commits */
        MDB_txn *view; /* what readings and copies see; NULL: the newest */

        /* Transactions between two readings, reset: renewing one costs less than beginning one. */
        pthread_mutex_t readers_lock;
        MDB_txn *readers[STORE_READERS_KEPT];
        size_t readers_count;
};

extern const struct store_ops store_lmdb_ops;

/* The store's head, as the transaction sees it. */
int store_lmdb_head(struct env_lmdb *env, MDB_txn *txn, struct store_head *ret, stet_why *why);
/* Writes it, with the transaction's number. */
int store_lmdb_head_put(struct env_lmdb *env, MDB_txn *txn, struct store_head *head, stet_why *why);

/* Makes a sorted batch's changes. */
int store_lmdb_apply(struct env_lmdb *env, MDB_txn *txn, const struct store_batch *batch, stet_why *why);

/* get and fill of store_ops. */
int store_lmdb_get(struct store *s, struct bytes key, struct buffer *ret, stet_why *why);
int store_lmdb_fill(struct store *s, const struct store_range *range, size_t size, struct buffer *ret,
                    stet_why *why);

#endif
