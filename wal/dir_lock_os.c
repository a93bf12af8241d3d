/* SPDX-License-Identifier: MIT
 *
 * Two locks are held on the file. flock() is the one that decides. The second, an open-file-description lock,
 * is there to be asked about: F_OFD_GETLK tells whether it is held without taking it, so that whoever only
 * asks never makes a starting server fail.
 *
 * Both belong to the open file: forked children share them, exec drops them.
 */
#include "wal/dir_lock_os.h"

#include "base/buffer.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

enum { HOLDER_SIZE_MAX = 4096 };

static void copy_string(const json_t *object, const char *name, char *to, size_t size)
{
        const char *text = json_string_value(json_object_get(object, name));
        snprintf(to, size, "%s", text ? text : "");
}

/* A file that is empty or half written, because its holder is just starting, says nothing. */
static struct dir_holder holder_read(int fd)
{
        struct dir_holder holder = { 0 };
        char text[HOLDER_SIZE_MAX];
        ssize_t n = pread(fd, text, sizeof text, 0);
        json_t *object = n > 0 ? json_loadb(text, (size_t)n, 0, NULL) : NULL;
        holder.pid = (long)json_integer_value(json_object_get(object, "pid"));
        copy_string(object, "host", holder.host, sizeof holder.host);
        copy_string(object, "started", holder.started, sizeof holder.started);
        copy_string(object, "endpoint", holder.endpoint, sizeof holder.endpoint);
        json_decref(object);
        return holder;
}

static int holder_write(int fd, const struct dir_holder *holder, stet_why *why)
{
        json_t *object = json_pack("{s:I, s:s, s:s, s:s}", "pid", (json_int_t)holder->pid, "host",
                                   holder->host, "started", holder->started, "endpoint", holder->endpoint);
        char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
        json_decref(object);
        if (!text)
                return stet_why_set(why, STET_EINVAL, "the host's name or the endpoint is not UTF-8");
        size_t size = strlen(text);
        ssize_t n = pwrite(fd, text, size, 0);
        int number = n < 0 ? errno : ENOSPC;
        free(text);
        if (n != (ssize_t)size || ftruncate(fd, (off_t)size))
                return stet_why_set(why, number == ENOSPC ? STET_EFULL : STET_EIO,
                                    "cannot write into the data directory's lock file: %s", strerror(number));
        return 0;
}

static int refuse(int fd, const char *path, stet_why *why)
{
        struct dir_holder h = holder_read(fd);
        if (!h.pid)
                return stet_why_set(
                    why, STET_ELOCKED,
                    "another process is just opening or closing the data directory %s; try again", path);
        if (!h.endpoint[0])
                return stet_why_set(
                    why, STET_ELOCKED,
                    "the data directory %s is held by process %ld on %s since %s; wait for it or "
                    "stop it",
                    path, h.pid, h.host, h.started);
        return stet_why_set(
            why, STET_ELOCKED,
            "the data directory %s is held by process %ld on %s since %s, which serves %s; connect "
            "to that, or stop it",
            path, h.pid, h.host, h.started, h.endpoint);
}

static struct dir_holder holder_self(void)
{
        struct dir_holder h = { .pid = (long)getpid() };
        if (gethostname(h.host, sizeof h.host - 1))
                snprintf(h.host, sizeof h.host, "an unnamed host");
        struct tm tm;
        time_t now = time(NULL);
        strftime(h.started, sizeof h.started, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
        return h;
}

static int take(int fd, const char *path, stet_why *why)
{
        if (flock(fd, LOCK_EX | LOCK_NB)) {
                if (errno == EWOULDBLOCK)
                        return refuse(fd, path, why);
                return stet_why_set(why, STET_EIO, "cannot lock the data directory %s: %s", path,
                                    strerror(errno));
        }
        struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
        if (fcntl(fd, F_OFD_SETLK, &whole))
                return refuse(fd, path, why);
        struct dir_holder self = holder_self();
        return holder_write(fd, &self, why);
}

int dir_lock_take(int dir_fd, const char *path, int *ret_fd, stet_why *why)
{
        int fd = openat(dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return stet_why_set(why, STET_EIO, "cannot open the lock file of the data directory %s: %s",
                                    path, strerror(errno));
        int err = take(fd, path, why);
        if (err) {
                close(fd);
                return err;
        }
        *ret_fd = fd;
        return 0;
}

int dir_lock_announce(int lock_fd, const char *endpoint, stet_why *why)
{
        struct dir_holder holder = holder_read(lock_fd);
        if (strlen(endpoint) >= sizeof holder.endpoint)
                return stet_why_set(why, STET_EINVAL,
                                    "the endpoint has %zu bytes; at most %zu can be announced",
                                    strlen(endpoint), sizeof holder.endpoint - 1);
        snprintf(holder.endpoint, sizeof holder.endpoint, "%s", endpoint);
        return holder_write(lock_fd, &holder, why);
}

int dir_lock_holder(int dir_fd, struct dir_holder *ret)
{
        int fd = openat(dir_fd, "lock", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
                return STET_ENOTFOUND;
        struct flock asked = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
        bool held = fcntl(fd, F_OFD_GETLK, &asked) == 0 && asked.l_type != F_UNLCK;
        if (held)
                *ret = holder_read(fd);
        close(fd);
        return held ? 0 : STET_ENOTFOUND;
}

void dir_lock_release(int lock_fd)
{
        /* What it said is no longer true; should this fail, nobody reads it anyway. */
        int ignored = ftruncate(lock_fd, 0);
        (void)ignored;
        close(lock_fd);
}
