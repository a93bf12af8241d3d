/* SPDX-License-Identifier: MIT
 *
 * Every behaviour that owns memory is tried on the heap and in an arena: a leak, a double free or a write
 * past the room is the sanitizers' to find.
 */
#include "base/value.h"

#include "base/pack.h"
#include "tests/lib/random.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

static stet_arena arena;

/* Runs body once with a null heap value v and once with one in the arena. */
#define EACH_HOME(v)                                                                                         \
        for (int home_ = 0; home_ < 2; home_++)                                                              \
                for (stet_value v = { .arena = home_ ? &arena : NULL }, *once_ = &v; once_;                  \
                     stet_value_free(&v), arena_fini(&arena), once_ = NULL)

static void expect_json(const stet_value *v, const char *expected)
{
        char *text;
        cr_assert_eq(stet_value_to_json(v, 0, &text), 0);
        cr_assert_str_eq(text, expected);
        free(text);
}

static stet_value int_value(int64_t number)
{
        stet_value v = { 0 };
        stet_value_set_int(&v, number);
        return v;
}

/* lists within each other, the innermost empty */
static stet_value nested(int lists)
{
        stet_value v = { 0 };
        uint8_t bytes[64];
        memset(bytes, 0x91, sizeof bytes);
        bytes[lists - 1] = 0x90;
        cr_assert_eq(value_replace(&v, bytes_of(bytes, (size_t)lists)), 0);
        return v;
}

/* --- scalars --- */

Test(value, scalars_read_back_what_was_set)
{
        EACH_HOME(v)
        {
                cr_assert_eq(stet_value_type(&v), STET_NULL);
                cr_assert_eq(stet_value_set_bool(&v, true), 0);
                cr_assert_eq(stet_value_type(&v), STET_BOOL);
                cr_assert(stet_value_bool(&v, false));
                static const int64_t ints[] = { 0, 1, -1, 127, 128, -33, INT64_MAX, INT64_MIN };
                for (size_t i = 0; i < sizeof ints / sizeof *ints; i++) {
                        cr_assert_eq(stet_value_set_int(&v, ints[i]), 0);
                        cr_assert_eq(stet_value_type(&v), STET_INT);
                        cr_assert_eq(stet_value_int(&v, 7), ints[i]);
                }
                cr_assert_eq(stet_value_set_double(&v, 0.1), 0);
                cr_assert_eq(stet_value_type(&v), STET_DOUBLE);
                cr_assert(stet_value_double(&v, 0) == 0.1);
                cr_assert_eq(stet_value_set_string(&v, "gr\xc3\xbc\xc3\x9f"), 0);
                cr_assert_eq(stet_value_type(&v), STET_STRING);
                cr_assert(stet_value_equals_string(&v, "gr\xc3\xbc\xc3\x9f"));
                cr_assert_eq(stet_value_set_bytes(&v, "\0\xff", 2), 0);
                cr_assert_eq(stet_value_type(&v), STET_BYTES);
                cr_assert_eq(stet_value_set_null(&v), 0);
                cr_assert_eq(stet_value_type(&v), STET_NULL);
                cr_assert_null(v.data);
        }
}

Test(value, another_type_gives_the_fallback)
{
        stet_value text = { 0 }, list = { 0 };
        stet_value_set_string(&text, "12");
        stet_value_pack(&list, "[i]", 1);
        cr_assert_eq(stet_value_int(&text, -7), -7);
        cr_assert(stet_value_double(&text, 1.5) == 1.5);
        cr_assert(stet_value_bool(&text, true));
        cr_assert_null(stet_value_string(&list, NULL));
        cr_assert_eq(stet_value_count(&text), 0);
        cr_assert_eq(stet_value_int(NULL, 3), 3);
        cr_assert_eq(stet_value_type(NULL), STET_NULL);
        stet_value_free(&text);
        stet_value_free(&list);
        stet_value_free(NULL);
}

