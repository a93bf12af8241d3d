/* SPDX-License-Identifier: MIT
 *
 * State: after each step what is new on the disks, now and then the whole; every recovered shard with the one
 * that crashed; and at the end what came of every run.
 */
#include "runtime/shard_state.h"
#include "tests/sim/archive.h"
#include "tests/sim/flows.h"
#include "tests/sim/keeper.h"
#include "tests/sim/model.h"
#include "tests/sim/world.h"

#include <stdlib.h>

enum { COMPARE_EVERY = 8, READ_EVERY = 64 };

#define ID(run) (unsigned long long)(run)->id

/* --- state --- */

struct comparison {
        struct sim *sim;
        uint32_t runs;
};

/* A run that has ended still owes the starts of children that it let go, as long as nobody said that they
 * did. */
static bool may_owe(const struct model_run *run, uint32_t owed)
{
        uint32_t most = 0;
        if (run->ending == RUN_OPEN)
                return owed == run->open_ops;
        for (uint32_t i = 0; i < run->ops_count; i++)
                most += run->ops[i].effect == EFFECT_CHILD && run->ops[i].abandon && !run->ops[i].dropped;
        return owed <= most;
}

static void compare_run(void *ctx, uint64_t id, const char *workflow_id, uint32_t ending,
                        uint32_t transitions, uint32_t owed)
{
        struct comparison *c = ctx;
        const struct model_run *run = model_run(c->sim->model, id);
        c->runs++;
        if (run && run->removed)
                sim_break(c->sim, "P32: run %llx (\"%s\") was removed, and is still there",
                          (unsigned long long)id, workflow_id);
        if (!run)
                sim_break(c->sim, "P4: run %llx (\"%s\") has no records", (unsigned long long)id,
                          workflow_id);
        else if (run->ending != ending || run->transitions != transitions || !may_owe(run, owed) ||
                 !bytes_equal(run->workflow_id, bytes_str(workflow_id)))
                sim_break(
                    c->sim,
                    "P4: run %llx (\"%s\") is not what its records make of it: %s after %u transitions, "
                    "owing %u ops; and not %s after %u, owing %u",
                    (unsigned long long)id, workflow_id, run_ending_name(ending), transitions, owed,
                    run_ending_name(run->ending), run->transitions, run->open_ops);
}

/* A shard in which all is durable against the model. */
static void compare_with_model(struct sim *s, uint32_t shard, struct shard *live)
{
        struct comparison c = { s, 0 };
        uint32_t runs = 0;
        shard_visit(live, compare_run, &c);
        list_each(at, model_runs(s->model))
        {
                const struct model_run *run = container_of(at, struct model_run, all);
                runs += shard_of_run(run->id) == shard && !run->removed;
        }
        if (c.runs != runs)
                sim_break(s, "P1: shard %u knows %u runs, its log %u", shard, c.runs, runs);
}

static void ignore_message(void *ctx, const struct message *m)
{
        (void)ctx;
        (void)m;
}

static void ignore_peer_message(void *ctx, uint64_t peer, const struct message *m)
{
        (void)ctx;
        (void)peer;
        (void)m;
}

/* Where a shard stands that is opened now on these; 0 after a report. */
static uint64_t fingerprint_of(struct sim *s, uint32_t shard, struct log *log, const struct run_store *store)
{
        struct shard_sink sink = { .to_peer = ignore_peer_message, .to_node = ignore_message };
        struct shard_options options = { .index = shard,
                                         .count = s->knobs.shards,
                                         .incarnation = INCARNATION,
                                         .log = log,
                                         .writer = disk_writer(s->disks[shard]),
                                         .store = store,
                                         .stack_size = 16 << 10 };
        struct shard *opened;
        stet_why why = { "" };
        int err = shard_open(&options, &sink, &opened, &why);
        if (err) {
                sim_break(s, "P4: the log of shard %u can't be read %s: %s", shard,
                          store ? "behind its store" : "from its beginning", why.text);
                return 0;
        }
        uint64_t fingerprint = shard_fingerprint(opened);
        shard_close(opened);
        return fingerprint;
}

/* What a restart would find now, if all is durable: the same as what is there. And what is there, some of it
 * in memory and some in the store, is what all records add up to that ever were. */
static void compare_with_recovery(struct sim *s, uint32_t shard, struct shard *live)
{
        const struct keeper *keeper = s->keepers[shard];
        uint64_t is = shard_fingerprint(live);
        if (fingerprint_of(s, shard, disk_view(s->disks[shard]), keeper ? keeper_runs(keeper) : NULL) != is)
                sim_break(s, "P4: after a crash now, shard %u would not stand where it stands", shard);
        struct log *all = archive_log(model_archive(s->model, shard), model_lsn(s->model, shard));
        if (keeper && fingerprint_of(s, shard, all, NULL) != is)
                sim_break(s, "P32: shard %u does not stand where all its records lead to", shard);
}

