/* SPDX-License-Identifier: MIT
 *
 * The same from C++, with a node on threads of its own and options as a struct.
 */
#include <iostream>
#include <stet/stet.h>

static int add_one(stet_activity *, const stet_value *in, stet_value *ret)
{
        return stet_value_set_int(ret, stet_value_int(in, 0) + 1);
}

static int count(stet_run *run, const stet_value *in, stet_value *ret)
{
        stet_call_options options = {};
        options.struct_size = sizeof options;
        options.timeout_ms = 5000;
        return stet_call_with(run, "add_one", in, ret, &options);
}

static int run_one(stet_client *client)
{
        stet_value in = {};
        stet_value_set_int(&in, 41);
        stet_start start = {};
        start.workflow = "count";
        start.input = &in;
        stet_started started;
        stet_result result;
        stet_why why;
        int err = stet_client_start(client, &start, &started, &why);
        stet_value_free(&in);
        if (err == 0)
                err = stet_client_wait(client, started.run_id, 10000, &result, &why);
        if (err != 0) {
                std::cerr << why.text << "\n";
                return 1;
        }
        std::cout << stet_value_int(&result.value, 0) << "\n";
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
        options.threads = true;
        stet_node *node = nullptr;
        stet_client *client = nullptr;
        stet_why why;
        if (stet_node_open(&options, &node, &why) != 0 || stet_node_client(node, &client, &why) != 0) {
                std::cerr << why.text << "\n";
                return 1;
        }
        int failed = run_one(client);
        stet_client_close(client);
        stet_node_close(node);
        stet_app_fini(&app);
        return failed;
}
