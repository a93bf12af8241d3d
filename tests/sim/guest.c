/* SPDX-License-Identifier: MIT
 *
 * Clients. As runtime/client_*.c does, one says its commands again with the same request id when no answer
 * has come for a while, and all that is open when the node asks WHO. It knows no more than it was told.
 */
#include "tests/sim/model.h"
#include "tests/sim/world.h"

#include <stdio.h>
#include <stdlib.h>

enum { REPEAT_MS = 2000 };

struct guest {
        struct line line;
        uint32_t index;
        uint32_t generation;
        struct list waiting; /* its asks without an answer */
        struct happening repeat;
};

struct ask *ask_find(const struct sim *s, uint64_t correlation)
{
        struct map_node *n = map_find(&s->asks, correlation);
        return n ? container_of(n, struct ask, by_correlation) : NULL;
}

/* --- out --- */

static void send_ask(struct sim *s, struct guest *g, struct ask *ask)
{
        if (net_send(s, &g->line, buffer_bytes(&ask->frame)))
                ask->sent_ns = s->now_ns;
        sim_plan_by(s, &g->repeat, s->now_ns + REPEAT_MS * MS);
}

static void say_all(struct sim *s, struct guest *g)
{
        struct buffer hello = { 0 };
        frame_begin(&hello);
        frame_put(&hello,
                  &(struct message){ .type = MSG_HELLO, .protocol = WIRE_VERSION, .role = ROLE_CLIENT });
        net_send(s, &g->line, buffer_bytes(&hello));
        buffer_fini(&hello);
        list_each(at, &g->waiting)
        {
                container_of(at, struct ask, in_guest)->begun = false;
                send_ask(s, g, container_of(at, struct ask, in_guest));
        }
}

/* An ending may take years: only the node's asking makes a wait be said again. */
static void repeat(struct sim *s, struct happening *h)
{
        struct guest *g = container_of(h, struct guest, repeat);
        list_each(at, &g->waiting)
        {
                struct ask *ask = container_of(at, struct ask, in_guest);
                if (s->now_ns - ask->sent_ns >= REPEAT_MS * MS &&
                    !(ask->wants_result && (ask->begun || ask->type == MSG_WAIT)))
                        send_ask(s, g, ask);
        }
        if (!list_empty(&g->waiting))
                sim_plan(s, h, s->now_ns + REPEAT_MS * MS);
}

static void copy_text(char *to, size_t size, struct bytes text)
{
        snprintf(to, size, "%.*s", (int)text.size, text.size ? (const char *)text.data : "");
}

void guest_ask(struct sim *s, uint32_t index, enum sim_operation operation, const struct message *m)
{
        struct guest *g = &s->guests[index];
        struct ask *ask = xcalloc(1, sizeof *ask);
        struct message full = *m;
        ask->type = m->type;
        ask->operation = (uint8_t)operation;
        ask->wants_result = m->wait || (m->type == MSG_WAIT && m->due_ns >= 0);
        ask->correlation = full.correlation = ++s->correlation_next;
        snprintf(ask->request_id, sizeof ask->request_id, "q%llu", (unsigned long long)ask->correlation);
        full.request_id = bytes_str(ask->request_id);
        copy_text(ask->id, sizeof ask->id, m->id);
        copy_text(ask->name, sizeof ask->name, m->name);
        for (uint32_t shard = 0; shard < s->knobs.shards; shard++)
                ask->lsn[shard] = model_lsn(s->model, shard);
        frame_begin(&ask->frame);
        frame_put(&ask->frame, &full);
        map_put(&s->asks, &ask->by_correlation, ask->correlation);
        list_push(&s->asks_all, &ask->in_all);
        list_push(&g->waiting, &ask->in_guest);
        send_ask(s, g, ask);
}

void guest_say_again(struct sim *s, uint32_t index)
{
        uint32_t count = 0;
        list_each(at, &s->asks_all) count += container_of(at, struct ask, in_all)->replied;
        uint32_t place = count ? sim_below(s, count) : 0;
        list_each(at, &s->asks_all)
        {
                const struct ask *ask = container_of(at, struct ask, in_all);
                bool command = ask->type == MSG_START || ask->type == MSG_SIGNAL || ask->type == MSG_CANCEL ||
                               ask->type == MSG_TERMINATE;
                if (!ask->replied || (place && place--) || !command)
                        continue;
                if (net_send(s, &s->guests[index].line, buffer_bytes(&ask->frame)))
                        sim_did(s, DID_SAID_AGAIN);
                return;
        }
}

/* --- in --- */

static void take_answer(struct sim *s, const struct message *m)
{
        struct ask *ask = ask_find(s, m->correlation);
        if (!ask || list_empty(&ask->in_guest))
                return; /* heard before */
        if (m->type == MSG_RESULT || m->code || !ask->wants_result)
                list_remove(&ask->in_guest);
        ask->begun = true;
}

static void receive(struct sim *s, struct line *line, struct bytes frame)
{
        struct guest *g = container_of(line, struct guest, line);
        struct message m;
        struct cursor c = frame_cursor(frame);
        for (int got; (got = frame_next(&c, &m)) > 0;) {
                if (m.type == MSG_WHO)
                        say_all(s, g);
                else if (m.type == MSG_REPLY || m.type == MSG_RESULT)
                        take_answer(s, &m);
        }
}

/* --- life --- */

static void come(struct sim *s, struct guest *g)
{
        g->generation++;
        snprintf(g->line.name, sizeof g->line.name, "client-%u.%u", g->index, g->generation);
        net_dial(s, &g->line, sim_between(s, 100 * US, 20 * MS));
}

static void drop_asks(struct guest *g)
{
        while (!list_empty(&g->waiting))
                list_remove(g->waiting.next);
}

void guest_die(struct sim *s, uint32_t index)
{
        struct guest *g = &s->guests[index];
        sim_tell(s, "%s dies", g->line.name);
        drop_asks(g);
        sim_unplan(s, &g->repeat);
        net_hang_up(s, &g->line);
        come(s, g);
}

void guests_heal(struct sim *s)
{
        for (uint32_t i = 0; i < s->knobs.guests; i++)
                if (!s->guests[i].line.conn)
                        net_dial(s, &s->guests[i].line, 10 * MS);
}

bool guests_content(const struct sim *s)
{
        for (uint32_t i = 0; i < s->knobs.guests; i++)
                if (!list_empty(&s->guests[i].waiting))
                        return false;
        return true;
}

void guests_new(struct sim *s)
{
        s->guests = xcalloc(s->knobs.guests, sizeof *s->guests);
        list_init(&s->asks_all);
        for (uint32_t i = 0; i < s->knobs.guests; i++) {
                struct guest *g = &s->guests[i];
                g->index = i;
                g->line.receive = receive;
                g->repeat.happen = repeat;
                list_init(&g->waiting);
                come(s, g);
        }
}

void guests_free(struct sim *s)
{
        for (uint32_t i = 0; i < s->knobs.guests; i++) {
                drop_asks(&s->guests[i]);
                sim_unplan(s, &s->guests[i].line.redial);
                sim_unplan(s, &s->guests[i].repeat);
        }
        list_each_safe(at, after, &s->asks_all)
        {
                struct ask *ask = container_of(at, struct ask, in_all);
                buffer_fini(&ask->frame);
                free(ask);
        }
        list_init(&s->asks_all);
        free(s->guests);
}
