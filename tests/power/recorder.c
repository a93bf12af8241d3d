/* SPDX-License-Identifier: MIT
 *
 * The calls go to the kernel directly (syscall(2)), so that nothing depends on how libc names its own. A
 * descriptor that belongs to the watched directory has a slot; all others pass through.
 */
#undef _FILE_OFFSET_BITS /* or the names below would be their 64-bit ones, and LMDB's calls pass by */

#include "tests/power/recorder.h"

#include "stet/error.h"
#include "tests/lib/random.h"
#include "tests/power/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { DESCRIPTORS_MAX = 1024, FILES_MAX = 256 };

struct slot {
        bool used;
        bool directory;
        bool synced_writes; /* O_DSYNC */
        bool appends;
        bool unseen; /* what is in it is not noted */
        int file;    /* IMAGE_NONE: the root */
        char path[PATH_SIZE];
};

static struct {
        char root[4096];
        size_t root_size; /* 0: nothing is watched */
        struct image *mirror;
        struct trace *trace;
        enum recorder_lie lie;
        uint64_t random_state;
        bool sync_failed[FILES_MAX];
        bool synced_again;
        struct slot slots[DESCRIPTORS_MAX];
} recorder;

/* --- for the workloads --- */

void recorder_begin(const char *root, struct image *mirror, struct trace *trace)
{
        snprintf(recorder.root, sizeof recorder.root, "%s", root);
        recorder.root_size = strlen(recorder.root);
        recorder.mirror = mirror;
        recorder.trace = trace;
        recorder.synced_again = false;
        memset(recorder.sync_failed, 0, sizeof recorder.sync_failed);
        for (int i = 0; i < DESCRIPTORS_MAX; i++)
                recorder.slots[i].used = false;
        if (!trace)
                return;
        trace_fini(trace);
        image_copy(&trace->base, mirror);
}

void recorder_end(void)
{
        if (recorder.trace)
                recorder.trace->files_count = recorder.mirror->files_count;
        recorder.root_size = 0;
        recorder.trace = NULL;
        recorder.mirror = NULL;
}

void recorder_lie(enum recorder_lie lie)
{
        recorder.lie = lie;
}

void recorder_seed(uint64_t seed)
{
        recorder.random_state = seed;
}

bool recorder_saw_sync_again(void)
{
        return recorder.synced_again;
}

void power_ack(size_t ack)
{
        if (recorder.trace)
                trace_add(recorder.trace, TRACE_ACK)->of = ack;
}

/* --- noting --- */

