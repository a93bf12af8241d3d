/* SPDX-License-Identifier: MIT */
#include "runtime/checkpointer_state.h"

#include "wal/record_layout.h"

#include <stdlib.h>

/* --- what has changed --- */

static void *grown(void *array, size_t *capacity, size_t item_size)
{
        *capacity = *capacity ? *capacity * 2 : 256;
        return xrealloc(array, *capacity * item_size);
}

static struct run_change *change_of(struct checkpointer *c, struct run *run)
{
        if (run->change)
                return run->change;
        struct run_change *change = arena_alloc(&c->changes_arena, sizeof *change);
        *change = (struct run_change){ 0 };
        change->run = run;
        change->id = run->id;
        change->is_new = !run->transitions;
        change->transitions = run->transitions;
        change->keys_at = c->keys.size;
        if (!change->is_new)
                run_state_keys(&c->store, run, &c->keys);
        change->keys_size = c->keys.size - change->keys_at;
        if (c->changes_count == c->changes_capacity)
                c->changes = grown(c->changes, &c->changes_capacity, sizeof(struct run_change *));
        c->changes[c->changes_count++] = change;
        run->change = change;
        return change;
}

/* The run is about to change: remembers its keys as they are. */
static void changing(void *ctx, struct run *run)
{
        change_of(ctx, run);
}

/* --- folding --- */

/* The record at that place is of the run. */
static void take_record(struct checkpointer *c, struct run_change *change, size_t place)
{
        if (change->last)
                c->records[change->last - 1].next = (uint32_t)place + 1;
        else
                change->first = (uint32_t)place + 1;
        change->last = (uint32_t)place + 1;
}

/* A run whose image is damaged stands still, but what the log has of it is kept. */
static int keep_of_damaged(struct checkpointer *c, size_t place)
{
        struct run *run = run_set_add(&c->set, c->records[place].stream);
        run->damaged = true;
        run->ns = xcalloc(1, 3);
        run->workflow = run->ns + 1;
        run->workflow_id = run->ns + 2;
        run->transitions = 1;
        struct run_change *change = change_of(c, run);
        change->keys_size = 0;
        take_record(c, change, place);
        return 0;
}

static int fold_transition(struct checkpointer *c, const struct record *record, size_t place)
{
        struct run *run = run_set_here(&c->set, record->stream);
        if (run && run->damaged) {
                take_record(c, run->change, place);
                return 0;
        }
        uint32_t before = run ? run->ending : RUN_OPEN;
        int err = run_set_apply(&c->set, record, &run, c->why);
        if (err == STET_ECORRUPT && !run_set_here(&c->set, record->stream))
                return keep_of_damaged(c, place);
        if (err)
                return err;
        if (run->transitions == 1)
                c->counts.by_ending[RUN_OPEN]++;
        if (before != run->ending) {
                c->counts.by_ending[before]--;
                c->counts.by_ending[run->ending]++;
        }
        take_record(c, run->change, place);
        return 0;
}

/* A noted attempt: see shard_recover.c. It counts for a restart only while it is in the log or in an image.
 */
static int fold_note(struct checkpointer *c, const struct record *record)
{
        struct run *run;
        int err = run_set_find(&c->set, record->stream, &run, c->why);
        if (err || !run || run->damaged)
                return err == STET_ECORRUPT ? 0 : err;
        change_of(c, run);
        run_apply_note(run, &c->set.tables, record->body);
        return 0;
}

/* The run is gone from here on, also for the records behind this one; its entries go with the batch. */
static void take_out(struct checkpointer *c, struct run *run, uint64_t lsn)
{
        struct run_change *change = change_of(c, run);
        c->counts.by_ending[run->ending]--;
        if (run->named) {
                struct run_key key = run_key_name(&c->store, bytes_str(run->ns), bytes_str(run->workflow_id));
                store_remove(&c->batch, run_key_bytes(&key));
        }
        change->removed = true;
        change->run = NULL;
        run_set_remove(&c->set, run->id, lsn);
}

static int fold_removal(struct checkpointer *c, const struct record *record)
{
        struct cursor ids = cursor_of(record->body);
        uint64_t id;
        while (run_removal_next(&ids, &id)) {
                struct run *run;
                int err = run_set_find(&c->set, id, &run, c->why);
                if (err == STET_ECORRUPT)
                        continue; /* what can't be read stays, for who mends it */
                if (err)
                        return err;
                if (run && !run->damaged)
                        take_out(c, run, record->lsn);
        }
        return 0;
}

static int fold(struct checkpointer *c, size_t place)
{
        struct record record = record_of(c->bytes.data + c->records[place].offset);
        switch ((enum record_kind)record.kind) {
        case RECORD_TRANSITION:
                return fold_transition(c, &record, place);
        case RECORD_NOTE:
                return fold_note(c, &record);
        case RECORD_REMOVAL:
                return fold_removal(c, &record);
        case RECORD_OPENING:
                break;
        }
        return 0;
}

/* The runs that the records further on are of. */
static void look_ahead(const struct checkpointer *c, size_t place)
{
        enum { FAR = 12, NEAR = 6 };
        const struct run *run;
        if (place + FAR < c->records_count)
                map_prefetch(&c->set.runs, c->records[place + FAR].stream);
        if (place + NEAR >= c->records_count)
                return;
        run = run_set_guess(&c->set, c->records[place + NEAR].stream);
        if (run)
                run_prefetch(run);
}

