/* SPDX-License-Identifier: MIT
 *
 * One encoder and one decoder for everything that is a struct in memory and a msgpack array outside: events,
 * effects, and the messages on the wire. What a struct looks like is data (a shape), so the documents, the
 * history's JSON and the code can't drift apart.
 *
 * A struct of shape S is written as [S.type, field, field, …], up to the last field that says something.
 * Readers pass over fields at the end that they don't know and leave missing ones at their zero, so that
 * fields can be added at the end without a new version.
 */
#ifndef BASE_CODEC_H
#define BASE_CODEC_H

#include "base/pack.h"
#include "base/unpack.h"

enum field_kind {
        FIELD_BOOL,   /* bool */
        FIELD_U32,    /* uint32_t */
        FIELD_U64,    /* uint64_t */
        FIELD_I64,    /* int64_t */
        FIELD_DOUBLE, /* double */
        FIELD_STR,    /* struct bytes: UTF-8 */
        FIELD_BIN,    /* struct bytes: opaque */
        FIELD_VALUE, /* struct bytes: one msgpack value inside a bin, so that readers can pass over it without
                        looking in */
};

struct field {
        const char *name;
        uint16_t offset;
        uint8_t kind;
};

struct shape {
        const char *name;
        uint8_t type;
        uint8_t fields_count;
        const struct field *fields;
};

#define FIELD(struct_type, kind, member)                                                                     \
        {                                                                                                    \
#member, offsetof(struct_type, member), kind                                                 \
        }
#define SHAPE(shape_name, shape_type, table)                                                                 \
        {                                                                                                    \
                shape_name, shape_type, sizeof(table) / sizeof((table)[0]), table                            \
        }

/* Fields at the end that are zero or empty are left out: what says nothing costs neither bytes nor time. */
void codec_encode(struct buffer *b, const struct shape *shape, const void *from);

/* Reads one array of one of the shapes (a table indexed by type; an entry without a name is no type) into
 * *ret, which the caller has zeroed. Strings and bytes point into the input. Returns the shape, or NULL (and
 * c->failed) when it is none. */
const struct shape *codec_decode(struct cursor *c, const struct shape *shapes, size_t shapes_count,
                                 void *ret);

/* Appends name-value pairs, for people and JSON; fields that are zero or empty are left out. Returns how many
 * pairs. */
uint32_t codec_describe(struct buffer *b, const struct shape *shape, const void *from);

#endif
