/* SPDX-License-Identifier: MIT */
#include "wal/file_os.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COPY_STEP = 1 << 20 };

static int fail(const char *doing, const char *dir, const char *name, int number, stet_why *why)
{
        int err = number == ENOENT                       ? STET_ENOTFOUND
                  : number == EEXIST                     ? STET_EEXISTS
                  : number == ENOSPC || number == EDQUOT ? STET_EFULL
                                                         : STET_EIO;
        return stet_why_set(why, err, "cannot %s %s%s%s: %s", doing, dir, *name ? "/" : "", name,
                            strerror(number));
}

static int open_in(const char *dir, const char *name, int flags, int *ret_fd)
{
        int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir_fd < 0)
                return errno;
        *ret_fd = openat(dir_fd, name, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
        int number = *ret_fd < 0 ? errno : 0;
        close(dir_fd);
        return number;
}

static int write_all(int fd, struct bytes data)
{
        while (data.size) {
                ssize_t written = write(fd, data.data, data.size);
                if (written < 0 && errno == EINTR)
                        continue;
                if (written < 0)
                        return errno;
                data = bytes_of(data.data + written, data.size - (size_t)written);
        }
        return 0;
}

/* --- directories --- */

int file_sync_dir(const char *dir, stet_why *why)
{
        int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int err = fd < 0 || fsync(fd) ? fail("sync", dir, "", errno, why) : 0;
        if (fd >= 0)
                close(fd);
        return err;
}

int file_sync_parent(const char *dir, stet_why *why)
{
        char *copy = xmemdup(dir, strlen(dir));
        int err = file_sync_dir(dirname(copy), why);
        free(copy);
        return err;
}

static bool is_expected(const char *name, const char *allowed)
{
        return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, "lost+found") == 0 ||
               (allowed && strcmp(name, allowed) == 0);
}

int file_make_dir(const char *dir, const char *allowed, stet_why *why)
{
        if (mkdir(dir, 0700) == 0)
                return 0;
        if (errno != EEXIST)
                return fail("make", dir, "", errno, why);
        DIR *stream = opendir(dir);
        if (!stream)
                return fail("read", dir, "", errno, why);
        int err = 0;
        for (const struct dirent *entry; !err && (entry = readdir(stream));)
                if (!is_expected(entry->d_name, allowed))
                        err = stet_why_set(why, STET_EEXISTS, "%s is not empty: it has %s in it", dir,
                                           entry->d_name);
        closedir(stream);
        return err;
}

/* --- whole files --- */

static int write_new(const char *dir, const char *name, struct bytes content, stet_why *why)
{
        int fd = -1, number = open_in(dir, name, O_WRONLY | O_CREAT | O_TRUNC, &fd);
        if (!number)
                number = write_all(fd, content);
        if (!number && fsync(fd))
                number = errno;
        if (fd >= 0)
                close(fd);
        return number ? fail("write", dir, name, number, why) : 0;
}

static int rename_in(const char *dir, const char *from, const char *to, stet_why *why)
{
        int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int err = 0;
        if (dir_fd < 0 || renameat(dir_fd, from, dir_fd, to))
                err = fail("rename", dir, from, errno, why);
        if (dir_fd >= 0)
                close(dir_fd);
        return err;
}

int file_write_whole(const char *dir, const char *name, struct bytes content, stet_why *why)
{
        char temporary[NAME_MAX + 1];
        snprintf(temporary, sizeof temporary, "%s.new", name);
        int err = write_new(dir, temporary, content, why);
        if (!err)
                err = rename_in(dir, temporary, name, why);
        return err ? err : file_sync_dir(dir, why);
}

int file_read_whole(const char *dir, const char *name, size_t size_max, struct buffer *ret, stet_why *why)
{
        int fd = -1, number = open_in(dir, name, O_RDONLY, &fd);
        if (number)
                return fail("read", dir, name, number, why);
        ssize_t got;
        do {
                uint8_t *to = buffer_reserve(ret, COPY_STEP);
                got = read(fd, to, COPY_STEP);
                number = got < 0 ? errno : 0;
                ret->size += got > 0 ? (size_t)got : 0;
        } while ((got > 0 && ret->size <= size_max) || number == EINTR);
        close(fd);
        if (number)
                return fail("read", dir, name, number, why);
        return ret->size > size_max ? stet_why_set(why, STET_ETOOBIG, "%s/%s is too large", dir, name) : 0;
}

/* --- copying --- */

struct copy {
        int from;
        int to; /* -1: nowhere */
        struct digest digest;
        uint64_t bytes;
        void (*progress)(void *ctx, uint64_t bytes);
        void *ctx;
};

/* An error number, or 0 at the file's end. */
static int copy_all(struct copy *c)
{
        uint8_t *step = xmalloc(COPY_STEP);
        ssize_t got = 0;
        int number = 0;
        while (!number && ((got = read(c->from, step, COPY_STEP)) > 0 || (got < 0 && errno == EINTR))) {
                if (got < 0)
                        continue;
                digest_add(&c->digest, bytes_of(step, (size_t)got));
                c->bytes += (uint64_t)got;
                if (c->to >= 0)
                        number = write_all(c->to, bytes_of(step, (size_t)got));
                if (c->progress)
                        c->progress(c->ctx, (uint64_t)got);
        }
        if (!number && got < 0)
                number = errno;
        if (!number && c->to >= 0 && fsync(c->to))
                number = errno;
        free(step);
        return number;
}

int file_copy(const char *dir, const char *name, const char *to_dir, uint64_t *ret_bytes,
              char ret_digest[DIGEST_TEXT_SIZE], void (*progress)(void *ctx, uint64_t bytes), void *ctx,
              stet_why *why)
{
        struct copy c = { .from = -1, .to = -1, .progress = progress, .ctx = ctx };
        int number = open_in(dir, name, O_RDONLY, &c.from);
        if (number)
                return fail("read", dir, name, number, why);
        if (to_dir)
                number = open_in(to_dir, name, O_WRONLY | O_CREAT | O_EXCL, &c.to);
        if (!number) {
                digest_begin(&c.digest);
                number = copy_all(&c);
                digest_end(&c.digest, ret_digest);
        }
        close(c.from);
        if (c.to >= 0)
                close(c.to);
        *ret_bytes = c.bytes;
        return number ? fail(to_dir ? "copy" : "read", dir, name, number, why) : 0;
}
