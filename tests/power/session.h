/* SPDX-License-Identifier: MIT
 *
 * What a workload did, as a checker must know it: the records that it gave to the log, and what it was
 * promised meanwhile. A recovery begins with the part of it that it found, and may go on.
 */
#ifndef TESTS_POWER_SESSION_H
#define TESTS_POWER_SESSION_H

#include "stet/error.h"
#include "wal/record.h"

struct session_record {
        uint32_t crc;
        bool ends_group;
        uint64_t fingerprint; /* of the shard when this record was its last; 0: unknown */
};

struct session_ack {
        uint64_t lsn;   /* records up to here are durable */
        uint64_t first; /* the log begins with this record, or a later one */
        uint64_t epoch; /* the log was opened with */

        /* The engine's: */
        uint8_t type;     /* enum message_type of what was said */
        uint32_t command; /* to which command, from 1 on; 0: to none */
        uint32_t code;
        uint32_t ending; /* of a RESULT */
        uint64_t run;
        bool existing; /* it changed nothing, and left no record */
};

enum { SENTENCE_SIZE = 700 };

/* The same where another process sees it. */
enum { SHARED_RECORDS_MAX = 4096, SHARED_ACKS_MAX = 4096 };

struct session_shared {
        struct session_record records[SHARED_RECORDS_MAX];
        size_t records_count;
        struct session_ack acks[SHARED_ACKS_MAX];
        size_t acks_count;
        uint64_t trimmed_to;
        char wrong[SENTENCE_SIZE];
};

struct session {
        struct session_record *records; /* records[lsn - 1] */
        size_t records_count;
        struct session_ack *acks;
        size_t acks_count;
        uint64_t trimmed_to;           /* no trim went beyond this LSN */
        struct session_shared *shared; /* kept equal; NULL: none */
        char wrong[SENTENCE_SIZE];     /* what promise was broken, "" if none */
};

void session_fini(struct session *s);

/* Becomes the beginning of another one: its first records and acknowledgements. */
void session_begin(struct session *s, const struct session *from, size_t records, size_t acks);

/* Becomes what another process left. */
void session_take(struct session *s, const struct session_shared *from);

/* A trim to there is about to be asked for. */
void session_trim(struct session *s, uint64_t to_lsn);

/* A group is about to be given to the log. */
void session_append(struct session *s, const struct log_group *group);

/* Batch `number` is about to be given to the store: one record, by which it is known. */
void session_batch(struct session *s, uint64_t number, uint32_t crc);

/* A promise to the outside, which the recorder hears of as well. */
void session_ack(struct session *s, struct session_ack ack);

/* The most that the first `acks` promises say. */
struct session_ack session_promised(const struct session *s, size_t acks);

/* Says what is wrong, if nothing was yet, and returns false. */
bool session_wrong(struct session *s, const char *format, ...) STET_PRINTF(2, 3);

#endif
