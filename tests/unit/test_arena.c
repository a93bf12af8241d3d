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

Test(arena, begins_in_its_owners_memory_and_comes_back_to_it)
{
        alignas(max_align_t) unsigned char home[512];
        stet_arena a;
        arena_init(&a, home, sizeof home);
        for (int round = 0; round < 3; round++) {
                unsigned char *first = arena_alloc(&a, 100), *second = arena_alloc(&a, 100);
                cr_assert(first > home && second >= first + 100 && second + 100 <= home + sizeof home);
                unsigned char *elsewhere = arena_alloc(&a, 10000);
                cr_assert(elsewhere + 10000 <= home || elsewhere >= home + sizeof home);
                memset(elsewhere, 1, 10000);
                if (round == 0)
                        arena_reset(&a);
                else
                        arena_fini(&a);
        }
        arena_fini(&a);
}

Test(arena, a_size_that_no_memory_has_aborts_instead_of_wrapping, .signal = SIGABRT)
{
        stet_arena a = { 0 };
        arena_alloc(&a, SIZE_MAX - 3);
}
