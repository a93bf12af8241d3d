/* SPDX-License-Identifier: MIT */
#include "base/codec.h"

#define AT(type, from, field)       ((type *)(void *)((char *)(from) + (field)->offset))
#define AT_CONST(type, from, field) ((const type *)(const void *)((const char *)(from) + (field)->offset))

/* What a number or the head of a text takes at most: with so much room each is written without looking again.
 * The forms are those of pack.h: the shortest. */
enum { HEAD_MAX = 9 };

static inline void put_uint(struct buffer *b, uint64_t value)
{
        uint8_t *at = buffer_room(b, HEAD_MAX);
        if (value < 0x80) {
                *at = (uint8_t)value;
                b->size++;
                return;
        }
        unsigned step = value > UINT32_MAX ? 3 : value > UINT16_MAX ? 2 : value > UINT8_MAX ? 1 : 0;
        unsigned width = 1u << step;
        uint64_t big_end = htobe64(value << (64 - 8 * width));
        *at = (uint8_t)(0xcc + step);
        memcpy(at + 1, &big_end, sizeof big_end);
        b->size += 1 + width;
}

static inline void put_double(struct buffer *b, double value)
{
        uint8_t *at = buffer_room(b, HEAD_MAX);
        uint64_t bits;
        memcpy(&bits, &value, sizeof bits);
        bits = htobe64(bits);
        *at = 0xcb;
        memcpy(at + 1, &bits, sizeof bits);
        b->size += 1 + sizeof bits;
}

static inline void put_bool(struct buffer *b, bool value)
{
        *buffer_room(b, 1) = value ? 0xc3 : 0xc2;
        b->size++;
}

static inline void put_str(struct buffer *b, struct bytes text)
{
        if (text.size >= 32) {
                pack_str(b, text);
                return;
        }
        uint8_t *at = buffer_room(b, 1 + text.size);
        *at = (uint8_t)(0xa0 | text.size);
        if (text.size)
                memcpy(at + 1, text.data, text.size);
        b->size += 1 + text.size;
}

static inline void put_bin(struct buffer *b, struct bytes data)
{
        if (data.size > UINT8_MAX) {
                pack_bin(b, data);
                return;
        }
        uint8_t *at = buffer_room(b, 2 + data.size);
        at[0] = 0xc4;
        at[1] = (uint8_t)data.size;
        if (data.size)
                memcpy(at + 2, data.data, data.size);
        b->size += 2 + data.size;
}

static inline void put_head(struct buffer *b, const struct shape *shape, unsigned fields)
{
        if (fields >= 15) {
                pack_array(b, 1 + fields);
        } else {
                *buffer_room(b, 1) = (uint8_t)(0x90 | (1 + fields));
                b->size++;
        }
        put_uint(b, shape->type);
}

static inline void encode_field(struct buffer *b, const struct field *field, const void *from)
{
        switch ((enum field_kind)field->kind) {
        case FIELD_BOOL:
                put_bool(b, *AT_CONST(bool, from, field));
                break;
        case FIELD_U32:
                put_uint(b, *AT_CONST(uint32_t, from, field));
                break;
        case FIELD_U64:
                put_uint(b, *AT_CONST(uint64_t, from, field));
                break;
        case FIELD_I64:
                if (*AT_CONST(int64_t, from, field) >= 0)
                        put_uint(b, *AT_CONST(uint64_t, from, field));
                else
                        pack_int(b, *AT_CONST(int64_t, from, field));
                break;
        case FIELD_DOUBLE:
                put_double(b, *AT_CONST(double, from, field));
                break;
        case FIELD_STR:
                put_str(b, *AT_CONST(struct bytes, from, field));
                break;
        case FIELD_BIN:
        case FIELD_VALUE:
                put_bin(b, *AT_CONST(struct bytes, from, field));
                break;
        }
}

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

void codec_encode(struct buffer *b, const struct shape *shape, const void *from)
{
        unsigned count = shape->fields_count;
        while (count && field_empty(&shape->fields[count - 1], from))
                count--;
        put_head(b, shape, count);
        for (unsigned i = 0; i < count; i++)
                encode_field(b, &shape->fields[i], from);
}

static inline void decode_field(struct cursor *c, const struct field *field, void *ret)
{
        switch ((enum field_kind)field->kind) {
        case FIELD_BOOL:
                *AT(bool, ret, field) = cursor_bool(c);
                break;
        case FIELD_U32: {
                uint64_t value = cursor_uint(c);
                if (value > UINT32_MAX)
                        c->failed = true;
                *AT(uint32_t, ret, field) = (uint32_t)value;
                break;
        }
        case FIELD_U64:
                *AT(uint64_t, ret, field) = cursor_uint(c);
                break;
        case FIELD_I64:
                *AT(int64_t, ret, field) = cursor_int(c);
                break;
        case FIELD_DOUBLE:
                *AT(double, ret, field) = cursor_double(c);
                break;
        case FIELD_STR:
                *AT(struct bytes, ret, field) = cursor_str(c);
                break;
        case FIELD_BIN:
        case FIELD_VALUE:
                *AT(struct bytes, ret, field) = cursor_bin(c);
                break;
        }
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
        const struct shape *shape = &shapes[type];
        for (uint32_t i = 0; i + 1 < items && !c->failed; i++) {
                if (i < shape->fields_count)
                        decode_field(c, &shape->fields[i], ret);
                else
                        cursor_skip(c);
        }
        return c->failed ? NULL : shape;
}

uint32_t codec_describe(struct buffer *b, const struct shape *shape, const void *from)
{
        uint32_t pairs = 0;
        for (unsigned i = 0; i < shape->fields_count; i++) {
                const struct field *field = &shape->fields[i];
                if (field_empty(field, from))
                        continue;
                pack_cstr(b, field->name);
                if (field->kind == FIELD_VALUE)
                        pack_raw(b, *AT_CONST(struct bytes, from, field));
                else
                        encode_field(b, field, from);
                pairs++;
        }
        return pairs;
}
