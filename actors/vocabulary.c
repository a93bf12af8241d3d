/* SPDX-License-Identifier: MIT */
#include "actors/vocabulary.h"

#include "stet/error.h"

#include <stdio.h>

#define EV(kind, member) FIELD(struct event, kind, member)
#define EF(kind, member) FIELD(struct effect, kind, member)

static const struct field start_fields[] = {
        EV(FIELD_STR, workflow),       EV(FIELD_STR, id),           EV(FIELD_VALUE, value),
        EV(FIELD_U64, seed),           EV(FIELD_STR, request_id),   EV(FIELD_STR, ns),
        EV(FIELD_U64, sender),         EV(FIELD_U32, sender_op),    EV(FIELD_BOOL, abandon),
        EV(FIELD_U64, continued_from), EV(FIELD_VALUE, attributes),
};
static const struct field activity_fields[] = {
        EV(FIELD_U32, op),         EV(FIELD_U32, attempt), EV(FIELD_U32, code), EV(FIELD_VALUE, value),
        EV(FIELD_I64, started_ns), EV(FIELD_STR, kind),    EV(FIELD_STR, text), EV(FIELD_STR, executor),
        EV(FIELD_BOOL, permanent), EV(FIELD_U32, lost),
};
static const struct field timer_fields[] = { EV(FIELD_U32, op) };
static const struct field signal_fields[] = {
        EV(FIELD_STR, name),   EV(FIELD_VALUE, value),   EV(FIELD_STR, request_id),
        EV(FIELD_U64, sender), EV(FIELD_U32, sender_op),
};
static const struct field child_fields[] = {
        EV(FIELD_U32, op),      EV(FIELD_U32, code), EV(FIELD_U32, ending),
        EV(FIELD_VALUE, value), EV(FIELD_STR, kind), EV(FIELD_STR, text),
};
static const struct field sent_fields[] = { EV(FIELD_U32, op), EV(FIELD_U32, code) };
static const struct field command_fields[] = { EV(FIELD_STR, request_id), EV(FIELD_STR, text) };

const struct shape event_shapes[EVENT_TYPES] = {
        [EVENT_START] = SHAPE("start", EVENT_START, start_fields),
        [EVENT_ACTIVITY] = SHAPE("activity_ended", EVENT_ACTIVITY, activity_fields),
        [EVENT_TIMER] = SHAPE("timer_fired", EVENT_TIMER, timer_fields),
        [EVENT_SIGNAL] = SHAPE("signal", EVENT_SIGNAL, signal_fields),
        [EVENT_CHILD] = SHAPE("child_ended", EVENT_CHILD, child_fields),
        [EVENT_SENT] = SHAPE("signal_sent", EVENT_SENT, sent_fields),
        [EVENT_CANCEL] = SHAPE("cancel", EVENT_CANCEL, command_fields),
        [EVENT_TERMINATE] = SHAPE("terminate", EVENT_TERMINATE, command_fields),
        [EVENT_WAKE] = { "wake", EVENT_WAKE, 0, NULL },
};

static const struct field call_fields[] = {
        EF(FIELD_U32, op),
        EF(FIELD_STR, name),
        EF(FIELD_VALUE, value),
        EF(FIELD_STR, queue),
        EF(FIELD_I64, timeout_ms),
        EF(FIELD_I64, schedule_timeout_ms),
        EF(FIELD_I64, heartbeat_ms),
        EF(FIELD_U32, max_attempts),
        EF(FIELD_I64, initial_interval_ms),
        EF(FIELD_I64, max_interval_ms),
        EF(FIELD_DOUBLE, backoff_factor),
        EF(FIELD_DOUBLE, jitter),
        EF(FIELD_BIN, non_retryable),
};
static const struct field timer_effect_fields[] = { EF(FIELD_U32, op), EF(FIELD_I64, due_ns) };
static const struct field wait_fields[] = { EF(FIELD_U32, op), EF(FIELD_STR, name) };
static const struct field send_fields[] = { EF(FIELD_U32, op), EF(FIELD_STR, id), EF(FIELD_STR, name),
                                            EF(FIELD_VALUE, value) };
static const struct field child_effect_fields[] = { EF(FIELD_U32, op), EF(FIELD_STR, name), EF(FIELD_STR, id),
                                                    EF(FIELD_VALUE, value), EF(FIELD_BOOL, abandon) };
static const struct field retry_fields[] = { EF(FIELD_U32, op), EF(FIELD_U32, attempt),
                                             EF(FIELD_I64, due_ns) };
static const struct field drop_fields[] = { EF(FIELD_U32, op) };
static const struct field status_fields[] = { EF(FIELD_VALUE, value) };
static const struct field patch_fields[] = { EF(FIELD_STR, name) };
static const struct field finish_fields[] = { EF(FIELD_U32, ending), EF(FIELD_VALUE, value),
                                              EF(FIELD_U32, code), EF(FIELD_STR, kind), EF(FIELD_STR, text) };

