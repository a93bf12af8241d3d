/* SPDX-License-Identifier: MIT
 *
 * What events and effects mean for a run, and which of them may not be.
 */
#include "tests/sim/model_state.h"

#include "tests/sim/flows.h"

#include <stdio.h>
#include <stdlib.h>

#define TEXT(b) (int)(b).size, (b).size ? (const char *)(b).data : ""
#define ID(run) (unsigned long long)(run)->id

static bool is_kind(const struct event *e, const char *kind)
{
        return bytes_equal(e->kind, bytes_str(kind));
}

/* --- activities --- */

/* Who reports an outcome must have been given that very attempt; what the scheduler ends by itself may never
 * have arrived. */
static void check_who(struct model *m, const struct model_run *run, const struct model_op *op,
                      const struct event *e)
{
        if (!is_kind(e, "Timeout") && !is_kind(e, "ExecutorLost") &&
            !model_handed(op, e->attempt, e->executor))
                sim_break(
                    m->sim,
                    "P10: attempt %u of op %u of run %llx was ended by \"%.*s\", who was never given it",
                    e->attempt, e->op, ID(run), TEXT(e->executor));
}

static void check_success(struct model *m, const struct model_run *run, const struct model_op *op,
                          const struct event *e)
{
        struct buffer right = { 0 };
        if (!activity_right_answer(op->asked.name, op->asked.value, &right) ||
            !bytes_equal(buffer_bytes(&right), e->value))
                sim_break(m->sim, "P9: op %u of run %llx (\"%.*s\") got a result that is not its own", e->op,
                          ID(run), TEXT(op->asked.name));
        buffer_fini(&right);
        sim_did(m->sim, DID_CALL);
}

static int64_t shorter(int64_t a_ms, int64_t b_ms)
{
        return a_ms && (!b_ms || a_ms < b_ms) ? a_ms : b_ms;
}

/* An executor is given up when it is silent for as long as its lease, or one connection of it when that is
 * gone for as long. With several shards it may be heard of between the decision and its record. */
static void check_lost(struct model *m, const struct model_op *op, const struct event *e, int64_t time_ns)
{
        const struct handed *handed = model_handed(op, e->attempt, e->executor);
        const struct conn *conn = handed ? net_conn(m->sim, handed->peer) : NULL;
        int64_t heard_ns = crew_heard_ns(m->sim, e->executor); /* if later, it was silent before that */
        if (m->sim->knobs.shards == 1 && conn && conn->line && time_ns - LEASE_MS * MS < heard_ns &&
            heard_ns < time_ns)
                sim_break(m->sim, "P17: executor \"%.*s\" was given up although it was heard of",
                          TEXT(e->executor));
}

/* A failure goes to the code only when no attempt is left. */
static void check_given_up(struct model *m, const struct model_run *run, const struct model_op *op,
                           const struct event *e)
{
        uint32_t tries = op->tries + (e->lost ? 0 : 1), most = op->asked.max_attempts;
        if (!e->permanent && e->lost < 10 && most != 1 && (!most || tries < most || e->lost))
                sim_break(m->sim, "P18: op %u of run %llx was given up after %u tries, and may have %u",
                          e->op, ID(run), tries, most);
}

static void check_failure(struct model *m, struct model_run *run, const struct model_op *op,
                          const struct event *e, int64_t time_ns)
{
        sim_did(m->sim, is_kind(e, "Timeout") ? DID_CALL_TIMED_OUT
                        : e->lost             ? DID_CALL_LOST
                                              : DID_CALL_FAILED);
        if ((e->lost != 0) != is_kind(e, "ExecutorLost"))
                sim_break(m->sim, "P17: op %u of run %llx failed with \"%.*s\" and counts %u lost executors",
                          e->op, ID(run), TEXT(e->kind), e->lost);
        if (e->lost)
                check_lost(m, op, e, time_ns);
        if (!is_kind(e, "Timeout"))
                return;
        int64_t since_ns = e->started_ns ? e->started_ns : op->opened_ns;
        int64_t limit_ms = e->started_ns ? shorter(op->asked.timeout_ms, op->asked.heartbeat_ms)
                                         : op->asked.schedule_timeout_ms;
        if (time_ns - since_ns < limit_ms * MS)
                sim_break(m->sim, "P15: op %u of run %llx timed out after %lld ms, and its limit is %lld ms",
                          e->op, ID(run), (long long)((time_ns - since_ns) / MS), (long long)limit_ms);
}

