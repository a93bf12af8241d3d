/* SPDX-License-Identifier: MIT
 *
 * The log in an LMDB file (FORMAT.md). Appending writes blocks behind the last one and touches nothing else,
 * so that a commit costs the new pages and one path of the tree. The group's bytes are copied once, from its
 * buffer into LMDB's pages.
 *
 * Invariants: every transaction writes blocks or the head, and puts its number into them, so the file's
 * newest transaction is always found in the last block or in the head; the last block is never trimmed, so
 * the end of the log is known even when all of it is forgotten.
 */
#include "wal/log_lmdb.h"

#include "wal/le.h"
#include "wal/write_rules.h"

#include <stdlib.h>

enum { TRIM_BLOCKS_MAX = 4096 }; /* in one transaction */

static int head_check(struct env_lmdb *env, MDB_txn *txn, uint64_t epoch, struct log_head *ret, stet_why *why)
{
        int err = log_lmdb_head(env, txn, ret, why);
        return err ? err : write_rules_epoch(env->path, ret->epoch, epoch, why);
}

/* --- append --- */

struct append {
        uint64_t epoch;
        const struct log_group *group;
};

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
        const struct append *a = arg;
        struct log_head head;
        struct block block;
        int err = head_check(env, txn, a->epoch, &head, why);
        struct block_cutter cutter = block_cutter_of(a->group);
        while (!err && block_cut(&cutter, &block)) {
                block.commit = mdb_txn_id(txn);
                err = block_put(env, txn, &block, why);
        }
        return err;
}

static int append(struct log *log, uint64_t epoch, const struct log_group *group, stet_why *why)
{
        struct log_lmdb *l = (struct log_lmdb *)log;
        struct append a = { .epoch = epoch, .group = group };
        int err = env_lmdb_write(&l->env, append_work, &a, why);
        if (!err)
                log->stats.disk_bytes = env_lmdb_disk_bytes(&l->env);
        return err;
}

static int sync_log(struct log *log, stet_why *why)
{
        struct log_lmdb *l = (struct log_lmdb *)log;
        return l->level == LOG_RELAXED ? env_lmdb_sync(&l->env, why) : 0;
}

/* --- trim --- */

struct trim {
        uint64_t epoch;
        uint64_t to_lsn;
        bool done;
};

/* LSN of the first block at or after lsn; 0 when there is none. */
static int block_after(struct env_lmdb *env, MDB_cursor *cursor, uint64_t lsn, uint64_t *ret_lsn,
                       stet_why *why)
{
        uint8_t key_bytes[BLOCK_KEY_SIZE];
        block_key_encode(key_bytes, lsn, 0);
        MDB_val key = { sizeof key_bytes, key_bytes }, value;
        int rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
        if (rc && rc != MDB_NOTFOUND)
                return env_lmdb_error(env, rc, "find a block", why);
        if (!rc && key.mv_size != BLOCK_KEY_SIZE)
                return stet_why_set(why, STET_ECORRUPT, "%s has an entry whose key is not a block's",
                                    env->path);
        *ret_lsn = rc ? 0 : be64_get(key.mv_data);
        return 0;
}

/* Deletes the first block, or all pieces of the first record. */
static int delete_first(struct env_lmdb *env, MDB_cursor *cursor, uint64_t first, unsigned *deleted,
                        stet_why *why)
{
        uint64_t at;
        int err = block_after(env, cursor, 1, &at, why);
        while (!err && at == first) {
                int rc = mdb_cursor_del(cursor, 0);
                if (rc)
                        return env_lmdb_error(env, rc, "delete a block", why);
                ++*deleted;
                err = block_after(env, cursor, 1, &at, why);
        }
        return err;
}

/* A block ends where the next one begins; the last one has no next and stays. */
static int trim_blocks(struct env_lmdb *env, MDB_cursor *cursor, struct trim *t, uint64_t *ret_first_lsn,
                       stet_why *why)
{
        uint64_t first, next;
        for (unsigned deleted = 0; deleted < TRIM_BLOCKS_MAX;) {
                int err = block_after(env, cursor, 1, &first, why);
                if (!err)
                        err = block_after(env, cursor, first + 1, &next, why);
                if (err)
                        return err;
                t->done = !next || next > t->to_lsn;
                *ret_first_lsn = t->done ? t->to_lsn : next;
                if (t->done)
                        return 0;
                err = delete_first(env, cursor, first, &deleted, why);
                if (err)
                        return err;
        }
        return 0;
}

static int trim_work(struct env_lmdb *env, MDB_txn *txn, void *arg, stet_why *why)
{
        struct trim *t = arg;
        struct log_head head;
        int err = head_check(env, txn, t->epoch, &head, why);
        if (err)
                return err;
        MDB_cursor *cursor;
        int rc = mdb_cursor_open(txn, env->dbi, &cursor);
        if (rc)
                return env_lmdb_error(env, rc, "begin trimming", why);
        err = trim_blocks(env, cursor, t, &head.first_lsn, why);
        mdb_cursor_close(cursor);
        return err ? err : log_lmdb_head_put(env, txn, &head, why);
}

static int trim(struct log *log, uint64_t epoch, uint64_t to_lsn, stet_why *why)
{
        struct log_lmdb *l = (struct log_lmdb *)log;
        struct trim t = { .epoch = epoch, .to_lsn = to_lsn };
        int err = 0;
        while (!err && !t.done)
                err = env_lmdb_write(&l->env, trim_work, &t, why);
        log->stats.disk_bytes = env_lmdb_disk_bytes(&l->env);
        return err;
}

static void close_log(struct log *log)
{
        struct log_lmdb *l = (struct log_lmdb *)log;
        env_lmdb_close(&l->env);
        free(l);
}

const struct log_ops log_lmdb_ops = {
        .append = append,
        .sync = sync_log,
        .read = log_lmdb_read,
        .trim = trim,
        .close = close_log,
};
