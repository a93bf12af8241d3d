/* SPDX-License-Identifier: MIT */
#include "wal/record.h"

#include "base/crc32c.h"
#include "stet/error.h"
#include "tests/lib/records.h"
#include "wal/record_layout.h"

#include <criterion/criterion.h>
#include <signal.h>

static struct log_group group_of(uint32_t count, size_t body_size)
{
        struct log_group g = { 0 };
        log_group_reset(&g, 0, 0);
        while (g.count < count)
                records_put(&g, body_size);
        return g;
}

/* Makes the checksum fit what the bytes say now. */
static void seal(uint8_t *record, size_t size)
{
        le32_put(record + RECORD_AT_CRC, crc32c(0, record + RECORD_AT_CHAIN, size - RECORD_AT_CHAIN));
}

Test(record, header_is_48_little_endian_bytes_in_the_documented_order)
{
        static const uint8_t expected[] = {
                51,   0,    0,    0,                            /* length */
                0xfe, 0xfe, 0xfe, 0xfe,                         /* crc */
                0x44, 0x33, 0x22, 0x11,                         /* chain */
                2,    9,    0,    0,                            /* kind, flags, reserved */
                8,    7,    6,    5,    4,    3,    2,    1,    /* lsn */
                0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11, /* stream */
                0x28, 0x27, 0x26, 0x25, 0x24, 0x23, 0x22, 0x21, /* previous_lsn */
                0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, /* time_ns */
                'a',  'b',  'c',
        };
        struct log_group g = { 0 };
        log_group_reset(&g, UINT64_C(0x0102030405060707), 0x11223344);
        size_t offset = log_group_begin(&g, RECORD_OPENING, 9, UINT64_C(0x1112131415161718),
                                        UINT64_C(0x2122232425262728), -1);
        buffer_append(&g.bytes, "abc", 3);
        log_group_end(&g, offset);
        cr_assert_eq(g.bytes.size, sizeof expected);
        cr_assert_eq(le32_get(g.bytes.data + 4), crc32c(0, expected + 8, sizeof expected - 8));
        memset(g.bytes.data + 4, 0xfe, 4);
        cr_assert_arr_eq(g.bytes.data, expected, sizeof expected);
        log_group_fini(&g);
}

Test(record, what_was_encoded_is_decoded)
{
        static const size_t sizes[] = { 0, 1, 72, 4016, 4017, 100000, RECORD_BODY_MAX };
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
                struct log_group g = group_of(1, sizes[i]);
                struct record r;
                size_t size;
                cr_assert_eq(record_decode(buffer_bytes(&g.bytes), &r, &size), 0);
                cr_assert_eq(size, RECORD_HEADER_SIZE + sizes[i]);
                cr_assert(records_are_right(&r));
                cr_assert_eq(r.lsn, 1);
                cr_assert_eq(r.chain, 0);
                cr_assert_eq(r.crc, g.chain);
                cr_assert_eq(r.body.size, sizes[i]);
                log_group_fini(&g);
        }
}

Test(record, a_group_is_its_records_one_after_the_other_each_chained_to_the_one_before)
{
        struct log_group g = { 0 };
        log_group_reset(&g, 41, 0xabcd);
        cr_assert_eq(log_group_next_lsn(&g), 42);
        for (size_t i = 0; i < 20; i++)
                cr_assert_eq(records_put(&g, 10 * i), 42 + i);
        cr_assert_eq(g.count, 20);
        cr_assert_eq(log_group_next_lsn(&g), 62);
        struct bytes rest = buffer_bytes(&g.bytes);
        uint32_t chain = 0xabcd;
        for (size_t i = 0; i < 20; i++) {
                struct record r;
                size_t size;
                cr_assert_eq(record_decode(rest, &r, &size), 0);
                cr_assert_eq(r.lsn, 42 + i);
                cr_assert_eq(r.chain, chain);
                cr_assert(records_are_right(&r));
                chain = r.crc;
                rest = bytes_of(rest.data + size, rest.size - size);
        }
        cr_assert_eq(rest.size, 0);
        cr_assert_eq(g.chain, chain);
        log_group_fini(&g);
}

