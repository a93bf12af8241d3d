/* SPDX-License-Identifier: MIT */
#include "runtime/task.h"

#include <stdlib.h>

enum { POOL_BYTES_MAX = 4 << 20 }; /* kept free for each size; a burst's memory beyond that goes back */

static size_t class_size(unsigned size_class)
{
        return (size_t)TASK_SIZE_MIN << size_class;
}

static unsigned class_of(size_t size)
{
        unsigned size_class = 0;
        while (size_class < TASK_CLASSES && class_size(size_class) < size)
                size_class++;
        return size_class;
}

#define NEXT_ATTEMPT (STATE_BIT(TASK_DELAYED) | STATE_BIT(TASK_WAITING) | STATE_BIT(TASK_RUNNING))
#define DECIDED      (STATE_BIT(TASK_DONE) | STATE_BIT(TASK_ENDED))

/* An undecided attempt may be claimed, given back, decided or replaced by the next from wherever it is; a
 * decided one only waits for the shard to say that there is a next. */
const struct state task_states[TASK_STATES] = {
        [TASK_DELAYED] = { "delayed", NEXT_ATTEMPT | DECIDED, STATE_INITIAL },
        [TASK_WAITING] = { "waiting", NEXT_ATTEMPT | DECIDED, 0 },
        [TASK_RUNNING] = { "running", NEXT_ATTEMPT | DECIDED, 0 },
        [TASK_DONE] = { "done", NEXT_ATTEMPT, STATE_FINAL },
        [TASK_ENDED] = { "ended", NEXT_ATTEMPT, STATE_FINAL | STATE_FAILURE },
};

static size_t block_size(unsigned size_class, size_t input_size)
{
        return size_class < TASK_CLASSES ? class_size(size_class) : sizeof(struct task) + input_size;
}

struct task *task_new(struct task_pool *pool, struct bytes input)
{
        unsigned size_class = class_of(sizeof(struct task) + input.size);
        size_t size = block_size(size_class, input.size);
        struct task *t;
        if (size_class < TASK_CLASSES && pool->free[size_class]) {
                t = container_of(pool->free[size_class], struct task, place);
                pool->free[size_class] = t->place.next;
                pool->free_bytes[size_class] -= size;
        } else {
                t = xmalloc(size);
        }
        pool->bytes += size;
        *t = (struct task){ .size_class = (uint8_t)size_class, .input_size = (uint32_t)input.size };
        list_init(&t->place);
        list_init(&t->young);
        if (input.size)
                memcpy(t->input, input.data, input.size);
        return t;
}

void task_free(struct task_pool *pool, struct task *t)
{
        unsigned size_class = t->size_class;
        size_t size = block_size(size_class, t->input_size);
        pool->bytes -= size;
        if (size_class >= TASK_CLASSES || pool->free_bytes[size_class] + size > POOL_BYTES_MAX) {
                free(t);
                return;
        }
        t->place.next = pool->free[size_class];
        pool->free[size_class] = &t->place;
        pool->free_bytes[size_class] += size;
}

void task_pool_fini(struct task_pool *pool)
{
        for (unsigned i = 0; i < TASK_CLASSES; i++) {
                while (pool->free[i]) {
                        struct list *place = pool->free[i];
                        pool->free[i] = place->next;
                        free(container_of(place, struct task, place));
                }
                pool->free_bytes[i] = 0;
        }
}

int64_t timeout_after(int64_t at_ns, int64_t timeout_ms)
{
        int64_t timeout_ns, due_ns;
        if (timeout_ms <= 0 || __builtin_mul_overflow(timeout_ms, INT64_C(1000000), &timeout_ns) ||
            __builtin_add_overflow(at_ns, timeout_ns, &due_ns))
                return INT64_MAX;
        return due_ns;
}

int64_t task_due_ns(const struct task *t)
{
        switch ((enum task_state)t->state) {
        case TASK_DELAYED:
                return t->ready_ns;
        case TASK_WAITING:
                return timeout_after(t->ready_ns, t->schedule_timeout_ms);
        case TASK_RUNNING: {
                int64_t close_ns = timeout_after(t->since_ns, t->timeout_ms);
                int64_t beat_ns = timeout_after(t->beat_ns, t->heartbeat_ms);
                return beat_ns < close_ns ? beat_ns : close_ns;
        }
        case TASK_DONE:
        case TASK_ENDED:
                break;
        }
        return INT64_MAX;
}
