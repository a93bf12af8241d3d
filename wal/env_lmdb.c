/* SPDX-License-Identifier: MIT
 *
 * Disk full arrives as ENOSPC or, after a short write, as EIO. LMDB's commit writes the pages, syncs, and
 * then writes its meta page: a commit that failed before the meta page left no trace, one that failed there
 * may be on the disk or not, and LMDB then refuses every later transaction with MDB_PANIC, which is how the
 * two are told apart.
 */
#include "wal/env_lmdb.h"

#include "base/buffer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { ENV_MAP_SMALL = -1, ENV_MAP_STALE = -2 }; /* never leave this file */

#define DISK_RESERVE (UINT64_C(1) << 20) /* less room than this is a full disk */

int env_lmdb_error(const struct env_lmdb *env, int rc, const char *doing, stet_why *why)
{
        int err = STET_EIO;
        switch (rc) {
        case MDB_MAP_FULL:
                return ENV_MAP_SMALL;
        case MDB_MAP_RESIZED:
                return ENV_MAP_STALE;
        case MDB_CORRUPTED:
        case MDB_PAGE_NOTFOUND:
        case MDB_NOTFOUND:
        case MDB_INVALID:
        case MDB_CURSOR_FULL:
                err = STET_ECORRUPT;
                break;
        case MDB_READERS_FULL:
                err = STET_EBUSY;
                break;
        case MDB_VERSION_MISMATCH:
                err = STET_EFORMAT;
                break;
        case MDB_TXN_FULL:
                err = STET_EINVAL;
                break;
        case ENOMEM:
                err = STET_ENOMEM;
                break;
        case ENOSPC:
        case EDQUOT:
                err = STET_EFULL;
                break;
        }
        return stet_why_set(why, err, "%s: cannot %s: %s (LMDB %d)", env->path, doing, mdb_strerror(rc), rc);
}

static size_t round_to_page(size_t bytes)
{
        size_t page = (size_t)sysconf(_SC_PAGESIZE);
        return (bytes + page - 1) / page * page;
}

/* Writers first: a growing map must not wait for ever behind readers that take turns. */
static void lock_init(pthread_rwlock_t *lock)
{
        pthread_rwlockattr_t attr;
        pthread_rwlockattr_init(&attr);
        pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
        pthread_rwlock_init(lock, &attr);
        pthread_rwlockattr_destroy(&attr);
}

static int open_database(struct env_lmdb *env, unsigned flags, stet_why *why)
{
        MDB_txn *txn;
        int rc = mdb_txn_begin(env->mdb, NULL, flags & MDB_RDONLY, &txn);
        if (rc)
                return env_lmdb_error(env, rc, "begin a transaction", why);
        rc = mdb_dbi_open(txn, NULL, 0, &env->dbi);
        if (rc) {
                mdb_txn_abort(txn);
                return env_lmdb_error(env, rc, "open the database", why);
        }
        rc = mdb_txn_commit(txn);
        return rc ? env_lmdb_error(env, rc, "open the database", why) : 0;
}

static int open_environment(struct env_lmdb *env, unsigned flags, stet_why *why)
{
        int rc = mdb_env_set_mapsize(env->mdb, env->map_bytes);
        if (!rc)
                rc = mdb_env_open(env->mdb, env->path, flags | MDB_NOSUBDIR | MDB_NOTLS, 0600);
        if (rc)
                return env_lmdb_error(env, rc, "open it", why);
        int dead;
        if (!(flags & MDB_NOLOCK) && (rc = mdb_reader_check(env->mdb, &dead)))
                return env_lmdb_error(env, rc, "clear the places of dead readers", why);
        MDB_envinfo info;
        mdb_env_info(env->mdb, &info);
        env->map_bytes = info.me_mapsize;
        return open_database(env, flags, why);
}

int env_lmdb_open(struct env_lmdb *env, const char *path, unsigned flags, size_t map_bytes, stet_why *why)
{
        *env =
            (struct env_lmdb){ .path = xmemdup(path, strlen(path)), .map_bytes = round_to_page(map_bytes) };
        lock_init(&env->lock);
        int rc = mdb_env_create(&env->mdb);
        int err = rc ? env_lmdb_error(env, rc, "prepare to open it", why) : open_environment(env, flags, why);
        if (err)
                env_lmdb_close(env);
        return err;
}

void env_lmdb_close(struct env_lmdb *env)
{
        if (env->mdb)
                mdb_env_close(env->mdb);
        pthread_rwlock_destroy(&env->lock);
        free(env->path);
        *env = (struct env_lmdb){ 0 };
}

