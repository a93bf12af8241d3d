/* SPDX-License-Identifier: MIT
 *
 * A disk that gets full: a file system of a few MiB that only one child process sees. It needs root, without
 * which the test is skipped.
 */
#ifndef TESTS_LIB_SMALL_DISK_H
#define TESTS_LIB_SMALL_DISK_H

#include "tests/lib/child.h"
#include "tests/lib/temp_dir.h"

#include <sched.h>
#include <sys/mount.h>

enum { SMALL_DISK_UNAVAILABLE = 77 };

static inline bool small_disk_mount(const char *dir)
{
        return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
               mount("none", dir, "tmpfs", 0, "size=4m") == 0;
}

/* To twice its size. */
static inline bool small_disk_grow(const char *dir)
{
        return mount("none", dir, "tmpfs", MS_REMOUNT, "size=8m") == 0;
}

/* Runs the steps in a child, on an empty directory that is such a disk. They return 0, or the number of the
 * one that went wrong. */
static inline void small_disk_try(int (*steps)(char *dir))
{
        char *dir = temp_dir_new();
        pid_t pid = fork();
        if (pid == 0)
                _exit(small_disk_mount(dir) ? steps(dir) : SMALL_DISK_UNAVAILABLE);
        int code = child_exit_code(pid);
        temp_dir_free(dir);
        if (code == SMALL_DISK_UNAVAILABLE)
                cr_skip_test("mounting a file system needs root");
        cr_assert_eq(code, 0, "step %d", code);
}

#endif
