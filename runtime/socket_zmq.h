/* SPDX-License-Identifier: MIT
 *
 * Opens ZeroMQ sockets with the settings that both ends of a connection share. What each is for:
 * docs/PROTOCOL.md, "Sockets".
 */
#ifndef RUNTIME_SOCKET_ZMQ_H
#define RUNTIME_SOCKET_ZMQ_H

#include "stet/error.h"

#include <stdint.h>

enum {
        SOCKET_SEND_FRAMES_MAX = 1000, /* queued per peer; then sends say STET_EAGAIN */
        SOCKET_RECEIVE_FRAMES_MAX =
            100,               /* queued per peer; then its kernel buffers fill, then the peer's queue */
        SOCKET_BACKLOG = 1024, /* connections not yet accepted: all executors come at once after a restart */
        SOCKET_HANDSHAKE_MS = 3000,
        SOCKET_HEARTBEAT_MS = 5000,
        SOCKET_HEARTBEAT_TIMEOUT_MS = 15000,
        SOCKET_HEARTBEAT_TTL_MS = 20000,
        SOCKET_RECONNECT_MS = 50,
        SOCKET_RECONNECT_MAX_MS = 1000,
        SOCKET_LINGER_MS = 1000, /* how long closing waits for frames on their way */
};

/* Opens a socket of that type (ZMQ_ROUTER, ZMQ_DEALER). linger_ms: 0 for inproc, where nothing is ever on its
 * way. */
int socket_open(void *zmq_context, int type, int linger_ms, void **ret, stet_why *why);

/* Reads an option of type int or int64_t. 0 and *ret, or STET_EINVAL for one that ZeroMQ does not give out.
 */
int socket_option(void *socket, int option, int64_t *ret);

#endif
