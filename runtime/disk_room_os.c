/* SPDX-License-Identifier: MIT */
#include "runtime/disk_room_os.h"

#include <sys/statvfs.h>

bool disk_room_look(const char *path, struct disk_room *ret)
{
        struct statvfs vfs;
        if (statvfs(path, &vfs) != 0)
                return false;
        ret->size_bytes = (uint64_t)vfs.f_blocks * vfs.f_frsize;
        ret->free_bytes = (uint64_t)vfs.f_bavail * vfs.f_frsize;
        return true;
}
