/* SPDX-License-Identifier: MIT
 *
 * What the simulator's disks have in common, the log's and the store's: a lock, the epoch, a planned failure.
 */
#ifndef WAL_MEM_DISK_H
#define WAL_MEM_DISK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct mem_disk {
        atomic_flag lock; /* between the writer and readers of other threads; held for a copy at most */
        uint64_t epoch;
        int writes_left; /* before the planned failure; negative: none is planned */
        int fail_err;
        bool fail_apply;
};

void mem_disk_init(struct mem_disk *disk);
void mem_disk_lock(struct mem_disk *disk);
void mem_disk_unlock(struct mem_disk *disk);

/* How many more writes succeed before one fails with err (and, if apply, is done all the same, as when only
 * the answer was lost). Negative: never. */
void mem_disk_fail_after(struct mem_disk *disk, int writes, int err, bool apply);

/* Counts a write, under the lock: 0, or the error with which it is to fail. *ret_apply: whether to do it. */
int mem_disk_write(struct mem_disk *disk, bool *ret_apply);

#endif
