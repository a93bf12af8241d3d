/* SPDX-License-Identifier: MIT */
#include "runtime/worker_window.h"

#define MS INT64_C(1000000)

enum {
        SIZE_MAX_DEFAULT = 1024,
        SIZE_MAX_MOST = 65536,
        AIM_MS = 10,        /* what the tasks in a window take together */
        AVERAGE_WEIGHT = 8, /* a task's time counts one in eight */
        UNKNOWN = -1,
};

void worker_window_init(struct worker_window *w, uint32_t max)
{
        *w = (struct worker_window){ .size = 1, .average_ns = UNKNOWN, .said = UNKNOWN };
        w->max = !max ? SIZE_MAX_DEFAULT : max < SIZE_MAX_MOST ? max : SIZE_MAX_MOST;
}

static uint32_t fitting(const struct worker_window *w)
{
        int64_t fits = AIM_MS * MS / (w->average_ns > 0 ? w->average_ns : 1);
        return fits < 1 ? 1 : fits > w->max ? w->max : (uint32_t)fits;
}

static bool worth_growing(const struct worker_window *w, uint32_t grown)
{
        return w->finished >= w->size &&
               (grown >= w->size + (w->size + 1) / 2 || (grown == w->max && grown > w->size));
}

/* Shrinks as soon as the tasks turn out slow; grows by no more than double, and only after as many tasks as
 * it has. Small changes are not worth a message. */
void worker_window_measure(struct worker_window *w, int64_t took_ns)
{
        w->average_ns =
            w->average_ns < 0 ? took_ns : w->average_ns + (took_ns - w->average_ns) / AVERAGE_WEIGHT;
        w->finished++;
        uint32_t fits = fitting(w);
        uint32_t grown = fits < 2 * w->size ? fits : 2 * w->size;
        if (fits <= w->size / 2 || worth_growing(w, grown)) {
                w->size = grown;
                w->finished = 0;
        }
}

/* What the node should know. */
static uint32_t wanted_size(const struct worker_window *w)
{
        return w->paused ? 0 : w->size;
}

bool worker_window_shrank(const struct worker_window *w)
{
        return w->said > wanted_size(w);
}

bool worker_window_changed(const struct worker_window *w)
{
        return w->said != wanted_size(w);
}

uint32_t worker_window_say(struct worker_window *w)
{
        uint32_t wanted = wanted_size(w);
        w->said = wanted;
        return wanted;
}

void worker_window_unsay(struct worker_window *w)
{
        w->said = UNKNOWN;
}