static void activity_event(struct model *m, struct model_run *run, struct model_op *op, const struct event *e,
                           bool delivered, int64_t time_ns)
{
        if (e->attempt != op->attempt)
                sim_break(m->sim,
                          "P10: attempt %u of op %u of run %llx was accepted while %u was the current one",
                          e->attempt, e->op, ID(run), op->attempt);
        check_who(m, run, op, e);
        op->ended = e->attempt;
        if (!e->code)
                check_success(m, run, op, e);
        else
                check_failure(m, run, op, e, time_ns);
        if (e->code && delivered)
                check_given_up(m, run, op, e);
        if (delivered && is_kind(e, "ExecutorLost"))
                run->executor_lost = true;
        if (!e->code && !delivered)
                sim_break(m->sim, "P9: a success of op %u of run %llx was kept from its code", e->op,
                          ID(run));
        if (!delivered)
                op->tries += e->lost ? 0 : 1;
}

/* --- signals --- */

static void append_signal(struct model *m, struct model_signal **list, struct bytes name, struct bytes value)
{
        while (*list)
                list = &(*list)->next;
        *list = arena_alloc(&m->arena, sizeof **list);
        **list = (struct model_signal){ NULL, model_keep(m, name), model_keep(m, value) };
}

static struct model_op *waiting_for(struct model_run *run, struct bytes name)
{
        for (uint32_t i = 0; i < run->ops_count; i++) {
                struct model_op *op = &run->ops[i];
                if (op->open && op->effect == EFFECT_WAIT_SIGNAL && bytes_equal(op->asked.name, name))
                        return op;
        }
        return NULL;
}

static void close_op(struct model_run *run, struct model_op *op)
{
        op->open = false;
        run->open_ops--;
}

static void signal_event(struct model *m, struct model_run *run, const struct event *e)
{
        if (e->sender && !model_put_send(m, e->sender, e->sender_op, run))
                sim_break(
                    m->sim,
                    "P13: the signal of op %u of run %llx came to run %llx a second time, or out of order",
                    e->sender_op, (unsigned long long)e->sender, ID(run));
        if (!e->sender && !e->request_id.size) {
                struct model_signal *first = run->owed;
                if (!first || !bytes_equal(first->name, e->name) || !bytes_equal(first->value, e->value))
                        sim_break(m->sim, "P13: run %llx got a signal \"%.*s\" that nobody sent", ID(run),
                                  TEXT(e->name));
                else
                        run->owed = first->next;
        }
        struct model_op *op = waiting_for(run, e->name);
        if (op) {
                close_op(run, op);
                sim_did(m->sim, DID_WAIT_SIGNAL);
        } else {
                append_signal(m, &run->untaken, e->name, e->value);
        }
}

static bool take_untaken(struct model_run *run, struct bytes name)
{
        for (struct model_signal **at = &run->untaken; *at; at = &(*at)->next)
                if (bytes_equal((*at)->name, name)) {
                        *at = (*at)->next;
                        return true;
                }
        return false;
}

/* --- other runs --- */

static void sent_event(struct model *m, const struct model_run *run, const struct event *e)
{
        const struct model_run *to = model_sent_to(m, run->id, e->op);
        if (!e->code && !to)
                sim_break(m->sim, "P13: run %llx was told that its signal of op %u is applied, and it is not",
                          ID(run), e->op);
        if (e->code && to && !to->removed)
                sim_break(m->sim, "P5: run %llx was told %s of its signal of op %u, and it was applied",
                          ID(run), stet_error_name((int)e->code), e->op);
        sim_did(m->sim, e->code ? DID_SEND_NOBODY : DID_SEND);
}

static void child_event(struct model *m, const struct model_run *run, const struct event *e)
{
        struct model_run *child = model_child_of(m, run->id, e->op);
        bool refused = is_kind(e, "EEXISTS") || is_kind(e, "UnknownWorkflow");
        sim_did(m->sim, refused ? DID_CHILD_REFUSED : DID_CHILD);
        if (refused && child)
                sim_break(m->sim, "P8: run %llx was told that its child of op %u could not start, and it did",
                          ID(run), e->op);
        if (refused || !child) {
                if (!refused)
                        sim_break(m->sim, "P9: run %llx heard of the end of a child of op %u that never was",
                                  ID(run), e->op);
                return;
        }
        child = model_last_of_chain(m, child);
        if (child->ending != e->ending || !bytes_equal(child->result, e->value))
                sim_break(m->sim, "P9: run %llx heard that its child of op %u %s, and run %llx %s", ID(run),
                          e->op, run_ending_name(e->ending), ID(child), run_ending_name(child->ending));
}

