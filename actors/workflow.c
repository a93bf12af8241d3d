/* SPDX-License-Identifier: MIT
 *
 * What a workflow's code can do (stet/workflow.h), over the code behaviour. Each start appends one effect to
 * the transition under way and opens a step; each wait looks at its step and, if it is not done, hands the
 * thread back to whoever activated the code.
 */
#include "actors/code_channel.h"
#include "actors/retry.h"
#include "base/name.h"
#include "stet/client.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { TIMEOUT_DEFAULT_MS = 600000, PATCH_ID_MAX = 255 };

/* --- failures --- */

/* What the code fails with is told as text: made UTF-8, and cut between characters. */
static void set_failure(stet_run *run, struct bytes kind, struct bytes message)
{
        if (!run->failure)
                run->failure = arena_alloc(&run->arena, sizeof *run->failure);
        struct code_failure *failure = run->failure;
        stet_why text;
        stet_why_set(&text, 0, "%.*s", (int)message.size, message.size ? (const char *)message.data : "");
        memcpy(failure->message, text.text, strlen(text.text) + 1);
        stet_why_set(&text, 0, "%.*s", (int)kind.size, kind.size ? (const char *)kind.data : "");
        size_t size = strlen(text.text);
        if (size >= sizeof failure->kind)
                for (size = sizeof failure->kind - 1; size && ((uint8_t)text.text[size] & 0xc0) == 0x80;)
                        size--;
        memcpy(failure->kind, text.text, size);
        failure->kind[size] = 0;
}

static int fail_with(stet_run *run, int err, const char *kind, const char *message)
{
        set_failure(run, bytes_str(kind), bytes_str(message));
        return err;
}

static stet_future refused(stet_run *run, int err, const char *message)
{
        fail_with(run, err, stet_error_name(err), message);
        return (stet_future){ .op = 0, .err = err };
}

const char *stet_failure_kind(const stet_run *run)
{
        return run->failure ? run->failure->kind : "";
}

const char *stet_failure_message(const stet_run *run)
{
        return run->failure ? run->failure->message : "";
}

int stet_run_fail(stet_run *run, const char *kind, const char *format, ...)
{
        char message[2 * sizeof run->failure->message];
        va_list args;
        va_start(args, format);
        vsnprintf(message, sizeof message, format ? format : "", args);
        va_end(args);
        return fail_with(run, STET_EFAILED, kind && *kind ? kind : "Failed", message);
}

/* --- starting --- */

static void grow_steps(stet_run *run)
{
        size_t size = run->steps_count * sizeof *run->steps;
        bool few = run->steps == run->few;
        run->steps_capacity *= 2;
        run->steps = xrealloc(few ? NULL : run->steps, 2 * size);
        if (few)
                memcpy(run->steps, run->few, size);
}

/* Opens the step of an effect and appends the effect, with its op filled in. */
static stet_future start(stet_run *run, struct effect *effect)
{
        if (run->steps_count == run->steps_capacity)
                grow_steps(run);
        struct step *step = &run->steps[run->steps_count++];
        *step = (struct step){ .effect = effect->type };
        effect->op = run->steps_count;
        effect_encode(run->effects, effect);
        return (stet_future){ .op = effect->op, .err = 0 };
}

/* What every start checks. A sentence, or NULL. */
static const char *start_invalid(const stet_run *run, const char *name, const stet_value *value)
{
        if (run->in_query)
                return "a query must not start anything";
        if (name && !name_valid(bytes_str(name), STET_ID_SIZE_MAX))
                return "a name must have 1 to 255 bytes of UTF-8 without control characters";
        if (value && value->size > STET_VALUE_SIZE_MAX)
                return "a value is larger than 2 MiB";
        return NULL;
}

static struct bytes payload_of(const stet_value *value)
{
        return value ? bytes_of(value->data, value->size) : bytes_of(NULL, 0);
}

static struct bytes pack_kinds(stet_run *run, const char *const *kinds)
{
        if (!kinds || !kinds[0])
                return bytes_of(NULL, 0);
        struct buffer b = { 0 };
        uint32_t count = 0;
        while (kinds[count])
                count++;
        pack_array(&b, count);
        for (uint32_t i = 0; i < count; i++)
                pack_cstr(&b, kinds[i]);
        uint8_t *copy = arena_alloc(&run->arena, b.size);
        memcpy(copy, b.data, b.size);
        struct bytes packed = bytes_of(copy, b.size);
        buffer_fini(&b);
        return packed;
}

