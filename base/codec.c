/* SPDX-License-Identifier: MIT */
#include "base/codec.h"

#define AT(type, from, field)       ((type *)(void *)((char *)(from) + (field)->offset))
#define AT_CONST(type, from, field) ((const type *)(const void *)((const char *)(from) + (field)->offset))

static void encode_field(struct buffer *b, const struct field *field, const void *from)
{
        switch ((enum field_kind)field->kind) {
        case FIELD_BOOL:
                pack_bool(b, *AT_CONST(bool, from, field));
                break;
        case FIELD_U32:
                pack_uint(b, *AT_CONST(uint32_t, from, field));
                break;
        case FIELD_U64:
                pack_uint(b, *AT_CONST(uint64_t, from, field));
                break;
        case FIELD_I64:
                pack_int(b, *AT_CONST(int64_t, from, field));
                break;
        case FIELD_DOUBLE:
                pack_double(b, *AT_CONST(double, from, field));
                break;
        case FIELD_STR:
                pack_str(b, *AT_CONST(struct bytes, from, field));
                break;
        case FIELD_BIN:
        case FIELD_VALUE:
                pack_bin(b, *AT_CONST(struct bytes, from, field));
                break;
        }
}

void codec_encode(struct buffer *b, const struct shape *shape, const void *from)
{
        pack_array(b, 1u + shape->fields_count);
        pack_uint(b, shape->type);
        for (unsigned i = 0; i < shape->fields_count; i++)
                encode_field(b, &shape->fields[i], from);
}

static void decode_field(struct cursor *c, const struct field *field, void *ret)
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
