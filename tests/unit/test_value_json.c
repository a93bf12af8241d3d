/* SPDX-License-Identifier: MIT */
#include "base/value.h"

#include "base/pack.h"
#include "tests/lib/random.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

static int parse(stet_value *v, const char *text, stet_why *why)
{
        return stet_value_from_json(v, text, strlen(text), why);
}

static char *print(const stet_value *v, unsigned flags)
{
        char *text;
        cr_assert_eq(stet_value_to_json(v, flags, &text), 0);
        return text;
}

/* Reads text, and expects it to print as `expected`, and that to read as the same value. */
static void expect_prints(const char *text, const char *expected)
{
        stet_value v = { 0 }, again = { 0 };
        stet_why why = { "" };
        cr_assert_eq(parse(&v, text, &why), 0, "%s: %s", text, why.text);
        char *printed = print(&v, 0);
        cr_assert_str_eq(printed, expected);
        cr_assert_eq(parse(&again, printed, NULL), 0);
        cr_assert(stet_value_equal(&v, &again), "%s", text);
        free(printed);
        stet_value_free(&v);
        stet_value_free(&again);
}

static void expect_msgpack_prints(const char *bytes, size_t size, const char *expected)
{
        stet_value v = value_borrow(NULL, bytes_of(bytes, size));
        char *text = print(&v, 0);
        cr_assert_str_eq(text, expected);
        free(text);
}

/* --- there and back --- */

Test(value_json, every_kind_reads_and_prints)
{
        expect_prints(" null ", "null");
        expect_prints("[true,\tfalse]\n", "[true,false]");
        expect_prints("{ \"b\" : [ ] , \"a\" : { } }", "{\"b\":[],\"a\":{}}"); /* in the order of the text */
        expect_prints("\"\"", "\"\"");
        expect_prints("[[],[[1]],\"x\",{\"\":0}]", "[[],[[1]],\"x\",{\"\":0}]");
}

Test(value_json, integers_are_exact_within_64_bits)
{
        expect_prints("9223372036854775807", "9223372036854775807");
        expect_prints("-9223372036854775808", "-9223372036854775808");
        expect_prints("9007199254740993", "9007199254740993");
        expect_prints("-0", "0");
        stet_value v = { 0 };
        stet_why why = { "" };
        cr_assert_eq(parse(&v, "[9223372036854775808]", &why), STET_EJSON);
        cr_assert_eq(parse(&v, "[-9223372036854775809]", &why), STET_EJSON);
        expect_msgpack_prints("\xcf\xff\xff\xff\xff\xff\xff\xff\xff", 9, "18446744073709551615");
}

Test(value_json, doubles_stay_doubles_in_the_fewest_digits)
{
        expect_prints("1.0", "1.0");
        expect_prints("-0.0", "-0.0");
        expect_prints("0.1", "0.1");
        expect_prints("1e2", "100.0");
        expect_prints("1e100", "1e+100");
        expect_prints("0.30000000000000004", "0.30000000000000004"); /* needs 17 */
        expect_prints("123456789.1234567", "123456789.1234567");     /* needs 16 */
        expect_prints("5e-324", "4.94065645841247e-324");
        expect_prints("1.7976931348623157e308", "1.7976931348623157e+308");
        expect_prints("1e15", "1e+15");
}

Test(value_json, random_doubles_print_so_that_the_same_bits_read_back)
{
        uint64_t random = 14;
        for (int i = 0; i < 100000; i++) {
                uint64_t bits = random_u64(&random);
                double value;
                memcpy(&value, &bits, sizeof value);
                if (value - value != 0)
                        continue;
                stet_value v = { 0 }, again = { 0 };
                stet_value_set_double(&v, value);
                char *text = print(&v, 0);
                cr_assert_not_null(strpbrk(text, ".e"), "%s", text);
                cr_assert_eq(parse(&again, text, NULL), 0);
                cr_assert(stet_value_equal(&v, &again), "%s", text);
                free(text);
                stet_value_free(&v);
                stet_value_free(&again);
        }
}

