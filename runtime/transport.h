/* SPDX-License-Identifier: MIT
 *
 * How frames reach peers: ZeroMQ in a node, a queue on virtual time in the simulator. A peer is a number that
 * the transport gives to a connection; it is never used again for another one.
 */
#ifndef RUNTIME_TRANSPORT_H
#define RUNTIME_TRANSPORT_H

#include "base/bytes.h"

struct transport;

struct transport_ops {
        /* Hands over a frame (copied or sent before this returns). 0; STET_ENOTFOUND: that peer is gone;
         * STET_EAGAIN: its queue is full, keep the frame and try again later. Never blocks. */
        int (*send)(struct transport *t, uint64_t peer, struct bytes frame);
};

struct transport {
        const struct transport_ops *ops;
};

static inline int transport_send(struct transport *t, uint64_t peer, struct bytes frame)
{
        return t->ops->send(t, peer, frame);
}

#endif
