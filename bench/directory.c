/* SPDX-License-Identifier: MIT */
#include "bench/directory.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { OPEN_DIRS_MAX = 16 };

int directory_make(const char *parent, const char *name, char *ret_path, size_t size, stet_why *why)
{
        if ((size_t)snprintf(ret_path, size, "%s/%s", parent, name) >= size)
                return stet_why_set(why, STET_EIO, "%s: the path is too long", parent);
        if (mkdir(ret_path, 0700) != 0)
                return stet_why_set(why, STET_EIO, "%s: %s", ret_path, strerror(errno));
        return 0;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *position)
{
        (void)info;
        (void)type;
        (void)position;
        return remove(path);
}

void directory_remove(const char *path)
{
        if (nftw(path, remove_entry, OPEN_DIRS_MAX, FTW_DEPTH | FTW_PHYS) != 0)
                fprintf(stderr, "bench: %s could not be removed: %s\n", path, strerror(errno));
}
