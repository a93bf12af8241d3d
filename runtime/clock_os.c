/* SPDX-License-Identifier: MIT
 *
 * The wall clock is read once, when the clock is made; after that only CLOCK_BOOTTIME counts, which nobody
 * can set and which goes on while the machine is suspended.
 */
#include "runtime/clock.h"

#include "base/map.h"

#include <time.h>

static int64_t read_ns(clockid_t id)
{
        struct timespec t;
        clock_gettime(id, &t);
        return (int64_t)t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int64_t now_ns(struct clock *clock)
{
        return container_of(clock, struct clock_os, clock)->base_ns + clock_elapsed_ns();
}

void clock_os_init(struct clock_os *c, int64_t not_before_ns)
{
        int64_t wall_ns = read_ns(CLOCK_REALTIME);
        int64_t start_ns = wall_ns > not_before_ns ? wall_ns : not_before_ns;
        *c = (struct clock_os){ .clock = { .now_ns = now_ns }, .base_ns = start_ns - clock_elapsed_ns() };
}

int64_t clock_elapsed_ns(void)
{
        return read_ns(CLOCK_BOOTTIME);
}
