/* SPDX-License-Identifier: MIT
 *
 * Reading runs from the store.
 */
#include "runtime/run_store.h"

#include "actors/run_image.h"
#include "runtime/chunk.h"
#include "wal/le.h"

#include <stdio.h>
#include <stdlib.h>

/* --- the store as a whole --- */

/* Reads up to `size` bytes of what is kept under that name; 0 where there is nothing. */
static int about(const struct run_store *rs, const char *name, void *ret, size_t size, size_t *ret_size,
                 stet_why *why)
{
        struct run_key key = run_key_about(name);
        struct buffer value = { 0 };
        int err = store_get(rs->store, run_key_bytes(&key), &value, why);
        *ret_size = 0;
        if (!err && value.size != size)
                err = stet_why_set(why, STET_ECORRUPT, "the store's \"%s\" has %zu bytes, not %zu", name,
                                   value.size, size);
        if (!err) {
                memcpy(ret, value.data, size);
                *ret_size = size;
        }
        buffer_fini(&value);
        return err == STET_ENOTFOUND ? 0 : err;
}

static int make_secret(struct run_store *rs, uint64_t seed, stet_why *why)
{
        struct store_batch batch = { 0 };
        struct run_key key = run_key_about("secret");
        uint8_t bytes[16];
        rs->secret[0] = hash_u64(seed);
        rs->secret[1] = hash_u64(~seed);
        le64_put(bytes, rs->secret[0]);
        le64_put(bytes + 8, rs->secret[1]);
        store_put(&batch, run_key_bytes(&key), bytes_of(bytes, sizeof bytes));
        int err = store_commit(rs->store, &batch, rs->store->checkpoint, why);
        store_batch_fini(&batch);
        return err;
}

int run_store_open(struct store *store, uint64_t seed, struct run_store *ret, stet_why *why)
{
        uint8_t bytes[16];
        size_t size;
        ret->store = store;
        int err = about(ret, "secret", bytes, sizeof bytes, &size, why);
        if (err)
                return err;
        if (!size && store->checkpoint.lsn)
                return stet_why_set(why, STET_ECORRUPT, "the store has lost its secret; restore a backup");
        if (!size)
                return make_secret(ret, seed, why);
        ret->secret[0] = le64_get(bytes);
        ret->secret[1] = le64_get(bytes + 8);
        return 0;
}

int run_store_counts(const struct run_store *rs, struct run_counts *ret, stet_why *why)
{
        enum { COUNTS = RUN_CONTINUED + 1 };
        uint8_t bytes[8 * COUNTS];
        size_t size;
        *ret = (struct run_counts){ { 0 } };
        int err = about(rs, "counts", bytes, sizeof bytes, &size, why);
        for (size_t i = 0; i < COUNTS && size; i++)
                ret->by_ending[i] = le64_get(bytes + 8 * i);
        return err;
}

int run_store_time(const struct run_store *rs, int64_t *ret_ns, stet_why *why)
{
        uint8_t bytes[8];
        size_t size;
        int err = about(rs, "time", bytes, sizeof bytes, &size, why);
        *ret_ns = size ? (int64_t)le64_get(bytes) : 0;
        return err;
}

/* --- runs --- */

int run_store_load(const struct run_store *rs, uint64_t id, struct run_tables *tables, struct run **ret,
                   stet_why *why)
{
        struct run_key key = run_key_run('r', id);
        struct buffer image = { 0 };
        int err = store_get(rs->store, run_key_bytes(&key), &image, why);
        if (!err && run_image_decode(buffer_bytes(&image), id, tables, ret))
                err = stet_why_set(why, STET_ECORRUPT, "the image of run %016llx can't be read",
                                   (unsigned long long)id);
        buffer_fini(&image);
        return err;
}

static int find(const struct run_store *rs, const struct run_key *key, uint64_t *ret_run, stet_why *why)
{
        struct buffer value = { 0 };
        int err = store_get(rs->store, run_key_bytes(key), &value, why);
        *ret_run = 0;
        if (!err && value.size == 8)
                *ret_run = be64_get(value.data);
        else if (!err)
                err = stet_why_set(why, STET_ECORRUPT, "an entry that should name a run has %zu bytes",
                                   value.size);
        buffer_fini(&value);
        return err == STET_ENOTFOUND ? 0 : err;
}

