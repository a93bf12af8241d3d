/* SPDX-License-Identifier: MIT
 *
 * Records are encoded in place, once, into the group's buffer; the log copies those bytes and never looks at
 * single fields again. The checksum is taken in end(), when the body is there.
 */
#include "wal/record.h"

#include "base/crc32c.h"
#include "stet/error.h"
#include "wal/record_layout.h"

#include <assert.h>

void log_group_reset(struct log_group *g, uint64_t last_lsn, uint32_t last_crc)
{
        buffer_clear(&g->bytes);
        g->first_lsn = last_lsn + 1;
        g->count = 0;
        g->chain = last_crc;
}

void log_group_fini(struct log_group *g)
{
        buffer_fini(&g->bytes);
        *g = (struct log_group){ 0 };
}

size_t log_group_begin(struct log_group *g, enum record_kind kind, uint8_t flags, uint64_t stream,
                       uint64_t previous_lsn, int64_t time_ns)
{
        size_t offset = g->bytes.size;
        uint8_t *header = buffer_reserve(&g->bytes, RECORD_HEADER_SIZE);
        le32_put(header + RECORD_AT_LENGTH, 0);
        le32_put(header + RECORD_AT_CRC, 0);
        le32_put(header + RECORD_AT_CHAIN, g->chain);
        header[RECORD_AT_KIND] = (uint8_t)kind;
        header[RECORD_AT_FLAGS] = flags;
        le16_put(header + RECORD_AT_RESERVED, 0);
        le64_put(header + RECORD_AT_LSN, log_group_next_lsn(g));
        le64_put(header + RECORD_AT_STREAM, stream);
        le64_put(header + RECORD_AT_PREVIOUS, previous_lsn);
        le64_put(header + RECORD_AT_TIME, (uint64_t)time_ns);
        g->bytes.size += RECORD_HEADER_SIZE;
        return offset;
}

static uint32_t record_checksum(const uint8_t *record, size_t length)
{
        return crc32c(0, record + RECORD_AT_CHAIN, length - RECORD_AT_CHAIN);
}

uint64_t log_group_end(struct log_group *g, size_t offset)
{
        uint8_t *record = g->bytes.data + offset;
        size_t length = g->bytes.size - offset;
        assert(length >= RECORD_HEADER_SIZE && length <= RECORD_LENGTH_MAX);
        le32_put(record + RECORD_AT_LENGTH, (uint32_t)length);
        g->chain = record_checksum(record, length);
        le32_put(record + RECORD_AT_CRC, g->chain);
        return g->first_lsn + g->count++;
}

void record_encode(struct buffer *to, const struct record *record)
{
        struct log_group g = { .bytes = *to, .first_lsn = record->lsn, .chain = record->chain };
        size_t offset = log_group_begin(&g, (enum record_kind)record->kind, record->flags, record->stream,
                                        record->previous_lsn, record->time_ns);
        buffer_append(&g.bytes, record->body.data, record->body.size);
        log_group_end(&g, offset);
        *to = g.bytes;
}

struct record record_of(const uint8_t *header)
{
        return (struct record){
                .kind = header[RECORD_AT_KIND],
                .flags = header[RECORD_AT_FLAGS],
                .lsn = record_lsn(header),
                .stream = record_stream(header),
                .previous_lsn = le64_get(header + RECORD_AT_PREVIOUS),
                .time_ns = (int64_t)le64_get(header + RECORD_AT_TIME),
                .chain = record_chain(header),
                .crc = le32_get(header + RECORD_AT_CRC),
                .body = bytes_of(header + RECORD_HEADER_SIZE, record_length(header) - RECORD_HEADER_SIZE),
        };
}

int record_decode(struct bytes data, struct record *ret, size_t *ret_size)
{
        if (!record_fits(data))
                return STET_ECORRUPT;
        const uint8_t *header = data.data;
        size_t length = record_length(header);
        if (record_checksum(header, length) != le32_get(header + RECORD_AT_CRC))
                return STET_ECORRUPT;
        if (le16_get(header + RECORD_AT_RESERVED) != 0 || record_lsn(header) == 0)
                return STET_ECORRUPT;
        *ret = record_of(header);
        *ret_size = length;
        return 0;
}
