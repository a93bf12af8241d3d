/* SPDX-License-Identifier: MIT
 *
 * stet.meta is what makes a directory ours. It is written last, under another name, and renamed: a crash
 * while the directory is made leaves at most an empty lock file and a stet.meta.new, and the next opening
 * goes on from there. Nothing is created before everything that could refuse without writing has been asked.
 */
#include "wal/data_dir.h"

#include "base/buffer.h"
#include "base/crc32c.h"
#include "wal/dir_lock_os.h"
#include "wal/file_os.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

enum { META_SIZE_MAX = 4096 };

static const char meta_name[] = "stet.meta";
static const char meta_name_new[] = "stet.meta.new";

struct meta {
        uint32_t format;
        uint32_t shards;
        uint64_t incarnation;
        char created[32];
};

/* --- where it lies --- */

static const struct {
        uint32_t magic;
        const char *name;
} network_file_systems[] = {
        { 0x6969, "NFS" },    { 0xFF534D42, "CIFS" }, { 0xFE534D42, "SMB" },  { 0x517B, "SMB" },
        { 0x01021997, "9p" }, { 0x5346414F, "AFS" },  { 0x00C36400, "Ceph" },
};

/* Locks and synced writes cannot be relied on there, and LMDB forbids it. */
static int refuse_network(int dir_fd, const char *path, stet_why *why)
{
        struct statfs fs;
        if (fstatfs(dir_fd, &fs))
                return stet_why_set(why, STET_EIO, "cannot look at the file system of %s: %s", path,
                                    strerror(errno));
        for (size_t i = 0; i < sizeof network_file_systems / sizeof network_file_systems[0]; i++)
                if ((uint32_t)fs.f_type == network_file_systems[i].magic)
                        return stet_why_set(
                            why, STET_EFORMAT,
                            "%s is on a network file system (%s), which a data directory must not be "
                            "on; choose a directory on a local disk",
                            path, network_file_systems[i].name);
        return 0;
}

/* What an interrupted creation may leave, and what a fresh file system has. */
static bool may_stand_in_empty(const char *name)
{
        static const char *const names[] = { ".", "..", "lock", meta_name_new, "lost+found" };
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
                if (strcmp(name, names[i]) == 0)
                        return true;
        return false;
}

static int refuse_foreign(int dir_fd, const char *path, stet_why *why)
{
        int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *dir = fd < 0 ? NULL : fdopendir(fd);
        if (!dir) {
                int number = errno;
                if (fd >= 0)
                        close(fd);
                return stet_why_set(why, STET_EIO, "cannot list %s: %s", path, strerror(number));
        }
        int err = 0;
        for (struct dirent *entry; !err && (entry = readdir(dir));)
                if (!may_stand_in_empty(entry->d_name))
                        err = stet_why_set(
                            why, STET_EFORMAT,
                            "%s is not a stet data directory: it has no stet.meta, but other files "
                            "(%s); name an empty or a new directory",
                            path, entry->d_name);
        closedir(dir);
        return err;
}

/* --- stet.meta --- */

/* Over what the file says, so that a flipped bit in it is found. */
static uint32_t meta_checksum(const struct meta *m)
{
        char text[128];
        int n = snprintf(text, sizeof text, "%" PRIu32 " %" PRIu32 " %016" PRIx64 " %s", m->format, m->shards,
                         m->incarnation, m->created);
        return crc32c(0, text, (size_t)n);
}

static const char *string_of(const json_t *object, const char *name)
{
        const char *text = json_string_value(json_object_get(object, name));
        return text ? text : "";
}

static int meta_parse(const json_t *object, const char *path, struct meta *ret, stet_why *why)
{
        json_int_t format = json_integer_value(json_object_get(object, "format"));
        json_int_t shards = json_integer_value(json_object_get(object, "shards"));
        if (format < 1)
                return stet_why_set(why, STET_EFORMAT, "%s/stet.meta is not stet's: it names no format",
                                    path);
        if (format > DATA_DIR_FORMAT)
                return stet_why_set(why, STET_ENEWER,
                                    "the data directory %s has format %" JSON_INTEGER_FORMAT
                                    ", and this stet knows "
                                    "formats up to %d; use a newer stet",
                                    path, format, DATA_DIR_FORMAT);
        struct meta m = { .format = (uint32_t)format };
        m.shards = shards < 1 || shards > DATA_DIR_SHARDS_MAX ? 0 : (uint32_t)shards;
        m.incarnation = strtoull(string_of(object, "incarnation"), NULL, 16);
        snprintf(m.created, sizeof m.created, "%s", string_of(object, "created"));
        if (!m.shards || strtoul(string_of(object, "checksum"), NULL, 16) != meta_checksum(&m))
                return stet_why_set(
                    why, STET_ECORRUPT,
                    "%s/stet.meta is damaged: its checksum does not match; restore it from a backup", path);
        *ret = m;
        return 0;
}

