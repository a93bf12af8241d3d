/* SPDX-License-Identifier: MIT */
#include "bench/ceiling_frame.h"

#include <errno.h>
#include <stdlib.h>
#include <zmq.h>

#include "base/buffer.h"
#include "bench/ceiling_wire.h"

void frame_pool_init(struct frame_pool *pool, size_t message_max)
{
        pool->ready = NULL;
        atomic_init(&pool->returned, NULL);
        pool->capacity = CEILING_FRAME_AIM + message_max;
}

static void free_list(struct frame *frame)
{
        while (frame) {
                struct frame *next = frame->next;
                free(frame);
                frame = next;
        }
}

void frame_pool_fini(struct frame_pool *pool)
{
        free_list(pool->ready);
        free_list(atomic_exchange(&pool->returned, NULL));
        pool->ready = NULL;
}

struct frame *frame_take(struct frame_pool *pool)
{
        if (!pool->ready)
                pool->ready = atomic_exchange_explicit(&pool->returned, NULL, memory_order_acquire);
        struct frame *frame = pool->ready;
        if (frame) {
                pool->ready = frame->next;
        } else {
                frame = xmalloc(sizeof(*frame) + pool->capacity);
                frame->pool = pool;
        }
        frame->next = NULL;
        frame->size = 0;
        return frame;
}

void frame_give_back(struct frame *frame)
{
        struct frame_pool *pool = frame->pool;
        frame->next = atomic_load_explicit(&pool->returned, memory_order_relaxed);
        while (!atomic_compare_exchange_weak_explicit(&pool->returned, &frame->next, frame,
                                                      memory_order_release, memory_order_relaxed))
                ;
}

static void dropped(void *data, void *frame)
{
        (void)data;
        frame_give_back(frame);
}

int frame_send(struct frame *frame, void *socket, const void *identity, size_t identity_size)
{
        zmq_msg_t msg;
        if (identity_size && zmq_send(socket, identity, identity_size, ZMQ_SNDMORE) < 0) {
                int err = errno;
                frame_give_back(frame);
                return err;
        }
        if (zmq_msg_init_data(&msg, frame->data, frame->size, dropped, frame) != 0)
                abort(); /* out of memory */
        if (zmq_msg_send(&msg, socket, 0) < 0) {
                int err = errno;
                zmq_msg_close(&msg);
                return err;
        }
        return 0;
}
