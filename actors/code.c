/* SPDX-License-Identifier: MIT */
#include "actors/code.h"

#include "actors/code_channel.h"
#include "base/buffer.h"
#include "base/prefetch.h"
#include "base/run_id.h"
#include "base/value.h"

#include <stdio.h>
#include <stdlib.h>

struct stack_pool *code_stacks_new(size_t stack_size)
{
        return stack_pool_new(stack_size, sizeof(struct stet_run));
}

struct bytes code_keep(struct stet_run *code, struct bytes data)
{
        if (!data.size)
                return bytes_of(NULL, 0);
        uint8_t *copy = arena_alloc(&code->arena, data.size + 1);
        memcpy(copy, data.data, data.size);
        copy[data.size] = 0;
        return bytes_of(copy, data.size);
}

/* --- delivering --- */

static void deliver_start(struct stet_run *code, const struct event *e)
{
        code->input = code_keep(code, e->value);
        code->random_state = e->seed;
        if (e->id.size)
                code->workflow_id = (char *)(uintptr_t)code_keep(code, e->id).data;
}

void code_step_done(struct stet_run *code, struct step *step, uint32_t err, struct bytes value)
{
        step->done = true;
        step->code = err;
        step->done_order = ++code->done_count;
        step->value = value;
}

static void deliver_outcome(struct stet_run *code, const struct event *e)
{
        if (e->op == 0 || e->op > code->steps_count)
                return;
        struct step *step = &code->steps[e->op - 1];
        if (step->done)
                return;
        if (e->kind.size || e->text.size) {
                step->failure = arena_alloc(&code->arena, sizeof *step->failure);
                step->failure->kind = code_keep(code, e->kind);
                step->failure->text = code_keep(code, e->text);
        }
        code_step_done(code, step, e->code, code_keep(code, e->value));
}

void code_deliver(struct stet_run *code, const struct event *e)
{
        switch ((enum event_type)e->type) {
        case EVENT_START:
                deliver_start(code, e);
                break;
        case EVENT_ACTIVITY:
        case EVENT_TIMER:
        case EVENT_CHILD:
        case EVENT_SENT:
                deliver_outcome(code, e);
                break;
        case EVENT_SIGNAL:
                code_signal_come(code, e->name, e->value);
                break;
        case EVENT_CANCEL:
                code->cancel_requested = true;
                code->cancel_surfacing = true;
                break;
        case EVENT_TERMINATE:
        case EVENT_WAKE:
        case EVENT_TYPES:
                break;
        }
}

/* --- activating --- */

void code_expect(const struct stet_run *code, unsigned step)
{
        enum { VALUES_EXPECTED = 256 }; /* bytes that a step keeps */
        if (step == 0) {
                /* From its coroutine on, which is just below it. */
                prefetch((const char *)code - CACHE_LINE,
                         CACHE_LINE + offsetof(struct stet_run, arena_memory));
        } else {
                const uint8_t *values = code->arena.blocks->data + code->arena.used;
                prefetch_to_write(values, VALUES_EXPECTED);
                coroutine_expect(code->coroutine);
        }
}

static void finish(struct stet_run *code, int err, const stet_value *result)
{
        struct effect end = { .type = EFFECT_FINISH, .ending = RUN_COMPLETED };
        if (err == STET_OK) {
                end.value = bytes_of(result->data, result->size);
        } else if (err == CODE_CONTINUE) {
                end.ending = RUN_CONTINUED;
                end.value = code->continue_input;
        } else if (err == STET_ECANCELED && code->cancel_requested) {
                end.ending = RUN_CANCELED;
        } else {
                bool own = err == STET_EFAILED && *stet_failure_kind(code);
                end.ending = RUN_FAILED;
                end.code = (uint32_t)err;
                end.kind = bytes_str(own ? code->failure->kind : stet_error_name(err));
                end.text = bytes_str(own ? code->failure->message : stet_error_text(err));
        }
        if (end.value.size > STET_VALUE_SIZE_MAX) {
                end = (struct effect){ .type = EFFECT_FINISH, .ending = RUN_FAILED, .code = STET_ETOOBIG };
                end.kind = bytes_str("ETOOBIG");
                end.text = bytes_str("the workflow's result is larger than 2 MiB");
        }
        effect_encode(code->effects, &end);
        code->finished = true;
}

static void code_main(void *arg)
{
        struct stet_run *code = arg;
        stet_value input = { code->input.data, code->input.size, &code->arena, true };
        stet_value result = { NULL, 0, &code->arena, false };
        int err = code->fn(code, &input, &result);
        finish(code, err, &result);
}

struct stet_run *code_new(struct code_env *env, stet_workflow_fn *fn, uint64_t run_id)
{
        struct coroutine *coroutine = coroutine_new(env->stacks, code_main, NULL);
        if (!coroutine)
                return NULL;
        struct stet_run *code = coroutine_home(coroutine);
        memset(code, 0, offsetof(struct stet_run, few));
        code->env = env;
        code->fn = fn;
        code->coroutine = coroutine;
        code->steps = code->few;
        code->steps_capacity = CODE_STEPS_FEW;
        code->workflow_id = code->run_id;
        arena_init(&code->arena, code->arena_memory, sizeof code->arena_memory);
        name_set_init(&code->channels);
        list_init(&code->signals);
        run_id_print(run_id, code->run_id);
        return code;
}

