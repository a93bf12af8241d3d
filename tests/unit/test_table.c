/* SPDX-License-Identifier: MIT */
#include "base/table.h"

#include <criterion/criterion.h>

#define EXPECT(b, text) cr_assert(bytes_equal(buffer_bytes(b), bytes_of(text, sizeof(text) - 1)))

Test(table, empty_one_is_an_empty_map)
{
        struct buffer b = { 0 };
        struct table t = table_begin(&b);
        table_end(&t);
        EXPECT(&b, "\xde\x00\x00");
        buffer_fini(&b);
}

Test(table, pairs_are_counted_and_written_in_order)
{
        struct buffer b = { 0 };
        struct table t = table_begin(&b);
        table_str(&t, "a", "x");
        table_uint(&t, "b", 300);
        table_bool(&t, "c", true);
        table_value(&t, "d", bytes_of("\x91\xc0", 2));
        table_key(&t, "e");
        pack_nil(&b);
        table_end(&t);
        EXPECT(&b, "\xde\x00\x05\xa1"
                   "a\xa1x\xa1"
                   "b\xcd\x01\x2c\xa1"
                   "c\xc3\xa1"
                   "d\x91\xc0\xa1"
                   "e\xc0");
        buffer_fini(&b);
}

Test(table, what_says_nothing_is_left_out_but_a_zero_is_said)
{
        struct buffer b = { 0 };
        struct table t = table_begin(&b);
        table_str(&t, "a", NULL);
        table_str(&t, "b", "");
        table_bool(&t, "c", false);
        table_value(&t, "d", bytes_of(NULL, 0));
        table_uint(&t, "e", 0);
        table_end(&t);
        EXPECT(&b, "\xde\x00\x01\xa1"
                   "e\x00");
        buffer_fini(&b);
}

Test(table, one_stands_within_another_and_behind_what_was_there)
{
        struct buffer b = { 0 };
        pack_uint(&b, 7);
        struct table outer = table_begin(&b);
        table_key(&outer, "in");
        struct table inner = table_begin(&b);
        table_uint(&inner, "n", 1);
        table_end(&inner);
        table_uint(&outer, "m", 2);
        table_end(&outer);
        EXPECT(&b, "\x07\xde\x00\x02\xa2in\xde\x00\x01\xa1n\x01\xa1m\x02");
        buffer_fini(&b);
}

Test(table, counts_beyond_a_byte)
{
        enum { PAIRS = 1000 };
        struct buffer b = { 0 };
        struct table t = table_begin(&b);
        for (unsigned i = 0; i < PAIRS; i++)
                table_uint(&t, "k", i);
        table_end(&t);
        cr_assert_eq(b.data[1] << 8 | b.data[2], PAIRS);
        cr_assert_gt(b.size, 3u * PAIRS);
        buffer_fini(&b);
}
