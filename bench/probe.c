/* SPDX-License-Identifier: MIT */
#include "bench/probe.h"

#include "bench/machine.h"

static int probe(stet_run *run, const stet_value *in, stet_value *ret)
{
        (void)run;
        (void)in;
        (void)ret;
        return 0;
}

void probe_register(stet_app *app)
{
        stet_app_workflow(app, "probe", probe);
}

int probe_command(stet_client *client, stet_why *why)
{
        stet_started started;
        return stet_client_start(client, &(stet_start){ .workflow = "probe" }, &started, why);
}

int probe_restart(struct server_process *server, const struct server_start *start, stet_client **ret_client,
                  double *ret_ready_ms, stet_why *why)
{
        int64_t start_ns = machine_now_ns();
        int err = server_process_start(server, start, why);
        if (!err)
                err = server_process_connect(server, ret_client, why);
        if (!err)
                err = probe_command(*ret_client, why);
        *ret_ready_ms = (double)(machine_now_ns() - start_ns) / 1e6;
        return err;
}
