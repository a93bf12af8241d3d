/* SPDX-License-Identifier: MIT */
#include "base/unpack.h"

#include "stet/error.h"

#include <assert.h>

/* One value's head: what it is, how many bytes the head takes, and either a number, a payload size or a
 * count. */
struct head {
        enum unpack_type type;
        uint8_t size;
        uint64_t number; /* INT and UINT: two's complement; DOUBLE: its bits; STR, BIN: bytes; ARRAY: items;
                            MAP: pairs */
};

static uint64_t get_be(const uint8_t *p, size_t left, unsigned width)
{
        uint64_t value = 0;
        if (left >= sizeof value && width) {
                memcpy(&value, p, sizeof value);
                return be64toh(value) >> (64 - 8 * width);
        }
        for (unsigned i = 0; i < width; i++)
                value = value << 8 | p[i];
        return value;
}

/* The tags 0xc0…0xdf: type, bytes after the tag, and whether they are a signed integer or a float. */
static const struct {
        uint8_t type;
        uint8_t width;
        char kind; /* u unsigned, i signed, f float, d double, c count or size, 0/1 the bool */
} tags[32] = {
        { UNPACK_NIL, 0, 'n' }, { UNPACK_NONE, 0, 0 },     { UNPACK_BOOL, 0, 0 },
        { UNPACK_BOOL, 0, 1 },  { UNPACK_BIN, 1, 'c' },    { UNPACK_BIN, 2, 'c' },
        { UNPACK_BIN, 4, 'c' }, { UNPACK_NONE, 0, 0 },     { UNPACK_NONE, 0, 0 },
        { UNPACK_NONE, 0, 0 },  { UNPACK_DOUBLE, 4, 'f' }, { UNPACK_DOUBLE, 8, 'd' },
        { UNPACK_INT, 1, 'u' }, { UNPACK_INT, 2, 'u' },    { UNPACK_INT, 4, 'u' },
        { UNPACK_INT, 8, 'u' }, { UNPACK_INT, 1, 'i' },    { UNPACK_INT, 2, 'i' },
        { UNPACK_INT, 4, 'i' }, { UNPACK_INT, 8, 'i' },    { UNPACK_NONE, 0, 0 },
        { UNPACK_NONE, 0, 0 },  { UNPACK_NONE, 0, 0 },     { UNPACK_NONE, 0, 0 },
        { UNPACK_NONE, 0, 0 },  { UNPACK_STR, 1, 'c' },    { UNPACK_STR, 2, 'c' },
        { UNPACK_STR, 4, 'c' }, { UNPACK_ARRAY, 2, 'c' },  { UNPACK_ARRAY, 4, 'c' },
        { UNPACK_MAP, 2, 'c' }, { UNPACK_MAP, 4, 'c' },
};

static struct head wide_head(uint8_t tag, const uint8_t *rest, size_t left)
{
        struct head h = { .type = (enum unpack_type)tags[tag - 0xc0].type, .size = 1 };
        unsigned width = tags[tag - 0xc0].width;
        if (h.type == UNPACK_NONE || left < width)
                return (struct head){ 0 };
        h.size = (uint8_t)(1 + width);
        h.number = get_be(rest, left, width);
        switch (tags[tag - 0xc0].kind) {
        case 0:
        case 1:
                h.number = (uint64_t)tags[tag - 0xc0].kind;
                break;
        case 'i':
                if (width < 8 && h.number >> (8 * width - 1))
                        h.number |= UINT64_MAX << (8 * width);
                break;
        case 'u':
                if (h.number > INT64_MAX)
                        h.type = UNPACK_UINT;
                break;
        case 'f': {
                uint32_t bits = (uint32_t)h.number;
                float narrow;
                memcpy(&narrow, &bits, sizeof narrow);
                double wide = (double)narrow;
                memcpy(&h.number, &wide, sizeof wide);
                break;
        }
        default:
                break;
        }
        return h;
}

static inline __attribute__((always_inline)) struct head head_at(const uint8_t *at, const uint8_t *end)
{
        if (at >= end)
                return (struct head){ 0 };
        uint8_t tag = *at;
        if (tag < 0x80)
                return (struct head){ UNPACK_INT, 1, tag };
        if (tag < 0x90)
                return (struct head){ UNPACK_MAP, 1, tag & 0x0f };
        if (tag < 0xa0)
                return (struct head){ UNPACK_ARRAY, 1, tag & 0x0f };
        if (tag < 0xc0)
                return (struct head){ UNPACK_STR, 1, tag & 0x1f };
        if (tag >= 0xe0)
                return (struct head){ UNPACK_INT, 1, (uint64_t)(int64_t)(int8_t)tag };
        return wide_head(tag, at + 1, (size_t)(end - at - 1));
}

/* Table 3-7 of the Unicode standard: no overlong form, no surrogate, nothing above U+10FFFF. */
bool utf8_valid(struct bytes text)
{
        const uint8_t *p = text.data, *end = bytes_end(text);
        while (p < end) {
                uint8_t c = *p++;
                if (c < 0x80)
                        continue;
                unsigned more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
                if (c < 0xc2 || c > 0xf4 || (size_t)(end - p) < more)
                        return false;
                uint8_t low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
                uint8_t high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
                if (*p < low || *p > high)
                        return false;
                for (unsigned i = 1; i < more; i++)
                        if ((p[i] & 0xc0) != 0x80)
                                return false;
                p += more;
        }
        return true;
}

