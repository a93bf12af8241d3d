/* SPDX-License-Identifier: MIT */
#include "runtime/export_file.h"

#include "base/crc32c.h"
#include "base/run_id.h"
#include "runtime/shard.h"
#include "wal/record_layout.h"

#include <inttypes.h>
#include <stdlib.h>

static const char magic[8] = { 's', 't', 'e', 't', ' ', 'r', 'u', 'n' };
static const char footer_magic[8] = { 's', 't', 'e', 't', ' ', 'e', 'n', 'd' };

/* Where the fields of the file's first and last bytes are (wal/EXPORT.md). */
enum {
        BEGIN_AT_FORMAT = 8,
        BEGIN_AT_HEADER_SIZE = 12,
        BEGIN_AT_CRC = 16, /* of everything before it */
        BEGIN_SIZE = 20,
        END_AT_RECORDS = 8,
        END_AT_CRC = 16, /* of the whole file before it */
        END_SIZE = 20,
};

/* --- writing --- */

static void put_bytes(struct table *t, const char *key, struct bytes text)
{
        if (!text.size)
                return;
        table_key(t, key);
        pack_str(t->to, text);
}

static void put_header(struct buffer *to, const struct export_header *h)
{
        char run[RUN_ID_SIZE], incarnation[RUN_ID_SIZE];
        struct table t = table_begin(to);
        run_id_print(h->run, run);
        run_id_print(h->incarnation, incarnation);
        table_str(&t, "run_id", run);
        put_bytes(&t, "workflow_id", h->workflow_id);
        put_bytes(&t, "namespace", h->ns);
        put_bytes(&t, "workflow", h->workflow);
        table_str(&t, "incarnation", incarnation);
        table_uint(&t, "exported_ms", (uint64_t)h->exported_ms);
        put_bytes(&t, "reason", h->reason);
        table_value(&t, "blocked_on", h->blocked_on);
        table_end(&t);
}

void export_begin(struct export_writer *w, const struct export_header *header, uint64_t records_wanted,
                  struct buffer *to)
{
        size_t begin = to->size;
        const uint8_t room[BEGIN_SIZE] = { 0 };
        *w = (struct export_writer){ .run = header->run, .records_wanted = records_wanted };
        buffer_append(to, room, sizeof room);
        put_header(to, header);
        uint8_t *at = to->data + begin;
        memcpy(at, magic, sizeof magic);
        le32_put(at + BEGIN_AT_FORMAT, EXPORT_FORMAT);
        le32_put(at + BEGIN_AT_HEADER_SIZE, (uint32_t)(to->size - begin - BEGIN_SIZE));
        le32_put(at + BEGIN_AT_CRC, crc32c(0, at, BEGIN_AT_CRC));
        w->crc = crc32c(0, at, to->size - begin);
}

/* The next record of the run, and that it follows the last one. */
static int check_record(const struct record *r, uint64_t run, uint64_t last_lsn, stet_why *why)
{
        if (r->kind == RECORD_TRANSITION && r->stream == run && r->previous_lsn == last_lsn &&
            r->lsn > last_lsn)
                return 0;
        return stet_why_set(why, STET_ECORRUPT,
                            "record %" PRIu64 " does not follow record %" PRIu64 " of run %016" PRIx64,
                            r->lsn, last_lsn, run);
}

int export_add(struct export_writer *w, struct bytes piece, struct buffer *to, stet_why *why)
{
        int err = 0;
        size_t taken = 0;
        buffer_append(&w->cut, piece.data, piece.size);
        while (!export_complete(w)) {
                struct bytes rest = bytes_of(w->cut.data + taken, w->cut.size - taken);
                struct record record;
                size_t size;
                if (!record_fits(rest))
                        break;
                if (record_decode(rest, &record, &size))
                        err = stet_why_set(why, STET_ECORRUPT,
                                           "the record after %" PRIu64 " of run %016" PRIx64 " is damaged",
                                           w->last_lsn, w->run);
                else
                        err = check_record(&record, w->run, w->last_lsn, why);
                if (err)
                        return err;
                buffer_append(to, rest.data, size);
                w->crc = crc32c(w->crc, rest.data, size);
                w->last_lsn = record.lsn;
                w->records++;
                taken += size;
        }
        if (taken)
                memmove(w->cut.data, w->cut.data + taken, w->cut.size - taken);
        w->cut.size -= taken;
        return 0;
}

