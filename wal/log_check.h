/* SPDX-License-Identifier: MIT
 *
 * What every store does alike when it reads: decode, check each record's checksum, LSN and chain, and hand it
 * over. A store only copies encoded records out, batch by batch. Copied, because then nothing is locked or
 * pinned while the visitor works: it may be slow, append, or read the log again.
 */
#ifndef WAL_LOG_CHECK_H
#define WAL_LOG_CHECK_H

#include "wal/log.h"

/* Batches begin small, because many readers want one record, and grow, because others want all. */
enum { LOG_BATCH_SIZE_FIRST = 1, LOG_BATCH_GROWTH = 16, LOG_BATCH_SIZE_MAX = 1 << 20 };

/* The place in the sequence of records that a reader has come to. */
struct log_check {
        uint64_t lsn;   /* of the next record */
        uint32_t chain; /* checksum of the one before, if known */
        bool chain_known;
};

/* Before the record lsn; nothing is known of its predecessor, unless it has none. */
struct log_check log_check_from(uint64_t lsn);

/* Decodes the record at the front of *rest, checks that it is the next one, and steps over it. */
int log_check_next(struct log_check *c, struct bytes *rest, struct record *ret, stet_why *why);

/* Fills the empty batch with whole records: *ret_lsn is the first one's LSN, at most *from_lsn. Stops when it
 * has `size` bytes or more; leaves the batch empty when there is no record from_lsn yet. Raises *from_lsn to
 * the store's oldest record. On an error the batch has what lies before the damage. */
typedef int log_fill_fn(void *store, uint64_t *from_lsn, size_t size, struct buffer *batch, uint64_t *ret_lsn,
                        stet_why *why);

/* log_read() for a store that can fill batches. */
int log_read_batches(log_fill_fn *fill, void *store, uint64_t from_lsn, log_visit_fn *visit, void *ctx,
                     stet_why *why);

#endif
