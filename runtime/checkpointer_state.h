/* SPDX-License-Identifier: MIT
 *
 * What the checkpointer's files share: checkpointer.c (reads and folds), checkpointer_write.c (what has
 * changed, as entries of the store), checkpointer_value.c (big values and who needs them).
 */
#ifndef RUNTIME_CHECKPOINTER_STATE_H
#define RUNTIME_CHECKPOINTER_STATE_H

#include "base/arena.h"
#include "runtime/checkpointer.h"
#include "runtime/chunk.h"
#include "runtime/run_set.h"

/* A record that was read. */
struct read_record {
        uint64_t stream;
        size_t offset; /* in `bytes` */
        uint32_t size;
        uint32_t next; /* of the same run: place + 1 in the list of records; 0: none */
};

/* A run that has changed. Its keys before the change stand in `keys`. */
struct run_change {
        struct run *run;
        uint64_t id;
        bool is_new;
        bool removed;
        size_t keys_at;
        size_t keys_size;
        uint32_t transitions; /* before */
        uint32_t first;       /* of its records, place + 1; 0: none */
        uint32_t last;
};

/* How many records have a big value. */
struct value_count {
        struct map_node by_hash; /* its first 8 bytes */
        struct value_count *next;
        uint8_t hash[CHUNK_HASH_SIZE];
        uint64_t count;
        bool known; /* the store has the value */
};

struct checkpointer {
        struct log *log;
        struct run_store store;
        struct run_set set;
        struct run_counts counts;
        int64_t time_ns;

        /* of the batch under way */
        struct buffer bytes;
        struct read_record *records;
        size_t records_count;
        size_t records_capacity;
        struct run_change **changes;
        stet_arena changes_arena; /* where they are */
        size_t changes_count;
        size_t changes_capacity;
        struct buffer keys;
        struct map values;
        struct value_count *values_list;
        uint64_t up_to_lsn;
        size_t bytes_max;
        struct store_checkpoint reached;
        stet_why *why;

        struct store_batch batch;
        struct buffer image;
        struct buffer chunk;
        struct chunk_packer packer;
        struct chunk_value chunk_values[CHUNK_VALUES_MAX]; /* of the record that goes into it */
        struct buffer keys_after;
};

/* --- checkpointer_write.c --- */
int checkpointer_write(struct checkpointer *c, stet_why *why);

/* --- checkpointer_value.c --- */
/* Takes note that a record has the value (by one more, or one less), and puts it into the batch when it is
 * the first that does. The hash is set. */
int checkpointer_value(struct checkpointer *c, struct bytes value, uint8_t hash[CHUNK_HASH_SIZE],
                       stet_why *why);
int checkpointer_value_gone(struct checkpointer *c, const uint8_t hash[CHUNK_HASH_SIZE], stet_why *why);
/* Puts the counts that have changed into the batch. */
void checkpointer_values_write(struct checkpointer *c);
void checkpointer_values_clear(struct checkpointer *c);

#endif
