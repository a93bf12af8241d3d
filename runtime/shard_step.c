/* SPDX-License-Identifier: MIT
 *
 * Stepping: one event, one transition, one record; what it asks of the world is held until the record is
 * durable.
 */
#include "base/app.h"
#include "base/name.h"
#include "base/run_id.h"
#include "runtime/executor.h"
#include "runtime/shard_state.h"

#include <stdio.h>
#include <stdlib.h>

/* --- code in memory --- */

void shard_block(struct shard *s, struct run *run, const char *sentence)
{
        if (!run->blocked)
                s->blocked++;
        free(run->blocked);
        run->blocked = xmemdup(sentence, strlen(sentence));
        shard_log(s, STET_LOG_WARNING, "run %016llx (%s) is blocked: %s", (unsigned long long)run->id,
                  run->workflow_id ? run->workflow_id : "", sentence);
}

void shard_unblock(struct shard *s, struct run *run)
{
        if (run->blocked)
                s->blocked--;
        free(run->blocked);
        run->blocked = NULL;
        run->full = false;
}

void shard_park(struct shard *s, struct run *run)
{
        code_free(run->code);
        run->code = NULL;
        if (list_empty(&run->in_awake))
                return;
        list_remove(&run->in_awake);
        s->awake_count--;
}

/* A run that is not yet durable can't be replayed from the log alone, so it keeps its code. */
static void park_excess(struct shard *s, const struct run *except)
{
        list_each_safe(at, after, &s->awake)
        {
                struct run *run = container_of(at, struct run, in_awake);
                if (s->awake_count <= s->options.stacks_max || run->last_lsn > s->durable_lsn)
                        return;
                if (run != except)
                        shard_park(s, run);
        }
}

static void keep_awake(struct shard *s, struct run *run)
{
        if (list_empty(&run->in_awake))
                s->awake_count++;
        else
                list_remove(&run->in_awake);
        list_push(&s->awake, &run->in_awake);
        if (s->awake_count > s->options.stacks_max)
                park_excess(s, run);
}

static struct stet_run *new_code(struct shard *s, struct run *run, struct bytes workflow)
{
        stet_workflow_fn *fn = s->options.app ? app_workflow(s->options.app, workflow) : NULL;
        struct stet_run *code = fn ? code_new(&s->code_env, fn, run->id) : NULL;
        if (code)
                return code;
        if (fn) {
                shard_block(s, run, "there is no memory for its stack");
                return NULL;
        }
        char sentence[400];
        snprintf(sentence, sizeof sentence, "no code for workflow \"%.*s\" is in this node",
                 (int)workflow.size, (const char *)workflow.data);
        shard_block(s, run, sentence);
        return NULL;
}

struct replay {
        struct stet_run *code;
        stet_why *why;
};

static int replay_record(void *ctx, const struct record *record)
{
        struct replay *replay = ctx;
        return code_replay(replay->code, record->flags, record->time_ns, record->body, replay->why);
}

void shard_enter_code(const struct shard *s, const struct run *run, const char *workflow,
                      const struct stet_run *code)
{
        running_code = (struct running_code){ .what = "workflow", .name = workflow, .run = run->id };
        running_code.workflow_id = run->workflow_id;
        running_code.stack_guard = code_guard(code, &running_code.stack_guard_size);
        running_code.note_fd = s->options.crashes_fd;
}

void shard_leave_code(void)
{
        running_code = (struct running_code){ 0 };
}

bool shard_awaken(struct shard *s, struct run *run)
{
        if (!shard_history_allows(s, run))
                return false;
        if (run->code || run->blocked)
                return run->code != NULL;
        struct stet_run *code = new_code(s, run, bytes_str(run->workflow));
        if (!code)
                return false;
        stet_why why = { "" };
        struct replay replay = { code, &why };
        shard_enter_code(s, run, run->workflow, code);
        int err = shard_history(s, run, 0, 0, replay_record, &replay, &why);
        shard_leave_code();
        if (err) {
                char sentence[600];
                snprintf(sentence, sizeof sentence, "%s: %s",
                         err == STET_ENONDETERMINISM ? "nondeterminism" : stet_error_text(err), why.text);
                code_free(code);
                shard_block(s, run, sentence);
                return false;
        }
        run->code = code;
        keep_awake(s, run);
        return true;
}

/* --- what a transition asks of the world --- */

