/* SPDX-License-Identifier: MIT */
#include "stet/error.h"

#include "base/unpack.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct {
        const char *name;
        int number;
} listed[] = {
#define LISTED(name, number, sentence) { #name, number },
        STET_ERRORS(LISTED)
#undef LISTED
};

enum { LISTED_COUNT = sizeof listed / sizeof *listed };

Test(error, every_number_and_name_is_used_once)
{
        for (int i = 0; i < LISTED_COUNT; i++)
                for (int j = 0; j < i; j++) {
                        cr_assert_neq(listed[i].number, listed[j].number, "%s and %s", listed[i].name,
                                      listed[j].name);
                        cr_assert_str_neq(listed[i].name, listed[j].name);
                        cr_assert_str_neq(stet_error_text(listed[i].number),
                                          stet_error_text(listed[j].number));
                }
}

Test(error, numbers_that_stand_in_scripts_never_change)
{
        cr_assert_eq(STET_EINVAL, 1);
        cr_assert_eq(STET_ETIMEDOUT, 5);
        cr_assert_eq(STET_EUNKNOWN, 10);
        cr_assert_eq(STET_EFULL, 19);
        cr_assert_eq(STET_EINTERNAL, 30);
}

Test(error, names_are_the_constants_without_their_prefix)
{
        for (int i = 0; i < LISTED_COUNT; i++) {
                cr_assert_str_eq(stet_error_name(listed[i].number), listed[i].name);
                cr_assert_eq(listed[i].name[0], 'E');
                cr_assert_gt(strlen(stet_error_text(listed[i].number)), 5);
        }
        cr_assert_str_eq(stet_error_name(STET_ETIMEDOUT), "ETIMEDOUT");
        cr_assert_str_eq(stet_error_name(0), "OK");
}

Test(error, numbers_that_are_none_have_a_name_and_a_sentence_too)
{
        const int none[] = { -1, 31, 4711 };
        for (size_t i = 0; i < 3; i++) {
                cr_assert_str_eq(stet_error_name(none[i]), "?");
                cr_assert_gt(strlen(stet_error_text(none[i])), 5);
        }
}

Test(error, why_returns_the_error_and_keeps_the_sentence)
{
        stet_why why;
        cr_assert_eq(stet_why_set(&why, STET_EBUSY, "queue %s has %d", "mail", 7), STET_EBUSY);
        cr_assert_str_eq(why.text, "queue mail has 7");
        cr_assert_eq(stet_why_set(NULL, STET_EIO, "nobody reads %d", 1), STET_EIO);
}

Test(error, why_may_wrap_its_own_text)
{
        stet_why why;
        stet_why_set(&why, STET_EIO, "map full");
        stet_why_set(&why, STET_EIO, "append run %d: %s", 7, why.text);
        cr_assert_str_eq(why.text, "append run 7: map full");
}

Test(error, why_cuts_a_long_text_between_characters)
{
        for (int lead = 0; lead < 8; lead++) {
                stet_why why;
                char text[2048];
                size_t size = 0;
                while (size < (size_t)lead)
                        text[size++] = 'x';
                while (size < 2000) /* U+1F600, four bytes */
                        memcpy(text + size, "\xf0\x9f\x98\x80", 4), size += 4;
                text[size] = 0;
                stet_why_set(&why, STET_EIO, "%s", text);
                cr_assert(utf8_valid(bytes_str(why.text)));
                cr_assert_geq(strlen(why.text), sizeof why.text - 4);
                cr_assert_eq(memcmp(why.text, text, strlen(why.text)), 0);
        }
}

Test(error, why_is_utf8_even_when_a_name_in_it_is_not)
{
        stet_why why;
        stet_why_set(&why, STET_EIO, "no file %s here", "b\xff\xc3.d");
        cr_assert_str_eq(why.text, "no file b??.d here");
        stet_why_set(&why, STET_EIO, "\xc3\xa9t\xc3\xa9");
        cr_assert_str_eq(why.text, "\xc3\xa9t\xc3\xa9");
        stet_why_set(&why, STET_EIO, "%s", "");
        cr_assert_str_eq(why.text, "");
        stet_why_set(&why, STET_EIO, "%s", "\x80\x80\x80\x80");
        cr_assert_str_eq(why.text, "????");
}
