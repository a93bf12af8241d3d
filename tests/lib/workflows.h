/* SPDX-License-Identifier: MIT
 *
 * Workflows and activities that many tests register.
 */
#ifndef TESTS_LIB_WORKFLOWS_H
#define TESTS_LIB_WORKFLOWS_H

#include <stet/stet.h>

/* Returns what it is given. */
static inline int workflow_echo(stet_run *run, const stet_value *in, stet_value *ret)
{
        (void)run;
        return stet_value_copy(ret, in);
}

/* Waits for the signal "go" and returns its value. */
static inline int workflow_wait(stet_run *run, const stet_value *in, stet_value *ret)
{
        (void)in;
        return stet_wait_signal(run, "go", ret);
}

static inline int workflow_fails(stet_run *run, const stet_value *in, stet_value *ret)
{
        (void)in;
        (void)ret;
        return stet_run_fail(run, "Broken", "as asked");
}

/* Returns what the activity "echo" does. */
static inline int workflow_call_echo(stet_run *run, const stet_value *in, stet_value *ret)
{
        return stet_call(run, "echo", in, ret);
}

static inline int activity_echo(stet_activity *a, const stet_value *in, stet_value *ret)
{
        (void)a;
        return stet_value_copy(ret, in);
}

#endif
