/* SPDX-License-Identifier: MIT
 *
 * A piece's checksum covers its key, so that a piece under a wrong key is found, and goes on from that of the
 * piece before it.
 */
#include "wal/store_entry.h"

#include "base/crc32c.h"
#include "wal/le.h"

#include <stdio.h>

enum { HEAD_AT_COMMIT = HEAD_AT_FIELDS, HEAD_AT_LSN = 32, HEAD_AT_LSN_CRC = 40 };

/* --- pieces --- */

void piece_key_make(struct piece_key *ret, struct bytes key)
{
        if (key.size)
                memcpy(ret->data, key.data, key.size);
        ret->size = key.size + PIECE_NUMBER_SIZE;
        piece_key_set(ret, 0);
}

void piece_key_set(struct piece_key *k, uint16_t number)
{
        be16_put(k->data + k->size - PIECE_NUMBER_SIZE, number);
}

bool piece_key_split(struct bytes lmdb_key, struct bytes *ret_key, uint16_t *ret_number)
{
        if (lmdb_key.size <= PIECE_NUMBER_SIZE || lmdb_key.size > STORE_KEY_MAX + PIECE_NUMBER_SIZE ||
            lmdb_key.data[0] == 0)
                return false;
        *ret_key = bytes_of(lmdb_key.data, lmdb_key.size - PIECE_NUMBER_SIZE);
        *ret_number = be16_get(bytes_end(*ret_key));
        return true;
}

static uint32_t piece_checksum(struct bytes lmdb_key, uint32_t chain, struct bytes body)
{
        return crc32c(crc32c(chain, lmdb_key.data, lmdb_key.size), body.data, body.size);
}

uint32_t piece_encode(uint8_t *to, struct bytes lmdb_key, uint32_t chain, struct bytes body)
{
        uint32_t crc = piece_checksum(lmdb_key, chain, body);
        le32_put(to, crc);
        memcpy(to + PIECE_HEADER_SIZE, body.data, body.size);
        return crc;
}

int piece_decode(struct bytes lmdb_key, struct bytes value, uint32_t *chain, struct bytes *ret_body)
{
        if (value.size < PIECE_HEADER_SIZE || value.size > PIECE_SIZE_MAX)
                return STET_ECORRUPT;
        struct bytes body = bytes_of(value.data + PIECE_HEADER_SIZE, value.size - PIECE_HEADER_SIZE);
        uint32_t crc = piece_checksum(lmdb_key, *chain, body);
        if (crc != le32_get(value.data))
                return STET_ECORRUPT;
        *chain = crc;
        *ret_body = body;
        return 0;
}

/* --- the head --- */

const struct head_kind store_head_kind = { "stetstor", "store", STORE_FORMAT };

struct bytes store_head_key(void)
{
        static const uint8_t key[1] = { 0 };
        return bytes_of(key, sizeof key);
}

void store_head_encode(uint8_t value[STORE_HEAD_SIZE], const struct store_head *head)
{
        head_begin(value, &store_head_kind, STORE_FORMAT, head->epoch);
        le64_put(value + HEAD_AT_COMMIT, head->commit);
        le64_put(value + HEAD_AT_LSN, head->checkpoint.lsn);
        le32_put(value + HEAD_AT_LSN_CRC, head->checkpoint.crc);
        head_end(value, STORE_HEAD_SIZE);
}

int store_head_decode(struct bytes value, struct store_head *ret, stet_why *why)
{
        uint32_t format;
        int err = head_format(value, &store_head_kind, &format, why);
        if (!err)
                err = head_whole(value, STORE_HEAD_SIZE, why);
        if (err)
                return err;
        *ret = (struct store_head){
                .epoch = le64_get(value.data + HEAD_AT_EPOCH),
                .commit = le64_get(value.data + HEAD_AT_COMMIT),
                .checkpoint = { le64_get(value.data + HEAD_AT_LSN), le32_get(value.data + HEAD_AT_LSN_CRC) },
        };
        return 0;
}

/* --- sentences --- */

struct store_key_text store_key_text(struct bytes key)
{
        struct store_key_text t;
        size_t at = 0;
        for (size_t i = 0; i < key.size; i++) {
                if (at + sizeof "\\xNN..." > sizeof t.text) {
                        at += (size_t)snprintf(t.text + at, sizeof t.text - at, "...");
                        break;
                }
                bool plain = key.data[i] > ' ' && key.data[i] < 0x7f && key.data[i] != '\\';
                at +=
                    (size_t)snprintf(t.text + at, sizeof t.text - at, plain ? "%c" : "\\x%02x", key.data[i]);
        }
        t.text[at] = '\0';
        return t;
}
