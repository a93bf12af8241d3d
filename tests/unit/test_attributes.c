/* SPDX-License-Identifier: MIT */
#include "base/attributes.h"

#include "base/pack.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

static stet_why why;

static int check(const struct buffer *b)
{
        why.text[0] = 0;
        return attributes_check(buffer_bytes(b), &why);
}

static void refused(struct buffer *b, int err, const char *sentence)
{
        cr_assert_eq(check(b), err);
        cr_assert_str_eq(why.text, sentence);
        buffer_clear(b);
}

/* A map of one pair; the value is the caller's to pack. */
static struct buffer *one(struct buffer *b, struct bytes name)
{
        pack_map(b, 1);
        pack_str(b, name);
        return b;
}

static char *filled(size_t size)
{
        char *text = xmalloc(size + 1);
        memset(text, 'x', size);
        text[size] = 0;
        return text;
}

Test(attributes, strings_integers_and_booleans_up_to_the_limits_are_taken)
{
        struct buffer b = { 0 };
        char *name = filled(STET_ATTRIBUTE_NAME_MAX - 2), *text = filled(STET_ATTRIBUTE_STRING_MAX);
        pack_map(&b, STET_ATTRIBUTES_MAX);
        for (int i = 0; i < STET_ATTRIBUTES_MAX; i++) {
                char numbered[STET_ATTRIBUTE_NAME_MAX + 1];
                snprintf(numbered, sizeof numbered, "%02d%s", i, name);
                pack_cstr(&b, numbered);
                if (i % 4 == 0)
                        pack_cstr(&b, text);
                else if (i % 4 == 1)
                        pack_int(&b, i % 8 == 1 ? INT64_MIN : INT64_MAX);
                else if (i % 4 == 2)
                        pack_bool(&b, i % 8 == 2);
                else
                        pack_cstr(&b, i % 8 == 3 ? "" : "Zürich\n");
        }
        cr_assert_eq(check(&b), 0, "%s", why.text);
        cr_assert_eq(attributes_kept(buffer_bytes(&b)).size, b.size);
        buffer_fini(&b);
        free(name);
        free(text);
}

Test(attributes, nothing_and_a_map_of_nothing_are_none)
{
        struct buffer b = { 0 };
        cr_assert_eq(check(&b), 0);
        cr_assert_eq(attributes_kept(buffer_bytes(&b)).size, 0);
        pack_map(&b, 0);
        cr_assert_eq(check(&b), 0);
        cr_assert_eq(attributes_kept(buffer_bytes(&b)).size, 0);
        buffer_clear(&b);
        pack_nil(&b);
        cr_assert_eq(check(&b), 0);
        cr_assert_eq(attributes_kept(buffer_bytes(&b)).size, 0);
        buffer_fini(&b);
}

Test(attributes, what_is_no_such_map_is_refused_with_a_sentence)
{
        struct buffer b = { 0 };
        pack_array(&b, 0);
        refused(&b, STET_EINVAL,
                "attributes are a map of names to strings, integers and booleans; this is a list");
        pack_map(&b, 1);
        pack_int(&b, 1);
        pack_int(&b, 1);
        refused(&b, STET_EINVAL, "an attribute's name is an integer, not a string");
        pack_map(&b, 2);
        for (int i = 0; i < 2; i++) {
                pack_cstr(&b, "city");
                pack_int(&b, i);
        }
        refused(&b, STET_EINVAL, "the attribute \"city\" is given twice");
        one(&b, bytes_str("city"));
        refused(&b, STET_EPROTOCOL, "the attributes are not one msgpack value within the limits");
        pack_map(&b, 0);
        pack_nil(&b);
        refused(&b, STET_EPROTOCOL, "the attributes are not one msgpack value within the limits");
        pack_map(&b, STET_ATTRIBUTES_MAX + 1);
        for (int i = 0; i <= STET_ATTRIBUTES_MAX; i++) {
                pack_str(&b, bytes_of(&(char){ (char)('A' + i) }, 1));
                pack_int(&b, i);
        }
        refused(&b, STET_ETOOBIG, "a run has at most 32 attributes; these are 33");
        buffer_fini(&b);
}

Test(attributes, names_that_are_none_are_refused)
{
        static const char sentence[] =
            "an attribute's name must have 1 to 64 bytes of UTF-8 without control characters";
        struct buffer b = { 0 };
        char *name = filled(STET_ATTRIBUTE_NAME_MAX + 1);
        const struct bytes names[] = { bytes_str(""), bytes_str(name), bytes_str("a\tb"),
                                       bytes_str("\xc2\x85"), bytes_of("a\0b", 3) };
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
                pack_int(one(&b, names[i]), 1);
                refused(&b, STET_EINVAL, sentence);
        }
        buffer_fini(&b);
        free(name);
}

Test(attributes, values_of_other_kinds_are_refused_by_name)
{
        struct buffer b = { 0 };
        struct bytes name = bytes_str("size");
        pack_nil(one(&b, name));
        refused(&b, STET_EINVAL,
                "the attribute \"size\" is null; it can be a string, an integer or a boolean");
        pack_double(one(&b, name), 1.5);
        refused(&b, STET_EINVAL,
                "the attribute \"size\" is a number with a fraction; it can be a string, an integer or a "
                "boolean");
        pack_uint(one(&b, name), UINT64_MAX);
        refused(
            &b, STET_EINVAL,
            "the attribute \"size\" is an integer above 9223372036854775807; it can be a string, an integer "
            "or a boolean");
        pack_bin(one(&b, name), bytes_str("x"));
        refused(&b, STET_EINVAL,
                "the attribute \"size\" is bytes; it can be a string, an integer or a boolean");
        pack_map(one(&b, name), 0);
        refused(&b, STET_EINVAL,
                "the attribute \"size\" is a map; it can be a string, an integer or a boolean");
        char *text = filled(STET_ATTRIBUTE_STRING_MAX + 1);
        pack_cstr(one(&b, name), text);
        refused(&b, STET_ETOOBIG, "the attribute \"size\" has 257 bytes; the most is 256");
        buffer_fini(&b);
        free(text);
}
