/* SPDX-License-Identifier: MIT
 *
 * A value is one run of msgpack bytes, so that it goes to the log and to the wire as it is, and reading is a
 * walk with the bounded cursor. This file holds who owns the bytes, the scalars, and all reading;
 * value_edit.c changes lists and maps, value_json.c is the text form.
 *
 * Memory comes from the value's arena, or from the heap without one. New bytes are written before old ones
 * are let go, so that a value may be made from a part of itself. Owned lists and maps have room for a power
 * of two, which is derived from their size: that makes appending cheap without a field for the capacity.
 */
#include "base/value.h"

#include "base/pack.h"
#include "base/unpack.h"

#include <stdlib.h>

enum { ROOM_MIN = 64 };

static const uint8_t nil_byte = 0xc0;

struct bytes value_bytes(const stet_value *v)
{
        return v && v->size ? bytes_of(v->data, v->size) : bytes_of(&nil_byte, 1);
}

/* --- ownership --- */

static size_t room_for(size_t size)
{
        size_t room = ROOM_MIN;
        while (room < size)
                room *= 2;
        return room;
}

static bool is_container(struct bytes data)
{
        struct cursor c = cursor_of(data);
        enum unpack_type type = cursor_type(&c);
        return type == UNPACK_ARRAY || type == UNPACK_MAP;
}

_Thread_local stet_arena *value_home;

/* Memory for what v is to become: where v lives already, or where the code that this thread is in lives. */
static void *allocate(stet_value *v, size_t size)
{
        bool on_heap = v->data && !v->borrowed && !v->arena;
        if (!v->arena && !on_heap)
                v->arena = value_home;
        return v->arena ? arena_alloc(v->arena, size) : xmalloc(size);
}

void stet_value_free(stet_value *v)
{
        if (!v)
                return;
        if (!v->borrowed && !v->arena)
                free((void *)(uintptr_t)v->data);
        *v = (stet_value){ .arena = v->arena };
}

static void replace(stet_value *v, struct bytes data)
{
        void *copy = allocate(v, is_container(data) ? room_for(data.size) : data.size);
        memcpy(copy, data.data, data.size);
        stet_value_free(v);
        v->data = copy;
        v->size = data.size;
}

int value_replace(stet_value *v, struct bytes data)
{
        if (data.size > STET_VALUE_SIZE_MAX)
                return STET_ETOOBIG;
        replace(v, data);
        return 0;
}

int value_keep(stet_value *v, struct bytes data)
{
        const struct unpack_limits limits = { UNPACK_DEPTH_MAX, UINT32_MAX };
        if (unpack_validate(data, &limits, 1, NULL) != 0)
                return STET_EPROTOCOL;
        replace(v, data);
        return 0;
}

uint8_t *value_reserve(stet_value *v, size_t size)
{
        void *data;
        if (v->data && !v->borrowed && !v->arena) {
                data = xrealloc((void *)(uintptr_t)v->data, room_for(size));
        } else if (v->data && !v->borrowed && size <= room_for(v->size)) {
                return (uint8_t *)(uintptr_t)v->data;
        } else {
                data = allocate(v, room_for(size));
                memcpy(data, value_bytes(v).data, v->size);
        }
        v->data = data;
        v->borrowed = false;
        return data;
}

int value_check_item(struct bytes item)
{
        const struct unpack_limits here = { STET_VALUE_DEPTH_MAX - 1, STET_VALUE_NODES_MAX - 1 };
        const struct unpack_limits widest = { UNPACK_DEPTH_MAX, UINT32_MAX };
        if (unpack_validate(item, &here, 1, NULL) == 0)
                return 0;
        return unpack_validate(item, &widest, 1, NULL) == 0 ? STET_ETOOBIG : STET_EPROTOCOL;
}

/* --- making --- */

int stet_value_set_null(stet_value *v)
{
        stet_value_free(v);
        return 0;
}

