/* SPDX-License-Identifier: MIT
 *
 * What the engine tells, as text. Keys may be added to its answers at any time, so that nothing here depends
 * on knowing them all: a key's ending says what its number is (…_ms and …_ns a moment or a span, …_bytes a
 * size, ending and code a word).
 */
#ifndef TOOLS_PRINT_VALUE_H
#define TOOLS_PRINT_VALUE_H

#include "stet/value.h"

#include <stdio.h>

/* A map's item as it reads best: moments, spans and sizes by the key, text as it is, the rest as JSON. On the
 * heap. */
char *print_item_text(const char *key, const stet_value *item);

/* A map's key as a heap text: spaces for underscores, no unit. */
char *print_key_text(const char *key);

/* A map's key, cleaned, on the heap. */
char *print_key_of(const stet_value *key);

/* A map: its plain items as aligned lines, then each map and each list of maps in it under its own title. */
void print_map(FILE *out, const stet_value *map, size_t indent);

/* "key value  key value …" of a map's items but those named (ends with NULL). On the heap. */
char *print_details_text(const stet_value *map, const char *const *without);

#endif
