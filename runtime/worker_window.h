/* SPDX-License-Identifier: MIT
 *
 * How many tasks a worker asks for: one while tasks are slow, more while they are fast, so that short
 * activities travel in batches and long ones are not hoarded. It is measured from the time that tasks take;
 * and it remembers what the node was told.
 *
 * A worker that gave back what it had not begun is paused: it asks for nothing. Whatever the node believes to
 * be running here, and it may believe wrong, it then has no place to fill; else the same tasks would go back
 * and forth.
 */
#ifndef RUNTIME_WORKER_WINDOW_H
#define RUNTIME_WORKER_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

struct worker_window {
        uint32_t size; /* measured */
        uint32_t max;
        uint32_t finished;  /* tasks, since the size changed */
        int64_t average_ns; /* a task, from begin to finish; negative: not known yet */
        int64_t said;       /* to the node; negative: nothing yet */
        bool paused;
};

/* Of one task. max: 1 to 65536; 0 is 1024. */
void worker_window_init(struct worker_window *w, uint32_t max);

/* A task took that long. */
void worker_window_measure(struct worker_window *w, int64_t took_ns);

/* Whether the node was told more than is wanted, and whether it was told anything else. */
bool worker_window_shrank(const struct worker_window *w);
bool worker_window_changed(const struct worker_window *w);

/* It is told now what is wanted, which is returned; or has to be told anew. */
uint32_t worker_window_say(struct worker_window *w);
void worker_window_unsay(struct worker_window *w);

#endif
