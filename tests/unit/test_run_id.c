/* SPDX-License-Identifier: MIT */
#include "base/run_id.h"

#include "tests/lib/random.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>

Test(run_id, is_sixteen_lower_case_digits_and_comes_back)
{
        uint64_t random = 3;
        for (int i = 0; i < 20000; i++) {
                uint64_t id = i < 64 ? UINT64_C(1) << i : random_u64(&random), back;
                char text[RUN_ID_SIZE], expected[RUN_ID_SIZE];
                run_id_print(id, text);
                snprintf(expected, sizeof expected, "%016" PRIx64, id);
                cr_assert_str_eq(text, expected);
                cr_assert(run_id_parse(bytes_str(text), &back));
                cr_assert_eq(back, id);
        }
}

Test(run_id, what_is_no_run_id_is_refused)
{
        static const char *const wrong[] = { "",
                                             "000000000000000",
                                             "00000000000000000",
                                             "000000000000000A",
                                             "000000000000000g",
                                             "0x00000000000000" };
        uint64_t id;
        for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
                cr_assert_not(run_id_parse(bytes_str(wrong[i]), &id), "%s", wrong[i]);
}
