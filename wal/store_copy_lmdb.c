/* SPDX-License-Identifier: MIT
 *
 * Copying a store: all of it as one transaction sees it, in the order in which it lies, so that the new file
 * is filled from front to back without a gap. The view is held throughout, the map only while a batch is
 * taken from it: whoever commits meanwhile waits for no more than that, and takes new pages instead of those
 * that the view still has.
 *
 * The new file is written without syncing and synced at the end. It is a store after each of its
 * transactions, but not a whole one before the last: it is removed when the copying fails.
 */
#include "wal/file_lmdb.h"
#include "wal/store_fill.h"
#include "wal/store_lmdb.h"
#include "wal/store_pieces_lmdb.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { BATCH_SIZE = 1 << 20 };

struct copy {
        struct env_lmdb *from;
        MDB_txn *view;
        struct env_lmdb to;
        struct store_head head;
        struct buffer batch;   /* LMDB's entries, as they lie */
        struct piece_key last; /* that was taken; its size is 0 before the first */
        bool done;
        uint64_t entries;
        struct buffer scratch;
        void (*progress)(void *ctx, uint64_t entries);
        void *ctx;
};

/* --- taking --- */

/* The first entry behind the last that was taken; LMDB's result. */
static int seek(const struct copy *c, MDB_cursor *cursor, MDB_val *key, MDB_val *value)
{
        struct bytes last = c->last.size ? bytes_of(c->last.data, c->last.size) : store_head_key();
        *key = val_of_bytes(last);
        int rc = mdb_cursor_get(cursor, key, value, MDB_SET);
        return rc ? rc : mdb_cursor_get(cursor, key, value, MDB_NEXT);
}

static int take(struct copy *c, struct bytes lmdb_key, MDB_val value, stet_why *why)
{
        struct bytes key;
        bool first;
        stet_why reason;
        if (store_pieces_check(c->view, c->from->dbi, lmdb_key, value, &c->scratch, &key, &first, &reason))
                return store_pieces_refuse(c->from, &reason, why);
        size_t at = store_fill_begin(&c->batch, lmdb_key);
        buffer_append(&c->batch, value.mv_data, value.mv_size);
        store_fill_end(&c->batch, at);
        memcpy(c->last.data, lmdb_key.data, lmdb_key.size);
        c->last.size = lmdb_key.size;
        c->entries += first;
        return 0;
}

static int take_batch(struct copy *c, MDB_cursor *cursor, stet_why *why)
{
        MDB_val key, value;
        int rc = seek(c, cursor, &key, &value);
        while (!rc && c->batch.size < BATCH_SIZE) {
                int err = take(c, bytes_of_val(&key), value, why);
                if (err)
                        return err;
                rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
        }
        c->done = rc == MDB_NOTFOUND;
        return rc && !c->done ? env_lmdb_error(c->from, rc, "read on", why) : 0;
}

static int take_within_view(struct copy *c, stet_why *why)
{
        MDB_cursor *cursor;
        buffer_clear(&c->batch);
        int err = env_lmdb_view_resume(c->from, why);
        if (err)
                return err;
        int rc = mdb_cursor_open(c->view, c->from->dbi, &cursor);
        if (rc) {
                err = env_lmdb_error(c->from, rc, "begin reading", why);
        } else {
                err = take_batch(c, cursor, why);
                mdb_cursor_close(cursor);
        }
        env_lmdb_view_pause(c->from);
        return err;
}

static int take_head(struct copy *c, stet_why *why)
{
        int err = env_lmdb_view_resume(c->from, why);
        if (err)
                return err;
        err = store_lmdb_head(c->from, c->view, &c->head, why);
        env_lmdb_view_pause(c->from);
        return err;
}

/* --- writing --- */

static int append_all(struct env_lmdb *env, MDB_cursor *cursor, struct bytes rest, stet_why *why)
{
        struct bytes key_bytes, value_bytes;
        while (store_fill_next(&rest, &key_bytes, &value_bytes)) {
                MDB_val key = val_of_bytes(key_bytes), value = val_of_bytes(value_bytes);
                int rc = mdb_cursor_put(cursor, &key, &value, MDB_APPEND);
                if (rc)
                        return env_lmdb_error(env, rc, "write an entry", why);
        }
        return 0;
}

static int batch_work(struct env_lmdb *env, MDB_txn *txn, void *arg, stet_why *why)
{
        struct copy *c = arg;
        MDB_cursor *cursor;
        int err = store_lmdb_head_put(env, txn, &c->head, why);
        if (err)
                return err;
        int rc = mdb_cursor_open(txn, env->dbi, &cursor);
        if (rc)
                return env_lmdb_error(env, rc, "begin writing", why);
        err = append_all(env, cursor, buffer_bytes(&c->batch), why);
        mdb_cursor_close(cursor);
        return err;
}

/* At least one batch, so that there is a head. */
static int copy_all(struct copy *c, stet_why *why)
{
        int err = take_head(c, why);
        while (!err && !c->done) {
                err = take_within_view(c, why);
                if (!err)
                        err = env_lmdb_write(&c->to, batch_work, c, why);
                if (!err && c->progress)
                        c->progress(c->ctx, c->entries);
        }
        return err;
}

static int copy_view(struct copy *c, MDB_txn *held, stet_why *why)
{
        c->view = held;
        int err = held ? 0 : env_lmdb_view_begin(c->from, &c->view, why);
        if (err)
                return err;
        err = copy_all(c, why);
        if (!held)
                mdb_txn_abort(c->view);
        return err;
}

static int copy_into(struct copy *c, MDB_txn *held, const char *to, stet_why *why)
{
        int err = env_lmdb_open(&c->to, to, MDB_NOLOCK | MDB_NOSYNC, ENV_MAP_BYTES, why);
        if (err)
                return err;
        err = copy_view(c, held, why);
        env_lmdb_close(&c->to);
        buffer_fini(&c->batch);
        buffer_fini(&c->scratch);
        return err ? err : file_lmdb_sync(to, why);
}

/* Nobody else's file is written over. */
static int reserve(const char *to, stet_why *why)
{
        int fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0)
                return stet_why_set(why, errno == EEXIST ? STET_EEXISTS : STET_EIO, "cannot make %s: %s", to,
                                    strerror(errno));
        close(fd);
        return 0;
}

int store_lmdb_copy(struct store *from, const char *to, void (*progress)(void *ctx, uint64_t entries),
                    void *ctx, struct store_checkpoint *ret, stet_why *why)
{
        struct store_lmdb *l = (struct store_lmdb *)from;
        struct copy c = { .from = &l->env, .progress = progress, .ctx = ctx };
        int err = reserve(to, why);
        if (err)
                return err;
        err = copy_into(&c, l->view, to, why);
        if (err)
                unlink(to);
        else
                *ret = c.head.checkpoint;
        return err;
}
