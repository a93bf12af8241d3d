/* SPDX-License-Identifier: MIT */
#include "runtime/socket_zmq.h"

#include "runtime/wire.h"

#include <string.h>
#include <zmq.h>

/* A little above the largest frame, so that a sender of one that is just too big gets an answer instead of a
 * cut connection. */
static const int64_t frame_bytes_max = WIRE_FRAME_MAX + (64 << 10);

static const struct {
        int option;
        int value;
} shared[] = {
        { ZMQ_SNDHWM, SOCKET_SEND_FRAMES_MAX },
        { ZMQ_RCVHWM, SOCKET_RECEIVE_FRAMES_MAX },
        { ZMQ_BACKLOG, SOCKET_BACKLOG },
        { ZMQ_HANDSHAKE_IVL, SOCKET_HANDSHAKE_MS },
        { ZMQ_HEARTBEAT_IVL, SOCKET_HEARTBEAT_MS },
        { ZMQ_HEARTBEAT_TIMEOUT, SOCKET_HEARTBEAT_TIMEOUT_MS },
        { ZMQ_HEARTBEAT_TTL, SOCKET_HEARTBEAT_TTL_MS },
        { ZMQ_RECONNECT_IVL, SOCKET_RECONNECT_MS },
        { ZMQ_RECONNECT_IVL_MAX, SOCKET_RECONNECT_MAX_MS },
};

/* Only the node's side routes, only the other side probes. */
static int set_role(void *socket, int type)
{
        const int yes = 1, no = 0;

        if (type == ZMQ_ROUTER)
                return zmq_setsockopt(socket, ZMQ_ROUTER_MANDATORY, &yes, sizeof yes) ||
                       zmq_setsockopt(socket, ZMQ_ROUTER_HANDOVER, &no, sizeof no);
        /* Without IMMEDIATE ZeroMQ keeps unsent frames over a reconnect but does not probe again, and the
         * node would not ask WHO. */
        return zmq_setsockopt(socket, ZMQ_PROBE_ROUTER, &yes, sizeof yes) ||
               zmq_setsockopt(socket, ZMQ_IMMEDIATE, &yes, sizeof yes);
}

static int set_all(void *socket, int type, int linger_ms)
{
        int rc = set_role(socket, type);
        rc = rc || zmq_setsockopt(socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
        rc = rc || zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &frame_bytes_max, sizeof frame_bytes_max);
        for (size_t i = 0; i < sizeof shared / sizeof shared[0] && !rc; i++)
                rc = zmq_setsockopt(socket, shared[i].option, &shared[i].value, sizeof shared[i].value);
        return rc;
}

int socket_open(void *zmq_context, int type, int linger_ms, void **ret, stet_why *why)
{
        void *socket = zmq_socket(zmq_context, type);

        if (!socket)
                return stet_why_set(why, STET_EENDPOINT, "ZeroMQ opens no socket: %s",
                                    zmq_strerror(zmq_errno()));
        if (set_all(socket, type, linger_ms)) {
                int err = stet_why_set(why, STET_EINTERNAL, "ZeroMQ refuses a socket option: %s",
                                       zmq_strerror(zmq_errno()));
                zmq_close(socket);
                return err;
        }
        *ret = socket;
        return 0;
}

/* ZeroMQ wants the size of the option's type exactly, and does not tell it. */
int socket_option(void *socket, int option, int64_t *ret)
{
        int narrow;
        int64_t wide;
        size_t narrow_size = sizeof narrow, wide_size = sizeof wide;

        if (zmq_getsockopt(socket, option, &narrow, &narrow_size) == 0)
                *ret = narrow;
        else if (zmq_getsockopt(socket, option, &wide, &wide_size) == 0)
                *ret = wide;
        else
                return STET_EINVAL;
        return 0;
}
