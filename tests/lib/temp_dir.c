/* SPDX-License-Identifier: MIT */
#include "tests/lib/temp_dir.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILES_OPEN_MAX = 16 };

char *temp_dir_new(void)
{
        char *path = strdup("/tmp/stet-test-XXXXXX");
        if (!path || !mkdtemp(path)) {
                perror("temp_dir_new");
                abort();
        }
        return path;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
        (void)info;
        (void)kind;
        (void)where;
        return remove(path);
}

void temp_dir_free(char *path)
{
        if (!path)
                return;
        if (nftw(path, remove_one, FILES_OPEN_MAX, FTW_DEPTH | FTW_PHYS) != 0)
                perror(path);
        free(path);
}
