/* SPDX-License-Identifier: MIT
 *
 * leave_runs DIR MODULE WORKFLOW RUNS [SHARDS]: starts so many runs in a data directory and leaves as if it
 * were killed, with all of them in the log and none in the store. Run number n has the workflow id "n". For
 * tests that need a recovery that takes its time.
 */
#include <stet/stet.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { IN_FLIGHT_MAX = 10000, ANSWERS_MAX = 1000, WAIT_MS = 1000 };

static stet_why why;
static stet_answer answers[ANSWERS_MAX];

static int submit(stet_client *client, const char *workflow, uint64_t number)
{
        char id[24];
        snprintf(id, sizeof id, "%llu", (unsigned long long)number);
        return stet_client_submit(client, &(stet_start){ .workflow = workflow, .id = id }, number, false,
                                  &why);
}

static int start_all(stet_client *client, const char *workflow, uint64_t runs)
{
        int err = 0;
        size_t count;
        for (uint64_t submitted = 0, answered = 0; answered < runs && !err; answered += count) {
                while (submitted < runs && submitted - answered < IN_FLIGHT_MAX && !err)
                        err = submit(client, workflow, submitted++);
                count = 0;
                if (!err)
                        err = stet_client_collect(client, answers, ANSWERS_MAX, WAIT_MS, &count, &why);
                for (size_t i = 0; i < count && !err; i++)
                        err = answers[i].err;
        }
        return err;
}

int main(int argc, char **argv)
{
        stet_app app = STET_APP("leave_runs");
        stet_node *node;
        stet_client *client;
        stet_node_options options = STET_NODE_OPTIONS;
        if (argc < 5) {
                fprintf(stderr, "leave_runs DIR MODULE WORKFLOW RUNS [SHARDS]\n");
                return 2;
        }
        options.data_dir = argv[1];
        options.app = &app;
        options.shards = argc > 5 ? (uint32_t)strtoul(argv[5], NULL, 10) : 1;
        options.threads = true;
        options.level = STET_LEVEL_MEMORY;
        options.no_activities = true;
        options.no_checkpoint = true;
        int err = stet_app_load(&app, argv[2], &why);
        if (!err)
                err = stet_node_open(&options, &node, &why);
        if (!err)
                err = stet_node_client(node, &client, &why);
        if (!err)
                err = start_all(client, argv[3], strtoull(argv[4], NULL, 10));
        if (err)
                fprintf(stderr, "leave_runs: %s: %s\n", stet_error_name(err), why.text);
        _exit(err != 0);
}
