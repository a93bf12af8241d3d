/* SPDX-License-Identifier: MIT
 *
 * The workflows of the directories beside this file. Every later build runs them to their end, so this code
 * is never changed: what is new goes into a new workflow.
 */
#include <stet/stet.h>

/* Returns what it is given. */
static int echo(stet_run *run, const stet_value *in, stet_value *ret)
{
        (void)run;
        return stet_value_copy(ret, in);
}

static int fails(stet_run *run, const stet_value *in, stet_value *ret)
{
        (void)in;
        (void)ret;
        return stet_run_fail(run, "OutOfStock", "no %s left", "lamp");
}

/* Waits for two signals "go" and returns the list of their values; its status counts them. */
static int two_signals(stet_run *run, const stet_value *in, stet_value *ret)
{
        (void)in;
        for (int i = 1; i <= 2; i++) {
                stet_value value = { 0 }, status = { 0 };
                int err = stet_wait_signal(run, "go", &value);
                if (!err)
                        err = stet_value_append(ret, &value);
                if (!err)
                        err = stet_value_set_int(&status, i);
                if (!err)
                        err = stet_set_status(run, &status);
                if (err)
                        return err;
        }
        return 0;
}

/* Three calls of the activity "add", each of what the last one gave; between them a signal "go". */
static int sums(stet_run *run, const stet_value *in, stet_value *ret)
{
        int err = stet_call(run, "add", in, ret);
        if (!err)
                err = stet_wait_signal(run, "go", NULL);
        if (!err)
                err = stet_call(run, "add", ret, ret);
        return err ? err : stet_call(run, "add", ret, ret);
}

/* Calls "add" on a queue that nobody serves while the directory is made. */
static int queues(stet_run *run, const stet_value *in, stet_value *ret)
{
        return stet_call(run, "add", in, ret, .queue = "later", .retry = stet_retry_preset("db"));
}

/* Sleeps so long that nobody sees its end, unless the signal "go" comes. */
static int sleeps(stet_run *run, const stet_value *in, stet_value *ret)
{
        stet_future futures[] = { stet_timer_start(run, stet_days(36500)),
                                  stet_signal_wait_start(run, "go") };
        size_t place = 0;
        (void)in;
        int err = stet_await_any(run, futures, 2, &place);
        return err ? err : stet_value_set_int(ret, (int64_t)place);
}

/* Starts a child that waits, sends it one signal, and returns what it returns. */
static int parent(stet_run *run, const stet_value *in, stet_value *ret)
{
        stet_future child = stet_child_start(run, "two_signals", NULL, .id = "golden-child");
        int err = stet_signal(run, "golden-child", "go", in);
        return err ? err : stet_await(run, child, ret);
}

/* Continues as new until it has counted down to 0, then waits for the signal "go" and returns its value. */
static int counts_down(stet_run *run, const stet_value *in, stet_value *ret)
{
        int64_t count = stet_value_int(in, 0);
        if (count == 0)
                return stet_wait_signal(run, "go", ret);
        stet_value less = { 0 };
        int err = stet_value_set_int(&less, count - 1);
        return err ? err : stet_continue_as_new(run, &less);
}

/* Fails at first, and then returns 1 more than it was given. */
static int add(stet_activity *a, const stet_value *in, stet_value *ret)
{
        if (stet_activity_attempt(a) == 1)
                return stet_fail(a, "NotYet", "try again");
        return stet_value_set_int(ret, stet_value_int(in, 0) + 1);
}

STET_PUBLIC stet_module_fn stet_module;

int stet_module(stet_app *app)
{
        stet_app_workflow(app, "echo", echo);
        stet_app_workflow(app, "fails", fails);
        stet_app_workflow(app, "two_signals", two_signals);
        stet_app_workflow(app, "sums", sums);
        stet_app_workflow(app, "queues", queues);
        stet_app_workflow(app, "sleeps", sleeps);
        stet_app_workflow(app, "parent", parent);
        stet_app_workflow(app, "counts_down", counts_down);
        return stet_app_activity(app, "add", add);
}
