/* SPDX-License-Identifier: MIT
 *
 * Messages put aside inside a node: until a commit returns, or on their way to another thread. The struct is
 * copied as it is with its bytes behind it; nothing is encoded, because nothing leaves the process.
 */
#ifndef RUNTIME_PARCEL_H
#define RUNTIME_PARCEL_H

#include "runtime/wire.h"

/* Appends a copy of the message and of the bytes it points to. */
void parcel_put(struct buffer *b, const struct message *m);

/* Takes the next one from the front of *at (which is moved behind it); its bytes point into the buffer. False
 * at the end. */
bool parcel_take(struct bytes *at, struct message *ret);

/* Passes over the next one, reading no more of it than its type and token. False at the end. */
bool parcel_glance(struct bytes *at, uint8_t *ret_type, struct token *ret_token);

/* Whether a message that leaves a shard is for the peer it names; else it is for the node. */
static inline bool parcel_for_peer(const struct message *m)
{
        return m->type == MSG_RESULT || m->type == MSG_ACK || (m->type == MSG_REPLY && !m->name.size);
}

#endif
