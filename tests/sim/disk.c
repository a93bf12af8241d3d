/* SPDX-License-Identifier: MIT
 *
 * A shard's disk and the writer on it. A group that is submitted reaches the disk when its commit is done,
 * and not before: a crash in between loses it whole, or finds it there without the answer. The disk
 * (log_mem's log_disk) is all that outlives a crash.
 */
#include "tests/sim/world.h"

#include <stdlib.h>

/* A writer of a node that is gone, which does not know it yet. */
struct stale {
        struct log *log;
        struct log_group group;
};

struct disk {
        struct log_writer writer; /* the node's end */
        struct sim *sim;
        uint32_t shard;
        struct log_disk *disk;
        struct log *log;         /* NULL while no node has it open */
        struct log_group *group; /* submitted and not collected */
        struct log_group early;  /* of the planted fault ack-early: a copy that is written later */
        bool done;
        int err;
        stet_why why;
        struct happening commit;
        int64_t full_until_ns;
        int64_t slow_until_ns;
        int fail_next; /* STET_EIO: the next commit fails */
        bool fail_applies;
        struct stale stale;
        uint64_t last_lsn; /* on the disk */
        struct log view;
};

/* --- groups --- */

static void copy_group(struct log_group *to, const struct log_group *from)
{
        buffer_clear(&to->bytes);
        buffer_append(&to->bytes, from->bytes.data, from->bytes.size);
        to->first_lsn = from->first_lsn;
        to->count = from->count;
        to->chain = from->chain;
}

static void plan_failure(struct disk *d)
{
        struct sim *s = d->sim;
        if (s->now_ns < d->full_until_ns) {
                sim_faulted(s, FAULT_DISK_FULL);
                log_disk_fail_after(d->disk, 0, STET_EFULL, false);
        } else if (d->fail_next) {
                sim_faulted(s, d->fail_applies ? FAULT_DISK_FATAL_APPLIED : FAULT_DISK_FATAL);
                log_disk_fail_after(d->disk, 0, d->fail_next, d->fail_applies);
                d->fail_next = 0;
        }
}

static int append(struct disk *d, const struct log_group *group)
{
        uint64_t first = d->log->first_lsn;
        int err = log_append(d->log, d->log->epoch, group, &d->why);
        if (d->log->first_lsn > first)
                sim_did(d->sim, DID_TRIM);
        uint64_t last = log_group_next_lsn(group) - 1;
        if (!err || (err == STET_EIO && d->fail_applies))
                d->last_lsn = last;
        sim_tell(d->sim, "disk:%u: %u records up to %llu: %s", d->shard, group->count,
                 (unsigned long long)last, err ? stet_error_name(err) : "durable");
        return err;
}

static void commit(struct sim *s, struct happening *h)
{
        struct disk *d = container_of(h, struct disk, commit);
        if (s->options.bug == BUG_ACK_EARLY) {
                append(d, &d->early);
                log_group_reset(&d->early, 0, 0);
        } else {
                plan_failure(d);
                d->err = append(d, d->group);
                d->done = true;
        }
        site_wake(s);
}

static int64_t commit_ns(struct disk *d)
{
        struct sim *s = d->sim;
        int64_t ns = sim_between(s, s->knobs.commit_ns / 2 + 1, s->knobs.commit_ns * 2);
        if (s->now_ns >= d->slow_until_ns)
                return ns;
        sim_faulted(s, FAULT_DISK_SLOW);
        return ns + sim_between(s, 10 * MS, 3 * SECOND);
}

/* --- the writer --- */

static void submit(struct log_writer *w, struct log_group *group)
{
        struct disk *d = container_of(w, struct disk, writer);
        d->group = group;
        d->done = false;
        if (d->sim->options.bug == BUG_ACK_EARLY) {
                if (d->early.count) { /* the one before goes first */
                        sim_unplan(d->sim, &d->commit);
                        append(d, &d->early);
                }
                copy_group(&d->early, group);
                d->done = true;
                site_wake(d->sim);
        }
        sim_plan(d->sim, &d->commit, d->sim->now_ns + commit_ns(d));
}

static struct log_group *collect(struct log_writer *w, int *ret_err, stet_why *ret_why)
{
        struct disk *d = container_of(w, struct disk, writer);
        if (!d->done)
                return NULL;
        struct log_group *group = d->group;
        d->group = NULL;
        d->done = false;
        *ret_err = d->err;
        if (d->err && ret_why)
                *ret_why = d->why;
        d->err = 0;
        return group;
}

static void free_writer(struct log_writer *w)
{
        (void)w; /* lives in the disk */
}

