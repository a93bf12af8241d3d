/* SPDX-License-Identifier: MIT
 *
 * A frame is held without the messages that were answered; one of which nothing makes sense is held as it is,
 * for the front to say so.
 */
#include "runtime/lobby.h"

#include "base/list.h"
#include "base/map.h"
#include "base/table.h"
#include "runtime/front.h"

#include <stdio.h>
#include <stdlib.h>

struct held {
        struct list in_order;
        struct map_node by_bytes; /* if it may come again */
        bool repeatable;
        bool local;
        uint64_t peer;
        size_t size;
        uint8_t bytes[];
};

struct lobby {
        struct lobby_options options;
        struct transport *transport;
        struct recovering recovering;
        struct list held;
        struct map repeatable;
        size_t held_bytes;
        struct held *taken;   /* last */
        struct buffer answer; /* the frame under way */
        struct buffer rest;   /* of the frame that is being read: what is to be held */
};

struct lobby *lobby_new(const struct lobby_options *options, struct transport *transport)
{
        struct lobby *l = xcalloc(1, sizeof *l);
        l->options = *options;
        l->transport = transport;
        list_init(&l->held);
        return l;
}

void lobby_free(struct lobby *l)
{
        if (!l)
                return;
        list_each_safe(at, after, &l->held) free(container_of(at, struct held, in_order));
        free(l->taken);
        map_fini(&l->repeatable);
        buffer_fini(&l->answer);
        buffer_fini(&l->rest);
        free(l);
}

/* --- how far --- */

void lobby_set_recovering(struct lobby *l, const struct recovering *r)
{
        l->recovering = *r;
}

/* "1,234,000". */
static const char *grouped(uint64_t number, char buf[32])
{
        char digits[24];
        size_t count = (size_t)snprintf(digits, sizeof digits, "%llu", (unsigned long long)number);
        char *to = buf;
        for (size_t i = 0; i < count; i++) {
                if (i && (count - i) % 3 == 0)
                        *to++ = ',';
                *to++ = digits[i];
        }
        *to = 0;
        return buf;
}

void recovering_sentence(const struct recovering *r, char buf[RECOVERING_SENTENCE_SIZE])
{
        const struct shard_progress *p = &r->progress;
        char done[32], total[32];
        int size = snprintf(buf, RECOVERING_SENTENCE_SIZE, "shard %u of %u, %s of %s records", r->shard + 1,
                            r->shards, grouped(p->records_done, done), grouped(p->records_total, total));
        if (p->runs_total)
                snprintf(buf + size, RECOVERING_SENTENCE_SIZE - (size_t)size, ", %s of at most %s open runs",
                         grouped(p->runs_done, done), grouped(p->runs_total, total));
}

/* The reading "stats" as long as there is nothing to count. */
static void put_stats(const struct recovering *r, struct buffer *value)
{
        char sentence[RECOVERING_SENTENCE_SIZE];
        recovering_sentence(r, sentence);
        struct table t = table_begin(value);
        table_uint(&t, "shards", r->shards);
        table_key(&t, "recovering");
        struct table inner = table_begin(value);
        table_uint(&inner, "shard", r->shard + 1);
        table_uint(&inner, "shards", r->shards);
        table_uint(&inner, "records_done", r->progress.records_done);
        table_uint(&inner, "records_total", r->progress.records_total);
        table_uint(&inner, "runs_done", r->progress.runs_done);
        table_uint(&inner, "runs_total", r->progress.runs_total);
        table_str(&inner, "sentence", sentence);
        table_end(&inner);
        table_end(&t);
}

/* --- answers --- */

/* Whether the peer has it, or has left and wants none. */
static bool answer(struct lobby *l, uint64_t peer, const struct message *m)
{
        buffer_clear(&l->answer);
        frame_begin(&l->answer);
        frame_put(&l->answer, m);
        return transport_send(l->transport, peer, buffer_bytes(&l->answer)) != STET_EAGAIN;
}

static bool answer_hello(struct lobby *l, uint64_t peer, const struct message *hello)
{
        stet_why why = { "" };
        struct message welcome = front_welcome(l->options.incarnation, hello, &why);
        return answer(l, peer, &welcome);
}

