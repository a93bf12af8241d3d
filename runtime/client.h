/* SPDX-License-Identifier: MIT
 *
 * What the node needs of a client beyond the public header: opening one on the node's own ZeroMQ context, and
 * driving a node without threads while a call waits.
 */
#ifndef RUNTIME_CLIENT_H
#define RUNTIME_CLIENT_H

#include "stet/client.h"

/* Drives a node that has no threads: does what there is to do, then waits up to timeout_ms for more, or until
 * fd (the client's own: its answer is there) is readable. 0, or the error that stopped the node. */
struct client_driver {
        void *ctx;
        int (*drive)(void *ctx, int fd, int64_t timeout_ms, stet_why *why);
};

/* zmq_context NULL: the client makes and ends its own. driver NULL: someone else drives the node. */
int client_open(void *zmq_context, const char *endpoint, const struct client_driver *driver,
                stet_client **ret, stet_why *why);

#endif
