/* SPDX-License-Identifier: MIT
 *
 * Reading copies out within a short transaction, so that a slow reader keeps no page from being used again,
 * and a growing map waits for microseconds only. Several threads read at the same time, each in a transaction
 * of its own.
 *
 * Where one key is the beginning of another, the further pieces of the first may lie between pieces of the
 * second, but all pieces 0 are in the order of keys. So a scan goes from piece 0 to piece 0, and further
 * pieces are looked up.
 */
#include "wal/store_fill.h"
#include "wal/store_lmdb.h"

/* --- the head --- */

int store_lmdb_head(struct env_lmdb *env, MDB_txn *txn, struct store_head *ret, stet_why *why)
{
        MDB_val key = val_of_bytes(store_head_key()), value;
        int rc = mdb_get(txn, env->dbi, &key, &value);
        if (rc == MDB_NOTFOUND)
                return stet_why_set(why, STET_EFORMAT, "%s is an LMDB file, but not a stet store", env->path);
        if (rc)
                return env_lmdb_error(env, rc, "read its head", why);
        stet_why reason;
        int err = store_head_decode(bytes_of_val(&value), ret, &reason);
        return err ? stet_why_set(why, err, "%s cannot be opened: %s", env->path, reason.text) : 0;
}

int store_lmdb_head_put(struct env_lmdb *env, MDB_txn *txn, struct store_head *head, stet_why *why)
{
        uint8_t value_bytes[STORE_HEAD_SIZE];
        head->commit = mdb_txn_id(txn);
        store_head_encode(value_bytes, head);
        MDB_val key = val_of_bytes(store_head_key());
        MDB_val value = { sizeof value_bytes, value_bytes };
        int rc = mdb_put(txn, env->dbi, &key, &value, 0);
        return rc ? env_lmdb_error(env, rc, "write its head", why) : 0;
}

/* --- pieces --- */

static int refuse_piece(const struct env_lmdb *env, struct bytes key, unsigned number, const char *what,
                        stet_why *why)
{
        return stet_why_set(
            why, STET_ECORRUPT,
            "%s: piece %u of the entry %s %s; check the store with `stet verify` and restore a "
            "backup",
            env->path, number, store_key_text(key).text, what);
}

/* Looks a piece up. A missing one is no error: *ret is empty. */
static int find_piece(struct env_lmdb *env, MDB_txn *txn, const struct piece_key *k, MDB_val *ret,
                      stet_why *why)
{
        MDB_val key = val_of_bytes(bytes_of(k->data, k->size));
        int rc = mdb_get(txn, env->dbi, &key, ret);
        if (rc == MDB_NOTFOUND)
                *ret = (MDB_val){ 0 };
        else if (rc)
                return env_lmdb_error(env, rc, "read an entry", why);
        return 0;
}

static int append_pieces(struct env_lmdb *env, MDB_txn *txn, struct bytes key, MDB_val piece,
                         struct buffer *ret, stet_why *why)
{
        struct piece_key k;
        uint32_t chain = 0;
        struct bytes body;
        piece_key_make(&k, key);
        for (unsigned number = 0;;) {
                if (piece_decode(bytes_of(k.data, k.size), bytes_of_val(&piece), &chain, &body))
                        return refuse_piece(env, key, number, "is damaged", why);
                buffer_append(ret, body.data, body.size);
                if (!piece_is_full(piece.mv_size))
                        return 0;
                if (++number > UINT16_MAX)
                        return refuse_piece(env, key, number, "cannot be", why);
                piece_key_set(&k, (uint16_t)number);
                int err = find_piece(env, txn, &k, &piece, why);
                if (err)
                        return err;
                if (!piece.mv_size)
                        return refuse_piece(env, key, number, "is missing", why);
        }
}

int store_lmdb_value(struct env_lmdb *env, MDB_txn *txn, struct bytes key, MDB_val first, struct buffer *ret,
                     stet_why *why)
{
        size_t size = ret->size;
        int err = append_pieces(env, txn, key, first, ret, why);
        if (err)
                ret->size = size;
        return err;
}

