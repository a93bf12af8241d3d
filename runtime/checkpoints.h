/* SPDX-License-Identifier: MIT
 *
 * When checkpoints are made, and where. The shard says how far the log is durable, and looks how far the
 * store has come. Kinds: a thread of its own; inline, within the tick of a node without threads; and the
 * simulator's.
 *
 * A checkpoint is made when enough has come together, or a second after the first record that it will have.
 * The thread is nicer than those that step runs, so that a busy machine is theirs first; what it falls behind
 * has a bound, at which the shard waits for it.
 */
#ifndef RUNTIME_CHECKPOINTS_H
#define RUNTIME_CHECKPOINTS_H

#include "runtime/run_store.h"
#include "wal/log.h"

#include <stdatomic.h>

struct checkpoints;

struct checkpoints_ops {
        /* More is durable; or, of an inline one, time has passed. */
        void (*durable)(struct checkpoints *c, uint64_t lsn, uint64_t bytes, int64_t now_ns);
        int64_t (*deadline)(const struct checkpoints *c); /* when durable() is to be called at the latest */
        void (*free)(struct checkpoints *c);              /* waits for a batch that is under way */
};

/* What the shard looks at; the maker of checkpoints writes it. */
struct checkpoints {
        const struct checkpoints_ops *ops;
        int fd; /* readable when the checkpoint has moved or an error has come; -1: there is none */
        _Atomic uint64_t lsn;   /* the checkpoint */
        _Atomic uint64_t bytes; /* of the log's records that were written into the store since the opening */
        _Atomic uint64_t store_bytes; /* the store takes on the disk */
        _Atomic int err; /* STET_EFULL: the disk is full, it tries again; else the shard must stop */
        stet_why why;    /* stands while err does not change */
        _Atomic uint32_t announced; /* behind each write to fd */
        uint32_t heard;             /* the shard's: how many of them it has read */
};

void checkpoints_hear(struct checkpoints *c); /* empties fd */

struct checkpoints_options {
        struct log *log;               /* borrowed */
        const struct run_store *store; /* borrowed */
};

int checkpoints_thread_new(const struct checkpoints_options *options, struct checkpoints **ret,
                           stet_why *why);
struct checkpoints *checkpoints_inline_new(const struct checkpoints_options *options);

static inline void checkpoints_durable(struct checkpoints *c, uint64_t lsn, uint64_t bytes, int64_t now_ns)
{
        if (c)
                c->ops->durable(c, lsn, bytes, now_ns);
}

static inline uint64_t checkpoints_lsn(const struct checkpoints *c)
{
        return c ? atomic_load_explicit(&c->lsn, memory_order_acquire) : 0;
}

static inline int64_t checkpoints_deadline(const struct checkpoints *c)
{
        return c ? c->ops->deadline(c) : INT64_MAX;
}

static inline void checkpoints_free(struct checkpoints *c)
{
        if (c)
                c->ops->free(c);
}

#endif
