/* SPDX-License-Identifier: MIT
 *
 * A client's line to its node: frames out, messages in, and who speaks when.
 *
 * Nothing but HELLO is sent before the node has said something (it asks WHO on each new connection), so that
 * of a node that cannot be reached one knows that it has got nothing. When it asks WHO again, it has
 * restarted or the connection is another one: what was sent may be lost, and whoever waits for answers says
 * all of it again.
 */
#ifndef RUNTIME_CLIENT_LINE_H
#define RUNTIME_CLIENT_LINE_H

#include "runtime/client.h"
#include "runtime/link_zmq.h"
#include "runtime/wire.h"

struct client_line {
        struct link *link;
        void *own_context;           /* NULL: the caller's */
        struct client_driver driver; /* .drive NULL: none */
        char *endpoint;

        struct buffer out; /* the frame that is being filled; empty, or it begins with the version */
        struct cursor in;  /* the rest of the frame that came last */
        bool known;        /* the node knows us: requests may go out */
        bool again;        /* it asked WHO since the last line_take_again() */
        bool hello_due;

        int64_t heard_ns; /* when it said something last; 0: never */
        int64_t hello_ns; /* when to say HELLO unless something is heard before */
        int err;          /* it refuses us: this error … */
        stet_why why;     /* … for this reason; or, without error, what was wrong with its last bad frame */
        uint64_t bad_frames;
};

int line_open(struct client_line *l, void *zmq_context, const char *endpoint,
              const struct client_driver *driver, stet_why *why);
void line_close(struct client_line *l);

/* The next REPLY or RESULT that came, borrowed until the next call; false: none now. */
bool line_next(struct client_line *l, int64_t now_ns, struct message *ret);

/* Whether everything has to be said again since the last call. */
bool line_take_again(struct client_line *l);

/* Adds encoded messages to the frame that is being filled; it is sent by itself when it is full enough. */
void line_put(struct client_line *l, struct bytes messages);

/* Sends what was put. False: the node takes nothing now; it stays, and nothing should be put before it is
 * gone. */
bool line_flush(struct client_line *l);

/* When nothing was heard for a while: says HELLO with the next line_flush(), to find out whether anyone is
 * there. Call it before each line_wait(). */
void line_greet(struct client_line *l, int64_t now_ns);

/* Waits until something may have come or go, at most until due_ns. 0; the driver's error. */
int line_wait(struct client_line *l, int64_t now_ns, int64_t due_ns, stet_why *why);

#endif
