/* SPDX-License-Identifier: MIT
 *
 * What may be bound or connected: "inproc://name", "ipc://path" and "tcp://address:port" on the loopback.
 * Everything is checked here and named in a sentence, since ZeroMQ itself answers a wrong endpoint with
 * little more than EINVAL.
 */
#ifndef RUNTIME_ENDPOINT_H
#define RUNTIME_ENDPOINT_H

#include "stet/error.h"

#include <stdbool.h>

enum {
        ENDPOINT_MAX = 256,      /* bytes of its text, with the NUL */
        ENDPOINT_PATH_MAX = 107, /* bytes of an ipc path: sockaddr_un has 108, with the NUL */
};

enum endpoint_kind { ENDPOINT_INPROC, ENDPOINT_IPC, ENDPOINT_TCP };

struct endpoint {
        enum endpoint_kind kind;
        bool ipv6;
        char text[ENDPOINT_MAX]; /* as ZeroMQ takes it */
};

/* 0, or STET_EENDPOINT. to_bind: the port may be * or 0 (any free one). */
int endpoint_parse(const char *text, bool to_bind, struct endpoint *ret, stet_why *why);

/* An ipc path that may be bound: its directory is there, and nothing is at its end except perhaps a socket on
 * which nobody listens any more. (ZeroMQ would unlink whatever it finds: a file, or the socket of a living
 * node.) 0, or STET_EENDPOINT. */
int endpoint_check_path(const struct endpoint *e, stet_why *why);

#endif
