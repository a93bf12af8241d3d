/* SPDX-License-Identifier: MIT
 *
 * A node: the engine on a data directory, inside your process. Nothing starts by itself: without threads you
 * drive it from your own event loop with one descriptor and one deadline; with threads it runs beside you.
 *
 *      stet_node_options options = STET_NODE_OPTIONS;
 *      options.data_dir = "data";
 *      options.app = &app;
 *      stet_node *node;
 *      if (stet_node_open(&options, &node, &why) != 0) …
 *
 * Threads: without threads every call on a node, and on clients made from it, is made by one thread. With
 * threads stet_node_client(), stet_node_endpoint() and stet_node_close() may be called by any thread; clients
 * are used by one thread each.
 */
#ifndef STET_NODE_H
#define STET_NODE_H

#include "stet/app.h"
#include "stet/client.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct stet_node stet_node;

/* What an acknowledged command survives. */
typedef enum stet_level {
        STET_LEVEL_SYNC,    /* power loss: synced to disk before the answer */
        STET_LEVEL_RELAXED, /* the process; power loss may take the last second */
        STET_LEVEL_MEMORY,  /* nothing: for tests */
} stet_level;

typedef void stet_log_fn(void *context, stet_log_level level, const char *line);

typedef struct stet_node_options {
        size_t struct_size;
        const char *data_dir;
        const stet_app *app; /* borrowed while the node is open; NULL: none */
        const char *const
            *listen; /* endpoints ("tcp://127.0.0.1:7233", "ipc://…"), ends with NULL; NULL: none */
        stet_level level;
        bool no_create; /* refuse a missing data directory instead of making it */
        bool threads;   /* run on threads of its own */
        uint32_t
            shards; /* fixed when the directory is made; 0: 1, or what it has. More than one needs threads */
        uint32_t executors;  /* executors in the node: threads of their own with threads, else 1 is run inside
                                stet_node_poll(); */
        bool no_activities;  /* run no activities here (others connect) */
        size_t stack_size;   /* of a workflow's code, bytes; 0: 64 KiB; at least 16 KiB */
        uint32_t stacks_max; /* runs of a shard that keep a stack while they wait, about 6 KiB each; the
                                others come back by replay. 0: 30,000, or 10,000 on Linux before 6.13, where
                                a stack takes two of the 65,530 mappings that a process may have */
        uint32_t runs_max;   /* runs in memory; 0: 100,000. Beyond it those that wait are dropped at once, if
                                they   are in the store; they come back when something happens to them */
        int64_t idle_ms;     /* how long a run stays in memory to which nothing happens; 0: 5000 */
        bool no_checkpoint;  /* keep everything in the log and in memory: for measuring */
        int64_t lease_ms;    /* an executor's longest silence; 0: 5000 */
        size_t queued_bytes_max; /* of activities and answers waiting; beyond it starts get STET_EBUSY; 0: 1
                                    GiB */
        stet_log_fn *log;        /* NULL: no log */
        void *log_context;
        uint64_t disk_reserve_bytes; /* while less is free on the disk, starts get STET_EFULL and everything
                                        else goes on until nothing is left. 0: the larger of 256 MiB and 2 %
                                        of the file system, but at most 10 GiB and at most a tenth of it; 1:
                                        as good as none */
        const char
            *retention; /* how long ended runs are kept, as rules with commas between: "30d", "failed=90d",
                           "dev:1h", "dev:failed=2d", "forever". The most specific rule counts: namespace
                           and state, namespace, state, all. NULL: 30 days. Then they are removed */
        uint64_t history_max_transitions; /* of a run: when it has so many its code is run no more, and it is
                                             blocked until it is cancelled or terminated, or the limit is
                                             raised; signals to it get STET_ETOOBIG. At a tenth a warning is
                                             logged. 0: 500,000 */
        uint64_t history_max_bytes;       /* the same, of what its transitions hold. 0: 512 MiB */
} stet_node_options;

#define STET_NODE_OPTIONS                                                                                    \
        {                                                                                                    \
                .struct_size = sizeof(stet_node_options)                                                     \
        }

/* Opens the data directory, recovers every open run and, with threads, starts. While it recovers it listens
 * already: clients elsewhere are told by stats how far it is, and their requests wait. Refusals change
 * nothing and each has a sentence: STET_ELOCKED, STET_EFORMAT, STET_ENEWER, STET_ECORRUPT, STET_EENDPOINT,
 * STET_EINVAL, STET_EFULL, STET_EIO. */
STET_PUBLIC int stet_node_open(const stet_node_options *options, stet_node **ret, stet_why *why);

/* Stops: takes no new work, finishes what is being written, lets executors finish the activity they are in
 * (up to 10 s), closes. Runs stand where they stand. Harmless on NULL. */
STET_PUBLIC void stet_node_close(stet_node *node);

/* A client in this process. Close it before the node. Without threads its calls drive the node while they
 * wait. */
STET_PUBLIC int stet_node_client(stet_node *node, stet_client **ret, stet_why *why);

/* The endpoints it really listens on, by place ("tcp://127.0.0.1:43211" for port 0); NULL past the end.
 * Borrowed. */
STET_PUBLIC const char *stet_node_endpoint(const stet_node *node, size_t place);

/* --- without threads --- */

/* A descriptor that becomes readable (poll, epoll: level-triggered) when stet_node_poll() has something to
 * do. */
STET_PUBLIC int stet_node_fd(const stet_node *node);

/* Milliseconds until stet_node_poll() has something to do even if the descriptor stays silent: for poll()'s
 * timeout. -1: nothing. */
STET_PUBLIC int stet_node_timeout_ms(const stet_node *node);

/* Does what there is to do, without waiting for more: takes messages, steps runs, commits, runs activities of
 * this node. 0; or the error that stopped the node (STET_EIO, STET_EFENCED …): then nothing more is written
 * or answered; close it. */
STET_PUBLIC int stet_node_poll(stet_node *node, stet_why *why);

/* Whether it still runs: 0, or the error that stopped it (with threads: how one learns of it). */
STET_PUBLIC int stet_node_error(const stet_node *node, stet_why *why);

/* --- executors elsewhere --- */

typedef struct stet_executor stet_executor;

typedef struct stet_executor_options {
        size_t struct_size;
        const char *endpoint;      /* the node's */
        const stet_app *app;       /* its activities; borrowed */
        const char *name;          /* NULL: host and process id */
        const char *const *queues; /* ends with NULL; NULL: "default" */
        uint32_t slots;            /* activities at the same time, a thread each; 0: 1 */
        stet_log_fn *log;
        void *log_context;
} stet_executor_options;

#define STET_EXECUTOR_OPTIONS                                                                                \
        {                                                                                                    \
                .struct_size = sizeof(stet_executor_options)                                                 \
        }

/* Starts threads that take activities from a node and run them. It outlives restarts of the node: it
 * reconnects, claims what it is running and finishes it. STET_EINVAL when the app has no activity. */
STET_PUBLIC int stet_executor_start(const stet_executor_options *options, stet_executor **ret, stet_why *why);

/* Whether the node has answered and how many outcomes it has acknowledged. */
STET_PUBLIC bool stet_executor_connected(const stet_executor *executor);
STET_PUBLIC uint64_t stet_executor_done(const stet_executor *executor);

/* Takes nothing new, finishes the activities it is in (up to timeout_ms), gives back the rest, says goodbye,
 * frees. */
STET_PUBLIC void stet_executor_stop(stet_executor *executor, int64_t timeout_ms);

#ifdef __cplusplus
}
#endif

#endif
