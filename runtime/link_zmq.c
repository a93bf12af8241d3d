/* SPDX-License-Identifier: MIT
 *
 * ZMQ_IMMEDIATE is on: frames are only taken while a connection is up. What was queued when one breaks is
 * gone, which is right here, since the node asks WHO on the next one and everything that still matters is
 * said again; a queue of old frames would come before it.
 */
#include "runtime/link_zmq.h"

#include "base/buffer.h"
#include "runtime/endpoint.h"
#include "runtime/socket_zmq.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <zmq.h>

struct link {
        void *socket;
        zmq_msg_t frame; /* what link_receive() gave last */
        bool blocked;    /* the last send was refused */
        bool local;
};

static int connect_to(void *socket, const struct endpoint *e, stet_why *why)
{
        int ipv6 = e->ipv6;

        if (zmq_setsockopt(socket, ZMQ_IPV6, &ipv6, sizeof ipv6) != 0 || zmq_connect(socket, e->text) != 0)
                return stet_why_set(why, STET_EENDPOINT, "cannot connect to %s: %s", e->text,
                                    zmq_strerror(zmq_errno()));
        return 0;
}

int link_open(void *zmq_context, const char *endpoint, struct link **ret, stet_why *why)
{
        struct endpoint e;
        void *socket = NULL;

        int err = endpoint_parse(endpoint, false, &e, why);
        if (err)
                return err;
        err = socket_open(zmq_context, ZMQ_DEALER, e.kind == ENDPOINT_INPROC ? 0 : SOCKET_LINGER_MS, &socket,
                          why);
        if (err)
                return err;
        err = connect_to(socket, &e, why);
        if (err) {
                zmq_close(socket);
                return err;
        }
        struct link *l = xcalloc(1, sizeof *l);
        l->socket = socket;
        l->local = e.kind == ENDPOINT_INPROC;
        zmq_msg_init(&l->frame);
        *ret = l;
        return 0;
}

void link_close(struct link *l)
{
        if (!l)
                return;
        zmq_msg_close(&l->frame);
        zmq_close(l->socket);
        free(l);
}

bool link_is_local(const struct link *l)
{
        return l->local;
}

int link_send(struct link *l, struct bytes frame)
{
        int rc;
        do {
                rc = zmq_send(l->socket, frame.data, frame.size, ZMQ_DONTWAIT);
        } while (rc < 0 && zmq_errno() == EINTR);
        l->blocked = rc < 0;
        return l->blocked ? STET_EAGAIN : 0;
}

/* Receiving into the message releases what it held before. */
static bool receive_part(struct link *l)
{
        int rc;
        do {
                rc = zmq_msg_recv(&l->frame, l->socket, ZMQ_DONTWAIT);
        } while (rc < 0 && zmq_errno() == EINTR);
        return rc >= 0;
}

int link_receive(struct link *l, struct bytes *ret_frame)
{
        while (receive_part(l)) {
                bool whole = !zmq_msg_more(&l->frame);
                while (zmq_msg_more(&l->frame) && receive_part(l))
                        ; /* no frame of the protocol has several parts */
                if (!whole)
                        continue;
                *ret_frame = bytes_of(zmq_msg_data(&l->frame), zmq_msg_size(&l->frame));
                return 1;
        }
        return 0;
}

/* zmq_poll() would look at the queue before and after, and once in vain: four system calls. That nothing is
 * there is asked once, and from then on the descriptor tells. */
int link_wait(struct link *l, int extra_fd, int64_t timeout_ms)
{
        int64_t wanted = l->blocked ? ZMQ_POLLIN | ZMQ_POLLOUT : ZMQ_POLLIN, events = 0;
        struct pollfd fds[] = {
                { .fd = link_fd(l), .events = POLLIN },
                { .fd = extra_fd, .events = POLLIN },
        };
        if (socket_option(l->socket, ZMQ_EVENTS, &events) == 0 && events & wanted)
                return 0;
        if (timeout_ms > INT_MAX)
                timeout_ms = INT_MAX;
        return poll(fds, 2, timeout_ms < 0 ? -1 : (int)timeout_ms) == 0 ? STET_ETIMEDOUT : 0;
}

int link_fd(struct link *l)
{
        int fd = -1;
        size_t size = sizeof fd;
        zmq_getsockopt(l->socket, ZMQ_FD, &fd, &size);
        return fd;
}

int link_option(struct link *l, int option, int64_t *ret)
{
        return socket_option(l->socket, option, ret);
}
