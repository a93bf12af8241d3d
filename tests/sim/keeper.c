/* SPDX-License-Identifier: MIT
 *
 * A shard's store and who writes it: the real checkpointer, on a disk that is played. It works beside the
 * shard, as a thread does: what is durable now is written after a while, then the shard learns of it, then
 * the log forgets it. Each of these is a happening of its own, so that a crash can come between any two of
 * them. The disk (store_mem's store_disk) is all that outlives one.
 */
#include "tests/sim/keeper.h"

#include "runtime/checkpointer.h"
#include "tests/sim/model.h"

#include <stdlib.h>

enum { FULL_RETRY_MS = 300 };

struct keeper {
        struct checkpoints checkpoints; /* the shard's end */
        struct sim *sim;
        uint32_t shard;
        struct store_disk *disk;
        struct store *store; /* NULL while no node has it open */
        struct log *log;
        struct log reading; /* the checkpointer's end of it */
        struct run_store runs;
        struct checkpointer *checkpointer;
        uint64_t durable_lsn;
        uint64_t up_to_lsn;              /* of the step that comes */
        struct checkpointer_batch batch; /* that the last step wrote */
        struct happening step;
        struct happening tell;
        struct happening trim;
        int64_t full_until_ns;
        bool fail_next;
        bool fail_applies;
        struct store *stale; /* of a node that is gone, which does not know it yet */
};

/* --- the checkpointer's end of the log --- */

struct filter {
        struct keeper *keeper;
        log_visit_fn *visit;
        void *ctx;
};

static int visit_unless_skipped(void *ctx, const struct record *r)
{
        struct filter *f = ctx;
        return plant_skips(f->keeper->sim, r) ? 0 : f->visit(f->ctx, r);
}

static int read_filtered(struct log *log, uint64_t from_lsn, log_visit_fn *visit, void *ctx, stet_why *why)
{
        struct keeper *k = container_of(log, struct keeper, reading);
        struct filter filter = { k, visit, ctx };
        return log_read(k->log, from_lsn, visit_unless_skipped, &filter, why);
}

static int sync_log(struct log *log, stet_why *why)
{
        return log_sync(container_of(log, struct keeper, reading)->log, why);
}

static const struct log_ops reading_ops = { .read = read_filtered, .sync = sync_log };

/* --- a checkpoint --- */

static void plan_step(struct keeper *k, int64_t after_ns)
{
        k->up_to_lsn = k->durable_lsn;
        sim_plan(k->sim, &k->step, k->sim->now_ns + after_ns);
}

static int64_t usual_ns(struct keeper *k)
{
        int64_t ns = k->sim->healing ? MS : k->sim->knobs.checkpoint_ns;
        return sim_between(k->sim, ns / 4 + 1, ns * 2);
}

/* The error that the next commit is to have; 0: none. */
static int plan_failure(struct keeper *k)
{
        int err = k->sim->now_ns < k->full_until_ns ? STET_EFULL : k->fail_next ? STET_EIO : 0;
        if (err == STET_EIO)
                k->fail_next = false;
        store_disk_fail_after(k->disk, err ? 0 : -1, err, err == STET_EIO && k->fail_applies);
        return err;
}

static void note_failure(struct keeper *k, int err, int planned)
{
        struct sim *s = k->sim;
        if (k->log->stopped)
                return; /* the node is about to stop */
        if (err != planned) {
                sim_break(s, "P32: shard %u can't make a checkpoint: %s: %s", k->shard, stet_error_name(err),
                          k->checkpoints.why.text);
                return;
        }
        sim_faulted(s, err == STET_EFULL ? FAULT_STORE_FULL
                       : k->fail_applies ? FAULT_STORE_FATAL_APPLIED
                                         : FAULT_STORE_FATAL);
        atomic_store(&k->checkpoints.err, err);
        if (err == STET_EFULL)
                plan_step(k, FULL_RETRY_MS * MS);
        site_wake_shard(s, k->shard);
}

static void take_step(struct sim *s, struct happening *h)
{
        struct keeper *k = container_of(h, struct keeper, step);
        int planned = plan_failure(k);
        k->reading = *k->log;
        k->reading.ops = &reading_ops;
        size_t bytes_max = s->healing ? SIZE_MAX : s->knobs.checkpoint_bytes;
        int err = checkpointer_step(k->checkpointer, k->up_to_lsn, bytes_max, &k->batch, &k->checkpoints.why);
        store_disk_fail_after(k->disk, -1, 0, false);
        sim_tell(s, "store:%u: checkpoint %llu: %s", k->shard, (unsigned long long)k->store->checkpoint.lsn,
                 err ? stet_error_name(err) : "durable");
        if (err) {
                note_failure(k, err, planned);
                return;
        }
        sim_did(s, DID_CHECKPOINT);
        plant_loss(s, k->store);
        sim_plan(s, &k->tell, s->now_ns + sim_between(s, US, s->knobs.commit_ns));
}

