/* SPDX-License-Identifier: MIT
 *
 * Reads a whole log file and reports every damage. It goes on behind each one: the next record is found by
 * the damaged one's length, or else by trying each byte of the block; numbers that are then passed over are
 * reported as missing. What cannot be seen in the records is found by verify_lmdb.c.
 *
 * LMDB follows pointers in damaged pages wherever they lead, so this may crash: call it in a process of its
 * own.
 */
#include "wal/le.h"
#include "wal/log_check.h"
#include "wal/log_lmdb.h"
#include "wal/record_layout.h"
#include "wal/verify_lmdb.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

enum { PROGRESS_BLOCKS = 1024 };

struct verify {
        log_damage_fn *damage;
        void (*progress)(void *ctx, uint64_t lsn);
        void *ctx;
        struct verify_lmdb file;
        struct log_check next; /* the record that is due */
        struct log_head head;
        bool head_found;
        uint64_t entries;
        uint64_t commit;        /* the newest found in a block or in the head */
        struct buffer cut;      /* pieces of the record that is being put together */
        struct block cut_block; /* its last piece; pieces is 0 when there is none */
        struct log_verify_report report;
        stet_why first; /* damage */
};

STET_PRINTF(4, 5)
static void report(struct verify *v, uint64_t lsn, uint64_t stream, const char *format, ...)
{
        stet_why why;
        va_list args;
        va_start(args, format);
        vsnprintf(why.text, sizeof why.text, format, args);
        va_end(args);
        if (!v->report.damaged++)
                v->first = why;
        if (v->damage)
                v->damage(v->ctx, lsn, stream, why.text);
}

/* --- records --- */

static void report_gap(struct verify *v, uint64_t lsn)
{
        if (lsn == v->next.lsn)
                return;
        if (lsn < v->next.lsn)
                report(v, lsn, 0, "record %" PRIu64 " stands where record %" PRIu64 " belongs", lsn,
                       v->next.lsn);
        else if (lsn == v->next.lsn + 1)
                report(v, v->next.lsn, 0, "record %" PRIu64 " is missing", v->next.lsn);
        else
                report(v, v->next.lsn, 0, "records %" PRIu64 " to %" PRIu64 " are missing", v->next.lsn,
                       lsn - 1);
        v->next = log_check_from(lsn);
}

static void take_record(struct verify *v, const struct record *r)
{
        report_gap(v, r->lsn);
        if (v->next.chain_known && r->chain != v->next.chain)
                report(v, r->lsn, r->stream,
                       "record %" PRIu64 " of stream %" PRIu64
                       " does not continue the record before it: it is from "
                       "another past",
                       r->lsn, r->stream);
        v->next = (struct log_check){ .lsn = r->lsn + 1, .chain = r->crc, .chain_known = true };
        if (v->head_found && r->lsn < v->head.first_lsn)
                return; /* trimmed, but its block is still there */
        if (!v->report.records++)
                v->report.first_lsn = r->lsn;
        if (!v->report.stream)
                v->report.stream = r->stream;
        v->report.last_lsn = r->lsn;
}

/* Its header's stream is believed if its LSN is the expected one. */
static void report_record(struct verify *v, struct bytes rest)
{
        bool believed = rest.size >= RECORD_HEADER_SIZE && record_lsn(rest.data) == v->next.lsn;
        uint64_t stream = believed ? record_stream(rest.data) : 0;
        if (believed)
                report(v, v->next.lsn, stream, "record %" PRIu64 " of stream %" PRIu64 " is damaged",
                       v->next.lsn, stream);
        else
                report(v, v->next.lsn, 0, "record %" PRIu64 " is damaged, its header too", v->next.lsn);
        v->next = log_check_from(v->next.lsn + 1);
}

/* Bytes to pass over to the next sound record; all of them when there is none. */
static size_t find_record(struct bytes rest)
{
        struct record record;
        size_t size;
        if (record_fits(rest)) {
                size_t length = record_length(rest.data);
                if (!record_decode(bytes_of(rest.data + length, rest.size - length), &record, &size))
                        return length;
        }
        for (size_t at = 1; at + RECORD_HEADER_SIZE <= rest.size; at++)
                if (!record_decode(bytes_of(rest.data + at, rest.size - at), &record, &size))
                        return at;
        return rest.size;
}

