/* SPDX-License-Identifier: MIT */
#include "runtime/client_batch.h"

#include "base/map.h"
#include "base/run_id.h"

#include <stdlib.h>

enum {
        CHUNK_BITS = 10, /* slots are made by the thousand */
        CHUNK_SLOTS = 1 << CHUNK_BITS,
        KEEP_CAPACITY = 4096, /* larger buffers are freed with their request */
};

static struct batch_slot *slot_of(const struct list *place)
{
        return container_of(place, struct batch_slot, place);
}

void batch_init(struct client_batch *b)
{
        *b = (struct client_batch){ 0 };
        list_init(&b->in_flight);
        list_init(&b->free);
        b->unsent = &b->in_flight;
}

void batch_fini(struct client_batch *b)
{
        for (size_t i = 0; i < b->chunks_count; i++) {
                for (size_t j = 0; j < CHUNK_SLOTS; j++)
                        buffer_fini(&b->chunks[i][j].request);
                free(b->chunks[i]);
        }
        free(b->chunks);
        free(b->answers);
}

/* --- slots --- */

static void add_chunk(struct client_batch *b)
{
        struct batch_slot *chunk = xcalloc(CHUNK_SLOTS, sizeof *chunk);
        b->chunks = xrealloc(b->chunks, (b->chunks_count + 1) * sizeof *b->chunks);
        for (uint32_t i = 0; i < CHUNK_SLOTS; i++) {
                chunk[i].index = (uint32_t)b->chunks_count * CHUNK_SLOTS + i;
                if (chunk[i].index != BATCH_SLOT_NONE)
                        list_push(&b->free, &chunk[i].place);
        }
        b->chunks[b->chunks_count++] = chunk;
}

static struct batch_slot *slot_find(const struct client_batch *b, uint64_t correlation)
{
        size_t index = correlation & BATCH_SLOT_NONE, chunk = index >> CHUNK_BITS;
        if (chunk >= b->chunks_count)
                return NULL;
        struct batch_slot *s = &b->chunks[chunk][index & (CHUNK_SLOTS - 1)];
        return s->correlation == correlation ? s : NULL;
}

static void slot_release(struct client_batch *b, struct batch_slot *s)
{
        if (b->unsent == &s->place)
                b->unsent = s->place.next;
        list_remove(&s->place);
        list_push_front(&b->free, &s->place); /* the one whose memory is warm is the next */
        b->count--;
        s->correlation = 0;
        buffer_clear(&s->request);
        if (s->request.capacity > KEEP_CAPACITY)
                buffer_fini(&s->request);
}

int batch_add(struct client_batch *b, struct message *request, uint64_t serial, uint64_t tag)
{
        if (list_empty(&b->free)) {
                if (b->chunks_count << CHUNK_BITS > BATCH_SLOT_NONE)
                        return STET_EBUSY;
                add_chunk(b);
        }
        struct batch_slot *s = slot_of(b->free.next);
        request->correlation = s->correlation = serial << BATCH_SLOT_BITS | s->index;
        s->tag = tag;
        s->wait = request->wait;
        s->started = false;
        s->run = 0;
        frame_put(&s->request, request);
        list_remove(&s->place);
        list_push(&b->in_flight, &s->place);
        if (b->unsent == &b->in_flight)
                b->unsent = &s->place;
        b->count++;
        return 0;
}

/* --- out --- */

/* The namespace is that of the START, which is kept. */
static void put_wait(const struct batch_slot *s, struct client_line *line)
{
        struct message start = { 0 };
        struct cursor c = cursor_of(buffer_bytes(&s->request));
        frame_next(&c, &start);
        char run[RUN_ID_SIZE];
        run_id_print(s->run, run);
        struct message m = {
                .type = MSG_WAIT, .correlation = s->correlation, .ns = start.ns, .id = bytes_str(run)
        };
        struct buffer encoded = { 0 };
        frame_put(&encoded, &m);
        line_put(line, buffer_bytes(&encoded));
        buffer_fini(&encoded);
}

void batch_put(struct client_batch *b, struct client_line *line)
{
        while (line->known && b->unsent != &b->in_flight &&
               (line->out.size < WIRE_FRAME_AIM || line_flush(line))) {
                struct batch_slot *s = slot_of(b->unsent);
                b->unsent = b->unsent->next;
                if (s->started)
                        put_wait(s, line);
                else
                        line_put(line, buffer_bytes(&s->request));
        }
}

void batch_again(struct client_batch *b)
{
        b->unsent = b->in_flight.next;
}

/* --- in --- */

static void push_answer(struct client_batch *b, struct batch_answer answer)
{
        size_t left = b->answers_count - b->answers_taken;
        if (b->answers_taken && b->answers_taken >= left) {
                memmove(b->answers, b->answers + b->answers_taken, left * sizeof *b->answers);
                b->answers_taken = 0;
                b->answers_count = left;
        }
        if (b->answers_count == b->answers_capacity) {
                b->answers_capacity = b->answers_capacity ? b->answers_capacity * 2 : 256;
                b->answers = xrealloc(b->answers, b->answers_capacity * sizeof *b->answers);
        }
        b->answers[b->answers_count++] = answer;
}

static void request_answered(struct client_batch *b, struct batch_slot *s, const struct message *m)
{
        if (s->started && !m->code)
                return; /* again, after the START was said again */
        push_answer(
            b, (struct batch_answer){ s->tag, m->code ? s->run : m->token.run, (int)m->code, 0, s->started });
        s->started = true;
        s->run = m->token.run;
        if (m->code || !s->wait)
                slot_release(b, s);
}

static void run_ended(struct client_batch *b, struct batch_slot *s, const struct message *m)
{
        if (!s->started)
                push_answer(b, (struct batch_answer){ .tag = s->tag, .run = m->token.run });
        push_answer(b, (struct batch_answer){ s->tag, m->token.run, 0, (uint8_t)m->role, true });
        slot_release(b, s);
}

void batch_answer(struct client_batch *b, const struct message *m)
{
        struct batch_slot *s = slot_find(b, m->correlation);
        if (!s)
                return;
        if (m->type == MSG_REPLY)
                request_answered(b, s, m);
        else if (s->wait)
                run_ended(b, s, m);
}
