/* SPDX-License-Identifier: MIT
 *
 * The checkpointer: reads the log behind the checkpoint, folds it into the runs of the store, and writes what
 * has changed in one batch, which moves the checkpoint. Then the log may forget what is before it.
 *
 * It takes nothing from the shard but the word that the log is durable up to some LSN, and does to the store
 * what a restart would: so it can run anywhere, at any time, and be killed at any point. It is core: who
 * drives it is in checkpoints.h.
 */
#ifndef RUNTIME_CHECKPOINTER_H
#define RUNTIME_CHECKPOINTER_H

#include "runtime/run_store.h"
#include "wal/log.h"

struct checkpointer;

/* Both are borrowed. */
struct checkpointer *checkpointer_new(struct log *log, const struct run_store *store);
void checkpointer_free(struct checkpointer *c);

/* What a batch was of. */
struct checkpointer_batch {
        size_t bytes; /* of records; 0: there were none */
        size_t runs;  /* that changed, and */
        size_t open;  /* were not over at its end */
};

/* Writes what about bytes_max of the log's records, none beyond up_to_lsn, have changed. STET_EFULL: nothing
 * was written, try again later. Any other error: the store is not to be used any more. */
int checkpointer_step(struct checkpointer *c, uint64_t up_to_lsn, size_t bytes_max,
                      struct checkpointer_batch *ret, stet_why *why);

#endif
