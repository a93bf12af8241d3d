/* SPDX-License-Identifier: MIT
 *
 * Bounded msgpack reading. unpack_validate() is the gate for every byte from a peer or a disk: it allocates
 * nothing, and what it passes is safe for the cursor below and for msgpack-c (which otherwise allocates what
 * a five-byte header claims). The cursor reads in place; the bytes and strings it returns point into the
 * input.
 */
#ifndef BASE_UNPACK_H
#define BASE_UNPACK_H

#include <endian.h>

#include "base/bytes.h"

enum {
        UNPACK_DEPTH_MAX = 20, /* containers within containers; msgpack-c stops at 32 */
};

struct unpack_limits {
        uint32_t depth_max; /* at most UNPACK_DEPTH_MAX */
        uint32_t nodes_max; /* values of any kind in the whole input */
};

/* Checks that data is exactly count_expected whole msgpack values (or any number of them, at least one, when
 * count_expected is 0): every length and count fits the bytes that are left, strings are UTF-8, no ext type,
 * no trailing byte. Returns 0 or STET_EPROTOCOL; *ret_offset (may be NULL) says at which byte it failed. */
int unpack_validate(struct bytes data, const struct unpack_limits *limits, uint32_t count_expected,
                    size_t *ret_offset);

bool utf8_valid(struct bytes text);

enum unpack_type {
        UNPACK_NONE, /* end of input, or a byte that is no msgpack value */
        UNPACK_NIL,
        UNPACK_BOOL,
        UNPACK_INT,  /* fits int64_t */
        UNPACK_UINT, /* above INT64_MAX */
        UNPACK_DOUBLE,
        UNPACK_STR,
        UNPACK_BIN,
        UNPACK_ARRAY,
        UNPACK_MAP,
};

/* Reads forward. A mistake (wrong type, end of input) sets failed and every later read returns an empty
 * value, so that a decoder reads all its fields and checks once. */
struct cursor {
        const uint8_t *at;
        const uint8_t *end;
        bool failed;
};

static inline struct cursor cursor_of(struct bytes data)
{
        return (struct cursor){ data.data, bytes_end(data), false };
}

enum unpack_type cursor_type(const struct cursor *c);
bool cursor_nil(struct cursor *c);          /* takes a nil if one is next, and says so; else takes nothing */
struct bytes cursor_blob(struct cursor *c); /* str or bin */
uint32_t cursor_map(struct cursor *c);

/* The general forms of those below, for what is rare: the last bytes of an input, other widths, mistakes. */
bool cursor_bool_any(struct cursor *c);
int64_t cursor_int_any(struct cursor *c);
uint64_t cursor_uint_any(struct cursor *c);
double cursor_double_any(struct cursor *c);
struct bytes cursor_str_any(struct cursor *c);
struct bytes cursor_bin_any(struct cursor *c);
uint32_t cursor_array_any(struct cursor *c);

/* Records and frames are read field by field, millions a second: the common forms are read in place. Each of
 * these says whether one is next at *at, and takes it if so. */

static inline bool unpack_uint_here(const uint8_t **at, const uint8_t *end, uint64_t *ret)
{
        if (*at < end && **at < 0x80) {
                *ret = *(*at)++;
                return true;
        }
        if (end - *at <= 8 || (**at & 0xfc) != 0xcc)
                return false;
        uint64_t number;
        unsigned width = 1u << (**at & 3);
        memcpy(&number, *at + 1, sizeof number);
        *at += 1 + width;
        *ret = be64toh(number) >> (64 - 8 * width);
        return true;
}

static inline bool unpack_int_here(const uint8_t **at, const uint8_t *end, int64_t *ret)
{
        const uint8_t *before = *at;
        uint64_t number;
        if (!unpack_uint_here(at, end, &number))
                return false;
        *ret = (int64_t)number;
        if (number > INT64_MAX)
                *at = before;
        return number <= INT64_MAX;
}

static inline bool unpack_double_here(const uint8_t **at, const uint8_t *end, double *ret)
{
        uint64_t bits;
        if (end - *at <= 8 || **at != 0xcb)
                return false;
        memcpy(&bits, *at + 1, sizeof bits);
        bits = be64toh(bits);
        memcpy(ret, &bits, sizeof *ret);
        *at += 9;
        return true;
}

static inline bool unpack_bool_here(const uint8_t **at, const uint8_t *end, bool *ret)
{
        if (*at >= end || (**at & 0xfe) != 0xc2)
                return false;
        *ret = *(*at)++ & 1;
        return true;
}

static inline bool unpack_str_here(const uint8_t **at, const uint8_t *end, struct bytes *ret)
{
        if (*at >= end || (**at & 0xe0) != 0xa0 || end - *at <= (**at & 0x1f))
                return false;
        *ret = bytes_of(*at + 1, **at & 0x1f);
        *at += 1 + ret->size;
        return true;
}

static inline bool unpack_bin_here(const uint8_t **at, const uint8_t *end, struct bytes *ret)
{
        if (end - *at <= 1 || **at != 0xc4 || end - *at - 2 < (*at)[1])
                return false;
        *ret = bytes_of(*at + 2, (*at)[1]);
        *at += 2 + ret->size;
        return true;
}

static inline uint64_t cursor_uint(struct cursor *c)
{
        uint64_t value;
        return unpack_uint_here(&c->at, c->end, &value) ? value : cursor_uint_any(c);
}

static inline int64_t cursor_int(struct cursor *c)
{
        int64_t value;
        return unpack_int_here(&c->at, c->end, &value) ? value : cursor_int_any(c);
}

static inline double cursor_double(struct cursor *c) /* also takes integers */
{
        double value;
        return unpack_double_here(&c->at, c->end, &value) ? value : cursor_double_any(c);
}

static inline bool cursor_bool(struct cursor *c)
{
        bool value;
        return unpack_bool_here(&c->at, c->end, &value) ? value : cursor_bool_any(c);
}

static inline struct bytes cursor_str(struct cursor *c)
{
        struct bytes text;
        return unpack_str_here(&c->at, c->end, &text) ? text : cursor_str_any(c);
}

static inline struct bytes cursor_bin(struct cursor *c)
{
        struct bytes data;
        return unpack_bin_here(&c->at, c->end, &data) ? data : cursor_bin_any(c);
}

static inline uint32_t cursor_array(struct cursor *c)
{
        if (c->at < c->end && (*c->at & 0xf0) == 0x90 && c->end - c->at > (*c->at & 0x0f))
                return *c->at++ & 0x0f;
        return cursor_array_any(c);
}

/* Passes over one whole value, however deep (it takes no stack), and returns its bytes. */
struct bytes cursor_skip(struct cursor *c);

/* At the value of a map's key; failed when data is no map or has no such key. */
struct cursor cursor_find(struct bytes map, const char *key);

static inline bool cursor_end(const struct cursor *c)
{
        return c->at == c->end;
}

#endif
