/* SPDX-License-Identifier: MIT
 *
 * A shard with its log and its log writer, opened and closed together.
 */
#ifndef RUNTIME_SHARD_HOST_H
#define RUNTIME_SHARD_HOST_H

#include "runtime/shard.h"
#include "wal/data_dir.h"

struct shard_host {
        struct log *log;
        struct log_writer *writer;
        struct shard *shard;
};

struct shard_host_options {
        const struct data_dir *dir;
        uint32_t index;
        enum log_level level;
        bool writer_thread;
        const stet_app *app;
        size_t stack_size;
        uint32_t stacks_max;
        const int *crashes_fd;
        int64_t lease_ns;
        uint64_t seed;
};

int shard_host_open(struct shard_host *h, const struct shard_host_options *options,
                    const struct shard_sink *sink, stet_why *why);
void shard_host_close(struct shard_host *h); /* harmless on a zeroed one */

#endif
