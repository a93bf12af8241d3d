/* SPDX-License-Identifier: MIT
 *
 * What the parts of the LMDB store share: the log on an environment, and how its entries are read.
 */
#ifndef WAL_LOG_LMDB_H
#define WAL_LOG_LMDB_H

#include "wal/block.h"
#include "wal/env_lmdb.h"
#include "wal/log.h"

struct log_lmdb {
        struct log log;
        struct env_lmdb env;
        enum log_level level;
        unsigned trim_after; /* so many more blocks are written; 0 at first, so that a log is also trimmed
                                that is never open for long */
        MDB_txn *view;       /* what readings see; NULL: the newest */
};

extern const struct log_ops log_lmdb_ops;

/* The log's head, as the transaction sees it. */
int log_lmdb_head(struct env_lmdb *env, MDB_txn *txn, struct log_head *ret, stet_why *why);
/* Writes it, with the transaction's number. */
int log_lmdb_head_put(struct env_lmdb *env, MDB_txn *txn, struct log_head *head, stet_why *why);

/* The last record, trimmed or not, and which transaction wrote it; all 0 when there never was one. */
struct log_tail {
        uint64_t lsn;
        uint32_t crc;
        uint64_t commit;
};

int log_lmdb_tail(struct env_lmdb *env, MDB_txn *txn, struct log_tail *ret, stet_why *why);

/* log_read() of the LMDB store. */
int log_lmdb_read(struct log *log, uint64_t from_lsn, log_visit_fn *visit, void *ctx, stet_why *why);

#endif
