/* SPDX-License-Identifier: MIT
 *
 * A borrowed run of bytes. Whoever hands one over says how long it stays valid.
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
        const uint8_t *data;
        size_t size;
};

static inline struct bytes bytes_of(const void *data, size_t size)
{
        return (struct bytes){ data, size };
}

static inline struct bytes bytes_str(const char *text)
{
        return text ? bytes_of(text, strlen(text)) : bytes_of(NULL, 0);
}

/* One past the last byte. Empty bytes may have no address, to which nothing may be added. */
static inline const uint8_t *bytes_end(struct bytes b)
{
        return b.size ? b.data + b.size : b.data;
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
        return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* Below, at or above 0, as memcmp; bytes come before what they are the beginning of. */
static inline int bytes_compare(struct bytes a, struct bytes b)
{
        size_t size = a.size < b.size ? a.size : b.size;
        int order = size ? memcmp(a.data, b.data, size) : 0;
        return order ? order : (a.size > b.size) - (a.size < b.size);
}

#endif
