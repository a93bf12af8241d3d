/* SPDX-License-Identifier: MIT
 *
 * What a node tells a client, as numbers. A call that fails ends the test; -1: that is not told.
 */
#ifndef TESTS_LIB_TOLD_H
#define TESTS_LIB_TOLD_H

#include <stet/stet.h>

#include <criterion/criterion.h>

/* A counter of a map of the node's. */
static inline int64_t told_stat(stet_client *client, const char *map, const char *key)
{
        stet_value stats = { 0 };
        stet_why why = { "" };
        cr_assert_eq(stet_client_stats(client, &stats, &why), 0, "%s", why.text);
        stet_value inner = stet_value_get(&stats, map), field = stet_value_get(&inner, key);
        int64_t number = stet_value_int(&field, -1);
        stet_value_free(&stats);
        return number;
}

static inline int64_t told_of_run(stet_client *client, const char *run, const char *key)
{
        stet_value shown = { 0 };
        stet_why why = { "" };
        cr_assert_eq(stet_client_show(client, run, &shown, &why), 0, "%s", why.text);
        stet_value field = stet_value_get(&shown, key);
        int64_t number = stet_value_int(&field, -1);
        stet_value_free(&shown);
        return number;
}

/* How many runs a list has, of one page. */
static inline size_t told_listed(stet_client *client, const stet_list_filter *filter)
{
        stet_value list = { 0 };
        stet_why why = { "" };
        cr_assert_eq(stet_client_list(client, filter, &list, &why), 0, "%s", why.text);
        size_t count = stet_value_count(&list);
        stet_value_free(&list);
        return count;
}

/* How many transitions the run's history has. */
static inline size_t told_history(stet_client *client, const char *run)
{
        stet_value history = { 0 };
        stet_why why = { "" };
        cr_assert_eq(stet_client_history(client, run, 0, 0, &history, &why), 0, "%s", why.text);
        size_t count = stet_value_count(&history);
        stet_value_free(&history);
        return count;
}

#endif