Test(value, whole_doubles_are_ints_and_ints_are_doubles)
{
        static const struct {
                double value;
                int64_t expected; /* -7: the fallback */
        } table[] = {
                { 3.0, 3 },
                { -0.0, 0 },
                { 3.5, -7 },
                { 1e300, -7 },
                { 0x1p63, -7 },
                { -0x1p63, INT64_MIN },
                { 0x1p62, INT64_C(1) << 62 },
                { 1e300 * 1e300, -7 },
                { 1e300 * 1e300 * 0, -7 },
        };
        stet_value v = { 0 };
        for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
                stet_value_set_double(&v, table[i].value);
                cr_assert_eq(stet_value_int(&v, -7), table[i].expected, "row %zu", i);
        }
        stet_value_set_int(&v, -4);
        cr_assert(stet_value_double(&v, 0) == -4.0);
        stet_value_free(&v);
        stet_value above = value_borrow(NULL, bytes_of("\xcf\xff\xff\xff\xff\xff\xff\xff\xff", 9));
        cr_assert_eq(stet_value_type(&above), STET_INT);
        cr_assert_eq(stet_value_int(&above, -7), -7);
        cr_assert(stet_value_double(&above, 0) == 0x1p64);
}

Test(value, text_must_be_utf8_and_within_the_limit_and_refusal_changes_nothing)
{
        EACH_HOME(v)
        {
                stet_value_set_string(&v, "before");
                static char large[STET_VALUE_SIZE_MAX + 1];
                memset(large, 'x', sizeof large);
                cr_assert_eq(stet_value_set_string(&v, NULL), STET_EINVAL);
                cr_assert_eq(stet_value_set_string(&v, "\xff"), STET_EINVAL);
                cr_assert_eq(stet_value_set_string_n(&v, NULL, 1), STET_EINVAL);
                cr_assert_eq(stet_value_set_bytes(&v, NULL, 1), STET_EINVAL);
                cr_assert_eq(stet_value_set_string_n(&v, large, sizeof large), STET_ETOOBIG);
                cr_assert_eq(stet_value_set_bytes(&v, large, sizeof large - 5),
                             STET_ETOOBIG); /* with its head */
                cr_assert(stet_value_equals_string(&v, "before"));
                cr_assert_eq(stet_value_set_bytes(&v, large, sizeof large - 6), 0);
                cr_assert_eq(stet_value_set_string_n(&v, NULL, 0), 0);
                cr_assert(stet_value_equals_string(&v, ""));
        }
}

Test(value, string_gives_text_and_bytes_with_their_size)
{
        stet_value v = { 0 };
        size_t size = 99;
        stet_value_set_string_n(&v, "a\0b", 3);
        const char *text = stet_value_string(&v, &size);
        cr_assert_eq(size, 3);
        cr_assert_eq(memcmp(text, "a\0b", 3), 0);
        stet_value_set_string(&v, "");
        cr_assert_not_null(stet_value_string(&v, &size));
        cr_assert_eq(size, 0);
        stet_value_set_bytes(&v, "xyz", 3);
        cr_assert_eq(memcmp(stet_value_string(&v, &size), "xyz", 3), 0);
        stet_value_free(&v);
}

Test(value, get_string_copies_only_what_fits_and_is_a_c_string)
{
        stet_value v = { 0 };
        char buf[4] = "???";
        stet_value_set_string(&v, "abcd");
        cr_assert_eq(stet_value_get_string(&v, buf, sizeof buf), STET_ETOOBIG);
        stet_value_set_int(&v, 1);
        cr_assert_eq(stet_value_get_string(&v, buf, sizeof buf), STET_ETYPE);
        stet_value_set_bytes(&v, "ab", 2);
        cr_assert_eq(stet_value_get_string(&v, buf, sizeof buf), STET_ETYPE);
        stet_value_set_string_n(&v, "a\0b", 3);
        cr_assert_eq(stet_value_get_string(&v, buf, sizeof buf), STET_EINVAL);
        cr_assert_str_eq(buf, "???");
        stet_value_set_string(&v, "abc");
        cr_assert_eq(stet_value_get_string(&v, buf, sizeof buf), 0);
        cr_assert_str_eq(buf, "abc");
        stet_value_free(&v);
}

/* --- ownership --- */

Test(value, copy_is_independent_and_goes_to_the_home_of_its_target)
{
        EACH_HOME(v)
        {
                stet_value from = { 0 };
                stet_value_pack(&from, "{s:[i,i]}", "pair", 1, 2);
                cr_assert_eq(stet_value_copy(&v, &from), 0);
                cr_assert_eq(v.arena, home_ ? &arena : NULL);
                stet_value_free(&from);
                expect_json(&v, "{\"pair\":[1,2]}");
                cr_assert_eq(stet_value_copy(&v, NULL), 0);
                cr_assert_null(v.data);
        }
}

