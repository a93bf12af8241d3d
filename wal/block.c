/* SPDX-License-Identifier: MIT
 *
 * A block's checksum covers its key and its header, so that a block under a wrong key is found; its records
 * carry their own.
 */
#include "wal/block.h"

#include "base/crc32c.h"
#include "wal/record_layout.h"

enum { BLOCK_AT_COMMIT = 0, BLOCK_AT_COUNT = 8, BLOCK_AT_PIECES = 10, BLOCK_AT_CRC = 12 };
enum { HEAD_AT_FIRST = HEAD_AT_FIELDS, HEAD_AT_COMMIT = 32, HEAD_AT_ORIGIN = 40, HEAD_AT_ORIGIN_CRC = 48 };

void block_key_encode(uint8_t key[BLOCK_KEY_SIZE], uint64_t lsn, uint16_t piece)
{
        be64_put(key, lsn);
        be16_put(key + 8, piece);
}

static uint32_t block_checksum(const uint8_t *key, const uint8_t *header)
{
        return crc32c(crc32c(0, key, BLOCK_KEY_SIZE), header, BLOCK_AT_CRC);
}

void block_header_encode(uint8_t *header, const struct block *block)
{
        uint8_t key[BLOCK_KEY_SIZE];
        block_key_encode(key, block->lsn, block->piece);
        le64_put(header + BLOCK_AT_COMMIT, block->commit);
        le16_put(header + BLOCK_AT_COUNT, block->count);
        le16_put(header + BLOCK_AT_PIECES, block->pieces);
        le32_put(header + BLOCK_AT_CRC, block_checksum(key, header));
}

/* Whole records, the first piece of a cut one, or a further piece. */
static bool block_is_sane(const struct block *b)
{
        if (b->lsn == 0 || b->pieces == 0 || b->piece >= b->pieces)
                return false;
        if (b->piece > 0)
                return b->count == 0;
        return b->pieces == 1 ? b->count > 0 : b->count == 1;
}

int block_decode(struct bytes key, struct bytes value, struct block *ret)
{
        if (key.size != BLOCK_KEY_SIZE || value.size <= BLOCK_HEADER_SIZE || value.size > BLOCK_SIZE_MAX)
                return STET_ECORRUPT;
        const uint8_t *header = value.data;
        if (le32_get(header + BLOCK_AT_CRC) != block_checksum(key.data, header))
                return STET_ECORRUPT;
        struct block block = {
                .lsn = be64_get(key.data),
                .piece = be16_get(key.data + 8),
                .commit = le64_get(header + BLOCK_AT_COMMIT),
                .count = le16_get(header + BLOCK_AT_COUNT),
                .pieces = le16_get(header + BLOCK_AT_PIECES),
                .body = bytes_of(header + BLOCK_HEADER_SIZE, value.size - BLOCK_HEADER_SIZE),
        };
        if (!block_is_sane(&block))
                return STET_ECORRUPT;
        *ret = block;
        return 0;
}

struct block_cutter block_cutter_of(const struct log_group *group)
{
        return (struct block_cutter){ .rest = buffer_bytes(&group->bytes), .lsn = group->first_lsn };
}

static void take(struct block_cutter *c, size_t size, struct block *ret)
{
        ret->body = bytes_of(c->rest.data, size);
        c->rest = bytes_of(c->rest.data + size, c->rest.size - size);
}

static void cut_piece(struct block_cutter *c, struct block *ret)
{
        size_t size = c->record_rest < BLOCK_BODY_MAX ? c->record_rest : BLOCK_BODY_MAX;
        *ret =
            (struct block){ .lsn = c->lsn, .piece = c->piece, .pieces = c->pieces, .count = c->piece == 0 };
        take(c, size, ret);
        c->piece++;
        c->record_rest -= size;
        if (!c->record_rest) {
                c->piece = 0;
                c->lsn++;
        }
}

bool block_cut(struct block_cutter *c, struct block *ret)
{
        if (!c->rest.size)
                return false;
        if (!c->record_rest && record_length(c->rest.data) > BLOCK_BODY_MAX) {
                c->record_rest = record_length(c->rest.data);
                c->pieces = (uint16_t)((c->record_rest + BLOCK_BODY_MAX - 1) / BLOCK_BODY_MAX);
        }
        if (c->record_rest) {
                cut_piece(c, ret);
                return true;
        }
        size_t size = 0;
        uint16_t count = 0;
        while (size < c->rest.size && size + record_length(c->rest.data + size) <= BLOCK_BODY_MAX) {
                size += record_length(c->rest.data + size);
                count++;
        }
        *ret = (struct block){ .lsn = c->lsn, .pieces = 1, .count = count };
        take(c, size, ret);
        c->lsn += count;
        return true;
}

/* --- the head --- */

const struct head_kind log_head_kind = { "stet log", "log", LOG_FORMAT };

struct bytes log_head_key(void)
{
        static const uint8_t key[BLOCK_KEY_SIZE] = { 0 };
        return bytes_of(key, sizeof key);
}

static size_t head_size(uint32_t format)
{
        return format < 2 ? LOG_HEAD_SIZE_1 : LOG_HEAD_SIZE;
}

size_t log_head_encode(uint8_t value[LOG_HEAD_SIZE], const struct log_head *head)
{
        uint32_t format = head->origin_lsn ? 2 : 1;
        head_begin(value, &log_head_kind, format, head->epoch);
        le64_put(value + HEAD_AT_FIRST, head->first_lsn);
        le64_put(value + HEAD_AT_COMMIT, head->commit);
        if (format > 1) {
                le64_put(value + HEAD_AT_ORIGIN, head->origin_lsn);
                le32_put(value + HEAD_AT_ORIGIN_CRC, head->origin_crc);
        }
        head_end(value, head_size(format));
        return head_size(format);
}

int log_head_decode(struct bytes value, struct log_head *ret, stet_why *why)
{
        uint32_t format;
        int err = head_format(value, &log_head_kind, &format, why);
        if (!err)
                err = head_whole(value, head_size(format), why);
        if (err)
                return err;
        struct log_head head = {
                .epoch = le64_get(value.data + HEAD_AT_EPOCH),
                .first_lsn = le64_get(value.data + HEAD_AT_FIRST),
                .commit = le64_get(value.data + HEAD_AT_COMMIT),
        };
        if (format > 1) {
                head.origin_lsn = le64_get(value.data + HEAD_AT_ORIGIN);
                head.origin_crc = le32_get(value.data + HEAD_AT_ORIGIN_CRC);
        }
        *ret = head;
        return 0;
}
