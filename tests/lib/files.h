/* SPDX-License-Identifier: MIT
 *
 * Whole files as bytes, for tests that damage them. A call that fails ends the test.
 */
#ifndef TESTS_LIB_FILES_H
#define TESTS_LIB_FILES_H

#include "base/buffer.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static inline struct buffer file_read(const char *path)
{
        struct buffer b = { 0 };
        int fd = open(path, O_RDONLY);
        cr_assert_geq(fd, 0);
        ssize_t n;
        while ((n = read(fd, buffer_reserve(&b, 65536), 65536)) > 0)
                b.size += (size_t)n;
        close(fd);
        return b;
}

static inline void file_write(const char *path, struct bytes data)
{
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        cr_assert_geq(fd, 0);
        cr_assert_eq(write(fd, data.data, data.size), (ssize_t)data.size);
        close(fd);
}

static inline void file_patch(const char *path, size_t at, const void *data, size_t size)
{
        int fd = open(path, O_WRONLY);
        cr_assert_geq(fd, 0);
        cr_assert_eq(lseek(fd, (off_t)at, SEEK_SET), (off_t)at);
        cr_assert_eq(write(fd, data, size), (ssize_t)size);
        close(fd);
}

/* That nothing changed it. */
static inline void file_assert_is(const char *path, struct bytes content)
{
        struct buffer file = file_read(path);
        cr_assert(bytes_equal(buffer_bytes(&file), content), "%s is another", path);
        buffer_fini(&file);
}

/* Makes it a file of another program, a long one, a short one and an empty one, and looks at each. */
static inline void file_each_foreign(const char *path, void (*look)(const char *path))
{
        char text[10000];
        memset(text, 'x', sizeof text);
        const struct bytes contents[] = { bytes_of(text, sizeof text), bytes_str("short"), bytes_str("") };
        for (size_t i = 0; i < sizeof contents / sizeof contents[0]; i++) {
                file_write(path, contents[i]);
                look(path);
        }
}

/* Cuts it shorter and shorter and looks at each; then it is whole again. */
static inline void file_each_cut(const char *path, void (*look)(const char *path, size_t size))
{
        struct buffer file = file_read(path);
        for (size_t size = file.size - 1; size > 0; size = size * 9 / 10) {
                file_write(path, bytes_of(file.data, size));
                look(path, size);
        }
        file_write(path, buffer_bytes(&file));
        buffer_fini(&file);
}

/* Flips bits of the byte that lies so far behind the beginning of the text, wherever the file has that; it
 * does.
 */
static inline void file_flip_behind(const char *path, const char *text, size_t offset, uint8_t bits)
{
        struct buffer file = file_read(path);
        size_t size = strlen(text), flipped = 0;
        for (size_t i = 0; i + size <= file.size && i + offset < file.size; i++)
                if (memcmp(file.data + i, text, size) == 0) {
                        file.data[i + offset] ^= bits;
                        flipped++;
                }
        cr_assert_gt(flipped, 0);
        file_write(path, buffer_bytes(&file));
        buffer_fini(&file);
}

#endif
