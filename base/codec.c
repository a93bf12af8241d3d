/* SPDX-License-Identifier: MIT */
#include "base/codec.h"

#define AT(type, from, field)       ((type *)(void *)((char *)(from) + (field)->offset))
#define AT_CONST(type, from, field) ((const type *)(const void *)((const char *)(from) + (field)->offset))

/* --- out --- */

/* What a number, or the head of a text, takes at most: with so much room each is written without looking
 * again. The forms are those of pack.h: the shortest. */
enum { HEAD_MAX = 9, ITEMS_FEW = 15 };

static inline uint8_t *put_uint(uint8_t *at, uint64_t value)
{
        if (value < 0x80) {
                *at = (uint8_t)value;
                return at + 1;
        }
        unsigned step = value > UINT32_MAX ? 3 : value > UINT16_MAX ? 2 : value > UINT8_MAX ? 1 : 0;
        unsigned width = 1u << step;
        uint64_t big_end = htobe64(value << (64 - 8 * width));
        *at = (uint8_t)(0xcc + step);
        memcpy(at + 1, &big_end, sizeof big_end);
        return at + 1 + width;
}

static inline uint8_t *put_bits(uint8_t *at, uint8_t tag, uint64_t bits)
{
        bits = htobe64(bits);
        *at = tag;
        memcpy(at + 1, &bits, sizeof bits);
        return at + HEAD_MAX;
}

/* A negative number. */
static uint8_t *put_negative(uint8_t *at, int64_t value)
{
        unsigned step = value >= INT8_MIN ? 0 : value >= INT16_MIN ? 1 : value >= INT32_MIN ? 2 : 3;
        if (value >= -32) {
                *at = (uint8_t)value;
                return at + 1;
        }
        put_bits(at, (uint8_t)(0xd0 + step), (uint64_t)value << (64 - (8u << step)));
        return at + 1 + (1u << step);
}

/* The bytes follow. */
static inline uint8_t *put_head_of(uint8_t *at, size_t size, bool str)
{
        if (str && size < 32) {
                *at = (uint8_t)(0xa0 | size);
                return at + 1;
        }
        unsigned step = size > UINT16_MAX ? 2 : size > UINT8_MAX ? 1 : 0;
        put_bits(at, (uint8_t)((str ? 0xd9 : 0xc4) + step), (uint64_t)size << (64 - (8u << step)));
        return at + 1 + (1u << step);
}

/* Heads of so many fields may follow. */
static uint8_t *put_bytes(struct buffer *b, uint8_t *at, struct bytes data, bool str, unsigned left)
{
        b->size = (size_t)(at - b->data);
        at = put_head_of(buffer_room(b, data.size + (left + 1) * HEAD_MAX), data.size, str);
        memcpy(at, data.data, data.size);
        return at + data.size;
}

/* Writes a field behind *at, where there is room for its head and those of the fields that are left. Says
 * whether it says something. In the loop that calls it, this is all that a field costs. */
static inline __attribute__((always_inline)) bool
put_field(struct buffer *b, uint8_t **at, const struct field *field, const void *from, unsigned left)
{
        uint64_t number = 0;
        const struct bytes *data;
        switch ((enum field_kind)field->kind) {
        case FIELD_BOOL:
                number = *AT_CONST(bool, from, field);
                *(*at)++ = number ? 0xc3 : 0xc2;
                return number != 0;
        case FIELD_U32:
                number = *AT_CONST(uint32_t, from, field);
                break;
        case FIELD_I64:
        case FIELD_U64:
                number = *AT_CONST(uint64_t, from, field);
                if (number > INT64_MAX && field->kind == FIELD_I64) {
                        *at = put_negative(*at, (int64_t)number);
                        return true;
                }
                break;
        case FIELD_DOUBLE:
                memcpy(&number, AT_CONST(double, from, field), sizeof number);
                *at = put_bits(*at, 0xcb, number);
                return number != 0;
        case FIELD_STR:
        case FIELD_BIN:
        case FIELD_VALUE:
                data = AT_CONST(struct bytes, from, field);
                if (data->size) {
                        *at = put_bytes(b, *at, *data, field->kind == FIELD_STR, left);
                        return true;
                }
                *at = put_head_of(*at, 0, field->kind == FIELD_STR);
                return false;
        }
        *at = put_uint(*at, number);
        return number != 0;
}

/* The array's head, when it is known how many items there are. Room for a long one was left if there could be
 * many. */
static void put_array_head(struct buffer *b, size_t head, bool long_head, unsigned items)
{
        uint8_t *at = b->data + head;
        if (items > ITEMS_FEW) {
                at[0] = 0xdc;
                at[1] = (uint8_t)(items >> 8);
                at[2] = (uint8_t)items;
                return;
        }
        *at = (uint8_t)(0x90 | items);
        if (long_head) {
                memmove(at + 1, at + 3, b->size - head - 3);
                b->size -= 2;
        }
}