const struct shape effect_shapes[EFFECT_TYPES] = {
        [EFFECT_CALL] = SHAPE("call", EFFECT_CALL, call_fields),
        [EFFECT_TIMER] = SHAPE("timer", EFFECT_TIMER, timer_effect_fields),
        [EFFECT_WAIT_SIGNAL] = SHAPE("wait_signal", EFFECT_WAIT_SIGNAL, wait_fields),
        [EFFECT_SEND] = SHAPE("send_signal", EFFECT_SEND, send_fields),
        [EFFECT_CHILD] = SHAPE("start_child", EFFECT_CHILD, child_effect_fields),
        [EFFECT_RETRY] = SHAPE("retry", EFFECT_RETRY, retry_fields),
        [EFFECT_DROP] = SHAPE("drop", EFFECT_DROP, drop_fields),
        [EFFECT_STATUS] = SHAPE("status", EFFECT_STATUS, status_fields),
        [EFFECT_PATCH] = SHAPE("patch", EFFECT_PATCH, patch_fields),
        [EFFECT_FINISH] = SHAPE("finish", EFFECT_FINISH, finish_fields),
};

const struct state run_states[RUN_CONTINUED + 1] = {
        [RUN_OPEN] = { "open",
                       STATE_BIT(RUN_COMPLETED) | STATE_BIT(RUN_FAILED) | STATE_BIT(RUN_CANCELED) |
                           STATE_BIT(RUN_TERMINATED) | STATE_BIT(RUN_CONTINUED),
                       STATE_INITIAL },
        [RUN_COMPLETED] = { "completed", 0, STATE_FINAL },
        [RUN_FAILED] = { "failed", 0, STATE_FINAL | STATE_FAILURE },
        [RUN_CANCELED] = { "canceled", 0, STATE_FINAL },
        [RUN_TERMINATED] = { "terminated", 0, STATE_FINAL },
        [RUN_CONTINUED] = { "continued", 0, STATE_FINAL },
};

const char *run_ending_name(uint32_t ending)
{
        return ending <= RUN_CONTINUED ? run_states[ending].name : "?";
}

bool event_decode(struct cursor *c, struct event *ret)
{
        *ret = (struct event){ 0 };
        const struct shape *shape = codec_decode(c, event_shapes, EVENT_TYPES, ret);
        if (shape)
                ret->type = shape->type;
        return shape != NULL;
}

/* The usual call's. They stand in no record, so they can never change: a library whose defaults are others
 * writes those. An initial interval of 0 is that of no policy. */
static const struct effect usual = {
        .queue = { (const uint8_t *)"default", 7 },
        .timeout_ms = 600000,
        .max_attempts = 3,
        .initial_interval_ms = 1000,
        .max_interval_ms = 300000,
        .backoff_factor = 2,
        .jitter = 0.2,
};

static bool is_usual_policy(const struct effect *e)
{
        return e->max_attempts == usual.max_attempts && e->initial_interval_ms == usual.initial_interval_ms &&
               e->max_interval_ms == usual.max_interval_ms &&
               memcmp(&e->backoff_factor, &usual.backoff_factor, sizeof e->backoff_factor) == 0 &&
               memcmp(&e->jitter, &usual.jitter, sizeof e->jitter) == 0;
}

static void set_policy(struct effect *e, const struct effect *policy)
{
        e->max_attempts = policy->max_attempts;
        e->initial_interval_ms = policy->initial_interval_ms;
        e->max_interval_ms = policy->max_interval_ms;
        e->backoff_factor = policy->backoff_factor;
        e->jitter = policy->jitter;
}

static void encode_call(struct buffer *b, const struct effect *e)
{
        static const struct effect none;
        struct effect call = *e;
        if (bytes_equal(e->queue, usual.queue))
                call.queue = none.queue;
        if (e->timeout_ms == usual.timeout_ms)
                call.timeout_ms = 0;
        if (is_usual_policy(e))
                set_policy(&call, &none);
        codec_encode(b, &effect_shapes[EFFECT_CALL], &call);
}

static void fill_in_call(struct effect *call)
{
        if (!call->queue.size)
                call->queue = usual.queue;
        if (!call->timeout_ms)
                call->timeout_ms = usual.timeout_ms;
        if (!call->initial_interval_ms)
                set_policy(call, &usual);
}

void effect_encode(struct buffer *b, const struct effect *e)
{
        if (e->type == EFFECT_CALL)
                encode_call(b, e);
        else
                codec_encode(b, &effect_shapes[e->type], e);
}

bool effect_decode(struct cursor *c, struct effect *ret)
{
        if (cursor_end(c))
                return false;
        *ret = (struct effect){ 0 };
        const struct shape *shape = codec_decode(c, effect_shapes, EFFECT_TYPES, ret);
        if (!shape)
                return false;
        ret->type = shape->type;
        if (ret->type == EFFECT_CALL)
                fill_in_call(ret);
        return true;
}

