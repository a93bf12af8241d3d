/* SPDX-License-Identifier: MIT */
#include "runtime/shard_host.h"

#include <stdlib.h>

int shard_host_open(struct shard_host *h, const struct shard_host_options *o, const struct shard_sink *sink,
                    stet_why *why)
{
        *h = (struct shard_host){ 0 };
        char *path = data_dir_log_path(o->dir, o->index);
        struct log_lmdb_options lo = { .path = path, .level = o->level };
        int err = log_lmdb_open(&lo, &h->log, why);
        free(path);
        if (err)
                return err;
        if (o->writer_thread)
                err = log_writer_thread_new(h->log, h->log->epoch, &h->writer, why);
        else
                h->writer = log_writer_inline_new(h->log, h->log->epoch);
        struct shard_options so = { .index = o->index,
                                    .count = o->dir->shards,
                                    .incarnation = o->dir->incarnation,
                                    .seed = o->seed,
                                    .log = h->log,
                                    .writer = h->writer,
                                    .app = o->app,
                                    .stack_size = o->stack_size,
                                    .stacks_max = o->stacks_max,
                                    .crashes_fd = o->crashes_fd,
                                    .lease_ns = o->lease_ns };
        if (!err)
                err = shard_open(&so, sink, &h->shard, why);
        if (err)
                shard_host_close(h);
        return err;
}

void shard_host_close(struct shard_host *h)
{
        log_writer_free(h->writer);
        shard_close(h->shard);
        log_close(h->log);
        *h = (struct shard_host){ 0 };
}
