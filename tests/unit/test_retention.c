/* SPDX-License-Identifier: MIT */
#include "runtime/retention.h"

#include <criterion/criterion.h>
#include <string.h>

#define SECOND INT64_C(1000000000)
#define HOUR   (3600 * SECOND)
#define DAY    (24 * HOUR)

static struct retention *parse(const char *text)
{
        struct retention *r = NULL;
        stet_why why = { "" };
        cr_assert_eq(retention_parse(text, &r, &why), 0, "%s", why.text);
        return r;
}

/* How long a run is kept by these rules. */
static int64_t kept(const char *rules, const char *ns, enum run_ending ending)
{
        struct retention *r = parse(rules);
        int64_t keep_ns = retention_ns(r, bytes_str(ns), ending);
        retention_free(r);
        return keep_ns;
}

static void refused(const char *rules, const char *word)
{
        struct retention *r = NULL;
        stet_why why = { "" };
        cr_assert_eq(retention_parse(rules, &r, &why), STET_EINVAL, "\"%s\" was taken", rules);
        cr_assert_null(r);
        cr_assert(strstr(why.text, word), "no \"%s\" in: %s", word, why.text);
}

Test(retention, where_no_rule_says_anything_it_is_30_days)
{
        cr_assert_eq(kept(NULL, "default", RUN_COMPLETED), 30 * DAY);
        cr_assert_eq(kept("", "default", RUN_FAILED), 30 * DAY);
        cr_assert_eq(kept("failed=7d", "default", RUN_COMPLETED), 30 * DAY);
        cr_assert_eq(kept("prod:7d", "default", RUN_COMPLETED), 30 * DAY);
}

Test(retention, rule_for_all_is_for_every_ending_and_namespace)
{
        for (enum run_ending ending = RUN_COMPLETED; ending <= RUN_CONTINUED; ending++) {
                cr_assert_eq(kept("24h", "default", ending), DAY);
                cr_assert_eq(kept("24h", "prod", ending), DAY);
        }
}

Test(retention, durations_have_every_unit_and_add_up)
{
        cr_assert_eq(kept("1s", "a", RUN_FAILED), SECOND);
        cr_assert_eq(kept("90s", "a", RUN_FAILED), 90 * SECOND);
        cr_assert_eq(kept("5m", "a", RUN_FAILED), 300 * SECOND);
        cr_assert_eq(kept("1h30m", "a", RUN_FAILED), HOUR + HOUR / 2);
        cr_assert_eq(kept("1d2h3m4s", "a", RUN_FAILED), DAY + 2 * HOUR + 184 * SECOND);
        cr_assert_eq(kept("36500d", "a", RUN_FAILED), 36500 * DAY);
        cr_assert_eq(kept("forever", "a", RUN_FAILED), RETENTION_FOREVER);
}

Test(retention, most_specific_rule_wins_in_whatever_order_they_stand)
{
        const char *const orders[] = { "1h,failed=2h,prod:3h,prod:failed=4h",
                                       "prod:failed=4h,prod:3h,failed=2h,1h",
                                       "prod:3h,1h,prod:failed=4h,failed=2h" };
        for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
                cr_assert_eq(kept(orders[i], "test", RUN_COMPLETED), HOUR);
                cr_assert_eq(kept(orders[i], "test", RUN_FAILED), 2 * HOUR);
                cr_assert_eq(kept(orders[i], "prod", RUN_COMPLETED), 3 * HOUR);
                cr_assert_eq(kept(orders[i], "prod", RUN_FAILED), 4 * HOUR);
        }
}

Test(retention, namespace_alone_goes_before_state_alone)
{
        cr_assert_eq(kept("prod:3h,failed=2h", "prod", RUN_FAILED), 3 * HOUR);
        cr_assert_eq(kept("failed=forever,prod:3h", "prod", RUN_FAILED), 3 * HOUR);
}

Test(retention, of_two_rules_alike_the_later_one_counts)
{
        cr_assert_eq(kept("24h,1h", "a", RUN_COMPLETED), HOUR);
        cr_assert_eq(kept("a:failed=1h,a:failed=2h", "a", RUN_FAILED), 2 * HOUR);
}

Test(retention, every_ending_can_be_named)
{
        const char *const rules = "1h,completed=1s,failed=2s,canceled=3s,terminated=4s,continued=5s";
        for (enum run_ending ending = RUN_COMPLETED; ending <= RUN_CONTINUED; ending++)
                cr_assert_eq(kept(rules, "a", ending), (int64_t)ending * SECOND);
}

static int64_t shortest(const char *rules)
{
        struct retention *r = parse(rules);
        int64_t keep_ns = retention_shortest_ns(r);
        retention_free(r);
        return keep_ns;
}

Test(retention, shortest_is_that_of_all_rules_and_of_what_no_rule_is_for)
{
        cr_assert_eq(shortest(NULL), 30 * DAY);
        cr_assert_eq(shortest("24h"), DAY);
        cr_assert_eq(shortest("60d"), 60 * DAY);
        cr_assert_eq(shortest("failed=60d"), 30 * DAY);
        cr_assert_eq(shortest("failed=60d,dev:failed=1h"), HOUR);
        cr_assert_eq(shortest("forever,failed=60d"), 60 * DAY);
        cr_assert_eq(shortest("forever"), RETENTION_FOREVER);
}

Test(retention, spaces_around_the_parts_mean_nothing)
{
        cr_assert_eq(kept(" 24h , dev : failed = 2d ", "dev", RUN_FAILED), 2 * DAY);
        cr_assert_eq(kept(" 24h , dev : failed = 2d ", "dev", RUN_COMPLETED), DAY);
}

Test(retention, namespace_may_have_colons_and_equal_signs_of_its_own)
{
        cr_assert_eq(kept("team:a=b:failed=2h", "team:a=b", RUN_FAILED), 2 * HOUR);
        cr_assert_eq(kept("team:a=b:3h", "team:a=b", RUN_FAILED), 3 * HOUR);
}

Test(retention, namespace_means_its_whole_name)
{
        cr_assert_eq(kept("prod:1h", "production", RUN_FAILED), 30 * DAY);
        cr_assert_eq(kept("prod:1h", "pro", RUN_FAILED), 30 * DAY);
}

Test(retention, what_is_no_duration_is_refused_with_those_that_are)
{
        const char *const wrong[] = { "24",
                                      "h",
                                      "24x",
                                      "-1h",
                                      "1.5h",
                                      "24h7",
                                      "1 h",
                                      "Forever",
                                      "failed=",
                                      "prod:",
                                      "99999999999999999999s",
                                      "9999999999d",
                                      "106751d106751d" };
        for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
                refused(wrong[i], "90s, 5m, 2h, 7d, 1h30m or forever");
}

Test(retention, state_in_which_no_run_ends_is_refused_with_those_that_are)
{
        refused("open=1h", "completed, failed, canceled, terminated and continued");
        refused("blocked=1h", "completed, failed");
        refused("=1h", "completed, failed");
        refused("24h,faild=1h", "\"faild=1h\"");
}

Test(retention, rule_without_anything_is_refused)
{
        refused(",", "empty");
        refused("24h,,7d", "empty");
        refused(":1h", "namespace");
}

Test(retention, less_than_a_second_is_refused)
{
        refused("0s", "least is 1s");
        refused("failed=0d", "least is 1s");
}
