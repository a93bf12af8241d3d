/* SPDX-License-Identifier: MIT
 *
 * The node's ZeroMQ side, as a transport: a ROUTER socket for ipc and tcp, and a second one for inproc,
 * because nothing in a message says reliably that it came from this process (a ZMTP 2.0 peer over tcp carries
 * no more metadata than an inproc one). All of it belongs to the thread that drives the node. Settings and
 * why: docs/PROTOCOL.md, "Sockets".
 */
#ifndef RUNTIME_ROUTER_ZMQ_H
#define RUNTIME_ROUTER_ZMQ_H

#include "runtime/transport.h"
#include "stet/error.h"

struct router;

/* Opens the sockets on the ZeroMQ context (borrowed). No endpoint is bound yet. */
int router_open(void *zmq_context, struct router **ret, stet_why *why);
void router_close(struct router *r);

/* Binds "inproc://…", "ipc://…" or "tcp://address:port" (port * or 0: any). tcp is refused off loopback:
 * there is no encryption yet. The real endpoint goes to ret (may be NULL). A port in use, a bad address and a
 * path too long each get a sentence. */
int router_bind(struct router *r, const char *endpoint, char *ret_endpoint, size_t size, stet_why *why);

struct transport *router_transport(struct router *r);

/* The next frame that arrived, borrowed until the next call: 1 and its peer; 0: none now. Never blocks.
 * `local` says that it came over inproc. */
int router_receive(struct router *r, uint64_t *ret_peer, bool *ret_local, struct bytes *ret_frame);

/* Readable when frames may have arrived (edge-triggered: drain router_receive() after each wake-up and each
 * send). */
int router_fd(struct router *r);

/* An option of the socket for ipc and tcp as ZeroMQ reports it, for the test that reads them back: 0 and
 * *ret. */
int router_option(struct router *r, int option, int64_t *ret);

#endif