/* Which runs are not in memory. */
static void note_away(struct sim *s, uint32_t shard, const struct shard *live)
{
        list_each(at, model_runs(s->model))
        {
                struct model_run *run = container_of(at, struct model_run, all);
                if (run->away || run->removed || shard_of_run(run->id) != shard ||
                    run_set_here(&live->set, run->id))
                        continue;
                run->away = true;
                sim_did(s, DID_AWAY);
        }
}

static void check_shard(struct sim *s, uint32_t shard)
{
        struct shard *live = site_shard(s, shard);
        const char *wrong = live ? shard_check(live) : NULL;
        if (wrong)
                sim_break(s, "P12: shard %u: %s", shard, wrong);
}

static void compare_shard(struct sim *s, uint32_t shard)
{
        struct shard *live = site_shard(s, shard);
        if (!live || !shard_idle(live) || (s->keepers[shard] && keeper_stopped(s->keepers[shard])))
                return;
        note_away(s, shard, live);
        s->stood[shard].lsn = model_lsn(s->model, shard);
        s->stood[shard].fingerprint = shard_fingerprint(live);
        compare_with_model(s, shard, live);
        compare_with_recovery(s, shard, live);
}

void check_after_step(struct sim *s)
{
        model_catch_up(s->model);
        check_drops(s);
        for (uint32_t i = 0; i < s->knobs.shards; i++) {
                check_shard(s, i);
                if (s->step % COMPARE_EVERY == 0)
                        compare_shard(s, i);
                if (s->step % READ_EVERY == 0)
                        model_read_again(s->model, i);
                if (s->step % READ_EVERY == 0 && s->keepers[i] && site_shard(s, i) &&
                    !keeper_stopped(s->keepers[i]))
                        check_store(s, i);
        }
}

void check_recovered(struct sim *s, uint32_t shard)
{
        struct shard *recovered = site_shard_opened(s, shard);
        model_catch_up(s->model);
        if (s->keepers[shard])
                check_store(s, shard);
        compare_with_model(s, shard, recovered);
        if (s->stood[shard].lsn == model_lsn(s->model, shard) &&
            s->stood[shard].fingerprint != shard_fingerprint(recovered) && s->stood[shard].lsn)
                sim_break(s, "P4: shard %u does not stand where it stood when it crashed", shard);
}

/* --- at the end --- */

/* A run that was left alone has come to what its input says. */
static void check_fate(struct sim *s, const struct model_run *run)
{
        struct flow_fate fate;
        struct cursor result = cursor_of(run->result);
        if (run->ending == RUN_TERMINATED || run->executor_lost)
                return;
        if (!flows_fate(run->workflow, run->input, &fate)) {
                sim_break(s, "run %llx has an input that nobody gave it", ID(run));
                return;
        }
        if (run->cancel_requested && run->ending == RUN_CANCELED)
                return;
        if (run->cancel_heard && !fate.stubborn)
                sim_break(s, "P18: run %llx was asked to cancel, and %s", ID(run),
                          run_ending_name(run->ending));
        if (run->ending != fate.ending)
                sim_break(s, "P9: run %llx %s (%.*s), and should have %s", ID(run),
                          run_ending_name(run->ending), (int)run->kind.size,
                          run->kind.size ? (const char *)run->kind.data : "", run_ending_name(fate.ending));
        else if (run->ending == RUN_COMPLETED && cursor_int(&result) != fate.result)
                sim_break(s, "P9: the result of run %llx is not what its steps make", ID(run));
}

static void check_children(struct sim *s, const struct model_run *run)
{
        for (uint32_t i = 0; i < run->ops_count; i++) {
                const struct model_op *op = &run->ops[i];
                if (op->effect == EFFECT_CHILD && op->abandon && !op->answered && !op->dropped &&
                    !model_child_of(s->model, run->id, i + 1))
                        sim_break(s, "P1: the abandoned child of op %u of run %llx was never started", i + 1,
                                  ID(run));
        }
}

void check_at_end(struct sim *s)
{
        model_catch_up(s->model);
        for (uint32_t i = 0; i < s->knobs.shards; i++) {
                compare_shard(s, i);
                model_read_again(s->model, i);
                if (s->keepers[i])
                        check_store(s, i);
        }
        list_each(at, model_runs(s->model))
        {
                const struct model_run *run = container_of(at, struct model_run, all);
                check_fate(s, run);
                check_children(s, run);
        }
        if (site_tasks(s))
                sim_break(s, "P24: no run is open, and the scheduler still holds %llu tasks",
                          (unsigned long long)site_tasks(s));
        rerun_all(s);
}