/* --- events --- */

static void start_event(struct model *m, struct model_run *run, const struct event *e)
{
        run->workflow = model_keep(m, e->workflow);
        run->workflow_id = model_keep(m, e->id);
        run->input = model_keep(m, e->value);
        run->request_id = model_keep(m, e->request_id);
        run->parent = e->sender;
        run->parent_op = e->sender_op;
        run->abandon = e->abandon;
        run->continued_from = e->continued_from;
        struct model_run *same = model_run_named(m, e->id);
        if (same && same->ending == RUN_OPEN)
                sim_break(m->sim, "P8: run %llx started with the id of open run %llx", ID(run), ID(same));
        model_name_run(m, run);
        struct model_run *from = e->continued_from ? model_run(m, e->continued_from) : NULL;
        if (from) {
                from->continued_as = run->id;
                run->owed = from->untaken;
                if (run->owed)
                        sim_did(m->sim, DID_CONTINUE_SIGNALS);
                for (struct model_signal *late = from->owed; late; late = late->next)
                        append_signal(m, &run->owed, late->name, late->value);
                from->owed = from->untaken = NULL;
        } else if (run->parent) {
                const struct model_op *op = model_op(m, run->parent, run->parent_op);
                run->cancel_next = op && op->stillborn && !op->abandon;
                if (model_child_of(m, run->parent, run->parent_op))
                        sim_break(m->sim, "P8: op %u of run %llx started a second child", run->parent_op,
                                  (unsigned long long)run->parent);
                model_put_child(m, run);
                if (run->abandon)
                        sim_did(m->sim, DID_CHILD_ABANDONED);
        }
}

/* The op that the event ends, or NULL after a report. */
static struct model_op *op_of(struct model *m, struct model_run *run, const struct event *e)
{
        static const uint8_t by[EVENT_TYPES] = { [EVENT_ACTIVITY] = EFFECT_CALL,
                                                 [EVENT_TIMER] = EFFECT_TIMER,
                                                 [EVENT_CHILD] = EFFECT_CHILD,
                                                 [EVENT_SENT] = EFFECT_SEND };
        struct model_op *op = e->op && e->op <= run->ops_count ? &run->ops[e->op - 1] : NULL;
        if (op && op->open && op->effect == by[e->type])
                return op;
        sim_break(m->sim, "P9: op %u of run %llx got a %s although it is %s", e->op, ID(run),
                  event_shapes[e->type].name, op && !op->open ? "over" : "no such op");
        return NULL;
}

static void op_event(struct model *m, struct model_run *run, const struct event *e, bool delivered,
                     int64_t time_ns)
{
        struct model_op *op = op_of(m, run, e);
        if (!op)
                return;
        if (e->type == EVENT_ACTIVITY)
                activity_event(m, run, op, e, delivered, time_ns);
        if (e->type == EVENT_TIMER && (time_ns < op->due_ns || sim_node_now(m->sim) < op->due_ns))
                sim_break(
                    m->sim, "P15: timer op %u of run %llx fired %.3f ms early", e->op, ID(run),
                    (double)(op->due_ns - (sim_node_now(m->sim) < time_ns ? sim_node_now(m->sim) : time_ns)) /
                        1e6);
        if (e->type == EVENT_TIMER)
                sim_did(m->sim, DID_TIMER);
        if (e->type == EVENT_CHILD)
                child_event(m, run, e);
        if (e->type == EVENT_SENT)
                sent_event(m, run, e);
        if (delivered)
                close_op(run, op);
        op->answered |= delivered;
}

