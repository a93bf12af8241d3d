/* SPDX-License-Identifier: MIT
 *
 * A file's hash is the sum of its sectors' hashes, each mixed with its place, so that a write changes only
 * the terms of the sectors that it touches.
 */
#include "tests/power/image.h"

#include "base/map.h"

#include <assert.h>
#include <stdlib.h>

/* --- hashing --- */

static uint64_t sector_hash(const struct image_file *f, size_t sector)
{
        size_t at = sector * SECTOR_SIZE;
        if (at >= f->content.size)
                return 0;
        size_t size = f->content.size - at < SECTOR_SIZE ? f->content.size - at : SECTOR_SIZE;
        const uint8_t *p = f->content.data + at;
        uint64_t a = sector + 1, b = size;
        for (; size >= 16; size -= 16, p += 16) {
                uint64_t x, y;
                memcpy(&x, p, 8);
                memcpy(&y, p + 8, 8);
                a = (a ^ x) * UINT64_C(0x9e3779b97f4a7c15);
                b = (b ^ y) * UINT64_C(0xbf58476d1ce4e5b9);
                a ^= a >> 29;
                b ^= b >> 31;
        }
        for (; size; size--, p++)
                a = (a ^ *p) * UINT64_C(0x9e3779b97f4a7c15);
        return hash_u64(a) + hash_u64(b ^ (a << 1));
}

static uint64_t sectors_hash(const struct image_file *f, uint64_t from, uint64_t to)
{
        uint64_t sum = 0;
        for (uint64_t sector = from / SECTOR_SIZE; sector * SECTOR_SIZE < to; sector++)
                sum += sector_hash(f, sector);
        return sum;
}

uint64_t image_hash(const struct image *image)
{
        uint64_t sum = 0;
        for (int i = 0; i < image->entries_count; i++) {
                const struct image_entry *e = &image->entries[i];
                const struct image_file *f = &image->files[e->file];
                if (!image_reaches(image, e->path))
                        continue;
                uint64_t name = hash_bytes(0, 0, bytes_str(e->path));
                sum += hash_u64(name ^ hash_u64(f->hash + f->content.size * 2 + f->directory));
        }
        return sum;
}

/* --- files and names --- */

void image_fini(struct image *image)
{
        for (int i = 0; i < image->files_count; i++)
                buffer_fini(&image->files[i].content);
        free(image->files);
        free(image->entries);
        *image = (struct image){ 0 };
}

void image_copy(struct image *to, const struct image *from)
{
        image_fini(to);
        to->files = xcalloc((size_t)from->files_count + 1, sizeof *to->files);
        to->entries = xcalloc((size_t)from->entries_count + 1, sizeof *to->entries);
        for (int i = 0; i < from->files_count; i++) {
                const struct image_file *f = &from->files[i];
                to->files[i] = (struct image_file){ .directory = f->directory, .hash = f->hash };
                buffer_append(&to->files[i].content, f->content.data, f->content.size);
        }
        for (int i = 0; i < from->entries_count; i++)
                to->entries[i] = from->entries[i];
        to->files_count = from->files_count;
        to->entries_count = from->entries_count;
}

static struct image_entry *find_entry(const struct image *image, const char *path)
{
        for (int i = 0; i < image->entries_count; i++)
                if (strcmp(image->entries[i].path, path) == 0)
                        return &image->entries[i];
        return NULL;
}

int image_find(const struct image *image, const char *path)
{
        const struct image_entry *e = find_entry(image, path);
        return e ? e->file : IMAGE_NONE;
}

size_t image_directory_size(const char *path)
{
        const char *slash = strrchr(path, '/');
        return slash ? (size_t)(slash - path) : 0;
}

bool image_reaches(const struct image *image, const char *path)
{
        char directory[PATH_SIZE] = "";
        memcpy(directory, path, image_directory_size(path));
        return !directory[0] || find_entry(image, directory);
}

int image_add_file(struct image *image, bool directory)
{
        image->files = xrealloc(image->files, ((size_t)image->files_count + 1) * sizeof *image->files);
        image->files[image->files_count] = (struct image_file){ .directory = directory };
        return image->files_count++;
}

void image_link(struct image *image, const char *path, int file)
{
        struct image_entry *e = find_entry(image, path);
        if (!e) {
                size_t count = (size_t)image->entries_count + 1;
                image->entries = xrealloc(image->entries, count * sizeof *image->entries);
                e = &image->entries[image->entries_count++];
                *e = (struct image_entry){ .path = "" };
                assert(strlen(path) < sizeof e->path);
                memcpy(e->path, path, strlen(path) + 1);
        }
        e->file = file;
}

void image_unlink(struct image *image, const char *path)
{
        struct image_entry *e = find_entry(image, path);
        if (e)
                *e = image->entries[--image->entries_count];
}

void image_rename(struct image *image, const char *from, const char *to)
{
        int file = image_find(image, from);
        if (file == IMAGE_NONE)
                return;
        image_unlink(image, from);
        image_link(image, to, file);
}

/* --- contents --- */

static void grow(struct image_file *f, uint64_t size)
{
        size_t extra = (size_t)size - f->content.size;
        memset(buffer_reserve(&f->content, extra), 0, extra);
        f->content.size += extra;
}

void image_write(struct image *image, int file, uint64_t offset, struct bytes data)
{
        struct image_file *f = &image->files[file];
        uint64_t end = offset + data.size;
        if (!data.size)
                return;
        uint64_t from = offset < f->content.size ? offset : f->content.size;
        f->hash -= sectors_hash(f, from, end);
        if (end > f->content.size)
                grow(f, end);
        memcpy(f->content.data + offset, data.data, data.size);
        f->hash += sectors_hash(f, from, end);
}

void image_resize(struct image *image, int file, uint64_t size)
{
        struct image_file *f = &image->files[file];
        uint64_t from = size < f->content.size ? size : f->content.size;
        uint64_t to = size < f->content.size ? f->content.size : size;
        f->hash -= sectors_hash(f, from, to);
        if (size > f->content.size)
                grow(f, size);
        f->content.size = (size_t)size;
        f->hash += sectors_hash(f, from, to);
}
