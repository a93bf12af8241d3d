/* SPDX-License-Identifier: MIT
 *
 * The node's own struct, shared by node.c (driving), node_open.c (opening and closing) and node_lobby.c
 * (recovering).
 */
#ifndef RUNTIME_NODE_STATE_H
#define RUNTIME_NODE_STATE_H

#include "runtime/clock.h"
#include "runtime/executor.h"
#include "runtime/front.h"
#include "runtime/lobby.h"
#include "runtime/parcel.h"
#include "runtime/retention.h"
#include "runtime/router_zmq.h"
#include "runtime/shard_thread_zmq.h"
#include "stet/node.h"

#include <pthread.h>

enum {
        NODE_ENDPOINTS_MAX = 16,
        NODE_ENDPOINT_SIZE = 256,
        NODE_TURN_FRAMES_MAX = 256, /* taken in one turn before what they caused is flushed */
};

struct stet_node {
        stet_node_options options;
        struct data_dir dir;
        bool dir_open;
        void *zmq;
        struct router *router;
        char endpoints[NODE_ENDPOINTS_MAX][NODE_ENDPOINT_SIZE];
        size_t endpoints_count;
        struct lobby *lobby; /* while the node recovers, and until what it holds has been taken; or NULL */
        bool recovering;
        uint32_t shard_opening; /* which shard it is that recovers on the thread that opens the node */
        int64_t look_due_ns;    /* after who comes meanwhile */
        int64_t say_due_ns;     /* to the log how far it is */
        struct front *front;
        struct shard_host host;        /* of the one shard; or */
        struct shard_thread **threads; /* more than one */
        stet_executor *executor;       /* with threads; or */
        struct executor_inline *inline_executor;
        struct clock_os clock;
        int64_t now_ns; /* of the turn under way */
        int64_t sync_due_ns;
        int64_t disk_retry_ns;
        struct disk_reserve reserve;
        struct retention *retention;
        int epoll_fd;
        int wake_fd;
        int crashes_fd;
        pthread_t thread;
        bool thread_started;
        bool stopping;
        int error;
        stet_why error_text;
};

/* --- node.c --- */
void node_log(void *ctx, stet_log_level level, const char *line);
void node_to_shard(void *ctx, uint32_t shard, const struct message *m);
void node_expect(void *ctx, uint64_t run, unsigned step);
void node_from_shard(void *ctx, const struct message *m);
void node_expect_task(void *ctx, uint64_t run, uint32_t op, unsigned step);
void node_to_peer(void *ctx, uint64_t peer, const struct message *m);
int node_drive(void *ctx, int fd, int64_t timeout_ms, stet_why *why);
/* Turns until the shards that issue on threads of their own what runs are owed are done with it. The error
 * that stopped one. */
int node_recover(stet_node *n, stet_why *why);
void *node_main(void *arg);
void node_drain(stet_node *n);

/* --- node_lobby.c --- */
/* From here on peers are looked after as recovery goes on. The endpoints are not bound yet. */
void node_lobby_open(stet_node *n, uint64_t secret);
/* Recovery's progress (shard_options), on the thread that opens the node. */
void node_progress(void *ctx, const struct shard_progress *p);
/* Takes frames into the lobby. Whether there were any. */
bool node_let_in(stet_node *n);
/* Whether the shards on threads of their own are back: n->recovering. */
void node_watch_recovery(stet_node *n);
/* What came next: first what was held, then from the router. Valid until the next call. */
bool node_next_frame(stet_node *n, uint64_t *ret_peer, bool *ret_local, struct bytes *ret_frame);

#endif
