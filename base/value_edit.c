/* SPDX-License-Identifier: MIT
 *
 * Changing lists and maps in place, and building them from a format. The count stands in front of the items
 * and takes one, three or five bytes: when it needs another width (at 16 and at 65,536 items) the items move
 * once.
 */
#include "base/value.h"

#include "base/pack.h"
#include "base/unpack.h"

#include <stdarg.h>
#include <stdlib.h>

enum { HEAD_SIZE_MAX = 5 };

/* A list or map taken apart: its count, and where its items are. */
struct container {
        enum unpack_type type;
        uint32_t count;
        size_t head_size;
        size_t size;
};

/* A null becomes an empty container of the wanted type. STET_ETYPE for anything else. */
static int container_open(const stet_value *v, enum unpack_type type, struct container *ret)
{
        if (stet_value_type(v) == STET_NULL) {
                *ret = (struct container){ .type = type };
                return 0;
        }
        struct bytes data = value_bytes(v);
        struct cursor c = cursor_of(data);
        if (cursor_type(&c) != type)
                return STET_ETYPE;
        uint32_t count = type == UNPACK_ARRAY ? cursor_array(&c) : cursor_map(&c);
        if (c.failed)
                return STET_ETYPE;
        *ret = (struct container){ type, count, (size_t)(c.at - data.data), data.size };
        return 0;
}

/* Replaces the cut bytes at offset `at` of the container's bytes by `bytes`, and the count by count_new. */
static int splice(stet_value *v, const struct container *list, uint32_t count_new, size_t at, size_t cut,
                  struct bytes bytes)
{
        uint8_t head_room[HEAD_SIZE_MAX];
        struct buffer head = { .data = head_room, .capacity = sizeof head_room };
        if (list->type == UNPACK_ARRAY)
                pack_array(&head, count_new);
        else
                pack_map(&head, count_new);

        size_t before = at - list->head_size, after = list->size - at - cut;
        size_t size = head.size + before + bytes.size + after;
        uint64_t nodes = 1 + (uint64_t)count_new * (list->type == UNPACK_MAP ? 2 : 1);
        if (size > STET_VALUE_SIZE_MAX || nodes > STET_VALUE_NODES_MAX)
                return STET_ETOOBIG;
        if (list->size == 0)
                stet_value_free(v); /* a null that has a byte */
        uint8_t *data = value_reserve(v, size > list->size ? size : list->size);
        uint8_t *place = data + head.size + before;
        /* In this order: the count only gets wider when something is added at the end, where nothing comes
         * after. */
        memmove(data + head.size, data + list->head_size, before);
        memmove(place + bytes.size, data + at + cut, after);
        memcpy(data, head.data, head.size);
        memcpy(place, bytes.data, bytes.size);
        v->size = size;
        return 0;
}

/* Whether inner lies in the memory of v, which splice() moves. */
static bool within(const stet_value *v, struct bytes inner)
{
        uintptr_t start = (uintptr_t)v->data, at = (uintptr_t)inner.data;
        return v->data && at >= start && at < start + v->size;
}

int stet_value_append(stet_value *v, const stet_value *item)
{
        struct container list;
        int err = container_open(v, UNPACK_ARRAY, &list);
        struct bytes bytes = value_bytes(item);
        if (!err)
                err = value_check_item(bytes);
        if (err)
                return err;
        void *copy = within(v, bytes) ? xmemdup(bytes.data, bytes.size) : NULL;
        if (copy)
                bytes.data = copy;
        err = splice(v, &list, list.count + 1, list.size, 0, bytes);
        free(copy);
        return err;
}

/* Where the item of that key is: its offset in v's bytes and its size. */
static bool find_key(const stet_value *v, const char *key, size_t *ret_at, size_t *ret_size)
{
        stet_value name, item;
        for (size_t at = 0; stet_value_next(v, &at, &name, &item);)
                if (stet_value_equals_string(&name, key)) {
                        *ret_at = at - item.size;
                        *ret_size = item.size;
                        return true;
                }
        return false;
}

