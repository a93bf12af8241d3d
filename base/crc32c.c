/* SPDX-License-Identifier: MIT */
#include "base/crc32c.h"

#include <string.h>

#define POLYNOMIAL 0x82f63b78u /* reflected */

/* The table is small and made on each thread's first use of the portable path, never shared unfinished. */
static uint32_t table_entry(uint32_t byte)
{
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++)
                crc = crc & 1 ? crc >> 1 ^ POLYNOMIAL : crc >> 1;
        return crc;
}

uint32_t crc32c_portable(uint32_t crc, const void *data, size_t size)
{
        static _Thread_local uint32_t table[256];
        if (!table[1])
                for (uint32_t i = 0; i < 256; i++)
                        table[i] = table_entry(i);
        const uint8_t *p = data;
        crc = ~crc;
        while (size--)
                crc = table[(crc ^ *p++) & 0xff] ^ crc >> 8;
        return ~crc;
}

#if defined(__x86_64__)
#include <nmmintrin.h>

__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(uint32_t crc, const uint8_t *p, size_t size)
{
        uint64_t wide = ~crc;
        for (; size >= 8; p += 8, size -= 8) {
                uint64_t word;
                memcpy(&word, p, 8);
                wide = _mm_crc32_u64(wide, word);
        }
        crc = (uint32_t)wide;
        while (size--)
                crc = _mm_crc32_u8(crc, *p++);
        return ~crc;
}

uint32_t crc32c(uint32_t crc, const void *data, size_t size)
{
        if (__builtin_cpu_supports("sse4.2"))
                return crc32c_sse42(crc, data, size);
        return crc32c_portable(crc, data, size);
}

#elif defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>

uint32_t crc32c(uint32_t crc, const void *data, size_t size)
{
        const uint8_t *p = data;
        crc = ~crc;
        for (; size >= 8; p += 8, size -= 8) {
                uint64_t word;
                memcpy(&word, p, 8);
                crc = __crc32cd(crc, word);
        }
        while (size--)
                crc = __crc32cb(crc, *p++);
        return ~crc;
}

#else

uint32_t crc32c(uint32_t crc, const void *data, size_t size)
{
        return crc32c_portable(crc, data, size);
}

#endif