static void tell(struct sim *s, struct happening *h)
{
        struct keeper *k = container_of(h, struct keeper, tell);
        struct checkpoints *c = &k->checkpoints;
        atomic_store(&c->err, 0);
        atomic_fetch_add(&c->bytes, k->batch.bytes);
        atomic_store(&c->store_bytes, k->store->stats.disk_bytes);
        atomic_store(&c->lsn, k->store->checkpoint.lsn);
        site_wake_shard(s, k->shard);
        sim_plan(s, &k->trim, s->now_ns + sim_between(s, US, s->knobs.commit_ns));
}

static void trim(struct sim *s, struct happening *h)
{
        struct keeper *k = container_of(h, struct keeper, trim);
        log_trim(k->log, plant_trim_to(s, k->store->checkpoint.lsn + 1));
        if (k->durable_lsn > k->store->checkpoint.lsn)
                plan_step(k, usual_ns(k));
}

/* --- the shard's end --- */

static void hear_durable(struct checkpoints *c, uint64_t lsn, uint64_t bytes, int64_t now_ns)
{
        struct keeper *k = container_of(c, struct keeper, checkpoints);
        bool at_work = heap_holds(&k->step.at) || heap_holds(&k->tell.at) || heap_holds(&k->trim.at);
        (void)bytes;
        (void)now_ns;
        k->durable_lsn = lsn;
        if (!at_work && lsn > k->store->checkpoint.lsn && !atomic_load(&c->err))
                plan_step(k, usual_ns(k));
}

static int64_t no_deadline(const struct checkpoints *c)
{
        (void)c;
        return INT64_MAX;
}

static void free_nothing(struct checkpoints *c)
{
        (void)c; /* lives in the keeper */
}

static const struct checkpoints_ops checkpoints_ops = {
        .durable = hear_durable,
        .deadline = no_deadline,
        .free = free_nothing,
};

const struct run_store *keeper_runs(const struct keeper *k)
{
        return &k->runs;
}

struct checkpoints *keeper_checkpoints(struct keeper *k)
{
        return &k->checkpoints;
}

bool keeper_stopped(const struct keeper *k)
{
        return k->store && k->store->stopped;
}

/* --- opening and crashing --- */

/* The node that was replaced may go on for a moment: nothing that it writes may reach the store. */
static void let_stale_write(struct keeper *k)
{
        struct store_batch batch = { 0 };
        stet_why why = { "" };
        if (!k->stale)
                return;
        store_put(&batch, bytes_str("stale"), bytes_str("yes"));
        int err = store_commit(k->stale, &batch, k->stale->checkpoint, &why);
        sim_faulted(k->sim, FAULT_STALE_KEEPER);
        if (err != STET_EFENCED)
                sim_break(k->sim, "P14: a node that was replaced wrote to the store of shard %u (%s)",
                          k->shard, stet_error_name(err));
        store_batch_fini(&batch);
        store_close(k->stale);
        k->stale = NULL;
}

uint64_t keeper_seed(const struct sim *s, uint32_t shard)
{
        return hash_u64(s->options.seed + shard);
}

void keeper_open(struct keeper *k, struct log *log)
{
        stet_why why = { "" };
        k->log = log;
        k->store = store_mem_open(k->disk, log->epoch);
        int err = run_store_open(k->store, keeper_seed(k->sim, k->shard), &k->runs, &why);
        if (err)
                sim_break(k->sim, "P4: the store of shard %u can't be opened after a crash: %s", k->shard,
                          why.text);
        let_stale_write(k);
        k->checkpointer = checkpointer_new(&k->reading, &k->runs);
        k->durable_lsn = 0;
        k->checkpoints = (struct checkpoints){ .ops = &checkpoints_ops, .fd = -1 };
        atomic_store(&k->checkpoints.lsn, k->store->checkpoint.lsn);
}

void keeper_crash(struct keeper *k)
{
        struct sim *s = k->sim;
        if (!k->store)
                return;
        if (heap_holds(&k->tell.at) || heap_holds(&k->trim.at))
                sim_faulted(s, FAULT_CRASH_BEFORE_TRIM);
        sim_unplan(s, &k->step);
        sim_unplan(s, &k->tell);
        sim_unplan(s, &k->trim);
        checkpointer_free(k->checkpointer);
        if (!k->stale && !k->store->stopped && sim_chance(s, s->knobs.faults[FAULT_STALE_KEEPER]))
                k->stale = k->store;
        else
                store_close(k->store);
        k->checkpointer = NULL;
        k->store = NULL;
        k->log = NULL;
}

/* --- faults --- */

void keeper_fail_next(struct keeper *k, bool apply)
{
        k->fail_next = true;
        k->fail_applies = apply;
}

void keeper_fill(struct keeper *k, int64_t until_ns)
{
        k->full_until_ns = until_ns;
}

void keeper_heal(struct keeper *k)
{
        k->fail_next = false;
        k->full_until_ns = 0;
}

/* --- life --- */

struct keeper *keeper_new(struct sim *s, uint32_t shard)
{
        struct keeper *k = xcalloc(1, sizeof *k);
        k->sim = s;
        k->shard = shard;
        k->disk = store_disk_new();
        k->step.happen = take_step;
        k->tell.happen = tell;
        k->trim.happen = trim;
        return k;
}

void keeper_free(struct keeper *k)
{
        if (!k)
                return;
        keeper_crash(k);
        store_close(k->stale);
        store_disk_free(k->disk);
        free(k);
}