Test(value, may_be_made_from_a_part_of_itself)
{
        EACH_HOME(v)
        {
                stet_value_pack(&v, "{s:{s:[s,i]}}", "a", "b", "text", 5);
                stet_value inner = stet_value_get(&v, "a");
                cr_assert_eq(stet_value_copy(&v, &inner), 0);
                expect_json(&v, "{\"b\":[\"text\",5]}");
                inner = stet_value_get(&v, "b");
                cr_assert_eq(stet_value_pack(&v, "[v,v]", &inner, &v), 0);
                expect_json(&v, "[[\"text\",5],{\"b\":[\"text\",5]}]");
                cr_assert_eq(stet_value_copy(&v, &v), 0);
                inner = stet_value_at(&v, 0);
                inner = stet_value_at(&inner, 0);
                size_t size;
                const char *text = stet_value_string(&inner, &size);
                cr_assert_eq(stet_value_set_string_n(&v, text + 1, size - 1), 0);
                cr_assert(stet_value_equals_string(&v, "ext"));
        }
}

Test(value, free_makes_null_and_keeps_the_arena)
{
        stet_value v = { .arena = &arena };
        stet_value_set_string(&v, "x");
        stet_value_free(&v);
        cr_assert_null(v.data);
        cr_assert_eq(v.arena, &arena);
        stet_value_free(&v);
        arena_fini(&arena);
}

Test(value, changing_a_borrowed_part_copies_it_and_leaves_the_whole_alone)
{
        EACH_HOME(v)
        {
                stet_value_pack(&v, "{s:[i]}", "list", 1);
                stet_value part = stet_value_get(&v, "list"), two = int_value(2);
                cr_assert(part.borrowed);
                cr_assert_eq(part.arena, v.arena);
                cr_assert_eq(stet_value_append(&part, &two), 0);
                expect_json(&part, "[1,2]");
                expect_json(&v, "{\"list\":[1]}");
                stet_value_free(&part);
                stet_value_free(&two);
        }
}

Test(value, from_msgpack_borrows_what_is_exactly_one_value_within_the_limits)
{
        stet_value v = { 0 }, deep = nested(STET_VALUE_DEPTH_MAX), deeper = nested(STET_VALUE_DEPTH_MAX + 1);
        static const uint8_t pair[] = { 0x92, 0x01, 0x02, 0xc0 };
        stet_value_set_int(&v, 5);
        cr_assert_eq(stet_value_from_msgpack(&v, pair, 4), STET_EPROTOCOL);
        cr_assert_eq(stet_value_from_msgpack(&v, pair, 2), STET_EPROTOCOL);
        cr_assert_eq(stet_value_from_msgpack(&v, pair, 0), STET_EPROTOCOL);
        cr_assert_eq(stet_value_from_msgpack(&v, NULL, 3), STET_EPROTOCOL);
        cr_assert_eq(stet_value_from_msgpack(&v, deeper.data, deeper.size), STET_EPROTOCOL);
        cr_assert_eq(stet_value_int(&v, 0), 5);
        cr_assert_eq(stet_value_from_msgpack(&v, deep.data, deep.size), 0);
        cr_assert_eq(stet_value_from_msgpack(&v, pair, 3), 0);
        cr_assert_eq(v.data, pair);
        cr_assert(v.borrowed);
        cr_assert_eq(stet_value_count(&v), 2);
        stet_value_free(&v);
        stet_value_free(&deep);
        stet_value_free(&deeper);
}

Test(value, from_msgpack_refuses_too_many_values)
{
        stet_value v = { 0 };
        uint8_t *bytes = xcalloc(1, STET_VALUE_NODES_MAX + 5);
        memcpy(bytes, "\xdd\x00\x03\xff\xff", 5); /* 262,143 items and the list */
        cr_assert_eq(stet_value_from_msgpack(&v, bytes, STET_VALUE_NODES_MAX + 4), 0);
        memcpy(bytes, "\xdd\x00\x04\x00\x00", 5);
        cr_assert_eq(stet_value_from_msgpack(&v, bytes, STET_VALUE_NODES_MAX + 5), STET_EPROTOCOL);
        free(bytes);
}

