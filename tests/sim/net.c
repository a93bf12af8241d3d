/* SPDX-License-Identifier: MIT
 *
 * Connections between the node and its peers. As with ZeroMQ, frames keep their order within a connection and
 * are lost only with it; a new connection has a new number and begins with an empty frame. Beyond what ZeroMQ
 * does, frames may come twice, and those that hold only messages that may overtake each other (what is
 * repeated until it is answered, and the answers) do.
 */
#include "tests/sim/world.h"

#include <stdio.h>
#include <stdlib.h>

struct frame {
        struct happening arrival;
        struct list in_conn;
        struct conn *conn;
        bool to_node;
        size_t size;
        uint8_t data[];
};

/* --- frames --- */

static void frame_free(struct sim *s, struct frame *f)
{
        sim_unplan(s, &f->arrival);
        list_remove(&f->in_conn);
        free(f);
}

static void arrive(struct sim *s, struct happening *h)
{
        struct frame *f = container_of(h, struct frame, arrival);
        struct conn *conn = f->conn;
        list_remove(&f->in_conn);
        if (f->to_node)
                site_take_frame(s, conn->peer, bytes_of(f->data, f->size));
        else
                conn->line->receive(s, conn->line, bytes_of(f->data, f->size));
        free(f);
}

/* Whether all of its messages may come in any order with those of other frames. */
static bool may_overtake(struct bytes data)
{
        struct message m;
        struct cursor c = frame_cursor(data);
        bool any = false;
        for (int got; (got = frame_next(&c, &m)) != 0; any = true) {
                switch (got < 0 ? 0 : (enum message_type)m.type) {
                case MSG_START:
                case MSG_SIGNAL:
                case MSG_CANCEL:
                case MSG_TERMINATE:
                case MSG_QUERY:
                case MSG_WAIT:
                case MSG_READ:
                case MSG_DONE:
                case MSG_PULSE:
                case MSG_REPLY:
                case MSG_RESULT:
                case MSG_ACK:
                        break;
                default:
                        return false;
                }
        }
        return any;
}

static int64_t delay_ns(struct sim *s)
{
        int64_t ns = sim_between(s, s->knobs.frame_ns / 4 + 1, s->knobs.frame_ns * 2);
        if (s->healing || !sim_chance(s, s->knobs.faults[FAULT_DELAY]))
                return ns;
        sim_faulted(s, FAULT_DELAY);
        return ns + sim_between(s, 5 * MS, 6 * SECOND);
}

static void put_under_way(struct sim *s, struct conn *conn, bool to_node, struct bytes data)
{
        struct frame *f = xmalloc(sizeof *f + data.size);
        *f = (struct frame){ .arrival.happen = arrive, .conn = conn, .to_node = to_node, .size = data.size };
        if (data.size)
                memcpy(f->data, data.data, data.size);
        list_init(&f->in_conn);
        list_push(&conn->frames, &f->in_conn);
        int64_t *last_ns = to_node ? &conn->to_node_ns : &conn->from_node_ns;
        int64_t due_ns = s->now_ns + delay_ns(s);
        bool overtakes = !s->healing && due_ns < *last_ns && sim_chance(s, s->knobs.faults[FAULT_REORDER]) &&
                         may_overtake(data);
        if (overtakes)
                sim_faulted(s, FAULT_REORDER);
        else if (due_ns < *last_ns)
                due_ns = *last_ns;
        else
                *last_ns = due_ns;
        sim_plan(s, &f->arrival, due_ns);
}

static void send_frame(struct sim *s, struct conn *conn, bool to_node, struct bytes data)
{
        put_under_way(s, conn, to_node, data);
        if (s->healing || !sim_chance(s, s->knobs.faults[FAULT_DUPLICATE]))
                return;
        sim_faulted(s, FAULT_DUPLICATE);
        put_under_way(s, conn, to_node, data);
}

/* --- connections --- */

struct conn *net_conn(const struct sim *s, uint64_t peer)
{
        struct map_node *n = map_find(&s->net.conns, peer);
        return n ? container_of(n, struct conn, by_peer) : NULL;
}