stet_future stet_call_start_with(stet_run *run, const char *activity, const stet_value *in,
                                 const stet_call_options *options)
{
        static const stet_call_options defaults = { .struct_size = sizeof defaults };
        const stet_call_options *o = options ? options : &defaults;
        const stet_retry *retry = o->retry ? o->retry : retry_default;
        const char *invalid = start_invalid(run, activity ? activity : "", in);
        if (!invalid && o->queue)
                invalid = start_invalid(run, o->queue, NULL);
        if (!invalid &&
            (o->timeout_ms < 0 || o->schedule_to_start_timeout_ms < 0 || o->heartbeat_timeout_ms < 0))
                invalid = "a timeout must not be negative";
        if (!invalid)
                invalid = retry_invalid(retry);
        if (invalid)
                return refused(run, STET_EINVAL, invalid);
        struct effect call = {
                .type = EFFECT_CALL,
                .name = bytes_str(activity),
                .value = payload_of(in),
                .queue = bytes_str(o->queue ? o->queue : "default"),
                .timeout_ms = o->timeout_ms ? o->timeout_ms : TIMEOUT_DEFAULT_MS,
                .schedule_timeout_ms = o->schedule_to_start_timeout_ms,
                .heartbeat_ms = o->heartbeat_timeout_ms,
                .max_attempts = retry->max_attempts,
                .initial_interval_ms = retry->initial_interval_ms,
                .max_interval_ms = retry->max_interval_ms,
                .backoff_factor = retry->backoff_factor,
                .jitter = retry->jitter,
                .non_retryable = pack_kinds(run, retry->non_retryable),
        };
        return start(run, &call);
}

static stet_future timer_start_at(stet_run *run, int64_t due_ns)
{
        const char *invalid = start_invalid(run, NULL, NULL);
        if (invalid)
                return refused(run, STET_EINVAL, invalid);
        struct effect timer = { .type = EFFECT_TIMER, .due_ns = due_ns };
        return start(run, &timer);
}

/* Times beyond what fits are the end of time: 292 years from 1970. */
static int64_t ms_to_ns(int64_t ms)
{
        return ms > INT64_MAX / 1000000 ? INT64_MAX : ms * 1000000;
}

stet_future stet_timer_start(stet_run *run, int64_t delay_ms)
{
        int64_t delay_ns = delay_ms > 0 ? ms_to_ns(delay_ms) : 0;
        int64_t due_ns = run->now_ns > INT64_MAX - delay_ns ? INT64_MAX : run->now_ns + delay_ns;
        return timer_start_at(run, due_ns);
}

stet_future stet_signal_wait_start(stet_run *run, const char *name)
{
        const char *invalid = start_invalid(run, name ? name : "", NULL);
        if (invalid)
                return refused(run, STET_EINVAL, invalid);
        struct effect wait = { .type = EFFECT_WAIT_SIGNAL, .name = bytes_str(name) };
        stet_future future = start(run, &wait);
        code_wait_open(run, future.op, wait.name);
        return future;
}

stet_future stet_signal_start(stet_run *run, const char *workflow_id, const char *name,
                              const stet_value *value)
{
        const char *invalid = start_invalid(run, name ? name : "", value);
        if (!invalid)
                invalid = start_invalid(run, workflow_id ? workflow_id : "", NULL);
        if (invalid)
                return refused(run, STET_EINVAL, invalid);
        struct effect send = { .type = EFFECT_SEND,
                               .id = bytes_str(workflow_id),
                               .name = bytes_str(name),
                               .value = payload_of(value) };
        return start(run, &send);
}