/* STET_ENOTFOUND, without a sentence: there is none. */
static int meta_read(int dir_fd, const char *path, struct meta *ret, stet_why *why)
{
        char text[META_SIZE_MAX];
        int fd = openat(dir_fd, meta_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd < 0 && errno == ENOENT)
                return STET_ENOTFOUND;
        ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);
        int number = errno;
        if (fd >= 0)
                close(fd);
        if (n < 0)
                return stet_why_set(why, STET_EIO, "cannot read %s/stet.meta: %s", path, strerror(number));
        json_error_t error;
        json_t *object = json_loadb(text, (size_t)n, JSON_REJECT_DUPLICATES, &error);
        if (!object)
                return stet_why_set(
                    why, STET_ECORRUPT,
                    "%s/stet.meta is damaged: it is not JSON (%s, line %d); restore it from a backup", path,
                    error.text, error.line);
        int err = meta_parse(object, path, ret, why);
        json_decref(object);
        return err;
}

static char *meta_text(const struct meta *m)
{
        char incarnation[17], checksum[9];
        snprintf(incarnation, sizeof incarnation, "%016" PRIx64, m->incarnation);
        snprintf(checksum, sizeof checksum, "%08" PRIx32, meta_checksum(m));
        json_t *object = json_pack("{s:I, s:I, s:s, s:s, s:s}", "format", (json_int_t)m->format, "shards",
                                   (json_int_t)m->shards, "incarnation", incarnation, "created", m->created,
                                   "checksum", checksum);
        char *text = json_dumps(object, JSON_INDENT(2));
        json_decref(object);
        return text;
}

static bool write_synced(int dir_fd, const char *name, const char *text)
{
        int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return false;
        size_t size = strlen(text);
        bool ok = write(fd, text, size) == (ssize_t)size && fsync(fd) == 0;
        int number = errno;
        close(fd);
        errno = number;
        return ok;
}

/* The rename is the moment at which the directory becomes a data directory. */
static int meta_write(int dir_fd, const char *path, const struct meta *m, stet_why *why)
{
        char *text = meta_text(m);
        if (!text)
                return stet_why_set(why, STET_ENOMEM, "no memory for what %s/stet.meta is to say", path);
        errno = ENOSPC; /* what a short write without an error means */
        bool ok = write_synced(dir_fd, meta_name_new, text) &&
                  renameat(dir_fd, meta_name_new, dir_fd, meta_name) == 0 && fsync(dir_fd) == 0;
        int number = errno;
        free(text);
        if (ok)
                return 0;
        return stet_why_set(why, number == ENOSPC ? STET_EFULL : STET_EIO, "cannot write %s/stet.meta: %s",
                            path, strerror(number));
}

static int meta_create(int dir_fd, const char *path, uint32_t format, uint32_t shards, struct meta *ret,
                       stet_why *why)
{
        struct meta m = { .format = format, .shards = shards };
        struct tm tm;
        time_t now = time(NULL);
        strftime(m.created, sizeof m.created, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
        if (getrandom(&m.incarnation, sizeof m.incarnation, 0) != (ssize_t)sizeof m.incarnation)
                return stet_why_set(why, STET_EIO, "the system has no random number for %s: %s", path,
                                    strerror(errno));
        int err = meta_write(dir_fd, path, &m, why);
        if (!err)
                *ret = m;
        return err;
}

/* --- open --- */

static int make_directory(const char *path, stet_why *why)
{
        char *copy = xmemdup(path, strlen(path));
        const char *parent = dirname(copy);
        int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err;
        if (fd < 0)
                err = stet_why_set(why, STET_ENOTFOUND, "cannot make %s: %s: %s", path, parent,
                                   strerror(errno));
        else
                err = refuse_network(fd, parent, why);
        if (!err && mkdirat(AT_FDCWD, path, 0700) && errno != EEXIST)
                err = stet_why_set(why, STET_EIO, "cannot make the directory %s: %s", path, strerror(errno));
        if (fd >= 0)
                close(fd);
        free(copy);
        return err;
}

static int open_directory(const char *path, bool create, int *ret_fd, stet_why *why)
{
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 && errno == ENOENT && create) {
                int err = make_directory(path, why);
                if (err)
                        return err;
                fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        }
        if (fd < 0 && errno == ENOENT)
                return stet_why_set(why, STET_ENOTFOUND, "there is no data directory %s", path);
        if (fd < 0 && errno == ENOTDIR)
                return stet_why_set(why, STET_EFORMAT, "%s is not a directory", path);
        if (fd < 0)
                return stet_why_set(why, STET_EIO, "cannot open the directory %s: %s", path, strerror(errno));
        *ret_fd = fd;
        return 0;
}

static int check_shards(const struct meta *m, uint32_t shards, const char *path, stet_why *why)
{
        if (!shards || shards == m->shards)
                return 0;
        return stet_why_set(why, STET_EINVAL,
                            "the data directory %s was made with %" PRIu32 " shards, not %" PRIu32
                            "; the number is fixed when it is made",
                            path, m->shards, shards);
}

