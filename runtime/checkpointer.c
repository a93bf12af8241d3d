/* SPDX-License-Identifier: MIT */
#include "runtime/checkpointer_state.h"

#include "wal/record_layout.h"

#include <stdlib.h>

void *checkpointer_grown(void *array, size_t *capacity, size_t item_size)
{
        *capacity = *capacity ? *capacity * 2 : 256;
        return xrealloc(array, *capacity * item_size);
}

/* --- reading the log --- */

/* Behind the last one, whose place + 1 is *last; 0: there is none. */
static void link_record(struct checkpointer *c, uint32_t *first, uint32_t *last)
{
        uint32_t place = (uint32_t)c->records_count;
        if (*last)
                c->records[*last - 1].next = place;
        else
                *first = place;
        *last = place;
}

static void sort_in(struct checkpointer *c, const struct record *record)
{
        struct run_change *change;
        switch ((enum record_kind)record->kind) {
        case RECORD_TRANSITION:
        case RECORD_NOTE:
                change = checkpointer_change(c, record->stream);
                link_record(c, &change->first, &change->last);
                break;
        case RECORD_REMOVAL:
                link_record(c, &c->removals_first, &c->removals_last);
                break;
        case RECORD_OPENING:
                break;
        }
}

/* A record's bytes as they stand in the log: the header is before the body. */
static int keep_record(void *ctx, const struct record *record)
{
        struct checkpointer *c = ctx;
        uint32_t size = (uint32_t)(RECORD_HEADER_SIZE + record->body.size);
        if (record->lsn > c->up_to_lsn || c->bytes.size >= c->bytes_max)
                return -1; /* enough */
        if (c->records_count == c->records_capacity)
                c->records = checkpointer_grown(c->records, &c->records_capacity, sizeof c->records[0]);
        c->records[c->records_count++] = (struct read_record){ c->bytes.size, size, 0 };
        buffer_append(&c->bytes, record->body.data - RECORD_HEADER_SIZE, size);
        sort_in(c, record);
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

/* --- a step --- */

static void forget_batch(struct checkpointer *c)
{
        while (!list_empty(&c->set.all))
                run_set_drop(&c->set, container_of(c->set.all.next, struct run, in_shard));
        run_set_removed_until(&c->set, UINT64_MAX);
        arena_reset(&c->changes_arena);
        map_clear(&c->changes_by_id);
        c->changes_count = c->written_runs = c->written_open = 0;
        c->records_count = 0;
        c->removals_first = c->removals_last = 0;
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
        map_fini(&c->changes_by_id);
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
        bool any = !err && c->reached.lsn > c->store.store->checkpoint.lsn;
        if (any)
                err = checkpointer_fold(c);
        if (any && !err)
                checkpointer_write_whole(c);
        if (any && !err)
                err = log_sync(c->log, why); /* the store must not know more than the log */
        if (any && !err)
                err = store_commit(c->store.store, &c->batch, c->reached, why);
        if (any && !err)
                *ret = (struct checkpointer_batch){ c->bytes.size, c->written_runs, c->written_open };
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
        c->set.changing = checkpointer_changing;
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
        map_fini(&c->changes_by_id);
        free(c->records);
        free(c->changes);
        free(c);
}
