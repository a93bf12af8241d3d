/* SPDX-License-Identifier: MIT
 *
 * The node's own struct, shared by node.c (driving) and node_open.c (opening and closing).
 */
#ifndef RUNTIME_NODE_STATE_H
#define RUNTIME_NODE_STATE_H

#include "runtime/clock.h"
#include "runtime/executor.h"
#include "runtime/front.h"
#include "runtime/parcel.h"
#include "runtime/retention.h"
#include "runtime/router_zmq.h"
#include "runtime/shard_thread_zmq.h"
#include "stet/node.h"

#include <pthread.h>

enum { NODE_ENDPOINTS_MAX = 16, NODE_ENDPOINT_SIZE = 256 };

struct stet_node {
        stet_node_options options;
        struct data_dir dir;
        bool dir_open;
        void *zmq;
        struct router *router;
        char endpoints[NODE_ENDPOINTS_MAX][NODE_ENDPOINT_SIZE];
        size_t endpoints_count;
        struct front *front;
        struct shard_host host;        /* of the one shard; or */
        struct shard_thread **threads; /* more than one */
        stet_executor *executor;       /* with threads; or */
        struct executor_inline *inline_executor;
        struct clock_os clock;
        int64_t now_ns; /* of the turn under way */
        int64_t sync_due_ns;
        int64_t disk_retry_ns;
        int64_t progress_due_ns; /* of a word about coming back */
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
const void *node_expect(void *ctx, uint64_t run, unsigned step, const void *found);
void node_from_shard(void *ctx, const struct message *m);
void node_to_peer(void *ctx, uint64_t peer, const struct message *m);
int node_drive(void *ctx, int fd, int64_t timeout_ms, stet_why *why);
void *node_main(void *arg);
void node_drain(stet_node *n);

#endif