Test(value_json, numbers_do_not_depend_on_the_locale)
{
        static const char *const comma[] = { "de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE" };
        for (size_t i = 0; i < sizeof comma / sizeof *comma; i++)
                setlocale(LC_NUMERIC, comma[i]);
        expect_prints("[0.5,1e100,-2.25]", "[0.5,1e+100,-2.25]");
}

Test(value_json, nan_and_infinities_print_as_null)
{
        expect_msgpack_prints("\xcb\x7f\xf8\0\0\0\0\0\0", 9, "null");
        expect_msgpack_prints("\xcb\x7f\xf0\0\0\0\0\0\0", 9, "null");
        expect_msgpack_prints("\xcb\xff\xf0\0\0\0\0\0\0", 9, "null");
}

Test(value_json, text_is_escaped_where_rfc_8259_says_so)
{
        expect_prints("\"\\u0000\\u0001\\b\\t\\n\\u000b\\f\\r\\u001f\"",
                      "\"\\u0000\\u0001\\b\\t\\n\\u000b\\f\\r\\u001f\"");
        expect_prints("\"\\\"\\\\\\/\"", "\"\\\"\\\\/\"");
        expect_prints("\"\\u20ac\\ud83d\\ude00\"", "\"\xe2\x82\xac\xf0\x9f\x98\x80\"");
        expect_prints("{\"a\\\"b\":1}", "{\"a\\\"b\":1}");
}

Test(value_json, bytes_print_as_base64)
{
        /* RFC 4648, section 10 */
        expect_msgpack_prints("\xc4\0", 2, "\"\"");
        expect_msgpack_prints("\xc4\1f", 3, "\"Zg==\"");
        expect_msgpack_prints("\xc4\2fo", 4, "\"Zm8=\"");
        expect_msgpack_prints("\xc4\6foobar", 8, "\"Zm9vYmFy\"");
        expect_msgpack_prints("\xc4\3\xfb\xff\xff", 5, "\"+///\"");
}

Test(value_json, keys_that_are_no_text_print_as_text)
{
        expect_msgpack_prints("\x85\x01\xc0\xc3\xc0\xc0\xc0\xc4\1f\xc0\x91\x01\xc0", 14,
                              "{\"1\":null,\"true\":null,\"null\":null,\"Zg==\":null,\"kQE=\":null}");
}

Test(value_json, indenting_gives_two_spaces_a_level_and_one_item_a_line)
{
        stet_value v = { 0 };
        stet_value_pack(&v, "{s:[i,{s:i}], s:[], s:{}}", "list", 1, "x", 2, "none", "empty");
        char *text = print(&v, STET_JSON_INDENT);
        cr_assert_str_eq(text, "{\n  \"list\": [\n    1,\n    {\n      \"x\": 2\n    }\n  ],\n  \"none\": "
                               "[],\n  \"empty\": {}\n}");
        free(text);
        stet_value_free(&v);
}

/* --- refusals --- */

Test(value_json, a_mistake_is_named_with_its_line_and_column_and_changes_nothing)
{
        stet_value v = { 0 };
        stet_why why = { "" };
        stet_value_set_int(&v, 5);
        cr_assert_eq(parse(&v, "{\n  \"a\": 1,\n  \"b\": oops\n}", &why), STET_EJSON);
        cr_assert_not_null(strstr(why.text, "line 3, column 11"), "%s", why.text);
        cr_assert_eq(parse(&v, "{\"a\":1,\"a\":2}", &why), STET_EJSON);
        cr_assert_not_null(strstr(why.text, "duplicate object key"), "%s", why.text);
        cr_assert_eq(parse(&v, "\x1b[2J", &why), STET_EJSON);
        cr_assert_null(strchr(why.text, 0x1b));
        cr_assert_eq(stet_value_int(&v, 0), 5);
        stet_value_free(&v);
}

