/* SPDX-License-Identifier: MIT
 *
 * How records lie in LMDB (FORMAT.md, "Blocks"): key and value of a block, and the head record. A block holds
 * as many whole records of one group as fit a page; a record that is larger than a block is cut into pieces.
 * LMDB stores values of at most one page at an even cost; larger ones become a thousand times slower once
 * free pages are scattered.
 *
 * Pure: this file knows bytes, not LMDB.
 */
#ifndef WAL_BLOCK_H
#define WAL_BLOCK_H

#include "stet/error.h"
#include "wal/head.h"
#include "wal/record.h"

enum {
        LOG_FORMAT = 2,
        BLOCK_KEY_SIZE = 10,
        BLOCK_HEADER_SIZE = 16,
        BLOCK_SIZE_MAX = 4080, /* what one LMDB overflow page holds */
        BLOCK_BODY_MAX = BLOCK_SIZE_MAX - BLOCK_HEADER_SIZE,
        LOG_HEAD_SIZE_1 = 40, /* of format 1 */
        LOG_HEAD_SIZE = 52,
};

struct block {
        uint64_t lsn;    /* of the first record in it */
        uint64_t commit; /* LMDB's number of the transaction that wrote it */
        uint16_t piece;  /* 0, or which piece of a cut record this is */
        uint16_t pieces; /* 1, or how many pieces the record is cut into */
        uint16_t count;  /* records that begin in it; 0 in the further pieces of a cut record */
        struct bytes body;
};

void block_key_encode(uint8_t key[BLOCK_KEY_SIZE], uint64_t lsn, uint16_t piece);
void block_header_encode(uint8_t *header, const struct block *block); /* BLOCK_HEADER_SIZE bytes */

/* Checks sizes, checksum and the fields against each other. STET_ECORRUPT leaves *ret alone. */
int block_decode(struct bytes key, struct bytes value, struct block *ret);

/* Takes a group's records block by block. */
struct block_cutter {
        struct bytes rest;
        uint64_t lsn;
        uint16_t piece;
        uint16_t pieces;
        size_t record_rest; /* bytes left of the record that is being cut */
};

struct block_cutter block_cutter_of(const struct log_group *group);

/* The next block, without commit; its body points into the group. False when the group is used up. */
bool block_cut(struct block_cutter *cutter, struct block *ret);

/* The record with LSN 0, which describes the log. */
extern const struct head_kind log_head_kind;

struct log_head {
        uint64_t epoch;
        uint64_t first_lsn; /* records below it are forgotten, even if their block is still there */
        uint64_t commit;    /* LMDB's number of the transaction that wrote this head */

        /* The record before the first that this log ever had: its LSN and checksum. Both 0 when that was
         * record 1. */
        uint64_t origin_lsn;
        uint32_t origin_crc;
};

struct bytes log_head_key(void); /* below all others */

/* Returns the head's size: a log that began with record 1 has a head of format 1, which older versions of
 * stet read. */
size_t log_head_encode(uint8_t value[LOG_HEAD_SIZE], const struct log_head *head);

/* STET_EFORMAT: not a head; STET_ENEWER: of a newer format; STET_ECORRUPT: damaged. */
int log_head_decode(struct bytes value, struct log_head *ret, stet_why *why);

#endif
