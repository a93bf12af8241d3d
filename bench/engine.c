/* SPDX-License-Identifier: MIT */
#include "bench/engine.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ENDPOINT_SIZE = 256, CONNECT_TIMEOUT_MS = 10000, STOP_TIMEOUT_MS = 10000, LOOK_EVERY_MS = 1 };

/* --- the process with the executors --- */

static void report_ready(const stet_executor *executor, int ready_fd)
{
        struct timespec pause = { .tv_nsec = LOOK_EVERY_MS * 1000000L };
        for (int waited_ms = 0; waited_ms < CONNECT_TIMEOUT_MS; waited_ms += LOOK_EVERY_MS) {
                if (stet_executor_connected(executor)) {
                        if (write(ready_fd, "", 1) < 0)
                                return; /* the parent is gone, and the command pipe says so, too */
                        return;
                }
                nanosleep(&pause, NULL);
        }
}

/* Reads the endpoint, runs activities until the pipe ends, and exits. */
static _Noreturn void executors_main(const stet_app *app, uint32_t slots, int command_fd, int ready_fd)
{
        char endpoint[ENDPOINT_SIZE], byte;
        stet_executor_options options = STET_EXECUTOR_OPTIONS;
        stet_executor *executor;
        signal(SIGINT, SIG_IGN); /* of the terminal: the parent ends us when it has what it needs */
        if (read(command_fd, endpoint, sizeof(endpoint)) != (ssize_t)sizeof(endpoint))
                _exit(1);
        options.endpoint = endpoint;
        options.app = app;
        options.slots = slots;
        if (stet_executor_start(&options, &executor, NULL) != 0)
                _exit(1);
        report_ready(executor, ready_fd);
        while (read(command_fd, &byte, 1) < 0 && errno == EINTR)
                ;
        stet_executor_stop(executor, STOP_TIMEOUT_MS);
        _exit(0);
}

static int fork_executors(const struct bench_options *options, const stet_app *app, struct engine *e,
                          stet_why *why)
{
        int command[2], ready[2];
        if (pipe(command) != 0)
                return stet_why_set(why, STET_EIO, "a pipe: %s", strerror(errno));
        if (pipe(ready) != 0) {
                close(command[0]);
                close(command[1]);
                return stet_why_set(why, STET_EIO, "a pipe: %s", strerror(errno));
        }
        fflush(NULL);
        e->executors = fork();
        if (e->executors == 0) {
                close(command[1]);
                close(ready[0]);
                executors_main(app, options->executors, command[0], ready[1]);
        }
        close(command[0]);
        close(ready[1]);
        e->command_fd = command[1];
        e->ready_fd = ready[0];
        if (e->executors < 0) {
                e->executors = 0;
                return stet_why_set(why, STET_EIO, "a process for the executors: %s", strerror(errno));
        }
        return 0;
}

static int connect_executors(struct engine *e, const char *endpoint, stet_why *why)
{
        char line[ENDPOINT_SIZE] = "";
        char byte;
        snprintf(line, sizeof(line), "%s", endpoint);
        struct pollfd ready = { .fd = e->ready_fd, .events = POLLIN };
        if (write(e->command_fd, line, sizeof(line)) == (ssize_t)sizeof(line) &&
            poll(&ready, 1, CONNECT_TIMEOUT_MS) == 1 && read(e->ready_fd, &byte, 1) == 1)
                return 0;
        return stet_why_set(why, STET_EUNREACHABLE, "the executors' process did not connect to %s", endpoint);
}

/* --- the node --- */

static int open_node(const struct bench_options *options, const stet_app *app, const char *dir,
                     struct engine *e, stet_why *why)
{
        char data[1100], endpoint[ENDPOINT_SIZE] = "tcp://127.0.0.1:0";
        bool apart = strcmp(options->transport, "inproc") != 0;
        if (strcmp(options->transport, "ipc") == 0 &&
            (size_t)snprintf(endpoint, sizeof(endpoint), "ipc://%s/bench.sock", dir) >= sizeof(endpoint))
                return stet_why_set(why, STET_EINVAL, "%s: the path is too long for an ipc socket", dir);
        snprintf(data, sizeof(data), "%s/node", dir);
        stet_node_options node = STET_NODE_OPTIONS;
        node.data_dir = data;
        node.app = app;
        node.level = options->level;
        node.threads = true;
        node.shards = options->shards;
        node.no_checkpoint = options->checkpoint == BENCH_CHECKPOINT_OFF;
        node.executors = apart ? 0 : options->executors;
        node.no_activities = apart;
        node.listen = apart ? (const char *const[]){ endpoint, NULL } : NULL;
        int err = stet_node_open(&node, &e->node, why);
        if (err)
                return err;
        return apart ? stet_client_connect(stet_node_endpoint(e->node, 0), &e->client, why)
                     : stet_node_client(e->node, &e->client, why);
}

int engine_open(const struct bench_options *options, const stet_app *app, const char *dir, struct engine *ret,
                stet_why *why)
{
        struct engine e = { .command_fd = -1, .ready_fd = -1 };
        bool apart = strcmp(options->transport, "inproc") != 0 && stet_app_activities_count(app) > 0;
        int err = apart ? fork_executors(options, app, &e, why) : 0;
        if (!err)
                err = open_node(options, app, dir, &e, why);
        if (!err && apart)
                err = connect_executors(&e, stet_node_endpoint(e.node, 0), why);
        if (err)
                engine_close(&e);
        else
                *ret = e;
        return err;
}

int engine_explain(const struct engine *e, int err, stet_why *why)
{
        int failed = err ? stet_node_error(e->node, why) : 0;
        return failed ? failed : err;
}

void engine_close(struct engine *e)
{
        stet_client_close(e->client);
        if (e->command_fd >= 0)
                close(e->command_fd);
        if (e->executors)
                while (waitpid(e->executors, NULL, 0) < 0 && errno == EINTR)
                        ;
        if (e->ready_fd >= 0)
                close(e->ready_fd);
        stet_node_close(e->node);
}
