/* SPDX-License-Identifier: MIT */
#include "base/arena.h"

#include "base/buffer.h"

#include <stdlib.h>

enum { BLOCK_SIZE = 4096 - 64 };

void arena_init(stet_arena *a, void *memory, size_t size)
{
        struct arena_block *home = memory;
        *home = (struct arena_block){ .capacity = size - sizeof *home };
        *a = (stet_arena){ .blocks = home, .home = home };
}

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

/* Frees every block but one. */
static void keep_one(stet_arena *a, struct arena_block *kept)
{
        for (struct arena_block *block = a->blocks, *next; block; block = next) {
                next = block->next;
                if (block != kept)
                        free(block);
        }
        if (kept)
                kept->next = NULL;
        *a = (stet_arena){ .blocks = kept, .home = a->home };
}

/* A block of the common size is worth keeping; a larger one was for a single large thing. */
void arena_reset(stet_arena *a)
{
        struct arena_block *kept = a->home ? a->home : a->blocks;
        while (kept && kept != a->home && kept->capacity != BLOCK_SIZE)
                kept = kept->next;
        keep_one(a, kept);
}

void arena_fini(stet_arena *a)
{
        keep_one(a, a->home);
}
