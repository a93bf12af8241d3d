/* SPDX-License-Identifier: MIT */
#include "base/arena.h"

#include "base/buffer.h"

#include <stdlib.h>

enum { BLOCK_SIZE = 4096 - 64 };

struct arena_block {
        struct arena_block *next;
        size_t capacity;
        _Alignas(max_align_t) uint8_t data[];
};

void *arena_alloc(stet_arena *a, size_t size)
{
        if (size > SIZE_MAX / 2)
                abort();
        size = (size + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);
        if (!a->blocks || a->blocks->capacity - a->used < size) {
                size_t capacity = size > BLOCK_SIZE ? size : BLOCK_SIZE;
                struct arena_block *block = xmalloc(sizeof *block + capacity);
                block->next = a->blocks;
                block->capacity = capacity;
                a->blocks = block;
                a->used = 0;
        }
        void *p = a->blocks->data + a->used;
        a->used += size;
        return p;
}

/* A block of the common size is worth keeping; a larger one was for a single large thing. */
void arena_reset(stet_arena *a)
{
        struct arena_block *kept = NULL;
        for (struct arena_block *block = a->blocks, *next; block; block = next) {
                next = block->next;
                if (!kept && block->capacity == BLOCK_SIZE)
                        kept = block;
                else
                        free(block);
        }
        if (kept)
                kept->next = NULL;
        *a = (stet_arena){ .blocks = kept };
}

void arena_fini(stet_arena *a)
{
        for (struct arena_block *block = a->blocks, *next; block; block = next) {
                next = block->next;
                free(block);
        }
        *a = (stet_arena){ 0 };
}