static bool answer_stats(struct lobby *l, uint64_t peer, const struct message *question)
{
        struct buffer value = { 0 };
        put_stats(&l->recovering, &value);
        struct message reply = { .type = MSG_REPLY,
                                 .correlation = question->correlation,
                                 .value = buffer_bytes(&value) };
        bool answered = answer(l, peer, &reply);
        buffer_fini(&value);
        return answered;
}

/* Whether nothing more is to be done about it. A worker's HELLO is for the scheduler. */
static bool settle(struct lobby *l, uint64_t peer, const struct message *m)
{
        switch ((enum message_type)m->type) {
        case MSG_HELLO:
                return m->role != ROLE_WORKER && answer_hello(l, peer, m);
        case MSG_READ:
                return bytes_equal(m->name, bytes_str("stats")) && answer_stats(l, peer, m);
        case MSG_PULSE:
                return !m->token.run; /* a sign of life, which is over when it is looked at */
        default:
                return false;
        }
}

/* --- what is held --- */

/* Whether the same again would be applied once, or change nothing. */
static bool may_repeat(const struct message *m)
{
        return m->request_id.size || m->type == MSG_READ || m->type == MSG_QUERY || m->type == MSG_WAIT ||
               m->type == MSG_DONE;
}

static bool is_held(const struct lobby *l, uint64_t peer, uint64_t key, struct bytes frame)
{
        for (struct map_node *n = map_find(&l->repeatable, key); n; n = map_find_next(&l->repeatable, n)) {
                const struct held *h = container_of(n, struct held, by_bytes);
                if (h->peer == peer && bytes_equal(bytes_of(h->bytes, h->size), frame))
                        return true;
        }
        return false;
}

static void hold(struct lobby *l, uint64_t peer, bool local, struct bytes frame, bool repeatable)
{
        uint64_t key = repeatable ? hash_bytes(l->options.secret, peer, frame) : 0;
        if (repeatable && is_held(l, peer, key, frame))
                return;
        struct held *h = xmalloc(sizeof *h + frame.size);
        *h = (struct held){ .repeatable = repeatable, .local = local, .peer = peer, .size = frame.size };
        if (frame.size)
                memcpy(h->bytes, frame.data, frame.size);
        if (repeatable)
                map_put(&l->repeatable, &h->by_bytes, key);
        list_push(&l->held, &h->in_order);
        l->held_bytes += sizeof *h + h->size;
}

void lobby_receive(struct lobby *l, uint64_t peer, bool local, struct bytes frame)
{
        static const struct message who = { .type = MSG_WHO };
        if (!frame.size && answer(l, peer, &who))
                return;
        if (!frame.size || frame_check(frame, NULL) != 0) {
                hold(l, peer, local, frame, false);
                return;
        }
        bool repeatable = true;
        struct message m;
        struct cursor c = frame_cursor(frame);
        const uint8_t *from = c.at;
        buffer_clear(&l->rest);
        buffer_append(&l->rest, frame.data, 1); /* the version */
        for (int got; (got = frame_next(&c, &m)) != 0; from = c.at) {
                if (got > 0 && settle(l, peer, &m))
                        continue;
                buffer_append(&l->rest, from, (size_t)(c.at - from));
                repeatable &= got > 0 && may_repeat(&m);
        }
        if (l->rest.size > 1)
                hold(l, peer, local, buffer_bytes(&l->rest), repeatable);
}

bool lobby_full(const struct lobby *l)
{
        return l->held_bytes >= l->options.held_bytes_max;
}

bool lobby_take(struct lobby *l, uint64_t *ret_peer, bool *ret_local, struct bytes *ret_frame)
{
        free(l->taken);
        l->taken = NULL;
        if (list_empty(&l->held))
                return false;
        struct held *h = container_of(l->held.next, struct held, in_order);
        list_remove(&h->in_order);
        if (h->repeatable)
                map_remove(&l->repeatable, &h->by_bytes);
        l->held_bytes -= sizeof *h + h->size;
        l->taken = h;
        *ret_peer = h->peer;
        *ret_local = h->local;
        *ret_frame = bytes_of(h->bytes, h->size);
        return true;
}
