/* SPDX-License-Identifier: MIT
 *
 * `chain3`: three activities in a row, each given the value that the one before returned. A run is four
 * transitions: the start and three outcomes.
 */
#include "bench/chain3.h"

#include "bench/engine_workload.h"
#include "bench/payload.h"

enum { STEPS_COUNT = 3 };

static int echo(stet_activity *a, const stet_value *in, stet_value *ret)
{
        (void)a;
        return stet_value_copy(ret, in);
}

static int chain3(stet_run *run, const stet_value *in, stet_value *ret)
{
        stet_value first = { 0 }, second = { 0 };
        int err = stet_call(run, "echo", in, &first);
        if (!err)
                err = stet_call(run, "echo", &first, &second);
        if (!err)
                err = stet_call(run, "echo", &second, ret);
        return err;
}

void chain3_register(stet_app *app)
{
        stet_app_workflow(app, "chain3", chain3);
        stet_app_activity(app, "echo", echo);
}

int workload_chain3(const struct bench_options *options, const char *dir, struct report *r, stet_why *why)
{
        stet_app app = STET_APP("bench");
        chain3_register(&app);
        int err = options->payload_count > 1 ? payload_table(options, dir, &app, STEPS_COUNT, r, why)
                                             : engine_workload(options, dir, &app, STEPS_COUNT, r, why);
        stet_app_fini(&app);
        return err;
}
