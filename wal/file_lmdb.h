/* SPDX-License-Identifier: MIT
 *
 * An LMDB file before it is opened for use: made whole or not at all, and looked at from outside.
 */
#ifndef WAL_FILE_LMDB_H
#define WAL_FILE_LMDB_H

#include "wal/env_lmdb.h"
#include "wal/meta_lmdb.h"

/* Makes the file with what the work puts into it: as PATH.new, synced, renamed, the directory synced, so that
 * a crash leaves nothing half-made under its name. */
int file_lmdb_create(const char *path, env_lmdb_work *work, void *arg, stet_why *why);

/* Does the work in a transaction that reads, without a lock and without writing: a file that is not ours
 * stays as it is. Nobody may be writing to it. */
int file_lmdb_look(const char *path, const struct meta_lmdb *meta, env_lmdb_work *work, void *arg,
                   stet_why *why);

int file_lmdb_sync(const char *path, stet_why *why);

#endif