/* --- lists --- */

Test(value, append_makes_a_list_of_null_and_goes_through_every_width_of_the_count)
{
        EACH_HOME(v)
        {
                struct buffer expected = { 0 };
                for (int64_t i = 0; i < 70000; i++) {
                        uint8_t room[16];
                        struct buffer item = { .data = room, .capacity = sizeof room };
                        pack_int(&item, i % 200);
                        stet_value borrowed = value_borrow(NULL, buffer_bytes(&item));
                        cr_assert_eq(stet_value_append(&v, &borrowed), 0);
                }
                pack_array(&expected, 70000);
                for (int64_t i = 0; i < 70000; i++)
                        pack_int(&expected, i % 200);
                cr_assert(bytes_equal(value_bytes(&v), buffer_bytes(&expected)));
                buffer_fini(&expected);
        }
}

/* The memory an arena takes must not grow with the square of the list. */
Test(value, appending_in_an_arena_moves_the_list_only_when_it_doubles)
{
        stet_value v = { .arena = &arena };
        stet_value item = int_value(1);
        const void *data = NULL;
        int moves = 0;
        for (int i = 0; i < 10000; i++) {
                cr_assert_eq(stet_value_append(&v, &item), 0);
                moves += v.data != data;
                data = v.data;
        }
        cr_assert_leq(moves, 10, "%d moves", moves);
        stet_value_free(&item);
        arena_fini(&arena);
}

Test(value, appending_to_a_copy_in_an_arena_does_not_touch_its_neighbour)
{
        stet_value v = { .arena = &arena }, next = { .arena = &arena }, from = { 0 };
        stet_value item = int_value(77);
        stet_value_pack(&from, "[s]", "far less than room");
        stet_value_copy(&v, &from);
        stet_value_set_string(&next, "neighbour");
        for (int i = 0; i < 100; i++)
                cr_assert_eq(stet_value_append(&v, &item), 0);
        cr_assert(stet_value_equals_string(&next, "neighbour"));
        cr_assert_eq(stet_value_count(&v), 101);
        stet_value_free(&item);
        stet_value_free(&from);
        arena_fini(&arena);
}

Test(value, append_takes_the_list_itself_or_a_part_of_it)
{
        EACH_HOME(v)
        {
                stet_value_pack(&v, "[i,s]", 1,
                                "a text that makes the list move when it is doubled and doubled again");
                stet_value first = stet_value_at(&v, 0);
                cr_assert_eq(stet_value_append(&v, &first), 0);
                cr_assert_eq(stet_value_append(&v, &v), 0);
                stet_value last = stet_value_at(&v, 3);
                cr_assert_eq(stet_value_count(&v), 4);
                cr_assert_eq(stet_value_count(&last), 3);
                for (int i = 0; i < 8; i++) {
                        stet_value text = stet_value_at(&v, 1);
                        cr_assert_eq(stet_value_append(&v, &text), 0);
                }
                stet_value one = stet_value_at(&v, 1), other = stet_value_at(&v, 11);
                cr_assert(stet_value_equal(&one, &other));
        }
}

Test(value, append_reads_counts_that_are_wider_than_they_need_be)
{
        EACH_HOME(v)
        {
                static const uint8_t wide[] = { 0xdd, 0, 0, 0, 2, 1, 2 };
                stet_value item = int_value(3);
                cr_assert_eq(stet_value_from_msgpack(&v, wide, sizeof wide), 0);
                cr_assert_eq(stet_value_append(&v, &item), 0);
                cr_assert(bytes_equal(value_bytes(&v), bytes_of("\x93\x01\x02\x03", 4)));
                stet_value_free(&item);
        }
}

Test(value, append_stops_at_the_number_of_values_that_a_value_may_have)
{
        stet_value v = { 0 };
        uint8_t *bytes = xcalloc(1, STET_VALUE_NODES_MAX + 3);
        memcpy(bytes, "\xdd\x00\x03\xff\xfe", 5); /* 262,142 items: room for one more */
        cr_assert_eq(stet_value_from_msgpack(&v, bytes, STET_VALUE_NODES_MAX + 3), 0);
        cr_assert_eq(stet_value_append(&v, NULL), 0);
        cr_assert_eq(stet_value_append(&v, NULL), STET_ETOOBIG);
        cr_assert_eq(stet_value_count(&v), STET_VALUE_NODES_MAX - 1);
        stet_value_free(&v);
        free(bytes);
}

