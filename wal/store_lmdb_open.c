/* SPDX-License-Identifier: MIT
 *
 * Opening a store file: make it if there is none and that is wanted, look at it from outside before LMDB maps
 * it, check that its newest transaction is the one that wrote its head, and write the log's epoch into it,
 * which shuts out whoever had it open before.
 */
#include "wal/file_lmdb.h"
#include "wal/store_lmdb.h"
#include "wal/write_rules.h"

#include <inttypes.h>
#include <stdlib.h>

enum { LIVE_TRIES = 20 }; /* to see a tree and its number of one moment */

static int create_work(struct env_lmdb *env, MDB_txn *txn, void *arg, stet_why *why)
{
        struct store_head head = { 0 };
        (void)arg;
        return store_lmdb_head_put(env, txn, &head, why);
}

static int look_at_head(struct env_lmdb *env, MDB_txn *txn, void *arg, stet_why *why)
{
        (void)arg;
        return store_lmdb_head(env, txn, &(struct store_head){ 0 }, why);
}

/* The commit rule. */
static int check_newest(const struct env_lmdb *env, uint64_t newest, const struct store_head *head,
                        stet_why *why)
{
        if (head->commit == newest)
                return 0;
        return stet_why_set(why, STET_ECORRUPT,
                            "%s: its newest transaction is %" PRIu64 ", but its head is of %" PRIu64
                            ": a write was torn or lost; restore a backup",
                            env->path, newest, head->commit);
}

static int read_head_once(struct env_lmdb *env, struct store_head *ret, stet_why *why)
{
        MDB_txn *txn = NULL;
        int err = env_lmdb_read_begin(env, &txn, why);
        if (err)
                return err;
        err = store_lmdb_head(env, txn, ret, why);
        if (!err)
                err = check_newest(env, mdb_txn_id(txn), ret, why);
        env_lmdb_read_end(env, txn);
        mdb_txn_abort(txn);
        return err;
}

/* Should another process commit twice while LMDB begins the transaction, then that sees the newer tree under
 * the older number. */
static int read_head(struct env_lmdb *env, unsigned tries, struct store_head *ret, stet_why *why)
{
        int err = STET_ECORRUPT;
        for (unsigned i = 0; i < tries && err == STET_ECORRUPT; i++)
                err = read_head_once(env, ret, why);
        return err;
}

static int check_epoch(const struct store_lmdb *l, const struct store_head *head, stet_why *why)
{
        if (head->epoch <= l->store.epoch)
                return 0;
        return write_rules_epoch(l->env.path, head->epoch, l->store.epoch, why);
}

static int epoch_work(struct env_lmdb *env, MDB_txn *txn, void *arg, stet_why *why)
{
        const struct store_lmdb *l = arg;
        struct store_head head;
        int err = store_lmdb_head(env, txn, &head, why);
        if (!err)
                err = check_epoch(l, &head, why);
        if (err)
                return err;
        head.epoch = l->store.epoch;
        return store_lmdb_head_put(env, txn, &head, why);
}

static int begin(struct store_lmdb *l, unsigned tries, stet_why *why)
{
        struct store_head head;
        int err = read_head(&l->env, tries, &head, why);
        if (!err && l->reading)
                l->store.epoch = head.epoch;
        if (!err && !l->reading)
                err = env_lmdb_write(&l->env, epoch_work, l, why);
        if (err)
                return err;
        l->store.checkpoint = head.checkpoint;
        l->store.stats.disk_bytes = env_lmdb_disk_bytes(&l->env);
        return 0;
}

static int open_store(const char *path, unsigned flags, size_t map_bytes, uint64_t epoch, struct store **ret,
                      stet_why *why)
{
        struct store_lmdb *l = xcalloc(1, sizeof *l);
        l->store.ops = &store_lmdb_ops;
        l->store.epoch = epoch;
        l->reading = flags & MDB_RDONLY;
        int err = env_lmdb_open(&l->env, path, flags, map_bytes, why);
        if (err) {
                free(l);
                return err;
        }
        pthread_mutex_init(&l->readers_lock, NULL);
        err = begin(l, flags == MDB_RDONLY ? LIVE_TRIES : 1, why);
        if (err)
                store_close(&l->store);
        else
                *ret = &l->store;
        return err;
}

int store_lmdb_open(const struct store_lmdb_options *options, struct store **ret, stet_why *why)
{
        struct meta_lmdb meta;
        int err = meta_lmdb_read(options->path, &meta, why);
        if (err == STET_ENOTFOUND && options->create) {
                err = file_lmdb_create(options->path, create_work, NULL, why);
                if (!err)
                        err = meta_lmdb_read(options->path, &meta, why);
        }
        if (!err)
                err = file_lmdb_look(options->path, &meta, look_at_head, NULL, why);
        if (err)
                return err;
        return open_store(options->path, options->level == LOG_MEMORY ? MDB_NOSYNC : 0,
                          options->map_bytes ? options->map_bytes : ENV_MAP_BYTES, options->epoch, ret, why);
}

int store_lmdb_open_reading(const char *path, bool alone, struct store **ret, stet_why *why)
{
        struct meta_lmdb meta;
        int err = alone ? meta_lmdb_read(path, &meta, why) : meta_lmdb_read_in_use(path, &meta, why);
        if (err)
                return err;
        return open_store(path, alone ? MDB_RDONLY | MDB_NOLOCK : MDB_RDONLY,
                          env_map_bytes_reading(meta.file_size), 0, ret, why);
}

uint64_t store_lmdb_newest(const struct store *s)
{
        return env_lmdb_newest(&((const struct store_lmdb *)s)->env);
}

/* The commit rule is not asked for again: it was, when the store was opened. */
int store_lmdb_hold(struct store *s, uint64_t *ret_newest, stet_why *why)
{
        struct store_lmdb *l = (struct store_lmdb *)s;
        struct store_head head;
        int err = env_lmdb_view_renew(&l->env, &l->view, why);
        if (err)
                return err;
        err = store_lmdb_head(&l->env, l->view, &head, why);
        *ret_newest = mdb_txn_id(l->view);
        env_lmdb_view_pause(&l->env);
        if (!err) {
                s->checkpoint = head.checkpoint;
                s->epoch = head.epoch;
        }
        return err;
}
