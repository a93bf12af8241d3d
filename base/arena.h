/* SPDX-License-Identifier: MIT
 *
 * Memory that is freed all at once: a run's or an activity's values live in one.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

typedef struct stet_arena {
        struct arena_block *blocks;
        size_t used;              /* of the newest block */
        struct arena_block *home; /* memory of its owner's, used first; NULL: none */
} stet_arena;

struct arena_block {
        struct arena_block *next;
        size_t capacity;
        _Alignas(max_align_t) uint8_t data[];
};

/* An arena that begins in its owner's memory, aligned for any type, and takes more when that is used up. A
 * zeroed arena is one without. */
void arena_init(stet_arena *a, void *memory, size_t size);
void *arena_alloc(stet_arena *a, size_t size); /* aligned for any type; never NULL */
void arena_fini(stet_arena *a);                /* leaves it empty and usable */
void arena_reset(stet_arena *a);               /* the same, but keeps one block for what comes next */

#endif
