/* SPDX-License-Identifier: MIT
 *
 * Records for tests of the log: everything in them follows from their LSN, so that a reader can be checked
 * anywhere.
 */
#ifndef TESTS_LIB_RECORDS_H
#define TESTS_LIB_RECORDS_H

#include "wal/record.h"

enum { RECORDS_STREAMS = 7 };

static inline uint64_t records_stream(uint64_t lsn)
{
        return 100 + lsn % RECORDS_STREAMS;
}

static inline uint8_t records_byte(uint64_t lsn, size_t at)
{
        return (uint8_t)(lsn * 31 + at);
}

/* Puts one record into the group and returns its LSN. */
static inline uint64_t records_put(struct log_group *g, size_t body_size)
{
        uint64_t lsn = log_group_next_lsn(g);
        uint64_t previous = lsn > RECORDS_STREAMS ? lsn - RECORDS_STREAMS : 0;
        size_t offset =
            log_group_begin(g, RECORD_TRANSITION, 3, records_stream(lsn), previous, (int64_t)lsn * 1000);
        uint8_t *body = buffer_reserve(&g->bytes, body_size);
        for (size_t i = 0; i < body_size; i++)
                body[i] = records_byte(lsn, i);
        g->bytes.size += body_size;
        return log_group_end(g, offset);
}

/* Whether the record is what records_put() makes of its LSN; the body's size is its own. */
static inline bool records_are_right(const struct record *r)
{
        uint64_t previous = r->lsn > RECORDS_STREAMS ? r->lsn - RECORDS_STREAMS : 0;
        for (size_t i = 0; i < r->body.size; i++)
                if (r->body.data[i] != records_byte(r->lsn, i))
                        return false;
        return r->kind == RECORD_TRANSITION && r->flags == 3 && r->stream == records_stream(r->lsn) &&
               r->previous_lsn == previous && r->time_ns == (int64_t)r->lsn * 1000;
}

#endif
