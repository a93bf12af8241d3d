/* SPDX-License-Identifier: MIT
 *
 * Numbers in the log's bytes: little-endian in records and blocks, big-endian in keys, so that keys sort by
 * value. Nothing is aligned; compilers make one instruction of each.
 */
#ifndef WAL_LE_H
#define WAL_LE_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline void le16_put(uint8_t *to, uint16_t value)
{
        value = htole16(value);
        memcpy(to, &value, sizeof value);
}

static inline void le32_put(uint8_t *to, uint32_t value)
{
        value = htole32(value);
        memcpy(to, &value, sizeof value);
}

static inline void le64_put(uint8_t *to, uint64_t value)
{
        value = htole64(value);
        memcpy(to, &value, sizeof value);
}

static inline uint16_t le16_get(const uint8_t *from)
{
        uint16_t value;
        memcpy(&value, from, sizeof value);
        return le16toh(value);
}

static inline uint32_t le32_get(const uint8_t *from)
{
        uint32_t value;
        memcpy(&value, from, sizeof value);
        return le32toh(value);
}

static inline uint64_t le64_get(const uint8_t *from)
{
        uint64_t value;
        memcpy(&value, from, sizeof value);
        return le64toh(value);
}

static inline void be16_put(uint8_t *to, uint16_t value)
{
        value = htobe16(value);
        memcpy(to, &value, sizeof value);
}

static inline void be64_put(uint8_t *to, uint64_t value)
{
        value = htobe64(value);
        memcpy(to, &value, sizeof value);
}

static inline uint16_t be16_get(const uint8_t *from)
{
        uint16_t value;
        memcpy(&value, from, sizeof value);
        return be16toh(value);
}

static inline uint64_t be64_get(const uint8_t *from)
{
        uint64_t value;
        memcpy(&value, from, sizeof value);
        return be64toh(value);
}

#endif