static void verify_records(struct verify *v, struct bytes rest)
{
        while (rest.size) {
                struct record record;
                size_t size;
                if (record_decode(rest, &record, &size)) {
                        report_record(v, rest);
                        size = find_record(rest);
                } else {
                        take_record(v, &record);
                }
                rest = bytes_of(rest.data + size, rest.size - size);
        }
}

/* --- blocks --- */

static void end_cut(struct verify *v)
{
        if (!v->cut_block.pieces)
                return;
        uint64_t lsn = v->cut_block.lsn;
        if (v->cut_block.piece + 1 == v->cut_block.pieces) {
                verify_records(v, buffer_bytes(&v->cut));
        } else {
                struct bytes begun = buffer_bytes(&v->cut);
                report_gap(v, lsn);
                report(v, lsn, record_stream(begun.data),
                       "record %" PRIu64 " of stream %" PRIu64 " lacks its pieces from %u on", lsn,
                       record_stream(begun.data), v->cut_block.piece + 1u);
                v->next = log_check_from(lsn + 1);
        }
        v->cut_block.pieces = 0;
}

static void begin_cut(struct verify *v, const struct block *b)
{
        end_cut(v);
        if (b->piece || b->body.size < RECORD_HEADER_SIZE) {
                report(v, b->lsn, 0, "piece %u of record %" PRIu64 " has no beginning", (unsigned)b->piece,
                       b->lsn);
                return;
        }
        buffer_clear(&v->cut);
        buffer_append(&v->cut, b->body.data, b->body.size);
        v->cut_block = *b;
}

static void take_piece(struct verify *v, const struct block *b)
{
        const struct block *last = &v->cut_block;
        if (!last->pieces || last->lsn != b->lsn || last->pieces != b->pieces ||
            last->piece + 1 != b->piece) {
                begin_cut(v, b);
                return;
        }
        buffer_append(&v->cut, b->body.data, b->body.size);
        v->cut_block = *b;
        if (b->piece + 1 == b->pieces)
                end_cut(v);
}

static void take_block(struct verify *v, const struct block *b)
{
        if (b->commit > v->commit)
                v->commit = b->commit;
        if (b->pieces > 1) {
                take_piece(v, b);
                return;
        }
        end_cut(v);
        report_gap(v, b->lsn);
        verify_records(v, b->body);
        report_gap(v, b->lsn + b->count);
}

/* A block whose header is damaged may still hold sound records. */
static void take_damaged_block(struct verify *v, struct bytes key, struct bytes value)
{
        uint64_t lsn = key.size == BLOCK_KEY_SIZE ? be64_get(key.data) : 0;
        end_cut(v);
        report(v, lsn, 0, "the block with record %" PRIu64 " (by its key) is damaged", lsn);
        if (value.size <= BLOCK_HEADER_SIZE || value.size > BLOCK_SIZE_MAX)
                return;
        struct bytes body = bytes_of(value.data + BLOCK_HEADER_SIZE, value.size - BLOCK_HEADER_SIZE);
        if (record_fits(body))
                verify_records(v, body);
}

/* Before the record lsn; of the log's very first one it is known what it continues. */
static struct log_check check_from(const struct verify *v, uint64_t lsn)
{
        if (lsn != v->head.origin_lsn + 1)
                return log_check_from(lsn);
        return (struct log_check){ .lsn = lsn, .chain = v->head.origin_crc, .chain_known = true };
}

static void take_head(struct verify *v, struct bytes value)
{
        stet_why why;
        if (log_head_decode(value, &v->head, &why)) {
                report(v, 0, 0, "%s", why.text);
                return;
        }
        v->head_found = true;
        v->commit = v->head.commit;
        v->next = check_from(v, v->head.first_lsn);
}

