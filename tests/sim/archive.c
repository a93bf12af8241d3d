/* SPDX-License-Identifier: MIT */
#include "tests/sim/archive.h"

#include "base/map.h"
#include "wal/log_check.h"
#include "wal/record_layout.h"

#include <stdlib.h>

struct archive {
        struct log view;
        struct buffer bytes; /* the records, one after the other */
        size_t *starts;      /* of record n at n - 1 */
        size_t capacity;
        uint64_t last_lsn;
};

struct archive *archive_new(void)
{
        return xcalloc(1, sizeof(struct archive));
}

void archive_free(struct archive *a)
{
        if (!a)
                return;
        buffer_fini(&a->bytes);
        free(a->starts);
        free(a);
}

/* A record as it stood in the log: the header is before the body. */
static struct bytes encoded(const struct record *r)
{
        return bytes_of(r->body.data - RECORD_HEADER_SIZE, r->body.size + RECORD_HEADER_SIZE);
}

void archive_add(struct archive *a, const struct record *r)
{
        struct bytes bytes = encoded(r);
        if (a->last_lsn == a->capacity) {
                a->capacity = a->capacity ? 2 * a->capacity : 64;
                a->starts = xrealloc(a->starts, a->capacity * sizeof a->starts[0]);
        }
        a->starts[a->last_lsn++] = a->bytes.size;
        buffer_append(&a->bytes, bytes.data, bytes.size);
}

static struct bytes record_at(const struct archive *a, uint64_t lsn)
{
        const uint8_t *record = a->bytes.data + a->starts[lsn - 1];
        return bytes_of(record, record_length(record));
}

bool archive_has(const struct archive *a, const struct record *r)
{
        return r->lsn && r->lsn <= a->last_lsn && bytes_equal(record_at(a, r->lsn), encoded(r));
}

uint64_t archive_lsn(const struct archive *a)
{
        return a->last_lsn;
}

/* --- as a log --- */

static int refuse_append(struct log *log, uint64_t epoch, const struct log_group *group, stet_why *why)
{
        (void)log;
        (void)epoch;
        (void)group;
        return stet_why_set(why, STET_EINVAL, "this log is only looked at");
}

static int sync_nothing(struct log *log, stet_why *why)
{
        (void)log;
        (void)why;
        return 0;
}

static int fill(void *store, uint64_t *from_lsn, size_t size, struct buffer *batch, uint64_t *ret_lsn,
                stet_why *why)
{
        const struct archive *a = store;
        (void)why;
        *ret_lsn = *from_lsn;
        for (uint64_t lsn = *from_lsn; lsn <= a->view.last_lsn && batch->size < size; lsn++) {
                struct bytes record = record_at(a, lsn);
                buffer_append(batch, record.data, record.size);
        }
        return 0;
}

static int read_view(struct log *log, uint64_t from_lsn, log_visit_fn *visit, void *ctx, stet_why *why)
{
        return log_read_batches(fill, container_of(log, struct archive, view), from_lsn, visit, ctx, why);
}

struct log *archive_log(struct archive *a, uint64_t up_to_lsn)
{
        static const struct log_ops ops = { .append = refuse_append,
                                            .sync = sync_nothing,
                                            .read = read_view };
        a->view = (struct log){ .ops = &ops, .epoch = 1, .first_lsn = 1, .last_lsn = up_to_lsn };
        if (up_to_lsn)
                a->view.last_crc = le32_get(record_at(a, up_to_lsn).data + RECORD_AT_CRC);
        return &a->view;
}
