/* SPDX-License-Identifier: MIT
 *
 * What the checkpointer's files share: checkpointer.c (reads the log, and commits), checkpointer_fold.c
 * (folds what was read), checkpointer_write.c (what has changed, as entries of the store),
 * checkpointer_value.c (big values and who needs them).
 */
#ifndef RUNTIME_CHECKPOINTER_STATE_H
#define RUNTIME_CHECKPOINTER_STATE_H

#include "base/arena.h"
#include "runtime/checkpointer.h"
#include "runtime/chunk.h"
#include "runtime/run_set.h"

/* A record that was read. */
struct read_record {
        size_t offset; /* in `bytes` */
        uint32_t size;
        uint32_t next; /* of the same run, or the next removal: place + 1 in the list of records; 0: none */
};

/* A run that has changed, or of which there are records. Its keys before the change stand in `keys`. */
struct run_change {
        struct map_node by_id;
        struct run *run; /* NULL: not (yet) met, written and dropped, or removed */
        uint64_t id;
        bool is_new;
        bool leaves; /* the batch removes it */
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
        uint32_t removals_first; /* place + 1 of the next one to be folded; 0: none */
        uint32_t removals_last;
        struct run_change **changes;
        struct map changes_by_id;
        stet_arena changes_arena; /* where they are */
        size_t changes_count;
        size_t changes_capacity;
        struct buffer keys;
        struct map values;
        struct value_count *values_list;
        uint64_t up_to_lsn;
        size_t bytes_max;
        struct store_checkpoint reached;
        size_t written_runs;
        size_t written_open; /* those of them that were not over */
        stet_why *why;

        struct store_batch batch;
        struct buffer image;
        struct buffer chunk;
        struct chunk_packer packer;
        struct chunk_value chunk_values[CHUNK_VALUES_MAX]; /* of the record that goes into it */
        struct buffer keys_after;
};

/* --- checkpointer.c --- */
void *checkpointer_grown(void *array, size_t *capacity, size_t item_size);

/* --- checkpointer_fold.c --- */
/* What the batch does to that run. */
struct run_change *checkpointer_change(struct checkpointer *c, uint64_t id);
/* For struct run_set: the run is about to change. */
void checkpointer_changing(void *ctx, struct run *run);
/* Folds all records that were read, and puts what has changed into the batch. */
int checkpointer_fold(struct checkpointer *c);

/* --- checkpointer_write.c --- */
/* Puts a run that has changed into the batch, and forgets the run. */
int checkpointer_write(struct checkpointer *c, struct run_change *change, stet_why *why);
/* Puts into the batch that a run is gone. */
int checkpointer_write_removed(struct checkpointer *c, const struct run_change *change, stet_why *why);
/* What the store keeps of all runs together. */
void checkpointer_write_whole(struct checkpointer *c);

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
