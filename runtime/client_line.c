/* SPDX-License-Identifier: MIT */
#include "runtime/client_line.h"

#include "runtime/context_zmq.h"

#include <stdlib.h>

#define MS INT64_C(1000000)

enum {
        ASKED_WITHIN_MS = 100, /* a new connection is asked WHO at once; if not, we speak first */
        SILENT_MS = 2000,      /* then we ask whether anyone is there */
};

int line_open(struct client_line *l, void *zmq_context, const char *endpoint,
              const struct client_driver *driver, stet_why *why)
{
        void *own_context = NULL;
        struct link *link;
        if (!zmq_context && strncmp(endpoint, "inproc:", 7) == 0)
                return stet_why_set(why, STET_EENDPOINT,
                                    "%s is a node in this process: stet_node_client() makes a client for it",
                                    endpoint);
        int err = zmq_context ? 0 : context_open(&own_context, why);
        if (!err)
                err = link_open(zmq_context ? zmq_context : own_context, endpoint, &link, why);
        if (err) {
                context_close(own_context);
                return err;
        }
        *l = (struct client_line){ .link = link, .own_context = own_context };
        l->endpoint = xmemdup(endpoint, strlen(endpoint));
        if (driver)
                l->driver = *driver;
        return 0;
}

/* --- out --- */

static void put_message(struct client_line *l, const struct message *m)
{
        if (!l->out.size)
                frame_begin(&l->out);
        frame_put(&l->out, m);
}

static void put_hello(struct client_line *l)
{
        put_message(l, &(struct message){ .type = MSG_HELLO, .protocol = WIRE_VERSION, .role = ROLE_CLIENT });
        l->hello_due = false;
}

bool line_flush(struct client_line *l)
{
        if (l->hello_due && !l->out.size)
                put_hello(l);
        if (l->out.size && link_send(l->link, buffer_bytes(&l->out)) != 0)
                return false;
        buffer_clear(&l->out);
        return true;
}

void line_put(struct client_line *l, struct bytes messages)
{
        if (!l->out.size)
                frame_begin(&l->out);
        buffer_append(&l->out, messages.data, messages.size);
        if (l->out.size >= WIRE_FRAME_AIM)
                line_flush(l);
}

void line_greet(struct client_line *l, int64_t now_ns)
{
        if (!l->hello_ns)
                l->hello_ns = now_ns + ASKED_WITHIN_MS * MS;
        if (now_ns < l->hello_ns)
                return;
        l->hello_due = true;
        l->hello_ns = now_ns + SILENT_MS * MS;
}

/* --- in --- */

/* What was being sent is for a connection that is gone, and will be said again after the HELLO. */
static void on_who(struct client_line *l)
{
        buffer_clear(&l->out);
        put_hello(l);
        l->known = true;
        l->again = true;
}

static void on_welcome(struct client_line *l, const struct message *m)
{
        l->err = (int)m->code;
        if (!m->code) {
                l->known = true;
                return;
        }
        stet_why_set(&l->why, l->err, "the node at %s refuses this client: %.*s", l->endpoint,
                     (int)m->text.size, (const char *)m->text.data);
}

static bool next_frame(struct client_line *l, int64_t now_ns)
{
        struct bytes frame;
        while (link_receive(l->link, &frame)) {
                if (!link_is_local(l->link) && frame_check(frame, &l->why) != 0) {
                        l->bad_frames++;
                        continue;
                }
                l->heard_ns = now_ns;
                l->hello_ns = now_ns + SILENT_MS * MS;
                l->in = frame_cursor(frame);
                return true;
        }
        l->in = (struct cursor){ 0 };
        return false;
}

bool line_next(struct client_line *l, int64_t now_ns, struct message *ret)
{
        do {
                for (int rc; (rc = frame_next(&l->in, ret)) != 0;) {
                        if (rc < 0)
                                continue;
                        if (ret->type == MSG_REPLY || ret->type == MSG_RESULT)
                                return true;
                        if (ret->type == MSG_WHO)
                                on_who(l);
                        else if (ret->type == MSG_WELCOME)
                                on_welcome(l, ret);
                }
        } while (next_frame(l, now_ns));
        return false;
}

bool line_take_again(struct client_line *l)
{
        bool again = l->again;
        l->again = false;
        return again;
}

/* --- waiting --- */

int line_wait(struct client_line *l, int64_t now_ns, int64_t due_ns, stet_why *why)
{
        if (l->hello_ns && l->hello_ns < due_ns)
                due_ns = l->hello_ns;
        int64_t timeout_ms = due_ns <= now_ns ? 0 : (due_ns - now_ns + MS - 1) / MS;
        if (l->driver.drive)
                return l->driver.drive(l->driver.ctx, link_fd(l->link), timeout_ms, why);
        link_wait(l->link, -1, timeout_ms);
        return 0;
}

void line_close(struct client_line *l)
{
        if (l->known) {
                put_message(l, &(struct message){ .type = MSG_BYE });
                line_flush(l);
        }
        link_close(l->link);
        context_close(l->own_context);
        buffer_fini(&l->out);
        free(l->endpoint);
}
