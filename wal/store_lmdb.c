/* SPDX-License-Identifier: MIT
 *
 * The store in an LMDB file (FORMAT.md, "Store"). Invariant: every transaction writes the head, with its own
 * number and the checkpoint.
 */
#include "wal/store_lmdb.h"

#include "wal/write_rules.h"

#include <stdlib.h>

struct commit {
        const struct store_batch *batch;
        uint64_t epoch;
        struct store_checkpoint to;
};

/* --- committing --- */

static int commit_work(struct env_lmdb *env, MDB_txn *txn, void *arg, stet_why *why)
{
        const struct commit *c = arg;
        struct store_head head;
        int err = store_lmdb_head(env, txn, &head, why);
        if (!err)
                err = write_rules_epoch(env->path, head.epoch, c->epoch, why);
        if (!err)
                err = store_lmdb_apply(env, txn, c->batch, why);
        if (err)
                return err;
        head.checkpoint = c->to;
        return store_lmdb_head_put(env, txn, &head, why);
}

static int commit(struct store *s, const struct store_batch *batch, struct store_checkpoint to, stet_why *why)
{
        struct store_lmdb *l = (struct store_lmdb *)s;
        struct commit c = { .batch = batch, .epoch = s->epoch, .to = to };
        if (l->reading)
                return stet_why_set(why, STET_EINVAL, "%s was opened for reading only", l->env.path);
        env_lmdb_forget_dead(&l->env); /* a backup that was killed would keep every page that is freed */
        int err = env_lmdb_write(&l->env, commit_work, &c, why);
        if (!err)
                s->stats.disk_bytes = env_lmdb_disk_bytes(&l->env);
        env_lmdb_leave_pages(&l->env);
        return err;
}

static void close_store(struct store *s)
{
        struct store_lmdb *l = (struct store_lmdb *)s;
        for (size_t i = 0; i < l->readers_count; i++)
                mdb_txn_abort(l->readers[i]);
        if (l->view)
                mdb_txn_abort(l->view);
        pthread_mutex_destroy(&l->readers_lock);
        env_lmdb_close(&l->env);
        free(l);
}

const struct store_ops store_lmdb_ops = {
        .commit = commit,
        .get = store_lmdb_get,
        .fill = store_lmdb_fill,
        .close = close_store,
};
