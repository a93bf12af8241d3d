/* SPDX-License-Identifier: MIT
 *
 * What the head of every file of ours begins with (FORMAT.md): a magic, the format, a checksum of all the
 * rest, the epoch. The fields behind are the kind's own.
 */
#ifndef WAL_HEAD_H
#define WAL_HEAD_H

#include "base/bytes.h"
#include "stet/error.h"

enum {
        HEAD_AT_FORMAT = 8,
        HEAD_AT_CRC = 12,
        HEAD_AT_EPOCH = 16,
        HEAD_AT_FIELDS = 24,
};

struct head_kind {
        const char *magic; /* 8 bytes */
        const char *name;  /* log, store */
        uint32_t format_max;
};

void head_begin(uint8_t *value, const struct head_kind *kind, uint32_t format, uint64_t epoch);
void head_end(uint8_t *value, size_t size); /* the fields are written */

/* STET_EFORMAT: it is no head of that kind; STET_ENEWER. */
int head_format(struct bytes value, const struct head_kind *kind, uint32_t *ret_format, stet_why *why);
/* 0 when it has the size that its format has and is whole; else STET_ECORRUPT. */
int head_whole(struct bytes value, size_t size, stet_why *why);

#endif
