/* SPDX-License-Identifier: MIT
 *
 * A task: one activity that the scheduler knows of, from ENQUEUE to CLOSE, with its current attempt. One
 * block of memory holds it and its input; the names of its queue and activity are its lane's. Blocks come
 * from a pool with free lists by size, so that a steady flow of tasks allocates nothing.
 */
#ifndef RUNTIME_TASK_H
#define RUNTIME_TASK_H

#include "base/heap.h"
#include "base/state.h"
#include "base/list.h"
#include "base/map.h"
#include "base/prefetch.h"

#include "runtime/wire.h"

struct lane;
struct connection;

enum task_state {
        TASK_DELAYED, /* not before ready_ns */
        TASK_WAITING, /* in its lane */
        TASK_RUNNING, /* with a connection */
        TASK_DONE,    /* a DONE became its outcome; the shard's answer, and after it an ACK, will follow */
        TASK_ENDED,   /* it timed out or was lost; the shard's answer will follow */
};

enum { TASK_STATES = TASK_ENDED + 1 };

extern const struct state task_states[TASK_STATES];

struct task {
        struct map_node node; /* by task_key() */
        struct list place;    /* its state's list: the lane's, the connection's, or one of the scheduler's */
        struct list young;    /* see watch() in scheduler.c */
        struct heap_node deadline;

        uint64_t run;
        uint32_t op;
        uint32_t attempt;
        struct lane *lane;
        struct connection *connection; /* while RUNNING */
        uint64_t arrival;              /* its place among all that ever waited */

        int64_t ready_ns;   /* when the attempt is due; schedule-to-start counts from here */
        int64_t since_ns;   /* when it came into its state */
        int64_t beat_ns;    /* its last heartbeat */
        int64_t timeout_ms; /* 0: none, here and below */
        int64_t schedule_timeout_ms;
        int64_t heartbeat_ms;

        uint32_t lost_count; /* how many attempts in a row ended with their executor */
        uint32_t input_size;
        uint8_t state; /* enum task_state */
        uint8_t size_class;
        uint8_t input[];
};

enum { TASK_CLASSES = 5, TASK_SIZE_MIN = 256 }; /* 256 bytes to 4 KiB; what is larger is not pooled */

struct task_pool {
        struct list *free[TASK_CLASSES]; /* tasks that are not in use, linked by place.next */
        size_t free_bytes[TASK_CLASSES];
        uint64_t bytes; /* of all blocks that are out */
};

/* A task whose fields are zero, but for its copy of the input. */
struct task *task_new(struct task_pool *pool, struct bytes input);
void task_free(struct task_pool *pool, struct task *t);
void task_pool_fini(struct task_pool *pool);

/* It is needed soon. */
static inline void task_prefetch(const struct task *t)
{
        prefetch(t, sizeof *t);
}

static inline uint64_t task_key(uint64_t run, uint32_t op)
{
        return run ^ (op + UINT64_C(1)) * UINT64_C(0x9e3779b97f4a7c15);
}

/* When the state it is in ends by itself; INT64_MAX: never. */
int64_t task_due_ns(const struct task *t);

/* at_ns plus a timeout; INT64_MAX when there is none, or when it lies beyond all time. */
int64_t timeout_after(int64_t at_ns, int64_t timeout_ms);

#endif
