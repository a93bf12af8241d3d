/* SPDX-License-Identifier: MIT
 *
 * The node's time: nanoseconds since 1970-01-01 UTC that never go back, even when the wall clock is set back.
 * It starts at the wall clock (or at the last time in the log, if that is later) and goes on with
 * CLOCK_BOOTTIME, so that timers and timeouts keep their length whatever happens to the wall clock while the
 * node runs.
 */
#ifndef RUNTIME_CLOCK_H
#define RUNTIME_CLOCK_H

#include <stdint.h>

struct clock {
        int64_t (*now_ns)(struct clock *clock);
};

static inline int64_t clock_now(struct clock *c)
{
        return c->now_ns(c);
}

struct clock_os {
        struct clock clock;
        int64_t base_ns; /* node time minus CLOCK_BOOTTIME */
};

/* A clock that is at least not_before_ns. */
void clock_os_init(struct clock_os *c, int64_t not_before_ns);

/* CLOCK_BOOTTIME in nanoseconds: for measuring and for bounded waits, outside any recorded state. */
int64_t clock_elapsed_ns(void);

#endif
