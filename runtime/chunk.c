/* SPDX-License-Identifier: MIT */
#include "runtime/chunk.h"

#include "base/unpack.h"
#include "wal/le.h"
#include "wal/store.h"

#include <lz4.h>
#include <stdlib.h>

enum {
        VERSION = 1,
        VERSION_PACKED = 2,
        PACKED_HEADER_SIZE = CHUNK_HEADER_SIZE + 4,
        VALUE_ENTRY_SIZE = 8 + CHUNK_HASH_SIZE,
};

#define WITHOUT_VALUES UINT32_C(0x80000000)

/* --- writing --- */

/* A transition's body is one array after the other, the event's and the effects': strings and bytes are their
 * elements. */
size_t chunk_find_values(struct bytes record, struct chunk_value *values)
{
        size_t count = 0;
        if (record.size < RECORD_HEADER_SIZE + CHUNK_VALUE_MIN || record.data[12] != RECORD_TRANSITION)
                return 0;
        struct cursor c =
            cursor_of(bytes_of(record.data + RECORD_HEADER_SIZE, record.size - RECORD_HEADER_SIZE));
        while (!cursor_end(&c) && !c.failed) {
                uint32_t fields = cursor_array(&c);
                for (uint32_t i = 0; i < fields && !c.failed && count < CHUNK_VALUES_MAX; i++) {
                        enum unpack_type type = cursor_type(&c);
                        if (type != UNPACK_STR && type != UNPACK_BIN) {
                                cursor_skip(&c);
                                continue;
                        }
                        struct bytes value = cursor_blob(&c);
                        if (value.size < CHUNK_VALUE_MIN)
                                continue;
                        values[count++] =
                            (struct chunk_value){ .offset = (uint32_t)(value.data - record.data),
                                                  .size = (uint32_t)value.size };
                }
                if (count == CHUNK_VALUES_MAX)
                        break;
        }
        return c.failed ? 0 : count;
}

void chunk_begin(struct buffer *chunk, uint32_t sequence)
{
        uint8_t header[CHUNK_HEADER_SIZE] = { VERSION };
        le32_put(header + 4, sequence);
        buffer_clear(chunk);
        buffer_append(chunk, header, sizeof header);
}

static void put_values(struct buffer *chunk, const struct chunk_value *values, size_t count)
{
        uint8_t entry[VALUE_ENTRY_SIZE];
        le32_put(entry, WITHOUT_VALUES | (uint32_t)count);
        buffer_append(chunk, entry, 4);
        for (size_t i = 0; i < count; i++) {
                le32_put(entry, values[i].offset);
                le32_put(entry + 4, values[i].size);
                memcpy(entry + 8, values[i].hash, CHUNK_HASH_SIZE);
                buffer_append(chunk, entry, sizeof entry);
        }
}

void chunk_append(struct buffer *chunk, struct bytes record, const struct chunk_value *values, size_t count)
{
        size_t at = 0;
        if (count)
                put_values(chunk, values, count);
        for (size_t i = 0; i < count; i++) {
                buffer_append(chunk, record.data + at, values[i].offset - at);
                at = (size_t)values[i].offset + values[i].size;
        }
        buffer_append(chunk, record.data + at, record.size - at);
        le16_put(chunk->data + 2, (uint16_t)(le16_get(chunk->data + 2) + 1));
}

/* --- packing --- */

/* The first bytes of both versions differ in the version only. */
static void put_packed_header(struct buffer *packed, struct bytes chunk)
{
        buffer_append(packed, chunk.data, CHUNK_HEADER_SIZE);
        packed->data[0] = VERSION_PACKED;
        uint8_t size[4];
        le32_put(size, (uint32_t)(chunk.size - CHUNK_HEADER_SIZE));
        buffer_append(packed, size, sizeof size);
}

struct bytes chunk_pack(struct chunk_packer *p, struct bytes chunk)
{
        if (chunk.size <= PACKED_HEADER_SIZE)
                return chunk;
        if (!p->state)
                p->state = xmalloc((size_t)LZ4_sizeofState());
        size_t room = chunk.size - PACKED_HEADER_SIZE;
        buffer_clear(&p->packed);
        put_packed_header(&p->packed, chunk);
        buffer_reserve(&p->packed, room);
        int size = LZ4_compress_fast_extState(p->state, (const char *)chunk.data + CHUNK_HEADER_SIZE,
                                              (char *)p->packed.data + p->packed.size,
                                              (int)(chunk.size - CHUNK_HEADER_SIZE), (int)room, 1);
        if (size <= 0)
                return chunk; /* it found no room */
        p->packed.size += (size_t)size;
        return buffer_bytes(&p->packed);
}

