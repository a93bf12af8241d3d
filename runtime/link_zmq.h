/* SPDX-License-Identifier: MIT
 *
 * A client's or a worker's connection to a node: one DEALER socket that sends and receives frames. Used by
 * one thread.
 */
#ifndef RUNTIME_LINK_ZMQ_H
#define RUNTIME_LINK_ZMQ_H

#include "base/bytes.h"
#include "stet/error.h"

struct link;

/* Connects (ZeroMQ connects in the background and again after each break; every new connection sends the
 * probe that makes the node ask WHO). Endpoints as in router_bind(). */
int link_open(void *zmq_context, const char *endpoint, struct link **ret, stet_why *why);
void link_close(struct link *l);

/* The other end is in this process. */
bool link_is_local(const struct link *l);

/* Sends a copy. 0; STET_EAGAIN when the queue is full or no connection is up: keep the frame, link_wait()
 * also wakes when it can go. A frame that was taken is lost if the connection breaks before it has left: the
 * answer, or WHO, tells. */
int link_send(struct link *l, struct bytes frame);

/* The next frame, borrowed until the next call; 0: none now. */
int link_receive(struct link *l, struct bytes *ret_frame);

/* Waits until a frame may have arrived, a refused frame may be sent, extra_fd (or -1) is readable, a signal
 * was handled, or the time is over. 0, or STET_ETIMEDOUT. timeout_ms < 0: no limit. */
int link_wait(struct link *l, int extra_fd, int64_t timeout_ms);

/* For an event loop of one's own: readable when frames may have arrived (edge-triggered: drain link_receive()
 * after each wake-up and each send). */
int link_fd(struct link *l);

/* An option as ZeroMQ reports it, for the test that reads them back: 0 and *ret. */
int link_option(struct link *l, int option, int64_t *ret);

#endif
