/* SPDX-License-Identifier: MIT
 *
 * A chunk: some records of one run, one after the other, as the store keeps them. A record stands in it as it
 * stood in the log, except that big values are taken out and kept beside it, once for all records that have
 * them. Put back, the record is the same to the bit, so that its checksum still covers it.
 *
 *      version 1, 0           2 bytes
 *      count                  2 bytes, of the records
 *      sequence               4 bytes: the how manieth of the run the first one is, from 0
 *      records                as in wal/FORMAT.md; or, of one with big values:
 *              0x80000000 + n  4 bytes: n values were taken out
 *              n times         where in the record (4), how many bytes (4), hash (16)
 *              the record without them
 *
 * Or packed, where that is shorter: what a run does it says again and again in the next records.
 *
 *      version 2, 0           2 bytes
 *      count, sequence        as above
 *      size                   4 bytes, of the records as above
 *      a block of LZ4         the records: github.com/lz4/lz4, doc/lz4_Block_format.md
 *
 * Numbers are little-endian, as in the record.
 */
#ifndef RUNTIME_CHUNK_H
#define RUNTIME_CHUNK_H

#include "base/buffer.h"
#include "stet/error.h"
#include "wal/record.h"

enum {
        CHUNK_HEADER_SIZE = 8,
        CHUNK_SIZE_AIM = 4000, /* one that has so many bytes before it is packed gets no more records: while a
                                  run goes on, its last chunk is written anew with each batch */
        CHUNK_VALUE_MIN = 4096, /* a value of so many bytes is big */
        CHUNK_VALUES_MAX = 64,  /* of one record; the others stay in it */
        CHUNK_HASH_SIZE = 16,
};

/* A big value within a record. */
struct chunk_value {
        uint32_t offset; /* from the record's start */
        uint32_t size;
        uint8_t hash[CHUNK_HASH_SIZE];
};

/* The big values in a transition's record (its event's and effects' strings and values), in order; at most
 * CHUNK_VALUES_MAX. Hashes are left to the caller. */
size_t chunk_find_values(struct bytes record, struct chunk_value *values);

/* An empty chunk. */
void chunk_begin(struct buffer *chunk, uint32_t sequence);

/* Appends a record without the values given. */
void chunk_append(struct buffer *chunk, struct bytes record, const struct chunk_value *values, size_t count);

/* Packs chunks; zeroed: ready. */
struct chunk_packer {
        void *state; /* of LZ4 */
        struct buffer packed;
};

/* The chunk packed, or as it is if that is not shorter; valid until the next one. */
struct bytes chunk_pack(struct chunk_packer *p, struct bytes chunk);
void chunk_packer_fini(struct chunk_packer *p);

/* The chunk as it was before it was packed, in place of what is in *ret; it can be appended to.
 * STET_ECORRUPT. */
int chunk_unpack(struct bytes chunk, struct buffer *ret);

uint32_t chunk_sequence(struct bytes chunk);
uint32_t chunk_count(struct bytes chunk);

/* One record of a chunk. */
struct chunk_item {
        struct bytes bytes; /* without its values */
        uint32_t size;      /* with them */
        size_t values_count;
        struct chunk_value values[CHUNK_VALUES_MAX];
};

/* Gives the records of a chunk: those of a packed one lie in *unpacked, in place of what was there.
 * STET_ECORRUPT. */
int chunk_open(struct bytes chunk, struct buffer *unpacked, struct bytes *ret_rest);

/* Walks them: takes the first one from *rest. STET_ECORRUPT. */
int chunk_next(struct bytes *rest, struct chunk_item *ret);

#endif
