/* SPDX-License-Identifier: MIT
 *
 * Coming back: the log behind the checkpoint is folded into the runs that it is about, then what runs are
 * owed is issued again. A run that only waits for a timer or a signal is not looked at. No workflow code runs
 * for the first; for the second only where events were kept for code that was not there.
 */
#include "runtime/shard_state.h"

#include <stdio.h>
#include <stdlib.h>

enum {
        TELL_EVERY = 128,     /* steps: fractions of a millisecond, unless each waits for the disk */
        LET_OUT_EVERY = 1024, /* runs */
        LARGE_BODY_SIZE = 64 << 10,
};

struct recovery {
        struct shard *shard;
        stet_why *why;
};

static void tell(struct shard *s)
{
        s->untold = 0;
        if (s->options.progress)
                s->options.progress(s->options.progress_ctx, &s->progress);
}

/* A step is a record, a run or an op of one: whoever is told looks after others meanwhile. */
static void did_step(struct shard *s)
{
        if (++s->untold >= TELL_EVERY)
                tell(s);
}

/* --- the log behind the checkpoint --- */

static int recover_transition(struct recovery *r, const struct record *record)
{
        struct shard *s = r->shard;
        if (shard_of_run(record->stream) != s->options.index)
                return stet_why_set(r->why, STET_ECORRUPT,
                                    "the log of shard %u is that of shard %u: record %llu is of run %016llx",
                                    s->options.index, shard_of_run(record->stream),
                                    (unsigned long long)record->lsn, (unsigned long long)record->stream);
        struct run *run =
            record->previous_lsn ? shard_run_by_id(s, record->stream) : run_set_here(&s->set, record->stream);
        if (s->failed || (run && run->damaged))
                return s->failed ? stet_why_set(r->why, s->failure, "%s", s->failure_why.text) : 0;
        uint32_t before = run ? run->ending : RUN_OPEN;
        bool new = !run;
        int err = run_set_apply(&s->set, record, &run, r->why);
        if (err)
                return err;
        if (new)
                s->endings[RUN_OPEN]++;
        if (before != run->ending) {
                s->endings[before]--;
                s->endings[run->ending]++;
        }
        return 0;
}

/* A noted attempt is left to its executor for a while: it may be there again and claim it. */
static void recover_note(struct shard *s, const struct record *record)
{
        struct run *run = shard_run_by_id(s, record->stream);
        if (!run || run->damaged)
                return;
        run_apply_note(run, &s->set.tables, record->body);
        run->touched_lsn = record->lsn;
}

static void recover_removal(struct shard *s, const struct record *record)
{
        struct cursor ids = cursor_of(record->body);
        uint64_t id;
        while (run_removal_next(&ids, &id)) {
                const struct run *run = shard_run_by_id(s, id);
                if (!run || run->damaged)
                        continue;
                s->endings[run->ending]--;
                run_set_remove(&s->set, id, record->lsn);
        }
}

static int recover_record(void *ctx, const struct record *record)
{
        struct recovery *r = ctx;
        struct shard *s = r->shard;
        if (s->options.store && record->lsn == s->checkpoint_lsn + 1 &&
            record->chain != s->options.store->store->checkpoint.crc)
                return stet_why_set(r->why, STET_ECORRUPT,
                                    "the log does not go on where the store ends, at record %llu: one of the "
                                    "two is of another past; restore a backup",
                                    (unsigned long long)s->checkpoint_lsn);
        if (record->time_ns > s->last_time_ns)
                s->last_time_ns = record->time_ns;
        s->tail_bytes += RECORD_HEADER_SIZE + record->body.size;
        s->progress.records_done = record->lsn - s->checkpoint_lsn;
        if (record->body.size > LARGE_BODY_SIZE)
                tell(s);
        else
                did_step(s);
        if (record->kind == RECORD_NOTE)
                recover_note(s, record);
        if (record->kind == RECORD_REMOVAL)
                recover_removal(s, record);
        return record->kind == RECORD_TRANSITION ? recover_transition(r, record) : 0;
}

static int recover_store(struct shard *s, stet_why *why)
{
        struct run_counts counts;
        const struct log *log = s->options.log;
        if (!s->options.store)
                return 0;
        if (log->last_lsn < s->checkpoint_lsn)
                return stet_why_set(why, STET_ECORRUPT,
                                    "the log ends at record %llu, before the store, which has come to record "
                                    "%llu; restore a backup",
                                    (unsigned long long)log->last_lsn, (unsigned long long)s->checkpoint_lsn);
        if (log->first_lsn > s->checkpoint_lsn + 1)
                return stet_why_set(
                    why, STET_ECORRUPT,
                    "the log begins at record %llu, but the store ends at record %llu; restore "
                    "a backup",
                    (unsigned long long)log->first_lsn, (unsigned long long)s->checkpoint_lsn);
        int err = run_store_counts(s->options.store, &counts, why);
        if (!err)
                err = run_store_time(s->options.store, &s->last_time_ns, why);
        for (unsigned i = 0; i <= RUN_CONTINUED && !err; i++)
                s->endings[i] = counts.by_ending[i];
        return err;
}

