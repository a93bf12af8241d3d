/* SPDX-License-Identifier: MIT
 *
 * What has changed, as entries of the store: images, chunks of records, and the keys that follow from a
 * state, of which only those are touched that differ from before.
 */
#include "runtime/checkpointer_state.h"

#include "actors/run_image.h"
#include "base/run_id.h"
#include "actors/vocabulary.h"
#include "wal/record_layout.h"

#include <stdlib.h>

/* --- keys that follow from the state --- */

static struct bytes next_key(struct bytes *list)
{
        if (!list->size)
                return bytes_of(NULL, 0);
        struct bytes key = bytes_of(list->data + 1, list->data[0]);
        *list = bytes_of(list->data + 1 + key.size, list->size - 1 - key.size);
        return key;
}

static void write_keys(struct checkpointer *c, struct bytes before, struct bytes after)
{
        struct bytes list = before;
        for (struct bytes key = next_key(&list); key.size; key = next_key(&list))
                if (!run_keys_have(after, key))
                        store_remove(&c->batch, key);
        list = after;
        for (struct bytes key = next_key(&list); key.size; key = next_key(&list))
                if (!run_keys_have(before, key))
                        store_put(&c->batch, key, bytes_of(NULL, 0));
}

/* --- chunks --- */

struct chunk_writer {
        struct checkpointer *c;
        struct run_key key; /* of the chunk under way */
};

static void close_chunk(struct chunk_writer *w)
{
        struct checkpointer *c = w->c;
        if (w->key.size)
                store_put(&c->batch, run_key_bytes(&w->key), chunk_pack(&c->packer, buffer_bytes(&c->chunk)));
        w->key.size = 0;
}

static int take_last_chunk(void *ctx, struct bytes key, struct bytes chunk)
{
        struct chunk_writer *w = ctx;
        int err = chunk_unpack(chunk, &w->c->chunk);
        if (err || w->c->chunk.size >= CHUNK_SIZE_AIM)
                return -1;
        memcpy(w->key.bytes, key.data, key.size);
        w->key.size = key.size;
        return -1;
}

/* A run's records go on in its last chunk, if that has room. */
static int continue_chunk(struct chunk_writer *w, uint64_t run, stet_why *why)
{
        struct run_key from = run_key_run('z', run), to = run_key_after(&from);
        int err = store_scan(w->c->store.store, run_key_bytes(&from), run_key_bytes(&to), true,
                             take_last_chunk, w, why);
        /* A damaged last chunk stays as it is, and the records go into one of their own. */
        return err == STET_ECORRUPT || err < 0 ? 0 : err;
}

static int write_record(struct chunk_writer *w, const struct run_change *change, uint32_t sequence,
                        struct bytes record, stet_why *why)
{
        struct checkpointer *c = w->c;
        struct chunk_value *values = c->chunk_values;
        size_t count = chunk_find_values(record, values);
        int err = 0;
        for (size_t i = 0; i < count && !err; i++)
                err = checkpointer_value(c, bytes_of(record.data + values[i].offset, values[i].size),
                                         values[i].hash, why);
        if (err)
                return err;
        if (w->key.size && c->chunk.size + record.size > CHUNK_SIZE_AIM)
                close_chunk(w);
        if (!w->key.size) {
                w->key = run_key_chunk(change->id, le64_get(record.data + 16)); /* its LSN */
                chunk_begin(&c->chunk, sequence);
        }
        chunk_append(&c->chunk, record, values, count);
        return 0;
}

/* A run's transitions. Its notes are in the image. */
static int write_records(struct checkpointer *c, const struct run_change *change, stet_why *why)
{
        struct chunk_writer w = { .c = c };
        uint32_t sequence = change->transitions;
        int err = 0;
        for (uint32_t place = change->first; place && !err; place = c->records[place - 1].next) {
                const struct read_record *r = &c->records[place - 1];
                const uint8_t *record = c->bytes.data + r->offset;
                if (record_kind(record) != RECORD_TRANSITION)
                        continue;
                if (sequence == change->transitions && !change->is_new)
                        err = continue_chunk(&w, change->id, why);
                if (!err)
                        err = write_record(&w, change, sequence++, bytes_of(record, r->size), why);
        }
        close_chunk(&w);
        return err;
}

/* --- a run that has changed --- */

static void write_requests(struct checkpointer *c, const struct run *run)
{
        uint8_t value[8];
        be64_put(value, run->id);
        list_each(at, &run->requests)
        {
                const struct run_request *r = container_of(at, struct run_request, in_run);
                struct bytes scope = run_request_scope(run, r->event);
                struct run_key key = run_key_request(&c->store, r->event, bytes_str(run->ns), scope,
                                                     bytes_of(r->id, r->id_size));
                store_put(&c->batch, run_key_bytes(&key), bytes_of(value, sizeof value));
        }
}

