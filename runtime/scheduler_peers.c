/* SPDX-License-Identifier: MIT
 *
 * What workers say. A token alone entitles: who holds the current attempt's may finish it, wherever the
 * scheduler believes it to be, since a worker may have come back over another connection or have outlived a
 * restart of the node.
 */
#include "runtime/scheduler_state.h"

#include <stdio.h>

enum { SERVES_MAX = 16384 }; /* queues times activities of one connection */

/* --- HELLO --- */

static const struct unpack_limits names_limits = { .depth_max = 1, .nodes_max = SERVES_MAX + 1 };

static int check_names(struct bytes names, const char *what, uint32_t *ret_count, stet_why *why)
{
        if (unpack_validate(names, &names_limits, 1, NULL))
                return stet_why_set(why, STET_EPROTOCOL, "HELLO: %s is not an array of at most %d strings",
                                    what, SERVES_MAX);
        struct cursor c = cursor_of(names);
        uint32_t count = cursor_array(&c);
        for (uint32_t i = 0; i < count && !c.failed; i++) {
                struct bytes name = cursor_str(&c);
                if (!c.failed && (!name.size || name.size > WIRE_ID_MAX))
                        return stet_why_set(why, STET_EINVAL,
                                            "HELLO: a name in %s has %zu bytes; 1 to %d are allowed", what,
                                            name.size, WIRE_ID_MAX);
        }
        if (c.failed)
                return stet_why_set(why, STET_EPROTOCOL, "HELLO: %s is not an array of strings", what);
        *ret_count = count;
        return 0;
}

static const uint8_t empty_array[] = { 0x90 };
static const uint8_t default_array[] = { 0x91, 0xa7, 'd', 'e', 'f', 'a', 'u', 'l', 't' };

static int read_hello(const struct message *m, struct bytes *ret_activities, struct bytes *ret_queues,
                      stet_why *why)
{
        struct bytes activities = m->names.size ? m->names : bytes_of(empty_array, sizeof empty_array);
        struct bytes queues = m->queues.size ? m->queues : bytes_of(default_array, sizeof default_array);
        uint32_t activities_count, queues_count;
        if (!m->name.size || m->name.size > WIRE_ID_MAX)
                return stet_why_set(why, STET_EINVAL,
                                    "HELLO: the executor's name has %zu bytes; 1 to %d are allowed",
                                    m->name.size, WIRE_ID_MAX);
        int err = check_names(activities, "activities", &activities_count, why);
        if (!err)
                err = check_names(queues, "queues", &queues_count, why);
        if (err)
                return err;
        if (queues_count == 0) {
                queues = bytes_of(default_array, sizeof default_array);
                queues_count = 1;
        }
        if ((uint64_t)activities_count * queues_count > SERVES_MAX)
                return stet_why_set(
                    why, STET_ETOOBIG,
                    "HELLO: %u activities on %u queues; one connection may serve %d pairs of them",
                    activities_count, queues_count, SERVES_MAX);
        *ret_activities = activities;
        *ret_queues = queues;
        return 0;
}

static void serve(struct scheduler *s, struct connection *c, struct bytes activities, struct bytes queues)
{
        struct cursor q = cursor_of(queues);
        for (uint32_t i = cursor_array(&q); i > 0; i--) {
                struct bytes queue = cursor_str(&q);
                struct cursor a = cursor_of(activities);
                for (uint32_t j = cursor_array(&a); j > 0; j--)
                        serving_add(lane_get(&s->lanes, queue, cursor_str(&a)), c);
        }
}

int scheduler_hello(struct scheduler *s, uint64_t peer, bool local, const struct message *m, int64_t now_ns,
                    stet_why *why)
{
        struct bytes activities = { 0 }, queues = { 0 };
        int err = read_hello(m, &activities, &queues, why);
        if (err)
                return err;
        struct connection *c = roster_find(&s->roster, peer);
        if (c && (c->executor->local != local || !bytes_equal(c->executor->name, m->name)))
                return stet_why_set(why, STET_EINVAL,
                                    "HELLO: this connection is of executor \"%.*s\" already",
                                    (int)c->executor->name.size, (const char *)c->executor->name.data);
        if (!c)
                c = roster_add(&s->roster, peer, local, m->name, now_ns);
        executor_heard(c->executor, now_ns);
        connection_serve_nothing(&s->lanes, c);
        serve(s, c, activities, queues);
        scheduler_settle(s, c, now_ns);
        return 0;
}

/* --- what a known worker says --- */

static void receive_window(struct scheduler *s, struct connection *c, const struct message *m, int64_t now_ns)
{
        c->window = m->count;
        scheduler_settle(s, c, now_ns);
}

static void refuse(struct scheduler *s, const struct connection *c, const struct message *m)
{
        struct message ack = { .type = MSG_ACK, .token = m->token, .code = STET_ESTALE };
        s->sink.to_peer(s->sink.ctx, c->peer, &ack);
}

static void unwanted(struct scheduler *s, const struct connection *c, const struct message *m)
{
        struct message drop = { .type = MSG_DROP, .token = m->token };
        s->sink.to_peer(s->sink.ctx, c->peer, &drop);
}

