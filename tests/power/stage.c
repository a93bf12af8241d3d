/* SPDX-License-Identifier: MIT */
#include "tests/power/stage.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STEP = 4096, NFTW_DESCRIPTORS = 8, FILES_TO_KEEP = 64 };

static void must(bool well, const char *path)
{
        if (well)
                return;
        perror(path);
        abort();
}

static void path_in(const struct stage *stage, const char *path, char ret[sizeof stage->path + PATH_SIZE])
{
        snprintf(ret, sizeof stage->path + PATH_SIZE, "%s/%s", stage->path, path);
}

/* --- making it so --- */

/* The page at `at` of two files is the same: same bytes, and as many. */
static bool page_same(const struct buffer *a, const struct buffer *b, size_t at, size_t size)
{
        return b->size >= at + size && memcmp(a->data + at, b->data + at, size) == 0;
}

static void show_content(struct stage *stage, const char *full, int file, const struct buffer *wanted)
{
        const struct buffer *there = &stage->mirror.files[file].content;
        int fd = -1;
        for (size_t at = 0; at < wanted->size; at += STEP) {
                size_t size = wanted->size - at < STEP ? wanted->size - at : STEP;
                if (page_same(wanted, there, at, size))
                        continue;
                if (fd < 0)
                        fd = open(full, O_WRONLY | O_CLOEXEC);
                must(pwrite(fd, wanted->data + at, size, (off_t)at) == (ssize_t)size, full);
                image_write(&stage->mirror, file, at, bytes_of(wanted->data + at, size));
        }
        if (there->size != wanted->size) {
                if (fd < 0)
                        fd = open(full, O_WRONLY | O_CLOEXEC);
                must(ftruncate(fd, (off_t)wanted->size) == 0, full);
                image_resize(&stage->mirror, file, wanted->size);
        }
        if (fd >= 0)
                close(fd);
}

static void show_entry(struct stage *stage, const char *path, const struct image_file *wanted)
{
        char full[sizeof stage->path + PATH_SIZE];
        path_in(stage, path, full);
        int file = image_find(&stage->mirror, path);
        if (file == IMAGE_NONE) {
                file = image_add_file(&stage->mirror, wanted->directory);
                image_link(&stage->mirror, path, file);
                if (wanted->directory) {
                        must(mkdir(full, 0700) == 0, full);
                } else {
                        int fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
                        must(fd >= 0, full);
                        close(fd);
                }
        }
        if (!wanted->directory)
                show_content(stage, full, file, &wanted->content);
}

/* --- taking away --- */

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
        (void)info;
        (void)kind;
        (void)where;
        return remove(path);
}

static void remove_tree(const char *path)
{
        must(nftw(path, remove_one, NFTW_DESCRIPTORS, FTW_DEPTH | FTW_PHYS) == 0, path);
}

/* LMDB's lock file goes with the file that it belongs to. */
static void remove_lock(const char *path)
{
        char lock[sizeof((struct stage *)NULL)->path + PATH_SIZE + sizeof "-lock"];
        snprintf(lock, sizeof lock, "%s-lock", path);
        unlink(lock);
}

static bool wanted(const struct image *image, const char *path)
{
        return image_find(image, path) != IMAGE_NONE && image_reaches(image, path);
}

static void remove_unwanted(struct stage *stage, const struct image *image)
{
        char full[sizeof stage->path + PATH_SIZE];
        for (int i = stage->mirror.entries_count; i-- > 0;) {
                char path[PATH_SIZE];
                memcpy(path, stage->mirror.entries[i].path, sizeof path);
                if (wanted(image, path))
                        continue;
                path_in(stage, path, full);
                /* A directory that is not wanted went with all that is in it, LMDB's lock files too. */
                if (image_reaches(&stage->mirror, path))
                        remove_tree(full);
                remove_lock(full);
                image_unlink(&stage->mirror, path);
        }
}

/* Files that have no name any more need no memory either. */
static void compact(struct image *mirror)
{
        struct image fresh = { 0 };
        for (int i = 0; i < mirror->entries_count; i++) {
                const struct image_entry *e = &mirror->entries[i];
                const struct buffer *content = &mirror->files[e->file].content;
                int file = image_add_file(&fresh, mirror->files[e->file].directory);
                image_write(&fresh, file, 0, buffer_bytes(content));
                image_link(&fresh, e->path, file);
        }
        image_fini(mirror);
        *mirror = fresh;
}

/* --- for the others --- */

void stage_open(struct stage *stage, const char *parent, const char *name)
{
        *stage = (struct stage){ .path = "" };
        snprintf(stage->path, sizeof stage->path, "%s/%s", parent, name);
        must(mkdir(stage->path, 0700) == 0, stage->path);
}

void stage_show(struct stage *stage, const struct image *image)
{
        remove_unwanted(stage, image);
        if (stage->mirror.files_count > FILES_TO_KEEP)
                compact(&stage->mirror);
        for (int directories = 1; directories >= 0; directories--)
                for (int i = 0; i < image->entries_count; i++) {
                        const struct image_entry *e = &image->entries[i];
                        const struct image_file *f = &image->files[e->file];
                        if (f->directory == (directories == 1) && image_reaches(image, e->path))
                                show_entry(stage, e->path, f);
                }
}

void stage_clear(struct stage *stage)
{
        struct image empty = { 0 };
        stage_show(stage, &empty);
}

static bool file_mirrored(const char *path, const struct buffer *mirrored)
{
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        struct stat st;
        bool same = fd >= 0 && fstat(fd, &st) == 0 && (size_t)st.st_size == mirrored->size;
        uint8_t *content = xmalloc(mirrored->size + 1);
        same = same && pread(fd, content, mirrored->size, 0) == (ssize_t)mirrored->size &&
               (!mirrored->size || memcmp(content, mirrored->data, mirrored->size) == 0);
        free(content);
        if (fd >= 0)
                close(fd);
        return same;
}

bool stage_mirrored(const struct stage *stage)
{
        char full[sizeof stage->path + PATH_SIZE];
        for (int i = 0; i < stage->mirror.entries_count; i++) {
                const struct image_entry *e = &stage->mirror.entries[i];
                const struct image_file *f = &stage->mirror.files[e->file];
                path_in(stage, e->path, full);
                if (!f->directory && !file_mirrored(full, &f->content))
                        return false;
        }
        return true;
}

void stage_reset(struct stage *stage)
{
        stage_close(stage);
        must(mkdir(stage->path, 0700) == 0, stage->path);
}

void stage_close(struct stage *stage)
{
        remove_tree(stage->path);
        image_fini(&stage->mirror);
}
