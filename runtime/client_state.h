/* SPDX-License-Identifier: MIT
 *
 * A client's insides: its line to the node, the one request that a call is waiting for, and the requests
 * that are under way in batches.
 */
#ifndef RUNTIME_CLIENT_STATE_H
#define RUNTIME_CLIENT_STATE_H

#include "runtime/client_batch.h"
#include "runtime/client_line.h"

/* The request that the present call makes, and its answer. */
struct client_request {
        uint64_t correlation; /* 0: there is none */
        struct buffer frame;
        bool until_result; /* a WAIT: only a RESULT or a refusal answers it */
        bool sent;         /* on this connection */
        bool was_sent;     /* on any */
        int64_t sent_ns;
        bool answered;
        struct buffer copy;    /* of the answer */
        struct message answer; /* its bytes are in the copy */
};

struct stet_client {
        struct client_line line;
        struct client_request request;
        struct client_batch batch;
        int64_t timeout_ms;
        char name_space[STET_ID_SIZE_MAX + 1]; /* "": the default one */
        uint64_t serial;                       /* of the last request */
        uint64_t seed[2];                      /* of the request ids it makes up */
        uint64_t request_ids;
};

/* A request id that nobody else makes up. */
struct client_request_id {
        char text[33];
};
struct bytes client_request_id_new(stet_client *c, struct client_request_id *ret);

/* Takes what came and sends what is to be sent, without waiting. */
void client_turn(stet_client *c, int64_t now_ns);

/* Sends the message and waits for its answer, which is valid until the next call. STET_ETIMEDOUT: none came
 * (see c->request.was_sent); timeout_ms < 0: no limit, once the node has said anything. The error of a driver
 * or of a node that refuses us has its sentence in *why. */
int client_ask(stet_client *c, struct message *m, int64_t timeout_ms, const struct message **ret,
               stet_why *why);

#endif
