/* SPDX-License-Identifier: MIT
 *
 * A shard with its log, its store, and who writes them, opened and closed together.
 */
#ifndef RUNTIME_SHARD_HOST_H
#define RUNTIME_SHARD_HOST_H

#include "runtime/shard.h"
#include "wal/data_dir.h"

struct shard_host {
        struct log *log;
        struct log_writer *writer;
        struct store *store;
        struct run_store run_store;
        struct checkpoints *checkpoints;
        struct shard *shard;
};

struct shard_host_options {
        const struct data_dir *dir;
        uint32_t index;
        enum log_level level;
        bool threads; /* the log is written, and checkpoints are made, on threads of their own */
        bool create_store;
        bool no_checkpoints; /* the store stands where it stands: for measuring */
        uint32_t runs_max;
        int64_t idle_ns;
        const stet_app *app;
        size_t stack_size;
        uint32_t stacks_max;
        const int *crashes_fd;
        uint64_t history_max_transitions;
        uint64_t history_max_bytes;
        const struct retention *retention;
        int64_t lease_ns;
        uint64_t seed;
        void (*progress)(void *ctx, const struct shard_progress *p);
        void *progress_ctx;
};

int shard_host_open(struct shard_host *h, const struct shard_host_options *options,
                    const struct shard_sink *sink, stet_why *why);
void shard_host_close(struct shard_host *h); /* harmless on a zeroed one */

#endif