static bool ends_with(const char *text, const char *end)
{
        size_t size = strlen(text), end_size = strlen(end);
        return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

static struct slot *slot_of(int fd)
{
        return fd >= 0 && fd < DESCRIPTORS_MAX && recorder.root_size && recorder.slots[fd].used
                   ? &recorder.slots[fd]
                   : NULL;
}

static struct slot *content_slot(int fd)
{
        struct slot *slot = slot_of(fd);
        return slot && !slot->directory && !slot->unseen ? slot : NULL;
}

/* The path below the root; false when it is elsewhere. */
static bool path_below(int directory_fd, const char *path, char ret[PATH_SIZE])
{
        const char *rest = path, *directory = "";
        if (!recorder.root_size)
                return false;
        if (path[0] == '/') {
                if (strncmp(path, recorder.root, recorder.root_size) != 0)
                        return false;
                rest = path + recorder.root_size;
                if (*rest && *rest++ != '/')
                        return false;
        } else {
                const struct slot *slot = slot_of(directory_fd);
                if (!slot)
                        return false;
                directory = slot->path;
                rest = strcmp(path, ".") == 0 ? "" : path;
        }
        const char *between = *directory && *rest ? "/" : "";
        int n = snprintf(ret, PATH_SIZE, "%s%s%s", directory, between, rest);
        return n < PATH_SIZE && !ends_with(ret, "-lock");
}

static struct trace_event *note(enum trace_kind kind, int file)
{
        static struct trace_event unheard;
        struct trace_event *e = recorder.trace ? trace_add(recorder.trace, kind) : &unheard;
        e->file = file;
        return e;
}

static int note_link(const char *path, bool directory)
{
        int file = image_add_file(recorder.mirror, directory);
        image_link(recorder.mirror, path, file);
        struct trace_event *e = note(TRACE_LINK, file);
        e->directory = directory;
        memcpy(e->path, path, strlen(path) + 1);
        return file;
}

static bool lies_of_store(const struct slot *slot)
{
        return recorder.lie == LIE_STORE_NOT_SYNCED && ends_with(slot->path, ".store");
}

static void note_write(const struct slot *slot, uint64_t offset, struct bytes data)
{
        image_write(recorder.mirror, slot->file, offset, data);
        if (!recorder.trace)
                return;
        struct trace_event *e = note(TRACE_WRITE, slot->file);
        e->offset = offset;
        e->at = recorder.trace->bytes.size;
        e->size = data.size;
        buffer_append(&recorder.trace->bytes, data.data, data.size);
        size_t of = recorder.trace->count - 1;
        if (slot->synced_writes && recorder.lie != LIE_META_NOT_SYNCED && !lies_of_store(slot))
                note(TRACE_SYNC_WRITE, slot->file)->of = of;
}

static void note_resize(int file, uint64_t size)
{
        if (recorder.mirror->files[file].content.size == size)
                return;
        image_resize(recorder.mirror, file, size);
        note(TRACE_RESIZE, file)->offset = size;
}

static void note_sync(const struct slot *slot)
{
        if (lies_of_store(slot))
                return;
        if (!slot->directory) {
                note(TRACE_SYNC, slot->file);
        } else if (recorder.lie != LIE_NAMES_NOT_SYNCED) {
                struct trace_event *e = note(TRACE_SYNC_NAMES, slot->file);
                memcpy(e->path, slot->path, sizeof e->path);
        }
}

static void note_open(int fd, const char *path, int flags)
{
        struct slot *slot = &recorder.slots[fd];
        struct stat st;
        bool directory = fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
        int file = image_find(recorder.mirror, path);
        if (file == IMAGE_NONE && *path)
                file = note_link(path, directory);
        *slot = (struct slot){ .used = true,
                               .directory = directory,
                               .synced_writes = (flags & O_DSYNC) != 0,
                               .appends = (flags & O_APPEND) != 0,
                               .unseen = ends_with(path, "/lock"),
                               .file = file };
        memcpy(slot->path, path, strlen(path) + 1);
        if (flags & O_TRUNC && !slot->unseen)
                note_resize(file, 0);
}

/* --- failing --- */

static int fail(int number)
{
        errno = number;
        return -1;
}

/* A sync (a synced write among them) that fails, or that comes after one that failed. A write that was
 * interrupted did not begin. A disk that was full may be tried again: the whole transaction is written anew
 * then (env_lmdb.c), so that nothing rests on what the failed sync did. */
static int sync_fault(const struct slot *slot, enum fault_call call)
{
        int number = fault_next(call);
        int file = slot->file == IMAGE_NONE ? FILES_MAX - 1 : slot->file;
        if (file >= FILES_MAX || (number == EINTR && slot->synced_writes))
                return number;
        if (recorder.sync_failed[file])
                recorder.synced_again = true;
        if (number && number != ENOSPC && number != EDQUOT)
                recorder.sync_failed[file] = true;
        return number;
}

static int write_fault(const struct slot *slot, enum fault_call call)
{
        return slot->synced_writes ? sync_fault(slot, call) : fault_next(call);
}

/* --- the calls --- */

static int open_at(int directory_fd, const char *path, int flags, unsigned mode)
{
        char below[PATH_SIZE];
        bool watched = path_below(directory_fd, path, below);
        int number = watched ? fault_next(FAULT_OPEN) : 0;
        if (number > 0)
                return fail(number);
        int fd = (int)syscall(SYS_openat, directory_fd, path, flags, mode);
        if (fd >= 0 && fd < DESCRIPTORS_MAX)
                recorder.slots[fd].used = false;
        if (fd >= 0 && fd < DESCRIPTORS_MAX && watched)
                note_open(fd, below, flags);
        return fd;
}

STET_PUBLIC int open(const char *path, int flags, ...)
{
        va_list args;
        va_start(args, flags);
        unsigned mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, unsigned) : 0;
        va_end(args);
        return open_at(AT_FDCWD, path, flags, mode);
}

