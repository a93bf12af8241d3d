/* SPDX-License-Identifier: MIT */
#include "runtime/clock.h"

#include <criterion/criterion.h>
#include <time.h>

#define SECOND INT64_C(1000000000)

static int64_t wall_ns(void)
{
        struct timespec t;
        clock_gettime(CLOCK_REALTIME, &t);
        return (int64_t)t.tv_sec * SECOND + t.tv_nsec;
}

Test(clock_os, it_starts_at_the_wall_clock)
{
        struct clock_os c;
        int64_t before_ns = wall_ns();
        clock_os_init(&c, 0);
        int64_t now_ns = clock_now(&c.clock);
        cr_assert_geq(now_ns, before_ns - SECOND / 1000, "the two clocks are read one after the other");
        cr_assert_leq(now_ns, wall_ns() + SECOND);
}

Test(clock_os, it_starts_no_earlier_than_the_logs_last_time)
{
        struct clock_os c;
        int64_t future_ns = wall_ns() + 3600 * SECOND;
        clock_os_init(&c, future_ns);
        int64_t now_ns = clock_now(&c.clock);
        cr_assert_geq(now_ns, future_ns);
        cr_assert_lt(now_ns, future_ns + 60 * SECOND);
}

Test(clock_os, it_never_goes_back)
{
        struct clock_os c;
        clock_os_init(&c, 0);
        int64_t last_ns = clock_now(&c.clock);
        for (int i = 0; i < 100000; i++) {
                int64_t now_ns = clock_now(&c.clock);
                cr_assert_geq(now_ns, last_ns);
                last_ns = now_ns;
        }
}

/* Between two readings of the one lie exactly as many nanoseconds as between two readings of the other,
 * whatever the wall clock did meanwhile. */
Test(clock_os, it_goes_on_with_the_time_since_boot)
{
        struct clock_os c;
        clock_os_init(&c, 0);
        for (int i = 0; i < 1000; i++) {
                int64_t before_ns = clock_elapsed_ns();
                int64_t now_ns = clock_now(&c.clock);
                int64_t after_ns = clock_elapsed_ns();
                cr_assert_geq(now_ns, c.base_ns + before_ns);
                cr_assert_leq(now_ns, c.base_ns + after_ns);
        }
}
