/* SPDX-License-Identifier: MIT
 *
 * Asking for memory before it is needed, so that whoever needs it does not wait. Nothing is read: any address
 * will do, also one that is no longer valid. How far ahead is worth it was measured (docs/PERFORMANCE.md).
 */
#ifndef BASE_PREFETCH_H
#define BASE_PREFETCH_H

#include <stddef.h>

enum { CACHE_LINE = 64 };

static inline void prefetch(const void *from, size_t size)
{
        for (size_t at = 0; at < size; at += CACHE_LINE)
                __builtin_prefetch((const char *)from + at);
}

static inline void prefetch_to_write(const void *from, size_t size)
{
        for (size_t at = 0; at < size; at += CACHE_LINE)
                __builtin_prefetch((const char *)from + at, 1);
}

#endif
