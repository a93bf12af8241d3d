/* SPDX-License-Identifier: MIT */
#include "base/table.h"

struct table table_begin(struct buffer *to)
{
        struct table t = { to, to->size, 0 };
        static const uint8_t head[3] = { 0xde, 0, 0 }; /* map 16 */
        buffer_append(to, head, sizeof head);
        return t;
}

void table_end(struct table *t)
{
        t->to->data[t->head + 1] = (uint8_t)(t->pairs >> 8);
        t->to->data[t->head + 2] = (uint8_t)t->pairs;
}

void table_key(struct table *t, const char *key)
{
        pack_cstr(t->to, key);
        t->pairs++;
}

void table_str(struct table *t, const char *key, const char *text)
{
        if (!text || !*text)
                return;
        table_key(t, key);
        pack_cstr(t->to, text);
}

void table_uint(struct table *t, const char *key, uint64_t value)
{
        table_key(t, key);
        pack_uint(t->to, value);
}

void table_bool(struct table *t, const char *key, bool value)
{
        if (!value)
                return;
        table_key(t, key);
        pack_bool(t->to, value);
}

void table_value(struct table *t, const char *key, struct bytes value)
{
        if (!value.size)
                return;
        table_key(t, key);
        buffer_append(t->to, value.data, value.size);
}
