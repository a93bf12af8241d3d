/* SPDX-License-Identifier: MIT
 *
 * What can be saved of a shard whose files are damaged: its records, from whatever entries of its log and
 * store are still whole, and of these the runs whose history has no gap.
 */
#ifndef RUNTIME_RECOVER_H
#define RUNTIME_RECOVER_H

#include "actors/run.h"
#include "base/buffer.h"
#include "wal/log.h"

/* A record that was found; its bytes are at `offset`. */
struct saved_record {
        uint64_t run;
        uint64_t lsn;
        size_t offset;
        size_t size;
        bool taken; /* its run is whole */
};

/* A piece of an entry, or a block: how one entry of LMDB's was found. */
struct saved_piece {
        size_t key_at;
        size_t key_size; /* without the piece's number */
        uint16_t number;
        size_t offset;
        size_t size;
};

struct recovery {
        struct buffer bytes; /* of all that was found */
        struct saved_record *records;
        size_t records_count, records_capacity;
        struct saved_piece *blocks; /* of the log: pieces of large records */
        size_t blocks_count, blocks_capacity;
        struct saved_piece *pieces; /* of the store */
        size_t pieces_count, pieces_capacity;
        struct buffer removed;  /* runs that records name as removed: uint64_t */
        struct buffer expected; /* runs that images know, and how far: pairs of uint64_t */
        uint64_t last_lsn;
        uint64_t unreadable; /* entries that were found and make no sense */
};

void recovery_fini(struct recovery *r);

/* Entries as they are found (salvage_visit_fn, with a struct recovery). */
void recovery_take_log(void *recovery, struct bytes key, struct bytes value);
void recovery_take_store(void *recovery, struct bytes key, struct bytes value);

/* Called for each run that is not whole. */
typedef void recovery_lost_fn(void *ctx, uint64_t run, const char *sentence);

/* Puts together what was found and marks the records of whole runs as taken, in the order of their LSNs.
 * Returns how many runs are whole. */
uint64_t recovery_sort_out(struct recovery *r, recovery_lost_fn *lost, void *ctx);

/* Appends the taken records to the log, numbered anew from its next LSN on. */
int recovery_write(const struct recovery *r, struct log *log, stet_why *why);

#endif