int stet_value_set(stet_value *v, const char *key, const stet_value *item)
{
        if (!key || !utf8_valid(bytes_str(key)))
                return STET_EINVAL;
        struct container map;
        int err = container_open(v, UNPACK_MAP, &map);
        if (!err)
                err = value_check_item(value_bytes(item));
        if (err)
                return err;
        struct buffer b = { 0 };
        size_t at = map.size, cut = 0;
        bool found = find_key(v, key, &at, &cut);
        if (!found)
                pack_cstr(&b, key);
        pack_raw(&b, value_bytes(item));
        err = splice(v, &map, map.count + !found, at, cut, buffer_bytes(&b));
        buffer_fini(&b);
        return err;
}

/* --- the format of stet_value_pack() --- */

struct packer {
        const char *at;
        va_list args;
        struct buffer out;
};

static int pack_next(struct packer *p);

static char next_char(struct packer *p)
{
        while (*p->at && strchr(" \t\n,:", *p->at))
                p->at++;
        return *p->at;
}

/* The number of values up to the bracket that closes the container whose inside starts at `at`; -1 if none
 * does. */
static int64_t count_values(const char *at)
{
        int64_t count = 0;
        size_t depth = 1;
        for (; *at; at++) {
                if (strchr("]}", *at) && --depth == 0)
                        return count;
                if (depth == 1 && strchr("{[siIfbnv", *at))
                        count++;
                if (strchr("{[", *at))
                        depth++;
        }
        return -1;
}

/* Between the brackets; a map's keys are texts. */
static int pack_inside(struct packer *p, char closing)
{
        int64_t count = count_values(p->at);
        if (count < 0 || (closing == '}' && count % 2))
                return STET_EINVAL;
        if (closing == '}')
                pack_map(&p->out, (uint32_t)count / 2);
        else
                pack_array(&p->out, (uint32_t)count);
        for (int64_t i = 0; i < count; i++) {
                bool key = closing == '}' && i % 2 == 0;
                int err = key && next_char(p) != 's' ? STET_EINVAL : pack_next(p);
                if (err)
                        return err;
        }
        return next_char(p) == closing ? (p->at++, 0) : STET_EINVAL;
}

static int pack_text(struct packer *p)
{
        const char *text = va_arg(p->args, const char *);
        struct bytes bytes = bytes_str(text);
        if (*p->at == '%') {
                p->at++;
                bytes = bytes_of(text, va_arg(p->args, size_t));
        }
        if (bytes.size > STET_VALUE_SIZE_MAX)
                return STET_ETOOBIG;
        if (!text || !utf8_valid(bytes))
                return STET_EINVAL;
        pack_str(&p->out, bytes);
        return 0;
}

static int pack_value(struct packer *p)
{
        struct bytes item = value_bytes(va_arg(p->args, const stet_value *));
        if (value_check_item(item) == STET_EPROTOCOL)
                return STET_EINVAL;
        buffer_append(&p->out, item.data, item.size);
        return 0;
}

static int pack_next(struct packer *p)
{
        char kind = next_char(p);
        if (kind)
                p->at++;
        switch (kind) {
        case '{':
                return pack_inside(p, '}');
        case '[':
                return pack_inside(p, ']');
        case 's':
                return pack_text(p);
        case 'v':
                return pack_value(p);
        case 'i':
                pack_int(&p->out, va_arg(p->args, int));
                return 0;
        case 'I':
                pack_int(&p->out, va_arg(p->args, int64_t));
                return 0;
        case 'f':
                pack_double(&p->out, va_arg(p->args, double));
                return 0;
        case 'b':
                pack_bool(&p->out, va_arg(p->args, int) != 0);
                return 0;
        case 'n':
                pack_nil(&p->out);
                return 0;
        default:
                return STET_EINVAL;
        }
}

int stet_value_pack(stet_value *v, const char *format, ...)
{
        const struct unpack_limits limits = { STET_VALUE_DEPTH_MAX, STET_VALUE_NODES_MAX };
        struct packer p = { .at = format };
        va_start(p.args, format);
        int err = format ? pack_next(&p) : STET_EINVAL;
        if (!err && next_char(&p))
                err = STET_EINVAL;
        va_end(p.args);
        if (!err && unpack_validate(buffer_bytes(&p.out), &limits, 1, NULL) != 0)
                err = STET_ETOOBIG; /* each part was well formed */
        if (!err)
                err = value_replace(v, buffer_bytes(&p.out));
        buffer_fini(&p.out);
        return err;
}
