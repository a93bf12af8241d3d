/* SPDX-License-Identifier: MIT
 *
 * Where the fields of a record's header lie (FORMAT.md, "Record"), for those who walk over encoded records
 * without decoding them. The getters trust the bytes: ask record_decode() first when they come from a disk.
 */
#ifndef WAL_RECORD_LAYOUT_H
#define WAL_RECORD_LAYOUT_H

#include "wal/le.h"
#include "wal/record.h"

enum {
        RECORD_AT_LENGTH = 0,    /* u32, of header and body */
        RECORD_AT_CRC = 4,       /* u32, of everything behind it */
        RECORD_AT_CHAIN = 8,     /* u32 */
        RECORD_AT_KIND = 12,     /* u8 */
        RECORD_AT_FLAGS = 13,    /* u8 */
        RECORD_AT_RESERVED = 14, /* u16, zero */
        RECORD_AT_LSN = 16,      /* u64 */
        RECORD_AT_STREAM = 24,   /* u64 */
        RECORD_AT_PREVIOUS = 32, /* u64 */
        RECORD_AT_TIME = 40,     /* i64 */
        RECORD_LENGTH_MAX = RECORD_HEADER_SIZE + RECORD_BODY_MAX,
};

/* Whether data begins with a length that a record can have and that fits. */
static inline bool record_fits(struct bytes data)
{
        if (data.size < RECORD_HEADER_SIZE)
                return false;
        uint32_t length = le32_get(data.data + RECORD_AT_LENGTH);
        return length >= RECORD_HEADER_SIZE && length <= RECORD_LENGTH_MAX && length <= data.size;
}

static inline uint32_t record_length(const uint8_t *record)
{
        return le32_get(record + RECORD_AT_LENGTH);
}

static inline uint32_t record_chain(const uint8_t *record)
{
        return le32_get(record + RECORD_AT_CHAIN);
}

static inline uint8_t record_kind(const uint8_t *record)
{
        return record[RECORD_AT_KIND];
}

static inline uint64_t record_lsn(const uint8_t *record)
{
        return le64_get(record + RECORD_AT_LSN);
}

static inline uint64_t record_stream(const uint8_t *record)
{
        return le64_get(record + RECORD_AT_STREAM);
}

/* All of them; the body points into the bytes. */
struct record record_of(const uint8_t *record);

#endif
