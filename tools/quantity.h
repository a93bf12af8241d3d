/* SPDX-License-Identifier: MIT
 *
 * Numbers as people write them and read them: durations, sizes, counts, moments.
 */
#ifndef TOOLS_QUANTITY_H
#define TOOLS_QUANTITY_H

#include "stet/error.h"

#include <stdint.h>

/* Each reads the whole of text or refuses it with STET_EINVAL and a sentence that says what is taken. */

/* "500ms", "90s", "5m", "2h", "7d", or several after each other: "1h30m". Milliseconds. At most 100 years. */
int quantity_duration(const char *text, int64_t *ret_ms, stet_why *why);

/* "90s", "7d" and the like: so long ago; or a time in UTC: "2026-11-22T10:00:00Z", or "2026-11-22", its
 * beginning. Milliseconds since 1970, at least 1. */
int quantity_moment(const char *text, int64_t now_ms, int64_t *ret_ms, stet_why *why);

/* "65536", "64k", "4m", "1g": powers of 1024; "KiB", "kb" and the like are taken, too. */
int quantity_size(const char *text, uint64_t *ret_bytes, stet_why *why);

/* A whole number between the bounds. */
int quantity_count(const char *text, uint64_t min, uint64_t max, uint64_t *ret, stet_why *why);

/* "12 ms", "1.204 s", "3 min 5 s", "2 h 4 min", "3 d 7 h". On the heap. */
char *quantity_span_text(int64_t ms);

/* The wall clock: milliseconds since 1970. */
int64_t quantity_now_ms(void);

/* A moment since 1970 as local time, "2026-01-31 09:30:00". On the heap. */
char *quantity_moment_text(int64_t ms);

/* "812 B", "3.4 KiB", "1.2 GiB". On the heap. */
char *quantity_size_text(int64_t bytes);

#endif
