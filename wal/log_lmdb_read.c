/* SPDX-License-Identifier: MIT
 *
 * Reading copies up to a MiB of records within a transaction and hands them over after it, so that a slow
 * visitor keeps no page from being used again, and a growing map waits for microseconds only.
 */
#include "wal/head_lmdb.h"
#include "wal/le.h"
#include "wal/log_check.h"
#include "wal/log_lmdb.h"

#include <inttypes.h>

enum { LEAVE_EVERY = 16 << 20 };

static int decode_head(struct bytes value, void *ret, stet_why *why)
{
        return log_head_decode(value, ret, why);
}

int log_lmdb_head(struct env_lmdb *env, MDB_txn *txn, struct log_head *ret, stet_why *why)
{
        return head_lmdb_get(env, txn, log_head_key(), &log_head_kind, decode_head, ret, why);
}

int log_lmdb_head_put(struct env_lmdb *env, MDB_txn *txn, struct log_head *head, stet_why *why)
{
        uint8_t value[LOG_HEAD_SIZE];
        head->commit = mdb_txn_id(txn);
        size_t size = log_head_encode(value, head);
        return head_lmdb_put(env, txn, log_head_key(), bytes_of(value, size), why);
}

/* The cursor's block, which must be the one that is due. */
static int block_at(struct env_lmdb *env, MDB_cursor *cursor, uint64_t lsn, uint16_t piece, struct block *ret,
                    stet_why *why)
{
        MDB_val key, value;
        struct block block;
        int rc = mdb_cursor_get(cursor, &key, &value, MDB_GET_CURRENT);
        if (rc)
                return env_lmdb_error(env, rc, "read a block", why);
        if (block_decode(bytes_of_val(&key), bytes_of_val(&value), &block))
                return stet_why_set(why, STET_ECORRUPT,
                                    "%s: the block with record %" PRIu64
                                    " (stream unknown) is damaged; check the log "
                                    "with `stet verify` and restore a backup",
                                    env->path, lsn);
        if (block.lsn != lsn || block.piece != piece)
                return stet_why_set(
                    why, STET_ECORRUPT,
                    "%s: record %" PRIu64 " (stream unknown), piece %u, is missing: piece %u of record "
                    "%" PRIu64 " follows; check the log with `stet verify` and restore a backup",
                    env->path, lsn, (unsigned)piece, (unsigned)block.piece, block.lsn);
        *ret = block;
        return 0;
}

static uint64_t key_lsn(const MDB_val *key)
{
        return key->mv_size == BLOCK_KEY_SIZE ? be64_get(key->mv_data) : 0;
}

/* Puts the cursor on the first entry at or after piece 0 of that LSN; *ret_lsn says whose it is. LMDB's
 * result. */
static int cursor_seek(MDB_cursor *cursor, uint64_t lsn, uint64_t *ret_lsn)
{
        uint8_t key_bytes[BLOCK_KEY_SIZE];
        block_key_encode(key_bytes, lsn, 0);
        MDB_val key = { sizeof key_bytes, key_bytes }, value;
        int rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
        *ret_lsn = rc ? 0 : key_lsn(&key);
        return rc;
}

static int refuse_gap(const struct env_lmdb *env, uint64_t lsn, uint64_t next_lsn, stet_why *why)
{
        return stet_why_set(why, STET_ECORRUPT,
                            "%s: record %" PRIu64 " (stream unknown) is missing: record %" PRIu64
                            " follows; check the log with `stet verify` and restore a backup",
                            env->path, lsn, next_lsn);
}

/* Puts the cursor on the block that has record lsn. *ret_lsn is the block's, or 0 when the log ends before.
 */
static int seek(struct env_lmdb *env, MDB_cursor *cursor, uint64_t lsn, uint64_t *ret_lsn, stet_why *why)
{
        uint64_t next, before;
        MDB_val key, value;
        int rc = cursor_seek(cursor, lsn, &next);
        if (!rc && next == lsn) {
                *ret_lsn = lsn;
                return 0;
        }
        if (rc && rc != MDB_NOTFOUND)
                return env_lmdb_error(env, rc, "find a block", why);
        bool at_end = rc == MDB_NOTFOUND;
        rc = mdb_cursor_get(cursor, &key, &value, at_end ? MDB_LAST : MDB_PREV);
        if (!rc && key_lsn(&key) > 0)
                rc = cursor_seek(cursor, key_lsn(&key), &before); /* its first piece */
        else
                before = 0;
        if (rc)
                return env_lmdb_error(env, rc, "find a block", why);
        if (before) {
                struct block block;
                int err = block_at(env, cursor, before, 0, &block, why);
                if (err)
                        return err;
                if (lsn < before + block.count) {
                        *ret_lsn = before;
                        return 0;
                }
        }
        *ret_lsn = 0;
        return at_end ? 0 : refuse_gap(env, lsn, next, why);
}

