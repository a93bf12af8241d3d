/* SPDX-License-Identifier: MIT */
#include "actors/run.h"

#include "actors/run_parts.h"
#include "stet/error.h"

/* --- judging --- */

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
                const struct run_sender *sender = e->sender ? run_sender_find(run, e->sender) : NULL;
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
        run_set_names(run, e->ns, e->workflow, e->id);
        run_set_attributes(run, e->attributes);
        run->parent = e->sender;
        run->parent_op = e->sender_op;
        run->abandon = e->abandon;
        run->continued_from = e->continued_from;
        run->seed = e->seed;
        run->started_ns = time_ns;
        run->first_lsn = lsn;
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
                        run_op_close(tables, op);
                else
                        op->tries += e->lost ? 0 : 1; /* a RETRY effect follows */
                break;
        case EVENT_SIGNAL:
                run_signal_come(run, tables, e->name);
                if (e->sender)
                        run_sender_keep(run, e->sender, e->sender_op);
                break;
        case EVENT_CANCEL:
                run->cancel_requested = true;
                break;
        case EVENT_TERMINATE:
        case EVENT_WAKE:
        case EVENT_TYPES:
                break;
        }
        run_request_keep(run, tables, e, lsn);
        return 0;
}

/* --- applying: the effects --- */

/* The name an op keeps. Most calls are on the usual queue: to remember that costs nothing. */
static struct bytes op_name(const struct effect *e)
{
        if (e->type != EFFECT_CALL)
                return e->name;
        return bytes_equal(e->queue, bytes_str("default")) ? bytes_of(NULL, 0) : e->queue;
}

static void op_open(struct run *run, struct run_tables *tables, const struct effect *e, uint64_t lsn)
{
        struct op *op = run_op_open(run, tables, e->op, e->type, op_name(e), e->due_ns);
        op->abandon = e->abandon;
        op->attempt = e->type == EFFECT_CALL;
        op->lsn = lsn;
        if (e->type == EFFECT_CALL) {
                struct bytes kinds = e->non_retryable;
                op->retry = (struct retry_policy){ e->max_attempts,    e->initial_interval_ms,
                                                   e->max_interval_ms, e->backoff_factor,
                                                   e->jitter,          { NULL, 0 } };
                if (kinds.size)
                        op->retry.non_retryable = bytes_of(xmemdup(kinds.data, kinds.size), kinds.size);
        }
}

int run_apply_effect(struct run *run, struct run_tables *tables, const struct effect *e, uint64_t lsn,
                     int64_t time_ns)
{
        struct op *op;
        switch ((enum effect_type)e->type) {
        case EFFECT_WAIT_SIGNAL:
                if (run_signal_take(run, e->name))
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
                        run_op_close(tables, op);
                break;
        case EFFECT_STATUS:
                run->status_lsn = lsn;
                break;
        case EFFECT_FINISH:
                if (!state_allows(run_states, run->ending, e->ending))
                        return STET_ECORRUPT;
                run->ending = e->ending;
                run->ended_ns = time_ns;
                run_close_all(run, tables, true);
                break;
        case EFFECT_PATCH:
        case EFFECT_TYPES:
                break;
        }
        return 0;
}

void run_apply_end(struct run *run, uint64_t lsn, uint8_t flags, size_t body_size)
{
        run->last_lsn = lsn;
        run->history_bytes += body_size;
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
        run_apply_end(run, lsn, flags, body.size);
        return c.failed ? STET_ECORRUPT : err;
}

int run_apply_note(struct run *run, struct run_tables *tables, struct bytes body)
{
        struct cursor c = cursor_of(body);
        uint32_t items = cursor_array(&c);
        uint64_t id = cursor_uint(&c), attempt = cursor_uint(&c);
        if (items < 3 || c.failed || id > UINT32_MAX)
                return STET_ECORRUPT;
        struct op *op = run_op(tables, run, (uint32_t)id);
        if (!op || op->attempt != attempt)
                return 0; /* it is over, or was tried again */
        op->noted = true;
        if (run->ending != RUN_OPEN)
                run_op_close(tables, op);
        return 0;
}

/* --- checking --- */

static bool may_outlive(const struct run *run)
{
        list_each(at, &run->ops)
        {
                const struct op *op = container_of(at, struct op, in_run);
                if (op->effect != EFFECT_CHILD || !op->abandon || op->noted)
                        return false;
        }
        return true;
}

const char *run_check(const struct run *run)
{
        if (run->ending != RUN_OPEN)
                return may_outlive(run) ? NULL : "an ended run still owes work";
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
