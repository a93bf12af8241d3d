/* SPDX-License-Identifier: MIT
 *
 * The log in an LMDB file (FORMAT.md). Appending writes blocks behind the last one, so that a commit costs
 * the new pages and one path of the tree. The group's bytes are copied once, from its buffer into LMDB's
 * pages.
 *
 * Trimming is part of appending: a commit deletes blocks at the front while it writes some at the end. It
 * costs no sync of its own and nobody waits for it, and LMDB takes the pages again, so that the file stays as
 * large as it is; overwriting is also cheaper than letting a file grow. What was measured is in
 * docs/ARCHITECTURE.md, "Forgetting the log".
 *
 * Invariants: every transaction writes blocks or the head, and puts its number into them, so the file's
 * newest transaction is always found in the last block or in the head; the last block is never trimmed, so
 * the end of the log is known even when all of it is forgotten.
 */
#include "wal/log_lmdb.h"

#include "wal/le.h"
#include "wal/write_rules.h"

#include <stdlib.h>

enum {
        /* Written since the last trimming. Pages that are given back many at a time lie side by side, and so
         * do the blocks that take them: a commit writes fewer pieces. And lone records seldom have a trimming
         * to pay for. */
        TRIM_BLOCKS_MIN = 1024,
        /* Deleted for each one written: more than one, so that a long log becomes a short one. */
        TRIM_RATIO = 2,
        /* In one transaction: LMDB writes what is left of an entry of its free list anew in each commit. */
        TRIM_BLOCKS_MAX = 4096,
};

static int head_check(struct env_lmdb *env, MDB_txn *txn, uint64_t epoch, struct log_head *ret, stet_why *why)
{
        int err = log_lmdb_head(env, txn, ret, why);
        return err ? err : write_rules_epoch(env->path, ret->epoch, epoch, why);
}

/* --- trim --- */

struct append {
        struct log_lmdb *log;
        uint64_t epoch;
        const struct log_group *group;
        unsigned blocks; /* that it takes */
        bool trims;
        uint64_t first_lsn; /* that it leaves, if it trims */
};

/* Moves the cursor to a block; 0 when there is none any more. */
static int block_at(struct env_lmdb *env, MDB_cursor *cursor, MDB_cursor_op op, uint64_t *ret_lsn,
                    stet_why *why)
{
        uint8_t key_bytes[BLOCK_KEY_SIZE];
        block_key_encode(key_bytes, 1, 0); /* of the first one, behind the head: for MDB_SET_RANGE */
        MDB_val key = { sizeof key_bytes, key_bytes }, value;
        int rc = mdb_cursor_get(cursor, &key, &value, op);
        if (rc && rc != MDB_NOTFOUND)
                return env_lmdb_error(env, rc, "find a block", why);
        if (!rc && key.mv_size != BLOCK_KEY_SIZE)
                return stet_why_set(why, STET_ECORRUPT, "%s has an entry whose key is not a block's",
                                    env->path);
        *ret_lsn = rc ? 0 : be64_get(key.mv_data);
        return 0;
}

/* Which block is the first that stays when up to blocks_max go, and from which record on the log is kept: a
 * block ends where the next one begins, and the pieces of a record have the same LSN. The last block has no
 * next and stays. */
static int find_kept(struct env_lmdb *env, MDB_cursor *cursor, uint64_t to_lsn, unsigned blocks_max,
                     uint64_t *ret_block, uint64_t *ret_first_lsn, stet_why *why)
{
        uint64_t next = 0;
        int err = block_at(env, cursor, MDB_SET_RANGE, ret_block, why);
        for (unsigned before = 1; !err; before++) {
                err = block_at(env, cursor, MDB_NEXT, &next, why);
                if (err || !next || next > to_lsn)
                        break;
                bool other = next != *ret_block;
                *ret_block = next;
                if (other && before >= blocks_max) {
                        *ret_first_lsn = next;
                        return 0;
                }
        }
        *ret_first_lsn = to_lsn;
        return err;
}

static int delete_before(struct env_lmdb *env, MDB_cursor *cursor, uint64_t lsn, stet_why *why)
{
        uint64_t at;
        int err = block_at(env, cursor, MDB_SET_RANGE, &at, why);
        while (!err && at && at < lsn) {
                int rc = mdb_cursor_del(cursor, 0);
                if (rc)
                        return env_lmdb_error(env, rc, "delete a block", why);
                err = block_at(env, cursor, MDB_NEXT, &at, why); /* it has moved on by itself */
        }
        return err;
}

