/* SPDX-License-Identifier: MIT
 *
 * A file system in memory: what a disk holds at one moment. Files have contents; entries give them names.
 * An image knows its own hash, kept up to date sector by sector, so that equal images are found without
 * being compared.
 *
 * Directories are only what the data directory needs: one level below the root.
 */
#ifndef TESTS_POWER_IMAGE_H
#define TESTS_POWER_IMAGE_H

#include "base/buffer.h"

#include <stdbool.h>

enum {
        SECTOR_SIZE = 512, /* a write of this size, aligned, happens or not */
        PATH_SIZE = 96,
        IMAGE_NONE = -1,
};

struct image_file {
        bool directory;
        struct buffer content;
        uint64_t hash; /* of the content */
};

struct image_entry {
        char path[PATH_SIZE]; /* below the root, without a slash in front */
        int file;
};

struct image {
        struct image_file *files;
        int files_count;
        struct image_entry *entries; /* in no order */
        int entries_count;
};

void image_fini(struct image *image);
void image_copy(struct image *to, const struct image *from);

int image_find(const struct image *image, const char *path); /* a file's number, or IMAGE_NONE */
int image_add_file(struct image *image, bool directory);
void image_link(struct image *image, const char *path, int file); /* whatever had the name loses it */
void image_unlink(struct image *image, const char *path);
void image_rename(struct image *image, const char *from, const char *to);
void image_write(struct image *image, int file, uint64_t offset, struct bytes data);
void image_resize(struct image *image, int file, uint64_t size);

/* Whether path is below a directory that the image has. */
bool image_reaches(const struct image *image, const char *path);

/* Of all that can be reached by a name. */
uint64_t image_hash(const struct image *image);

/* The length of the directory's part of a path; 0: it is in the root. */
size_t image_directory_size(const char *path);

#endif
