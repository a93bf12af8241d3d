/* SPDX-License-Identifier: MIT
 *
 * The disk's reserve: while less than this is free no client may start a run, so that the room that is left
 * serves what was accepted already: signals, outcomes, cancels and removals go on until nothing is left at
 * all. Core: what a look at the file system found comes in (disk_room_os.h looks).
 */
#ifndef RUNTIME_DISK_RESERVE_H
#define RUNTIME_DISK_RESERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a look at a file system finds; both 0: it does not say. */
struct disk_room {
        uint64_t size_bytes;
        uint64_t free_bytes; /* that this process may use */
};

struct disk_reserve {
        uint64_t bytes;        /* to be kept free */
        struct disk_room room; /* as of the last look */
        int64_t looked_ns;
        uint64_t written_bytes; /* by the node, at the last look */
};

/* wanted_bytes 0: the larger of 256 MiB and 2 % of the file system, but at most 10 GiB and at most a tenth of
 * it. By its size, not by what is free: a restart on a full disk must not lower the reserve. */
void disk_reserve_init(struct disk_reserve *r, uint64_t wanted_bytes, struct disk_room room, int64_t now_ns);

/* Whether it is time for a look: a second has passed since the last one, or 64 MiB were written. Nobody need
 * wake up for it: it matters only when a start comes. */
bool disk_reserve_due(const struct disk_reserve *r, int64_t now_ns, uint64_t written_bytes);
void disk_reserve_looked(struct disk_reserve *r, struct disk_room room, int64_t now_ns,
                         uint64_t written_bytes);

/* Whether starts are to be refused. */
bool disk_reserve_is_short(const struct disk_reserve *r);

/* Why, with the figures and when to try again. */
void disk_reserve_sentence(const struct disk_reserve *r, char *buf, size_t size);

#endif
