/* SPDX-License-Identifier: MIT
 *
 * What the client's public calls share.
 */
#ifndef RUNTIME_CLIENT_CALLS_H
#define RUNTIME_CLIENT_CALLS_H

#include "runtime/client_state.h"

/* Asks for something that changes nothing. STET_EUNREACHABLE, or the error and sentence of the node's reply.
 */
int client_read(stet_client *c, struct message *m, const struct message **ret, stet_why *why);

/* Copies the answer's value, once it is checked. */
int client_take_value(const struct message *answer, stet_value *ret, stet_why *why);

/* Of checked arguments; the bytes are borrowed from them and from the client. */
struct message client_start_message(const stet_client *c, const stet_start *start);
struct message client_signal_message(const char *run, const char *name, const stet_value *value);

#endif