/* Scalars are packed on the stack: none is larger. */
#define SCALAR_BUFFER(name)                                                                                  \
        uint8_t name##_room[16];                                                                             \
        struct buffer name = { .data = name##_room, .capacity = sizeof name##_room }

int stet_value_set_bool(stet_value *v, bool value)
{
        SCALAR_BUFFER(b);
        pack_bool(&b, value);
        return value_replace(v, buffer_bytes(&b));
}

int stet_value_set_int(stet_value *v, int64_t value)
{
        SCALAR_BUFFER(b);
        pack_int(&b, value);
        return value_replace(v, buffer_bytes(&b));
}

int stet_value_set_double(stet_value *v, double value)
{
        SCALAR_BUFFER(b);
        pack_double(&b, value);
        return value_replace(v, buffer_bytes(&b));
}

/* Makes v what was packed, and empties b. */
static int take_buffer(stet_value *v, struct buffer *b)
{
        int err = value_replace(v, buffer_bytes(b));
        buffer_fini(b);
        return err;
}

int stet_value_set_string(stet_value *v, const char *text)
{
        return text ? stet_value_set_string_n(v, text, strlen(text)) : STET_EINVAL;
}

int stet_value_set_string_n(stet_value *v, const char *text, size_t size)
{
        if (size > STET_VALUE_SIZE_MAX)
                return STET_ETOOBIG;
        if ((!text && size) || !utf8_valid(bytes_of(text, size)))
                return STET_EINVAL;
        struct buffer b = { 0 };
        pack_str(&b, bytes_of(text, size));
        return take_buffer(v, &b);
}

int stet_value_set_bytes(stet_value *v, const void *data, size_t size)
{
        if (size > STET_VALUE_SIZE_MAX)
                return STET_ETOOBIG;
        if (!data && size)
                return STET_EINVAL;
        struct buffer b = { 0 };
        pack_bin(&b, bytes_of(data, size));
        return take_buffer(v, &b);
}

int stet_value_copy(stet_value *v, const stet_value *from)
{
        if (stet_value_type(from) == STET_NULL)
                return stet_value_set_null(v);
        return value_replace(v, value_bytes(from));
}

int stet_value_from_msgpack(stet_value *v, const void *data, size_t size)
{
        const struct unpack_limits limits = { STET_VALUE_DEPTH_MAX, STET_VALUE_NODES_MAX };
        if (!data || size > STET_VALUE_SIZE_MAX ||
            unpack_validate(bytes_of(data, size), &limits, 1, NULL) != 0)
                return STET_EPROTOCOL;
        stet_value_free(v);
        v->data = data;
        v->size = size;
        v->borrowed = true;
        return 0;
}

/* --- reading --- */

static struct cursor read_from(const stet_value *v)
{
        return cursor_of(value_bytes(v));
}

/* A value within v, whose changes go where v's would. */
static stet_value part_of(const stet_value *v, struct bytes data)
{
        return value_borrow(v->arena, data);
}

stet_type stet_value_type(const stet_value *v)
{
        struct cursor c = read_from(v);
        switch (cursor_type(&c)) {
        case UNPACK_BOOL:
                return STET_BOOL;
        case UNPACK_INT:
        case UNPACK_UINT:
                return STET_INT;
        case UNPACK_DOUBLE:
                return STET_DOUBLE;
        case UNPACK_STR:
                return STET_STRING;
        case UNPACK_BIN:
                return STET_BYTES;
        case UNPACK_ARRAY:
                return STET_LIST;
        case UNPACK_MAP:
                return STET_MAP;
        case UNPACK_NIL:
        case UNPACK_NONE:
                break;
        }
        return STET_NULL;
}

bool stet_value_bool(const stet_value *v, bool fallback)
{
        struct cursor c = read_from(v);
        return cursor_type(&c) == UNPACK_BOOL ? cursor_bool(&c) : fallback;
}

int64_t stet_value_int(const stet_value *v, int64_t fallback)
{
        struct cursor c = read_from(v);
        enum unpack_type type = cursor_type(&c);
        if (type == UNPACK_INT)
                return cursor_int(&c);
        if (type != UNPACK_DOUBLE)
                return fallback;
        double value = cursor_double(&c);
        bool fits = value >= -0x1p63 && value < 0x1p63; /* not so for a NaN */
        return fits && (double)(int64_t)value == value ? (int64_t)value : fallback;
}

double stet_value_double(const stet_value *v, double fallback)
{
        struct cursor c = read_from(v);
        double value = cursor_double(&c);
        return c.failed ? fallback : value;
}

const char *stet_value_string(const stet_value *v, size_t *ret_size)
{
        struct cursor c = read_from(v);
        struct bytes text = cursor_blob(&c);
        if (ret_size)
                *ret_size = text.size;
        return c.failed ? NULL : (const char *)text.data;
}

int stet_value_get_string(const stet_value *v, char *buf, size_t size)
{
        struct cursor c = read_from(v);
        struct bytes text = cursor_str(&c);
        if (c.failed)
                return STET_ETYPE;
        if (text.size >= size)
                return STET_ETOOBIG;
        if (memchr(text.data, 0, text.size))
                return STET_EINVAL;
        memcpy(buf, text.data, text.size);
        buf[text.size] = 0;
        return 0;
}

bool stet_value_equals_string(const stet_value *v, const char *text)
{
        struct cursor c = read_from(v);
        struct bytes mine = cursor_str(&c);
        return text && !c.failed && bytes_equal(mine, bytes_str(text));
}

size_t stet_value_count(const stet_value *v)
{
        struct cursor c = read_from(v);
        switch (cursor_type(&c)) {
        case UNPACK_ARRAY:
                return cursor_array(&c);
        case UNPACK_MAP:
                return cursor_map(&c);
        default:
                return 0;
        }
}

bool stet_value_next(const stet_value *v, size_t *cursor, stet_value *ret_key, stet_value *ret_item)
{
        struct bytes data = value_bytes(v);
        struct cursor c = cursor_of(data);
        bool map = cursor_type(&c) == UNPACK_MAP;
        if (map)
                cursor_map(&c);
        else
                cursor_array(&c); /* fails for what is no list either */
        if (c.failed || *cursor >= data.size)
                return false;
        if (*cursor)
                c.at = data.data + *cursor;
        struct bytes key = map ? cursor_skip(&c) : bytes_of(NULL, 0);
        struct bytes item = cursor_skip(&c); /* fails at the end */
        if (c.failed)
                return false;
        *cursor = (size_t)(c.at - data.data);
        if (ret_key)
                *ret_key = part_of(v, key);
        if (ret_item)
                *ret_item = part_of(v, item);
        return true;
}

stet_value stet_value_get(const stet_value *v, const char *key)
{
        stet_value name, item;
        if (stet_value_type(v) == STET_MAP)
                for (size_t at = 0; stet_value_next(v, &at, &name, &item);)
                        if (stet_value_equals_string(&name, key))
                                return item;
        return value_borrow(v ? v->arena : NULL, bytes_of(NULL, 0));
}

/* The place-th pair of a map or item of a list; false when there are fewer. */
static bool pair_at(const stet_value *v, size_t place, stet_value *ret_key, stet_value *ret_item)
{
        size_t at = 0;
        bool more = stet_value_next(v, &at, ret_key, ret_item);
        while (more && place--)
                more = stet_value_next(v, &at, ret_key, ret_item);
        return more;
}

stet_value stet_value_at(const stet_value *v, size_t place)
{
        stet_value item;
        if (pair_at(v, place, NULL, &item))
                return item;
        return value_borrow(v ? v->arena : NULL, bytes_of(NULL, 0));
}

stet_value stet_value_key_at(const stet_value *v, size_t place)
{
        stet_value key;
        if (pair_at(v, place, &key, NULL))
                return key;
        return value_borrow(v ? v->arena : NULL, bytes_of(NULL, 0));
}

bool stet_value_equal(const stet_value *a, const stet_value *b)
{
        return bytes_equal(value_bytes(a), value_bytes(b));
}
