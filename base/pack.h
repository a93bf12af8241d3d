/* SPDX-License-Identifier: MIT
 *
 * msgpack encoding into a buffer, always in the shortest form, so that equal values have equal bytes (replay
 * compares effects byte by byte). Format: https://github.com/msgpack/msgpack/blob/master/spec.md
 */
#ifndef BASE_PACK_H
#define BASE_PACK_H

#include "base/buffer.h"

void pack_nil(struct buffer *b);
void pack_bool(struct buffer *b, bool value);
void pack_uint(struct buffer *b, uint64_t value);
void pack_int(struct buffer *b, int64_t value);
void pack_double(struct buffer *b, double value);
void pack_str(struct buffer *b, struct bytes text);
void pack_cstr(struct buffer *b, const char *text);
void pack_bin(struct buffer *b, struct bytes data);
void pack_array(struct buffer *b, uint32_t count);
void pack_map(struct buffer *b, uint32_t pairs);

/* Bytes that are a msgpack value already. Empty bytes are written as nil. */
void pack_raw(struct buffer *b, struct bytes value);

#endif