Test(record, a_reset_group_is_empty_and_keeps_its_memory)
{
        struct log_group g = group_of(50, 100);
        uint8_t *memory = g.bytes.data;
        log_group_reset(&g, 7, 77);
        cr_assert_eq(g.count, 0);
        cr_assert_eq(g.bytes.size, 0);
        cr_assert_eq(g.first_lsn, 8);
        cr_assert_eq(g.chain, 77);
        cr_assert_eq(g.bytes.data, memory);
        log_group_fini(&g);
}

Test(record, every_flipped_bit_is_found)
{
        struct log_group g = group_of(1, 25);
        struct record r;
        size_t size;
        for (size_t bit = 0; bit < g.bytes.size * 8; bit++) {
                g.bytes.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
                cr_assert_eq(record_decode(buffer_bytes(&g.bytes), &r, &size), STET_ECORRUPT, "bit %zu", bit);
                g.bytes.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        cr_assert_eq(record_decode(buffer_bytes(&g.bytes), &r, &size), 0);
        log_group_fini(&g);
}

Test(record, a_cut_record_is_refused_at_every_length_without_reading_beyond)
{
        struct log_group g = group_of(1, 25);
        for (size_t cut = 0; cut < g.bytes.size; cut++) {
                struct record r;
                size_t size;
                uint8_t *copy = xmalloc(cut); /* so that the address sanitizer sees a read behind it */
                memcpy(copy, g.bytes.data, cut);
                cr_assert_eq(record_decode(bytes_of(copy, cut), &r, &size), STET_ECORRUPT, "%zu bytes", cut);
                free(copy);
        }
        log_group_fini(&g);
}

Test(record, lengths_that_no_record_has_are_refused)
{
        static const uint32_t lengths[] = { 0, 1, RECORD_HEADER_SIZE - 1, RECORD_LENGTH_MAX + 1, UINT32_MAX };
        struct log_group g = group_of(1, RECORD_BODY_MAX);
        buffer_append(&g.bytes, "more", 4);
        for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
                struct record r;
                size_t size;
                le32_put(g.bytes.data, lengths[i]);
                if (lengths[i] == RECORD_LENGTH_MAX + 1)
                        seal(g.bytes.data, lengths[i]);
                cr_assert_eq(record_decode(buffer_bytes(&g.bytes), &r, &size), STET_ECORRUPT);
        }
        log_group_fini(&g);
}

Test(record, fields_that_must_be_zero_or_must_not_are_checked_behind_a_right_checksum)
{
        struct log_group g = group_of(1, 5);
        struct record r;
        size_t size;
        g.bytes.data[RECORD_AT_RESERVED] = 1;
        seal(g.bytes.data, g.bytes.size);
        cr_assert_eq(record_decode(buffer_bytes(&g.bytes), &r, &size), STET_ECORRUPT);
        g.bytes.data[RECORD_AT_RESERVED] = 0;
        le64_put(g.bytes.data + RECORD_AT_LSN, 0);
        seal(g.bytes.data, g.bytes.size);
        cr_assert_eq(record_decode(buffer_bytes(&g.bytes), &r, &size), STET_ECORRUPT);
        le64_put(g.bytes.data + RECORD_AT_LSN, 1);
        seal(g.bytes.data, g.bytes.size);
        cr_assert_eq(record_decode(buffer_bytes(&g.bytes), &r, &size), 0);
        log_group_fini(&g);
}

Test(record, a_failed_decoding_leaves_the_outputs_alone)
{
        struct record r = { .lsn = 123 };
        size_t size = 456;
        uint8_t zeros[100] = { 0 };
        cr_assert_eq(record_decode(bytes_of(zeros, sizeof zeros), &r, &size), STET_ECORRUPT);
        cr_assert_eq(r.lsn, 123);
        cr_assert_eq(size, 456);
}

Test(record, a_body_beyond_the_limit_is_a_bug_of_the_caller, .signal = SIGABRT)
{
        group_of(1, RECORD_BODY_MAX + 1);
}
