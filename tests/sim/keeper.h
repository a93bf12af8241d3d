/* SPDX-License-Identifier: MIT
 *
 * The keeper of a shard's store (keeper.c), and the store's checker (check_store.c).
 */
#ifndef TESTS_SIM_KEEPER_H
#define TESTS_SIM_KEEPER_H

#include "runtime/checkpoints.h"
#include "tests/sim/world.h"

struct keeper;
struct keeper *keeper_new(struct sim *s, uint32_t shard);
void keeper_free(struct keeper *k);

/* Opens the store for the log's opening. Both live until keeper_crash(). */
void keeper_open(struct keeper *k, struct log *log);
/* The node is gone. */
void keeper_crash(struct keeper *k);

const struct run_store *keeper_runs(const struct keeper *k);
struct checkpoints *keeper_checkpoints(struct keeper *k);

/* A commit failed with unknown outcome: what is open is not necessarily what is on the disk. */
bool keeper_stopped(const struct keeper *k);

void keeper_fail_next(struct keeper *k, bool apply);
void keeper_fill(struct keeper *k, int64_t until_ns);
void keeper_heal(struct keeper *k);

/* What a store of that shard is opened with when it is new. */
uint64_t keeper_seed(const struct sim *s, uint32_t shard);

/* P32: the store says what the records up to its checkpoint add up to, entry by entry. */
void check_store(struct sim *s, uint32_t shard);

#endif