void export_end(struct export_writer *w, struct buffer *to)
{
        uint8_t footer[END_SIZE];
        memcpy(footer, footer_magic, sizeof footer_magic);
        le64_put(footer + END_AT_RECORDS, w->records);
        le32_put(footer + END_AT_CRC, crc32c(w->crc, footer, END_AT_CRC));
        buffer_append(to, footer, sizeof footer);
}

void export_writer_fini(struct export_writer *w)
{
        buffer_fini(&w->cut);
        *w = (struct export_writer){ 0 };
}

/* --- reading: the frame --- */

static int damaged(stet_why *why, const char *what)
{
        return stet_why_set(why, STET_ECORRUPT, "it is cut short or damaged: %s", what);
}

static int check_begin(struct bytes file, size_t *ret_header_size, stet_why *why)
{
        if (file.size < sizeof magic || memcmp(file.data, magic, sizeof magic) != 0)
                return stet_why_set(why, STET_EFORMAT, "it is no exported run");
        if (file.size < BEGIN_SIZE)
                return damaged(why, "it ends within its first bytes");
        if (le32_get(file.data + BEGIN_AT_CRC) != crc32c(0, file.data, BEGIN_AT_CRC))
                return damaged(why, "the checksum of its first bytes does not match");
        uint32_t format = le32_get(file.data + BEGIN_AT_FORMAT);
        if (format > EXPORT_FORMAT)
                return stet_why_set(why, STET_ENEWER,
                                    "it has format %" PRIu32 ", and this stet knows formats up to %d", format,
                                    EXPORT_FORMAT);
        *ret_header_size = le32_get(file.data + BEGIN_AT_HEADER_SIZE);
        if (format == 0 || *ret_header_size > EXPORT_HEADER_MAX)
                return damaged(why, "its header can't be as its first bytes say");
        return 0;
}

/* Finds the records between header and footer. */
static int check_frame(struct bytes file, size_t header_size, struct bytes *ret_records, uint64_t *ret_count,
                       stet_why *why)
{
        if (file.size < BEGIN_SIZE + header_size + END_SIZE)
                return damaged(why, "it ends before its footer");
        size_t size = file.size - END_SIZE;
        const uint8_t *end = file.data + size;
        if (memcmp(end, footer_magic, sizeof footer_magic) != 0)
                return damaged(why, "its footer is missing");
        if (le32_get(end + END_AT_CRC) != crc32c(0, file.data, size + END_AT_CRC))
                return damaged(why, "its checksum does not match");
        *ret_records =
            bytes_of(file.data + BEGIN_SIZE + header_size, file.size - BEGIN_SIZE - header_size - END_SIZE);
        *ret_count = le64_get(end + END_AT_RECORDS);
        return 0;
}

/* --- reading: the header --- */

static struct bytes text_at(struct bytes map, const char *key)
{
        struct cursor c = cursor_find(map, key);
        return cursor_str(&c);
}

static int read_header(struct bytes map, struct export_header *ret, stet_why *why)
{
        const struct unpack_limits limits = { UNPACK_DEPTH_MAX, UINT32_MAX };
        if (unpack_validate(map, &limits, 1, NULL) != 0)
                return damaged(why, "its header is no msgpack map");
        struct cursor exported = cursor_find(map, "exported_ms"), list = cursor_find(map, "blocked_on");
        *ret = (struct export_header){
                .ns = text_at(map, "namespace"),
                .workflow = text_at(map, "workflow"),
                .workflow_id = text_at(map, "workflow_id"),
                .reason = text_at(map, "reason"),
                .exported_ms = cursor_int(&exported),
        };
        if (!list.failed && cursor_type(&list) == UNPACK_ARRAY)
                ret->blocked_on = cursor_skip(&list);
        if (!run_id_parse(text_at(map, "run_id"), &ret->run) ||
            !run_id_parse(text_at(map, "incarnation"), &ret->incarnation))
                return damaged(why, "its header names no run");
        return 0;
}

/* --- reading: the records --- */

static void add_place(struct export_file *f, uint64_t lsn, size_t offset)
{
        if ((f->records_count & (f->records_count - 1)) == 0)
                f->places =
                    xrealloc(f->places, (f->records_count ? 2 * f->records_count : 1) * sizeof *f->places);
        f->places[f->records_count++] = (struct export_place){ lsn, offset };
}

static int take_record(struct export_file *f, const struct record *r, stet_why *why)
{
        int err = check_record(r, f->header.run, f->run->last_lsn, why);
        if (!err && run_apply(f->run, &f->tables, r->lsn, r->flags, r->time_ns, r->body) != 0)
                err = stet_why_set(why, STET_ECORRUPT, "record %" PRIu64 " does not fit the run", r->lsn);
        return err;
}