stet_future stet_child_start_with(stet_run *run, const char *workflow, const stet_value *in,
                                  const stet_child_options *options)
{
        const char *invalid = start_invalid(run, workflow ? workflow : "", in);
        if (!invalid && options && options->id)
                invalid = start_invalid(run, options->id, NULL);
        if (invalid)
                return refused(run, STET_EINVAL, invalid);
        char id[40];
        snprintf(id, sizeof id, "%s-%u", run->run_id, run->steps_count + 1);
        struct effect child = { .type = EFFECT_CHILD,
                                .name = bytes_str(workflow),
                                .id = bytes_str(options && options->id ? options->id : id),
                                .value = payload_of(in),
                                .abandon = options && options->on_parent_close == STET_PARENT_CLOSE_ABANDON };
        return start(run, &child);
}

void stet_cancel_future(stet_run *run, stet_future future)
{
        if (future.err || run->in_query || future.op == 0 || future.op > run->steps_count)
                return;
        struct step *step = &run->steps[future.op - 1];
        if (step->done)
                return;
        if (step->effect == EFFECT_WAIT_SIGNAL)
                code_wait_close(run, future.op);
        code_step_done(run, step, STET_ECANCELED, bytes_of(NULL, 0));
        struct effect drop = { .type = EFFECT_DROP, .op = future.op };
        effect_encode(run->effects, &drop);
}

/* --- awaiting --- */

/* Stands still until something happened. STET_ECANCELED when cancelling surfaces here. */
static int wait(stet_run *run)
{
        if (run->in_query)
                return fail_with(run, STET_EINVAL, "EINVAL", "a query must not wait");
        if (!run->cancel_surfacing)
                coroutine_yield(run->coroutine);
        if (!run->cancel_surfacing)
                return 0;
        run->cancel_surfacing = false;
        return fail_with(run, STET_ECANCELED, "Canceled", "the run was asked to cancel");
}

/* An event may have been delivered together with the cancelling: what is done wins over it. */
static int wait_for_all(stet_run *run, const stet_future *futures, size_t count)
{
        for (size_t i = 0; i < count; i++) /* what is done stays done: none is looked at again */
                while (!stet_is_done(run, futures[i])) {
                        int err = wait(run);
                        if (err)
                                return err;
                }
        return 0;
}

static int wait_for_any(stet_run *run, const stet_future *futures, size_t count)
{
        for (;;) {
                for (size_t i = 0; i < count; i++)
                        if (stet_is_done(run, futures[i]))
                                return 0;
                int err = wait(run);
                if (err)
                        return err;
        }
}

static const struct step *step_of(const stet_run *run, stet_future future)
{
        return future.op && future.op <= run->steps_count ? &run->steps[future.op - 1] : NULL;
}

bool stet_is_done(stet_run *run, stet_future future)
{
        const struct step *step = step_of(run, future);
        return future.err || !step || step->done;
}

static int error_of(const stet_run *run, stet_future future)
{
        const struct step *step = step_of(run, future);
        return future.err ? future.err : !step ? STET_EINVAL : (int)step->code;
}

/* Gives a done future's outcome: its value, or its failure. */
static int outcome(stet_run *run, stet_future future, stet_value *ret)
{
        const struct step *step = step_of(run, future);
        int err = error_of(run, future);
        if (err && step) {
                static const struct step_failure silent;
                const struct step_failure *failure = step->failure ? step->failure : &silent;
                set_failure(run, failure->kind, failure->text);
                if (!run->failure->kind[0])
                        fail_with(run, err, stet_error_name(err), stet_error_text(err));
        }
        if (!err && run->failure)
                run->failure->kind[0] = run->failure->message[0] = 0;
        if (!err && ret)
                *ret = (stet_value){ step->value.data, step->value.size, &run->arena, true };
        return err;
}

int stet_await(stet_run *run, stet_future future, stet_value *ret)
{
        int err = wait_for_all(run, &future, 1);
        return err ? err : outcome(run, future, ret);
}

int stet_await_all(stet_run *run, const stet_future *futures, size_t count)
{
        int err = wait_for_all(run, futures, count);
        for (size_t i = 0; i < count && !err; i++)
                err = outcome(run, futures[i], NULL);
        return err;
}

/* Among the done ones that fit, the one that was done first; refused futures count as done before all. count:
 * none. */