int run_store_find_name(const struct run_store *rs, struct bytes ns, struct bytes id, uint64_t *ret_run,
                        stet_why *why)
{
        struct run_key key = run_key_name(rs, ns, id);
        return find(rs, &key, ret_run, why);
}

int run_store_find_request(const struct run_store *rs, uint8_t event, struct bytes ns, struct bytes id,
                           struct bytes request_id, uint64_t *ret_run, stet_why *why)
{
        struct run_key key = run_key_request(rs, event, ns, id, request_id);
        return find(rs, &key, ret_run, why);
}

/* --- times --- */

struct start {
        uint64_t run;
        int64_t ns;
};

static int take_start(void *ctx, struct bytes key, struct bytes image)
{
        struct start *start = ctx;
        struct run_tables tables = { 0 };
        struct run *run;
        int err = run_image_decode(image, run_key_number(key, 1), &tables, &run);
        if (!err) {
                *start = (struct start){ run->id, run->started_ns };
                run_free(run, &tables);
        }
        run_tables_fini(&tables);
        return err ? 0 : -1; /* of one that can't be read nothing is known; the next one tells as much */
}

/* The first run with that id or a later one that can be read; UINT64_MAX: there is none. */
static int start_from(const struct run_store *rs, uint64_t id, struct start *ret, stet_why *why)
{
        struct run_key from = run_key_run('r', id), table = run_key_of('r'), to = run_key_after(&table);
        *ret = (struct start){ UINT64_MAX, INT64_MAX };
        int err =
            store_scan(rs->store, run_key_bytes(&from), run_key_bytes(&to), false, take_start, ret, why);
        return err > 0 ? err : 0;
}

static int take_id(void *ctx, struct bytes key, struct bytes image)
{
        (void)image;
        *(uint64_t *)ctx = run_key_number(key, 1);
        return -1;
}

static int last_run(const struct run_store *rs, uint64_t *ret_run, stet_why *why)
{
        struct run_key from = run_key_of('r'), to = run_key_after(&from);
        *ret_run = 0;
        int err =
            store_scan(rs->store, run_key_bytes(&from), run_key_bytes(&to), true, take_id, ret_run, why);
        return err > 0 ? err : 0;
}

int run_store_first_from(const struct run_store *rs, int64_t from_ns, uint64_t *ret_run, stet_why *why)
{
        uint64_t last = 0;
        struct start start = { 0, 0 };
        int err = last_run(rs, &last, why);
        if (!err)
                err = start_from(rs, 0, &start, why);
        uint64_t low = start.run, high = last + 1;
        /* Those before low are too early, those from high on late enough. */
        while (!err && low < high) {
                uint64_t middle = low + (high - low) / 2;
                err = start_from(rs, middle, &start, why);
                if (!err && start.ns < from_ns)
                        low = start.run + 1;
                else
                        high = middle;
        }
        if (!err)
                *ret_run = low;
        return err;
}

/* --- records --- */

struct walk {
        const struct run_store *rs;
        uint64_t run;
        uint64_t from_lsn;
        uint32_t from; /* transition number */
        log_visit_fn *visit;
        void *ctx;
        stet_why *why;
        struct buffer records; /* of a packed chunk */
        struct buffer record;  /* one that has big values, put together */
};

static int refuse_chunk(const struct walk *w, struct bytes key)
{
        return stet_why_set(w->why, STET_ECORRUPT, "run %016llx: the records from %llu on can't be read",
                            (unsigned long long)w->run, (unsigned long long)run_key_number(key, 9));
}

/* Puts the values back to where they were taken from. */
static int restore(struct walk *w, const struct chunk_item *item)
{
        const uint8_t *at = item->bytes.data;
        buffer_clear(&w->record);
        for (size_t i = 0; i < item->values_count; i++) {
                const struct chunk_value *value = &item->values[i];
                struct run_key key = run_key_of('b');
                size_t gap = value->offset - w->record.size;
                if (gap > (size_t)(bytes_end(item->bytes) - at))
                        return STET_ECORRUPT;
                buffer_append(&w->record, at, gap);
                at += gap;
                memcpy(key.bytes + 1, value->hash, CHUNK_HASH_SIZE);
                key.size += CHUNK_HASH_SIZE;
                int err = store_get(w->rs->store, run_key_bytes(&key), &w->record, w->why);
                if (err)
                        return STET_ECORRUPT;
                if (w->record.size != (size_t)value->offset + value->size)
                        return STET_ECORRUPT;
        }
        buffer_append(&w->record, at, (size_t)(bytes_end(item->bytes) - at));
        return 0;
}

