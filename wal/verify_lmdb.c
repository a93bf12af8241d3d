/* SPDX-License-Identifier: MIT
 *
 * LMDB follows pages wherever they lead, so the pages are looked at first, with pread. What no page tells is
 * found by counting entries and comparing transactions' numbers: entries that the tree no longer leads to, an
 * older tree under a newer number.
 */
#include "wal/verify_lmdb.h"

#include "wal/pages_lmdb.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

/* What a damaged page says of the size of a key lies within the map, then, even at its end. */
enum { MAP_SLACK = 1 << 17 };

STET_PRINTF(2, 3)
static void report(const struct verify_lmdb *v, const char *format, ...)
{
        stet_why why;
        va_list args;
        va_start(args, format);
        vsnprintf(why.text, sizeof why.text, format, args);
        va_end(args);
        v->report(v->ctx, why.text);
}

bool verify_lmdb_leads_to(MDB_cursor *cursor, MDB_val key, const MDB_val *value)
{
        MDB_val found;
        return mdb_get(mdb_cursor_txn(cursor), mdb_cursor_dbi(cursor), &key, &found) == 0 &&
               found.mv_data == value->mv_data;
}

void verify_lmdb_ends(const struct verify_lmdb *v, const struct meta_lmdb *meta, uint64_t entries, bool more,
                      uint64_t commit)
{
        uint64_t counted = meta->newest.records.entries;
        if (more || entries != counted)
                report(v, "the tree has %s than the %" PRIu64 " entries that the file counts",
                       more ? "more" : "fewer", counted);
        if (commit != meta->newest.commit)
                report(v,
                       "the file's newest transaction is %" PRIu64 ", but what is in it ends with %" PRIu64
                       ": a write was torn or lost",
                       meta->newest.commit, commit);
}

/* The last transaction but one wrote the tree that the older meta page leads to. Should that tree be of a
 * later one, then the number is damaged, and the newest transaction is passed over in silence; or LMDB failed
 * to write it and took it back, leaving only its number right. */
static void check_older(const struct verify_lmdb *v, const char *path, const struct meta_lmdb *meta)
{
        stet_why why;
        uint64_t found;
        if (tree_lmdb_commit(path, meta, &meta->older, v->commit_of, &found, &why))
                report(v, "%s", why.text);
        else if (found != meta->older.commit)
                report(v,
                       "the meta page of transaction %" PRIu64 " leads to what transaction %" PRIu64
                       " wrote: its number is damaged, or it was not written to its end",
                       meta->older.commit, found);
}

static int walk(struct env_lmdb *env, const struct verify_lmdb *v, const struct meta_lmdb *meta,
                stet_why *why)
{
        MDB_txn *txn;
        MDB_cursor *cursor;
        int rc = mdb_txn_begin(env->mdb, NULL, MDB_RDONLY, &txn);
        if (rc)
                return env_lmdb_error(env, rc, "begin reading", why);
        rc = mdb_cursor_open(txn, env->dbi, &cursor);
        if (!rc) {
                v->walk(v->ctx, cursor, meta);
                mdb_cursor_close(cursor);
        }
        mdb_txn_abort(txn);
        return rc ? env_lmdb_error(env, rc, "begin reading", why) : 0;
}

int verify_lmdb_file(const char *path, const struct verify_lmdb *v, stet_why *why)
{
        struct meta_lmdb meta;
        struct env_lmdb env;
        stet_why reason;
        int err = meta_lmdb_read(path, &meta, &reason);
        if (err == STET_ECORRUPT)
                report(v, "%s", reason.text);
        if (err)
                return stet_why_set(why, err, "%s", reason.text);
        err = pages_lmdb_check(path, &meta, v->report, v->ctx, why);
        if (!err)
                err = env_lmdb_open(&env, path, MDB_RDONLY | MDB_NOLOCK, meta.file_size + MAP_SLACK, why);
        if (err)
                return err;
        err = walk(&env, v, &meta, why);
        env_lmdb_close(&env);
        if (!err)
                check_older(v, path, &meta);
        return err;
}
