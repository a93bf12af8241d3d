/* SPDX-License-Identifier: MIT */
#include "actors/run.h"

#include "stet/error.h"

#include <stdlib.h>

enum { UNUSED_MAX = 4096 };

void run_tables_fini(struct run_tables *tables)
{
        for (struct op *op = tables->unused, *next; op; op = next) {
                next = op->next_unused;
                free(op);
        }
        map_fini(&tables->ops);
        map_fini(&tables->requests);
        heap_fini(&tables->timers);
        *tables = (struct run_tables){ 0 };
}

/* An op, zeroed. */
static struct op *op_take(struct run_tables *tables)
{
        struct op *op = tables->unused;
        if (!op)
                return xcalloc(1, sizeof *op);
        tables->unused = op->next_unused;
        tables->unused_count--;
        *op = (struct op){ 0 };
        return op;
}

static void op_give(struct run_tables *tables, struct op *op)
{
        if (tables->unused_count == UNUSED_MAX) {
                free(op);
                return;
        }
        op->next_unused = tables->unused;
        tables->unused = op;
        tables->unused_count++;
}

struct run *run_new(uint64_t id)
{
        struct run *run = xcalloc(1, sizeof *run);
        run->id = id;
        list_init(&run->ops);
        list_init(&run->signals);
        list_init(&run->in_shard);
        list_init(&run->in_awake);
        return run;
}

static char *text_copy(struct bytes text)
{
        return xmemdup(text.data, text.size);
}

static void op_index(struct run_tables *tables, struct op *op)
{
        struct run *run = op->run;
        for (unsigned i = 0; i < RUN_OPS_FEW; i++)
                if (!run->few_ids[i]) {
                        run->few_ids[i] = op->id;
                        run->few[i] = op;
                        return;
                }
        op->in_table = true;
        map_put(&tables->ops, &op->by_id, op_key(run->id, op->id));
}

static void op_unindex(struct run_tables *tables, struct op *op)
{
        struct run *run = op->run;
        if (op->in_table)
                map_remove(&tables->ops, &op->by_id);
        for (unsigned i = 0; i < RUN_OPS_FEW && !op->in_table; i++)
                if (run->few_ids[i] == op->id)
                        run->few_ids[i] = 0;
}

static void op_close(struct run_tables *tables, struct op *op)
{
        op_unindex(tables, op);
        tables->ops_count--;
        heap_remove(&tables->timers, &op->timer);
        list_remove(&op->in_run);
        op->run->ops_count--;
        free((void *)(uintptr_t)op->retry.non_retryable.data);
        free(op->name);
        op_give(tables, op);
}

static void close_all(struct run *run, struct run_tables *tables)
{
        list_each_safe(at, after, &run->ops)
        {
                struct op *op = container_of(at, struct op, in_run);
                if (op->abandon && tables->let_go) {
                        list_remove(at);
                        run->ops_count--;
                        list_push(tables->let_go, at);
                } else {
                        op_close(tables, op);
                }
        }
        list_each_safe(at, after, &run->signals) free(container_of(at, struct run_signal, in_run));
        list_init(&run->signals);
}

void run_free(struct run *run, struct run_tables *tables)
{
        close_all(run, tables);
        for (struct run_sender *s = run->senders, *next; s; s = next) {
                next = s->next;
                free(s);
        }
        for (struct run_request *r = run->requests, *next; r; r = next) {
                next = r->next;
                map_remove(&tables->requests, &r->by_hash);
                free(r);
        }
        free(run->ns);
        free(run->blocked);
        free(run);
}

void run_forget_let_go(struct run_tables *tables, struct op *op)
{
        op->run->ops_count++; /* it left the count when its run ended */
        op_close(tables, op);
}

struct op *run_op(const struct run_tables *tables, const struct run *run, uint32_t op)
{
        for (unsigned i = 0; i < RUN_OPS_FEW && op; i++)
                if (run->few_ids[i] == op)
                        return run->few[i];
        for (struct map_node *n = map_find(&tables->ops, op_key(run->id, op)); n;
             n = map_find_next(&tables->ops, n)) {
                struct op *found = container_of(n, struct op, by_id);
                if (found->run == run && found->id == op)
                        return found;
        }
        return NULL;
}

/* --- requests --- */

