/* SPDX-License-Identifier: MIT
 *
 * Coming back: the log is folded into runs, then what open runs are owed is issued again. No workflow code
 * runs for the first; for the second only where events were kept for code that was not there.
 */
#include "runtime/shard_state.h"

#include <stdio.h>
#include <stdlib.h>

struct recovery {
        struct shard *shard;
        stet_why *why;
};

static int recover_transition(struct recovery *r, const struct record *record)
{
        struct shard *s = r->shard;
        struct run *run = shard_run_by_id(s, record->stream);
        bool new = !run;
        if (new &&shard_of_run(record->stream) != s->options.index)
                return stet_why_set(r->why, STET_ECORRUPT,
                                    "the log of shard %u is that of shard %u: record %llu is of run %016llx",
                                    s->options.index, shard_of_run(record->stream),
                                    (unsigned long long)record->lsn, (unsigned long long)record->stream);
        if (new) {
                run = run_new(record->stream);
                map_put(&s->runs, &run->by_id, run->id);
                list_push(&s->all, &run->in_shard);
        }
        uint32_t before = run->ending;
        int err = record->previous_lsn == run->last_lsn ? 0 : STET_ECORRUPT;
        if (!err)
                err = run_apply(run, &s->tables, record->lsn, record->flags, record->time_ns, record->body);
        if (err)
                return stet_why_set(r->why, err, "record %llu does not fit run %016llx",
                                    (unsigned long long)record->lsn, (unsigned long long)record->stream);
        if (new) {
                shard_name_run(s, run);
                s->endings[RUN_OPEN]++;
        }
        if (before != run->ending) {
                s->endings[RUN_OPEN]--;
                s->endings[run->ending]++;
        }
        return 0;
}

/* A noted attempt is left to its executor for a while: it may be there again and claim it. */
static void recover_note(struct shard *s, const struct record *record)
{
        struct cursor c = cursor_of(record->body);
        uint32_t items = cursor_array(&c);
        uint64_t op_id = cursor_uint(&c), attempt = cursor_uint(&c);
        if (items < 3 || c.failed || op_id > UINT32_MAX)
                return;
        const struct run *run = shard_run_by_id(s, record->stream);
        struct op *op = run ? run_op(&s->tables, run, (uint32_t)op_id) : NULL;
        if (op && op->attempt == attempt)
                op->noted = true;
}

static int recover_record(void *ctx, const struct record *record)
{
        struct recovery *r = ctx;
        if (record->time_ns > r->shard->last_time_ns)
                r->shard->last_time_ns = record->time_ns;
        if (record->kind == RECORD_NOTE)
                recover_note(r->shard, record);
        return record->kind == RECORD_TRANSITION ? recover_transition(r, record) : 0;
}

int shard_recover(struct shard *s, stet_why *why)
{
        struct recovery r = { s, why };
        s->tables.let_go = &s->let_go;
        return log_read(s->options.log, 1, recover_record, &r, why);
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

static void reissue(struct shard *s, const struct op *op, int64_t now_ns)
{
        if (op->effect == EFFECT_TIMER || op->effect == EFFECT_WAIT_SIGNAL)
                return;
        struct reissue r = { s, op, op->due_ns };
        if (op->noted && r.due_ns < now_ns + s->options.lease_ns)
                r.due_ns = now_ns + s->options.lease_ns;
        stet_why why = { "" };
        if (shard_record(s, op->lsn, reissue_record, &r, &why) != 0)
                shard_log(s, STET_LOG_ERROR, "op %u of run %016llx can't be issued again: %s", op->id,
                          (unsigned long long)op->run->id, why.text);
}

static void check_parent(struct shard *s, const struct run *run)
{
        struct message m = { .type = MSG_PARENT_CHECK,
                             .token = { .run = run->id },
                             .parent_run = run->parent,
                             .parent_op = run->parent_op };
        shard_hold(s, &m);
}

/* Children that ended runs had let go: the word to start them may have died with the node. Starting is
 * repeated harmlessly. */
static void start_let_go(struct shard *s, int64_t now_ns)
{
        s->tables.let_go = NULL;
        while (!list_empty(&s->let_go)) {
                struct op *op = container_of(s->let_go.next, struct op, in_run);
                reissue(s, op, now_ns);
                run_forget_let_go(&s->tables, op);
        }
}

/* Events were kept for code that was not there: it is, perhaps, now. */
static void wake_pending(struct shard *s, uint64_t last_before)
{
        list_each(at, &s->all)
        {
                struct run *run = container_of(at, struct run, in_shard);
                struct event wake = { .type = EVENT_WAKE };
                if (run->ending == RUN_OPEN && run->first_lsn <= last_before && run->pending &&
                    shard_awaken(s, run))
                        shard_step(s, run, &wake, s->last_time_ns);
        }
}

/* What is owed leaves before anything is written: an executor that comes back must find the attempt that it
 * claims. */
void shard_resume(struct shard *s, int64_t now_ns)
{
        if (now_ns > s->last_time_ns)
                s->last_time_ns = now_ns;
        start_let_go(s, now_ns);
        uint64_t last_before = s->durable_lsn; /* runs that start from here on are not to be resumed */
        list_each(at, &s->all)
        {
                struct run *run = container_of(at, struct run, in_shard);
                if (run->ending != RUN_OPEN)
                        continue;
                list_each(in, &run->ops) reissue(s, container_of(in, struct op, in_run), now_ns);
                if (run->parent && !run->abandon)
                        check_parent(s, run);
        }
        shard_flush(s);
        wake_pending(s, last_before);
}