static int walk_record(struct walk *w, const struct chunk_item *item, struct bytes key)
{
        struct record record;
        struct bytes bytes = item->bytes;
        size_t size;
        if (item->values_count) {
                if (restore(w, item))
                        return refuse_chunk(w, key);
                bytes = buffer_bytes(&w->record);
        }
        if (record_decode(bytes, &record, &size) || size != bytes.size || record.stream != w->run)
                return refuse_chunk(w, key);
        return record.lsn < w->from_lsn ? 0 : w->visit(w->ctx, &record);
}

static int walk_chunk(void *ctx, struct bytes key, struct bytes chunk)
{
        struct walk *w = ctx;
        struct bytes rest;
        struct chunk_item item;
        uint32_t sequence = chunk_sequence(chunk);
        if (sequence + chunk_count(chunk) <= w->from)
                return 0;
        if (chunk_open(chunk, &w->records, &rest))
                return refuse_chunk(w, key);
        for (uint32_t left = chunk_count(chunk); left; left--, sequence++) {
                if (chunk_next(&rest, &item))
                        return refuse_chunk(w, key);
                int err = sequence < w->from ? 0 : walk_record(w, &item, key);
                if (err)
                        return err;
        }
        return rest.size ? refuse_chunk(w, key) : 0;
}

static void walk_fini(struct walk *w)
{
        buffer_fini(&w->records);
        buffer_fini(&w->record);
}

static int walk(struct walk *w, const struct run_key *first)
{
        struct run_key all = run_key_run('z', w->run), end = run_key_after(&all);
        int err =
            store_scan(w->rs->store, run_key_bytes(first), run_key_bytes(&end), false, walk_chunk, w, w->why);
        walk_fini(w);
        return err;
}

static int take_key(void *ctx, struct bytes key, struct bytes value)
{
        struct run_key *found = ctx;
        (void)value;
        memcpy(found->bytes, key.data, key.size);
        found->size = key.size;
        return -1; /* enough */
}

/* Most often a record that is wanted begins a chunk: the first of a run, and what came alone between two
 * checkpoints. Then *first is behind that one. */
static int walk_from_chunk(struct walk *w, struct run_key *first)
{
        struct buffer chunk = { 0 };
        *first = run_key_chunk(w->run, w->from_lsn);
        int err = store_get(w->rs->store, run_key_bytes(first), &chunk, w->why);
        if (!err)
                err = walk_chunk(w, run_key_bytes(first), buffer_bytes(&chunk));
        buffer_fini(&chunk);
        run_key_u8(first, 0);
        return err;
}

/* Otherwise in the chunk before. */
static int find_chunk(struct walk *w, struct run_key *first)
{
        struct run_key all = run_key_run('z', w->run), behind = run_key_chunk(w->run, w->from_lsn);
        run_key_u8(&behind, 0);
        *first = all;
        int err = store_scan(w->rs->store, run_key_bytes(&all), run_key_bytes(&behind), true, take_key, first,
                             w->why);
        return err > 0 ? err : 0;
}

int run_store_records(const struct run_store *rs, uint64_t run, uint64_t from_lsn, log_visit_fn *visit,
                      void *ctx, stet_why *why)
{
        struct walk w = {
                .rs = rs, .run = run, .from_lsn = from_lsn, .visit = visit, .ctx = ctx, .why = why
        };
        struct run_key first = run_key_run('z', run);
        int err = 0;
        if (from_lsn)
                err = walk_from_chunk(&w, &first);
        if (err == STET_ENOTFOUND)
                err = find_chunk(&w, &first);
        if (!err)
                return walk(&w, &first);
        walk_fini(&w);
        return err;
}

int run_store_history(const struct run_store *rs, uint64_t run, uint32_t from, log_visit_fn *visit, void *ctx,
                      stet_why *why)
{
        struct walk w = { .rs = rs, .run = run, .from = from, .visit = visit, .ctx = ctx, .why = why };
        struct run_key all = run_key_run('z', run);
        return walk(&w, &all);
}
