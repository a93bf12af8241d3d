/* SPDX-License-Identifier: MIT
 *
 * Exported runs on the disk. A file appears under its name when it is whole and synced: what is written is a
 * file beside it, which is removed when anything fails.
 */
#include "base/run_id.h"
#include "base/value.h"
#include "runtime/client_args.h"
#include "runtime/export_file.h"
#include "runtime/shard.h"
#include "stet/export.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* --- a file that appears whole --- */

struct new_file {
        const char *path;
        char *temporary;
        int fd;
};

static int fail(const struct new_file *f, const char *doing, int number, stet_why *why)
{
        return stet_why_set(why, number == ENOSPC || number == EDQUOT ? STET_EFULL : STET_EIO,
                            "cannot %s %s: %s", doing, f->path, strerror(number));
}

static int new_file_begin(struct new_file *f, const char *path, stet_why *why)
{
        size_t size = strlen(path) + sizeof ".XXXXXX";
        *f = (struct new_file){ path, xmalloc(size), -1 };
        snprintf(f->temporary, size, "%s.XXXXXX", path);
        f->fd = mkostemp(f->temporary, O_CLOEXEC);
        return f->fd < 0 ? fail(f, "write", errno, why) : 0;
}

static int new_file_write(const struct new_file *f, struct bytes data, stet_why *why)
{
        while (data.size) {
                ssize_t written = write(f->fd, data.data, data.size);
                if (written < 0 && errno == EINTR)
                        continue;
                if (written < 0)
                        return fail(f, "write", errno, why);
                data = bytes_of(data.data + written, data.size - (size_t)written);
        }
        return 0;
}

static int sync_directory_of(const struct new_file *f, stet_why *why)
{
        char *copy = xmemdup(f->path, strlen(f->path));
        int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int err = fd < 0 || fsync(fd) != 0 ? fail(f, "sync the directory of", errno, why) : 0;
        if (fd >= 0)
                close(fd);
        free(copy);
        return err;
}

/* File systems that can't rename without replacing answer EINVAL; there, a file that comes at this very
 * moment is replaced. */
static int rename_new(const struct new_file *f)
{
        struct stat status;
        if (renameat2(AT_FDCWD, f->temporary, AT_FDCWD, f->path, RENAME_NOREPLACE) == 0)
                return 0;
        if (errno != EINVAL)
                return -1;
        if (lstat(f->path, &status) == 0) {
                errno = EEXIST;
                return -1;
        }
        return rename(f->temporary, f->path);
}

static int refuse_existing(const char *path, stet_why *why)
{
        return stet_why_set(why, STET_EEXISTS, "there is a file %s already", path);
}

static int new_file_end(struct new_file *f, bool replace, stet_why *why)
{
        if (fsync(f->fd) != 0)
                return fail(f, "sync", errno, why);
        int rc = replace ? rename(f->temporary, f->path) : rename_new(f);
        if (rc != 0)
                return errno == EEXIST ? refuse_existing(f->path, why) : fail(f, "write", errno, why);
        free(f->temporary);
        f->temporary = NULL;
        return sync_directory_of(f, why);
}

static void new_file_fini(struct new_file *f)
{
        if (f->fd >= 0)
                close(f->fd);
        if (f->temporary && f->fd >= 0)
                unlink(f->temporary);
        free(f->temporary);
}

/* --- writing --- */

struct exporting {
        stet_client *client;
        stet_value shown;
        struct export_header header; /* borrowed from shown */
        struct export_writer writer;
        struct buffer out;
        struct new_file file;
        uint64_t bytes;
        void (*progress)(void *context, uint64_t records);
        void *context;
};

static struct bytes shown_text(const stet_value *shown, const char *key)
{
        stet_value item = stet_value_get(shown, key);
        size_t size = 0;
        const char *text = stet_value_string(&item, &size);
        return bytes_of(text, text ? size : 0);
}

