/* SPDX-License-Identifier: MIT
 *
 * Shared objects for test_app.c, compiled once with each of MODULE_GOOD, MODULE_NOTHING, MODULE_FAILING,
 * MODULE_TWICE and MODULE_MUTE.
 */
#include "stet/app.h"

static int workflow(stet_run *run, const stet_value *in, stet_value *ret)
{
        (void)run;
        return stet_value_copy(ret, in);
}

static int activity(stet_activity *a, const stet_value *in, stet_value *ret)
{
        (void)a;
        return stet_value_copy(ret, in);
}

#ifdef MODULE_MUTE
/* Has no stet_module, but uses what the others use. */
STET_PUBLIC int other_module(stet_app *app);

int other_module(stet_app *app)
#else
STET_PUBLIC stet_module_fn stet_module;

int stet_module(stet_app *app)
#endif
{
#ifdef MODULE_NOTHING
        (void)app;
        (void)workflow;
        (void)activity;
        return 0;
#else
        stet_app_workflow(app, "module workflow", workflow);
        stet_app_activity(app, "module activity", activity);
#ifdef MODULE_TWICE
        stet_app_workflow(app, "module workflow", workflow);
#endif
#ifdef MODULE_FAILING
        return STET_EUNREACHABLE;
#else
        return 0;
#endif
#endif
}
