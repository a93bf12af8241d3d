/* SPDX-License-Identifier: MIT
 *
 * Reading copies out within a short transaction, so that a slow reader keeps no page from being used again,
 * and a growing map waits for microseconds only. Several threads read at the same time, each in a transaction
 * of its own.
 *
 * The pieces 0 lie in the order of keys. So a scan goes from one to the next and passes over further pieces,
 * wherever they lie.
 */
#include "wal/head_lmdb.h"
#include "wal/store_fill.h"
#include "wal/store_lmdb.h"
#include "wal/store_pieces_lmdb.h"

/* --- the head --- */

static int decode_head(struct bytes value, void *ret, stet_why *why)
{
        return store_head_decode(value, ret, why);
}

int store_lmdb_head(struct env_lmdb *env, MDB_txn *txn, struct store_head *ret, stet_why *why)
{
        return head_lmdb_get(env, txn, store_head_key(), &store_head_kind, decode_head, ret, why);
}

int store_lmdb_head_put(struct env_lmdb *env, MDB_txn *txn, struct store_head *head, stet_why *why)
{
        uint8_t value[STORE_HEAD_SIZE];
        head->commit = mdb_txn_id(txn);
        store_head_encode(value, head);
        return head_lmdb_put(env, txn, store_head_key(), bytes_of(value, sizeof value), why);
}

/* --- transactions --- */

static int begin(struct store_lmdb *l, MDB_txn **ret, stet_why *why)
{
        *ret = l->view;
        if (l->view)
                return env_lmdb_view_resume(&l->env, why);
        pthread_mutex_lock(&l->readers_lock);
        if (l->readers_count)
                *ret = l->readers[--l->readers_count];
        pthread_mutex_unlock(&l->readers_lock);
        int err = env_lmdb_read_begin(&l->env, ret, why);
        if (err && *ret)
                mdb_txn_abort(*ret);
        return err;
}

static void end(struct store_lmdb *l, MDB_txn *txn)
{
        if (txn == l->view) {
                env_lmdb_view_pause(&l->env);
                return;
        }
        env_lmdb_read_end(&l->env, txn);
        pthread_mutex_lock(&l->readers_lock);
        bool kept = l->readers_count < STORE_READERS_KEPT;
        if (kept)
                l->readers[l->readers_count++] = txn;
        pthread_mutex_unlock(&l->readers_lock);
        if (!kept)
                mdb_txn_abort(txn);
}

/* --- get --- */

static int get_within(struct env_lmdb *env, MDB_txn *txn, struct bytes key, struct buffer *ret, stet_why *why)
{
        struct piece_key k;
        MDB_val first;
        stet_why reason;
        piece_key_make(&k, key);
        MDB_val val = { k.size, k.data };
        int rc = mdb_get(txn, env->dbi, &val, &first);
        if (rc == MDB_NOTFOUND)
                return STET_ENOTFOUND;
        if (rc)
                return env_lmdb_error(env, rc, "read an entry", why);
        if (store_pieces_append(txn, env->dbi, key, first, ret, &reason))
                return store_pieces_refuse(env, &reason, why);
        return 0;
}

int store_lmdb_get(struct store *s, struct bytes key, struct buffer *ret, stet_why *why)
{
        struct store_lmdb *l = (struct store_lmdb *)s;
        MDB_txn *txn;
        int err = begin(l, &txn, why);
        if (err)
                return err;
        err = get_within(&l->env, txn, key, ret, why);
        end(l, txn);
        return err;
}

/* --- scan --- */

struct fill {
        struct env_lmdb *env;
        MDB_txn *txn;
        MDB_cursor *cursor;
        const struct store_range *range;
        size_t size;
        struct buffer *ret;
};

/* Puts the cursor on the range's first entry, or where it would be; LMDB's result. */
static int seek(const struct fill *f, MDB_val *key, MDB_val *value)
{
        const struct store_range *range = f->range;
        struct piece_key k;
        if (range->backwards && !range->to.size)
                return mdb_cursor_get(f->cursor, key, value, MDB_LAST);
        piece_key_make(&k, range->backwards ? range->to : range->from);
        *key = val_of_bytes(bytes_of(k.data, k.size));
        int rc = mdb_cursor_get(f->cursor, key, value, MDB_SET_RANGE);
        if (range->backwards && rc == MDB_NOTFOUND)
                return mdb_cursor_get(f->cursor, key, value, MDB_LAST);
        return range->backwards && !rc ? mdb_cursor_get(f->cursor, key, value, MDB_PREV) : rc;
}

static bool ends_before(const struct store_range *range, struct bytes key)
{
        if (range->backwards)
                return bytes_compare(key, range->from) < 0;
        return range->to.size && bytes_compare(key, range->to) >= 0;
}

static int copy_entry(struct fill *f, struct bytes key, MDB_val first, stet_why *why)
{
        size_t at = store_fill_begin(f->ret, key);
        int err = store_pieces_append(f->txn, f->env->dbi, key, first, f->ret, why);
        if (err)
                f->ret->size = at;
        else
                store_fill_end(f->ret, at);
        return err;
}

/* *ret_end: the range has no more. Only damage is an error. */
static int take(struct fill *f, const MDB_val *key_val, const MDB_val *value, bool *ret_end, stet_why *why)
{
        struct bytes lmdb_key = bytes_of_val(key_val), key;
        uint16_t number;
        *ret_end = bytes_equal(lmdb_key, store_head_key());
        if (*ret_end)
                return 0;
        if (!piece_key_split(lmdb_key, &key, &number))
                return stet_why_set(why, STET_ECORRUPT, "the key %s is not of an entry",
                                    store_key_text(lmdb_key).text);
        if (number)
                return store_pieces_check_before(f->txn, f->env->dbi, key, number, why);
        *ret_end = ends_before(f->range, key);
        return *ret_end ? 0 : copy_entry(f, key, *value, why);
}

static int fill_within(struct fill *f, stet_why *why)
{
        MDB_cursor_op step = f->range->backwards ? MDB_PREV : MDB_NEXT;
        MDB_val key, value;
        stet_why reason;
        bool end = false;
        int rc = seek(f, &key, &value);
        while (!rc) {
                if (take(f, &key, &value, &end, &reason))
                        return store_pieces_refuse(f->env, &reason, why);
                if (end || f->ret->size >= f->size)
                        return 0;
                rc = mdb_cursor_get(f->cursor, &key, &value, step);
        }
        return rc == MDB_NOTFOUND ? 0 : env_lmdb_error(f->env, rc, "read on", why);
}

int store_lmdb_fill(struct store *s, const struct store_range *range, size_t size, struct buffer *ret,
                    stet_why *why)
{
        struct store_lmdb *l = (struct store_lmdb *)s;
        struct fill f = { .env = &l->env, .range = range, .size = size, .ret = ret };
        int err = begin(l, &f.txn, why);
        if (err)
                return err;
        int rc = mdb_cursor_open(f.txn, l->env.dbi, &f.cursor);
        if (rc) {
                err = env_lmdb_error(&l->env, rc, "begin reading", why);
        } else {
                err = fill_within(&f, why);
                mdb_cursor_close(f.cursor);
        }
        end(l, f.txn);
        return err;
}
