/* SPDX-License-Identifier: MIT */
#include "runtime/context_zmq.h"

#include <errno.h>
#include <zmq.h>

int context_open(void **ret, stet_why *why)
{
        void *context = zmq_ctx_new();
        if (!context)
                return stet_why_set(why, STET_EIO, "ZeroMQ can't start: %s", zmq_strerror(errno));
        zmq_ctx_set(context, ZMQ_MAX_SOCKETS, zmq_ctx_get(context, ZMQ_SOCKET_LIMIT));
        *ret = context;
        return 0;
}

void context_close(void *zmq_context)
{
        if (!zmq_context)
                return;
        while (zmq_ctx_term(zmq_context) != 0 && errno == EINTR)
                ;
}
