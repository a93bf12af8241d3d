/* SPDX-License-Identifier: MIT
 *
 * A msgpack map that is written pair by pair: its head is filled in at the end.
 */
#ifndef BASE_TABLE_H
#define BASE_TABLE_H

#include "base/pack.h"

struct table {
        struct buffer *to;
        size_t head;
        uint32_t pairs;
};

struct table table_begin(struct buffer *to);
void table_end(struct table *t);

void table_key(struct table *t, const char *key);                   /* the caller packs one value after it */
void table_str(struct table *t, const char *key, const char *text); /* left out if NULL or empty */
void table_uint(struct table *t, const char *key, uint64_t value);
void table_bool(struct table *t, const char *key, bool value); /* left out if false */
void table_value(struct table *t, const char *key,
                 struct bytes value); /* one msgpack value; left out if empty */

#endif