struct bytes run_given_id(const struct run *run)
{
        static const char digits[] = "0123456789abcdef";
        struct bytes id = bytes_str(run->workflow_id);
        unsigned same = 0;
        while (id.size == 16 && same < 16 &&
               id.data[same] == (uint8_t)digits[run->id >> (60 - 4 * same) & 15])
                same++;
        return same == 16 ? bytes_of(NULL, 0) : id;
}

/* The id that a request names: a START the one it gives, another command the workflow id, which a chain
 * keeps. */
static struct bytes request_scope(const struct run *run, uint8_t event)
{
        return event == EVENT_START ? run_given_id(run) : bytes_str(run->workflow_id);
}

static uint64_t request_hash(uint8_t event, struct bytes ns, struct bytes id, struct bytes request_id)
{
        return hash_bytes(hash_bytes(event, 0, ns), hash_bytes(event, 1, id), request_id);
}

struct run_request *run_request_find(const struct run_tables *tables, uint8_t event, struct bytes ns,
                                     struct bytes id, struct bytes request_id)
{
        if (!request_id.size)
                return NULL;
        struct map_node *n = map_find(&tables->requests, request_hash(event, ns, id, request_id));
        for (; n; n = map_find_next(&tables->requests, n)) {
                struct run_request *r = container_of(n, struct run_request, by_hash);
                if (r->event == event && bytes_equal(bytes_of(r->id, r->id_size), request_id) &&
                    bytes_equal(request_scope(r->run, event), id) && bytes_equal(bytes_str(r->run->ns), ns))
                        return r;
        }
        return NULL;
}

static void request_keep(struct run *run, struct run_tables *tables, const struct event *e)
{
        if (!e->request_id.size)
                return;
        struct run_request *r = xmalloc(sizeof *r + e->request_id.size);
        r->run = run;
        r->event = e->type;
        r->id_size = e->request_id.size;
        memcpy(r->id, e->request_id.data, e->request_id.size);
        r->next = run->requests;
        run->requests = r;
        map_put(&tables->requests, &r->by_hash,
                request_hash(e->type, bytes_str(run->ns), request_scope(run, e->type), e->request_id));
}

/* --- judging --- */

static struct run_sender *sender_of(const struct run *run, uint64_t sender)
{
        struct run_sender *s = run->senders;
        while (s && s->run != sender)
                s = s->next;
        return s;
}

/* A failed attempt is followed by another, or the failure is the code's to handle. */
static enum run_verdict judge_failure(const struct run *run, const struct op *op, const struct event *e,
                                      int64_t now_ns, struct buffer *effects)
{
        uint32_t tries = op->tries + (e->lost ? 0 : 1);
        uint64_t random = hash_u64(run->seed ^ hash_u64(((uint64_t)op->id << 32) | op->attempt));
        int64_t delay_ms = 0;
        if (!retry_next(&op->retry, tries, e->lost, e->permanent, e->kind, random, &delay_ms))
                return RUN_DELIVER;
        struct effect retry = { .type = EFFECT_RETRY, .op = op->id, .attempt = op->attempt + 1 };
        retry.due_ns = delay_ms ? now_ns + delay_ms * 1000000 : 0;
        effect_encode(effects, &retry);
        return RUN_SETTLE;
}

static enum run_verdict judge_op(const struct run *run, const struct run_tables *tables,
                                 const struct event *e, int64_t now_ns, struct buffer *effects, int *ret_err)
{
        static const uint8_t started_by[EVENT_TYPES] = { [EVENT_ACTIVITY] = EFFECT_CALL,
                                                         [EVENT_TIMER] = EFFECT_TIMER,
                                                         [EVENT_CHILD] = EFFECT_CHILD,
                                                         [EVENT_SENT] = EFFECT_SEND };
        const struct op *op = run_op(tables, run, e->op);
        if (!op || op->effect != started_by[e->type] ||
            (e->type == EVENT_ACTIVITY && e->attempt != op->attempt)) {
                *ret_err = STET_ESTALE;
                return RUN_REFUSE;
        }
        if (e->type == EVENT_ACTIVITY && e->code != STET_OK)
                return judge_failure(run, op, e, now_ns, effects);
        return RUN_DELIVER;
}

