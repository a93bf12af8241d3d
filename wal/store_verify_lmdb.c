/* SPDX-License-Identifier: MIT
 *
 * Reads a whole store file and reports every damage. Each value is put together, which checks all of its
 * pieces, and a piece that continues none is reported; what no entry tells is found by verify_lmdb.c.
 *
 * LMDB follows pointers in damaged pages wherever they lead, so this may crash: call it in a process of its
 * own.
 */
#include "wal/store_pieces_lmdb.h"
#include "wal/verify_lmdb.h"

#include <inttypes.h>

enum { PROGRESS_ENTRIES = 4096 };

struct verify {
        store_damage_fn *damage;
        void (*progress)(void *ctx, uint64_t entries);
        void *ctx;
        struct verify_lmdb file;
        uint64_t entries; /* of LMDB's: the head and pieces */
        uint64_t commit;  /* of the head */
        bool head_found;
        struct buffer value;
        struct store_verify_report report;
        stet_why first; /* damage */
};

static void report(struct verify *v, struct bytes key, const char *sentence)
{
        if (!v->report.damaged++)
                stet_why_set(&v->first, 0, "%s", sentence);
        if (v->damage)
                v->damage(v->ctx, key, sentence);
}

static void take_head(struct verify *v, struct bytes value)
{
        struct store_head head;
        stet_why why;
        v->head_found = true;
        if (store_head_decode(value, &head, &why)) {
                report(v, bytes_of(NULL, 0), why.text);
                return;
        }
        v->commit = head.commit;
        v->report.checkpoint = head.checkpoint;
}

static void take_piece(struct verify *v, MDB_cursor *cursor, struct bytes lmdb_key, MDB_val value)
{
        struct bytes key;
        bool first;
        stet_why why;
        if (store_pieces_check(mdb_cursor_txn(cursor), mdb_cursor_dbi(cursor), lmdb_key, value, &v->value,
                               &key, &first, &why))
                report(v, key, why.text);
        else if (first)
                v->report.entries++;
}

static void take_entry(struct verify *v, MDB_cursor *cursor, const MDB_val *key, const MDB_val *value)
{
        struct bytes lmdb_key = bytes_of_val(key);
        stet_why why;
        v->entries++;
        if (!verify_lmdb_leads_to(cursor, *key, value)) {
                stet_why_set(&why, 0, "the tree does not lead to the entry with the key %s",
                             store_key_text(lmdb_key).text);
                report(v, lmdb_key, why.text);
        }
        if (bytes_equal(lmdb_key, store_head_key()))
                take_head(v, bytes_of_val(value));
        else
                take_piece(v, cursor, lmdb_key, *value);
        if (v->progress && v->entries % PROGRESS_ENTRIES == 0)
                v->progress(v->ctx, v->report.entries);
}

static void walk(void *ctx, MDB_cursor *cursor, const struct meta_lmdb *meta)
{
        struct verify *v = ctx;
        MDB_val key, value;
        stet_why why;
        int rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
        while (!rc && v->entries < meta->newest.records.entries) {
                take_entry(v, cursor, &key, &value);
                rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
        }
        if (rc && rc != MDB_NOTFOUND) {
                stet_why_set(&why, 0, "LMDB cannot read on after %" PRIu64 " entries: %s", v->entries,
                             mdb_strerror(rc));
                report(v, bytes_of(NULL, 0), why.text);
        }
        if (!v->head_found)
                report(v, bytes_of(NULL, 0), "the store's head is missing");
        verify_lmdb_ends(&v->file, meta, v->entries, !rc, v->commit);
}

static bool commit_of(const struct tree_entry *first, const struct tree_entry *last, uint64_t *ret_commit)
{
        struct store_head head;
        (void)last;
        if (!bytes_equal(first->key, store_head_key()) || store_head_decode(first->value, &head, NULL))
                return false;
        *ret_commit = head.commit;
        return true;
}

static void report_page(void *ctx, const char *sentence)
{
        report(ctx, bytes_of(NULL, 0), sentence);
}

int store_lmdb_verify(const char *path, store_damage_fn *damage,
                      void (*progress)(void *ctx, uint64_t entries), void *ctx,
                      struct store_verify_report *ret, stet_why *why)
{
        struct verify v = { .damage = damage, .progress = progress, .ctx = ctx };
        v.file = (struct verify_lmdb){ &v, report_page, walk, commit_of };
        int err = verify_lmdb_file(path, &v.file, why);
        buffer_fini(&v.value);
        if (!err && v.report.damaged)
                err = stet_why_set(why, STET_ECORRUPT, "%s has %" PRIu64 " damages; the first: %s", path,
                                   v.report.damaged, v.first.text);
        *ret = v.report;
        return err;
}
