/* SPDX-License-Identifier: MIT
 *
 * Values: what workflows and activities take and return. Inside, a value is one msgpack value
 * (https://github.com/msgpack/msgpack/blob/master/spec.md) without ext types; outside it reads and prints as
 * JSON.
 *
 * Ownership. Inside a workflow or an activity every value, whether stet hands it over or the code makes it,
 * belongs to that run or attempt and is freed with it; stet_value_free() on it is harmless. Elsewhere (client
 * code, main) a value that was filled owns heap memory: give it to stet_value_free(). Start every value of
 * your own as `stet_value v = {0};`, which is null. An assignment a = b makes two names for one memory;
 * stet_value_copy() makes two values.
 *
 * Threads: a value is used by one thread at a time; different values by different threads.
 */
#ifndef STET_VALUE_H
#define STET_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stet/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Read the fields through the functions below; they are here so that values can stand on the stack. */
typedef struct stet_value {
        const void *data; /* one msgpack value; NULL is null */
        size_t size;
        struct stet_arena *arena; /* who frees data: NULL is the heap, unless borrowed */
        bool borrowed;            /* data belongs to another value or to the caller */
} stet_value;

typedef enum stet_type {
        STET_NULL,
        STET_BOOL,
        STET_INT,
        STET_DOUBLE,
        STET_STRING,
        STET_BYTES,
        STET_LIST,
        STET_MAP,
} stet_type;

enum {
        STET_VALUE_SIZE_MAX = 2 * 1024 * 1024, /* bytes of one value at the edges (start, signal, result) */
        STET_VALUE_DEPTH_MAX = 14,             /* lists and maps within each other */
        STET_VALUE_NODES_MAX = 262144,         /* scalars, lists and maps in one value */
};

/* Frees what the value owns and makes it null. Harmless on null and borrowed values. */
STET_PUBLIC void stet_value_free(stet_value *v);

/* --- making ---
 * Each replaces what v was. Text and bytes are copied. 0, or STET_EINVAL (text that is not UTF-8, a null
 * pointer with a size), or STET_ETOOBIG. */
STET_PUBLIC int stet_value_set_null(stet_value *v);
STET_PUBLIC int stet_value_set_bool(stet_value *v, bool value);
STET_PUBLIC int stet_value_set_int(stet_value *v, int64_t value);
STET_PUBLIC int stet_value_set_double(stet_value *v, double value);
STET_PUBLIC int stet_value_set_string(stet_value *v, const char *text); /* NUL-terminated UTF-8 */
STET_PUBLIC int stet_value_set_string_n(stet_value *v, const char *text, size_t size);
STET_PUBLIC int stet_value_set_bytes(stet_value *v, const void *data, size_t size);
STET_PUBLIC int stet_value_copy(stet_value *v, const stet_value *from);

/* Builds a list or map from a format, after the manner of jansson's json_pack():
 *   {s:x, …} map   [x, …] list   s const char *   i int   I int64_t   f double   b int as bool   n null
 *   v const stet_value *   %  (after s) a size_t follows the text
 * Spaces, commas and colons are passed over: stet_value_pack(&v, "{s:s, s:[i,i]}", "name", "a", "pair", 1,
 * 2). STET_EINVAL says that the format is not well formed. */
STET_PUBLIC int stet_value_pack(stet_value *v, const char *format, ...);

/* Adds item at the end of a list; a null v becomes a list. STET_ETYPE if v is something else. Takes time in
 * proportion to the list only when memory has to move. */
STET_PUBLIC int stet_value_append(stet_value *v, const stet_value *item);

/* Sets a map's key (added, or replaced); a null v becomes a map. STET_ETYPE if v is something else. */
STET_PUBLIC int stet_value_set(stet_value *v, const char *key, const stet_value *item);

/* --- reading ---
 * None of these changes v. Numbers, bools and text of another type give the fallback. */
STET_PUBLIC stet_type stet_value_type(const stet_value *v);
STET_PUBLIC bool stet_value_bool(const stet_value *v, bool fallback);
STET_PUBLIC int64_t stet_value_int(const stet_value *v, int64_t fallback); /* a double without fraction too */
STET_PUBLIC double stet_value_double(const stet_value *v, double fallback); /* an int too */

/* The text's or bytes' first byte, borrowed from v, not NUL-terminated, and its size; NULL for other types.
 */
STET_PUBLIC const char *stet_value_string(const stet_value *v, size_t *ret_size);

/* Copies text into buf, NUL-terminated. STET_ETYPE if it is no text, STET_ETOOBIG if it does not fit,
 * STET_EINVAL if there is a NUL in it. */
STET_PUBLIC int stet_value_get_string(const stet_value *v, char *buf, size_t size);

/* Whether v is exactly this text. */
STET_PUBLIC bool stet_value_equals_string(const stet_value *v, const char *text);

STET_PUBLIC size_t stet_value_count(const stet_value *v); /* items of a list, pairs of a map; else 0 */

/* The item of a map by key, of a list by place, the key of a map by place: borrowed from v, valid as long as
 * v is unchanged; null when there is none. */
STET_PUBLIC stet_value stet_value_get(const stet_value *v, const char *key);
STET_PUBLIC stet_value stet_value_at(const stet_value *v, size_t place);
STET_PUBLIC stet_value stet_value_key_at(const stet_value *v, size_t place);

/* Walks a list or map without starting over each time: set *cursor to 0 first; true while there is a next.
 * For a map *ret_key (may be NULL) is its key. */
STET_PUBLIC bool stet_value_next(const stet_value *v, size_t *cursor, stet_value *ret_key,
                                 stet_value *ret_item);

STET_PUBLIC bool stet_value_equal(const stet_value *a, const stet_value *b); /* the same bytes */

/* --- bytes and JSON --- */

/* A borrowed view of msgpack bytes, checked first: STET_EPROTOCOL if they are not exactly one value within
 * the limits. */
STET_PUBLIC int stet_value_from_msgpack(stet_value *v, const void *data, size_t size);

/* Parses JSON (RFC 8259; integers exact within 64 bits; no duplicate keys). STET_EJSON with line and column
 * in *why; STET_ETOOBIG past the limits above. Bytes can't be written in JSON. */
STET_PUBLIC int stet_value_from_json(stet_value *v, const char *text, size_t size, stet_why *why);

enum {
        STET_JSON_INDENT = 1, /* two spaces a level, one item a line */
};

/* Prints JSON, NUL-terminated, on the heap: free() it. Bytes become a base64 string, NaN and infinities null.
 * STET_EPROTOCOL if the bytes are no msgpack value. */
STET_PUBLIC int stet_value_to_json(const stet_value *v, unsigned flags, char **ret_text);

#ifdef __cplusplus
}
#endif

#endif