enum run_verdict run_judge(const struct run *run, const struct run_tables *tables, const struct event *e,
                           int64_t now_ns, struct buffer *effects, int *ret_err)
{
        if (run->ending != RUN_OPEN) {
                *ret_err = STET_ECLOSED;
                return RUN_REFUSE;
        }
        switch ((enum event_type)e->type) {
        case EVENT_ACTIVITY:
        case EVENT_TIMER:
        case EVENT_CHILD:
        case EVENT_SENT:
                return judge_op(run, tables, e, now_ns, effects, ret_err);
        case EVENT_SIGNAL: {
                const struct run_sender *sender = e->sender ? sender_of(run, e->sender) : NULL;
                if (!sender || sender->op < e->sender_op)
                        return RUN_DELIVER;
                *ret_err = STET_EEXISTS;
                return RUN_REFUSE;
        }
        case EVENT_TERMINATE: {
                struct effect end = { .type = EFFECT_FINISH,
                                      .ending = RUN_TERMINATED,
                                      .code = STET_ETERMINATED };
                end.kind = bytes_str("Terminated");
                end.text = e->text;
                effect_encode(effects, &end);
                return RUN_SETTLE;
        }
        case EVENT_START:
        case EVENT_CANCEL:
        case EVENT_WAKE:
        case EVENT_TYPES:
                break;
        }
        return RUN_DELIVER;
}

/* --- applying: the event --- */

static void apply_start(struct run *run, const struct event *e, uint64_t lsn, int64_t time_ns)
{
        run->ns = xcalloc(1, e->ns.size + e->workflow.size + e->id.size + 3);
        run->workflow = run->ns + e->ns.size + 1;
        run->workflow_id = run->workflow + e->workflow.size + 1;
        if (e->ns.size)
                memcpy(run->ns, e->ns.data, e->ns.size);
        if (e->workflow.size)
                memcpy(run->workflow, e->workflow.data, e->workflow.size);
        if (e->id.size)
                memcpy(run->workflow_id, e->id.data, e->id.size);
        run->parent = e->sender;
        run->parent_op = e->sender_op;
        run->abandon = e->abandon;
        run->continued_from = e->continued_from;
        run->seed = e->seed;
        run->started_ns = time_ns;
        run->first_lsn = lsn;
}

static struct op *waiting_for(const struct run *run, struct bytes signal)
{
        list_each(at, &run->ops)
        {
                struct op *op = container_of(at, struct op, in_run);
                if (op->effect == EFFECT_WAIT_SIGNAL && bytes_equal(bytes_str(op->name), signal))
                        return op;
        }
        return NULL;
}

static void signal_keep(struct run *run, struct bytes name)
{
        struct run_signal *signal = xmalloc(sizeof *signal + name.size + 1);
        memcpy(signal->name, name.data, name.size);
        signal->name[name.size] = 0;
        list_push(&run->signals, &signal->in_run);
}

static bool signal_take(struct run *run, struct bytes name)
{
        list_each(at, &run->signals)
        {
                struct run_signal *signal = container_of(at, struct run_signal, in_run);
                if (bytes_equal(bytes_str(signal->name), name)) {
                        list_remove(at);
                        free(signal);
                        return true;
                }
        }
        return false;
}

/* The oldest wait for the name takes it, as in the code (code.c, deliver_signal). */
static void apply_signal(struct run *run, struct run_tables *tables, const struct event *e)
{
        struct op *op = waiting_for(run, e->name);
        if (op)
                op_close(tables, op);
        else
                signal_keep(run, e->name);
        if (!e->sender)
                return;
        struct run_sender *sender = sender_of(run, e->sender);
        if (!sender) {
                sender = xcalloc(1, sizeof *sender);
                sender->run = e->sender;
                sender->next = run->senders;
                run->senders = sender;
        }
        sender->op = e->sender_op;
}

int run_apply_event(struct run *run, struct run_tables *tables, const struct event *e, uint64_t lsn,
                    uint8_t flags, int64_t time_ns)
{
        struct op *op;
        if ((run->transitions == 0) != (e->type == EVENT_START))
                return STET_ECORRUPT;
        switch ((enum event_type)e->type) {
        case EVENT_START:
                apply_start(run, e, lsn, time_ns);
                break;
        case EVENT_ACTIVITY:
        case EVENT_TIMER:
        case EVENT_CHILD:
        case EVENT_SENT:
                op = run_op(tables, run, e->op);
                if (!op)
                        return STET_ECORRUPT;
                if (flags & TRANSITION_DELIVERED)
                        op_close(tables, op);
                else
                        op->tries += e->lost ? 0 : 1; /* a RETRY effect follows */
                break;
        case EVENT_SIGNAL:
                apply_signal(run, tables, e);
                break;
        case EVENT_CANCEL:
                run->cancel_requested = true;
                break;
        case EVENT_TERMINATE:
        case EVENT_WAKE:
        case EVENT_TYPES:
                break;
        }
        request_keep(run, tables, e);
        return 0;
}

