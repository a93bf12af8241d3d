/* SPDX-License-Identifier: MIT
 *
 * The engine under test, through the public API only, as a user would set it up: a node with threads, a
 * client, and executors inside the node (inproc) or in a process of their own (ipc, tcp).
 */
#ifndef BENCH_ENGINE_H
#define BENCH_ENGINE_H

#include <sys/types.h>

#include "bench/options.h"
#include "stet/stet.h"

struct engine {
        stet_node *node;
        stet_client *client;
        pid_t executors; /* their process; 0: they are in the node */
        int command_fd;  /* to that process: the endpoint, then end of file, which ends it */
        int ready_fd;    /* from it: a byte when it is connected */
};

/* Starts everything on an empty directory in dir and returns when the executors are connected. The app has
 * the activities. Forks first, before there is any thread: the caller must have none. */
int engine_open(const struct bench_options *options, const stet_app *app, const char *dir, struct engine *ret,
                stet_why *why);

/* The error that a measurement ended with, or that of the node if it has failed: what a client sees of that
 * is silence. */
int engine_explain(const struct engine *e, int err, stet_why *why);

/* Ends everything, the executors' process included, so that what it used is counted. */
void engine_close(struct engine *e);

#endif
