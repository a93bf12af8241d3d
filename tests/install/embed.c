/* SPDX-License-Identifier: MIT
 *
 * The smallest service with a node inside: one workflow, one activity, run to its end in this thread.
 */
#include <stdio.h>
#include <stet/stet.h>

static int add_one(stet_activity *a, const stet_value *in, stet_value *ret)
{
        (void)a;
        return stet_value_set_int(ret, stet_value_int(in, 0) + 1);
}

static int count(stet_run *run, const stet_value *in, stet_value *ret)
{
        return stet_call(run, "add_one", in, ret, .timeout_ms = 5000);
}

static int run_one(stet_client *client)
{
        stet_value in = { 0 };
        stet_started started;
        stet_result result;
        stet_why why;
        stet_value_set_int(&in, 41);
        stet_start start = { .workflow = "count", .input = &in };
        int err = stet_client_start(client, &start, &started, &why);
        stet_value_free(&in);
        if (err == 0)
                err = stet_client_wait(client, started.run_id, 10000, &result, &why);
        if (err != 0) {
                fprintf(stderr, "%s\n", why.text);
                return 1;
        }
        printf("%lld\n", (long long)stet_value_int(&result.value, 0));
        stet_value_free(&result.value);
        return 0;
}

int main(int argc, char **argv)
{
        stet_app app = STET_APP("embed");
        stet_app_workflow(&app, "count", count);
        stet_app_activity(&app, "add_one", add_one);
        stet_node_options options = STET_NODE_OPTIONS;
        options.data_dir = argc > 1 ? argv[1] : "stet-data";
        options.app = &app;
        stet_node *node = NULL;
        stet_client *client = NULL;
        stet_why why;
        if (stet_node_open(&options, &node, &why) != 0 || stet_node_client(node, &client, &why) != 0) {
                fprintf(stderr, "%s\n", why.text);
                return 1;
        }
        int failed = run_one(client);
        stet_client_close(client);
        stet_node_close(node);
        stet_app_fini(&app);
        return failed;
}
