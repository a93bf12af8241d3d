/* SPDX-License-Identifier: MIT
 *
 * Peers are known by the routing id that ROUTER makes up for each connection: a zero byte and 32 bits,
 * counted up. A peer that brings an id of another form is ignored, so that nobody chooses his number. One bit
 * of ours says which of the two sockets a number belongs to, and keeps 0 free for "nobody".
 *
 * ZMQ_FD is readable when something happened, not while frames wait, and any call on the socket may eat that
 * signal. What makes it safe here is that router_receive() says "none" only after all bound sockets said
 * EAGAIN, which they do after looking at all that happened: a caller who drains it after each wake-up and
 * each send misses nothing. Where it says "none" too early, it leaves `again_fd` readable.
 */
#include "runtime/router_zmq.h"

#include "base/buffer.h"
#include "base/map.h"
#include "runtime/endpoint.h"
#include "runtime/socket_zmq.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>
#include <zmq.h>

enum { REMOTE, LOCAL, SOCKETS };
enum { ROUTING_ID_SIZE = 5 };
enum {
        IGNORED_MAX = 1000
}; /* messages passed over in one call: a flood of them must not hold up the node's timers */

static const uint64_t peer_bits[SOCKETS] = { UINT64_C(1) << 32, UINT64_C(1) << 33 };

struct router {
        struct transport transport;
        void *sockets[SOCKETS];
        bool bound[SOCKETS]; /* else nobody comes, and a look would be a system call in vain */
        int epoll_fd;        /* over both ZMQ_FDs and again_fd */
        int again_fd;        /* an eventfd */
        bool again;          /* it is readable */
        int turn;            /* the socket to ask first, so that neither starves the other */
        zmq_msg_t frame;     /* what router_receive() gave last */
};

static struct router *router_of(struct transport *t)
{
        return container_of(t, struct router, transport);
}

static bool peer_decode(int which, const uint8_t *id, size_t size, uint64_t *ret)
{
        if (size != ROUTING_ID_SIZE || id[0] != 0)
                return false;
        *ret =
            peer_bits[which] | (uint64_t)id[1] << 24 | (uint64_t)id[2] << 16 | (uint64_t)id[3] << 8 | id[4];
        return true;
}

/* Which socket the peer is at, and its id there; SOCKETS: at none. */
static int peer_encode(uint64_t peer, uint8_t ret_id[ROUTING_ID_SIZE])
{
        ret_id[0] = 0;
        for (unsigned i = 1; i < ROUTING_ID_SIZE; i++)
                ret_id[i] = (uint8_t)(peer >> (32 - 8 * i));
        for (int which = 0; which < SOCKETS; which++)
                if (peer >> 32 == peer_bits[which] >> 32)
                        return which;
        return SOCKETS;
}

/* A signal handler that ran is no reason to report anything: nothing here waits. */
static int send_part(void *socket, const void *data, size_t size, int flags)
{
        int rc;
        do {
                rc = zmq_send(socket, data, size, flags | ZMQ_DONTWAIT);
        } while (rc < 0 && zmq_errno() == EINTR);
        return rc;
}

static int receive_part(void *socket, zmq_msg_t *part)
{
        int rc;
        do {
                rc = zmq_msg_recv(part, socket, ZMQ_DONTWAIT);
        } while (rc < 0 && zmq_errno() == EINTR);
        return rc;
}

static int router_send(struct transport *t, uint64_t peer, struct bytes frame)
{
        struct router *r = router_of(t);
        uint8_t id[ROUTING_ID_SIZE];
        int which = peer_encode(peer, id);

        if (which == SOCKETS)
                return STET_ENOTFOUND;
        if (send_part(r->sockets[which], id, sizeof id, ZMQ_SNDMORE) < 0)
                return zmq_errno() == EAGAIN ? STET_EAGAIN : STET_ENOTFOUND;
        /* The queue was chosen with the id and takes whole messages: this part always goes. */
        return send_part(r->sockets[which], frame.data, frame.size, 0) < 0 ? STET_ENOTFOUND : 0;
}

static const struct transport_ops ops = { .send = router_send };

/* ROUTER aborts the process when a peer brings the very id that it makes up for the next one, and it begins
 * to count at rand(), which is the same number in every process that never called srand(). So rand() has a
 * secret state while the socket is made. That state belongs to the whole process; hence the lock. */
static int open_unguessable(void *zmq_context, int linger_ms, void **ret, stet_why *why)
{
        static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
        char state[128] = { 0 };
        unsigned seed;

        if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
                return stet_why_set(why, STET_EIO, "the system gives no random bytes");
        pthread_mutex_lock(&lock);
        char *before = initstate(seed, state, sizeof state);
        int err = socket_open(zmq_context, ZMQ_ROUTER, linger_ms, ret, why);
        setstate(before);
        pthread_mutex_unlock(&lock);
        return err;
}