Test(value, append_and_set_refuse_another_type_and_what_is_too_deep_or_too_large)
{
        EACH_HOME(v)
        {
                stet_value deepest_item = nested(STET_VALUE_DEPTH_MAX - 1),
                           too_deep = nested(STET_VALUE_DEPTH_MAX);
                stet_value large = { 0 }, broken = value_borrow(NULL, bytes_of("\x92\x01", 2));
                stet_value_set_string(&v, "text");
                cr_assert_eq(stet_value_append(&v, NULL), STET_ETYPE);
                cr_assert_eq(stet_value_set(&v, "key", NULL), STET_ETYPE);
                stet_value_pack(&v, "[]");
                cr_assert_eq(stet_value_set(&v, "key", NULL), STET_ETYPE);
                cr_assert_eq(stet_value_append(&v, &too_deep), STET_ETOOBIG);
                cr_assert_eq(stet_value_append(&v, &broken), STET_EPROTOCOL);
                cr_assert_eq(stet_value_append(&v, &deepest_item), 0);
                static const char bytes[STET_VALUE_SIZE_MAX / 2];
                stet_value_set_bytes(&large, bytes, sizeof bytes);
                cr_assert_eq(stet_value_append(&v, &large), 0);
                cr_assert_eq(stet_value_append(&v, &large), STET_ETOOBIG);
                cr_assert_eq(stet_value_count(&v), 2);
                stet_value_free(&large);
                stet_value_free(&deepest_item);
                stet_value_free(&too_deep);
        }
}

/* --- maps --- */

Test(value, set_adds_and_replaces_keys_like_a_model)
{
        enum { KEYS = 40 };
        EACH_HOME(v)
        {
                size_t lengths[KEYS] = { 0 }, places[KEYS], count = 0; /* of the texts; 0: not set */
                uint64_t random = 13;
                for (int step = 0; step < 2000; step++) {
                        size_t k = random_below(&random, KEYS);
                        char key[8], text[400];
                        stet_value item = { 0 };
                        snprintf(key, sizeof key, "k%zu", k);
                        if (!lengths[k])
                                places[k] = count++;
                        lengths[k] = 1 + random_below(&random, random_below(&random, 5) ? 20 : 390);
                        memset(text, 'a' + (int)(k % 26), lengths[k]);
                        stet_value_set_string_n(&item, text, lengths[k]);
                        cr_assert_eq(stet_value_set(&v, key, &item), 0);
                        stet_value_free(&item);
                }
                cr_assert_eq(stet_value_count(&v), count);
                for (size_t k = 0; k < KEYS; k++) {
                        char key[8];
                        size_t size = 0;
                        snprintf(key, sizeof key, "k%zu", k);
                        stet_value item = stet_value_get(&v, key), name = stet_value_key_at(&v, places[k]);
                        const char *text = stet_value_string(&item, &size);
                        cr_assert_eq(size, lengths[k]);
                        cr_assert_eq(text[size - 1], 'a' + (int)(k % 26));
                        cr_assert(stet_value_equals_string(&name, key));
                }
        }
}

Test(value, set_replaces_in_a_map_whose_count_is_wider_than_it_needs_be)
{
        static const uint8_t wide[] = { 0xdf, 0, 0, 0, 3, 0xa1, 'a', 1, 0xa1, 'b', 2, 0xa1, 'c', 3 };
        EACH_HOME(v)
        {
                stet_value item = { 0 };
                for (size_t size = 0; size < 20; size++) {
                        cr_assert_eq(stet_value_from_msgpack(&v, wide, sizeof wide), 0);
                        stet_value_set_string_n(&item, "0123456789012345678901", size);
                        cr_assert_eq(stet_value_set(&v, "b", &item), 0);
                        stet_value a = stet_value_get(&v, "a"), b = stet_value_get(&v, "b"),
                                   c = stet_value_get(&v, "c");
                        cr_assert_eq(stet_value_int(&a, 0), 1);
                        cr_assert(stet_value_equal(&b, &item));
                        cr_assert_eq(stet_value_int(&c, 0), 3);
                        cr_assert_eq(stet_value_count(&v), 3);
                }
                stet_value_free(&item);
        }
}

