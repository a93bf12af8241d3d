/* SPDX-License-Identifier: MIT
 *
 * ZeroMQ contexts, for those that may not include its header: a client or an executor outside a node makes
 * its own.
 */
#ifndef RUNTIME_CONTEXT_ZMQ_H
#define RUNTIME_CONTEXT_ZMQ_H

#include "stet/error.h"

/* With room for as many sockets as ZeroMQ can have: an executor has one a slot. */
int context_open(void **ret, stet_why *why);

/* Waits until what its sockets, all closed, had left to send is sent or has lingered long enough. Harmless on
 * NULL. */
void context_close(void *zmq_context);

#endif
