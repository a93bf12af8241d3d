/* SPDX-License-Identifier: MIT */
#include "runtime/parcel.h"

static const uint16_t texts[] = {
        offsetof(struct message, request_id), offsetof(struct message, ns),    offsetof(struct message, id),
        offsetof(struct message, name),       offsetof(struct message, queue), offsetof(struct message, value),
        offsetof(struct message, kind),       offsetof(struct message, text),  offsetof(struct message, executor),
        offsetof(struct message, names),      offsetof(struct message, queues),
};
enum { TEXTS_COUNT = sizeof texts / sizeof texts[0], ALIGNMENT = 16 };

static struct bytes *text_of(struct message *m, size_t i)
{
        return (struct bytes *)(void *)((char *)m + texts[i]);
}

static size_t padded(size_t size)
{
        return (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

void parcel_put(struct buffer *b, const struct message *m)
{
        struct message copy = *m;
        size_t size = sizeof copy;
        for (size_t i = 0; i < TEXTS_COUNT; i++)
                size += text_of(&copy, i)->size;
        uint8_t *at = buffer_reserve(b, padded(size)) + sizeof copy;
        for (size_t i = 0; i < TEXTS_COUNT; i++) {
                struct bytes *text = text_of(&copy, i);
                if (text->size)
                        memcpy(at, text->data, text->size);
                at += text->size;
        }
        memcpy(b->data + b->size, &copy, sizeof copy);
        b->size += padded(size);
}

bool parcel_take(struct bytes *at, struct message *ret)
{
        if (!at->size)
                return false;
        memcpy(ret, at->data, sizeof *ret);
        size_t size = sizeof *ret;
        for (size_t i = 0; i < TEXTS_COUNT; i++) {
                struct bytes *text = text_of(ret, i);
                text->data = at->data + size;
                size += text->size;
        }
        *at = bytes_of(at->data + padded(size), at->size - padded(size));
        return true;
}
