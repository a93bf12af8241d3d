/* SPDX-License-Identifier: MIT
 *
 * Frames that are packed in place and handed to ZeroMQ without a copy. ZeroMQ gives a frame's memory back on
 * whatever thread drops it; it goes back to the pool it came from, so that nothing is allocated once the pool
 * is warm.
 *
 * A pool is taken from by one thread and given back to by any: givers push with one compare-and-swap, the
 * taker takes all that was given back at once, so that no node can reappear under it (no ABA).
 */
#ifndef BENCH_CEILING_FRAME_H
#define BENCH_CEILING_FRAME_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct frame_pool {
        struct frame *ready; /* the taker's own */
        _Atomic(struct frame *) returned;
        size_t capacity;
};

struct frame {
        struct frame *next;
        struct frame_pool *pool;
        size_t size;
        uint8_t data[];
};

/* Frames that take messages of up to message_max bytes until they reach CEILING_FRAME_AIM. */
void frame_pool_init(struct frame_pool *pool, size_t message_max);
/* Frees what is back. Call it when the sockets that were given frames are closed and their context is
 * terminated. */
void frame_pool_fini(struct frame_pool *pool);

struct frame *frame_take(struct frame_pool *pool);
void frame_give_back(struct frame *frame);

/* Sends the frame and hands it over; to a ROUTER's peer when identity_size is not 0. 0, or the errno of
 * ZeroMQ (the frame is given back then). */
int frame_send(struct frame *frame, void *socket, const void *identity, size_t identity_size);

#endif
