/* SPDX-License-Identifier: MIT */
#include "base/name.h"

#include <criterion/criterion.h>

static bool valid(const char *name)
{
        return name_valid(bytes_str(name), NAME_SIZE_MAX);
}

Test(name, takes_any_readable_text)
{
        cr_assert(valid("a"));
        cr_assert(valid("loan:application/uploaded 2"));
        cr_assert(valid("pr\xc3\xbc"
                        "fung \xe2\x82\xac \xf0\x9f\x98\x80"));
        cr_assert(valid("~"));
}

Test(name, refuses_nothing_and_too_much)
{
        char text[300];
        memset(text, 'x', sizeof text);
        cr_assert_not(valid(""));
        cr_assert_not(name_valid(bytes_of(NULL, 0), 255));
        cr_assert(name_valid(bytes_of(text, 255), 255));
        cr_assert_not(name_valid(bytes_of(text, 256), 255));
        cr_assert(name_valid(bytes_of(text, 4), 4));
        cr_assert_not(name_valid(bytes_of(text, 5), 4));
}

Test(name, refuses_every_control_character_anywhere)
{
        for (int c = 0; c < 0x20; c++) {
                char text[3] = { 'a', (char)c, 'b' };
                cr_assert_not(name_valid(bytes_of(text, 3), 255), "U+%04X", (unsigned)c);
        }
        cr_assert_not(valid("a\x7f"));
        cr_assert_not(valid("\x1b[2J"));
        for (int c = 0x80; c < 0xa0; c++) {
                char text[4] = { 'a', (char)0xc2, (char)c, 'b' };
                cr_assert_not(name_valid(bytes_of(text, 4), 255), "U+%04X", (unsigned)c);
        }
        cr_assert(valid("a\xc2\xa0"));
}

Test(name, refuses_what_is_no_utf8)
{
        cr_assert_not(valid("a\xff"));
        cr_assert_not(valid("\xc3"));
        cr_assert_not(valid("\xed\xa0\x80"));
}
