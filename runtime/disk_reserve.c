/* SPDX-License-Identifier: MIT */
#include "runtime/disk_reserve.h"

#include <inttypes.h>
#include <stdio.h>

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

enum { PERCENT = 2, PART_MAX = 10, RETRY_S = 10 };

static const int64_t look_after_ns = 1000000000;
static const uint64_t look_after_bytes = 64 * MIB;

static uint64_t least(uint64_t a, uint64_t b)
{
        return a < b ? a : b;
}

static uint64_t standard_bytes(uint64_t size_bytes)
{
        uint64_t part = size_bytes / 100 * PERCENT, floor = 256 * MIB;
        uint64_t bytes = part > floor ? part : floor;
        return least(least(bytes, 10 * GIB), size_bytes / PART_MAX);
}

void disk_reserve_init(struct disk_reserve *r, uint64_t wanted_bytes, struct disk_room room, int64_t now_ns)
{
        *r = (struct disk_reserve){ .bytes = wanted_bytes ? wanted_bytes : standard_bytes(room.size_bytes),
                                    .room = room,
                                    .looked_ns = now_ns };
}

bool disk_reserve_due(const struct disk_reserve *r, int64_t now_ns, uint64_t written_bytes)
{
        return now_ns - r->looked_ns >= look_after_ns || written_bytes - r->written_bytes >= look_after_bytes;
}

void disk_reserve_looked(struct disk_reserve *r, struct disk_room room, int64_t now_ns,
                         uint64_t written_bytes)
{
        r->room = room;
        r->looked_ns = now_ns;
        r->written_bytes = written_bytes;
}

bool disk_reserve_is_short(const struct disk_reserve *r)
{
        return r->room.size_bytes && r->room.free_bytes < r->bytes;
}

static void print_size(char *buf, size_t size, uint64_t bytes)
{
        if (bytes < MIB)
                snprintf(buf, size, "%" PRIu64 " bytes", bytes);
        else if (bytes < GIB)
                snprintf(buf, size, "%.1f MiB", (double)bytes / (double)MIB);
        else
                snprintf(buf, size, "%.1f GiB", (double)bytes / (double)GIB);
}

void disk_reserve_sentence(const struct disk_reserve *r, char *buf, size_t size)
{
        char free_text[40], all[40], kept[40];
        print_size(free_text, sizeof free_text, r->room.free_bytes);
        print_size(all, sizeof all, r->room.size_bytes);
        print_size(kept, sizeof kept, r->bytes);
        snprintf(buf, size,
                 "%s of the disk's %s are free, and the last %s are kept for runs that have started; make "
                 "room, or try again in %d s",
                 free_text, all, kept, RETRY_S);
}