STET_PUBLIC int openat(int directory_fd, const char *path, int flags, ...)
{
        va_list args;
        va_start(args, flags);
        unsigned mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, unsigned) : 0;
        va_end(args);
        return open_at(directory_fd, path, flags, mode);
}

/* What the compiler makes of calls that name no mode, where it can't see the flags. */
static __attribute__((used)) int open_checked(const char *path, int flags)
{
        return open_at(AT_FDCWD, path, flags, 0);
}

static __attribute__((used)) int openat_checked(int directory_fd, const char *path, int flags)
{
        return open_at(directory_fd, path, flags, 0);
}

STET_PUBLIC int close(int fd)
{
        if (fd >= 0 && fd < DESCRIPTORS_MAX)
                recorder.slots[fd].used = false;
        return (int)syscall(SYS_close, fd);
}

STET_PUBLIC ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
        const struct slot *slot = content_slot(fd);
        int number = slot ? write_fault(slot, FAULT_PWRITE) : 0;
        if (number > 0)
                return fail(number);
        ssize_t n = syscall(SYS_pwrite64, fd, data, number == FAULT_SHORT ? size / 2 : size, offset);
        if (slot && n > 0)
                note_write(slot, (uint64_t)offset, bytes_of(data, (size_t)n));
        return n;
}

static uint64_t place_of(int fd, const struct slot *slot)
{
        if (slot->appends)
                return recorder.mirror->files[slot->file].content.size;
        return (uint64_t)syscall(SYS_lseek, fd, 0, SEEK_CUR);
}

STET_PUBLIC ssize_t write(int fd, const void *data, size_t size)
{
        const struct slot *slot = content_slot(fd);
        int number = slot ? write_fault(slot, FAULT_WRITE) : 0;
        if (number > 0)
                return fail(number);
        uint64_t offset = slot ? place_of(fd, slot) : 0;
        ssize_t n = syscall(SYS_write, fd, data, number == FAULT_SHORT ? size / 2 : size);
        if (slot && n > 0)
                note_write(slot, offset, bytes_of(data, (size_t)n));
        return n;
}

static void note_parts(const struct slot *slot, uint64_t offset, const struct iovec *parts, int count,
                       size_t size)
{
        struct buffer all = { 0 };
        for (int i = 0; i < count && all.size < size; i++) {
                size_t rest = size - all.size;
                buffer_append(&all, parts[i].iov_base, parts[i].iov_len < rest ? parts[i].iov_len : rest);
        }
        note_write(slot, offset, buffer_bytes(&all));
        buffer_fini(&all);
}

STET_PUBLIC ssize_t writev(int fd, const struct iovec *parts, int count)
{
        const struct slot *slot = content_slot(fd);
        int number = slot ? write_fault(slot, FAULT_WRITEV) : 0;
        if (number > 0)
                return fail(number);
        uint64_t offset = slot ? place_of(fd, slot) : 0;
        ssize_t n = syscall(SYS_writev, fd, parts, number == FAULT_SHORT && count > 1 ? count / 2 : count);
        if (slot && n > 0)
                note_parts(slot, offset, parts, count, (size_t)n);
        return n;
}

/* Nothing is synced in truth: what is watched is in memory. */
static int sync_file(int fd, enum fault_call call, long system_call)
{
        const struct slot *slot = slot_of(fd);
        if (!slot)
                return (int)syscall(system_call, fd);
        int number = sync_fault(slot, call);
        if (number > 0)
                return fail(number);
        note_sync(slot);
        return 0;
}

