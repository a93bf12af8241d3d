/* SPDX-License-Identifier: MIT */
#include "base/buffer.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>

Test(buffer, keeps_what_was_appended_in_order_across_growth)
{
        struct buffer b = { 0 };
        for (uint32_t i = 0; i < 10000; i++)
                buffer_append(&b, &i, sizeof i);
        cr_assert_eq(b.size, 40000);
        for (uint32_t i = 0; i < 10000; i++)
                cr_assert_eq(memcmp(b.data + i * sizeof i, &i, sizeof i), 0);
        buffer_fini(&b);
        cr_assert_null(b.data);
        cr_assert_eq(b.capacity, 0);
}

Test(buffer, keeps_its_memory_when_cleared)
{
        struct buffer b = { 0 };
        buffer_append(&b, "0123456789", 10);
        uint8_t *data = b.data;
        buffer_clear(&b);
        cr_assert_eq(b.size, 0);
        buffer_append(&b, "abc", 3);
        cr_assert_eq(b.data, data);
        cr_assert(bytes_equal(buffer_bytes(&b), bytes_str("abc")));
        buffer_fini(&b);
}

Test(buffer, reserve_makes_room_without_changing_the_size)
{
        struct buffer b = { 0 };
        buffer_append(&b, "ab", 2);
        uint8_t *place = buffer_reserve(&b, 100000);
        cr_assert_eq(place, b.data + 2);
        cr_assert_eq(b.size, 2);
        cr_assert_geq(b.capacity, 100002);
        memset(place, 'x', 100000);
        buffer_fini(&b);
}

Test(buffer, appending_nothing_needs_no_address)
{
        struct buffer b = { 0 };
        buffer_append(&b, NULL, 0);
        cr_assert_eq(b.size, 0);
        cr_assert_null(b.data);
}

Test(buffer, swap_exchanges_contents)
{
        struct buffer a = { 0 }, b = { 0 };
        buffer_append(&a, "left", 4);
        buffer_swap(&a, &b);
        cr_assert_eq(a.size, 0);
        cr_assert(bytes_equal(buffer_bytes(&b), bytes_str("left")));
        buffer_fini(&b);
}

Test(buffer, a_size_that_no_memory_has_aborts_instead_of_looping, .signal = SIGABRT)
{
        struct buffer b = { 0 };
        buffer_append(&b, "x", 1);
        buffer_reserve(&b, SIZE_MAX - 1);
}

Test(buffer, memdup_adds_a_nul)
{
        char *copy = xmemdup("abcdef", 3);
        cr_assert_str_eq(copy, "abc");
        free(copy);
        copy = xmemdup(NULL, 0);
        cr_assert_str_eq(copy, "");
        free(copy);
}

Test(buffer, empty_bytes_are_equal_whatever_their_address)
{
        cr_assert(bytes_equal(bytes_of(NULL, 0), bytes_str("")));
        cr_assert_not(bytes_equal(bytes_str("a"), bytes_str("b")));
        cr_assert_not(bytes_equal(bytes_str("a"), bytes_str("ab")));
        cr_assert_null(bytes_end(bytes_of(NULL, 0)));
}