static void take_entry(struct verify *v, MDB_cursor *cursor, const MDB_val *key_val, const MDB_val *value_val)
{
        struct bytes key = bytes_of_val(key_val), value = bytes_of_val(value_val);
        struct block block;
        bool is_head = key.size == BLOCK_KEY_SIZE && be64_get(key.data) == 0;
        v->entries++;
        if (!verify_lmdb_leads_to(cursor, *key_val, value_val))
                report(v, v->next.lsn, 0, "the tree does not lead to the entry near record %" PRIu64,
                       v->next.lsn);
        if (is_head && v->entries == 1) {
                take_head(v, value);
                return;
        }
        if (block_decode(key, value, &block)) {
                take_damaged_block(v, key, value);
                return;
        }
        /* The first block may begin with trimmed records; without a head, the log begins where it begins. */
        bool is_first = v->entries == (v->head_found ? 2u : 1u) || !v->next.lsn;
        if (is_first && (!v->head_found || block.lsn < v->next.lsn))
                v->next = v->head_found ? check_from(v, block.lsn) : log_check_from(block.lsn);
        take_block(v, &block);
        if (v->progress && v->entries % PROGRESS_BLOCKS == 0)
                v->progress(v->ctx, block.lsn);
}

/* --- the file --- */

/* LMDB could not step on: looks for an entry further and further behind. */
static int skip_ahead(struct verify *v, MDB_cursor *cursor, int rc, MDB_val *key, MDB_val *value)
{
        report(v, v->next.lsn, 0, "LMDB cannot read on after record %" PRIu64 ": %s",
               v->next.lsn ? v->next.lsn - 1 : 0, mdb_strerror(rc));
        for (uint64_t step = 1; step < UINT64_MAX - v->next.lsn; step *= 2) {
                uint8_t key_bytes[BLOCK_KEY_SIZE];
                block_key_encode(key_bytes, v->next.lsn + step, 0);
                *key = (MDB_val){ sizeof key_bytes, key_bytes };
                rc = mdb_cursor_get(cursor, key, value, MDB_SET_RANGE);
                if (!rc || rc == MDB_NOTFOUND || step > UINT64_MAX / 2)
                        break;
        }
        return rc;
}

static void check_beginning(struct verify *v)
{
        uint64_t end = v->entries > 1 ? v->next.lsn : v->head.origin_lsn + 1;
        if (v->head.first_lsn > end)
                report(v, end, 0, "records %" PRIu64 " to %" PRIu64 " are missing at the end", end,
                       v->head.first_lsn - 1);
        if (v->head.first_lsn <= v->head.origin_lsn)
                report(v, v->head.first_lsn, 0,
                       "the log should begin with record %" PRIu64 ", but the first it ever had is %" PRIu64,
                       v->head.first_lsn, v->head.origin_lsn + 1);
}

static void check_ends(struct verify *v)
{
        if (v->head_found)
                check_beginning(v);
        else
                report(v, 0, 0, "the log's head is missing or damaged");
}

static void walk(void *ctx, MDB_cursor *cursor, const struct meta_lmdb *meta)
{
        struct verify *v = ctx;
        MDB_val key, value;
        int rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
        while (!rc && v->entries < meta->newest.records.entries) {
                take_entry(v, cursor, &key, &value);
                rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
                if (rc && rc != MDB_NOTFOUND)
                        rc = skip_ahead(v, cursor, rc, &key, &value);
        }
        end_cut(v);
        check_ends(v);
        verify_lmdb_ends(&v->file, meta, v->entries, !rc, v->commit);
}

static bool commit_of(const struct tree_entry *first, const struct tree_entry *last, uint64_t *ret_commit)
{
        struct log_head head;
        struct block block;
        if (log_head_decode(first->value, &head, NULL))
                return false;
        *ret_commit = head.commit;
        if (bytes_equal(first->key, last->key))
                return true; /* the head is all there is */
        if (block_decode(last->key, last->value, &block))
                return false;
        if (block.commit > *ret_commit)
                *ret_commit = block.commit;
        return true;
}

static void report_near(void *ctx, const char *sentence)
{
        struct verify *v = ctx;
        report(v, v->next.lsn, 0, "%s", sentence);
}

int log_lmdb_verify(const char *path, log_damage_fn *damage, void (*progress)(void *ctx, uint64_t lsn),
                    void *ctx, struct log_verify_report *ret, stet_why *why)
{
        struct verify v = { .damage = damage, .progress = progress, .ctx = ctx };
        v.file = (struct verify_lmdb){ &v, report_near, walk, commit_of };
        int err = verify_lmdb_file(path, &v.file, why);
        buffer_fini(&v.cut);
        if (!err && v.report.damaged)
                err = stet_why_set(why, STET_ECORRUPT, "%s has %" PRIu64 " damages; the first: %s", path,
                                   v.report.damaged, v.first.text);
        *ret = v.report;
        return err;
}
