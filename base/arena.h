/* SPDX-License-Identifier: MIT
 *
 * Memory that is freed all at once: a run's or an activity's values live in one.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

typedef struct stet_arena {
        struct arena_block *blocks;
        size_t used; /* of the newest block */
} stet_arena;

void *arena_alloc(stet_arena *a, size_t size); /* aligned for any type; never NULL */
void arena_fini(stet_arena *a);                /* leaves it empty and usable */
void arena_reset(stet_arena *a);               /* the same, but keeps one block for what comes next */

#endif
