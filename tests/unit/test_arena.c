/* SPDX-License-Identifier: MIT */
#include "base/arena.h"

#include "tests/lib/random.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdalign.h>
#include <string.h>

Test(arena, pieces_are_aligned_and_do_not_overlap)
{
        enum { COUNT = 2000 };
        static unsigned char *pieces[COUNT];
        static size_t sizes[COUNT];
        stet_arena a = { 0 };
        uint64_t random = 1;
        for (size_t i = 0; i < COUNT; i++) {
                sizes[i] = random_below(&random, i % 50 ? 200 : 20000);
                pieces[i] = arena_alloc(&a, sizes[i]);
                cr_assert_not_null(pieces[i]);
                cr_assert_eq((uintptr_t)pieces[i] % alignof(max_align_t), 0);
                memset(pieces[i], (int)(i & 0xff), sizes[i]);
        }
        for (size_t i = 0; i < COUNT; i++)
                for (size_t k = 0; k < sizes[i]; k++)
                        cr_assert_eq(pieces[i][k], i & 0xff, "piece %zu", i);
        arena_fini(&a);
}

Test(arena, is_empty_and_usable_after_fini)
{
        stet_arena a = { 0 };
        arena_alloc(&a, 100000);
        arena_fini(&a);
        cr_assert_null(a.blocks);
        memcpy(arena_alloc(&a, 6), "again", 6);
        arena_fini(&a);
        arena_fini(&a);
}

Test(arena, a_size_that_no_memory_has_aborts_instead_of_wrapping, .signal = SIGABRT)
{
        stet_arena a = { 0 };
        arena_alloc(&a, SIZE_MAX - 3);
}