static void write_name(struct checkpointer *c, const struct run *run)
{
        uint8_t value[8];
        struct run_key key = run_key_name(&c->store, bytes_str(run->ns), bytes_str(run->workflow_id));
        be64_put(value, run->id);
        store_put(&c->batch, run_key_bytes(&key), bytes_of(value, sizeof value));
}

static int write_changed(struct checkpointer *c, const struct run_change *change, stet_why *why)
{
        const struct run *run = change->run;
        struct run_key key = run_key_run('r', run->id);
        int err = write_records(c, change, why);
        if (err || run->damaged)
                return err;
        buffer_clear(&c->image);
        run_image_encode(run, &c->image);
        store_put(&c->batch, run_key_bytes(&key), buffer_bytes(&c->image));
        buffer_clear(&c->keys_after);
        run_state_keys(&c->store, run, &c->keys_after);
        write_keys(c, bytes_of(c->keys.data + change->keys_at, change->keys_size),
                   buffer_bytes(&c->keys_after));
        write_requests(c, run);
        if (change->is_new && run->named)
                write_name(c, run);
        return 0;
}

int checkpointer_write(struct checkpointer *c, struct run_change *change, stet_why *why)
{
        int err = write_changed(c, change, why);
        c->written_runs++;
        c->written_open += change->run->ending == RUN_OPEN;
        change->run = NULL;
        return err;
}

/* --- a run that was removed --- */

struct removal {
        struct checkpointer *c;
        struct bytes ns; /* of its START, on the heap, for its requests */
        struct bytes id;
        struct bytes given_id;
        uint64_t run;
        stet_why *why;
};

static struct bytes kept(struct bytes text)
{
        return bytes_of(xmemdup(text.data, text.size), text.size);
}

static int remove_request(void *ctx, const struct record *record)
{
        struct removal *r = ctx;
        struct cursor c = cursor_of(record->body);
        struct event event;
        if (!event_decode(&c, &event))
                return 0; /* damaged: what it asked for stays in the table */
        if (event.type == EVENT_START) {
                r->ns = kept(event.ns);
                r->id = kept(event.id);
        }
        if (!event.request_id.size)
                return 0;
        struct bytes scope = r->id;
        uint64_t own;
        if (event.type == EVENT_START && run_id_parse(r->id, &own) && own == r->run)
                scope = bytes_of(NULL, 0); /* it was given none */
        struct run_key key = run_key_request(&r->c->store, event.type, r->ns, scope, event.request_id);
        store_remove(&r->c->batch, run_key_bytes(&key));
        return 0;
}

static int remove_chunk(void *ctx, struct bytes key, struct bytes chunk)
{
        struct removal *r = ctx;
        struct bytes rest;
        struct chunk_item item;
        store_remove(&r->c->batch, key);
        if (chunk_open(chunk, &r->c->chunk, &rest))
                return 0;
        while (rest.size && chunk_next(&rest, &item) == 0)
                for (size_t i = 0; i < item.values_count; i++) {
                        int err = checkpointer_value_gone(r->c, item.values[i].hash, r->why);
                        if (err)
                                return err;
                }
        return 0;
}

/* What can't be read of it is left behind rather than keeping the others from going. */
static int harmless(int err)
{
        return err < 0 || err == STET_ECORRUPT ? 0 : err;
}

int checkpointer_write_removed(struct checkpointer *c, const struct run_change *change, stet_why *why)
{
        struct removal r = { .c = c, .run = change->id, .why = why };
        struct run_key image = run_key_run('r', change->id), from = run_key_run('z', change->id),
                       to = run_key_after(&from);
        c->written_runs++;
        if (change->is_new)
                return 0; /* the store never saw it */
        store_remove(&c->batch, run_key_bytes(&image));
        write_keys(c, bytes_of(c->keys.data + change->keys_at, change->keys_size), bytes_of(NULL, 0));
        int err = harmless(run_store_records(&c->store, change->id, 0, remove_request, &r, why));
        if (!err)
                err = harmless(store_scan(c->store.store, run_key_bytes(&from), run_key_bytes(&to), false,
                                          remove_chunk, &r, why));
        free((void *)(uintptr_t)r.ns.data);
        free((void *)(uintptr_t)r.id.data);
        return err;
}

/* --- of all runs together --- */

static void write_about(struct checkpointer *c)
{
        enum { COUNTS = RUN_CONTINUED + 1 };
        uint8_t counts[8 * COUNTS], time[8];
        struct run_key key = run_key_about("counts");
        for (size_t i = 0; i < COUNTS; i++)
                le64_put(counts + 8 * i, c->counts.by_ending[i]);
        store_put(&c->batch, run_key_bytes(&key), bytes_of(counts, sizeof counts));
        key = run_key_about("time");
        le64_put(time, (uint64_t)c->time_ns);
        store_put(&c->batch, run_key_bytes(&key), bytes_of(time, sizeof time));
}

void checkpointer_write_whole(struct checkpointer *c)
{
        checkpointer_values_write(c);
        write_about(c);
}