/* All fields are written, and then those at the end that say nothing are taken back. */
void codec_encode(struct buffer *b, const struct shape *shape, const void *from)
{
        unsigned count = shape->fields_count, said = 0;
        bool long_head = 1 + count > ITEMS_FEW;
        uint8_t *at = buffer_room(b, (2u + count) * HEAD_MAX);
        size_t head = b->size, size;
        at = put_uint(at + (long_head ? 3 : 1), shape->type);
        size = (size_t)(at - b->data);
        for (unsigned i = 0; i < count; i++) {
                if (!put_field(b, &at, &shape->fields[i], from, count - 1 - i))
                        continue;
                said = i + 1;
                size = (size_t)(at - b->data);
        }
        b->size = size;
        put_array_head(b, head, long_head, 1 + said);
}

/* --- in --- */

static bool decode_rare(struct cursor *c, const struct field *field, void *ret)
{
        switch ((enum field_kind)field->kind) {
        case FIELD_BOOL:
                *AT(bool, ret, field) = cursor_bool_any(c);
                break;
        case FIELD_U32: {
                uint64_t value = cursor_uint_any(c);
                if (value > UINT32_MAX)
                        c->failed = true;
                *AT(uint32_t, ret, field) = (uint32_t)value;
                break;
        }
        case FIELD_U64:
                *AT(uint64_t, ret, field) = cursor_uint_any(c);
                break;
        case FIELD_I64:
                *AT(int64_t, ret, field) = cursor_int_any(c);
                break;
        case FIELD_DOUBLE:
                *AT(double, ret, field) = cursor_double_any(c);
                break;
        case FIELD_STR:
                *AT(struct bytes, ret, field) = cursor_str_any(c);
                break;
        case FIELD_BIN:
        case FIELD_VALUE:
                *AT(struct bytes, ret, field) = cursor_bin_any(c);
                break;
        }
        return !c->failed;
}

/* The field in its common form; false: it has another. */
static inline bool decode_here(const uint8_t **at, const uint8_t *end, const struct field *field, void *ret)
{
        const uint8_t *before = *at;
        uint64_t number;
        switch ((enum field_kind)field->kind) {
        case FIELD_BOOL:
                return unpack_bool_here(at, end, AT(bool, ret, field));
        case FIELD_U32:
                if (!unpack_uint_here(at, end, &number))
                        return false;
                *AT(uint32_t, ret, field) = (uint32_t)number;
                if (number > UINT32_MAX)
                        *at = before;
                return number <= UINT32_MAX;
        case FIELD_U64:
                return unpack_uint_here(at, end, AT(uint64_t, ret, field));
        case FIELD_I64:
                return unpack_int_here(at, end, AT(int64_t, ret, field));
        case FIELD_DOUBLE:
                return unpack_double_here(at, end, AT(double, ret, field));
        case FIELD_STR:
                return unpack_str_here(at, end, AT(struct bytes, ret, field));
        case FIELD_BIN:
        case FIELD_VALUE:
                return unpack_bin_here(at, end, AT(struct bytes, ret, field));
        }
        return false;
}

static bool decode_fields(struct cursor *c, const struct shape *shape, uint32_t count, void *ret)
{
        const uint8_t *at = c->at;
        uint32_t known = count < shape->fields_count ? count : shape->fields_count;
        for (uint32_t i = 0; i < known; i++) {
                if (decode_here(&at, c->end, &shape->fields[i], ret))
                        continue;
                c->at = at;
                if (!decode_rare(c, &shape->fields[i], ret))
                        return false;
                at = c->at;
        }
        c->at = at;
        for (uint32_t i = known; i < count && !c->failed; i++)
                cursor_skip(c);
        return !c->failed;
}

const struct shape *codec_decode(struct cursor *c, const struct shape *shapes, size_t shapes_count, void *ret)
{
        uint32_t items = cursor_array(c);
        uint64_t type = items ? cursor_uint(c)
                              : shapes_count; /* an empty array has no type: what follows it is not its own */
        if (c->failed || type >= shapes_count || !shapes[type].name) {
                c->failed = true;
                return NULL;
        }
        return decode_fields(c, &shapes[type], items - 1, ret) ? &shapes[type] : NULL;
}

/* --- for people --- */

static bool field_empty(const struct field *field, const void *from)
{
        switch ((enum field_kind)field->kind) {
        case FIELD_BOOL:
                return !*AT_CONST(bool, from, field);
        case FIELD_U32:
                return !*AT_CONST(uint32_t, from, field);
        case FIELD_U64:
        case FIELD_I64:
                return !*AT_CONST(uint64_t, from, field);
        case FIELD_DOUBLE: {
                double value = *AT_CONST(double, from, field);
                return !(value < 0 || value > 0);
        }
        case FIELD_STR:
        case FIELD_BIN:
        case FIELD_VALUE:
                return AT_CONST(struct bytes, from, field)->size == 0;
        }
        return true;
}

static void describe_value(struct buffer *b, const struct field *field, const void *from)
{
        uint8_t *at = buffer_room(b, HEAD_MAX);
        if (field->kind == FIELD_VALUE) {
                pack_raw(b, *AT_CONST(struct bytes, from, field));
                return;
        }
        put_field(b, &at, field, from, 0);
        b->size = (size_t)(at - b->data);
}

uint32_t codec_describe(struct buffer *b, const struct shape *shape, const void *from)
{
        uint32_t pairs = 0;
        for (unsigned i = 0; i < shape->fields_count; i++) {
                const struct field *field = &shape->fields[i];
                if (field_empty(field, from))
                        continue;
                pack_cstr(b, field->name);
                describe_value(b, field, from);
                pairs++;
        }
        return pairs;
}
