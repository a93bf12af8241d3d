/* SPDX-License-Identifier: MIT
 *
 * A node in a process of its own, which can be killed and started again on the same directory, and whose
 * memory and CPU time are its own and nobody else's.
 *
 * Servers are forked by a small process, the keeper, that is itself forked first of all: it has no threads
 * and next to no memory, so a server begins like one that was just executed, whatever the workload has
 * allocated by then. The keeper waits for what it forked and tells what it used; when the workload goes away,
 * it kills its server and ends, too.
 */
#ifndef BENCH_SERVER_PROCESS_H
#define BENCH_SERVER_PROCESS_H

#include <sys/types.h>

#include "bench/options.h"
#include "stet/stet.h"

/* What differs from one start to the next. */
struct server_start {
        uint32_t executors; /* in the server; 0: it runs no activities */
        char retention[32]; /* "" : the node's own */
};

struct server_process {
        pid_t keeper;
        int fd;    /* commands to the keeper and its answers */
        pid_t pid; /* of the server; 0: there is none */
        char endpoint[64];
        char parent[1024];
        char dir[1100]; /* the node's */
};

struct server_memory {
        double rss_bytes;  /* all of it: */
        double anon_bytes; /* … its own, … */
        double file_bytes; /* … and pages of mapped files, which the kernel can take back */
        double peak_bytes;
};

/* Forks the keeper. The caller must have no threads. Servers will be on DIR/node; app is borrowed. */
int server_process_open(const struct bench_options *options, const stet_app *app, const char *dir,
                        struct server_process *ret, stet_why *why);

/* Servers to come are on DIR/NAME. */
void server_process_use(struct server_process *p, const char *name);

/* Starts a server; returns when its node is open. The endpoint is a new one each time. */
int server_process_start(struct server_process *p, const struct server_start *start, stet_why *why);

/* SIGKILL, and returns when it is gone. */
int server_process_kill(struct server_process *p, stet_why *why);

/* Ends the server, if there is one, and the keeper, so that what they used is counted. Harmless on zeros. */
void server_process_close(struct server_process *p);

/* A client of the present server. */
int server_process_connect(const struct server_process *p, stet_client **ret, stet_why *why);

/* Of the server, now. */
int server_process_memory(const struct server_process *p, struct server_memory *ret, stet_why *why);

/* CPU seconds, user and system, that the server has used so far: to the nanosecond; NAN when it is gone. */
double server_process_cpu_s(const struct server_process *p);

#endif