Test(value, set_takes_the_map_itself_or_a_part_of_it)
{
        EACH_HOME(v)
        {
                stet_value_pack(&v, "{s:i, s:s}", "a", 1, "b", "bee");
                stet_value part = stet_value_get(&v, "b");
                cr_assert_eq(stet_value_set(&v, "a", &part), 0);
                cr_assert_eq(stet_value_set(&v, "c", &v), 0);
                cr_assert_eq(stet_value_set(&v, "b", NULL), 0);
                expect_json(&v, "{\"a\":\"bee\",\"b\":null,\"c\":{\"a\":\"bee\",\"b\":\"bee\"}}");
        }
}

Test(value, set_refuses_a_key_that_is_no_text)
{
        stet_value v = { 0 };
        cr_assert_eq(stet_value_set(&v, NULL, NULL), STET_EINVAL);
        cr_assert_eq(stet_value_set(&v, "\xff", NULL), STET_EINVAL);
        cr_assert_null(v.data);
        stet_value nil = value_borrow(NULL, bytes_of("\xc0", 1)); /* a null that has a byte */
        cr_assert_eq(stet_value_set(&nil, "k", NULL), 0);
        expect_json(&nil, "{\"k\":null}");
        stet_value_free(&nil);
}

/* --- reading containers --- */

Test(value, items_are_found_by_key_and_place_and_missing_ones_are_null)
{
        stet_value v = { 0 };
        stet_value_pack(&v, "{s:i, s:[i,i,i], s:n}", "a", 1, "list", 10, 20, 30, "none");
        stet_value list = stet_value_get(&v, "list"), item = stet_value_at(&list, 2);
        cr_assert_eq(stet_value_int(&item, 0), 30);
        item = stet_value_at(&v, 0);
        cr_assert_eq(stet_value_int(&item, 0), 1);
        item = stet_value_key_at(&v, 1);
        cr_assert(stet_value_equals_string(&item, "list"));
        item = stet_value_key_at(&list, 1);
        cr_assert_eq(stet_value_type(&item), STET_NULL);
        item = stet_value_at(&list, 3);
        cr_assert_eq(stet_value_type(&item), STET_NULL);
        item = stet_value_get(&v, "lis");
        cr_assert_eq(stet_value_type(&item), STET_NULL);
        item = stet_value_get(&list, "a");
        cr_assert_eq(stet_value_type(&item), STET_NULL);
        item = stet_value_get(NULL, "a");
        cr_assert_eq(stet_value_type(&item), STET_NULL);
        item = stet_value_get(&v, NULL);
        cr_assert_eq(stet_value_type(&item), STET_NULL);
        stet_value_free(&v);
}

Test(value, next_walks_lists_and_maps_once_and_nothing_else)
{
        stet_value v = { 0 }, key, item;
        size_t at = 0, seen = 0;
        for (int i = 0; i < 100; i++) {
                stet_value number = int_value(i * 1000);
                stet_value_append(&v, &number);
                stet_value_free(&number);
        }
        while (stet_value_next(&v, &at, &key, &item)) {
                cr_assert_eq(stet_value_int(&item, -1), (int64_t)seen++ * 1000);
                cr_assert_eq(stet_value_type(&key), STET_NULL);
        }
        cr_assert_eq(seen, 100);
        cr_assert_not(stet_value_next(&v, &at, NULL, NULL));
        at = v.size + 1000;
        cr_assert_not(stet_value_next(&v, &at, NULL, NULL));

        stet_value_pack(&v, "{s:i,s:i}", "a", 1, "b", 2);
        at = seen = 0;
        while (stet_value_next(&v, &at, &key, &item))
                cr_assert(stet_value_equals_string(&key, seen++ ? "b" : "a"));
        cr_assert_eq(seen, 2);

        static const char *const empty[] = { "[]", "{}", "null", "7", "\"text\"" };
        for (size_t i = 0; i < 5; i++) {
                stet_value_from_json(&v, empty[i], strlen(empty[i]), NULL);
                at = 0;
                cr_assert_not(stet_value_next(&v, &at, NULL, NULL), "%s", empty[i]);
        }
        stet_value_free(&v);
}