Test(value_json, refuses_what_rfc_8259_does_not_know)
{
        static const char *const bad[] = { "",
                                           " ",
                                           "[",
                                           "[1,]",
                                           "{\"a\":}",
                                           "{a:1}",
                                           "'a'",
                                           "[1] 2",
                                           "01",
                                           "+1",
                                           ".5",
                                           "1.",
                                           "NaN",
                                           "Infinity",
                                           "tru",
                                           "//",
                                           "[1 2]",
                                           "\"\\x\"",
                                           "1e999",
                                           "\"\t\"",
                                           "\"\xff\"",
                                           "\"\\ud800\"",
                                           "{\"a\\u0000\":1}",
                                           "\xef\xbb\xbf[]",
                                           "\"",
                                           "]",
                                           "[}" };
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
                stet_value v = { 0 };
                cr_assert_eq(parse(&v, bad[i], NULL), STET_EJSON, "%s", bad[i]);
        }
        stet_value v = { 0 };
        cr_assert_eq(stet_value_from_json(&v, NULL, 0, NULL), STET_EINVAL);
        stet_why why;
        static const char *const nuls[] = { "[\n1\0", "[\n2\0]", "\"\n\0\"" };
        static const size_t sizes[] = { 4, 5, 4 };
        for (size_t i = 0; i < 3; i++) {
                cr_assert_eq(stet_value_from_json(&v, nuls[i], sizes[i], &why), STET_EJSON);
                cr_assert_not_null(
                    strstr(why.text, i < 2 ? "line 2, column 2: a NUL" : "line 2, column 1: a NUL"), "%s",
                    why.text);
        }
        cr_assert_eq(stet_value_from_json(&v, "true\0", 5, NULL), STET_EJSON);
}

Test(value_json, to_json_refuses_what_is_no_msgpack_value)
{
        char *text = NULL;
        stet_value v = value_borrow(NULL, bytes_of("\xdd\x0f\xff\xff\xff", 5));
        cr_assert_eq(stet_value_to_json(&v, 0, &text), STET_EPROTOCOL);
        v = value_borrow(NULL, bytes_of("\xa1\xff", 2));
        cr_assert_eq(stet_value_to_json(&v, 0, &text), STET_EPROTOCOL);
        cr_assert_null(text);
}

/* --- limits --- */

static char text[3 * 1024 * 1024];

static size_t nest(size_t lists)
{
        memset(text, '[', lists);
        memset(text + lists, ']', lists);
        return 2 * lists;
}

Test(value_json, refuses_more_than_the_depth_that_a_value_may_have)
{
        stet_value v = { 0 };
        stet_why why = { "" };
        cr_assert_eq(stet_value_from_json(&v, text, nest(STET_VALUE_DEPTH_MAX), NULL), 0);
        stet_value checked = { 0 };
        cr_assert_eq(stet_value_from_msgpack(&checked, v.data, v.size), 0);
        cr_assert_eq(stet_value_from_json(&v, text, nest(STET_VALUE_DEPTH_MAX + 1), &why), STET_ETOOBIG);
        cr_assert_not_null(strstr(why.text, "14 deep"), "%s", why.text);
        cr_assert_eq(stet_value_from_json(&v, text, nest(1000000), &why), STET_ETOOBIG);
        cr_assert_eq(parse(&v, "\"[[[[[[[[[[[[[[[[[[[[\\\"[[[[[[[[\"", NULL), 0,
                     "brackets in a text don't nest");
        stet_value_free(&v);
}

/* Makes "[item,item,…]". */
static size_t repeat(const char *item, size_t count)
{
        size_t size = 0, item_size = strlen(item);
        text[size++] = '[';
        for (size_t i = 0; i < count; i++, size += item_size) {
                if (i)
                        text[size++] = ',';
                memcpy(text + size, item, item_size);
        }
        text[size++] = ']';
        return size;
}