int shard_recover(struct shard *s, stet_why *why)
{
        struct recovery r = { s, why };
        int err = recover_store(s, why);
        if (err)
                return err;
        s->progress.records_total = s->options.log->last_lsn - s->checkpoint_lsn;
        tell(s);
        err = log_read(s->options.log, s->checkpoint_lsn + 1, recover_record, &r, why);
        tell(s);
        return err;
}

/* --- owed work --- */

struct reissue {
        struct shard *shard;
        const struct op *op;
        int64_t due_ns;
};

static int reissue_record(void *ctx, const struct record *record)
{
        const struct reissue *r = ctx;
        struct effect effect;
        if (!transition_find(record->body, r->op->effect, r->op->id, &effect))
                return STET_ECORRUPT;
        shard_issue(r->shard, r->op->run, &effect, r->op->attempt, r->due_ns);
        return 0;
}

static int reissue(struct shard *s, const struct op *op, int64_t now_ns, stet_why *why)
{
        did_step(s);
        if (op->effect == EFFECT_TIMER || op->effect == EFFECT_WAIT_SIGNAL)
                return 0;
        struct reissue r = { s, op, op->due_ns };
        if (op->effect == EFFECT_CALL && op->noted && r.due_ns < now_ns + s->options.lease_ns)
                r.due_ns = now_ns + s->options.lease_ns;
        return shard_record(s, op->run, op->lsn, reissue_record, &r, why);
}

static void check_parent(struct shard *s, const struct run *run)
{
        struct message m = { .type = MSG_PARENT_CHECK,
                             .token = { .run = run->id },
                             .parent_run = run->parent,
                             .parent_op = run->parent_op };
        shard_hold(s, &m);
}

/* Issues what the run is owed. A run whose records can't be read stands still. */
static void resume_run(struct shard *s, struct run *run, int64_t now_ns)
{
        stet_why why = { "" };
        if (run->damaged)
                return;
        list_each(in, &run->ops)
        {
                const struct op *op = container_of(in, struct op, in_run);
                if (reissue(s, op, now_ns, &why) == 0)
                        continue;
                char sentence[700];
                snprintf(sentence, sizeof sentence, "op %u can't be issued again: %s", op->id, why.text);
                shard_block(s, run, sentence);
                return;
        }
        if (run->ending == RUN_OPEN && run->parent && !run->abandon)
                check_parent(s, run);
}

/* Events were kept for code that was not there: it is, perhaps, now. */
static void wake_pending(struct shard *s, uint64_t last_before)
{
        list_each_safe(at, after, &s->set.all)
        {
                struct run *run = container_of(at, struct run, in_shard);
                struct event wake = { .type = EVENT_WAKE };
                did_step(s);
                if (run->ending == RUN_OPEN && run->first_lsn <= last_before && run->pending &&
                    shard_awaken(s, run)) {
                        shard_step(s, run, &wake, s->last_time_ns);
                        tell(s);
                }
        }
}

struct owed {
        struct shard *shard;
        int64_t now_ns;
};

/* What leaves is not kept until all has been issued; nothing was written yet that it would wait for. */
static void let_out(struct shard *s)
{
        if (s->progress.runs_total < ++s->progress.runs_done)
                s->progress.runs_total = s->progress.runs_done;
        did_step(s);
        if (s->progress.runs_done % LET_OUT_EVERY == 0)
                shard_flush(s);
}

static int resume_stored(void *ctx, struct bytes key, struct bytes value)
{
        struct owed *o = ctx;
        struct shard *s = o->shard;
        uint64_t id = run_key_number(key, 1);
        (void)value;
        if (run_set_here(&s->set, id))
                return 0;
        struct run *run = shard_run_by_id(s, id);
        if (s->failed)
                return -1;
        if (run)
                resume_run(s, run, o->now_ns);
        if (run && !run->pending && !run->blocked && !run->waiters && s->options.runs_max &&
            s->set.count > s->options.runs_max)
                shard_leave(s, run);
        let_out(s);
        return 0;
}

/* What is owed leaves before anything is written: an executor that comes back must find the attempt that it
 * claims. */
void shard_resume(struct shard *s, int64_t now_ns)
{
        struct owed o = { s, now_ns };
        s->progress.runs_total = s->endings[RUN_OPEN];
        tell(s);
        if (now_ns > s->last_time_ns)
                s->last_time_ns = now_ns;
        uint64_t last_before = s->durable_lsn; /* runs that start from here on are not to be resumed */
        list_each_safe(at, after, &s->set.all)
        {
                resume_run(s, container_of(at, struct run, in_shard), now_ns);
                let_out(s);
        }
        if (s->options.store) {
                struct run_key table = run_key_of('o'), end = run_key_after(&table);
                stet_why why = { "" };
                int err = store_scan(s->options.store->store, run_key_bytes(&table), run_key_bytes(&end),
                                     false, resume_stored, &o, &why);
                if (err > 0)
                        shard_store_failed(s, err, &why);
        }
        shard_flush(s);
        wake_pending(s, last_before);
        s->sweep_due_ns = now_ns;
        s->retire_due_ns = now_ns;
}