static int take_records(struct export_file *f, struct bytes rest, stet_why *why)
{
        while (rest.size) {
                struct record record;
                size_t size;
                if (record_decode(rest, &record, &size))
                        return damaged(why, "a record's checksum does not match");
                int err = take_record(f, &record, why);
                if (err)
                        return err;
                add_place(f, record.lsn, (size_t)(rest.data - f->bytes.data));
                rest = bytes_of(rest.data + size, rest.size - size);
        }
        return 0;
}

static bool header_fits(const struct export_file *f)
{
        const struct run *run = f->run;
        return bytes_equal(f->header.ns, bytes_str(run->ns)) &&
               bytes_equal(f->header.workflow, bytes_str(run->workflow)) &&
               bytes_equal(f->header.workflow_id, bytes_str(run->workflow_id));
}

/* The run as the node had it: blocked, if the header says why. */
static void set_blocked(struct export_file *f)
{
        if (f->header.reason.size && f->run->ending == RUN_OPEN)
                f->run->blocked = xmemdup(f->header.reason.data, f->header.reason.size);
}

int export_file_open(struct bytes bytes, struct export_file *ret, stet_why *why)
{
        struct export_file f = { .bytes = bytes };
        struct bytes records = { NULL, 0 };
        uint64_t count = 0;
        size_t header_size = 0;
        int err = check_begin(bytes, &header_size, why);
        if (!err)
                err = check_frame(bytes, header_size, &records, &count, why);
        if (!err)
                err = read_header(bytes_of(bytes.data + BEGIN_SIZE, header_size), &f.header, why);
        if (err)
                return err;
        f.run = run_new(NULL, f.header.run);
        err = take_records(&f, records, why);
        if (!err && (count != f.records_count || !count))
                err = damaged(why, "it has not the records that its footer counts");
        if (!err && !header_fits(&f))
                err = damaged(why, "its header is another run's");
        if (err) {
                export_file_close(&f);
                return err;
        }
        set_blocked(&f);
        *ret = f;
        return 0;
}

void export_file_close(struct export_file *f)
{
        if (f->run)
                run_free(f->run, &f->tables);
        run_tables_fini(&f->tables);
        free(f->places);
        *f = (struct export_file){ 0 };
}

/* --- reading: what is in it --- */

static int visit_place(const struct export_file *f, const struct export_place *place, log_visit_fn *visit,
                       void *ctx)
{
        struct record record;
        size_t size;
        int err = record_decode(bytes_of(f->bytes.data + place->offset, f->bytes.size - place->offset),
                                &record, &size);
        return err ? err : visit(ctx, &record);
}

static int compare_places(const void *left, const void *right)
{
        const struct export_place *a = left, *b = right;
        return a->lsn < b->lsn ? -1 : a->lsn > b->lsn;
}

static int visit_lsn(void *ctx, uint64_t lsn, log_visit_fn *visit, void *visit_ctx, stet_why *why)
{
        const struct export_file *f = ctx;
        const struct export_place wanted = { .lsn = lsn };
        const struct export_place *place =
            bsearch(&wanted, f->places, f->records_count, sizeof *f->places, compare_places);
        if (!place)
                return stet_why_set(why, STET_ECORRUPT, "record %" PRIu64 " is missing", lsn);
        int err = visit_place(f, place, visit, visit_ctx);
        return err ? stet_why_set(why, err, "record %" PRIu64 " does not say what it should", lsn) : 0;
}

int export_file_show(const struct export_file *f, struct buffer *to, stet_why *why)
{
        const struct run_records records = { (void *)(uintptr_t)f, visit_lsn };
        struct table t = table_begin(to);
        int err = run_show(&t, f->run, &records, why);
        table_value(&t, "blocked_on", f->header.blocked_on);
        table_end(&t);
        return err;
}

int export_file_history(const struct export_file *f, uint64_t from, uint32_t limit, struct buffer *to,
                        stet_why *why)
{
        struct buffer items = { 0 };
        struct history_page page = { .to = &items };
        int err = 0;
        if (from > f->records_count)
                from = f->records_count;
        page.seq = (uint32_t)from;
        for (size_t i = (size_t)from; i < f->records_count && page.count < limit && !err; i++) {
                err = visit_place(f, &f->places[i], history_page_add, &page);
                if (err > 0)
                        stet_why_set(why, err, "record %" PRIu64 " can't be read", f->places[i].lsn);
        }
        pack_array(to, page.count);
        buffer_append(to, items.data, items.size);
        buffer_fini(&items);
        return err > 0 ? err : 0;
}