/* Deletes up to that many blocks, if that much was asked for. */
static int trim(struct append *a, MDB_txn *txn, struct log_head *head, unsigned blocks_max, stet_why *why)
{
        struct env_lmdb *env = &a->log->env;
        uint64_t to_lsn = log_trim_lsn(&a->log->log);
        MDB_cursor *cursor;
        a->trims = to_lsn > head->first_lsn;
        if (!a->trims)
                return 0;
        int rc = mdb_cursor_open(txn, env->dbi, &cursor);
        if (rc)
                return env_lmdb_error(env, rc, "begin trimming", why);
        uint64_t block;
        int err = find_kept(env, cursor, to_lsn, blocks_max, &block, &head->first_lsn, why);
        if (!err)
                err = delete_before(env, cursor, block, why);
        mdb_cursor_close(cursor);
        a->first_lsn = head->first_lsn;
        return err ? err : log_lmdb_head_put(env, txn, head, why);
}

/* The append, or the making of room, is durable. */
static void take_over(const struct append *a)
{
        struct log_lmdb *l = a->log;
        l->trim_after -= a->blocks < l->trim_after ? a->blocks : l->trim_after;
        if (!a->trims)
                return;
        l->trim_after = TRIM_BLOCKS_MIN;
        l->log.first_lsn = a->first_lsn;
        env_lmdb_forget_dead(&l->env); /* a backup that was killed would keep every page that is freed */
}

/* --- append --- */

static int block_put(struct env_lmdb *env, MDB_txn *txn, const struct block *block, stet_why *why)
{
        uint8_t key_bytes[BLOCK_KEY_SIZE];
        block_key_encode(key_bytes, block->lsn, block->piece);
        MDB_val key = { sizeof key_bytes, key_bytes }, value = { BLOCK_HEADER_SIZE + block->body.size, NULL };
        int rc = mdb_put(txn, env->dbi, &key, &value, MDB_APPEND | MDB_RESERVE);
        if (rc)
                return env_lmdb_error(env, rc, "write a block", why);
        block_header_encode(value.mv_data, block);
        memcpy((uint8_t *)value.mv_data + BLOCK_HEADER_SIZE, block->body.data, block->body.size);
        return 0;
}

static int append_work(struct env_lmdb *env, MDB_txn *txn, void *arg, stet_why *why)
{
        struct append *a = arg;
        struct log_head head;
        struct block block;
        a->blocks = 0;
        a->trims = false;
        int err = head_check(env, txn, a->epoch, &head, why);
        struct block_cutter cutter = block_cutter_of(a->group);
        for (; !err && block_cut(&cutter, &block); a->blocks++) {
                block.commit = mdb_txn_id(txn);
                err = block_put(env, txn, &block, why);
        }
        if (err || a->blocks < a->log->trim_after)
                return err;
        unsigned due = TRIM_RATIO * (TRIM_BLOCKS_MIN - a->log->trim_after + a->blocks);
        return trim(a, txn, &head, due < TRIM_BLOCKS_MAX ? due : TRIM_BLOCKS_MAX, why);
}

static int make_room_work(struct env_lmdb *env, MDB_txn *txn, void *arg, stet_why *why)
{
        struct append *a = arg;
        struct log_head head;
        int err = head_check(env, txn, a->epoch, &head, why);
        if (!err)
                err = trim(a, txn, &head, TRIM_BLOCKS_MAX, why);
        return err || a->trims ? err : log_lmdb_head_put(env, txn, &head, why);
}

/* No append succeeds that could trim, so it is done alone: that takes few pages, which LMDB mostly has. It
 * uses what a transaction gave back only after one more, which is therefore made, too. */
static int make_room(struct log_lmdb *l, uint64_t epoch, stet_why *why)
{
        struct append a = { .log = l, .epoch = epoch };
        int err = 0;
        bool worthwhile = log_trim_lsn(&l->log) > l->log.first_lsn;
        for (int i = 0; worthwhile && !err && i < 2; i++) {
                err = env_lmdb_write(&l->env, make_room_work, &a, why);
                if (!err)
                        take_over(&a);
        }
        return err;
}

static int append(struct log *log, uint64_t epoch, const struct log_group *group, stet_why *why)
{
        struct log_lmdb *l = (struct log_lmdb *)log;
        struct append a = { .log = l, .epoch = epoch, .group = group };
        int err = env_lmdb_write(&l->env, append_work, &a, why);
        if (!err)
                take_over(&a);
        if (err == STET_EFULL) {
                stet_why room_why;
                int room_err = make_room(l, epoch, &room_why);
                if (room_err && room_err != STET_EFULL)
                        err = stet_why_set(why, room_err, "%s", room_why.text);
        }
        log->stats.disk_bytes = env_lmdb_disk_bytes(&l->env);
        return err;
}

static int sync_log(struct log *log, stet_why *why)
{
        struct log_lmdb *l = (struct log_lmdb *)log;
        return l->level == LOG_RELAXED ? env_lmdb_sync(&l->env, why) : 0;
}

static void close_log(struct log *log)
{
        struct log_lmdb *l = (struct log_lmdb *)log;
        if (l->view)
                mdb_txn_abort(l->view);
        env_lmdb_close(&l->env);
        free(l);
}

const struct log_ops log_lmdb_ops = {
        .append = append,
        .sync = sync_log,
        .read = log_lmdb_read,
        .close = close_log,
};