static int64_t now_ms(void)
{
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* What `show` says now decides how many transitions the file has: the run may go on meanwhile. */
static int take_shown(struct exporting *e, const char *run, stet_why *why)
{
        int err = stet_client_show(e->client, run, &e->shown, why);
        if (err)
                return err;
        stet_value list = stet_value_get(&e->shown, "blocked_on");
        e->header = (struct export_header){
                .ns = shown_text(&e->shown, "namespace"),
                .workflow = shown_text(&e->shown, "workflow"),
                .workflow_id = shown_text(&e->shown, "workflow_id"),
                .reason = shown_text(&e->shown, "reason"),
                .blocked_on = stet_value_type(&list) == STET_LIST ? value_bytes(&list) : bytes_of(NULL, 0),
                .exported_ms = now_ms(),
        };
        if (!run_id_parse(shown_text(&e->shown, "run_id"), &e->header.run))
                err = stet_why_set(why, STET_EPROTOCOL, "the node's answer names no run");
        return err;
}

static int flush(struct exporting *e, stet_why *why)
{
        int err = new_file_write(&e->file, buffer_bytes(&e->out), why);
        e->bytes += e->out.size;
        buffer_clear(&e->out);
        return err;
}

/* The first page says from which directory they are: before it there is no header. */
static int take_page(struct exporting *e, const stet_value *page, stet_why *why)
{
        stet_value data = stet_value_get(page, "data"), count = stet_value_get(&e->shown, "transitions");
        size_t size = 0;
        const char *bytes = stet_value_string(&data, &size);
        if (!e->bytes) {
                if (!run_id_parse(shown_text(page, "incarnation"), &e->header.incarnation))
                        return stet_why_set(why, STET_EPROTOCOL, "the node's answer names no incarnation");
                export_begin(&e->writer, &e->header, (uint64_t)stet_value_int(&count, 0), &e->out);
        }
        int err = export_add(&e->writer, bytes_of(bytes, bytes ? size : 0), &e->out, why);
        if (!err && !size)
                err = stet_why_set(why, STET_EPROTOCOL,
                                   "the node has %" PRIu64 " records of the run and showed %" PRIu64,
                                   e->writer.records, e->writer.records_wanted);
        return err ? err : flush(e, why);
}

static int take_records(struct exporting *e, stet_why *why)
{
        char run[RUN_ID_SIZE];
        uint64_t next = 0, skip = 0;
        int err = 0;
        run_id_print(e->header.run, run);
        do {
                stet_value page = { 0 };
                err = stet_client_records(e->client, run, next, skip, &page, why);
                if (!err)
                        err = take_page(e, &page, why);
                stet_value at = stet_value_get(&page, "next"), in = stet_value_get(&page, "next_skip");
                next = (uint64_t)stet_value_int(&at, 0);
                skip = (uint64_t)stet_value_int(&in, 0);
                stet_value_free(&page);
                if (!err && e->progress)
                        e->progress(e->context, e->writer.records);
        } while (!err && !export_complete(&e->writer));
        return err;
}

static int write_file(struct exporting *e, bool replace, stet_why *why)
{
        int err = take_records(e, why);
        if (err)
                return err;
        export_end(&e->writer, &e->out);
        err = flush(e, why);
        return err ? err : new_file_end(&e->file, replace, why);
}

static void fill_about(const struct export_header *h, uint64_t records, uint64_t bytes,
                       stet_export_about *ret)
{
        *ret = (stet_export_about){ .exported_ms = h->exported_ms, .records = records, .bytes = bytes };
        run_id_print(h->run, ret->run_id);
        run_id_print(h->incarnation, ret->incarnation);
}

int stet_export_write(stet_client *client, const char *run, const char *path, bool replace,
                      void (*progress)(void *context, uint64_t records), void *context,
                      stet_export_about *ret, stet_why *why)
{
        struct stat status;
        if (!path || !*path || !ret)
                return stet_why_set(why, STET_EINVAL,
                                    "the file's name or the place for the answer is missing");
        if (!replace && lstat(path, &status) == 0)
                return refuse_existing(path, why);
        struct exporting e = {
                .client = client, .progress = progress, .context = context, .file = { .fd = -1 }
        };
        int err = take_shown(&e, run, why);
        if (!err)
                err = new_file_begin(&e.file, path, why);
        if (!err)
                err = write_file(&e, replace, why);
        if (!err)
                fill_about(&e.header, e.writer.records, e.bytes, ret);
        new_file_fini(&e.file);
        export_writer_fini(&e.writer);
        buffer_fini(&e.out);
        stet_value_free(&e.shown);
        return err;
}

/* --- reading --- */

struct stet_export {
        struct export_file file;
        uint8_t *bytes;
        size_t size;
};

static int cannot_read(const char *path, stet_why *why)
{
        int err = errno == ENOENT ? STET_ENOTFOUND : errno == ENOMEM ? STET_ENOMEM : STET_EIO;
        return stet_why_set(why, err, "cannot read %s: %s", path, strerror(errno));
}

/* Into memory, since a mapped file that somebody cuts ends the process. What the file grows meanwhile is left
 * out, and found missing by whoever looks for the footer. */
static int read_all(int fd, const char *path, struct stet_export *ret, stet_why *why)
{
        struct stat status;
        if (fstat(fd, &status) != 0)
                return cannot_read(path, why);
        if (!S_ISREG(status.st_mode))
                return stet_why_set(why, STET_EFORMAT, "%s is no file", path);
        ret->bytes = malloc((size_t)status.st_size + 1);
        if (!ret->bytes)
                return cannot_read(path, why);
        while (ret->size < (size_t)status.st_size) {
                ssize_t got = read(fd, ret->bytes + ret->size, (size_t)status.st_size - ret->size);
                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0)
                        return cannot_read(path, why);
                if (got == 0)
                        break;
                ret->size += (size_t)got;
        }
        return 0;
}