void model_event(struct model *m, struct model_run *run, const struct event *e, uint8_t flags,
                 int64_t time_ns)
{
        if (run->cancel_next && e->type != EVENT_START && e->type != EVENT_CANCEL &&
            e->type != EVENT_TERMINATE)
                sim_break(m->sim,
                          "P12: run %llx goes on although its parent had given it up when it asked for it",
                          ID(run));
        if (e->type != EVENT_START)
                run->cancel_next = false;
        const struct model_run *applied =
            e->request_id.size ? model_request(m, e->type, e->request_id) : NULL;
        if (applied && !applied->removed)
                sim_break(m->sim, "P8: the request \"%.*s\" was applied a second time", TEXT(e->request_id));
        switch ((enum event_type)e->type) {
        case EVENT_START:
                start_event(m, run, e);
                break;
        case EVENT_ACTIVITY:
        case EVENT_TIMER:
        case EVENT_CHILD:
        case EVENT_SENT:
                op_event(m, run, e, flags & TRANSITION_DELIVERED, time_ns);
                break;
        case EVENT_SIGNAL:
                signal_event(m, run, e);
                break;
        case EVENT_CANCEL:
                run->cancel_requested = true;
                run->cancel_heard |= (flags & TRANSITION_ACTIVATED) != 0;
                if (run->parent && !e->request_id.size)
                        sim_did(m->sim, DID_CHILD_CANCELED);
                break;
        case EVENT_TERMINATE:
        case EVENT_WAKE:
        case EVENT_TYPES:
                break;
        }
        if (e->request_id.size)
                model_put_request(m, e, run);
}

/* --- removal --- */

/* Whether a client asked to remove the run, by its id or by its workflow id, which another of its chain may
 * have had then. */
static bool is_unwanted(const struct model *m, const struct model_run *run)
{
        char id[24];
        snprintf(id, sizeof id, "%016llx", ID(run));
        list_each(at, &m->sim->asks_all)
        {
                const struct ask *ask = container_of(at, struct ask, in_all);
                if (ask->type == MSG_DELETE &&
                    (strcmp(ask->id, id) == 0 || bytes_equal(bytes_str(ask->id), run->workflow_id)))
                        return true;
        }
        return false;
}

static bool is_due(const struct model *m, const struct model_run *run, int64_t time_ns)
{
        return m->sim->knobs.retention_ns && run->ending != RUN_OPEN &&
               time_ns - run->ended_ns >= m->sim->knobs.retention_ns;
}

bool model_may_be_gone(const struct model *m, const struct model_run *run)
{
        return run->removed || is_unwanted(m, run) || is_due(m, run, sim_node_now(m->sim));
}

/* Only what has ended, and what nobody asks for any more: a parent that does not know of its child's end
 * would start it again. */
void model_remove(struct model *m, struct model_run *run, int64_t time_ns)
{
        const struct model_op *asking = run->parent ? model_op(m, run->parent, run->parent_op) : NULL;
        if (run->ending == RUN_OPEN)
                sim_break(m->sim, "P1: run %llx was removed while it was open", ID(run));
        if (asking && asking->open)
                sim_break(m->sim, "P9: run %llx was removed before its parent had heard of its end", ID(run));
        bool unwanted = is_unwanted(m, run);
        if (!unwanted && !is_due(m, run, time_ns))
                sim_break(m->sim,
                          "P1: run %llx was removed %.3f s after its end, and nobody had asked for that",
                          ID(run), (double)(time_ns - run->ended_ns) / 1e9);
        run->removed = true;
        sim_did(m->sim, unwanted ? DID_DELETE : DID_RETIRE);
}

/* --- effects --- */

static void keep_asked(struct model *m, struct effect *to, const struct effect *from)
{
        *to = *from;
        to->name = model_keep(m, from->name);
        to->id = model_keep(m, from->id);
        to->value = model_keep(m, from->value);
        to->queue = model_keep(m, from->queue);
        to->non_retryable = to->kind = to->text = bytes_of(NULL, 0);
}

static struct model_op *open_op(struct model *m, struct model_run *run, const struct effect *e,
                                int64_t time_ns)
{
        if (run->ops_count == run->ops_capacity) {
                run->ops_capacity = run->ops_capacity ? 2 * run->ops_capacity : 16;
                run->ops = xrealloc(run->ops, run->ops_capacity * sizeof *run->ops);
        }
        if (e->op != run->ops_count + 1)
                sim_break(m->sim, "P20: run %llx started op %u after op %u", ID(run), e->op, run->ops_count);
        struct model_op *op = &run->ops[run->ops_count++];
        *op = (struct model_op){
                .effect = e->type, .open = true, .abandon = e->abandon, .attempt = 1, .opened_ns = time_ns
        };
        op->due_ns = e->due_ns;
        keep_asked(m, &op->asked, e);
        run->open_ops++;
        return op;
}

