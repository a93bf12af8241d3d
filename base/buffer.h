/* SPDX-License-Identifier: MIT
 *
 * A growable byte buffer. It keeps its memory when cleared, so that a hot path that reuses one allocates
 * nothing in steady state. Running out of memory aborts the process: a half-written record must not go on.
 */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include "base/bytes.h"

struct buffer {
        uint8_t *data;
        size_t size;
        size_t capacity;
};

void buffer_fini(struct buffer *b);

/* Makes room for extra more bytes and returns where they go; the size does not change. */
uint8_t *buffer_reserve(struct buffer *b, size_t extra);

/* The same without a call where there is room. */
static inline uint8_t *buffer_room(struct buffer *b, size_t extra)
{
        return b->capacity - b->size < extra ? buffer_reserve(b, extra) : b->data + b->size;
}

static inline void buffer_append(struct buffer *b, const void *data, size_t size)
{
        if (!size)
                return;
        memcpy(buffer_room(b, size), data, size);
        b->size += size;
}

static inline void buffer_clear(struct buffer *b)
{
        b->size = 0;
}

static inline struct bytes buffer_bytes(const struct buffer *b)
{
        return bytes_of(b->data, b->size);
}

static inline void buffer_swap(struct buffer *a, struct buffer *b)
{
        struct buffer t = *a;
        *a = *b;
        *b = t;
}

/* Allocation that cannot fail: aborts when memory is out. */
void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *p, size_t size);

/* A heap copy of size bytes with a NUL after them. */
void *xmemdup(const void *data, size_t size);

#endif
