/* SPDX-License-Identifier: MIT
 *
 * The oracle is Intel's ISA-L, whose crc32_iscsi() leaves both inversions to the caller.
 */
#include "base/crc32c.h"

#include "tests/lib/random.h"

#include <criterion/criterion.h>
#include <isa-l/crc.h>

enum { SIZE = 4099 };

static uint8_t data[SIZE];

static uint32_t oracle(uint32_t crc, uint8_t *at, size_t size)
{
        return ~crc32_iscsi(at, (int)size, ~crc);
}

Test(crc32c, known_values_of_rfc_3720)
{
        uint8_t zeros[32] = { 0 };
        cr_assert_eq(crc32c(0, "123456789", 9), 0xe3069283u);
        cr_assert_eq(crc32c(0, zeros, 32), 0x8a9136aau);
        cr_assert_eq(crc32c_portable(0, "123456789", 9), 0xe3069283u);
        cr_assert_eq(crc32c_portable(0, zeros, 32), 0x8a9136aau);
        cr_assert_eq(crc32c(0, NULL, 0), 0);
}

Test(crc32c, agrees_with_isal_at_every_size_and_alignment)
{
        uint64_t random = 4;
        random_fill(&random, data, SIZE);
        for (size_t size = 0; size < 300; size++)
                for (size_t start = 0; start < 9; start++) {
                        uint32_t seed = (uint32_t)random_u64(&random);
                        uint32_t expected = oracle(seed, data + start, size);
                        cr_assert_eq(crc32c(seed, data + start, size), expected, "%zu+%zu", start, size);
                        cr_assert_eq(crc32c_portable(seed, data + start, size), expected, "%zu+%zu", start,
                                     size);
                }
        cr_assert_eq(crc32c(0, data, SIZE), oracle(0, data, SIZE));
        cr_assert_eq(crc32c_portable(0, data, SIZE), oracle(0, data, SIZE));
}

Test(crc32c, continues_over_a_cut_anywhere)
{
        uint64_t random = 5;
        random_fill(&random, data, SIZE);
        uint32_t whole = crc32c(0, data, SIZE);
        for (size_t cut = 0; cut <= SIZE; cut += 1 + random_below(&random, 40))
                cr_assert_eq(crc32c(crc32c(0, data, cut), data + cut, SIZE - cut), whole);
}

Test(crc32c, notices_every_single_flipped_bit)
{
        uint64_t random = 6;
        random_fill(&random, data, 512);
        uint32_t sound = crc32c(0, data, 512);
        for (size_t bit = 0; bit < 512 * 8; bit++) {
                data[bit / 8] ^= (uint8_t)(1u << bit % 8);
                cr_assert_neq(crc32c(0, data, 512), sound);
                data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
}