Test(value_json, refuses_more_values_than_a_value_may_have)
{
        stet_value v = { 0 };
        stet_why why = { "" };
        cr_assert_eq(stet_value_from_json(&v, text, repeat("0", STET_VALUE_NODES_MAX - 1), NULL), 0);
        stet_value checked = { 0 };
        cr_assert_eq(stet_value_from_msgpack(&checked, v.data, v.size), 0);
        cr_assert_eq(stet_value_from_json(&v, text, repeat("[]", STET_VALUE_NODES_MAX - 1), NULL), 0);
        cr_assert_eq(stet_value_from_json(&v, text, repeat("0", STET_VALUE_NODES_MAX), &why), STET_ETOOBIG);
        cr_assert_not_null(strstr(why.text, "262145 values"), "%s", why.text);
        cr_assert_eq(stet_value_from_json(&v, text, repeat("0", 1000000), &why), STET_ETOOBIG);
        cr_assert_not_null(strstr(why.text, "262144 values"), "%s", why.text);
        stet_value_free(&v);
}

Test(value_json, refuses_more_bytes_than_a_value_may_have)
{
        stet_value v = { 0 };
        stet_why why = { "" };
        size_t fits = STET_VALUE_SIZE_MAX - 5; /* msgpack's head */
        memset(text, 'x', sizeof text);
        text[0] = text[fits + 1] = '"';
        cr_assert_eq(stet_value_from_json(&v, text, fits + 2, NULL), 0);
        text[fits + 1] = 'x';
        text[fits + 2] = '"';
        cr_assert_eq(stet_value_from_json(&v, text, fits + 3, &why), STET_ETOOBIG);
        cr_assert_not_null(strstr(why.text, "2097153 bytes"), "%s", why.text);
        size_t too_large = 8 * (size_t)STET_VALUE_SIZE_MAX + 1;
        char *spaces = xmalloc(too_large);
        memset(spaces, ' ', too_large);
        spaces[0] = '1';
        cr_assert_eq(stet_value_from_json(&v, spaces, too_large - 1, NULL), 0);
        cr_assert_eq(stet_value_from_json(&v, spaces, too_large, &why), STET_ETOOBIG);
        free(spaces);
        stet_value_free(&v);
}

/* --- against jansson --- */

static void pack_random(struct buffer *b, uint64_t *random, int depth)
{
        char word[40];
        size_t count = random_below(random, 6), size = random_below(random, sizeof word);
        switch (random_below(random, depth ? 8 : 6)) {
        case 0:
                pack_nil(b);
                break;
        case 1:
                pack_bool(b, random_below(random, 2));
                break;
        case 2:
        case 3:
                pack_int(b, (int64_t)random_scale(random));
                break;
        case 4:
                pack_double(b, (double)random_scale(random) / 1000);
                break;
        case 5:
                for (size_t i = 0; i < size; i++)
                        word[i] = (char)(1 + random_below(random, 127));
                pack_str(b, bytes_of(word, size));
                break;
        case 6:
                pack_array(b, (uint32_t)count);
                while (count--)
                        pack_random(b, random, depth - 1);
                break;
        case 7:
                pack_map(b, (uint32_t)count);
                while (count--) {
                        snprintf(word, sizeof word, "key\n%zu", count);
                        pack_cstr(b, word);
                        pack_random(b, random, depth - 1);
                }
                break;
        }
}

Test(value_json, random_values_print_as_jansson_reads_them_and_come_back_the_same)
{
        uint64_t random = 15;
        struct buffer b = { 0 };
        for (int i = 0; i < 3000; i++) {
                buffer_clear(&b);
                pack_random(&b, &random, 6);
                stet_value v = value_borrow(NULL, buffer_bytes(&b)), again = { 0 };
                char *compact = print(&v, 0), *indented = print(&v, STET_JSON_INDENT);
                json_t *one = json_loads(compact, JSON_DECODE_ANY, NULL);
                json_t *other = json_loads(indented, JSON_DECODE_ANY, NULL);
                cr_assert(one && other && json_equal(one, other));
                cr_assert_eq(parse(&again, indented, NULL), 0);
                cr_assert(stet_value_equal(&v, &again), "%s", compact);
                json_decref(one);
                json_decref(other);
                free(compact);
                free(indented);
                stet_value_free(&again);
        }
        buffer_fini(&b);
}
