/* SPDX-License-Identifier: MIT
 *
 * The store in an LMDB file (FORMAT.md, "Store"). A commit goes through its changes in the order of keys with
 * one cursor, so that neighbours are found on the page that is at hand and each page is changed once.
 *
 * Invariants: every transaction writes the head, with its own number and the checkpoint; piece n + 1 of a
 * value is there exactly if piece n is full, so that whoever overwrites or removes a piece sees at its size
 * whether more is to be removed.
 */
#include "wal/store_lmdb.h"

#include "wal/write_rules.h"

#include <stdlib.h>

struct commit {
        const struct store_batch *batch;
        uint64_t epoch;
        struct store_checkpoint to;
};

struct apply {
        struct env_lmdb *env;
        MDB_cursor *cursor;
        struct piece_key key;
        struct piece_key
            last; /* the greatest key there is: what is behind it is appended, which fills pages */
        uint8_t piece[PIECE_SIZE_MAX];
};

static MDB_val key_of(struct apply *a)
{
        return (MDB_val){ a->key.size, a->key.data };
}

/* --- putting and removing --- */

static bool is_behind(const struct piece_key *key, const struct piece_key *last)
{
        return bytes_compare(bytes_of(key->data, key->size), bytes_of(last->data, last->size)) > 0;
}

static int append_piece(struct apply *a, MDB_val *key, MDB_val *value, bool *ret_was_full, stet_why *why)
{
        int rc = mdb_cursor_put(a->cursor, key, value, MDB_APPEND);
        a->last = a->key;
        *ret_was_full = false;
        return rc ? env_lmdb_error(a->env, rc, "write an entry", why) : 0;
}

/* *ret_was_full: there was a full piece under this key, so that there is one behind it. */
static int put_piece(struct apply *a, size_t size, bool *ret_was_full, stet_why *why)
{
        MDB_val key = key_of(a), value = { size, a->piece };
        if (is_behind(&a->key, &a->last))
                return append_piece(a, &key, &value, ret_was_full, why);
        int rc = mdb_cursor_put(a->cursor, &key, &value, MDB_NOOVERWRITE);
        *ret_was_full = rc == MDB_KEYEXIST && piece_is_full(value.mv_size);
        if (rc == MDB_KEYEXIST) {
                value = (MDB_val){ size, a->piece };
                rc = mdb_cursor_put(a->cursor, &key, &value, MDB_CURRENT);
        }
        return rc ? env_lmdb_error(a->env, rc, "write an entry", why) : 0;
}

/* The pieces from number on: as long as the last one was full there is another. */
static int remove_pieces(struct apply *a, unsigned number, stet_why *why)
{
        for (bool more = true; more; number++) {
                MDB_val key, value;
                piece_key_set(&a->key, (uint16_t)number);
                key = key_of(a);
                int rc = mdb_cursor_get(a->cursor, &key, &value, MDB_SET);
                if (rc == MDB_NOTFOUND)
                        return 0;
                more = !rc && piece_is_full(value.mv_size);
                if (!rc)
                        rc = mdb_cursor_del(a->cursor, 0);
                if (rc)
                        return env_lmdb_error(a->env, rc, "remove an entry", why);
        }
        return 0;
}

static int put_value(struct apply *a, struct bytes value, stet_why *why)
{
        uint32_t chain = 0;
        bool full, was_full;
        for (unsigned number = 0;; number++) {
                size_t size = value.size < PIECE_BODY_MAX ? value.size : PIECE_BODY_MAX;
                piece_key_set(&a->key, (uint16_t)number);
                chain = piece_encode(a->piece, bytes_of(a->key.data, a->key.size), chain,
                                     bytes_of(value.data, size));
                full = piece_is_full(PIECE_HEADER_SIZE + size);
                int err = put_piece(a, PIECE_HEADER_SIZE + size, &was_full, why);
                if (err)
                        return err;
                if (!full)
                        return was_full ? remove_pieces(a, number + 1, why) : 0;
                value = bytes_of(value.data + size, value.size - size);
        }
}

static int apply_change(struct apply *a, const struct store_batch *batch, const struct store_change *c,
                        stet_why *why)
{
        piece_key_make(&a->key, store_change_key(batch, c));
        return c->value_size == STORE_REMOVED ? remove_pieces(a, 0, why)
                                              : put_value(a, store_change_value(batch, c), why);
}

/* --- committing --- */

static int apply_all(struct env_lmdb *env, MDB_txn *txn, const struct store_batch *batch, stet_why *why)
{
        struct apply a;
        int rc = mdb_cursor_open(txn, env->dbi, &a.cursor), err = 0;
        if (rc)
                return env_lmdb_error(env, rc, "begin a commit", why);
        a.env = env;
        a.last.size = 0;
        MDB_val last, value;
        rc = mdb_cursor_get(a.cursor, &last, &value, MDB_LAST); /* the head at least is there */
        if (!rc && last.mv_size <= sizeof a.last.data) {
                memcpy(a.last.data, last.mv_data, last.mv_size);
                a.last.size = last.mv_size;
        } else {
                err = env_lmdb_error(env, rc ? rc : MDB_CORRUPTED, "find the last entry", why);
        }
        for (size_t i = 0; i < batch->count && !err; i++)
                err = apply_change(&a, batch, &batch->changes[i], why);
        mdb_cursor_close(a.cursor);
        return err;
}

static int commit_work(struct env_lmdb *env, MDB_txn *txn, void *arg, stet_why *why)
{
        const struct commit *c = arg;
        struct store_head head;
        int err = store_lmdb_head(env, txn, &head, why);
        if (!err)
                err = write_rules_epoch(env->path, head.epoch, c->epoch, why);
        if (!err)
                err = apply_all(env, txn, c->batch, why);
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