/* Unlike a failed mmap within LMDB, this does no harm. */
static bool address_space_has(size_t bytes)
{
        void *p = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (p == MAP_FAILED)
                return false;
        munmap(p, bytes);
        return true;
}

static int refuse_unmapped(const struct env_lmdb *env, stet_why *why)
{
        return stet_why_set(why, STET_EIO,
                            "%s could not be mapped again when its map was to grow; open it anew", env->path);
}

/* 0 adopts the size that another process gave the map. */
static int set_map(struct env_lmdb *env, size_t bytes, stet_why *why)
{
        pthread_rwlock_wrlock(&env->lock);
        int rc = mdb_env_set_mapsize(env->mdb, bytes);
        MDB_envinfo info;
        mdb_env_info(env->mdb, &info);
        env->map_bytes = info.me_mapsize;
        env->unmapped = rc != 0;
        pthread_rwlock_unlock(&env->lock);
        return rc ? refuse_unmapped(env, why) : 0;
}

static uint64_t disk_room(const struct env_lmdb *env)
{
        struct statvfs vfs;
        return statvfs(env->path, &vfs) ? 0 : (uint64_t)vfs.f_bavail * vfs.f_frsize;
}

static int refuse_full(const struct env_lmdb *env, int number, stet_why *why)
{
        return stet_why_set(why, STET_EFULL,
                            "the disk that holds %s is full (%" PRIu64 " bytes free, error %d); nothing was "
                            "written, make room and it goes on",
                            env->path, disk_room(env), number);
}

/* Doubles the map, or grows it as far as the address space allows. */
static int grow(struct env_lmdb *env, stet_why *why)
{
        if (disk_room(env) < DISK_RESERVE)
                return refuse_full(env, ENOSPC, why);
        size_t step = env->map_bytes;
        while (step && (step > SIZE_MAX - env->map_bytes || !address_space_has(env->map_bytes + step)))
                step = step / 2 / 65536 * 65536;
        if (!step)
                return stet_why_set(
                    why, STET_EFULL,
                    "%s fills its map of %zu bytes, and the address space has no room for a larger "
                    "one; nothing was written",
                    env->path, env->map_bytes);
        return set_map(env, round_to_page(env->map_bytes + step), why);
}

/* A failed meta write is the one after which LMDB lets nobody in. */
static bool panicked(const struct env_lmdb *env)
{
        MDB_txn *txn;
        if (mdb_txn_begin(env->mdb, NULL, 0, &txn))
                return true;
        mdb_txn_abort(txn);
        return false;
}

static int commit_error(const struct env_lmdb *env, int rc, stet_why *why)
{
        if (rc == MDB_MAP_FULL)
                return ENV_MAP_SMALL;
        bool full =
            rc == ENOSPC || rc == EDQUOT || rc == EFBIG || (rc == EIO && disk_room(env) < DISK_RESERVE);
        if (full && !panicked(env))
                return refuse_full(env, rc, why);
        return stet_why_set(
            why, STET_EIO,
            "writing to %s failed: %s (%d); the outcome is unknown: what was being written may be on "
            "the disk or not. Check the disk, then open it again",
            env->path, mdb_strerror(rc), rc);
}

static int write_once(struct env_lmdb *env, env_lmdb_work *work, void *arg, stet_why *why)
{
        if (env->unmapped)
                return refuse_unmapped(env, why);
        MDB_txn *txn;
        int rc = mdb_txn_begin(env->mdb, NULL, 0, &txn);
        if (rc)
                return env_lmdb_error(env, rc, "begin a transaction", why);
        int err = work(env, txn, arg, why);
        if (err) {
                mdb_txn_abort(txn);
                return err;
        }
        rc = mdb_txn_commit(txn);
        return rc ? commit_error(env, rc, why) : 0;
}

int env_lmdb_write(struct env_lmdb *env, env_lmdb_work *work, void *arg, stet_why *why)
{
        for (;;) {
                pthread_rwlock_rdlock(&env->lock);
                int err = write_once(env, work, arg, why);
                pthread_rwlock_unlock(&env->lock);
                if (err == ENV_MAP_SMALL)
                        err = grow(env, why);
                else if (err == ENV_MAP_STALE)
                        err = set_map(env, 0, why);
                else
                        return err;
                if (err)
                        return err;
        }
}

static int begin_or_renew(struct env_lmdb *env, MDB_txn **txn, stet_why *why)
{
        if (env->unmapped)
                return refuse_unmapped(env, why);
        int rc = *txn ? mdb_txn_renew(*txn) : mdb_txn_begin(env->mdb, NULL, MDB_RDONLY, txn);
        return rc ? env_lmdb_error(env, rc, "begin reading", why) : 0;
}

