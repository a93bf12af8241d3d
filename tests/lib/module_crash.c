/* SPDX-License-Identifier: MIT
 *
 * A module for tests of the command line: workflows and activities that end in every way there is.
 */
#include "tests/lib/workflows.h"

#include <stdlib.h>
#include <unistd.h>

/* --- workflows --- */

static int fails(stet_run *run, const stet_value *in, stet_value *ret)
{
        (void)in;
        (void)ret;
        return stet_run_fail(run, "OutOfStock", "no %s left", "lamp");
}

static int *volatile nowhere;

static int crash(stet_run *run, const stet_value *in, stet_value *ret)
{
        (void)run;
        (void)in;
        return stet_value_set_int(ret, *nowhere);
}

/* Crashes each time it is run, and not before its start is on disk: no activity is handed out earlier. */
static int crash_later(stet_run *run, const stet_value *in, stet_value *ret)
{
        int err = stet_call(run, "echo", in, ret);
        return err ? err : crash(run, in, ret);
}

/* Reads what the next call wrote, so that no compiler turns it into a loop. */
static unsigned deeper(unsigned depth)
{
        volatile unsigned char room[512];
        room[depth % sizeof room] = (unsigned char)depth;
        return depth == UINT32_MAX ? 0 : deeper(depth + 1) + room[depth % sizeof room];
}

static int overflow(stet_run *run, const stet_value *in, stet_value *ret)
{
        (void)run;
        (void)in;
        return stet_value_set_int(ret, deeper(0));
}

static int say_progress(void *context, const stet_value *in, stet_value *ret)
{
        (void)in;
        return stet_value_set_string(ret, context);
}

/* Waits for the signal "go" and returns its value. */
static int wait_for_go(stet_run *run, const stet_value *in, stet_value *ret)
{
        char stage[] = "waiting";
        (void)in;
        int err = stet_on_query(run, "progress", say_progress, stage);
        return err ? err : stet_wait_signal(run, "go", ret);
}

/* Calls the activity that the input names, once. */
static int call_once(stet_run *run, const stet_value *in, stet_value *ret)
{
        char activity[64];
        int err = stet_value_get_string(in, activity, sizeof activity);
        return err ? err : stet_call(run, activity, in, ret, .retry = stet_retry_preset("none"));
}

/* Calls "echo" on the queue that the input names. */
static int call_on(stet_run *run, const stet_value *in, stet_value *ret)
{
        char queue[64];
        int err = stet_value_get_string(in, queue, sizeof queue);
        return err ? err : stet_call(run, "echo", in, ret, .queue = queue);
}

/* Goes on as new until nothing is left of its input: a chain of runs. */
static int count_down(stet_run *run, const stet_value *in, stet_value *ret)
{
        int64_t left = stet_value_int(in, 0);
        if (left == 0)
                return stet_value_copy(ret, in);
        stet_value_set_int(ret, left - 1);
        return stet_continue_as_new(run, ret);
}

/* --- activities --- */

static int boom(stet_activity *a, const stet_value *in, stet_value *ret)
{
        (void)a;
        (void)in;
        (void)ret;
        abort();
}

/* Never returns. */
static int hang(stet_activity *a, const stet_value *in, stet_value *ret)
{
        (void)a;
        (void)in;
        (void)ret;
        while (pause() == -1)
                continue;
        return 0;
}

STET_PUBLIC stet_module_fn stet_module;

int stet_module(stet_app *app)
{
        stet_app_workflow(app, "echo", workflow_echo);
        stet_app_workflow(app, "fails", fails);
        stet_app_workflow(app, "crash", crash);
        stet_app_workflow(app, "crash_later", crash_later);
        stet_app_workflow(app, "overflow", overflow);
        stet_app_workflow(app, "wait", wait_for_go);
        stet_app_workflow(app, "call", call_once);
        stet_app_workflow(app, "call_on", call_on);
        stet_app_workflow(app, "count_down", count_down);
        stet_app_activity(app, "echo", activity_echo);
        stet_app_activity(app, "boom", boom);
        return stet_app_activity(app, "hang", hang);
}
