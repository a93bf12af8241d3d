/* SPDX-License-Identifier: MIT */
#include "base/buffer.h"

#include <stdlib.h>

void *xmalloc(size_t size)
{
        void *p = malloc(size ? size : 1);
        if (!p)
                abort();
        return p;
}

void *xcalloc(size_t count, size_t size)
{
        void *p = calloc(count ? count : 1, size ? size : 1);
        if (!p)
                abort();
        return p;
}

void *xrealloc(void *p, size_t size)
{
        p = realloc(p, size ? size : 1);
        if (!p)
                abort();
        return p;
}

void *xmemdup(const void *data, size_t size)
{
        uint8_t *copy = xmalloc(size + 1);
        if (size)
                memcpy(copy, data, size);
        copy[size] = 0;
        return copy;
}

void buffer_fini(struct buffer *b)
{
        free(b->data);
        *b = (struct buffer){ 0 };
}

uint8_t *buffer_reserve(struct buffer *b, size_t extra)
{
        if (b->capacity - b->size < extra) {
                if (extra > SIZE_MAX / 4 || b->size > SIZE_MAX / 4)
                        abort(); /* no such memory; doubling would never get there */
                size_t capacity = b->capacity ? b->capacity : 256;
                while (capacity - b->size < extra)
                        capacity *= 2;
                b->data = xrealloc(b->data, capacity);
                b->capacity = capacity;
        }
        return b->data + b->size;
}