static int watch(int epoll_fd, int fd)
{
        struct epoll_event event = { .events = EPOLLIN };
        return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

static int watch_socket(int epoll_fd, void *socket)
{
        int fd = -1;
        size_t size = sizeof fd;
        return zmq_getsockopt(socket, ZMQ_FD, &fd, &size) ? -1 : watch(epoll_fd, fd);
}

static int open_descriptors(struct router *r, stet_why *why)
{
        r->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        r->again_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (r->epoll_fd < 0 || r->again_fd < 0 || watch(r->epoll_fd, r->again_fd) != 0 ||
            watch_socket(r->epoll_fd, r->sockets[REMOTE]) != 0 ||
            watch_socket(r->epoll_fd, r->sockets[LOCAL]) != 0)
                return stet_why_set(why, STET_EIO, "no descriptor to wait for frames: %s", strerror(errno));
        return 0;
}

int router_open(void *zmq_context, struct router **ret, stet_why *why)
{
        struct router *r = xcalloc(1, sizeof *r);
        *r = (struct router){ .transport.ops = &ops, .epoll_fd = -1, .again_fd = -1 };
        zmq_msg_init(&r->frame);

        int err = open_unguessable(zmq_context, SOCKET_LINGER_MS, &r->sockets[REMOTE], why);
        if (!err)
                err = open_unguessable(zmq_context, 0, &r->sockets[LOCAL], why);
        if (!err)
                err = open_descriptors(r, why);
        if (err) {
                router_close(r);
                return err;
        }
        *ret = r;
        return 0;
}

void router_close(struct router *r)
{
        if (!r)
                return;
        zmq_msg_close(&r->frame);
        for (int i = 0; i < SOCKETS; i++)
                if (r->sockets[i])
                        zmq_close(r->sockets[i]);
        if (r->epoll_fd >= 0)
                close(r->epoll_fd);
        if (r->again_fd >= 0)
                close(r->again_fd);
        free(r);
}

static int bind_error(const struct endpoint *e, int error, stet_why *why)
{
        if (error == EADDRINUSE)
                return stet_why_set(why, STET_EENDPOINT, "%s is in use already; choose another %s", e->text,
                                    e->kind == ENDPOINT_TCP ? "port" : "name");
        return stet_why_set(why, STET_EENDPOINT, "cannot listen on %s: %s", e->text, zmq_strerror(error));
}

int router_bind(struct router *r, const char *endpoint, char *ret_endpoint, size_t size, stet_why *why)
{
        struct endpoint e;
        char real[ENDPOINT_MAX];
        size_t real_size = sizeof real;

        int err = endpoint_parse(endpoint, true, &e, why);
        if (!err && e.kind == ENDPOINT_IPC)
                err = endpoint_check_path(&e, why);
        if (err)
                return err;
        int which = e.kind == ENDPOINT_INPROC ? LOCAL : REMOTE;
        void *socket = r->sockets[which];
        int ipv6 = e.ipv6;
        if (zmq_setsockopt(socket, ZMQ_IPV6, &ipv6, sizeof ipv6) != 0 || zmq_bind(socket, e.text) != 0)
                return bind_error(&e, zmq_errno(), why);
        r->bound[which] = true;
        if (ret_endpoint && zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, real, &real_size) == 0)
                snprintf(ret_endpoint, size, "%s", real);
        return 0;
}

struct transport *router_transport(struct router *r)
{
        return &r->transport;
}

/* Reads one message whole, whatever it is; false: there is none. *ret_fits: an id of ours and exactly one
 * part, now in r->frame. */
static bool receive_message(struct router *r, int which, uint64_t *ret_peer, bool *ret_fits)
{
        void *socket = r->sockets[which];

        if (receive_part(socket, &r->frame) < 0)
                return false;
        bool fits = peer_decode(which, zmq_msg_data(&r->frame), zmq_msg_size(&r->frame), ret_peer);
        unsigned parts = 0;
        for (; zmq_msg_more(&r->frame); parts++)
                if (receive_part(socket, &r->frame) < 0)
                        return false;
        *ret_fits = fits && parts == 1;
        return true;
}

static void come_again(struct router *r, bool again)
{
        eventfd_t count;
        if (again != r->again &&
            (again ? eventfd_write(r->again_fd, 1) : eventfd_read(r->again_fd, &count)) == 0)
                r->again = again;
}

int router_receive(struct router *r, uint64_t *ret_peer, bool *ret_local, struct bytes *ret_frame)
{
        unsigned ignored = 0;

        come_again(r, false);
        for (int empty = 0; empty < SOCKETS;) {
                int which = r->turn;
                bool fits = false;
                uint64_t peer = 0;
                r->turn = !which;
                if (!r->bound[which] || !receive_message(r, which, &peer, &fits)) {
                        empty++;
                        continue;
                }
                empty = 0;
                if (fits) {
                        *ret_peer = peer;
                        *ret_local = which == LOCAL;
                        *ret_frame = bytes_of(zmq_msg_data(&r->frame), zmq_msg_size(&r->frame));
                        return 1;
                }
                if (++ignored == IGNORED_MAX) {
                        come_again(r, true);
                        return 0;
                }
        }
        return 0;
}

int router_fd(struct router *r)
{
        return r->epoll_fd;
}

int router_option(struct router *r, int option, int64_t *ret)
{
        return socket_option(r->sockets[REMOTE], option, ret);
}