bool transition_find(struct bytes body, enum effect_type type, uint32_t op, struct effect *ret)
{
        struct cursor c = cursor_of(body);
        struct event event;
        struct effect effect;
        bool found = false;
        if (!event_decode(&c, &event))
                return false;
        while (effect_decode(&c, &effect)) {
                if (effect.type != type || (op && effect.op != op))
                        continue;
                *ret = effect;
                found = true;
        }
        return found;
}

/* A map of unknown size: its head is written when the pairs are counted (never more than 15: shapes are
 * small). */
static void describe(struct buffer *ret, const struct shape *shape, const void *from)
{
        size_t head = ret->size;
        pack_map(ret, 0);
        pack_cstr(ret, "type");
        pack_cstr(ret, shape->name);
        uint32_t pairs = 1 + codec_describe(ret, shape, from);
        ret->data[head] = (uint8_t)(0x80 | pairs);
}

int transition_describe(struct bytes body, struct buffer *ret)
{
        struct cursor c = cursor_of(body);
        struct event event;
        struct effect effect;
        if (!event_decode(&c, &event))
                return STET_ECORRUPT;
        pack_cstr(ret, "event");
        describe(ret, &event_shapes[event.type], &event);

        uint32_t count = 0;
        struct cursor counter = c;
        while (effect_decode(&counter, &effect))
                count++;
        if (counter.failed)
                return STET_ECORRUPT;
        pack_cstr(ret, "effects");
        pack_array(ret, count);
        while (effect_decode(&c, &effect))
                describe(ret, &effect_shapes[effect.type], &effect);
        return 0;
}

#define TEXT(b)  (int)(b).size, (const char *)((b).data ? (b).data : (const uint8_t *)"")
#define SPACE(b) ((b).size ? " " : "")

void event_words(const struct event *e, char *buf, size_t size)
{
        switch ((enum event_type)e->type) {
        case EVENT_START:
                snprintf(buf, size, "start of \"%.*s\" as \"%.*s\"", TEXT(e->workflow), TEXT(e->id));
                break;
        case EVENT_ACTIVITY:
                snprintf(buf, size, "attempt %u of op %u ended: %s%s%.*s", e->attempt, e->op,
                         stet_error_name((int)e->code), SPACE(e->kind), TEXT(e->kind));
                break;
        case EVENT_TIMER:
                snprintf(buf, size, "timer of op %u fired", e->op);
                break;
        case EVENT_SIGNAL:
                snprintf(buf, size, "signal \"%.*s\"", TEXT(e->name));
                break;
        case EVENT_CHILD:
                snprintf(buf, size, "child of op %u ended: %s", e->op, run_ending_name(e->ending));
                break;
        case EVENT_SENT:
                snprintf(buf, size, "signal of op %u sent: %s", e->op, stet_error_name((int)e->code));
                break;
        case EVENT_CANCEL:
        case EVENT_TERMINATE:
                snprintf(buf, size, "%s%s%.*s", event_shapes[e->type].name, SPACE(e->text), TEXT(e->text));
                break;
        case EVENT_WAKE:
        case EVENT_TYPES:
                snprintf(buf, size, "wake");
                break;
        }
}

void effect_words(const struct effect *e, char *buf, size_t size)
{
        switch ((enum effect_type)e->type) {
        case EFFECT_CALL:
                snprintf(buf, size, "call of activity \"%.*s\" with %zu bytes on queue \"%.*s\" as op %u",
                         TEXT(e->name), e->value.size, TEXT(e->queue), e->op);
                break;
        case EFFECT_TIMER:
                snprintf(buf, size, "timer due at %lld ms as op %u", (long long)(e->due_ns / 1000000), e->op);
                break;
        case EFFECT_WAIT_SIGNAL:
                snprintf(buf, size, "wait for signal \"%.*s\" as op %u", TEXT(e->name), e->op);
                break;
        case EFFECT_SEND:
                snprintf(buf, size, "signal \"%.*s\" to \"%.*s\" as op %u", TEXT(e->name), TEXT(e->id),
                         e->op);
                break;
        case EFFECT_CHILD:
                snprintf(buf, size, "start of child \"%.*s\" as op %u", TEXT(e->name), e->op);
                break;
        case EFFECT_RETRY:
                snprintf(buf, size, "attempt %u of op %u", e->attempt, e->op);
                break;
        case EFFECT_DROP:
                snprintf(buf, size, "giving up op %u", e->op);
                break;
        case EFFECT_STATUS:
                snprintf(buf, size, "new status of %zu bytes", e->value.size);
                break;
        case EFFECT_PATCH:
                snprintf(buf, size, "patch mark \"%.*s\"", TEXT(e->name));
                break;
        case EFFECT_FINISH:
                snprintf(buf, size, "end: %s with %zu bytes%s%.*s", run_ending_name(e->ending), e->value.size,
                         SPACE(e->kind), TEXT(e->kind));
                break;
        case EFFECT_TYPES:
                snprintf(buf, size, "?");
                break;
        }
}
