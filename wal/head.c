/* SPDX-License-Identifier: MIT */
#include "wal/head.h"

#include "base/crc32c.h"
#include "wal/le.h"

#include <inttypes.h>

static uint32_t checksum(const uint8_t *value, size_t size)
{
        return crc32c(crc32c(0, value, HEAD_AT_CRC), value + HEAD_AT_EPOCH, size - HEAD_AT_EPOCH);
}

void head_begin(uint8_t *value, const struct head_kind *kind, uint32_t format, uint64_t epoch)
{
        memcpy(value, kind->magic, HEAD_AT_FORMAT);
        le32_put(value + HEAD_AT_FORMAT, format);
        le64_put(value + HEAD_AT_EPOCH, epoch);
}

void head_end(uint8_t *value, size_t size)
{
        le32_put(value + HEAD_AT_CRC, checksum(value, size));
}

int head_format(struct bytes value, const struct head_kind *kind, uint32_t *ret_format, stet_why *why)
{
        if (value.size < HEAD_AT_CRC || memcmp(value.data, kind->magic, HEAD_AT_FORMAT) != 0)
                return stet_why_set(why, STET_EFORMAT, "it does not begin with the head of a stet %s",
                                    kind->name);
        uint32_t format = le32_get(value.data + HEAD_AT_FORMAT);
        if (format > kind->format_max)
                return stet_why_set(why, STET_ENEWER,
                                    "its format is %" PRIu32 ", and this stet knows formats up to %" PRIu32
                                    "; use a newer stet",
                                    format, kind->format_max);
        *ret_format = format;
        return 0;
}

int head_whole(struct bytes value, size_t size, stet_why *why)
{
        if (value.size != size || le32_get(value.data + HEAD_AT_CRC) != checksum(value.data, size))
                return stet_why_set(why, STET_ECORRUPT, "its head is damaged: its checksum does not match");
        return 0;
}