struct conn *net_any(struct sim *s)
{
        uint32_t count = 0;
        list_each(at, &s->net.all) count += container_of(at, struct conn, all)->line != NULL;
        uint32_t place = count ? sim_below(s, count) : 0;
        list_each(at, &s->net.all)
        {
                struct conn *conn = container_of(at, struct conn, all);
                if (conn->line && place-- == 0)
                        return conn;
        }
        return NULL;
}

static void conn_free(struct sim *s, struct conn *conn)
{
        while (!list_empty(&conn->frames))
                frame_free(s, container_of(conn->frames.next, struct frame, in_conn));
        sim_unplan(s, &conn->forget);
        map_remove(&s->net.conns, &conn->by_peer);
        list_remove(&conn->all);
        free(conn);
}

static void forget(struct sim *s, struct happening *h)
{
        conn_free(s, container_of(h, struct conn, forget));
}

/* Its line has none any more; the node notices after a while. */
static void conn_break(struct sim *s, struct conn *conn)
{
        conn->line->conn = NULL;
        conn->line = NULL;
        while (!list_empty(&conn->frames))
                frame_free(s, container_of(conn->frames.next, struct frame, in_conn));
        sim_plan(s, &conn->forget, s->now_ns + sim_between(s, MS, 2 * SECOND));
}

static void redial(struct sim *s, struct happening *h)
{
        struct line *line = container_of(h, struct line, redial);
        if (line->conn || line->hung_up)
                return;
        if (!site_listening(s)) {
                sim_plan(s, h, s->now_ns + sim_between(s, 20 * MS, 200 * MS));
                return;
        }
        struct conn *conn = xcalloc(1, sizeof *conn);
        conn->peer = ++s->net.peer_next;
        conn->line = line;
        conn->forget.happen = forget;
        memcpy(conn->name, line->name, sizeof conn->name);
        snprintf(conn->label, sizeof conn->label, "%s#%llu", line->name, (unsigned long long)conn->peer);
        list_init(&conn->frames);
        list_push(&s->net.all, &conn->all);
        map_put(&s->net.conns, &conn->by_peer, conn->peer);
        line->conn = conn;
        sim_tell(s, "%s is connected", conn->label);
        send_frame(s, conn, true, bytes_of(NULL, 0));
}

void net_dial(struct sim *s, struct line *line, int64_t after_ns)
{
        line->hung_up = false;
        line->redial.happen = redial;
        sim_plan(s, &line->redial, s->now_ns + after_ns);
}

void net_hang_up(struct sim *s, struct line *line)
{
        line->hung_up = true;
        sim_unplan(s, &line->redial);
        if (line->conn)
                conn_break(s, line->conn);
}

void net_cut(struct sim *s, struct conn *conn, int64_t redial_after_ns)
{
        struct line *line = conn->line;
        conn_break(s, conn);
        net_dial(s, line, redial_after_ns);
}

void net_cut_all(struct sim *s)
{
        while (!list_empty(&s->net.all)) {
                struct conn *conn = container_of(s->net.all.next, struct conn, all);
                struct line *line = conn->line;
                if (line) {
                        line->conn = NULL;
                        net_dial(s, line, sim_between(s, MS, 300 * MS));
                }
                conn_free(s, conn);
        }
}

bool net_send(struct sim *s, struct line *line, struct bytes frame)
{
        if (line->conn)
                send_frame(s, line->conn, true, frame);
        return line->conn != NULL;
}

/* --- the node's end --- */

static int send_to_peer(struct transport *t, uint64_t peer, struct bytes data)
{
        struct sim *s = container_of(t, struct net, transport)->sim;
        struct conn *conn = net_conn(s, peer);
        if (!conn)
                return STET_ENOTFOUND;
        if (s->now_ns < conn->full_until_ns)
                return STET_EAGAIN;
        check_frame_sent(s, conn, data);
        if (conn->line)
                send_frame(s, conn, false, data);
        return 0;
}

static const struct transport_ops transport_ops = { .send = send_to_peer };

void net_init(struct sim *s)
{
        s->net = (struct net){ .transport = { &transport_ops }, .sim = s };
        list_init(&s->net.all);
}

void net_fini(struct sim *s)
{
        while (!list_empty(&s->net.all))
                conn_free(s, container_of(s->net.all.next, struct conn, all));
        map_fini(&s->net.conns);
}
