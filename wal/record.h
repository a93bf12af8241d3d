/* SPDX-License-Identifier: MIT
 *
 * One record of the log: a fixed header and a body that this folder does not look into. The layout is in
 * FORMAT.md. The header carries the record's own checksum and its predecessor's, so that a flipped bit, a
 * missing record and a record from another past are all found.
 */
#ifndef WAL_RECORD_H
#define WAL_RECORD_H

#include "base/buffer.h"

enum {
        RECORD_HEADER_SIZE = 48,
        RECORD_BODY_MAX = 16 << 20,
};

enum record_kind {
        RECORD_TRANSITION = 1, /* body: an actor's event and effects */
        RECORD_OPENING = 2,    /* a process opened the log; body: epoch and who */
        RECORD_NOTE = 3,       /* body: something the node wants to know after a restart */
        RECORD_REMOVAL = 4,    /* body: the actors whose records and state are to be forgotten */
};

struct record {
        uint8_t kind;  /* enum record_kind */
        uint8_t flags; /* the writer's own */
        uint64_t lsn;
        uint64_t stream;       /* whose record it is: the actor's id; 0 for the node's own */
        uint64_t previous_lsn; /* the same stream's record before this one; 0 for its first */
        int64_t time_ns;
        uint32_t chain; /* checksum of record lsn - 1; 0 for lsn 1 */
        uint32_t crc;   /* of this record: filled by the encoder and the decoder */
        struct bytes body;
};

/* Records that are appended and made durable together, encoded one after the other. */
struct log_group {
        struct buffer bytes;
        uint64_t first_lsn; /* of the first record; the next free LSN while count is 0 */
        uint32_t count;
        uint32_t chain; /* checksum of the last record put in, or of the one before the group */
};

/* An empty group that follows the record (last_lsn, last_crc). Keeps the buffer's memory. */
void log_group_reset(struct log_group *g, uint64_t last_lsn, uint32_t last_crc);
void log_group_fini(struct log_group *g);

static inline uint64_t log_group_next_lsn(const struct log_group *g)
{
        return g->first_lsn + g->count;
}

/* Writes a record in place: begin, append the body to g->bytes, end. The group sets lsn, chain and crc; begin
 * returns the record's offset for end. */
size_t log_group_begin(struct log_group *g, enum record_kind kind, uint8_t flags, uint64_t stream,
                       uint64_t previous_lsn, int64_t time_ns);
/* Returns the record's LSN. */
uint64_t log_group_end(struct log_group *g, size_t offset);

/* Decodes the record at the front of data, checking length and checksum (not the chain). Returns 0 and the
 * bytes it takes in *ret_size; STET_ECORRUPT when it is damaged or cut. The body points into data. */
int record_decode(struct bytes data, struct record *ret, size_t *ret_size);

/* Appends the record as the log has it: the bytes that it was decoded from. */
void record_encode(struct buffer *to, const struct record *record);

#endif
