/* SPDX-License-Identifier: MIT
 *
 * An LMDB environment of one database whose map grows by itself, and the one place where LMDB's errors become
 * ours.
 *
 * The map may move only while no transaction of the process is alive. So each transaction holds the lock
 * shared, and growing takes it alone; a reader must therefore end its transaction soon and do nothing slow
 * within.
 */
#ifndef WAL_ENV_LMDB_H
#define WAL_ENV_LMDB_H

#include "base/bytes.h"
#include "stet/error.h"

#include <lmdb.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

static inline struct bytes bytes_of_val(const MDB_val *val)
{
        return bytes_of(val->mv_data, val->mv_size);
}

static inline MDB_val val_of_bytes(struct bytes b)
{
        return (MDB_val){ b.size, (void *)(uintptr_t)b.data };
}

#define ENV_MAP_BYTES ((size_t)1 << 30) /* of a map that nobody chose; it costs addresses only */

/* Of whoever only reads a file of that size: with room for what another process adds meanwhile. */
static inline size_t env_map_bytes_reading(uint64_t file_size)
{
        return 2 * file_size > ENV_MAP_BYTES ? 2 * file_size : ENV_MAP_BYTES;
}

struct env_lmdb {
        MDB_env *mdb;
        MDB_dbi dbi;
        char *path;
        size_t map_bytes;
        bool unmapped; /* the map was given up and could not be had again: nothing works any more */
        pthread_rwlock_t lock;
};

/* Opens the file with these flags and those every environment of ours has. Check it with meta_lmdb_read()
 * before. */
int env_lmdb_open(struct env_lmdb *env, const char *path, unsigned flags, size_t map_bytes, stet_why *why);
void env_lmdb_close(struct env_lmdb *env);

/* The work of a write transaction: 0, an error of ours, or what env_lmdb_error() returned. It may be done
 * again from the start in a new transaction. */
typedef int env_lmdb_work(struct env_lmdb *env, MDB_txn *txn, void *arg, stet_why *why);

/* Does the work and commits it; grows the map as far as it takes. STET_EFULL: nothing was written. After
 * STET_EIO it is unknown whether it was. */
int env_lmdb_write(struct env_lmdb *env, env_lmdb_work *work, void *arg, stet_why *why);

/* Begins a read transaction, or renews the one in *txn (NULL the first time), and holds the lock until end.
 * The caller aborts *txn when it needs it no more. */
int env_lmdb_read_begin(struct env_lmdb *env, MDB_txn **txn, stet_why *why);
void env_lmdb_read_end(struct env_lmdb *env, MDB_txn *txn);

/* Begins a transaction whose view lasts while others write and the map grows: read_begin without the lock.
 * What it sees may be looked at between resume and pause only; nothing within it points into the map but its
 * cursors and what they gave, which must be gone before the pause. The caller aborts it while it is paused.
 */
int env_lmdb_view_begin(struct env_lmdb *env, MDB_txn **ret, stet_why *why);
int env_lmdb_view_resume(struct env_lmdb *env, stet_why *why);
/* Lets go of *view (NULL: there is none), begins another in its place, and resumes it. */
int env_lmdb_view_renew(struct env_lmdb *env, MDB_txn **view, stet_why *why);
void env_lmdb_view_pause(struct env_lmdb *env);

/* The number of the newest transaction that anyone committed. */
uint64_t env_lmdb_newest(const struct env_lmdb *env);

/* Lets go of what readers hold whose processes have died. */
void env_lmdb_forget_dead(const struct env_lmdb *env);

/* Takes the file's pages out of the process's memory, as far as the map has brought them there; the system
 * keeps them for as long as it likes, and who looks at one has it back. After a long reading, or a large
 * write. */
void env_lmdb_leave_pages(struct env_lmdb *env);

int env_lmdb_sync(struct env_lmdb *env, stet_why *why);

/* What the file takes on the disk. */
uint64_t env_lmdb_disk_bytes(const struct env_lmdb *env);

/* Says in *why that LMDB returned rc when it should do that, and returns our error for it. Within a work
 * function the result may also be one of env_lmdb's own (negative), which is to be returned. */
int env_lmdb_error(const struct env_lmdb *env, int rc, const char *doing, stet_why *why);

#endif