static void hold_close(struct shard *s, const struct run *run, uint32_t op)
{
        struct message m = { .type = MSG_CLOSE, .token = { .run = run->id, .op = op } };
        shard_hold(s, &m);
}

static void hold_child_cancel(struct shard *s, const struct run *run, uint32_t op, struct bytes id)
{
        struct message m = { .type = MSG_CHILD_CANCEL,
                             .parent_run = run->id,
                             .parent_op = op,
                             .ns = bytes_str(run->ns),
                             .id = id };
        shard_hold(s, &m);
}

static int find_child_id(void *ctx, const struct record *record)
{
        struct effect *wanted = ctx, effect;
        if (!transition_find(record->body, EFFECT_CHILD, wanted->op, &effect))
                return STET_ECORRUPT;
        wanted->id = bytes_of(xmemdup(effect.id.data, effect.id.size), effect.id.size);
        return 0;
}

/* An op that ends without its own outcome: whoever works on it is told. */
static void give_up(struct shard *s, const struct run *run, const struct op *op)
{
        if (op->effect == EFFECT_CALL)
                hold_close(s, run, op->id);
        if (op->effect != EFFECT_CHILD)
                return;
        struct effect child = { .op = op->id };
        if (shard_record(s, run, op->lsn, find_child_id, &child, NULL) == 0)
                hold_child_cancel(s, run, op->id, child.id);
        free((void *)(uintptr_t)child.id.data);
}

void shard_issue(struct shard *s, const struct run *run, const struct effect *e, uint32_t attempt,
                 int64_t due_ns)
{
        struct message m = { .token = { run->id, e->op, attempt, s->options.incarnation }, .due_ns = due_ns };
        if (e->type == EFFECT_CALL || e->type == EFFECT_RETRY) {
                m.type = MSG_ENQUEUE;
                m.name = e->name;
                m.queue = e->queue;
                m.value = e->value;
                m.timeout_ms = e->timeout_ms;
                m.schedule_timeout_ms = e->schedule_timeout_ms;
                m.heartbeat_ms = e->heartbeat_ms;
        } else {
                m.type = e->type == EFFECT_SEND ? MSG_SEND : MSG_CHILD_START;
                m.parent_run = run->id;
                m.parent_op = e->op;
                m.ns = bytes_str(run->ns);
                m.id = e->id;
                m.name = e->name;
                m.value = e->value;
                m.abandon = e->abandon;
        }
        shard_hold(s, &m);
}

/* An effect that ends ops: told while they are still known, before it is applied. */
static void issue_ending(struct shard *s, const struct run *run, const struct effect *e)
{
        const struct op *dropped = e->type == EFFECT_DROP ? run_op(&s->set.tables, run, e->op) : NULL;
        if (dropped)
                give_up(s, run, dropped);
        if (e->type != EFFECT_FINISH)
                return;
        list_each(at, &run->ops)
        {
                const struct op *op = container_of(at, struct op, in_run);
                if (!op->abandon)
                        give_up(s, run, op);
        }
}

/* An effect by which something begins or goes on. */
static void issue_beginning(struct shard *s, const struct run *run, const struct effect *e)
{
        if (e->type == EFFECT_CALL || e->type == EFFECT_SEND || e->type == EFFECT_CHILD)
                shard_issue(s, run, e, 1, 0);
        else if (e->type == EFFECT_RETRY)
                shard_issue(s, run, e, e->attempt, e->due_ns);
}

/* --- endings --- */

static void fill_ending(struct message *m, const struct effect *finish)
{
        m->role = finish->ending;
        m->code = finish->ending == RUN_COMPLETED    ? STET_OK
                  : finish->ending == RUN_CANCELED   ? STET_ECANCELED
                  : finish->ending == RUN_TERMINATED ? STET_ETERMINATED
                                                     : STET_EFAILED;
        m->value = finish->value;
        m->kind = finish->kind;
        m->text = finish->text;
}

struct ending_reader {
        struct shard *shard;
        struct message *message;
};

static int read_ending(void *ctx, const struct record *record)
{
        struct ending_reader *reader = ctx;
        struct effect finish;
        if (!transition_find(record->body, EFFECT_FINISH, 0, &finish))
                return STET_ECORRUPT;
        fill_ending(reader->message, &finish);
        shard_hold(reader->shard, reader->message);
        return 0;
}