int unpack_validate(struct bytes data, const struct unpack_limits *limits, uint32_t count_expected,
                    size_t *ret_offset)
{
        const uint8_t *at = data.data, *end = bytes_end(data);
        uint64_t left[UNPACK_DEPTH_MAX + 1] = { 0 }; /* values still to come, by depth */
        uint32_t depth = 0, nodes = 0, top = 0;
        int err = STET_EPROTOCOL;

        assert(limits->depth_max <= UNPACK_DEPTH_MAX);
        while (at < end) {
                struct head h = head_at(at, end);
                if (h.type == UNPACK_NONE || ++nodes > limits->nodes_max)
                        goto out;
                if (depth == 0)
                        top++;
                else
                        left[depth]--;
                bool container = h.type == UNPACK_ARRAY || h.type == UNPACK_MAP;
                uint64_t children = h.type == UNPACK_MAP ? 2 * h.number : container ? h.number : 0;
                size_t rest = (size_t)(end - at) - h.size;
                if (h.type == UNPACK_STR || h.type == UNPACK_BIN) {
                        if (h.number > rest)
                                goto out;
                        if (h.type == UNPACK_STR && !utf8_valid(bytes_of(at + h.size, h.number)))
                                goto out;
                        at += h.number;
                }
                if (children > rest || (container && depth >= limits->depth_max))
                        goto out;
                at += h.size;
                if (children)
                        left[++depth] = children;
                while (depth && left[depth] == 0)
                        depth--;
        }
        if (depth == 0 && top > 0 && (count_expected == 0 || top == count_expected))
                err = 0;
out:
        if (ret_offset)
                *ret_offset = (size_t)(at - data.data);
        return err;
}

static struct head take(struct cursor *c)
{
        struct head h = c->failed ? (struct head){ 0 } : head_at(c->at, c->end);
        if (h.type == UNPACK_NONE) {
                c->failed = true;
                c->at = c->end;
                return h;
        }
        c->at += h.size;
        return h;
}

static void fail(struct cursor *c)
{
        c->failed = true;
        c->at = c->end;
}

enum unpack_type cursor_type(const struct cursor *c)
{
        return c->failed ? UNPACK_NONE : head_at(c->at, c->end).type;
}

bool cursor_nil(struct cursor *c)
{
        if (c->failed || c->at >= c->end || *c->at != 0xc0)
                return false;
        c->at++;
        return true;
}

bool cursor_bool_any(struct cursor *c)
{
        struct head h = take(c);
        if (h.type != UNPACK_BOOL) {
                fail(c);
                return false;
        }
        return h.number != 0;
}

int64_t cursor_int_any(struct cursor *c)
{
        struct head h = take(c);
        if (h.type != UNPACK_INT) {
                fail(c);
                return 0;
        }
        return (int64_t)h.number;
}

uint64_t cursor_uint_any(struct cursor *c)
{
        struct head h = take(c);
        if (h.type == UNPACK_UINT || (h.type == UNPACK_INT && (int64_t)h.number >= 0))
                return h.number;
        fail(c);
        return 0;
}

double cursor_double_any(struct cursor *c)
{
        struct head h = take(c);
        if (h.type == UNPACK_INT)
                return (double)(int64_t)h.number;
        if (h.type == UNPACK_UINT)
                return (double)h.number;
        if (h.type != UNPACK_DOUBLE) {
                fail(c);
                return 0;
        }
        double value;
        memcpy(&value, &h.number, sizeof value);
        return value;
}

static struct bytes take_bytes(struct cursor *c, bool str, bool bin)
{
        struct head h = take(c);
        bool fits = (h.type == UNPACK_STR && str) || (h.type == UNPACK_BIN && bin);
        if (!fits || h.number > (size_t)(c->end - c->at)) {
                fail(c);
                return bytes_of(c->end, 0);
        }
        struct bytes data = bytes_of(c->at, h.number);
        c->at += h.number;
        return data;
}

struct bytes cursor_str_any(struct cursor *c)
{
        return take_bytes(c, true, false);
}

struct bytes cursor_bin_any(struct cursor *c)
{
        return take_bytes(c, false, true);
}

struct bytes cursor_blob(struct cursor *c)
{
        return take_bytes(c, true, true);
}

static uint32_t take_count(struct cursor *c, enum unpack_type type)
{
        struct head h = take(c);
        if (h.type != type || h.number > (size_t)(c->end - c->at)) {
                fail(c);
                return 0;
        }
        return (uint32_t)h.number;
}

uint32_t cursor_array_any(struct cursor *c)
{
        return take_count(c, UNPACK_ARRAY);
}

uint32_t cursor_map(struct cursor *c)
{
        return take_count(c, UNPACK_MAP);
}

struct bytes cursor_skip(struct cursor *c)
{
        const uint8_t *start = c->at;
        uint64_t todo = 1;
        while (todo && !c->failed) {
                struct head h = take(c);
                todo--;
                if (h.type == UNPACK_STR || h.type == UNPACK_BIN) {
                        if (h.number > (size_t)(c->end - c->at))
                                fail(c);
                        else
                                c->at += h.number;
                } else if (h.type == UNPACK_ARRAY) {
                        todo += h.number;
                } else if (h.type == UNPACK_MAP) {
                        todo += 2 * h.number;
                }
        }
        return c->failed ? bytes_of(c->end, 0) : bytes_of(start, (size_t)(c->at - start));
}

struct cursor cursor_find(struct bytes map, const char *key)
{
        struct cursor c = cursor_of(map);
        for (uint32_t left = cursor_map(&c); left && !c.failed; left--) {
                struct bytes found = cursor_blob(&c);
                if (!c.failed && bytes_equal(found, bytes_str(key)))
                        return c;
                cursor_skip(&c);
        }
        return (struct cursor){ .failed = true };
}