/* --- applying: the effects --- */

static void op_open(struct run *run, struct run_tables *tables, const struct effect *e, uint64_t lsn)
{
        struct op *op = op_take(tables);
        op->run = run;
        op->id = e->op;
        op->effect = e->type;
        op->abandon = e->abandon;
        op->attempt = e->type == EFFECT_CALL;
        op->lsn = lsn;
        if (e->type != EFFECT_CALL && e->name.size)
                op->name = text_copy(e->name);
        if (e->type == EFFECT_CALL) {
                struct bytes kinds = e->non_retryable;
                op->retry = (struct retry_policy){ e->max_attempts,    e->initial_interval_ms,
                                                   e->max_interval_ms, e->backoff_factor,
                                                   e->jitter,          { NULL, 0 } };
                if (kinds.size)
                        op->retry.non_retryable = bytes_of(text_copy(kinds), kinds.size);
        }
        op_index(tables, op);
        list_push(&run->ops, &op->in_run);
        run->ops_count++;
        tables->ops_count++;
        if (e->type == EFFECT_TIMER) {
                op->due_ns = e->due_ns;
                heap_put(&tables->timers, &op->timer, e->due_ns);
        }
}

int run_apply_effect(struct run *run, struct run_tables *tables, const struct effect *e, uint64_t lsn,
                     int64_t time_ns)
{
        struct op *op;
        switch ((enum effect_type)e->type) {
        case EFFECT_WAIT_SIGNAL:
                if (signal_take(run, e->name))
                        break;
                __attribute__((fallthrough));
        case EFFECT_CALL:
        case EFFECT_TIMER:
        case EFFECT_SEND:
        case EFFECT_CHILD:
                op_open(run, tables, e, lsn);
                break;
        case EFFECT_RETRY:
                op = run_op(tables, run, e->op);
                if (!op)
                        return STET_ECORRUPT;
                op->attempt = e->attempt;
                op->due_ns = e->due_ns;
                op->noted = false;
                break;
        case EFFECT_DROP:
                op = run_op(tables, run, e->op);
                if (op)
                        op_close(tables, op);
                break;
        case EFFECT_STATUS:
                run->status_lsn = lsn;
                break;
        case EFFECT_FINISH:
                if (!state_allows(run_states, run->ending, e->ending))
                        return STET_ECORRUPT;
                run->ending = e->ending;
                run->ended_ns = time_ns;
                close_all(run, tables);
                break;
        case EFFECT_PATCH:
        case EFFECT_TYPES:
                break;
        }
        return 0;
}

void run_apply_end(struct run *run, uint64_t lsn, uint8_t flags)
{
        run->last_lsn = lsn;
        run->transitions++;
        if (flags & TRANSITION_ACTIVATED || run->ending != RUN_OPEN)
                run->pending = 0;
        else if (flags & TRANSITION_DELIVERED)
                run->pending++;
}

int run_apply(struct run *run, struct run_tables *tables, uint64_t lsn, uint8_t flags, int64_t time_ns,
              struct bytes body)
{
        struct cursor c = cursor_of(body);
        struct event event;
        struct effect effect;
        if (!event_decode(&c, &event))
                return STET_ECORRUPT;
        int err = run_apply_event(run, tables, &event, lsn, flags, time_ns);
        while (!err && effect_decode(&c, &effect))
                err = run_apply_effect(run, tables, &effect, lsn, time_ns);
        run_apply_end(run, lsn, flags);
        return c.failed ? STET_ECORRUPT : err;
}

/* --- checking --- */

const char *run_check(const struct run *run)
{
        if (run->ending != RUN_OPEN)
                return run->ops_count ? "an ended run still owes work" : NULL;
        if (!run->ops_count && !run->pending && !run->blocked)
                return "an open run owes nothing and does not say why";
        uint32_t ops = 0;
        list_each(at, &run->ops)
        {
                const struct op *op = container_of(at, struct op, in_run);
                if (op->run != run)
                        return "an op is in another run's list";
                if ((op->effect == EFFECT_TIMER) != heap_holds(&op->timer))
                        return "a timer is not armed, or something else is";
                ops++;
        }
        return ops == run->ops_count ? NULL : "the count of ops is wrong";
}