int stet_export_open(const char *path, stet_export **ret, stet_why *why)
{
        if (!path || !ret)
                return stet_why_set(why, STET_EINVAL,
                                    "the file's name or the place for the answer is missing");
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0)
                return cannot_read(path, why);
        stet_export *e = xcalloc(1, sizeof *e);
        stet_why reason = { "" };
        int err = read_all(fd, path, e, why);
        close(fd);
        if (!err) {
                err = export_file_open(bytes_of(e->bytes, e->size), &e->file, &reason);
                if (err)
                        stet_why_set(why, err, "%s can't be read: %s", path, reason.text);
        }
        if (err) {
                free(e->bytes);
                free(e);
                return err;
        }
        *ret = e;
        return 0;
}

void stet_export_close(stet_export *e)
{
        if (!e)
                return;
        export_file_close(&e->file);
        free(e->bytes);
        free(e);
}

void stet_export_about_read(const stet_export *e, stet_export_about *ret)
{
        fill_about(&e->file.header, e->file.records_count, e->size, ret);
}

static int hand_over(struct buffer *from, int err, stet_value *ret, stet_why *why)
{
        if (!err && value_keep(ret, buffer_bytes(from)) != 0)
                err = stet_why_set(why, STET_ECORRUPT, "a value in the file can't be read");
        buffer_fini(from);
        return err;
}

int stet_export_show(const stet_export *e, stet_value *ret, stet_why *why)
{
        struct buffer shown = { 0 };
        int err = export_file_show(&e->file, &shown, why);
        return hand_over(&shown, err, ret, why);
}

int stet_export_history(const stet_export *e, uint64_t from, uint32_t limit, stet_value *ret, stet_why *why)
{
        enum { LIMIT = 1000 };
        struct buffer page = { 0 };
        int err = export_file_history(&e->file, from, limit && limit < LIMIT ? limit : LIMIT, &page, why);
        return hand_over(&page, err, ret, why);
}
