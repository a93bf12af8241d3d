/* SPDX-License-Identifier: MIT */
#include "base/codec.h"

#define AT(type, from, field)       ((type *)(void *)((char *)(from) + (field)->offset))
#define AT_CONST(type, from, field) ((const type *)(const void *)((const char *)(from) + (field)->offset))

/* Most numbers are below 128 and most texts short: those are written and read here, without a call, in the
 * form that pack.h and unpack.h give them, too. */

static inline void put_byte(struct buffer *b, uint8_t byte)
{
        if (b->size == b->capacity)
                buffer_reserve(b, 1);
        b->data[b->size++] = byte;
}

static inline void put_uint(struct buffer *b, uint64_t value)
{
        if (value < 0x80)
                put_byte(b, (uint8_t)value);
        else
                pack_uint(b, value);
}

static inline void put_str(struct buffer *b, struct bytes text)
{
        if (text.size < 32) {
                put_byte(b, (uint8_t)(0xa0 | text.size));
                buffer_append(b, text.data, text.size);
        } else {
                pack_str(b, text);
        }
}

static inline void put_bin(struct buffer *b, struct bytes data)
{
        if (data.size <= UINT8_MAX) {
                put_byte(b, 0xc4);
                put_byte(b, (uint8_t)data.size);
                buffer_append(b, data.data, data.size);
        } else {
                pack_bin(b, data);
        }
}

static inline uint64_t take_uint(struct cursor *c)
{
        return c->at < c->end && *c->at < 0x80 ? *c->at++ : cursor_uint(c);
}

static inline int64_t take_int(struct cursor *c)
{
        return c->at < c->end && *c->at < 0x80 ? *c->at++ : cursor_int(c);
}

static inline struct bytes take_str(struct cursor *c)
{
        size_t left = (size_t)(c->end - c->at);
        if (left && (*c->at & 0xe0) == 0xa0 && left > (*c->at & 0x1fu)) {
                struct bytes text = bytes_of(c->at + 1, *c->at & 0x1f);
                c->at += 1 + text.size;
                return text;
        }
        return cursor_str(c);
}

static inline struct bytes take_bin(struct cursor *c)
{
        size_t left = (size_t)(c->end - c->at);
        if (left >= 2 && c->at[0] == 0xc4 && left - 2 >= c->at[1]) {
                struct bytes data = bytes_of(c->at + 2, c->at[1]);
                c->at += 2 + data.size;
                return data;
        }
        return cursor_bin(c);
}

static void encode_field(struct buffer *b, const struct field *field, const void *from)
{
        switch ((enum field_kind)field->kind) {
        case FIELD_BOOL:
                put_byte(b, *AT_CONST(bool, from, field) ? 0xc3 : 0xc2);
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
                pack_double(b, *AT_CONST(double, from, field));
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

void codec_encode(struct buffer *b, const struct shape *shape, const void *from)
{
        pack_array(b, 1u + shape->fields_count);
        put_uint(b, shape->type);
        for (unsigned i = 0; i < shape->fields_count; i++)
                encode_field(b, &shape->fields[i], from);
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

void codec_encode_short(struct buffer *b, const struct shape *shape, const void *from)
{
        unsigned count = shape->fields_count;
        while (count && field_empty(&shape->fields[count - 1], from))
                count--;
        pack_array(b, 1u + count);
        put_uint(b, shape->type);
        for (unsigned i = 0; i < count; i++)
                encode_field(b, &shape->fields[i], from);
}

static void decode_field(struct cursor *c, const struct field *field, void *ret)
{
        switch ((enum field_kind)field->kind) {
        case FIELD_BOOL:
                *AT(bool, ret, field) = cursor_bool(c);
                break;
        case FIELD_U32: {
                uint64_t value = take_uint(c);
                if (value > UINT32_MAX)
                        c->failed = true;
                *AT(uint32_t, ret, field) = (uint32_t)value;
                break;
        }
        case FIELD_U64:
                *AT(uint64_t, ret, field) = take_uint(c);
                break;
        case FIELD_I64:
                *AT(int64_t, ret, field) = take_int(c);
                break;
        case FIELD_DOUBLE:
                *AT(double, ret, field) = cursor_double(c);
                break;
        case FIELD_STR:
                *AT(struct bytes, ret, field) = take_str(c);
                break;
        case FIELD_BIN:
        case FIELD_VALUE:
                *AT(struct bytes, ret, field) = take_bin(c);
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
