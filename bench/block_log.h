/* SPDX-License-Identifier: MIT
 *
 * Bare LMDB as a log: sequential keys with MDB_APPEND, bytes in values of at most one overflow page (4,080
 * bytes), one transaction for each append. No checksums, no epochs, no reading: what is left is what LMDB and
 * the disk cost, and that is what `raw` and `ceiling` measure.
 *
 * A log is used by one thread at a time.
 */
#ifndef BENCH_BLOCK_LOG_H
#define BENCH_BLOCK_LOG_H

#include "stet/node.h"

enum { BLOCK_SIZE_MAX = 4080 };

struct block_log;

/* Makes DIR/NAME.mdb anew. sync: LMDB's default flags; relaxed: append does not sync, but syncs once a
 * second; memory: never synced. */
int block_log_open(const char *dir, const char *name, stet_level level, struct block_log **ret,
                   stet_why *why);

/* Appends and commits. STET_EFULL, STET_EIO. */
int block_log_append(struct block_log *log, const void *data, size_t size, stet_why *why);

/* What the file takes on the disk. */
uint64_t block_log_disk_bytes(const struct block_log *log);

/* Closes the log and removes its files. Harmless on NULL. */
void block_log_remove(struct block_log *log);

#endif