void code_free(struct stet_run *code)
{
        if (!code)
                return;
        name_set_fini(&code->channels);
        arena_fini(&code->arena);
        if (code->steps != code->few)
                free(code->steps);
        coroutine_free(code->coroutine); /* and with it the code */
}

void code_activate(struct stet_run *code, int64_t now_ns, struct buffer *effects)
{
        if (code->finished)
                return;
        code->now_ns = now_ns;
        code->effects = effects;
        value_home = &code->arena;
        coroutine_resume(code->coroutine);
        value_home = NULL;
        code->effects = NULL;
}

/* --- replaying --- */

/* Whether they say the same: older records say in more bytes what is usual. */
static bool same_effect(const struct effect *a, const struct effect *b)
{
        struct buffer one = { 0 }, other = { 0 };
        effect_encode(&one, a);
        effect_encode(&other, b);
        bool same = bytes_equal(buffer_bytes(&one), buffer_bytes(&other));
        buffer_fini(&one);
        buffer_fini(&other);
        return same;
}

/* The first effect in which the two lists differ, in words; 0: they say the same. */
static int divergence(struct bytes recorded, struct bytes made, stet_why *why)
{
        struct cursor a = cursor_of(recorded), b = cursor_of(made);
        char on_record[200], by_code[200];
        for (unsigned place = 1;; place++) {
                struct effect was = { 0 }, is = { 0 };
                bool has_a = effect_decode(&a, &was), has_b = effect_decode(&b, &is);
                if (!has_a && !has_b && !a.failed)
                        return 0;
                if (has_a && has_b && same_effect(&was, &is))
                        continue;
                snprintf(on_record, sizeof on_record, "nothing more");
                snprintf(by_code, sizeof by_code, "nothing more");
                if (has_a)
                        effect_words(&was, on_record, sizeof on_record);
                if (has_b)
                        effect_words(&is, by_code, sizeof by_code);
                if (strcmp(on_record, by_code) == 0) /* the words don't tell, the bytes do */
                        snprintf(by_code, sizeof by_code,
                                 "the same with another value, time limit or retry policy");
                return stet_why_set(why, STET_ENONDETERMINISM, "effect %u: on record: %s; the code now: %s",
                                    place, on_record, by_code);
        }
}

int code_replay(struct stet_run *code, uint8_t flags, int64_t time_ns, struct bytes body, stet_why *why)
{
        struct cursor c = cursor_of(body);
        struct event event;
        if (!event_decode(&c, &event))
                return stet_why_set(why, STET_ECORRUPT, "a transition's event can't be read");
        if (flags & TRANSITION_DELIVERED)
                code_deliver(code, &event);
        if (!(flags & TRANSITION_ACTIVATED))
                return 0;

        struct buffer made = { 0 };
        code->replaying = true;
        code->expected = bytes_of(c.at, (size_t)(c.end - c.at));
        int err = 0;
        code_activate(code, time_ns, &made);
        if (!bytes_equal(code->expected, buffer_bytes(&made))) {
                stet_why detail;
                char words[160];
                err = divergence(code->expected, buffer_bytes(&made), &detail);
                event_words(&event, words, sizeof words);
                if (err)
                        stet_why_set(why, err, "after the %s, %s", words, detail.text);
        }
        code->expected = bytes_of(NULL, 0);
        code->replaying = false;
        buffer_fini(&made);
        return err;
}

/* --- being asked --- */

static void list_queries(const struct stet_run *code, struct bytes name, stet_why *why)
{
        char names[300] = "";
        size_t used = 0;
        for (const struct code_query *q = code->queries; q && used < sizeof names; q = q->next)
                used += (size_t)snprintf(names + used, sizeof names - used, "%s\"%.*s\"", used ? ", " : "",
                                         (int)q->name.size, (const char *)q->name.data);
        stet_why_set(why, STET_ENOTFOUND, "the run answers no query \"%.*s\"; %s%s", (int)name.size,
                     (const char *)name.data, used ? "it answers " : "it answers none", names);
}

int code_query(struct stet_run *code, struct bytes name, struct bytes in, struct bytes *ret, stet_why *why)
{
        const struct code_query *query = code->queries;
        while (query && !bytes_equal(query->name, name))
                query = query->next;
        if (!query) {
                list_queries(code, name, why);
                return STET_ENOTFOUND;
        }
        stet_value question = { in.data, in.size, &code->arena, true };
        stet_value answer = { NULL, 0, &code->arena, false };
        code->in_query = true;
        value_home = &code->arena;
        int err = query->fn(query->context, &question, &answer);
        value_home = NULL;
        code->in_query = false;
        if (err)
                return stet_why_set(why, err, "the query failed: %s", stet_error_text(err));
        *ret = bytes_of(answer.data, answer.size);
        return 0;
}

const void *code_guard(const struct stet_run *code, size_t *ret_size)
{
        return coroutine_guard(code->coroutine, ret_size);
}
