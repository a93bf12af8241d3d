/* SPDX-License-Identifier: MIT
 *
 * Any bytes as an exported run. What export_file_open() accepts is shown and told without an error or with
 * one, and never twice differently. Few inputs have the right checksums, so each is tried once more with all
 * of them made right: then the fold over its records and the header are what is tried.
 */
#include "tests/fuzz/fuzz.h"

#include "base/crc32c.h"
#include "runtime/export_file.h"
#include "wal/record_layout.h"

enum { BEGIN_SIZE = 20, END_SIZE = 20 };

static void check_readings(const struct export_file *f)
{
        struct buffer once = { 0 }, twice = { 0 }, page = { 0 };
        stet_why why;
        int err = export_file_show(f, &once, &why);
        FUZZ_CHECK(export_file_show(f, &twice, &why) == err);
        FUZZ_CHECK(bytes_equal(buffer_bytes(&once), buffer_bytes(&twice)));
        for (uint64_t from = 0; from <= f->records_count; from++) {
                buffer_clear(&page);
                if (export_file_history(f, from, 3, &page, &why) == 0) {
                        struct cursor c = cursor_of(buffer_bytes(&page));
                        FUZZ_CHECK((cursor_array(&c) == 0) == (from == f->records_count));
                }
        }
        buffer_fini(&once);
        buffer_fini(&twice);
        buffer_fini(&page);
}

static void try_open(struct bytes data)
{
        struct export_file f;
        stet_why why;
        if (export_file_open(data, &f, &why) != 0)
                return;
        FUZZ_CHECK(f.records_count > 0 && f.run->transitions == f.records_count);
        check_readings(&f);
        export_file_close(&f);
}

/* Every checksum and every record's place in the run. */
static void mend(uint8_t *data, size_t size)
{
        le32_put(data + 16, crc32c(0, data, 16));
        size_t at = BEGIN_SIZE + (size_t)le32_get(data + 12), end = size - END_SIZE;
        uint64_t stream = at + RECORD_HEADER_SIZE <= end ? record_stream(data + at) : 0, last = 0;
        while (at <= end && record_fits(bytes_of(data + at, end - at))) {
                uint8_t *record = data + at;
                size_t length = record_length(record);
                le64_put(record + RECORD_AT_STREAM, stream);
                le64_put(record + RECORD_AT_PREVIOUS, last);
                le64_put(record + RECORD_AT_LSN, ++last);
                record[RECORD_AT_KIND] = RECORD_TRANSITION;
                le32_put(record + RECORD_AT_CRC,
                         crc32c(0, record + RECORD_AT_CHAIN, length - RECORD_AT_CHAIN));
                at += length;
        }
        le64_put(data + size - 12, last);
        le32_put(data + size - 4, crc32c(0, data, size - 4));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        try_open(bytes_of(data, size));
        if (size < BEGIN_SIZE + END_SIZE)
                return 0;
        uint8_t *copy = xmemdup(data, size);
        mend(copy, size);
        try_open(bytes_of(copy, size));
        free(copy);
        return 0;
}