static size_t first_done(const stet_run *run, const stet_future *futures, size_t count, bool only_success)
{
        size_t best = count;
        uint64_t best_order = UINT64_MAX;
        for (size_t i = 0; i < count; i++) {
                const struct step *step = step_of(run, futures[i]);
                uint64_t order = futures[i].err || !step ? 0 : step->done ? step->done_order : UINT64_MAX;
                if (order < best_order && !(only_success && error_of(run, futures[i]))) {
                        best = i;
                        best_order = order;
                }
        }
        return best;
}

int stet_await_any(stet_run *run, const stet_future *futures, size_t count, size_t *ret_place)
{
        if (count == 0)
                return fail_with(run, STET_EINVAL, "EINVAL", "there is nothing to wait for");
        int err = wait_for_any(run, futures, count);
        if (!err)
                *ret_place = first_done(run, futures, count, false);
        return err;
}

int stet_await_first_success(stet_run *run, const stet_future *futures, size_t count, size_t *ret_place,
                             stet_value *ret)
{
        if (count == 0)
                return fail_with(run, STET_EINVAL, "EINVAL", "there is nothing to wait for");
        for (;;) {
                size_t place = first_done(run, futures, count, true);
                size_t done = 0, last = 0;
                for (size_t i = 0; i < count; i++) {
                        const struct step *step = step_of(run, futures[i]);
                        done += stet_is_done(run, futures[i]);
                        if (step && step_of(run, futures[last]) &&
                            step->done_order > step_of(run, futures[last])->done_order)
                                last = i;
                }
                if (place < count) {
                        if (ret_place)
                                *ret_place = place;
                        return outcome(run, futures[place], ret);
                }
                if (done == count)
                        return outcome(run, futures[last], NULL);
                int err = wait(run);
                if (err)
                        return err;
        }
}

/* Starts, waits, and gives the thing up when the waiting was cancelled. */
static int await_own(stet_run *run, stet_future future, stet_value *ret)
{
        int err = stet_await(run, future, ret);
        if (err == STET_ECANCELED && !stet_is_done(run, future))
                stet_cancel_future(run, future);
        return err;
}

int stet_call_with(stet_run *run, const char *activity, const stet_value *in, stet_value *ret,
                   const stet_call_options *options)
{
        return await_own(run, stet_call_start_with(run, activity, in, options), ret);
}

int stet_sleep(stet_run *run, int64_t delay_ms)
{
        return await_own(run, stet_timer_start(run, delay_ms), NULL);
}

int stet_sleep_until(stet_run *run, int64_t time_ms)
{
        return await_own(run, timer_start_at(run, time_ms > 0 ? ms_to_ns(time_ms) : 0), NULL);
}

int stet_signal(stet_run *run, const char *workflow_id, const char *name, const stet_value *value)
{
        return await_own(run, stet_signal_start(run, workflow_id, name, value), NULL);
}

int stet_child_with(stet_run *run, const char *workflow, const stet_value *in, stet_value *ret,
                    const stet_child_options *options)
{
        return await_own(run, stet_child_start_with(run, workflow, in, options), ret);
}

int stet_wait_signal_with(stet_run *run, const char *name, stet_value *ret, const stet_wait_options *options)
{
        stet_future both[2] = { stet_signal_wait_start(run, name), { 0, 0 } };
        if (both[0].err || stet_is_done(run, both[0]) || !options || options->timeout_ms <= 0)
                return await_own(run, both[0], ret);
        both[1] = stet_timer_start(run, options->timeout_ms);
        size_t place = 0;
        int err = stet_await_any(run, both, 2, &place);
        if (!err && place == 0)
                err = outcome(run, both[0], ret);
        else if (!err)
                err = fail_with(run, STET_ETIMEDOUT, "Timeout", "the signal did not come in time");
        stet_cancel_future(run, both[0]);
        stet_cancel_future(run, both[1]);
        return err;
}

/* --- recorded facts --- */

int64_t stet_now_ms(stet_run *run)
{
        return run->now_ns / 1000000;
}

/* SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", OOPSLA 2014). */
uint64_t stet_random(stet_run *run)
{
        if (run->in_query)
                return 0;
        uint64_t z = run->random_state += UINT64_C(0x9e3779b97f4a7c15);
        z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
        return z ^ z >> 31;
}

