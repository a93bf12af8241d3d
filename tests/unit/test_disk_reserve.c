/* SPDX-License-Identifier: MIT */
#include "runtime/disk_reserve.h"
#include "runtime/disk_room_os.h"

#include <criterion/criterion.h>
#include <string.h>

#define MIB    (UINT64_C(1) << 20)
#define GIB    (UINT64_C(1) << 30)
#define SECOND INT64_C(1000000000)

static uint64_t standard(uint64_t size_bytes)
{
        struct disk_reserve r;
        disk_reserve_init(&r, 0, (struct disk_room){ size_bytes, size_bytes }, 0);
        return r.bytes;
}

Test(disk_reserve, standard_one_is_256_MiB_or_2_percent_but_at_most_10_GiB_or_a_tenth)
{
        cr_assert_eq(standard(8 * MIB), 8 * MIB / 10);
        cr_assert_eq(standard(1000 * MIB), 100 * MIB);
        cr_assert_eq(standard(2560 * MIB), 256 * MIB);
        cr_assert_eq(standard(12 * GIB), 256 * MIB);
        cr_assert_eq(standard(100 * GIB), 2 * GIB);
        cr_assert_eq(standard(4096 * GIB), 10 * GIB);
}

Test(disk_reserve, standard_one_does_not_shrink_with_what_is_free)
{
        struct disk_reserve empty, full;
        disk_reserve_init(&empty, 0, (struct disk_room){ 100 * GIB, 100 * GIB }, 0);
        disk_reserve_init(&full, 0, (struct disk_room){ 100 * GIB, 1 }, 0);
        cr_assert_eq(empty.bytes, full.bytes);
}

Test(disk_reserve, one_that_is_given_is_taken_as_it_is)
{
        struct disk_reserve r;
        disk_reserve_init(&r, 7, (struct disk_room){ 100 * GIB, 7 }, 0);
        cr_assert_eq(r.bytes, 7);
        cr_assert(!disk_reserve_is_short(&r), "exactly the reserve is free");
        disk_reserve_looked(&r, (struct disk_room){ 100 * GIB, 6 }, 0, 0);
        cr_assert(disk_reserve_is_short(&r));
}

Test(disk_reserve, file_system_that_says_nothing_is_never_short)
{
        struct disk_reserve r;
        disk_reserve_init(&r, 0, (struct disk_room){ 0, 0 }, 0);
        cr_assert(!disk_reserve_is_short(&r));
        disk_reserve_init(&r, MIB, (struct disk_room){ 0, 0 }, 0);
        cr_assert(!disk_reserve_is_short(&r));
}

Test(disk_reserve, is_looked_at_after_a_second_or_64_MiB)
{
        struct disk_reserve r;
        struct disk_room room = { GIB, GIB };
        disk_reserve_init(&r, 0, room, 5 * SECOND);
        cr_assert(!disk_reserve_due(&r, 6 * SECOND - 1, 64 * MIB - 1));
        cr_assert(disk_reserve_due(&r, 6 * SECOND, 0));
        cr_assert(disk_reserve_due(&r, 5 * SECOND, 64 * MIB));
        disk_reserve_looked(&r, room, 6 * SECOND, 64 * MIB);
        cr_assert(!disk_reserve_due(&r, 7 * SECOND - 1, 128 * MIB - 1));
        cr_assert(disk_reserve_due(&r, 7 * SECOND, 64 * MIB));
}

Test(disk_reserve, sentence_has_the_figures_and_when_to_try_again)
{
        struct disk_reserve r;
        char text[300];
        disk_reserve_init(&r, 256 * MIB, (struct disk_room){ 10 * GIB, 120 * MIB + MIB / 2 }, 0);
        disk_reserve_sentence(&r, text, sizeof text);
        cr_assert_str_eq(text,
                         "120.5 MiB of the disk's 10.0 GiB are free, and the last 256.0 MiB are kept for "
                         "runs that have started; make room, or try again in 10 s");
        disk_reserve_init(&r, 0, (struct disk_room){ 8 * MIB, 4096 }, 0);
        disk_reserve_sentence(&r, text, sizeof text);
        cr_assert_eq(strncmp(text, "4096 bytes of the disk's 8.0 MiB are free", 41), 0, "%s", text);
}

Test(disk_reserve, look_at_a_file_system_finds_its_size_and_at_a_path_that_is_none_nothing)
{
        struct disk_room room = { 1, 2 };
        cr_assert(!disk_room_look("/nowhere/at/all", &room));
        cr_assert(room.size_bytes == 1 && room.free_bytes == 2);
        cr_assert(disk_room_look("/tmp", &room));
        cr_assert_gt(room.size_bytes, 1);
        cr_assert_leq(room.free_bytes, room.size_bytes);
}
