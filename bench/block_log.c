/* SPDX-License-Identifier: MIT */
#include "bench/block_log.h"

#include <errno.h>
#include <limits.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "bench/machine.h"

static const size_t MAP_BYTES = (size_t)32 << 30; /* valgrind refuses 64 GiB */
static const int64_t RELAXED_SYNC_NS = 1000000000;

struct block_log {
        MDB_env *env;
        MDB_dbi dbi;
        stet_level level;
        size_t next_key;
        int64_t synced_ns;
        char path[PATH_MAX];
};

static int log_failed(const struct block_log *log, int rc, stet_why *why)
{
        int err = rc == MDB_MAP_FULL || rc == ENOSPC ? STET_EFULL : STET_EIO;
        return stet_why_set(why, err, "%s: %s", log->path, mdb_strerror(rc));
}

static void remove_files(const char *path)
{
        char lock[PATH_MAX + 8];
        snprintf(lock, sizeof(lock), "%s-lock", path);
        unlink(path);
        unlink(lock);
}

static int open_database(struct block_log *log)
{
        MDB_txn *txn;
        int rc = mdb_txn_begin(log->env, NULL, 0, &txn);
        if (rc)
                return rc;
        rc = mdb_dbi_open(txn, NULL, MDB_INTEGERKEY, &log->dbi);
        if (rc) {
                mdb_txn_abort(txn);
                return rc;
        }
        return mdb_txn_commit(txn);
}

int block_log_open(const char *dir, const char *name, stet_level level, struct block_log **ret, stet_why *why)
{
        struct block_log *log = xcalloc(1, sizeof(*log));
        log->level = level;
        log->synced_ns = machine_now_ns();
        snprintf(log->path, sizeof(log->path), "%s/%s.mdb", dir, name);
        remove_files(log->path);

        /* NOMEMINIT leaves the rest of a page as malloc() gave it: less work, the same durability. */
        unsigned flags =
            MDB_NOSUBDIR | MDB_NOTLS | MDB_NOMEMINIT | (level == STET_LEVEL_SYNC ? 0U : (unsigned)MDB_NOSYNC);
        int rc = mdb_env_create(&log->env);
        if (!rc)
                rc = mdb_env_set_mapsize(log->env, MAP_BYTES);
        if (!rc)
                rc = mdb_env_open(log->env, log->path, flags, 0600);
        if (!rc)
                rc = open_database(log);
        if (rc) {
                int err = log_failed(log, rc, why);
                block_log_remove(log);
                return err;
        }
        *ret = log;
        return 0;
}

static int put_blocks(struct block_log *log, MDB_txn *txn, const uint8_t *data, size_t size)
{
        MDB_cursor *cursor;
        int rc = mdb_cursor_open(txn, log->dbi, &cursor);
        if (rc)
                return rc;
        while (size && !rc) {
                size_t part = size < BLOCK_SIZE_MAX ? size : BLOCK_SIZE_MAX;
                MDB_val key = { sizeof(log->next_key), &log->next_key };
                MDB_val value = { part, (void *)(uintptr_t)data };
                rc = mdb_cursor_put(cursor, &key, &value, MDB_APPEND);
                log->next_key++;
                data += part;
                size -= part;
        }
        mdb_cursor_close(cursor);
        return rc;
}

static int sync_if_due(struct block_log *log)
{
        int64_t now_ns = machine_now_ns();
        if (log->level != STET_LEVEL_RELAXED || now_ns - log->synced_ns < RELAXED_SYNC_NS)
                return 0;
        log->synced_ns = now_ns;
        return mdb_env_sync(log->env, 1);
}

int block_log_append(struct block_log *log, const void *data, size_t size, stet_why *why)
{
        MDB_txn *txn;
        int rc = mdb_txn_begin(log->env, NULL, 0, &txn);
        if (rc)
                return log_failed(log, rc, why);
        rc = put_blocks(log, txn, data, size);
        if (rc) {
                mdb_txn_abort(txn);
                return log_failed(log, rc, why);
        }
        rc = mdb_txn_commit(txn);
        if (!rc)
                rc = sync_if_due(log);
        return rc ? log_failed(log, rc, why) : 0;
}

uint64_t block_log_disk_bytes(const struct block_log *log)
{
        struct stat info;
        return stat(log->path, &info) == 0 ? (uint64_t)info.st_blocks * 512 : 0;
}

void block_log_remove(struct block_log *log)
{
        if (!log)
                return;
        if (log->env)
                mdb_env_close(log->env);
        remove_files(log->path);
        free(log);
}