void stet_uuid(stet_run *run, char ret_text[37])
{
        uint64_t high = (stet_random(run) & ~UINT64_C(0xf000)) | UINT64_C(0x4000);
        uint64_t low = (stet_random(run) & ~(UINT64_C(3) << 62)) | UINT64_C(2) << 62;
        snprintf(ret_text, 37, "%08x-%04x-%04x-%04x-%012llx", (unsigned)(high >> 32),
                 (unsigned)(high >> 16 & 0xffff), (unsigned)(high & 0xffff), (unsigned)(low >> 48),
                 (unsigned long long)(low & UINT64_C(0xffffffffffff)));
}

const char *stet_run_id(const stet_run *run)
{
        return run->run_id;
}

const char *stet_workflow_id(const stet_run *run)
{
        return run->workflow_id;
}

bool stet_replaying(const stet_run *run)
{
        return run->replaying;
}

bool stet_cancelled(const stet_run *run)
{
        return run->cancel_requested;
}

int stet_continue_as_new(stet_run *run, const stet_value *in)
{
        const char *invalid = start_invalid(run, NULL, in);
        if (invalid)
                return fail_with(run, STET_EINVAL, "EINVAL", invalid);
        struct bytes input = payload_of(in);
        if (input.size)
                input.data = memcpy(arena_alloc(&run->arena, input.size), input.data, input.size);
        run->continue_input = input;
        return CODE_CONTINUE;
}

/* --- versions --- */

static bool patch_on_record(const stet_run *run, struct bytes id)
{
        struct cursor c = cursor_of(run->expected);
        struct effect effect;
        while (effect_decode(&c, &effect))
                if (effect.type == EFFECT_PATCH && bytes_equal(effect.name, id))
                        return true;
        return false;
}

bool stet_patched(stet_run *run, const char *id)
{
        struct bytes name = bytes_str(id);
        if (run->in_query || !name_valid(name, PATCH_ID_MAX))
                return false;
        for (const struct code_patch *p = run->patches; p; p = p->next)
                if (bytes_equal(p->id, name))
                        return p->taken;
        struct code_patch *patch = arena_alloc(&run->arena, sizeof *patch);
        *patch = (struct code_patch){ .next = run->patches,
                                      .taken = !run->replaying || patch_on_record(run, name) };
        patch->id = bytes_of(memcpy(arena_alloc(&run->arena, name.size), id, name.size), name.size);
        run->patches = patch;
        if (patch->taken) {
                struct effect mark = { .type = EFFECT_PATCH, .name = name };
                effect_encode(run->effects, &mark);
        }
        return patch->taken;
}

/* --- what others see --- */

int stet_set_status(stet_run *run, const stet_value *status)
{
        const char *invalid = start_invalid(run, NULL, status);
        if (invalid)
                return fail_with(run, STET_EINVAL, "EINVAL", invalid);
        struct effect effect = { .type = EFFECT_STATUS, .value = payload_of(status) };
        effect_encode(run->effects, &effect);
        return 0;
}

int stet_on_query(stet_run *run, const char *name, stet_query_fn *fn, void *context)
{
        const char *invalid = fn ? start_invalid(run, name ? name : "", NULL) : "a query needs a function";
        if (invalid)
                return fail_with(run, STET_EINVAL, "EINVAL", invalid);
        struct bytes key = bytes_str(name);
        struct code_query *query = run->queries;
        while (query && !bytes_equal(query->name, key))
                query = query->next;
        if (!query) {
                query = arena_alloc(&run->arena, sizeof *query);
                query->name = bytes_of(memcpy(arena_alloc(&run->arena, key.size), name, key.size), key.size);
                query->next = run->queries;
                run->queries = query;
        }
        query->fn = fn;
        query->context = context;
        return 0;
}

void stet_log(stet_run *run, stet_log_level level, const char *format, ...)
{
        if (run->replaying || !run->env->log)
                return;
        char line[1024];
        va_list args;
        va_start(args, format);
        vsnprintf(line, sizeof line, format, args);
        va_end(args);
        run->env->log(run->env->log_ctx, run, level, line);
}

void *stet_run_alloc(stet_run *run, size_t size)
{
        void *p = arena_alloc(&run->arena, size);
        memset(p, 0, size);
        return p;
}
