/* SPDX-License-Identifier: MIT
 *
 * What a shard's store and log say, compared: whether every run's history folds to its image, whether every
 * entry is there that should be and no other, and whether the log goes on where the store ends. Bytes that
 * are damaged are found below (store_lmdb_verify(), log_lmdb_verify()); here those are found that are whole
 * and wrong.
 */
#ifndef RUNTIME_VERIFY_STORE_H
#define RUNTIME_VERIFY_STORE_H

#include "runtime/run_store.h"
#include "wal/log.h"

/* Called for each damage: the run and LSN as far as known (0: unknown). */
typedef void verify_damage_fn(void *ctx, uint64_t lsn, uint64_t run, const char *sentence);

struct verify_store_options {
        struct store *store; /* borrowed; NULL: a directory of format 1 has none */
        struct log *log;     /* borrowed */
        uint32_t shard;
        verify_damage_fn *damage;
        void (*progress)(void *ctx, uint64_t runs); /* may be NULL */
        void *ctx;
};

/* 0, also when there is damage; or why nothing could be said. *ret_runs: those in the store. */
int verify_store(const struct verify_store_options *options, uint64_t *ret_runs, stet_why *why);

/* The run that a key of the store is of; 0: of none, or unknown. */
uint64_t verify_store_run_of(struct bytes key);

#endif
