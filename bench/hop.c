/* SPDX-License-Identifier: MIT
 *
 * What one hop costs: a message to another thread and back, one at a time, over the engine's pair of sockets
 * (ROUTER, DEALER). A run that goes alone pays eight of them; most of it is the kernel waking a thread that
 * sleeps.
 */
#include "bench/ceiling.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

#include "bench/machine.h"

enum { ROUNDS_COUNT = 2000, WARM_UP_COUNT = 100, TIMEOUT_MS = 5000 };

static void *echo_main(void *socket)
{
        zmq_msg_t msg;
        zmq_msg_init(&msg);
        zmq_msg_send(&msg, socket, 0); /* makes us known */
        for (;;) {
                zmq_msg_init(&msg);
                if (zmq_msg_recv(&msg, socket, 0) < 0 || zmq_msg_size(&msg) == 0 ||
                    zmq_msg_send(&msg, socket, 0) < 0)
                        break;
        }
        zmq_msg_close(&msg);
        return NULL;
}

static int receive_part(void *socket, zmq_msg_t *msg)
{
        return zmq_msg_recv(msg, socket, 0) < 0 ? errno : 0;
}

/* Bounces the message between the two threads; *peer is the echo's identity. */
static int bounce(void *router, zmq_msg_t *peer, uint32_t payload_bytes, struct histogram *h)
{
        int rc = 0;
        zmq_msg_t body;
        zmq_msg_init_size(&body, payload_bytes ? payload_bytes : 1); /* an empty one ends the echo */
        memset(zmq_msg_data(&body), 'x', zmq_msg_size(&body));
        for (int i = -WARM_UP_COUNT; i < ROUNDS_COUNT && !rc; i++) {
                int64_t start_ns = machine_now_ns();
                if (zmq_send(router, zmq_msg_data(peer), zmq_msg_size(peer), ZMQ_SNDMORE) < 0 ||
                    zmq_msg_send(&body, router, 0) < 0)
                        rc = errno;
                if (!rc)
                        rc = receive_part(router, peer);
                if (!rc)
                        rc = receive_part(router, &body);
                if (i >= 0)
                        histogram_add(h, machine_now_ns() - start_ns);
        }
        zmq_send(router, zmq_msg_data(peer), zmq_msg_size(peer), ZMQ_SNDMORE);
        zmq_send(router, NULL, 0, 0);
        zmq_msg_close(&body);
        return rc;
}

static int measure(void *router, void *dealer, uint32_t payload_bytes, double *ret_us)
{
        struct histogram h;
        pthread_t echo;
        zmq_msg_t peer, empty;
        histogram_clear(&h);
        int rc = pthread_create(&echo, NULL, echo_main, dealer);
        if (rc)
                return rc;
        zmq_msg_init(&peer);
        zmq_msg_init(&empty);
        rc = receive_part(router, &peer);
        if (!rc)
                rc = receive_part(router, &empty);
        if (!rc)
                rc = bounce(router, &peer, payload_bytes, &h);
        pthread_join(echo, NULL);
        zmq_msg_close(&peer);
        zmq_msg_close(&empty);
        if (!rc)
                *ret_us = histogram_us(&h, 0.5) / 2;
        return rc;
}

static int connect_pair(void *router, void *dealer, const char *endpoint)
{
        char real[256];
        size_t size = sizeof(real);
        int timeout_ms = TIMEOUT_MS;
        if (!router || !dealer)
                return errno;
        zmq_setsockopt(router, ZMQ_RCVTIMEO, &timeout_ms, sizeof(timeout_ms));
        zmq_setsockopt(dealer, ZMQ_RCVTIMEO, &timeout_ms, sizeof(timeout_ms));
        if (zmq_bind(router, endpoint) != 0 || zmq_getsockopt(router, ZMQ_LAST_ENDPOINT, real, &size) != 0 ||
            zmq_connect(dealer, real) != 0)
                return errno;
        return 0;
}

int ceiling_hop_us(const char *dir, const char *transport, uint32_t payload_bytes, double *ret_us,
                   stet_why *why)
{
        char endpoint[256];
        ceiling_endpoint(dir, transport, "hop", endpoint, sizeof(endpoint));
        void *context = zmq_ctx_new();
        if (!context)
                return stet_why_set(why, STET_EIO, "a ZeroMQ context: %s", zmq_strerror(errno));
        void *router = zmq_socket(context, ZMQ_ROUTER);
        void *dealer = zmq_socket(context, ZMQ_DEALER);
        int rc = connect_pair(router, dealer, endpoint);
        if (!rc)
                rc = measure(router, dealer, payload_bytes, ret_us);
        if (router)
                zmq_close(router);
        if (dealer)
                zmq_close(dealer);
        zmq_ctx_term(context);
        return rc ? stet_why_set(why, STET_EENDPOINT, "%s: %s", endpoint, zmq_strerror(rc)) : 0;
}