Test(value, equal_compares_bytes_and_null_is_null_however_it_is_written)
{
        stet_value a = { 0 }, b = { 0 }, nil = value_borrow(NULL, bytes_of("\xc0", 1));
        cr_assert(stet_value_equal(&a, &nil));
        cr_assert(stet_value_equal(NULL, &nil));
        stet_value_pack(&a, "[i,s]", 1, "x");
        stet_value_pack(&b, "[i,s]", 1, "x");
        cr_assert(stet_value_equal(&a, &b));
        stet_value_pack(&b, "[f,s]", 1.0, "x");
        cr_assert_not(stet_value_equal(&a, &b));
        stet_value_free(&a);
        stet_value_free(&b);
}

/* --- the format --- */

Test(value_pack, builds_every_kind)
{
        EACH_HOME(v)
        {
                stet_value sub = int_value(9);
                cr_assert_eq(stet_value_pack(&v, "{s:i, s:I, s:f, s:b, s:n, s:v, s:[s,s%], s:{}, s:v}", "i",
                                             -1, "I", INT64_MIN, "f", 0.5, "b", 2, "n", "v", &sub, "l",
                                             "text", "cut here", (size_t)3, "m", "null", (stet_value *)NULL),
                             0);
                expect_json(&v,
                            "{\"i\":-1,\"I\":-9223372036854775808,\"f\":0.5,\"b\":true,\"n\":null,\"v\":9,"
                            "\"l\":[\"text\",\"cut\"],\"m\":{},\"null\":null}");
                cr_assert_eq(stet_value_pack(&v, " s ", "alone"), 0);
                cr_assert(stet_value_equals_string(&v, "alone"));
                cr_assert_eq(stet_value_pack(&v, "{s%:i}", "keyboard", (size_t)3, 1), 0);
                expect_json(&v, "{\"key\":1}");
                stet_value_free(&sub);
        }
}

Test(value_pack, refuses_formats_that_are_not_well_formed_and_changes_nothing)
{
        static const char *const bad[] = { "",      " ",   "[",   "{",   "]",   "[n",  "[n}",
                                           "{n}",   "nn",  "[]]", "x",   "%",   "[%]", "{[]:n}",
                                           "{n:n}", "[[]", "{]",  "[}]", "{][}" };
        stet_value v = int_value(4);
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
                cr_assert_eq(stet_value_pack(&v, bad[i]), STET_EINVAL, "%s", bad[i]);
        cr_assert_eq(stet_value_pack(&v, NULL), STET_EINVAL);
        cr_assert_eq(stet_value_pack(&v, "{s}", "key"), STET_EINVAL);
        cr_assert_eq(stet_value_pack(&v, "{s:n:s}", "key", "key"), STET_EINVAL);
        cr_assert_eq(stet_value_pack(&v, "s", (char *)NULL), STET_EINVAL);
        cr_assert_eq(stet_value_pack(&v, "s%", (char *)NULL, (size_t)2), STET_EINVAL);
        cr_assert_eq(stet_value_pack(&v, "[s]", "\xff"), STET_EINVAL);
        stet_value broken = value_borrow(NULL, bytes_of("\x92\x01", 2));
        cr_assert_eq(stet_value_pack(&v, "[v]", &broken), STET_EINVAL);
        cr_assert_eq(stet_value_int(&v, 0), 4);
        stet_value_free(&v);
}

Test(value_pack, refuses_what_is_past_the_limits)
{
        stet_value v = { 0 }, deep = nested(STET_VALUE_DEPTH_MAX);
        cr_assert_eq(stet_value_pack(&v, "[[[[[[[[[[[[[[]]]]]]]]]]]]]]"), 0);
        cr_assert_eq(stet_value_pack(&v, "[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]"), STET_ETOOBIG);
        cr_assert_eq(stet_value_pack(&v, "[v]", &deep), STET_ETOOBIG);
        cr_assert_eq(stet_value_pack(&v, "v", &deep), 0);
        cr_assert_eq(stet_value_pack(&v, "s%", "x", (size_t)STET_VALUE_SIZE_MAX + 1), STET_ETOOBIG);
        stet_value_free(&v);
        stet_value_free(&deep);
}