int env_lmdb_read_begin(struct env_lmdb *env, MDB_txn **txn, stet_why *why)
{
        for (;;) {
                pthread_rwlock_rdlock(&env->lock);
                int err = begin_or_renew(env, txn, why);
                if (!err)
                        return 0;
                pthread_rwlock_unlock(&env->lock);
                if (err == ENV_MAP_STALE)
                        err = set_map(env, 0, why);
                if (err)
                        return err;
        }
}

void env_lmdb_read_end(struct env_lmdb *env, MDB_txn *txn)
{
        mdb_txn_reset(txn);
        pthread_rwlock_unlock(&env->lock);
}

int env_lmdb_view_begin(struct env_lmdb *env, MDB_txn **ret, stet_why *why)
{
        *ret = NULL;
        int err = env_lmdb_read_begin(env, ret, why);
        if (!err)
                env_lmdb_view_pause(env);
        return err;
}

int env_lmdb_view_renew(struct env_lmdb *env, MDB_txn **view, stet_why *why)
{
        if (*view)
                mdb_txn_abort(*view);
        int err = env_lmdb_view_begin(env, view, why);
        return err ? err : env_lmdb_view_resume(env, why);
}

int env_lmdb_view_resume(struct env_lmdb *env, stet_why *why)
{
        pthread_rwlock_rdlock(&env->lock);
        if (!env->unmapped)
                return 0;
        pthread_rwlock_unlock(&env->lock);
        return refuse_unmapped(env, why);
}

void env_lmdb_view_pause(struct env_lmdb *env)
{
        pthread_rwlock_unlock(&env->lock);
}

uint64_t env_lmdb_newest(const struct env_lmdb *env)
{
        MDB_envinfo info;
        mdb_env_info(env->mdb, &info);
        return info.me_last_txnid;
}

/* Whatever comes of it: they are looked for again. */
void env_lmdb_forget_dead(const struct env_lmdb *env)
{
        int dead;
        mdb_reader_check(env->mdb, &dead);
}

/* LMDB does not tell where its map is. But the first entry's value is in a page of it, each page begins with
 * its number, and page 0 is a meta page, which can be known by its magic. */
static uint8_t *map_of(const struct env_lmdb *env, MDB_txn *txn)
{
        enum { META_MAGIC_OFFSET = 16 };
        MDB_stat stat;
        MDB_val key, value;
        MDB_cursor *cursor;
        size_t number;
        uint32_t magic;
        if (mdb_env_stat(env->mdb, &stat) || mdb_cursor_open(txn, env->dbi, &cursor))
                return NULL;
        int rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
        mdb_cursor_close(cursor);
        if (rc || value.mv_size > stat.ms_psize / 4) /* a larger one is not in the page of its key */
                return NULL;
        uint8_t *page = (uint8_t *)value.mv_data - (uintptr_t)value.mv_data % stat.ms_psize;
        memcpy(&number, page, sizeof number);
        if (number >= env->map_bytes / stat.ms_psize)
                return NULL;
        uint8_t *map = page - number * stat.ms_psize;
        memcpy(&magic, map + META_MAGIC_OFFSET, sizeof magic);
        return magic == 0xBEEFC0DE ? map : NULL;
}

void env_lmdb_leave_pages(struct env_lmdb *env)
{
        MDB_txn *txn = NULL;
        if (env_lmdb_read_begin(env, &txn, NULL))
                return;
        uint8_t *map = map_of(env, txn);
        if (map)
                madvise(map, env->map_bytes, MADV_DONTNEED);
        env_lmdb_read_end(env, txn);
        mdb_txn_abort(txn);
}

int env_lmdb_sync(struct env_lmdb *env, stet_why *why)
{
        int rc = mdb_env_sync(env->mdb, 1);
        if (!rc)
                return 0;
        return stet_why_set(
            why, STET_EIO,
            "syncing %s failed: %s (%d); the outcome is unknown: what was written since the last "
            "sync may be on the disk or not. Check the disk, then open it again",
            env->path, mdb_strerror(rc), rc);
}

uint64_t env_lmdb_disk_bytes(const struct env_lmdb *env)
{
        MDB_envinfo info;
        MDB_stat stat;
        mdb_env_info(env->mdb, &info);
        mdb_env_stat(env->mdb, &stat);
        return ((uint64_t)info.me_last_pgno + 1) * stat.ms_psize;
}
