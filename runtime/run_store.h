/* SPDX-License-Identifier: MIT
 *
 * Runs as the store keeps them: what the keys and values of wal/store.h mean. The checkpointer writes them,
 * shards read them.
 *
 *      key                                   value
 *      'r' run                               image of the run (actors/run_image.h)
 *      'z' run lsn                           chunk of the run's records, the first of which is that one
 *      'n' hash of namespace and id          the latest run of that workflow id
 *      'q' 32 bytes of a request id, hash    the run that has applied the request
 *      't' due run op                        a timer
 *      'o' run                               a run that is owed more than timers and signals
 *      kind hash run                         an index for lists: 's', 'w', 'u', 'k', 'a' (enum run_index)
 *      'e' ending hash ended run             ended runs of a namespace, by the time of their end
 *      'b' hash                              a big value
 *      'p' hash                              how many records have it
 *      'm' name                              of the store as a whole: "counts", "secret", "time"
 *
 * Numbers are big-endian, so that keys sort as numbers do; runs 8 bytes, times 8 (in ns, not negative), ops
 * 4. Hashes are SipHash-1-3 under the store's secret: two of them (16 bytes) where nothing else tells names
 * apart; 6 bytes of one where the run's image does, so that run and time are within a key's first 16 bytes.
 * Records come last, so that those of new runs are appended to the file's end and fill its pages.
 */
#ifndef RUNTIME_RUN_STORE_H
#define RUNTIME_RUN_STORE_H

#include "actors/run.h"
#include "wal/record.h"
#include "wal/store.h"

struct run_store {
        struct store *store;
        uint64_t secret[2];
};

enum run_index {
        INDEX_STATE = 's',    /* of the ending's number */
        INDEX_WORKFLOW = 'w', /* of its name */
        INDEX_PARENT = 'u',   /* of the parent run's id */
        INDEX_QUEUE = 'k',    /* of the queue's name: an activity of the run waits or runs on it */
        INDEX_ATTRIBUTE = 'a' /* of name and value, both as msgpack */
};

struct run_counts {
        uint64_t by_ending[RUN_CONTINUED + 1]; /* [RUN_OPEN]: open runs */
};

/* --- keys --- */

enum { RUN_KEY_MAX = 48 };

struct run_key {
        uint8_t bytes[RUN_KEY_MAX];
        size_t size;
};

static inline struct bytes run_key_bytes(const struct run_key *key)
{
        return bytes_of(key->bytes, key->size);
}

/* A key's beginning, which the others extend. */
struct run_key run_key_of(char table);
void run_key_u8(struct run_key *key, uint8_t value);
void run_key_u32(struct run_key *key, uint32_t value);
void run_key_u64(struct run_key *key, uint64_t value);
/* The smallest key that is greater than all that begin with this one. */
struct run_key run_key_after(const struct run_key *key);
/* Reads a number back. */
uint64_t run_key_number(struct bytes key, size_t offset);

struct run_key run_key_run(char table, uint64_t run); /* 'r', 'o'; what 'z' begins with */
struct run_key run_key_chunk(uint64_t run, uint64_t lsn);
struct run_key run_key_name(const struct run_store *rs, struct bytes ns, struct bytes id);
struct run_key run_key_request(const struct run_store *rs, uint8_t event, struct bytes ns, struct bytes id,
                               struct bytes request_id);
/* An index without its run: what its entries begin with. */
struct run_key run_key_index(const struct run_store *rs, enum run_index kind, struct bytes ns,
                             struct bytes value);
struct run_key run_key_ended(const struct run_store *rs, uint32_t ending, struct bytes ns);
struct run_key run_key_value(char table, const struct run_store *rs, struct bytes value); /* 'b', 'p' */
struct run_key run_key_about(const char *name);

/* Every key that follows from the state a run is in: 't', 'o', 'e' and indexes. Their values are empty. Given
 * in the order of bytes, one after the other, each behind its size in one byte. */
void run_state_keys(const struct run_store *rs, const struct run *run, struct buffer *to);
/* Whether that key is among such keys. */
bool run_keys_have(struct bytes keys, struct bytes wanted);

/* --- reading; any thread --- */

/* Takes the store's secret, or gives a new store the one that follows from the seed (a commit). */
int run_store_open(struct store *store, uint64_t seed, struct run_store *ret, stet_why *why);

/* The run as the checkpoint knows it. STET_ENOTFOUND (*why untouched); STET_ECORRUPT. */
int run_store_load(const struct run_store *rs, uint64_t id, struct run_tables *tables, struct run **ret,
                   stet_why *why);

/* 0: there is none. */
int run_store_find_name(const struct run_store *rs, struct bytes ns, struct bytes id, uint64_t *ret_run,
                        stet_why *why);
int run_store_find_request(const struct run_store *rs, uint8_t event, struct bytes ns, struct bytes id,
                           struct bytes request_id, uint64_t *ret_run, stet_why *why);

/* The runs with this id and greater ones are those that started at that time or later: runs of a store start
 * in the order of their ids. */
int run_store_first_from(const struct run_store *rs, int64_t from_ns, uint64_t *ret_run, stet_why *why);

/* The run's records with that LSN and after, in order, each checked. */
int run_store_records(const struct run_store *rs, uint64_t run, uint64_t from_lsn, log_visit_fn *visit,
                      void *ctx, stet_why *why);
/* The same from transition number `from` (0) on. */
int run_store_history(const struct run_store *rs, uint64_t run, uint32_t from, log_visit_fn *visit, void *ctx,
                      stet_why *why);

int run_store_counts(const struct run_store *rs, struct run_counts *ret, stet_why *why);
int run_store_time(const struct run_store *rs, int64_t *ret_ns, stet_why *why);

#endif
