/* SPDX-License-Identifier: MIT */
#include "runtime/client_args.h"

#include "base/attributes.h"
#include "base/name.h"
#include "base/unpack.h"

int check_name(const char *name, const char *what, stet_why *why)
{
        if (!name)
                return stet_why_set(why, STET_EINVAL, "%s is missing", what);
        if (name_valid(bytes_str(name), STET_ID_SIZE_MAX))
                return 0;
        return stet_why_set(why, STET_EINVAL,
                            "%s takes 1 to %d bytes of UTF-8 without control characters; this has %zu", what,
                            STET_ID_SIZE_MAX, strlen(name));
}

int check_optional(const char *name, const char *what, stet_why *why)
{
        return name ? check_name(name, what, why) : 0;
}

int check_value(const stet_value *value, const char *what, stet_why *why)
{
        if (!value || value->size <= STET_VALUE_SIZE_MAX)
                return 0;
        return stet_why_set(why, STET_ETOOBIG, "%s has %zu bytes; the most is %d", what, value->size,
                            STET_VALUE_SIZE_MAX);
}

int check_reason(const char *reason, stet_why *why)
{
        struct bytes text = bytes_str(reason);
        if (text.size > CLIENT_REASON_SIZE_MAX)
                return stet_why_set(why, STET_ETOOBIG, "the reason has %zu bytes; the most is %d", text.size,
                                    CLIENT_REASON_SIZE_MAX);
        return utf8_valid(text) ? 0 : stet_why_set(why, STET_EINVAL, "the reason is not UTF-8");
}

static int check_policies(const stet_start *start, stet_why *why)
{
        if ((unsigned)start->on_conflict > STET_CONFLICT_TERMINATE_EXISTING)
                return stet_why_set(why, STET_EINVAL, "on_conflict is %d, which is no stet_on_conflict",
                                    (int)start->on_conflict);
        if ((unsigned)start->on_reuse > STET_REUSE_REJECT)
                return stet_why_set(why, STET_EINVAL, "on_reuse is %d, which is no stet_on_reuse",
                                    (int)start->on_reuse);
        return 0;
}

int check_start(const stet_start *start, stet_why *why)
{
        if (!start)
                return stet_why_set(why, STET_EINVAL, "the start is missing");
        int err = check_name(start->workflow, "the workflow's name", why);
        if (!err)
                err = check_optional(start->id, "the workflow id", why);
        if (!err)
                err = check_optional(start->request_id, "the request id", why);
        if (!err)
                err = check_optional(start->name_space, "the namespace", why);
        if (!err)
                err = check_value(start->input, "the input", why);
        if (!err && start->attributes)
                err = attributes_check(bytes_of(start->attributes->data, start->attributes->size), why);
        return err ? err : check_policies(start, why);
}

int check_signal(const char *run, const char *name, const stet_value *value, const char *request_id,
                 stet_why *why)
{
        int err = check_name(run, "the run", why);
        if (!err)
                err = check_name(name, "the signal's name", why);
        if (!err)
                err = check_optional(request_id, "the request id", why);
        return err ? err : check_value(value, "the signal's value", why);
}

static bool state_known(const char *state)
{
        for (stet_ending ending = STET_RUN_OPEN; ending <= STET_RUN_CONTINUED; ending++)
                if (strcmp(state, stet_ending_name(ending)) == 0)
                        return true;
        return strcmp(state, "blocked") == 0;
}

static int check_run_id(const char *run, stet_why *why)
{
        if (!run || (strlen(run) == 16 && strspn(run, "0123456789abcdef") == 16))
                return 0;
        return stet_why_set(why, STET_EINVAL, "\"%.100s\" is no run id: those are 16 hexadecimal digits",
                            run);
}

static int check_times(const stet_list_filter *filter, stet_why *why)
{
        const struct {
                const char *after, *before;
                int64_t after_ms, before_ms;
        } pairs[] = {
                { "started after", "started before", filter->started_after_ms, filter->started_before_ms },
                { "ended after", "ended before", filter->ended_after_ms, filter->ended_before_ms },
                { "started after", "ended before", filter->started_after_ms, filter->ended_before_ms },
        };
        for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
                if (pairs[i].after_ms < 0 || pairs[i].before_ms < 0)
                        return stet_why_set(why, STET_EINVAL, "no run started or ended before 1970");
                if (pairs[i].after_ms && pairs[i].before_ms && pairs[i].after_ms >= pairs[i].before_ms)
                        return stet_why_set(why, STET_EINVAL,
                                            "no run fits: \"%s\" is a time that is not before that of \"%s\"",
                                            pairs[i].after, pairs[i].before);
        }
        return 0;
}

/* Things that are never true of one run. */
static int check_ended(const stet_list_filter *filter, stet_why *why)
{
        const char *state = filter->state;
        bool by_end = filter->ended_after_ms || filter->ended_before_ms;
        bool open = state && (strcmp(state, "open") == 0 || strcmp(state, "blocked") == 0);
        if (open && by_end)
                return stet_why_set(why, STET_EINVAL,
                                    "no run fits: one that is %s has not ended, neither after nor before a "
                                    "time",
                                    state);
        if (filter->queue && (by_end || (state && !open)))
                return stet_why_set(why, STET_EINVAL,
                                    "no run fits: one that has ended has no activity on queue \"%.100s\"",
                                    filter->queue);
        return 0;
}

int check_list_filter(const stet_list_filter *filter, stet_why *why)
{
        enum { LIMIT_MAX = 1000 };
        if (filter->state && !state_known(filter->state))
                return stet_why_set(why, STET_EINVAL,
                                    "no run is ever \"%.100s\"; a state is open, completed, failed, "
                                    "canceled, terminated, continued or "
                                    "blocked",
                                    filter->state);
        if (filter->limit > LIMIT_MAX)
                return stet_why_set(
                    why, STET_EINVAL,
                    "a list has at most %d runs, not %u; ask for the next page with before_run_id", LIMIT_MAX,
                    filter->limit);
        int err = check_optional(filter->workflow, "the workflow's name", why);
        if (!err)
                err = check_optional(filter->queue, "the queue's name", why);
        if (!err)
                err = check_times(filter, why);
        if (!err)
                err = check_ended(filter, why);
        if (!err)
                err = check_run_id(filter->parent_run_id, why);
        if (!err && filter->attributes)
                err = attributes_check(bytes_of(filter->attributes->data, filter->attributes->size), why);
        return err ? err : check_run_id(filter->before_run_id, why);
}