/* The ending of a run that has just ended is at hand; that of another is read from its last record. */
static void hold_ending(struct shard *s, const struct run *run, struct message *m)
{
        if (s->finishing == run) {
                fill_ending(m, &s->finish);
                shard_hold(s, m);
                return;
        }
        stet_why why = { "" };
        struct ending_reader reader = { s, m };
        if (shard_record(s, run, run->last_lsn, read_ending, &reader, &why) != 0)
                shard_log(s, STET_LOG_ERROR, "the ending of run %016llx can't be read: %s",
                          (unsigned long long)run->id, why.text);
}

void shard_tell_ending(struct shard *s, const struct run *run, uint64_t peer, uint64_t correlation)
{
        struct message m = {
                .type = MSG_RESULT, .peer = peer, .correlation = correlation, .token = { .run = run->id }
        };
        hold_ending(s, run, &m);
}

void shard_tell_parent(struct shard *s, const struct run *run)
{
        struct message m = { .type = MSG_CHILD_DONE, .parent_run = run->parent, .parent_op = run->parent_op };
        m.token.run = run->id;
        hold_ending(s, run, &m);
}

static void tell_all(struct shard *s, struct run *run)
{
        for (struct run_waiter *w; (w = shard_take_waiter(run)) != NULL; shard_give_waiter(s, w))
                shard_tell_ending(s, run, w->peer, w->correlation);
        if (run->parent)
                shard_tell_parent(s, run);
}

/* The next run of a chain: same name, the input given, the signals not taken, those who wait. */
static void continue_as_new(struct shard *s, struct run *run, int64_t now_ns)
{
        struct stet_run *code = run->code;
        struct event start = { .type = EVENT_START,
                               .ns = bytes_str(run->ns),
                               .workflow = bytes_str(run->workflow),
                               .id = bytes_str(run->workflow_id),
                               .value = code->continue_input,
                               .sender = run->parent,
                               .sender_op = run->parent_op,
                               .abandon = run->abandon,
                               .continued_from = run->id,
                               .attributes = run->attributes };
        struct run *next = shard_start(s, &start, now_ns);
        list_each(at, &code->signals)
        {
                const struct code_signal *signal = container_of(at, struct code_signal, in_code);
                struct event again = { .type = EVENT_SIGNAL, .name = signal->name, .value = signal->value };
                next = shard_last_of_chain(s, next); /* a signal may have ended it as it ended this one */
                shard_step(s, next, &again, now_ns);
        }
        next = shard_last_of_chain(s, next);
        for (struct run_waiter *w; (w = shard_take_waiter(run)) != NULL; shard_give_waiter(s, w))
                shard_wait(s, next, w->peer, w->correlation);
}

static void ended(struct shard *s, struct run *run, int64_t now_ns)
{
        s->endings[RUN_OPEN]--;
        s->endings[run->ending]++;
        shard_unblock(s, run);
        if (run->ending == RUN_CONTINUED)
                continue_as_new(s, run, now_ns);
        else
                tell_all(s, run);
        s->finishing = NULL; /* whoever asks later reads it: another run may lie where this one lies now */
        shard_park(s, run);
}

/* --- the transition --- */

static void begin_effects(struct shard *s)
{
        buffer_clear(&s->effects);
        s->finishing = NULL;
}

static void write_transition(struct shard *s, struct run *run, const struct event *event, uint8_t flags,
                             int64_t now_ns)
{
        struct held_group *g = s->filling;
        size_t offset = log_group_begin(&g->log, RECORD_TRANSITION, flags, run->id, run->last_lsn, now_ns);
        event_encode(&g->log.bytes, event);
        buffer_append(&g->log.bytes, s->effects.data, s->effects.size);
        uint64_t lsn = log_group_end(&g->log, offset);
        uint32_t place = (uint32_t)offset;
        buffer_append(&g->offsets, &place, sizeof place);

        struct cursor c = cursor_of(buffer_bytes(&s->effects));
        struct effect effect;
        if (event->type == EVENT_ACTIVITY && flags & TRANSITION_DELIVERED)
                hold_close(s, run, event->op);
        int err = run_apply_event(run, &s->set.tables, event, lsn, flags, now_ns);
        while (!err && effect_decode(&c, &effect)) {
                issue_ending(s, run, &effect);
                if (effect.type == EFFECT_FINISH) {
                        s->finishing = run;
                        s->finish = effect;
                }
                err = run_apply_effect(run, &s->set.tables, &effect, lsn, now_ns);
                issue_beginning(s, run, &effect);
        }
        size_t body_size = g->log.bytes.size - offset - RECORD_HEADER_SIZE;
        run_apply_end(run, lsn, flags, body_size);
        shard_history_grew(s, run, body_size);
        run->touched_lsn = lsn;
        shard_touch(s, run);
        if (err)
                shard_log(s, STET_LOG_ERROR, "run %016llx does not fit its own transition %llu",
                          (unsigned long long)run->id, (unsigned long long)lsn);
}

