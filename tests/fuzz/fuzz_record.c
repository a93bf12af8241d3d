/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a record of the log. What record_decode() accepts is, encoded again, the same bytes. Few
 * inputs have the right checksum, so each is tried once more with its length and checksum made right: then
 * only the fields that have one valid value may refuse it.
 */
#include "tests/fuzz/fuzz.h"

#include "base/crc32c.h"
#include "wal/record_layout.h"

static void check_same_again(struct bytes data, const struct record *r, size_t size)
{
        struct log_group g = { 0 };
        FUZZ_CHECK(size >= RECORD_HEADER_SIZE && size <= data.size);
        FUZZ_CHECK(r->body.data == data.data + RECORD_HEADER_SIZE &&
                   r->body.size == size - RECORD_HEADER_SIZE);
        log_group_reset(&g, r->lsn - 1, r->chain);
        size_t offset = log_group_begin(&g, r->kind, r->flags, r->stream, r->previous_lsn, r->time_ns);
        buffer_append(&g.bytes, r->body.data, r->body.size);
        FUZZ_CHECK(log_group_end(&g, offset) == r->lsn);
        FUZZ_CHECK(g.chain == r->crc);
        FUZZ_CHECK(bytes_equal(buffer_bytes(&g.bytes), bytes_of(data.data, size)));
        log_group_fini(&g);
}

static bool try_decode(struct bytes data)
{
        struct record r;
        size_t size;
        if (record_decode(data, &r, &size))
                return false;
        check_same_again(data, &r, size);
        return true;
}

static void try_mended(const uint8_t *data, size_t size)
{
        uint8_t *copy = xmemdup(data, size);
        le32_put(copy + RECORD_AT_LENGTH, (uint32_t)size);
        le32_put(copy + RECORD_AT_CRC, crc32c(0, copy + RECORD_AT_CHAIN, size - RECORD_AT_CHAIN));
        bool valid = le16_get(copy + RECORD_AT_RESERVED) == 0 && record_lsn(copy) != 0;
        FUZZ_CHECK(try_decode(bytes_of(copy, size)) == valid);
        free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        try_decode(bytes_of(data, size));
        if (size >= RECORD_HEADER_SIZE && size <= RECORD_LENGTH_MAX)
                try_mended(data, size);
        return 0;
}
