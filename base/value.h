/* SPDX-License-Identifier: MIT
 *
 * Values as the engine handles them. The public side is stet/value.h.
 *
 * Only base/value*.c make values that own memory, because the room behind an owned list or map is derived
 * from its size (value_reserve() in value.c). Whoever has msgpack bytes of its own hands them out with
 * value_borrow().
 */
#ifndef BASE_VALUE_H
#define BASE_VALUE_H

#include "base/arena.h"
#include "base/buffer.h"
#include "stet/value.h"

/* A value that reads these bytes (one msgpack value, or none: null) where they are. They must stay valid as
 * long as the value is used. What is changed through it goes to new memory, from the arena or (NULL) the
 * heap. */
static inline stet_value value_borrow(stet_arena *arena, struct bytes data)
{
        return (stet_value){
                .data = data.size ? data.data : NULL, .size = data.size, .arena = arena, .borrowed = true
        };
}

/* The value's msgpack bytes, borrowed; never empty: null, also as a NULL pointer, is one nil byte. */
struct bytes value_bytes(const stet_value *v);

/* The arena of the run or attempt whose code this thread is in: values that the code makes live there, so
 * that nothing is lost when a run is put aside in the middle. NULL elsewhere. Set around every call of user
 * code. */
extern _Thread_local stet_arena *value_home;

/* Makes v a copy of these bytes, which may be part of v. 0 or STET_ETOOBIG. */
int value_replace(stet_value *v, struct bytes data);

/* Makes v a copy of what a reading answers: values of runs within lists and maps of its own, so that together
 * they may be larger and deeper than a value at the edges. 0 or STET_EPROTOCOL (no single msgpack value). */
int value_keep(stet_value *v, struct bytes data);

/* Makes room for size bytes in memory that v owns, keeping what v holds and its size, and returns it. */
uint8_t *value_reserve(stet_value *v, size_t size);

/* Whether item may stand in a list or map: 0, STET_ETOOBIG (too deep, too many values), STET_EPROTOCOL (no
 * msgpack). */
int value_check_item(struct bytes item);

#endif
