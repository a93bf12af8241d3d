/* SPDX-License-Identifier: MIT
 *
 * A batch's changes, made in LMDB in the order of keys with one cursor, so that neighbours are found on the
 * page that is at hand and each page is changed once.
 *
 * Invariant: piece n + 1 of a value is there exactly if piece n is full, so that whoever overwrites or
 * removes a piece sees at its size whether more is to be removed.
 *
 * Most of what a batch brings are rows of new neighbours in the middle of the file: a table's newest. LMDB
 * halves a page that gets full in its middle, and a row would leave behind it nothing but halves; a page that
 * gets full at its end it leaves full. So when a row is long, what stands behind it on its page is taken out
 * first, and put back when the row has gone in.
 */
#include "wal/store_lmdb.h"

#include "base/buffer.h"
#include "base/prefetch.h"
#include "wal/store_fill.h"

enum {
        ROW_BEGINS = 16, /* so many new entries in succession look like a row */
        ROW_MIN = 256,   /* one that has fewer to come is not worth the trouble */
        PAGE_BYTES = 4096,
};

struct apply {
        struct env_lmdb *env;
        MDB_cursor *cursor;
        const struct store_batch *batch;
        struct piece_key key;
        struct piece_key
            last; /* the greatest key there is: what is behind it is appended, which fills pages */
        uint8_t piece[PIECE_SIZE_MAX];

        size_t news;          /* entries in succession that were new */
        size_t row_end;       /* the change before which what was behind the row is put back; 0: no row */
        struct buffer behind; /* LMDB's entries, as they lie */
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
        a->news = 0;
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
        a->news = rc ? 0 : a->news + 1;
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

static int apply_change(struct apply *a, const struct store_change *c, stet_why *why)
{
        piece_key_make(&a->key, store_change_key(a->batch, c));
        if (c->value_size != STORE_REMOVED)
                return put_value(a, store_change_value(a->batch, c), why);
        a->news = 0;
        return remove_pieces(a, 0, why);
}

/* --- rows --- */

/* The first change, from `from` on, whose piece 0 is that entry of LMDB's or comes behind it. */
static size_t first_from(const struct store_batch *batch, size_t from, struct bytes lmdb_key)
{
        size_t to = batch->count;
        while (from < to) {
                size_t middle = from + (to - from) / 2;
                struct piece_key key;
                piece_key_make(&key, store_change_key(batch, &batch->changes[middle]));
                if (bytes_compare(bytes_of(key.data, key.size), lmdb_key) < 0)
                        from = middle + 1;
                else
                        to = middle;
        }
        return from;
}

static void forget_row(struct apply *a)
{
        buffer_clear(&a->behind);
        a->row_end = 0;
        a->news = 0;
}

static bool is_near(const void *a, const void *b)
{
        uintptr_t x = (uintptr_t)a, y = (uintptr_t)b;
        return (x < y ? y - x : x - y) < PAGE_BYTES;
}

/* The entries behind the cursor's that are on the same page, which LMDB does not tell. But that page has been
 * changed, so that it is in memory of its own, and the next one is in the map: its keys are far away. Where
 * that is wrong, pages are filled less well. */
static int copy_behind(struct apply *a)
{
        MDB_val here, key, value;
        int rc = mdb_cursor_get(a->cursor, &here, &value, MDB_GET_CURRENT);
        while (!rc && !(rc = mdb_cursor_get(a->cursor, &key, &value, MDB_NEXT)) &&
               is_near(here.mv_data, key.mv_data)) {
                size_t at = store_fill_begin(&a->behind, bytes_of_val(&key));
                buffer_append(&a->behind, value.mv_data, value.mv_size);
                store_fill_end(&a->behind, at);
        }
        return rc == MDB_NOTFOUND ? 0 : rc;
}

static int delete_behind(struct apply *a)
{
        struct bytes rest = buffer_bytes(&a->behind), key_bytes, value_bytes;
        int rc = 0;
        while (!rc && store_fill_next(&rest, &key_bytes, &value_bytes)) {
                MDB_val key = val_of_bytes(key_bytes), value;
                rc = mdb_cursor_get(a->cursor, &key, &value, MDB_SET);
                if (!rc)
                        rc = mdb_cursor_del(a->cursor, 0);
        }
        return rc;
}

/* The cursor is where the last entry went in. If many of the changes from next on go in before what is behind
 * it, they get the end of a page for themselves. */
static int begin_row(struct apply *a, size_t next, stet_why *why)
{
        struct bytes rest, key, value;
        a->news = 0;
        int rc = copy_behind(a);
        rest = buffer_bytes(&a->behind);
        bool any = !rc && store_fill_next(&rest, &key, &value);
        if (any)
                a->row_end = first_from(a->batch, next, key);
        if (any && a->row_end - next >= ROW_MIN)
                rc = delete_behind(a);
        else
                forget_row(a);
        return rc ? env_lmdb_error(a->env, rc, "make room for new entries", why) : 0;
}

static int end_row(struct apply *a, stet_why *why)
{
        struct bytes rest = buffer_bytes(&a->behind), key_bytes, value_bytes;
        int rc = 0;
        while (!rc && store_fill_next(&rest, &key_bytes, &value_bytes)) {
                MDB_val key = val_of_bytes(key_bytes), value = val_of_bytes(value_bytes);
                rc = mdb_cursor_put(a->cursor, &key, &value, 0);
        }
        forget_row(a);
        return rc ? env_lmdb_error(a->env, rc, "put entries back", why) : 0;
}

/* --- all of it --- */

static int find_last(struct apply *a, stet_why *why)
{
        MDB_val last, value;
        int rc = mdb_cursor_get(a->cursor, &last, &value, MDB_LAST); /* the head at least is there */
        if (!rc && last.mv_size > sizeof a->last.data)
                rc = MDB_CORRUPTED;
        if (rc)
                return env_lmdb_error(a->env, rc, "find the last entry", why);
        memcpy(a->last.data, last.mv_data, last.mv_size);
        a->last.size = last.mv_size;
        return 0;
}

/* A table's entries lie far apart in the batch, between those of other tables. */
static void look_ahead(const struct store_batch *batch, size_t i)
{
        enum { AHEAD = 4, USUAL = 512 /* bytes of a value */ };
        if (i + AHEAD >= batch->count)
                return;
        const struct store_change *c = &batch->changes[i + AHEAD];
        prefetch(batch->bytes.data + c->at, c->key_size + (c->value_size < USUAL ? c->value_size : USUAL));
}

static int apply_all(struct apply *a, stet_why *why)
{
        int err = find_last(a, why);
        for (size_t i = 0; i < a->batch->count && !err; i++) {
                look_ahead(a->batch, i);
                err = apply_change(a, &a->batch->changes[i], why);
                if (!err && !a->row_end && a->news >= ROW_BEGINS)
                        err = begin_row(a, i + 1, why);
                if (!err && a->row_end == i + 1)
                        err = end_row(a, why);
        }
        return err;
}

int store_lmdb_apply(struct env_lmdb *env, MDB_txn *txn, const struct store_batch *batch, stet_why *why)
{
        struct apply a = { .env = env, .batch = batch };
        int rc = mdb_cursor_open(txn, env->dbi, &a.cursor);
        if (rc)
                return env_lmdb_error(env, rc, "begin a commit", why);
        int err = apply_all(&a, why);
        mdb_cursor_close(a.cursor);
        buffer_fini(&a.behind);
        return err;
}