static const struct log_writer_ops writer_ops = { .submit = submit, .collect = collect, .free = free_writer };

/* --- opening and crashing --- */

/* The node that was replaced may go on for a moment: nothing that it writes may reach the log. */
static void let_stale_write(struct disk *d)
{
        stet_why why = { "" };
        if (!d->stale.log)
                return;
        int err = log_append(d->stale.log, d->stale.log->epoch, &d->stale.group, &why);
        sim_faulted(d->sim, FAULT_STALE_WRITER);
        sim_tell(d->sim, "disk:%u: a node that was replaced writes: %s", d->shard, stet_error_name(err));
        if (err != STET_EFENCED)
                sim_break(d->sim, "P14: a node that was replaced wrote to the log of shard %u (%s)", d->shard,
                          stet_error_name(err));
        log_close(d->stale.log);
        log_group_fini(&d->stale.group);
        d->stale = (struct stale){ .log = NULL };
}

void disk_open(struct disk *d)
{
        d->log = log_mem_open(d->disk);
        d->group = NULL;
        d->done = false;
        let_stale_write(d);
}

static void finish_under_way(struct disk *d)
{
        struct sim *s = d->sim;
        bool applied = sim_chance(s, s->knobs.faults[FAULT_GROUP_UNANSWERED]);
        if (d->done || !d->group)
                return;
        sim_faulted(s, applied ? FAULT_GROUP_UNANSWERED : FAULT_GROUP_LOST);
        if (applied)
                append(d, d->group);
        else if (sim_chance(s, s->knobs.faults[FAULT_STALE_WRITER]) && !d->stale.log) {
                copy_group(&d->stale.group, d->group);
                d->stale.log = d->log;
                d->log = NULL;
        } else {
                sim_tell(s, "disk:%u: %u records under way are lost", d->shard, d->group->count);
        }
}

void disk_crash(struct disk *d)
{
        if (!d->log)
                return;
        sim_unplan(d->sim, &d->commit);
        finish_under_way(d);
        log_group_reset(&d->early, 0, 0);
        d->group = NULL;
        d->done = false;
        d->err = 0;
        log_close(d->log);
        d->log = NULL;
}

/* --- faults --- */

void disk_fail_next(struct disk *d, bool apply)
{
        d->fail_next = STET_EIO;
        d->fail_applies = apply;
}

void disk_fill(struct disk *d, int64_t until_ns)
{
        d->full_until_ns = until_ns;
}

void disk_slow(struct disk *d, int64_t until_ns)
{
        d->slow_until_ns = until_ns;
}

void disk_heal(struct disk *d)
{
        d->fail_next = 0;
        d->full_until_ns = d->slow_until_ns = 0;
}

/* --- reading --- */

struct log *disk_log(const struct disk *d)
{
        return d->log;
}

struct log_writer *disk_writer(const struct disk *d)
{
        return &((struct disk *)(uintptr_t)d)->writer;
}

bool disk_done(const struct disk *d)
{
        return d->done;
}

uint64_t disk_last_lsn(const struct disk *d)
{
        return d->last_lsn;
}

static int refuse_append(struct log *log, uint64_t epoch, const struct log_group *group, stet_why *why)
{
        (void)log;
        (void)epoch;
        (void)group;
        return stet_why_set(why, STET_EINVAL, "this log is only looked at");
}

static int read_view(struct log *log, uint64_t from_lsn, log_visit_fn *visit, void *ctx, stet_why *why)
{
        struct disk *d = container_of(log, struct disk, view);
        return log_read(d->log, from_lsn, visit, ctx, why);
}

struct log *disk_view(struct disk *d)
{
        static const struct log_ops ops = { .append = refuse_append, .read = read_view };
        d->view = *d->log;
        d->view.ops = &ops;
        return &d->view;
}

int disk_read(struct disk *d, uint64_t from_lsn, log_visit_fn *visit, void *ctx, stet_why *why)
{
        return d->log ? log_read(d->log, from_lsn, visit, ctx, why) : 0;
}

/* --- life --- */

struct disk *disk_new(struct sim *s, uint32_t shard)
{
        struct disk *d = xcalloc(1, sizeof *d);
        d->writer = (struct log_writer){ .ops = &writer_ops, .fd = -1 };
        d->sim = s;
        d->shard = shard;
        d->disk = log_disk_new();
        d->commit.happen = commit;
        return d;
}

void disk_free(struct disk *d)
{
        if (!d)
                return;
        sim_unplan(d->sim, &d->commit);
        log_close(d->log);
        log_close(d->stale.log);
        log_group_fini(&d->stale.group);
        log_group_fini(&d->early);
        log_disk_free(d->disk);
        free(d);
}