static int fold_all(struct checkpointer *c)
{
        int err = 0;
        for (size_t place = 0; place < c->records_count && !err; place++) {
                look_ahead(c, place);
                err = fold(c, place);
        }
        return err;
}

/* --- a step --- */

static void forget_batch(struct checkpointer *c)
{
        while (!list_empty(&c->set.all))
                run_set_drop(&c->set, container_of(c->set.all.next, struct run, in_shard));
        run_set_removed_until(&c->set, UINT64_MAX);
        arena_reset(&c->changes_arena);
        c->changes_count = 0;
        c->records_count = 0;
        buffer_clear(&c->bytes);
        buffer_clear(&c->keys);
        checkpointer_values_clear(c);
        store_batch_clear(&c->batch);
}

/* What a large batch took is not kept for small ones. */
static void shrink(struct checkpointer *c)
{
        enum { KEEP = 1 << 20 };
        run_set_shrink(&c->set);
        if (c->bytes.capacity <= KEEP && c->batch.bytes.capacity <= KEEP)
                return;
        buffer_fini(&c->bytes);
        buffer_fini(&c->keys);
        store_batch_fini(&c->batch);
        free(c->records);
        free(c->changes);
        c->records = NULL;
        c->changes = NULL;
        c->records_capacity = c->changes_capacity = 0;
}

static int read_counts(struct checkpointer *c, stet_why *why)
{
        int err = run_store_counts(&c->store, &c->counts, why);
        return err ? err : run_store_time(&c->store, &c->time_ns, why);
}

/* A record's bytes as they stand in the log: the header is before the body. */
static int keep_record(void *ctx, const struct record *record)
{
        struct checkpointer *c = ctx;
        uint32_t size = (uint32_t)(RECORD_HEADER_SIZE + record->body.size);
        if (record->lsn > c->up_to_lsn || c->bytes.size >= c->bytes_max)
                return -1; /* enough */
        if (c->records_count == c->records_capacity)
                c->records = grown(c->records, &c->records_capacity, sizeof *c->records);
        c->records[c->records_count++] = (struct read_record){ record->stream, c->bytes.size, size, 0 };
        buffer_append(&c->bytes, record->body.data - RECORD_HEADER_SIZE, size);
        if (record->time_ns > c->time_ns)
                c->time_ns = record->time_ns;
        c->reached = (struct store_checkpoint){ record->lsn, record->crc };
        return 0;
}

/* The log's records must continue the store's: the first one chains to the last one in it. */
static int read_log(struct checkpointer *c, stet_why *why)
{
        c->reached = c->store.store->checkpoint;
        int err = log_read(c->log, c->reached.lsn + 1, keep_record, c, why);
        return err < 0 ? 0 : err;
}

static struct checkpointer_batch batch_made(const struct checkpointer *c)
{
        struct checkpointer_batch b = { .bytes = c->bytes.size, .runs = c->changes_count };
        for (size_t i = 0; i < c->changes_count; i++)
                b.open += c->changes[i]->run && c->changes[i]->run->ending == RUN_OPEN;
        return b;
}

int checkpointer_step(struct checkpointer *c, uint64_t up_to_lsn, size_t bytes_max,
                      struct checkpointer_batch *ret, stet_why *why)
{
        c->up_to_lsn = up_to_lsn;
        c->bytes_max = bytes_max;
        c->why = why;
        *ret = (struct checkpointer_batch){ 0 };
        if (up_to_lsn <= c->store.store->checkpoint.lsn) {
                shrink(c);
                return 0;
        }
        int err = read_counts(c, why);
        if (!err)
                err = read_log(c, why);
        if (!err)
                err = fold_all(c);
        bool any = !err && c->reached.lsn > c->store.store->checkpoint.lsn;
        if (any)
                err = log_sync(c->log, why); /* the store must not know more than the log */
        if (any && !err)
                err = checkpointer_write(c, why);
        if (any && !err)
                err = store_commit(c->store.store, &c->batch, c->reached, why);
        if (any && !err)
                *ret = batch_made(c);
        forget_batch(c);
        return err;
}

struct checkpointer *checkpointer_new(struct log *log, const struct run_store *store)
{
        struct checkpointer *c = xcalloc(1, sizeof *c);
        c->log = log;
        c->store = *store;
        run_set_init(&c->set, &c->store, store->secret[0]);
        c->set.tables.only_fold = true;
        c->set.changing = changing;
        c->set.ctx = c;
        return c;
}

void checkpointer_free(struct checkpointer *c)
{
        if (!c)
                return;
        forget_batch(c);
        run_set_fini(&c->set);
        arena_fini(&c->changes_arena);
        buffer_fini(&c->bytes);
        buffer_fini(&c->keys);
        buffer_fini(&c->image);
        buffer_fini(&c->chunk);
        chunk_packer_fini(&c->packer);
        buffer_fini(&c->keys_after);
        store_batch_fini(&c->batch);
        map_fini(&c->values);
        free(c->records);
        free(c->changes);
        free(c);
}