/* What is there, without changing it. *ret_exists: there is a stet.meta. */
static int inspect(int dir_fd, const char *path, bool create, uint32_t shards, struct meta *ret,
                   bool *ret_exists, stet_why *why)
{
        int err = meta_read(dir_fd, path, ret, why);
        *ret_exists = err != STET_ENOTFOUND;
        if (!err)
                return check_shards(ret, shards, path, why);
        if (*ret_exists)
                return err;
        err = refuse_foreign(dir_fd, path, why);
        if (!err && !create)
                err = stet_why_set(why, STET_ENOTFOUND, "%s is empty, not a data directory", path);
        return err;
}

static void fill_in(struct data_dir *dir, const char *path, int lock_fd, const struct meta *m)
{
        char *absolute = realpath(path, NULL);
        *dir = (struct data_dir){
                .path = absolute ? absolute : xmemdup(path, strlen(path)),
                .lock_fd = lock_fd,
                .format = m->format,
                .shards = m->shards,
                .incarnation = m->incarnation,
        };
}

static int open_locked(int dir_fd, const char *path, bool create, uint32_t shards, struct meta *ret,
                       stet_why *why)
{
        bool exists;
        int err = inspect(dir_fd, path, create, shards, ret, &exists, why);
        if (err || exists)
                return err;
        err = meta_create(dir_fd, path, DATA_DIR_FORMAT, shards ? shards : 1, ret, why);
        return err ? err : file_sync_parent(path, why);
}

int data_dir_open(const char *path, bool create, uint32_t shards, struct data_dir *ret, stet_why *why)
{
        struct meta m;
        bool exists;
        int dir_fd, lock_fd = -1;
        if (shards > DATA_DIR_SHARDS_MAX)
                return stet_why_set(why, STET_EINVAL, "%" PRIu32 " shards are too many; at most %d", shards,
                                    DATA_DIR_SHARDS_MAX);
        int err = open_directory(path, create, &dir_fd, why);
        if (err)
                return err;
        err = refuse_network(dir_fd, path, why);
        if (!err)
                err = inspect(dir_fd, path, create, shards, &m, &exists, why);
        if (!err)
                err = dir_lock_take(dir_fd, path, &lock_fd, why);
        if (!err)
                /* Again, now that nobody else can change it. */
                err = open_locked(dir_fd, path, create, shards, &m, why);
        if (err && lock_fd >= 0)
                dir_lock_release(lock_fd);
        close(dir_fd);
        if (!err)
                fill_in(ret, path, lock_fd, &m);
        return err;
}

int data_dir_peek(const char *path, struct data_dir *ret, stet_why *why)
{
        struct meta m;
        bool exists;
        int dir_fd;
        int err = open_directory(path, false, &dir_fd, why);
        if (err)
                return err;
        err = inspect(dir_fd, path, false, 0, &m, &exists, why);
        close(dir_fd);
        if (!err)
                fill_in(ret, path, -1, &m);
        return err;
}

int data_dir_upgrade(struct data_dir *dir, stet_why *why)
{
        struct meta m;
        int dir_fd;
        assert(dir->lock_fd >= 0);
        int err = open_directory(dir->path, false, &dir_fd, why);
        if (err)
                return err;
        err = meta_read(dir_fd, dir->path, &m, why);
        if (err == STET_ENOTFOUND)
                err = stet_why_set(why, STET_EIO, "%s/stet.meta is gone", dir->path);
        if (!err && m.format < DATA_DIR_FORMAT) {
                m.format = DATA_DIR_FORMAT;
                err = meta_write(dir_fd, dir->path, &m, why);
        }
        close(dir_fd);
        if (!err)
                dir->format = m.format;
        return err;
}

int data_dir_seal(const char *path, uint32_t format, uint32_t shards, uint64_t *ret_incarnation,
                  stet_why *why)
{
        struct meta m;
        int dir_fd;
        int err = open_directory(path, false, &dir_fd, why);
        if (err)
                return err;
        err = meta_create(dir_fd, path, format, shards, &m, why);
        close(dir_fd);
        if (!err)
                *ret_incarnation = m.incarnation;
        return err ? err : file_sync_parent(path, why);
}

int data_dir_announce(struct data_dir *dir, const char *endpoint, stet_why *why)
{
        return dir_lock_announce(dir->lock_fd, endpoint, why);
}

bool data_dir_is_held(const char *path)
{
        struct dir_holder holder;
        int dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir_fd < 0)
                return false;
        int err = dir_lock_holder(dir_fd, &holder);
        close(dir_fd);
        return err == 0;
}

static char *shard_path(const struct data_dir *dir, uint32_t shard, const char *what)
{
        size_t size = strlen(dir->path) + sizeof "/shard-4294967295." + strlen(what);
        char *path = xmalloc(size);
        snprintf(path, size, "%s/shard-%" PRIu32 ".%s", dir->path, shard, what);
        return path;
}

char *data_dir_log_path(const struct data_dir *dir, uint32_t shard)
{
        return shard_path(dir, shard, "log");
}

char *data_dir_store_path(const struct data_dir *dir, uint32_t shard)
{
        return shard_path(dir, shard, "store");
}

void data_dir_close(struct data_dir *dir)
{
        if (!dir->path)
                return;
        if (dir->lock_fd >= 0)
                dir_lock_release(dir->lock_fd);
        free(dir->path);
        *dir = (struct data_dir){ .lock_fd = -1 };
}
