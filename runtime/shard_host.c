/* SPDX-License-Identifier: MIT */
#include "runtime/shard_host.h"

#include <malloc.h>
#include <stdlib.h>

#define LAG_BYTES_MAX (UINT64_C(256) << 20) /* of the log behind the checkpoint */

static void give_back(void)
{
        malloc_trim(0);
}

static int open_store(struct shard_host *h, const struct shard_host_options *o, stet_why *why)
{
        char *path = data_dir_store_path(o->dir, o->index);
        struct store_lmdb_options so = {
                .path = path, .level = o->level, .epoch = h->log->epoch, .create = o->create_store
        };
        int err = store_lmdb_open(&so, &h->store, why);
        free(path);
        if (err == STET_ENOTFOUND)
                err = STET_ECORRUPT; /* the directory had one */
        if (!err)
                err = run_store_open(h->store, o->seed, &h->run_store, why);
        if (err || o->no_checkpoints)
                return err;
        struct checkpoints_options co = { .log = h->log, .store = &h->run_store };
        if (o->threads)
                return checkpoints_thread_new(&co, &h->checkpoints, why);
        h->checkpoints = checkpoints_inline_new(&co);
        return 0;
}

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
        if (o->threads)
                err = log_writer_thread_new(h->log, h->log->epoch, &h->writer, why);
        else
                h->writer = log_writer_inline_new(h->log, h->log->epoch);
        if (!err)
                err = open_store(h, o, why);
        if (err) {
                shard_host_close(h);
                return err;
        }
        struct shard_options so = { .index = o->index,
                                    .count = o->dir->shards,
                                    .incarnation = o->dir->incarnation,
                                    .seed = o->seed,
                                    .log = h->log,
                                    .writer = h->writer,
                                    .store = &h->run_store,
                                    .checkpoints = h->checkpoints,
                                    .lag_bytes_max = o->no_checkpoints ? 0 : LAG_BYTES_MAX,
                                    .runs_max = o->runs_max,
                                    .idle_ns = o->idle_ns,
                                    .give_back = give_back,
                                    .progress = o->progress,
                                    .progress_ctx = o->progress_ctx,
                                    .app = o->app,
                                    .stack_size = o->stack_size,
                                    .stacks_max = o->stacks_max,
                                    .crashes_fd = o->crashes_fd,
                                    .history_max_transitions = o->history_max_transitions,
                                    .history_max_bytes = o->history_max_bytes,
                                    .retention = o->retention,
                                    .lease_ns = o->lease_ns };
        err = shard_open(&so, sink, &h->shard, why);
        if (err)
                shard_host_close(h);
        return err;
}

void shard_host_close(struct shard_host *h)
{
        log_writer_free(h->writer);
        checkpoints_free(h->checkpoints);
        shard_close(h->shard);
        store_close(h->store);
        log_close(h->log);
        *h = (struct shard_host){ 0 };
}
