/* SPDX-License-Identifier: MIT
 *
 * The store: everything that can be derived from the log, kept for those who look for it. Ordered entries of
 * bytes, changed in atomic batches off the path of any answer. It knows nothing of runs: what an entry means
 * is the caller's. One interface, two kinds: store_lmdb (a file), store_mem (the simulator's).
 *
 * Each batch moves the checkpoint: the store is what the log's records up to that LSN add up to, all of it or
 * nothing. An opening reads the checkpoint and applies the log behind it.
 *
 * One thread commits; any thread reads, at the same time. What a reading gives is at least as new as the
 * last commit that returned before it began.
 */
#ifndef WAL_STORE_H
#define WAL_STORE_H

#include "base/buffer.h"
#include "stet/error.h"
#include "wal/log.h"

enum {
        STORE_KEY_MAX = 128,       /* bytes, at least 1; the first is not 0: such keys are the store's own */
        STORE_VALUE_MAX = 32 << 20 /* bytes, may be 0 */
};

/* How far the store has come: the last record in it, and the checksum that the log's next record chains to.
 * Both 0: nothing yet. */
struct store_checkpoint {
        uint64_t lsn;
        uint32_t crc;
};

/* --- changing --- */

struct store_change {
        uint64_t order_hi; /* the key's first 16 bytes, big-endian: most comparisons end here */
        uint64_t order_lo;
        size_t at; /* where the key and, behind it, the value are in bytes */
        uint32_t key_size;
        uint32_t value_size; /* STORE_REMOVED: it is taken out */
};

#define STORE_REMOVED UINT32_MAX

/* Puts and removals that are committed together, in any order; of several for one key the last one counts. It
 * keeps its memory when cleared. Zeroed: empty. Some 100,000 changes all over a large store, or 256 MiB, are
 * what it should hold at most: beyond 131,071 changed pages LMDB writes them twice. */
struct store_batch {
        struct buffer bytes;
        struct store_change *changes;
        struct store_change *scratch; /* as many, for sorting */
        size_t count;
        size_t capacity;
        size_t scratch_capacity;
        uint32_t latest[256]; /* of each first byte of keys: place + 1 of the last change; 0: there is none */
        bool unsorted[256];   /* of each first byte: its changes are not in ascending order */
        bool mixed;           /* first bytes are not in ascending order */
};

void store_put(struct store_batch *batch, struct bytes key, struct bytes value);
void store_remove(struct store_batch *batch, struct bytes key); /* harmless when there is no such entry */
void store_batch_clear(struct store_batch *batch);
void store_batch_fini(struct store_batch *batch);

/* Brings the changes into the order of keys and drops all but the last for each. store_commit() does it;
 * cheap when those with the same first byte were put in order. */
void store_batch_sort(struct store_batch *batch);

static inline struct bytes store_change_key(const struct store_batch *batch, const struct store_change *c)
{
        return bytes_of(batch->bytes.data + c->at, c->key_size);
}

static inline struct bytes store_change_value(const struct store_batch *batch, const struct store_change *c)
{
        return bytes_of(batch->bytes.data + c->at + c->key_size, c->value_size);
}

/* --- the store --- */

struct store;

/* Called for each entry in the order of keys (memcmp, a shorter one before its extensions); what it is given
 * is valid only during the call. Any other return than 0 ends the reading and is returned. It may read the
 * store. */
typedef int store_visit_fn(void *ctx, struct bytes key, struct bytes value);

/* The entries with from <= key < to; an empty `to`: to the end. */
struct store_range {
        struct bytes from;
        struct bytes to;
        bool backwards;
};

/* The batch that commit gets is sorted and within the limits. fill appends entries of the range to *ret
 * (store_fill.h), from its beginning (backwards: its end) on, until they have `size` bytes or there are no
 * more; on an error *ret has those before it. */
struct store_ops {
        int (*commit)(struct store *s, const struct store_batch *batch, struct store_checkpoint to,
                      stet_why *why);
        int (*get)(struct store *s, struct bytes key, struct buffer *ret, stet_why *why);
        int (*fill)(struct store *s, const struct store_range *range, size_t size, struct buffer *ret,
                    stet_why *why);
        void (*close)(struct store *s);
};

struct store_stats {
        uint64_t commits;
        uint64_t changes;    /* puts and removals, the last for each key of a batch */
        uint64_t disk_bytes; /* the store takes on the disk now, free pages within included */
};

/* The part every implementation starts with. The committing thread writes it; others look at it when they
 * know that no commit is under way. */
struct store {
        const struct store_ops *ops;
        uint64_t epoch; /* that of the log's opening; a store opened under a later one refuses our commits */
        struct store_checkpoint checkpoint;
        bool
            stopped; /* a commit failed with unknown outcome: everything but reading and closing is refused */
        struct store_stats stats;
};