/* Copies whole records from the cursor's block on. */
static int copy_blocks(struct env_lmdb *env, MDB_cursor *cursor, uint64_t lsn, size_t size,
                       struct buffer *batch, stet_why *why)
{
        size_t whole = batch->size;
        uint16_t piece = 0;
        int rc = 0;
        while (!rc && (piece || batch->size < size)) {
                struct block block = { 0 };
                int err = block_at(env, cursor, lsn, piece, &block, why);
                if (err) {
                        batch->size = whole;
                        return err;
                }
                buffer_append(batch, block.body.data, block.body.size);
                piece = (uint16_t)(block.piece + 1 == block.pieces ? 0 : block.piece + 1);
                if (!piece) {
                        lsn += block.pieces > 1 ? 1 : block.count;
                        whole = batch->size;
                }
                MDB_val key, value;
                rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
        }
        batch->size = whole;
        if (rc && rc != MDB_NOTFOUND)
                return env_lmdb_error(env, rc, "read the next block", why);
        if (piece)
                return stet_why_set(why, STET_ECORRUPT,
                                    "%s: piece %u of the last record, %" PRIu64
                                    " (stream unknown), is missing",
                                    env->path, (unsigned)piece, lsn);
        return 0;
}

/* The records in the log's last block. */
static int copy_last(struct env_lmdb *env, MDB_cursor *cursor, struct buffer *batch, uint64_t *ret_lsn,
                     uint64_t *ret_commit, stet_why *why)
{
        MDB_val key, value;
        struct block block;
        uint64_t lsn = 0;
        int rc = mdb_cursor_get(cursor, &key, &value, MDB_LAST);
        if (!rc && key_lsn(&key) > 0)
                rc = cursor_seek(cursor, key_lsn(&key), &lsn);
        if (rc)
                return env_lmdb_error(env, rc, "find the log's end", why);
        if (!lsn)
                return 0;
        int err = block_at(env, cursor, lsn, 0, &block, why);
        if (err)
                return err;
        *ret_lsn = lsn;
        *ret_commit = block.commit;
        return copy_blocks(env, cursor, lsn, LOG_BATCH_SIZE_MAX, batch, why);
}

static int check_last(const struct env_lmdb *env, struct bytes records, uint64_t lsn, struct log_tail *tail,
                      stet_why *why)
{
        struct log_check check = log_check_from(lsn);
        while (records.size) {
                struct record record;
                stet_why reason;
                int err = log_check_next(&check, &records, &record, &reason);
                if (err)
                        return stet_why_set(why, err, "%s: its end is damaged: %s", env->path, reason.text);
                tail->lsn = record.lsn;
                tail->crc = record.crc;
        }
        return 0;
}

int log_lmdb_tail(struct env_lmdb *env, MDB_txn *txn, struct log_tail *ret, stet_why *why)
{
        struct buffer batch = { 0 };
        struct log_tail tail = { 0 };
        uint64_t lsn = 0;
        MDB_cursor *cursor;
        int rc = mdb_cursor_open(txn, env->dbi, &cursor);
        if (rc)
                return env_lmdb_error(env, rc, "find the log's end", why);
        int err = copy_last(env, cursor, &batch, &lsn, &tail.commit, why);
        mdb_cursor_close(cursor);
        if (!err)
                err = check_last(env, buffer_bytes(&batch), lsn, &tail, why);
        buffer_fini(&batch);
        if (!err)
                *ret = tail;
        return err;
}

struct reader {
        struct env_lmdb *env;
        MDB_txn *txn; /* kept between batches, reset; or the view */
        bool held;
        size_t passed; /* bytes read that still are in memory */
};

/* Whoever reads much does not read it again. But each time it costs every thread's translations. */
static void leave_passed(struct reader *r, size_t at_least)
{
        if (r->passed < at_least)
                return;
        env_lmdb_leave_pages(r->env);
        r->passed = 0;
}

static int fill_within(const struct reader *r, uint64_t *from_lsn, size_t size, struct buffer *batch,
                       uint64_t *ret_lsn, stet_why *why)
{
        struct log_head head;
        int err = log_lmdb_head(r->env, r->txn, &head, why);
        if (err)
                return err;
        if (*from_lsn < head.first_lsn)
                *from_lsn = head.first_lsn;
        MDB_cursor *cursor;
        int rc = mdb_cursor_open(r->txn, r->env->dbi, &cursor);
        if (rc)
                return env_lmdb_error(r->env, rc, "begin reading", why);
        err = seek(r->env, cursor, *from_lsn, ret_lsn, why);
        if (!err && *ret_lsn)
                err = copy_blocks(r->env, cursor, *ret_lsn, size, batch, why);
        mdb_cursor_close(cursor);
        return err;
}

static int fill(void *store, uint64_t *from_lsn, size_t size, struct buffer *batch, uint64_t *ret_lsn,
                stet_why *why)
{
        struct reader *r = store;
        int err = r->held ? env_lmdb_view_resume(r->env, why) : env_lmdb_read_begin(r->env, &r->txn, why);
        if (err)
                return err;
        err = fill_within(r, from_lsn, size, batch, ret_lsn, why);
        if (r->held)
                env_lmdb_view_pause(r->env);
        else
                env_lmdb_read_end(r->env, r->txn);
        r->passed += batch->size;
        leave_passed(r, LEAVE_EVERY);
        return err;
}

int log_lmdb_read(struct log *log, uint64_t from_lsn, log_visit_fn *visit, void *ctx, stet_why *why)
{
        struct log_lmdb *l = (struct log_lmdb *)log;
        struct reader r = { .env = &l->env, .txn = l->view, .held = l->view != NULL };
        int err = log_read_batches(fill, &r, from_lsn, visit, ctx, why);
        leave_passed(&r, LOG_BATCH_SIZE_MAX);
        if (r.txn && !r.held)
                mdb_txn_abort(r.txn);
        return err;
}
