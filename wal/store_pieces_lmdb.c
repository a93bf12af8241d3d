/* SPDX-License-Identifier: MIT
 *
 * Where one key is the beginning of another, the further pieces of the first may lie between those of the
 * second. So they are looked up one by one, which costs little beside copying 4 KiB and their checksum.
 */
#include "wal/store_pieces_lmdb.h"

static int refuse_piece(struct bytes key, unsigned number, const char *what, stet_why *why)
{
        return stet_why_set(why, STET_ECORRUPT, "the entry %s is damaged: piece %u %s",
                            store_key_text(key).text, number, what);
}

/* A missing piece is no error: *ret is empty. */
static int find_piece(MDB_txn *txn, MDB_dbi dbi, struct bytes key, unsigned number, struct piece_key *ret_key,
                      MDB_val *ret, stet_why *why)
{
        piece_key_make(ret_key, key);
        piece_key_set(ret_key, (uint16_t)number);
        MDB_val val = { ret_key->size, ret_key->data };
        int rc = number > UINT16_MAX ? MDB_NOTFOUND : mdb_get(txn, dbi, &val, ret);
        if (rc == MDB_NOTFOUND)
                *ret = (MDB_val){ 0 };
        else if (rc)
                return refuse_piece(key, number, mdb_strerror(rc), why);
        return 0;
}

static int append_all(MDB_txn *txn, MDB_dbi dbi, struct bytes key, MDB_val piece, struct buffer *ret,
                      stet_why *why)
{
        struct piece_key k;
        uint32_t chain = 0;
        struct bytes body;
        piece_key_make(&k, key);
        for (unsigned number = 0;;) {
                if (piece_decode(bytes_of(k.data, k.size), bytes_of_val(&piece), &chain, &body))
                        return refuse_piece(key, number, "does not fit its checksum", why);
                buffer_append(ret, body.data, body.size);
                if (!piece_is_full(piece.mv_size))
                        return 0;
                int err = find_piece(txn, dbi, key, ++number, &k, &piece, why);
                if (err)
                        return err;
                if (!piece.mv_size)
                        return refuse_piece(key, number, "is missing", why);
        }
}

int store_pieces_append(MDB_txn *txn, MDB_dbi dbi, struct bytes key, MDB_val first, struct buffer *ret,
                        stet_why *why)
{
        size_t size = ret->size;
        int err = append_all(txn, dbi, key, first, ret, why);
        if (err)
                ret->size = size;
        return err;
}

int store_pieces_check_before(MDB_txn *txn, MDB_dbi dbi, struct bytes key, unsigned number, stet_why *why)
{
        struct piece_key k;
        MDB_val before;
        int err = find_piece(txn, dbi, key, number - 1, &k, &before, why);
        if (err || piece_is_full(before.mv_size))
                return err;
        return refuse_piece(key, number, "has none before it that it would continue", why);
}

int store_pieces_check(MDB_txn *txn, MDB_dbi dbi, struct bytes lmdb_key, MDB_val piece,
                       struct buffer *scratch, struct bytes *ret_key, bool *ret_first, stet_why *why)
{
        uint16_t number;
        *ret_key = lmdb_key;
        *ret_first = false;
        if (!piece_key_split(lmdb_key, ret_key, &number))
                return stet_why_set(why, STET_ECORRUPT, "the key %s is not of an entry",
                                    store_key_text(lmdb_key).text);
        if (number)
                return store_pieces_check_before(txn, dbi, *ret_key, number, why);
        *ret_first = true;
        buffer_clear(scratch);
        return store_pieces_append(txn, dbi, *ret_key, piece, scratch, why);
}

int store_pieces_refuse(const struct env_lmdb *env, const stet_why *reason, stet_why *why)
{
        return stet_why_set(why, STET_ECORRUPT,
                            "%s: %s; check the store with `stet verify` and restore a backup", env->path,
                            reason->text);
}