static int refuse_key(const struct env_lmdb *env, struct bytes lmdb_key, stet_why *why)
{
        return stet_why_set(why, STET_ECORRUPT, "%s: the key %s is no entry's", env->path,
                            store_key_text(lmdb_key).text);
}

/* A further piece is there because the one before it is full. */
static int check_before(struct env_lmdb *env, MDB_txn *txn, struct bytes key, unsigned number,
                        uint32_t *ret_chain, stet_why *why)
{
        struct piece_key k;
        MDB_val before;
        piece_key_make(&k, key);
        piece_key_set(&k, (uint16_t)(number - 1));
        int err = find_piece(env, txn, &k, &before, why);
        if (!err && !piece_is_full(before.mv_size))
                err = refuse_piece(env, key, number, "has none before it that it would continue", why);
        if (!err)
                *ret_chain = piece_checksum_of(before.mv_data);
        return err;
}

static int check_behind(struct env_lmdb *env, MDB_txn *txn, struct bytes key, unsigned number, stet_why *why)
{
        struct piece_key k;
        MDB_val behind;
        piece_key_make(&k, key);
        piece_key_set(&k, (uint16_t)(number + 1));
        int err = find_piece(env, txn, &k, &behind, why);
        if (!err && !behind.mv_size)
                err = refuse_piece(env, key, number + 1, "is missing", why);
        return err;
}

int store_lmdb_check_piece(struct env_lmdb *env, MDB_txn *txn, struct bytes lmdb_key, struct bytes value,
                           stet_why *why)
{
        struct bytes key, body;
        uint16_t number;
        uint32_t chain = 0;
        int err = 0;
        if (!piece_key_split(lmdb_key, &key, &number))
                return refuse_key(env, lmdb_key, why);
        if (number)
                err = check_before(env, txn, key, number, &chain, why);
        if (!err && piece_decode(lmdb_key, value, &chain, &body))
                err = refuse_piece(env, key, number, "is damaged", why);
        if (!err && piece_is_full(value.size))
                err = check_behind(env, txn, key, number, why);
        return err;
}

/* --- transactions --- */

static int begin(struct store_lmdb *l, MDB_txn **ret, stet_why *why)
{
        *ret = NULL;
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

int store_lmdb_get(struct store *s, struct bytes key, struct buffer *ret, stet_why *why)
{
        struct store_lmdb *l = (struct store_lmdb *)s;
        struct piece_key k;
        MDB_txn *txn;
        MDB_val first;
        int err = begin(l, &txn, why);
        if (err)
                return err;
        piece_key_make(&k, key);
        err = find_piece(&l->env, txn, &k, &first, why);
        if (!err)
                err = first.mv_data ? store_lmdb_value(&l->env, txn, key, first, ret, why) : STET_ENOTFOUND;
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
        int err = append_pieces(f->env, f->txn, key, first, f->ret, why);
        if (err)
                f->ret->size = at;
        else
                store_fill_end(f->ret, at);
        return err;
}

/* *ret_end: the range has no more. */
static int take(struct fill *f, const MDB_val *key_val, const MDB_val *value, bool *ret_end, stet_why *why)
{
        struct bytes lmdb_key = bytes_of_val(key_val), key;
        uint16_t number;
        uint32_t chain;
        *ret_end = bytes_equal(lmdb_key, store_head_key());
        if (*ret_end)
                return 0;
        if (!piece_key_split(lmdb_key, &key, &number))
                return refuse_key(f->env, lmdb_key, why);
        if (number)
                return check_before(f->env, f->txn, key, number, &chain, why);
        *ret_end = ends_before(f->range, key);
        return *ret_end ? 0 : copy_entry(f, key, *value, why);
}

static int fill_within(struct fill *f, stet_why *why)
{
        MDB_cursor_op step = f->range->backwards ? MDB_PREV : MDB_NEXT;
        MDB_val key, value;
        bool end = false;
        int rc = seek(f, &key, &value), err = 0;
        while (!rc) {
                err = take(f, &key, &value, &end, why);
                if (err || end || f->ret->size >= f->size)
                        return err;
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
