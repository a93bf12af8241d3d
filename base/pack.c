/* SPDX-License-Identifier: MIT
 *
 * msgpack-c's packer, instantiated over our buffer: its template is made for this, and saves a call through a
 * function pointer for every field.
 */
#include "base/pack.h"

#include <msgpack/pack_define.h>
#include <msgpack/timestamp.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#define msgpack_pack_inline_func(name)      static inline void template_pack##name
#define msgpack_pack_inline_func_cint(name) static inline void template_pack##name
#define msgpack_pack_user                   struct buffer *
#define msgpack_pack_append_buffer(b, data, size)                                                            \
        buffer_append(b, (const void *)(data), (size_t)(size));                                              \
        return
#include <msgpack/pack_template.h>
#pragma GCC diagnostic pop

void pack_nil(struct buffer *b)
{
        template_pack_nil(b);
}

void pack_bool(struct buffer *b, bool value)
{
        if (value)
                template_pack_true(b);
        else
                template_pack_false(b);
}

void pack_uint(struct buffer *b, uint64_t value)
{
        template_pack_uint64(b, value);
}

void pack_int(struct buffer *b, int64_t value)
{
        template_pack_int64(b, value);
}

void pack_double(struct buffer *b, double value)
{
        template_pack_double(b, value);
}

void pack_str(struct buffer *b, struct bytes text)
{
        template_pack_str(b, text.size);
        buffer_append(b, text.data, text.size);
}

void pack_cstr(struct buffer *b, const char *text)
{
        pack_str(b, bytes_str(text));
}

void pack_bin(struct buffer *b, struct bytes data)
{
        template_pack_bin(b, data.size);
        buffer_append(b, data.data, data.size);
}

void pack_array(struct buffer *b, uint32_t count)
{
        template_pack_array(b, count);
}

void pack_map(struct buffer *b, uint32_t pairs)
{
        template_pack_map(b, pairs);
}

void pack_raw(struct buffer *b, struct bytes value)
{
        if (value.size)
                buffer_append(b, value.data, value.size);
        else
                pack_nil(b);
}