/* A transition has one record, and a record has a limit: a run that asks for more at once ends. */
static void bound_effects(struct shard *s, const struct event *event)
{
        enum { ROOM = 4096 };
        if (s->effects.size + event->value.size + event->text.size + ROOM <= RECORD_BODY_MAX)
                return;
        struct effect end = { .type = EFFECT_FINISH, .ending = RUN_FAILED, .code = STET_ETOOBIG };
        end.kind = bytes_str("ETOOBIG");
        end.text = bytes_str("the workflow asked for more than 16 MiB in one transition");
        buffer_clear(&s->effects);
        effect_encode(&s->effects, &end);
}

static bool run_code(struct shard *s, struct run *run, const struct event *event, int64_t now_ns)
{
        bool start = event->type == EVENT_START;
        if (event->type == EVENT_CANCEL)
                run->cancel_requested = true; /* so that a run whose history is full may clean up */
        if (start)
                run->code = new_code(s, run, event->workflow);
        else
                shard_awaken(s, run);
        if (!run->code)
                return false;
        code_deliver(run->code, event);
        char name[NAME_SIZE_MAX + 1] = "";
        if (start)
                memcpy(name, event->workflow.data, event->workflow.size); /* a run has its own from then on */
        shard_enter_code(s, run, start ? name : run->workflow, run->code);
        code_activate(run->code, now_ns, &s->effects);
        shard_leave_code();
        bound_effects(s, event);
        return true;
}

int shard_step(struct shard *s, struct run *run, const struct event *event, int64_t now_ns)
{
        int err = 0;
        uint8_t flags = 0;
        if (run->damaged)
                return STET_ECORRUPT;
        if (event->type == EVENT_SIGNAL && run->ending == RUN_OPEN && run->full)
                return STET_ETOOBIG;
        begin_effects(s);
        switch (run_judge(run, &s->set.tables, event, now_ns, &s->effects, &err)) {
        case RUN_REFUSE:
                return err;
        case RUN_SETTLE:
                break;
        case RUN_DELIVER:
                flags = TRANSITION_DELIVERED;
                if (run_code(s, run, event, now_ns))
                        flags |= TRANSITION_ACTIVATED;
                break;
        }
        write_transition(s, run, event, flags, now_ns);
        if (run->ending != RUN_OPEN)
                ended(s, run, now_ns);
        else if (run->code)
                keep_awake(s, run);
        return 0;
}

static void name_run(struct shard *s, struct run *run)
{
        stet_why why = { "" };
        int err = run_set_name(&s->set, run, &why);
        if (err)
                shard_store_failed(s, err, &why);
}

struct run *shard_start(struct shard *s, struct event *start, int64_t now_ns)
{
        char id[17];
        struct run *run =
            run_set_add(&s->set, (uint64_t)s->options.index << 48 | log_group_next_lsn(&s->filling->log));
        run_id_print(run->id, id);
        if (!start->id.size)
                start->id = bytes_str(id);
        start->seed = shard_random(s);
        s->endings[RUN_OPEN]++;

        int err = 0;
        uint8_t flags = TRANSITION_DELIVERED;
        begin_effects(s);
        run_judge(run, &s->set.tables, start, now_ns, &s->effects, &err);
        if (!s->careful && run_code(s, run, start, now_ns))
                flags |= TRANSITION_ACTIVATED;
        write_transition(s, run, start, flags, now_ns);
        name_run(s, run);
        if (s->careful) {
                struct message wake = { .type = MSG_WAKE, .parent_run = run->id };
                shard_hold(s, &wake);
        }
        if (run->ending != RUN_OPEN)
                ended(s, run, now_ns);
        else if (run->code)
                keep_awake(s, run);
        return run;
}
