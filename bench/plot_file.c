/* SPDX-License-Identifier: MIT */
#include "bench/plot_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 4096, MODE = 0666 };

static int failed(int err, const char *path, int reason, stet_why *why)
{
        return stet_why_set(why, err, "--plot %s: %s", path, strerror(reason));
}

/* A new file beside the other, so that it can take its name. Its descriptor, or -1 with errno. */
static int open_beside(const char *path, char ret_path[PATH_SIZE])
{
        if ((size_t)snprintf(ret_path, PATH_SIZE, "%s.XXXXXX", path) >= PATH_SIZE) {
                errno = ENAMETOOLONG;
                return -1;
        }
        return mkstemp(ret_path);
}

int plot_file_check(const char *path, stet_why *why)
{
        char temporary[PATH_SIZE];
        struct stat info;
        size_t length = strlen(path);
        if (!length || path[length - 1] == '/')
                return failed(STET_EINVAL, path, length ? EISDIR : ENOENT, why);
        if (stat(path, &info) == 0 && !S_ISREG(info.st_mode))
                return stet_why_set(why, STET_EINVAL, "--plot %s: it is there and no file", path);
        int fd = open_beside(path, temporary);
        if (fd < 0)
                return failed(STET_EINVAL, path, errno, why);
        close(fd);
        unlink(temporary);
        return 0;
}

static bool write_all(int fd, struct bytes content)
{
        while (content.size) {
                ssize_t written = write(fd, content.data, content.size);
                if (written < 0 && errno == EINTR)
                        continue;
                if (written < 0)
                        return false;
                content = bytes_of(content.data + written, content.size - (size_t)written);
        }
        return true;
}

/* mkstemp() lets nobody else read: the user's mask is to say who may. */
static bool open_to_others(int fd)
{
        mode_t mask = umask(0);
        umask(mask);
        return fchmod(fd, MODE & ~mask) == 0;
}

int plot_file_write(const char *path, struct bytes content, stet_why *why)
{
        char temporary[PATH_SIZE];
        int fd = open_beside(path, temporary);
        if (fd < 0)
                return failed(STET_EIO, path, errno, why);
        bool ok = write_all(fd, content) && open_to_others(fd);
        int reason = errno;
        if (close(fd) != 0 && ok) {
                ok = false;
                reason = errno;
        }
        if (ok && rename(temporary, path) != 0) {
                ok = false;
                reason = errno;
        }
        if (ok)
                return 0;
        unlink(temporary);
        return failed(STET_EIO, path, reason, why);
}
