/* SPDX-License-Identifier: MIT
 *
 * Readings: one message with a map of arguments, answered by one value.
 */
#include "runtime/client_args.h"
#include "runtime/client_calls.h"

static int reading(stet_client *c, const char *name, const char *run, const stet_value *args, stet_value *ret,
                   stet_why *why)
{
        if (!c || !ret)
                return stet_why_set(why, STET_EINVAL, "the client or the place for the answer is missing");
        struct message m = { .type = MSG_READ, .name = bytes_str(name), .id = bytes_str(run) };
        if (args)
                m.value = bytes_of(args->data, args->size);
        const struct message *answer;
        int err = client_read(c, &m, &answer, why);
        return err ? err : client_take_value(answer, ret, why);
}

static void set_text(stet_value *map, const char *key, const char *text)
{
        stet_value item = { 0 };
        if (text && stet_value_set_string(&item, text) == 0)
                stet_value_set(map, key, &item);
        stet_value_free(&item);
}

static void set_number(stet_value *map, const char *key, uint64_t number)
{
        stet_value item = { 0 };
        if (number && stet_value_set_int(&item, (int64_t)number) == 0)
                stet_value_set(map, key, &item);
        stet_value_free(&item);
}

int stet_client_show(stet_client *client, const char *run, stet_value *ret, stet_why *why)
{
        int err = check_name(run, "the run", why);
        return err ? err : reading(client, "show", run, NULL, ret, why);
}

int stet_client_list(stet_client *client, const stet_list_filter *filter, stet_value *ret, stet_why *why)
{
        static const stet_list_filter all = { 0 };
        if (!filter)
                filter = &all;
        int err = check_list_filter(filter, why);
        if (err)
                return err;
        stet_value args = { 0 };
        set_text(&args, "state", filter->state);
        set_text(&args, "workflow", filter->workflow);
        set_text(&args, "before", filter->before_run_id);
        set_text(&args, "parent", filter->parent_run_id);
        if (filter->attributes)
                stet_value_set(&args, "attributes", filter->attributes);
        set_text(&args, "queue", filter->queue);
        set_number(&args, "started_after_ms", (uint64_t)filter->started_after_ms);
        set_number(&args, "started_before_ms", (uint64_t)filter->started_before_ms);
        set_number(&args, "ended_after_ms", (uint64_t)filter->ended_after_ms);
        set_number(&args, "ended_before_ms", (uint64_t)filter->ended_before_ms);
        set_number(&args, "limit", filter->limit);
        err = reading(client, "list", NULL, &args, ret, why);
        stet_value_free(&args);
        return err;
}

int stet_client_history(stet_client *client, const char *run, uint64_t from, uint32_t limit, stet_value *ret,
                        stet_why *why)
{
        int err = check_name(run, "the run", why);
        if (!err && from > INT64_MAX)
                err = stet_why_set(why, STET_EINVAL,
                                   "no history is as long as its part that is asked for begins");
        if (err)
                return err;
        stet_value args = { 0 };
        set_number(&args, "from", from);
        set_number(&args, "limit", limit);
        err = reading(client, "history", run, &args, ret, why);
        stet_value_free(&args);
        return err;
}

int stet_client_records(stet_client *client, const char *run, uint64_t from, uint64_t skip, stet_value *ret,
                        stet_why *why)
{
        int err = check_name(run, "the run", why);
        if (!err && (from > INT64_MAX || skip > INT64_MAX))
                err = stet_why_set(why, STET_EINVAL, "no run has as many records, and none is as large");
        if (err)
                return err;
        stet_value args = { 0 };
        set_number(&args, "from", from);
        set_number(&args, "skip", skip);
        err = reading(client, "records", run, &args, ret, why);
        stet_value_free(&args);
        return err;
}

int stet_client_stats(stet_client *client, stet_value *ret, stet_why *why)
{
        return reading(client, "stats", NULL, NULL, ret, why);
}

int stet_client_executors(stet_client *client, stet_value *ret, stet_why *why)
{
        return reading(client, "executors", NULL, NULL, ret, why);
}
