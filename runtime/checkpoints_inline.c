/* SPDX-License-Identifier: MIT
 *
 * Checkpoints within the tick of a node without threads: small ones, so that none holds it up for long.
 */
#include "runtime/checkpointer.h"
#include "runtime/checkpoints.h"

#include <stdlib.h>

enum {
        STEP_BYTES = 1 << 20,
        AFTER_NS = 1000000000,
        FULL_RETRY_NS = 1000000000,
};

struct checkpoints_inline {
        struct checkpoints checkpoints;
        struct log *log;
        struct store *store;
        struct checkpointer *checkpointer;
        uint64_t bytes; /* durable since the opening */
        int64_t due_ns; /* INT64_MAX: nothing is behind */
};

static void step(struct checkpoints_inline *t, uint64_t lsn, int64_t now_ns)
{
        struct checkpoints *c = &t->checkpoints;
        struct checkpointer_batch batch;
        int err = checkpointer_step(t->checkpointer, lsn, STEP_BYTES, &batch, &c->why);
        atomic_store_explicit(&c->err, err, memory_order_release);
        if (err) {
                t->due_ns = now_ns + FULL_RETRY_NS;
                return;
        }
        uint64_t reached = t->store->checkpoint.lsn;
        atomic_fetch_add(&c->bytes, batch.bytes);
        atomic_store(&c->store_bytes, t->store->stats.disk_bytes);
        atomic_store_explicit(&c->lsn, reached, memory_order_release);
        log_trim(t->log, reached + 1);
        t->due_ns = reached < lsn ? now_ns : INT64_MAX;
}

static void durable(struct checkpoints *c, uint64_t lsn, uint64_t bytes, int64_t now_ns)
{
        struct checkpoints_inline *t = (struct checkpoints_inline *)c;
        if (lsn <= atomic_load(&c->lsn))
                return;
        if (t->due_ns == INT64_MAX)
                t->due_ns = now_ns + AFTER_NS;
        if (now_ns >= t->due_ns || (bytes >= atomic_load(&c->bytes) + STEP_BYTES && !atomic_load(&c->err)))
                step(t, lsn, now_ns);
}

static int64_t deadline(const struct checkpoints *c)
{
        return ((const struct checkpoints_inline *)c)->due_ns;
}

static void free_inline(struct checkpoints *c)
{
        struct checkpoints_inline *t = (struct checkpoints_inline *)c;
        checkpointer_free(t->checkpointer);
        free(t);
}

static const struct checkpoints_ops checkpoints_inline_ops = {
        .durable = durable,
        .deadline = deadline,
        .free = free_inline,
};

struct checkpoints *checkpoints_inline_new(const struct checkpoints_options *options)
{
        struct checkpoints_inline *t = xcalloc(1, sizeof *t);
        t->checkpoints.ops = &checkpoints_inline_ops;
        t->checkpoints.fd = -1;
        t->log = options->log;
        t->store = options->store->store;
        t->checkpointer = checkpointer_new(options->log, options->store);
        t->due_ns = INT64_MAX;
        atomic_store(&t->checkpoints.lsn, t->store->checkpoint.lsn);
        atomic_store(&t->checkpoints.store_bytes, t->store->stats.disk_bytes);
        return &t->checkpoints;
}
