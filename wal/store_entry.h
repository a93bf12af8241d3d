/* SPDX-License-Identifier: MIT
 *
 * How entries lie in LMDB (FORMAT.md, "Store"): keys, pieces, and the head. A value is cut into pieces of at
 * most one page, for the reason that records are (block.h). A full piece is followed by another one and any
 * other is the last, so that four bytes of checksum are all that a piece has beside its content.
 *
 * Pure: this file knows bytes, not LMDB.
 */
#ifndef WAL_STORE_ENTRY_H
#define WAL_STORE_ENTRY_H

#include "wal/block.h"
#include "wal/head.h"
#include "wal/store.h"

enum {
        STORE_FORMAT = 1,
        PIECE_NUMBER_SIZE = 2,
        PIECE_KEY_SIZE_MAX = STORE_KEY_MAX + 1 + PIECE_NUMBER_SIZE, /* 1: a scan looks behind a key */
        PIECE_HEADER_SIZE = 4,
        PIECE_SIZE_MAX = BLOCK_SIZE_MAX,
        PIECE_BODY_MAX = PIECE_SIZE_MAX - PIECE_HEADER_SIZE,
        STORE_HEAD_SIZE = 44,
};

/* The key of a piece in LMDB: the caller's key and the piece's number. */
struct piece_key {
        size_t size;
        uint8_t data[PIECE_KEY_SIZE_MAX];
};

/* Of piece 0; the key has at most STORE_KEY_MAX + 1 bytes. */
void piece_key_make(struct piece_key *ret, struct bytes key);
void piece_key_set(struct piece_key *k, uint16_t number);

/* Takes a key in LMDB apart. False when it is none of a piece. */
bool piece_key_split(struct bytes lmdb_key, struct bytes *ret_key, uint16_t *ret_number);

/* Writes the piece with its header and returns its checksum, which is the chain of the piece after it; that
 * of piece 0 is 0. So pieces of two versions of a value don't pass for one. */
uint32_t piece_encode(uint8_t *to, struct bytes lmdb_key, uint32_t chain, struct bytes body);

/* Checks the size and the checksum. STET_ECORRUPT leaves *ret_body and *chain alone. */
int piece_decode(struct bytes lmdb_key, struct bytes value, uint32_t *chain, struct bytes *ret_body);

static inline bool piece_is_full(size_t value_size)
{
        return value_size == PIECE_SIZE_MAX;
}

/* The entry that describes the store. */
struct store_head {
        uint64_t epoch;
        uint64_t commit; /* LMDB's number of the transaction that wrote this head */
        struct store_checkpoint checkpoint;
};

extern const struct head_kind store_head_kind;

struct bytes store_head_key(void); /* below all others */

void store_head_encode(uint8_t value[STORE_HEAD_SIZE], const struct store_head *head);

/* STET_EFORMAT: not a head; STET_ENEWER: of a newer format; STET_ECORRUPT: damaged. */
int store_head_decode(struct bytes value, struct store_head *ret, stet_why *why);

/* A key for sentences: printable characters as they are, other bytes as \xNN; a long one is cut. */
struct store_key_text {
        char text[160];
};

struct store_key_text store_key_text(struct bytes key);

#endif
