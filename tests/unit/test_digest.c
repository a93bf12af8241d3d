/* SPDX-License-Identifier: MIT */
#include "base/digest.h"

#include <criterion/criterion.h>

static void digest_of(const char *text, size_t step, char ret[DIGEST_TEXT_SIZE])
{
        struct digest d;
        size_t size = strlen(text);
        digest_begin(&d);
        for (size_t at = 0; at < size; at += step)
                digest_add(&d, bytes_of(text + at, size - at < step ? size - at : step));
        digest_end(&d, ret);
}

/* As `b2sum -l 256` prints them. */
Test(digest, is_blake2b_with_256_bits)
{
        char text[DIGEST_TEXT_SIZE];
        digest_of("", 1, text);
        cr_assert_str_eq(text, "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8");
        digest_of("abc", 3, text);
        cr_assert_str_eq(text, "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
}

Test(digest, does_not_depend_on_how_the_bytes_come)
{
        const char *bytes =
            "let it stand: what is written stays, however it was cut into pieces on its way here, "
            "and it is longer than a block of the hash, which is 128 bytes";
        char whole[DIGEST_TEXT_SIZE], pieces[DIGEST_TEXT_SIZE];
        digest_of(bytes, SIZE_MAX, whole);
        for (size_t step = 1; step < 150; step++) {
                digest_of(bytes, step, pieces);
                cr_assert_str_eq(whole, pieces);
        }
}