/* Makes the changes and moves the checkpoint to `to`, which is not before the present one, whole or not at
 * all; durable when it returns 0 (at level LOG_MEMORY: never synced). The batch is sorted in place and still
 * the caller's. STET_EFENCED: a newer process opened the store. STET_EFULL: nothing was written, it may be
 * tried again. STET_EINVAL: a key or value beyond the limits, a checkpoint that goes back; nothing was
 * written. Any other error leaves the outcome unknown: the caller must stop. An empty batch that does not
 * move the checkpoint is no commit. */
int store_commit(struct store *s, struct store_batch *batch, struct store_checkpoint to, stet_why *why);

/* Appends the value of that key to *ret. STET_ENOTFOUND (*why untouched); STET_ECORRUPT: the entry is
 * damaged, and *ret is as it was. */
int store_get(struct store *s, struct bytes key, struct buffer *ret, stet_why *why);

/* Visits the entries with from <= key < to (an empty `to`: to the end), backwards from the last one if asked.
 * A long reading is done piece by piece, so that it holds nobody up: entries changed meanwhile are seen as
 * they were or as they are, one by one. A damaged entry ends it with STET_ECORRUPT, whose sentence names the
 * key; the visitor has seen those before it. */
int store_scan(struct store *s, struct bytes from, struct bytes to, bool backwards, store_visit_fn *visit,
               void *ctx, stet_why *why);

void store_close(struct store *s); /* harmless on NULL */

/* --- store_lmdb --- */

struct store_lmdb_options {
        const char *path;     /* of the file; LMDB puts PATH-lock beside it */
        enum log_level level; /* LOG_RELAXED as LOG_SYNC: batches are few */
        uint64_t epoch;       /* of the log's present opening */
        size_t map_bytes;     /* first size of the map; it grows by itself. 0: 1 GiB */
        bool create;          /* make it if it is missing; else that is STET_ENOTFOUND */
};

/* Opens or makes the store, checks its format and the file's size before mapping it, and writes its epoch
 * (durably), so that an older process can commit no more. STET_EFENCED when it was opened under a later epoch
 * already. The caller holds the directory's lock. */
int store_lmdb_open(const struct store_lmdb_options *options, struct store **ret, stet_why *why);

/* Reads another process's store, or a copy: no epoch is written and commits are refused (STET_EINVAL). With
 * `alone` no lock file is touched: nobody else may have it open. A process must not read a store in this way
 * that it has open itself. */
int store_lmdb_open_reading(const char *path, bool alone, struct store **ret, stet_why *why);

/* The number of the newest commit, whoever made it. */
uint64_t store_lmdb_newest(const struct store *s);

/* From now on readings and copies of a store opened for reading give what it is at this moment, and
 * checkpoint and epoch are those of this moment; *ret_newest: its newest commit. What a later hold lets go of
 * is free. Pages that others replace stay in the file until it is closed. */
int store_lmdb_hold(struct store *s, uint64_t *ret_newest, stet_why *why);

/* Writes everything that one transaction sees of it into a new file at `to` (in key order, compact, synced;
 * the caller syncs the directory), checking each entry. The store may be in use meanwhile. progress may be
 * NULL. *ret: the copy's checkpoint. */
int store_lmdb_copy(struct store *from, const char *to, void (*progress)(void *ctx, uint64_t entries),
                    void *ctx, struct store_checkpoint *ret, stet_why *why);

/* --- store_mem --- */

/* The simulator's disk: outlives the stores opened on it. */
struct store_disk;
struct store_disk *store_disk_new(void);
void store_disk_free(struct store_disk *disk);

/* Under an earlier epoch than the disk's it can be read, and commits are refused (STET_EFENCED). */
struct store *store_mem_open(struct store_disk *disk, uint64_t epoch);

/* How many more commits succeed before one fails with err (and, if apply, is on the disk all the same).
 * Negative: never. */
void store_disk_fail_after(struct store_disk *disk, int commits, int err, bool apply);

/* --- verify --- */

struct store_verify_report {
        uint64_t entries; /* that are whole */
        uint64_t damaged;
        struct store_checkpoint checkpoint;
};

/* Called for each damage: a sentence, and the entry's key as far as known (may be empty). */
typedef void store_damage_fn(void *ctx, struct bytes key, const char *sentence);

/* Reads the file without opening it for writing and without any lock: every page of LMDB's, every entry's
 * checksum, the head. 0 when all is whole, STET_ECORRUPT when something is damaged, another error when it
 * could not be read at all. LMDB can crash on damaged pages: call it in a process of its own. */
int store_lmdb_verify(const char *path, store_damage_fn *damage,
                      void (*progress)(void *ctx, uint64_t entries), void *ctx,
                      struct store_verify_report *ret, stet_why *why);

#endif
