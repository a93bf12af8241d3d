/* SPDX-License-Identifier: MIT
 *
 * A disk that fails when the test says so: this program's own fdatasync(), pwrite() and writev(), which LMDB
 * calls. Included by the one source of a program that is compiled for it (tests/unit/meson.build).
 */
#ifndef TESTS_LIB_FAILING_DISK_H
#define TESTS_LIB_FAILING_DISK_H

#include <errno.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { META_WRITE_SIZE_MAX = 200 }; /* LMDB writes whole pages, but only part of a meta page */

static struct {
        int fdatasync_errno;
        int data_errno; /* for writing pages */
        int meta_errno;
        unsigned syncs;
} disk;

/* All 0: it works. */
static inline void disk_fail(int fdatasync_errno, int data_errno, int meta_errno)
{
        disk.fdatasync_errno = fdatasync_errno;
        disk.data_errno = data_errno;
        disk.meta_errno = meta_errno;
}

int fdatasync(int fd)
{
        disk.syncs++;
        if (disk.fdatasync_errno) {
                errno = disk.fdatasync_errno;
                return -1;
        }
        return (int)syscall(SYS_fdatasync, fd);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
        int number = size < META_WRITE_SIZE_MAX ? disk.meta_errno : disk.data_errno;
        if (number) {
                errno = number;
                return -1;
        }
        return syscall(SYS_pwrite64, fd, data, size, offset);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
        if (disk.data_errno) {
                errno = disk.data_errno;
                return -1;
        }
        return syscall(SYS_writev, fd, parts, count);
}

#endif