STET_PUBLIC int fdatasync(int fd)
{
        return sync_file(fd, FAULT_FDATASYNC, SYS_fdatasync);
}

STET_PUBLIC int fsync(int fd)
{
        return sync_file(fd, FAULT_FSYNC, SYS_fsync);
}

STET_PUBLIC int ftruncate(int fd, off_t size)
{
        const struct slot *slot = content_slot(fd);
        int number = slot_of(fd) ? fault_next(FAULT_TRUNCATE) : 0;
        if (number > 0)
                return fail(number);
        int rc = (int)syscall(SYS_ftruncate, fd, size);
        if (slot && rc == 0)
                note_resize(slot->file, (uint64_t)size);
        return rc;
}

STET_PUBLIC int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
        char from_below[PATH_SIZE], to_below[PATH_SIZE];
        bool watched = path_below(from_fd, from, from_below) && path_below(to_fd, to, to_below);
        int number = watched ? fault_next(FAULT_RENAME) : 0;
        if (number > 0)
                return fail(number);
        int rc = (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, 0);
        if (rc == 0 && watched) {
                struct trace_event *e = note(TRACE_RENAME, image_find(recorder.mirror, from_below));
                memcpy(e->path, from_below, sizeof e->path);
                memcpy(e->path_to, to_below, sizeof e->path_to);
                image_rename(recorder.mirror, from_below, to_below);
        }
        return rc;
}

STET_PUBLIC int rename(const char *from, const char *to)
{
        return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

STET_PUBLIC int unlinkat(int directory_fd, const char *path, int flags)
{
        char below[PATH_SIZE];
        bool watched = path_below(directory_fd, path, below);
        int rc = (int)syscall(SYS_unlinkat, directory_fd, path, flags);
        if (rc == 0 && watched) {
                struct trace_event *e = note(TRACE_UNLINK, IMAGE_NONE);
                memcpy(e->path, below, sizeof e->path);
                image_unlink(recorder.mirror, below);
        }
        return rc;
}

STET_PUBLIC int unlink(const char *path)
{
        return unlinkat(AT_FDCWD, path, 0);
}

/* Not mkdir(), which the sanitizers call before they are ready for any code of ours; nor does stet. */
STET_PUBLIC int mkdirat(int directory_fd, const char *path, mode_t mode)
{
        char below[PATH_SIZE];
        int rc = (int)syscall(SYS_mkdirat, directory_fd, path, mode);
        if (rc == 0 && path_below(directory_fd, path, below))
                note_link(below, true);
        return rc;
}

STET_PUBLIC void *mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
        int number = recorder.root_size ? fault_next(FAULT_MMAP) : 0;
        if (number > 0) {
                errno = number;
                return MAP_FAILED;
        }
        return (void *)syscall(SYS_mmap, at, size, protection, flags, fd, offset);
}

STET_PUBLIC ssize_t getrandom(void *data, size_t size, unsigned flags)
{
        (void)flags;
        random_fill(&recorder.random_state, data, size);
        return (ssize_t)size;
}

/* --- the same under their other names --- */

#define SAME_AS(name) STET_PUBLIC __attribute__((alias(name)))

SAME_AS("open") int open64(const char *path, int flags, ...);
SAME_AS("openat") int openat64(int directory_fd, const char *path, int flags, ...);
SAME_AS("pwrite") ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset);
SAME_AS("ftruncate") int ftruncate64(int fd, off64_t size);
SAME_AS("mmap") void *mmap64(void *at, size_t size, int protection, int flags, int fd, off64_t offset);

int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int directory_fd, const char *path, int flags);
int __openat64_2(int directory_fd, const char *path, int flags);

SAME_AS("open_checked") int __open_2(const char *path, int flags);
SAME_AS("open_checked") int __open64_2(const char *path, int flags);
SAME_AS("openat_checked") int __openat_2(int directory_fd, const char *path, int flags);
SAME_AS("openat_checked") int __openat64_2(int directory_fd, const char *path, int flags);
