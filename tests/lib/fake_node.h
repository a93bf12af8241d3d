/* SPDX-License-Identifier: MIT
 *
 * A node that is only its wire: it asks new connections WHO, welcomes whoever says HELLO, keeps what it
 * receives, and answers what the test's handler says. It can go down and come back on the same endpoint,
 * having forgotten everyone.
 */
#ifndef TESTS_LIB_FAKE_NODE_H
#define TESTS_LIB_FAKE_NODE_H

#include "runtime/wire.h"

struct fake_node;

/* Called for each message but HELLO and BYE, on the thread that runs the node. */
typedef void fake_handler(void *ctx, struct fake_node *node, uint64_t peer, const struct message *m);

struct fake_options {
        void *zmq_context;     /* NULL: its own */
        const char *endpoint;  /* NULL: a free tcp port */
        fake_handler *handler; /* NULL: answers nothing */
        void *ctx;
        bool driven; /* no thread: the test calls fake_node_turn() */
        bool mute;   /* takes messages, but neither asks nor welcomes */
};

struct fake_node *fake_node_new(const struct fake_options *options);
void fake_node_free(struct fake_node *n);
const char *fake_node_endpoint(const struct fake_node *n);

void fake_node_down(struct fake_node *n); /* returns when its sockets are closed */
void fake_node_up(struct fake_node *n);

/* Without a thread: takes and sends what there is; if there was nothing, waits for up to timeout_ms first. */
void fake_node_turn(struct fake_node *n, int64_t timeout_ms);

/* Sends a message, or bytes as a frame, by any thread. Peer 0: to the last one that said HELLO. */
void fake_send(struct fake_node *n, uint64_t peer, const struct message *m);
void fake_send_frame(struct fake_node *n, uint64_t peer, struct bytes frame);

/* How many messages of that type came since it was made. */
size_t fake_count(struct fake_node *n, enum message_type type);

/* Waits (up to ten seconds) until that many came. */
bool fake_await(struct fake_node *n, enum message_type type, size_t count);

/* The place-th message of that type, from 0; kept until the node is freed. Must have come. */
const struct message *fake_received(struct fake_node *n, enum message_type type, size_t place,
                                    uint64_t *ret_peer);

#endif
