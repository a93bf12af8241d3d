/* SPDX-License-Identifier: MIT */
#include "tests/power/flows.h"

#include "actors/vocabulary.h"

#include <stdio.h>
#include <string.h>

static const stet_retry twice = { 2, 10, 20, 2.0, 0.0, NULL };

/* Calls, timers and statuses in turn. */
static int chain(stet_run *run, const stet_value *in, stet_value *ret)
{
        int64_t sum = stet_value_int(in, 0);
        int steps = 1 + (int)(sum % 4);
        for (int i = 0; i < steps; i++) {
                stet_value value = { 0 };
                stet_value_set_int(&value, sum);
                int err = i % 3 == 1 ? stet_sleep(run, 50)
                                     : stet_call(run, "add", &value, &value, .timeout_ms = 1000);
                if (err)
                        return err;
                sum = i % 3 == 1 ? sum : stet_value_int(&value, 0);
                stet_value_set_int(&value, sum);
                stet_set_status(run, &value);
        }
        return stet_value_set_int(ret, sum);
}

/* Signals, up to three, each waited for a while. */
static int inbox(stet_run *run, const stet_value *in, stet_value *ret)
{
        (void)in;
        int64_t count = 0;
        for (int i = 0; i < 3; i++) {
                stet_value value = { 0 };
                int err = stet_wait_signal(run, "go", &value, .timeout_ms = 500);
                if (err && err != STET_ETIMEDOUT)
                        return err;
                count += !err;
        }
        return stet_value_set_int(ret, count);
}

/* A child and a fan of calls at the same time, a signal to someone else, one call given up. */
static int parent(stet_run *run, const stet_value *in, stet_value *ret)
{
        char id[80];
        stet_value value = { 0 };
        stet_value_set_int(&value, stet_value_int(in, 0));
        snprintf(id, sizeof id, "chain-of-%s", stet_workflow_id(run));
        stet_child_options options = { .struct_size = sizeof options, .id = id };
        stet_future started[] = {
                stet_child_start_with(run, "chain", &value, &options),
                stet_call_start(run, "add", &value, .timeout_ms = 1000),
                stet_call_start(run, "add", &value, .timeout_ms = 1000),
                stet_signal_start(run, "inbox-0", "go", &value),
        };
        size_t first;
        int err = stet_await_any(run, started + 1, 2, &first);
        if (err)
                return err;
        stet_cancel_future(run, started[first ? 1 : 2]);
        err = stet_await(run, started[0], &value);
        if (err == STET_ECANCELED && stet_cancelled(run))
                return err;
        return stet_value_set_int(ret, err);
}

/* Fails twice, and then for good. */
static int failing(stet_run *run, const stet_value *in, stet_value *ret)
{
        (void)ret;
        return stet_call(run, "broken", in, NULL, .timeout_ms = 1000, .retry = &twice);
}

/* Continues as new until its input is used up; what was signalled to it goes along. */
static int again(stet_run *run, const stet_value *in, stet_value *ret)
{
        int64_t left = stet_value_int(in, 0) % 4;
        stet_value next = { 0 };
        int err = left % 2 ? stet_sleep(run, 20) : stet_call(run, "add", in, &next, .timeout_ms = 1000);
        if (err)
                return err;
        if (!left)
                return stet_value_set_int(ret, 0);
        stet_value_set_int(&next, left - 1);
        return stet_continue_as_new(run, &next);
}

/* Large values in and out. */
static int large(stet_run *run, const stet_value *in, stet_value *ret)
{
        static const char filling[9000];
        stet_value value = { 0 };
        stet_value_set_bytes(&value, filling, 5000 + (size_t)(stet_value_int(in, 0) % 4000));
        int err = stet_call(run, "echo", &value, &value, .timeout_ms = 1000);
        return err ? err : stet_value_copy(ret, &value);
}

const char *const flow_names[FLOWS_COUNT] = { "chain", "inbox", "parent", "failing", "again", "large" };

void flows_register(stet_app *app)
{
        static stet_workflow_fn *const functions[FLOWS_COUNT] = {
                chain, inbox, parent, failing, again, large
        };
        for (int i = 0; i < FLOWS_COUNT; i++)
                stet_app_workflow(app, flow_names[i], functions[i]);
}

bool flow_may_end(const char *workflow_id, uint32_t ending)
{
        bool fails = strncmp(workflow_id, "failing-", strlen("failing-")) == 0;
        bool continues = strncmp(workflow_id, "again-", strlen("again-")) == 0;
        return ending == (fails ? RUN_FAILED : RUN_COMPLETED) || (continues && ending == RUN_CONTINUED);
}