static void receive_done(struct scheduler *s, struct connection *c, const struct message *m, int64_t now_ns)
{
        struct task *t = scheduler_current(s, &m->token);
        if (!t || t->state == TASK_ENDED) {
                refuse(s, c, m);
                return;
        }
        if (t->state == TASK_DONE)
                return;
        struct message outcome = { .peer = c->peer,
                                   .code = m->code ? STET_EFAILED : 0,
                                   .permanent = m->permanent,
                                   .started_ns = m->started_ns,
                                   .kind = m->kind,
                                   .text = m->text,
                                   .value = m->value,
                                   .executor = c->executor->name };
        struct connection *with = scheduler_leave(s, t);
        t->lost_count = 0;
        scheduler_decide(s, t, TASK_DONE, &outcome);
        if (with && with != c) {
                scheduler_drop(s, t, with);
                scheduler_settle(s, with, now_ns);
        }
        scheduler_settle(s, c, now_ns);
}

/* The task, if its attempt runs with the connection's executor. */
static struct task *running_with(struct scheduler *s, const struct connection *c, const struct message *m)
{
        struct task *t = scheduler_current(s, &m->token);
        return t && t->state == TASK_RUNNING && t->connection->executor == c->executor ? t : NULL;
}

/* From one connection of an executor to another: the attempt's clocks go on. */
static void move(struct scheduler *s, struct task *t, struct connection *c, int64_t now_ns)
{
        struct connection *from = t->connection;
        list_remove(&t->place);
        list_push(&c->running, &t->place);
        t->connection = c;
        from->running_count--;
        c->running_count++;
        scheduler_settle(s, from, now_ns);
}

static void receive_pulse(struct scheduler *s, struct connection *c, const struct message *m, int64_t now_ns)
{
        if (!m->token.run)
                return; /* a sign of life, and nothing else */
        struct task *t = running_with(s, c, m);
        if (!t) {
                unwanted(s, c, m);
                return;
        }
        t->beat_ns = now_ns;
        if (t->connection->gone)
                move(s, t, c, now_ns);
}

static void receive_claim(struct scheduler *s, struct connection *c, const struct message *m, int64_t now_ns)
{
        struct task *t = scheduler_current(s, &m->token);
        if (t && (t->state == TASK_DELAYED || t->state == TASK_WAITING)) {
                if (t->state == TASK_DELAYED)
                        scheduler_admit(s, t, now_ns);
                scheduler_leave(s, t);
                scheduler_run(s, t, c, now_ns);
                return;
        }
        t = running_with(s, c, m);
        if (!t) {
                unwanted(s, c, m);
                return;
        }
        t->beat_ns = now_ns;
        if (t->connection == c)
                return;
        scheduler_drop(s, t, t->connection); /* it may have been given it while the claim was on its way */
        move(s, t, c, now_ns);
}

/* Of what runs with this connection or another of its executor. It goes to others first: the place that it
 * leaves is free only then. A worker that is busy said WINDOW 0 before, lest it get back what it gave. */
static void receive_return(struct scheduler *s, struct connection *c, const struct message *m, int64_t now_ns)
{
        struct task *t = running_with(s, c, m);
        if (!t)
                return;
        struct connection *with = scheduler_leave(s, t);
        with->running_count++;
        scheduler_put_back(s, t, now_ns);
        with->running_count--;
        scheduler_settle(s, with, now_ns);
}

static void receive_bye(struct scheduler *s, struct connection *c, int64_t now_ns)
{
        roster_part(&s->roster, &s->lanes, c);
        while (!list_empty(&c->running)) {
                struct task *t = container_of(c->running.next, struct task, place);
                scheduler_leave(s, t);
                t->ready_ns = now_ns;
                scheduler_put_back(s, t, now_ns);
        }
        scheduler_settle(s, c, now_ns);
}

/* Once for all that it said at a time. */
static void ask_who(struct scheduler *s, uint64_t peer, int64_t now_ns)
{
        if (s->who_peer == peer && s->who_ns == now_ns)
                return;
        s->who_peer = peer;
        s->who_ns = now_ns;
        struct message m = { .type = MSG_WHO };
        s->sink.to_peer(s->sink.ctx, peer, &m);
}

void scheduler_receive(struct scheduler *s, uint64_t peer, const struct message *m, int64_t now_ns)
{
        struct connection *c = roster_find(&s->roster, peer);
        if (!c) {
                if (m->type != MSG_BYE)
                        ask_who(s, peer, now_ns);
                return;
        }
        executor_heard(c->executor, now_ns);
        switch ((enum message_type)m->type) {
        case MSG_WINDOW:
                receive_window(s, c, m, now_ns);
                break;
        case MSG_DONE:
                receive_done(s, c, m, now_ns);
                break;
        case MSG_PULSE:
                receive_pulse(s, c, m, now_ns);
                break;
        case MSG_CLAIM:
                receive_claim(s, c, m, now_ns);
                break;
        case MSG_RETURN:
                receive_return(s, c, m, now_ns);
                break;
        case MSG_BYE:
                receive_bye(s, c, now_ns);
                break;
        default:
                break;
        }
}

void scheduler_peer_gone(struct scheduler *s, uint64_t peer, int64_t now_ns)
{
        struct connection *c = roster_find(&s->roster, peer);
        if (!c)
                return;
        roster_part(&s->roster, &s->lanes, c);
        c->gone_ns = now_ns;
        list_push(&s->gone, &c->in_gone);
        if (c->executor->local) {
                char why[WIRE_ID_MAX + 100];
                snprintf(why, sizeof why, "executor \"%.*s\" of this process closed its connection",
                         (int)c->executor->name.size, (const char *)c->executor->name.data);
                scheduler_lose(s, c, why);
        }
        scheduler_settle(s, c, now_ns);
}

bool scheduler_knows(const struct scheduler *s, uint64_t peer)
{
        return roster_find(&s->roster, peer) != NULL;
}