static void retry_effect(struct model *m, struct model_run *run, const struct event *cause,
                         const struct effect *e, int64_t time_ns)
{
        struct model_op *op = e->op && e->op <= run->ops_count ? &run->ops[e->op - 1] : NULL;
        if (!op || !op->open || op->effect != EFFECT_CALL || e->attempt != op->attempt + 1 ||
            cause->type != EVENT_ACTIVITY) {
                sim_break(m->sim, "P18: run %llx retries op %u as attempt %u, which can't be", ID(run), e->op,
                          e->attempt);
                return;
        }
        if (op->asked.max_attempts && op->tries >= op->asked.max_attempts)
                sim_break(m->sim, "P18: op %u of run %llx has %u tries, and may have %u", e->op, ID(run),
                          op->tries + 1, op->asked.max_attempts);
        double least_ms =
            cause->lost ? 0 : (double)op->asked.initial_interval_ms * (1 - op->asked.jitter) - 1;
        if (least_ms > 0 && (double)(e->due_ns - time_ns) < least_ms * 1e6)
                sim_break(m->sim, "P18: op %u of run %llx is retried too soon", e->op, ID(run));
        op->attempt = e->attempt;
        op->due_ns = e->due_ns;
        sim_did(m->sim, DID_CALL_RETRIED);
}

static void finish_effect(struct model *m, struct model_run *run, const struct effect *e, uint64_t lsn)
{
        static const uint8_t did[] = { [RUN_COMPLETED] = DID_END_COMPLETED,
                                       [RUN_FAILED] = DID_END_FAILED,
                                       [RUN_CANCELED] = DID_END_CANCELED,
                                       [RUN_TERMINATED] = DID_END_TERMINATED,
                                       [RUN_CONTINUED] = DID_CONTINUE };
        run->ending = e->ending;
        run->result = model_keep(m, e->value);
        run->kind = model_keep(m, e->kind);
        run->pending = 0;
        m->open--;
        sim_did(m->sim, (enum sim_operation)did[e->ending]);
        for (uint32_t i = 0; i < run->ops_count; i++) {
                struct model_op *op = &run->ops[i];
                op->stillborn |= op->open && op->opened_lsn == lsn;
                op->open = false;
        }
        run->open_ops = 0;
        if (bytes_equal(e->kind, bytes_str("Wrong")))
                sim_break(m->sim, "run %llx (\"%.*s\") found something wrong: %.*s", ID(run),
                          TEXT(run->workflow_id), TEXT(e->text));
}

void model_effect(struct model *m, struct model_run *run, const struct event *cause, const struct effect *e,
                  uint64_t lsn, int64_t time_ns)
{
        struct model_op *op;
        switch ((enum effect_type)e->type) {
        case EFFECT_CALL:
        case EFFECT_TIMER:
        case EFFECT_SEND:
        case EFFECT_CHILD:
        case EFFECT_WAIT_SIGNAL:
                op = open_op(m, run, e, time_ns);
                op->opened_lsn = lsn;
                if (e->type == EFFECT_WAIT_SIGNAL && take_untaken(run, e->name)) {
                        close_op(run, op);
                        sim_did(m->sim, DID_SIGNAL_KEPT);
                }
                break;
        case EFFECT_RETRY:
                retry_effect(m, run, cause, e, time_ns);
                break;
        case EFFECT_DROP:
                op = e->op && e->op <= run->ops_count ? &run->ops[e->op - 1] : NULL;
                if (!op || !op->open) {
                        sim_break(m->sim, "P9: run %llx gave up op %u, which is over", ID(run), e->op);
                        return;
                }
                op->stillborn = op->opened_lsn == lsn;
                op->dropped = true;
                close_op(run, op);
                sim_did(m->sim, DID_DROP);
                break;
        case EFFECT_STATUS:
                sim_did(m->sim, DID_STATUS);
                break;
        case EFFECT_PATCH:
                sim_did(m->sim, DID_PATCH);
                break;
        case EFFECT_FINISH:
                finish_effect(m, run, e, lsn);
                break;
        case EFFECT_TYPES:
                break;
        }
}

void model_settle(struct model *m, struct model_run *run, const struct event *cause, bool retried)
{
        if (cause->type != EVENT_ACTIVITY || run->ending != RUN_OPEN)
                return;
        const struct model_op *op = model_op(m, run->id, cause->op);
        if (op && op->open && !retried)
                sim_break(m->sim, "P12: op %u of run %llx failed, and neither its code nor a retry followed",
                          cause->op, ID(run));
}
