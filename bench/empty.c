/* SPDX-License-Identifier: MIT
 *
 * `empty`: runs that start and finish. One transition each: what a run costs by itself.
 */
#include "bench/engine_workload.h"

static int empty(stet_run *run, const stet_value *in, stet_value *ret)
{
        (void)run;
        return stet_value_copy(ret, in);
}

int workload_empty(const struct bench_options *options, const char *dir, struct report *r, stet_why *why)
{
        stet_app app = STET_APP("bench");
        stet_app_workflow(&app, "empty", empty);
        int err = engine_workload(options, dir, &app, 0, r, why);
        stet_app_fini(&app);
        return err;
}
