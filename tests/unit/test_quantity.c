/* SPDX-License-Identifier: MIT
 *
 * Moments as people write them: how long ago, or when in UTC.
 */
#include "tools/quantity.h"

#include <criterion/criterion.h>
#include <string.h>
#include <time.h>

#define NOW_MS INT64_C(1800000000000)

static int64_t moment(const char *text)
{
        stet_why why = { "" };
        int64_t ms = 0;
        cr_assert_eq(quantity_moment(text, NOW_MS, &ms, &why), 0, "%s", why.text);
        return ms;
}

Test(quantity, duration_is_so_long_ago)
{
        cr_assert_eq(moment("0"), NOW_MS);
        cr_assert_eq(moment("500ms"), NOW_MS - 500);
        cr_assert_eq(moment("1h30m"), NOW_MS - 5400000);
        cr_assert_eq(moment("7d"), NOW_MS - INT64_C(7) * 86400000);
}

Test(quantity, time_in_utc_is_taken_to_the_second_and_a_day_from_its_beginning)
{
        cr_assert_eq(moment("2027-01-15T08:00:00Z"), NOW_MS);
        cr_assert_eq(moment("2027-01-15T08:00:59Z"), NOW_MS + 59000);
        cr_assert_eq(moment("2027-01-15"), NOW_MS - 8 * 3600000);
        cr_assert_eq(moment("1970-01-02"), 86400000);
        cr_assert_eq(moment("2000-02-29T23:59:59Z"), INT64_C(951868799000));
}

Test(quantity, every_day_of_centuries_is_where_the_calendar_has_it)
{
        for (int64_t day = 1; day < 366 * 500; day++) {
                time_t seconds = (time_t)(day * 86400 + day % 86400);
                struct tm parts;
                char text[40];
                cr_assert(gmtime_r(&seconds, &parts));
                cr_assert_gt(strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts), 0);
                cr_assert_eq(moment(text), (int64_t)seconds * 1000, "%s", text);
                cr_assert_gt(strftime(text, sizeof text, "%Y-%m-%d", &parts), 0);
                cr_assert_eq(moment(text), day * 86400000, "%s", text);
        }
}

Test(quantity, moment_is_never_0_which_says_that_none_was_given)
{
        cr_assert_eq(moment("1970-01-01"), 1);
        cr_assert_eq(moment("1970-01-01T00:00:00Z"), 1);
        cr_assert_eq(moment("36525d"), 1);
}

Test(quantity, what_is_no_moment_is_refused_with_what_is)
{
        static const char *const bad[] = {
                "",
                "soon",
                "-1h",
                "5",
                "1h ago",
                "2026",
                "2026-11",
                "2026-1-1",
                "26-11-22",
                "1969-12-31",
                "2026-00-10",
                "2026-13-01",
                "2026-11-00",
                "2026-11-31",
                "2026-02-29",
                "2100-02-29",
                "2026-11-22T",
                "2026-11-22Z",
                "2026-11-22T10:00Z",
                "2026-11-22T10:00:00",
                "2026-11-22 10:00:00Z",
                "2026-11-22T24:00:00Z",
                "2026-11-22T10:60:00Z",
                "2026-11-22T10:00:60Z",
                "2026-11-22T10:00:00+01:00",
                "2026-11-22T10:00:00Zx",
                "99999999999999999999d",
        };
        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
                stet_why why = { "" };
                int64_t ms = 42;
                cr_assert_eq(quantity_moment(bad[i], NOW_MS, &ms, &why), STET_EINVAL, "'%s'", bad[i]);
                cr_assert(strstr(why.text, "2026-11-22T10:00:00Z") && strstr(why.text, bad[i]), "%s",
                          why.text);
                cr_assert_eq(ms, 42, "nothing is returned for '%s'", bad[i]);
        }
}