void chunk_packer_fini(struct chunk_packer *p)
{
        free(p->state);
        buffer_fini(&p->packed);
        *p = (struct chunk_packer){ 0 };
}

static int unpack(struct bytes chunk, struct buffer *ret)
{
        uint32_t size = chunk.size > PACKED_HEADER_SIZE ? le32_get(chunk.data + CHUNK_HEADER_SIZE) : 0;
        if (!size || size > STORE_VALUE_MAX)
                return STET_ECORRUPT;
        buffer_clear(ret);
        buffer_append(ret, chunk.data, CHUNK_HEADER_SIZE);
        ret->data[0] = VERSION;
        buffer_reserve(ret, size);
        int got =
            LZ4_decompress_safe((const char *)chunk.data + PACKED_HEADER_SIZE, (char *)ret->data + ret->size,
                                (int)(chunk.size - PACKED_HEADER_SIZE), (int)size);
        if (got < 0 || (uint32_t)got != size)
                return STET_ECORRUPT;
        ret->size += size;
        return 0;
}

static bool is_chunk(struct bytes chunk, uint8_t version)
{
        return chunk.size >= CHUNK_HEADER_SIZE && chunk.data[0] == version && !chunk.data[1];
}

int chunk_unpack(struct bytes chunk, struct buffer *ret)
{
        if (is_chunk(chunk, VERSION_PACKED))
                return unpack(chunk, ret);
        if (!is_chunk(chunk, VERSION))
                return STET_ECORRUPT;
        buffer_clear(ret);
        buffer_append(ret, chunk.data, chunk.size);
        return 0;
}

/* --- reading --- */

uint32_t chunk_sequence(struct bytes chunk)
{
        return chunk.size < CHUNK_HEADER_SIZE ? 0 : le32_get(chunk.data + 4);
}

uint32_t chunk_count(struct bytes chunk)
{
        return chunk.size < CHUNK_HEADER_SIZE ? 0 : le16_get(chunk.data + 2);
}

int chunk_open(struct bytes chunk, struct buffer *unpacked, struct bytes *ret_rest)
{
        if (is_chunk(chunk, VERSION_PACKED)) {
                if (unpack(chunk, unpacked))
                        return STET_ECORRUPT;
                chunk = buffer_bytes(unpacked);
        } else if (!is_chunk(chunk, VERSION)) {
                return STET_ECORRUPT;
        }
        *ret_rest = bytes_of(chunk.data + CHUNK_HEADER_SIZE, chunk.size - CHUNK_HEADER_SIZE);
        return 0;
}

/* The values must lie within the record, one behind the other. Returns their size, or SIZE_MAX. */
static size_t take_values(struct bytes *rest, size_t count, struct chunk_item *item)
{
        size_t sum = 0, behind = RECORD_HEADER_SIZE;
        if (!count || count > CHUNK_VALUES_MAX || rest->size < count * VALUE_ENTRY_SIZE)
                return SIZE_MAX;
        for (size_t i = 0; i < count; i++) {
                struct chunk_value *value = &item->values[i];
                value->offset = le32_get(rest->data);
                value->size = le32_get(rest->data + 4);
                memcpy(value->hash, rest->data + 8, CHUNK_HASH_SIZE);
                *rest = bytes_of(rest->data + VALUE_ENTRY_SIZE, rest->size - VALUE_ENTRY_SIZE);
                if (value->offset < behind)
                        return SIZE_MAX;
                behind = (size_t)value->offset + value->size;
                sum += value->size;
        }
        return behind <= RECORD_HEADER_SIZE + RECORD_BODY_MAX ? sum : SIZE_MAX;
}

int chunk_next(struct bytes *rest, struct chunk_item *ret)
{
        size_t taken = 0;
        ret->values_count = 0;
        if (rest->size >= 4 && le32_get(rest->data) & WITHOUT_VALUES) {
                ret->values_count = le32_get(rest->data) & ~WITHOUT_VALUES;
                *rest = bytes_of(rest->data + 4, rest->size - 4);
                taken = take_values(rest, ret->values_count, ret);
        }
        if (taken == SIZE_MAX || rest->size < RECORD_HEADER_SIZE)
                return STET_ECORRUPT;
        ret->size = le32_get(rest->data);
        if (ret->size < RECORD_HEADER_SIZE + taken || ret->size - taken > rest->size)
                return STET_ECORRUPT;
        ret->bytes = bytes_of(rest->data, ret->size - taken);
        *rest = bytes_of(rest->data + ret->bytes.size, rest->size - ret->bytes.size);
        return 0;
}
