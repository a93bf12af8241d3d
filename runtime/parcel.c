/* SPDX-License-Identifier: MIT
 *
 * A parcel is a header, the numbers of the message as they are, the sizes of those texts that are not empty,
 * and their bytes. Most messages have few.
 */
#include "runtime/parcel.h"

#define NUMBERS_SIZE offsetof(struct message, request_id)
#define TEXTS_COUNT  ((sizeof(struct message) - NUMBERS_SIZE) / sizeof(struct bytes))

_Static_assert(NUMBERS_SIZE + TEXTS_COUNT * sizeof(struct bytes) == sizeof(struct message),
               "a message is its numbers, then nothing but its texts");

struct parcel_head {
        uint32_t size;  /* of the whole parcel */
        uint32_t texts; /* bit i: text i is there */
};

static struct bytes *texts_of(struct message *m)
{
        return (struct bytes *)(void *)((char *)m + NUMBERS_SIZE);
}

static const struct bytes *const_texts_of(const struct message *m)
{
        return (const struct bytes *)(const void *)((const char *)m + NUMBERS_SIZE);
}

void parcel_put(struct buffer *b, const struct message *m)
{
        const struct bytes *texts = const_texts_of(m);
        struct parcel_head head = { sizeof head + NUMBERS_SIZE, 0 };
        for (unsigned i = 0; i < TEXTS_COUNT; i++) {
                bool there = texts[i].size != 0;
                head.texts |= (uint32_t)there << i;
                head.size += (uint32_t)(there * sizeof(uint32_t) + texts[i].size);
        }
        uint8_t *at = buffer_room(b, head.size);
        memcpy(at, &head, sizeof head);
        memcpy(at + sizeof head, m, NUMBERS_SIZE);
        at += sizeof head + NUMBERS_SIZE;
        for (uint32_t left = head.texts; left; left &= left - 1) {
                const struct bytes *text = &texts[__builtin_ctz(left)];
                uint32_t size = (uint32_t)text->size;
                memcpy(at, &size, sizeof size);
                memcpy(at + sizeof size, text->data, size);
                at += sizeof size + size;
        }
        b->size += head.size;
}

bool parcel_take(struct bytes *at, struct message *ret)
{
        struct parcel_head head;
        if (!at->size)
                return false;
        memcpy(&head, at->data, sizeof head);
        memcpy(ret, at->data + sizeof head, NUMBERS_SIZE);
        const uint8_t *from = at->data + sizeof head + NUMBERS_SIZE;
        struct bytes *texts = texts_of(ret);
        memset(texts, 0, TEXTS_COUNT * sizeof *texts);
        for (uint32_t left = head.texts; left; left &= left - 1) {
                uint32_t size;
                memcpy(&size, from, sizeof size);
                texts[__builtin_ctz(left)] = bytes_of(from + sizeof size, size);
                from += sizeof size + size;
        }
        *at = bytes_of(at->data + head.size, at->size - head.size);
        return true;
}

bool parcel_glance(struct bytes *at, uint8_t *ret_type, struct token *ret_token)
{
        struct parcel_head head;
        if (!at->size)
                return false;
        const uint8_t *numbers = at->data + sizeof head;
        memcpy(&head, at->data, sizeof head);
        memcpy(ret_type, numbers + offsetof(struct message, type), sizeof *ret_type);
        memcpy(ret_token, numbers + offsetof(struct message, token), sizeof *ret_token);
        *at = bytes_of(at->data + head.size, at->size - head.size);
        return true;
}
