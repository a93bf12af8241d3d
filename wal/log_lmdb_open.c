/* SPDX-License-Identifier: MIT
 *
 * Opening a log file: make it if there is none, look at it from outside before LMDB maps it, find its two
 * ends, and raise its epoch, which shuts out whoever had it open before.
 */
#include "wal/file_lmdb.h"
#include "wal/log_lmdb.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

/* --- create --- */

static int create_work(struct env_lmdb *env, MDB_txn *txn, void *arg, stet_why *why)
{
        return log_lmdb_head_put(env, txn, arg, why);
}

static int create(const char *path, uint64_t lsn, uint32_t crc, stet_why *why)
{
        struct log_head head = { .first_lsn = lsn, .origin_lsn = lsn - 1, .origin_crc = crc };
        return file_lmdb_create(path, create_work, &head, why);
}

int log_lmdb_create_at(const char *path, uint64_t lsn, uint32_t crc, stet_why *why)
{
        if (!lsn || (lsn == 1 && crc))
                return stet_why_set(why, STET_EINVAL,
                                    "a log cannot begin with record %" PRIu64 " behind checksum %08" PRIx32,
                                    lsn, crc);
        if (access(path, F_OK) == 0)
                return stet_why_set(why, STET_EEXISTS, "%s is there already", path);
        return create(path, lsn, crc, why);
}

/* --- open --- */

static int look_at_head(struct env_lmdb *env, MDB_txn *txn, void *arg, stet_why *why)
{
        struct log_head head;
        (void)arg;
        return log_lmdb_head(env, txn, &head, why);
}

static int check_newest(const struct env_lmdb *env, uint64_t newest, const struct log_head *head,
                        const struct log_tail *tail, stet_why *why)
{
        uint64_t found = head->commit > tail->commit ? head->commit : tail->commit;
        if (found == newest)
                return 0;
        return stet_why_set(why, STET_ECORRUPT,
                            "%s: its newest transaction is %" PRIu64 ", but what is in it ends with %" PRIu64
                            ": a write was torn or lost; restore a backup",
                            env->path, newest, found);
}

static int raise_work(struct env_lmdb *env, MDB_txn *txn, void *arg, stet_why *why)
{
        uint64_t *epoch = arg;
        struct log_head head;
        int err = log_lmdb_head(env, txn, &head, why);
        if (err)
                return err;
        if (++head.epoch < *epoch)
                head.epoch = *epoch;
        *epoch = head.epoch;
        return log_lmdb_head_put(env, txn, &head, why);
}

/* Where it begins and ends as of the transaction, which the commit rule is checked for. */
static int ends_within(struct log_lmdb *l, MDB_txn *txn, struct log_head *ret_head, stet_why *why)
{
        struct log_head head;
        struct log_tail tail;
        int err = log_lmdb_head(&l->env, txn, &head, why);
        if (!err)
                err = log_lmdb_tail(&l->env, txn, &tail, why);
        if (!err)
                err = check_newest(&l->env, mdb_txn_id(txn), &head, &tail, why);
        if (err)
                return err;
        if (!tail.lsn)
                tail = (struct log_tail){ .lsn = head.origin_lsn, .crc = head.origin_crc };
        if (head.first_lsn <= head.origin_lsn || head.first_lsn > tail.lsn + 1)
                return stet_why_set(why, STET_ECORRUPT,
                                    "%s: it should begin with record %" PRIu64 ", but ends with %" PRIu64
                                    "; restore a backup",
                                    l->env.path, head.first_lsn, tail.lsn);
        l->log.first_lsn = head.first_lsn;
        l->log.last_lsn = tail.lsn;
        l->log.last_crc = tail.crc;
        *ret_head = head;
        return 0;
}

static int find_ends(struct log_lmdb *l, stet_why *why)
{
        struct log_head head;
        MDB_txn *txn = NULL;
        int err = env_lmdb_read_begin(&l->env, &txn, why);
        if (err)
                return err;
        err = ends_within(l, txn, &head, why);
        env_lmdb_read_end(&l->env, txn);
        mdb_txn_abort(txn);
        return err;
}

static int raise_epoch(struct log_lmdb *l, stet_why *why)
{
        int err = env_lmdb_write(&l->env, raise_work, &l->log.epoch, why);
        if (!err && l->level == LOG_RELAXED)
                err = env_lmdb_sync(&l->env, why);
        return err;
}

static int open_log(const struct log_lmdb_options *options, struct log **ret, stet_why *why)
{
        struct log_lmdb *l = xcalloc(1, sizeof *l);
        l->log.ops = &log_lmdb_ops;
        l->level = options->level;
        l->log.epoch = options->epoch_min;
        unsigned flags = options->level == LOG_SYNC ? 0 : MDB_NOSYNC;
        size_t map_bytes = options->map_bytes ? options->map_bytes : ENV_MAP_BYTES;
        int err = env_lmdb_open(&l->env, options->path, flags, map_bytes, why);
        if (err) {
                free(l);
                return err;
        }
        err = find_ends(l, why);
        if (!err)
                err = raise_epoch(l, why);
        if (err) {
                log_close(&l->log);
                return err;
        }
        l->log.stats.disk_bytes = env_lmdb_disk_bytes(&l->env);
        *ret = &l->log;
        return 0;
}

int log_lmdb_open(const struct log_lmdb_options *options, struct log **ret, stet_why *why)
{
        struct meta_lmdb meta;
        int err = meta_lmdb_read(options->path, &meta, why);
        if (err == STET_ENOTFOUND) {
                err = create(options->path, 1, 0, why);
                if (!err)
                        err = meta_lmdb_read(options->path, &meta, why);
        }
        if (!err)
                err = file_lmdb_look(options->path, &meta, look_at_head, NULL, why);
        return err ? err : open_log(options, ret, why);
}

/* --- reading --- */

static int hold(struct log_lmdb *l, uint64_t *ret_newest, stet_why *why)
{
        struct log_head head;
        int err = env_lmdb_view_renew(&l->env, &l->view, why);
        if (err)
                return err;
        err = ends_within(l, l->view, &head, why);
        *ret_newest = mdb_txn_id(l->view);
        env_lmdb_view_pause(&l->env);
        if (!err)
                l->log.epoch = head.epoch;
        return err;
}

int log_lmdb_hold(struct log *log, uint64_t *ret_newest, stet_why *why)
{
        return hold((struct log_lmdb *)log, ret_newest, why);
}

uint64_t log_lmdb_newest(const struct log *log)
{
        return env_lmdb_newest(&((const struct log_lmdb *)log)->env);
}

int log_lmdb_open_reading(const char *path, bool alone, struct log **ret, stet_why *why)
{
        struct meta_lmdb meta;
        int err = alone ? meta_lmdb_read(path, &meta, why) : meta_lmdb_read_in_use(path, &meta, why);
        if (err)
                return err;
        struct log_lmdb *l = xcalloc(1, sizeof *l);
        l->log.ops = &log_lmdb_ops;
        l->log.stopped = true; /* for whoever would write */
        err = env_lmdb_open(&l->env, path, alone ? MDB_RDONLY | MDB_NOLOCK : MDB_RDONLY,
                            env_map_bytes_reading(meta.file_size), why);
        if (err) {
                free(l);
                return err;
        }
        uint64_t newest;
        err = hold(l, &newest, why);
        if (err)
                log_close(&l->log);
        else
                *ret = &l->log;
        return err;
}
