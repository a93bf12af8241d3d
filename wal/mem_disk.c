/* SPDX-License-Identifier: MIT
 *
 * The lock spins: the simulator has one thread, so that nobody ever waits there.
 */
#include "wal/mem_disk.h"

void mem_disk_init(struct mem_disk *disk)
{
        *disk = (struct mem_disk){ .writes_left = -1 };
        atomic_flag_clear(&disk->lock);
}

void mem_disk_lock(struct mem_disk *disk)
{
        while (atomic_flag_test_and_set_explicit(&disk->lock, memory_order_acquire))
                ;
}

void mem_disk_unlock(struct mem_disk *disk)
{
        atomic_flag_clear_explicit(&disk->lock, memory_order_release);
}

void mem_disk_fail_after(struct mem_disk *disk, int writes, int err, bool apply)
{
        mem_disk_lock(disk);
        disk->writes_left = writes;
        disk->fail_err = err;
        disk->fail_apply = apply;
        mem_disk_unlock(disk);
}

int mem_disk_write(struct mem_disk *disk, bool *ret_apply)
{
        bool failing = disk->writes_left >= 0 && disk->writes_left-- == 0;
        *ret_apply = !failing || disk->fail_apply;
        return failing ? disk->fail_err : 0;
}
