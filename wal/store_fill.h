/* SPDX-License-Identifier: MIT
 *
 * How entries lie in the buffer that a store fills for store_scan(): the two sizes, the key, the value.
 */
#ifndef WAL_STORE_FILL_H
#define WAL_STORE_FILL_H

#include "base/buffer.h"

struct store_fill_head {
        uint32_t key_size;
        uint32_t value_size;
};

/* Begins an entry; the value's bytes are then appended. Returns where it begins: cutting the buffer there
 * takes the entry back. */
static inline size_t store_fill_begin(struct buffer *b, struct bytes key)
{
        struct store_fill_head head = { .key_size = (uint32_t)key.size };
        size_t at = b->size;
        buffer_append(b, &head, sizeof head);
        buffer_append(b, key.data, key.size);
        return at;
}

static inline void store_fill_end(struct buffer *b, size_t at)
{
        struct store_fill_head head;
        memcpy(&head, b->data + at, sizeof head);
        head.value_size = (uint32_t)(b->size - at - sizeof head - head.key_size);
        memcpy(b->data + at, &head, sizeof head);
}

/* Takes the entry at the front of *rest. False when there is none. */
static inline bool store_fill_next(struct bytes *rest, struct bytes *ret_key, struct bytes *ret_value)
{
        struct store_fill_head head;
        if (!rest->size)
                return false;
        memcpy(&head, rest->data, sizeof head);
        *ret_key = bytes_of(rest->data + sizeof head, head.key_size);
        *ret_value = bytes_of(ret_key->data + head.key_size, head.value_size);
        const uint8_t *end = ret_value->data + head.value_size;
        *rest = bytes_of(end, rest->size - (size_t)(end - rest->data));
        return true;
}

#endif
