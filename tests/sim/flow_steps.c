/* SPDX-License-Identifier: MIT */
#include "tests/sim/flow_steps.h"

#include "tests/sim/flows.h"

#include <stdio.h>

/* Retried without an end: nothing but ten lost executors in a row makes such a call fail. */
static const stet_retry patient = { 0, 20, 400, 2.0, 0.2, NULL };
static const stet_retry slow = { 0, 1500, 4000, 2.0, 0.1, NULL };
static const stet_retry twice = { 2, 10, 20, 2.0, 0.0, NULL };

enum { ATTEMPT_TIMEOUT_MS = 8000, BEAT_TIMEOUT_MS = 2000, LATE_TIMEOUT_MS = 300, NOBODY_TIMEOUT_MS = 250 };

static int wrong(struct flow *f, const struct program_step *step, const char *what)
{
        return stet_run_fail(f->run, "Wrong", "step %u of kind %u: %s", (unsigned)(step - f->program.steps),
                             step->kind, what);
}

/* The outcome of a step whose result stays out of it. */
static int pass(struct flow *f, const struct program_step *step)
{
        f->accumulator = program_mix(f->accumulator, step);
        return 0;
}

bool flow_was_cancelled(const struct flow *f, int err)
{
        return err == STET_ECANCELED && stet_cancelled(f->run);
}

static bool lost_for_good(const struct flow *f, int err)
{
        return err == STET_EFAILED && strcmp(stet_failure_kind(f->run), "ExecutorLost") == 0;
}

static void arguments(stet_value *v, uint64_t key, int64_t ms, unsigned fails)
{
        stet_value_pack(v, "[I,I,i]", (int64_t)key, ms, (int)fails);
}

static int call(struct flow *f, const char *activity, uint64_t key, int64_t ms, unsigned fails,
                const stet_retry *retry, int64_t timeout_ms, int64_t beat_ms, stet_value *ret)
{
        stet_value in = { 0 };
        arguments(&in, key, ms, fails);
        int err =
            stet_call(f->run, activity, &in, ret, .timeout_ms = timeout_ms, .heartbeat_timeout_ms = beat_ms,
                      .queue = key % 3 ? NULL : "other", .retry = retry);
        stet_value_free(&in);
        return err;
}

/* --- calls --- */

static int take_answer(struct flow *f, const struct program_step *step, int err, const stet_value *result)
{
        if (flow_was_cancelled(f, err) || lost_for_good(f, err))
                return err;
        if (err)
                return wrong(f, step, stet_failure_message(f->run));
        if (stet_value_int(result, -1) != activity_answer(step->key))
                return wrong(f, step, "the result is another call's");
        return pass(f, step);
}

static int do_call(struct flow *f, const struct program_step *step)
{
        stet_value result = { 0 };
        int err = call(f, "work", step->key, step->ms, 0, &patient, ATTEMPT_TIMEOUT_MS, 0, &result);
        return take_answer(f, step, err, &result);
}

static int do_flaky(struct flow *f, const struct program_step *step)
{
        stet_value result = { 0 };
        int err = call(f, "flaky", step->key, 1, step->count, step->key % 4 ? &patient : &slow,
                       ATTEMPT_TIMEOUT_MS, 0, &result);
        return take_answer(f, step, err, &result);
}

static int do_beat(struct flow *f, const struct program_step *step)
{
        stet_value result = { 0 };
        int err = call(f, "beat", step->key, step->ms + 1500, 0, &patient, ATTEMPT_TIMEOUT_MS,
                       BEAT_TIMEOUT_MS, &result);
        return take_answer(f, step, err, &result);
}

static int do_late(struct flow *f, const struct program_step *step)
{
        stet_value result = { 0 };
        int err = call(f, "late", step->key, 2 * LATE_TIMEOUT_MS, 1, &patient, LATE_TIMEOUT_MS, 0, &result);
        return take_answer(f, step, err, &result);
}

static bool failed_as(const struct flow *f, const char *kind)
{
        const char *is = stet_failure_kind(f->run);
        return strcmp(is, kind) == 0 || strcmp(is, "Timeout") == 0 || strcmp(is, "ExecutorLost") == 0;
}

static int take_failure(struct flow *f, const struct program_step *step, int err, const char *kind)
{
        if (flow_was_cancelled(f, err))
                return err;
        if (err != STET_EFAILED || !failed_as(f, kind))
                return wrong(f, step, err ? stet_failure_message(f->run) : "it should have failed");
        return pass(f, step);
}

static int do_broken(struct flow *f, const struct program_step *step)
{
        return take_failure(
            f, step, call(f, "broken", step->key, 1, 0, &patient, ATTEMPT_TIMEOUT_MS, 0, NULL), "Broken");
}

static int do_exhaust(struct flow *f, const struct program_step *step)
{
        return take_failure(
            f, step, call(f, "flaky", step->key, 1, 1000, &twice, ATTEMPT_TIMEOUT_MS, 0, NULL), "Down");
}

static int do_nobody(struct flow *f, const struct program_step *step)
{
        stet_value in = { 0 };
        arguments(&in, step->key, 1, 0);
        int err = stet_call(f->run, "nobody", &in, NULL, .schedule_to_start_timeout_ms = NOBODY_TIMEOUT_MS,
                            .retry = &twice);
        stet_value_free(&in);
        return take_failure(f, step, err, "Timeout");
}

static int do_odd(struct flow *f, const struct program_step *step)
{
        stet_value result = { 0 }, in = { 0 };
        struct buffer right = { 0 };
        int err = call(f, "odd", step->key, 1, 0, &patient, ATTEMPT_TIMEOUT_MS, 0, &result);
        arguments(&in, step->key, 1, 0);
        activity_right_answer(bytes_str("odd"), bytes_of(in.data, in.size), &right);
        bool equal = bytes_equal(bytes_of(result.data, result.size), buffer_bytes(&right));
        buffer_fini(&right);
        stet_value_free(&in);
        if (flow_was_cancelled(f, err) || lost_for_good(f, err))
                return err;
        return err || !equal ? wrong(f, step, "the odd value came out otherwise") : pass(f, step);
}

/* --- fans --- */

static void start_fan(struct flow *f, const struct program_step *step, stet_future *futures, bool some_fail)
{
        for (uint32_t i = 0; i < step->count; i++) {
                stet_value in = { 0 };
                arguments(&in, step->key + i, step->ms % 50 * (i + 1), 0);
                futures[i] =
                    stet_call_start(f->run, some_fail && i % 2 == 0 && step->count > 1 ? "broken" : "work",
                                    &in, .timeout_ms = ATTEMPT_TIMEOUT_MS, .retry = &patient);
                stet_value_free(&in);
        }
}

static int do_fan_all(struct flow *f, const struct program_step *step)
{
        stet_future futures[PROGRAM_FAN_MAX];
        start_fan(f, step, futures, false);
        int err = stet_await_all(f->run, futures, step->count);
        for (uint32_t i = 0; i < step->count && !err; i++) {
                stet_value result = { 0 };
                err = stet_await(f->run, futures[i], &result);
                if (!err && stet_value_int(&result, -1) != activity_answer(step->key + i))
                        return wrong(f, step, "one result of the fan is another's");
        }
        if (flow_was_cancelled(f, err) || lost_for_good(f, err))
                return err;
        return err ? wrong(f, step, stet_failure_message(f->run)) : pass(f, step);
}

static int give_up_rest(struct flow *f, const struct program_step *step, const stet_future *futures)
{
        for (uint32_t i = 0; i < step->count; i++)
                stet_cancel_future(f->run, futures[i]);
        return pass(f, step);
}

static int do_fan_any(struct flow *f, const struct program_step *step)
{
        stet_future futures[PROGRAM_FAN_MAX];
        stet_value result = { 0 };
        size_t place = PROGRAM_FAN_MAX;
        start_fan(f, step, futures, false);
        int err = stet_await_any(f->run, futures, step->count, &place);
        if (flow_was_cancelled(f, err))
                return err;
        if (err || place >= step->count || !stet_is_done(f->run, futures[place]))
                return wrong(f, step, "the first one done is none of them");
        err = stet_await(f->run, futures[place], &result);
        if (lost_for_good(f, err))
                return err;
        if (err || stet_value_int(&result, -1) != activity_answer(step->key + place))
                return wrong(f, step, "the first one's result is another's");
        return give_up_rest(f, step, futures);
}

static int do_fan_first(struct flow *f, const struct program_step *step)
{
        stet_future futures[PROGRAM_FAN_MAX];
        stet_value result = { 0 };
        size_t place = PROGRAM_FAN_MAX;
        start_fan(f, step, futures, true);
        int err = stet_await_first_success(f->run, futures, step->count, &place, &result);
        if (flow_was_cancelled(f, err) || lost_for_good(f, err))
                return err;
        if (err && failed_as(f, "Broken"))
                return err; /* the only one that could succeed was lost ten times */
        if (err || place >= step->count || stet_value_int(&result, -1) != activity_answer(step->key + place))
                return wrong(f, step, "the first success is none");
        return give_up_rest(f, step, futures);
}

static int do_unawaited(struct flow *f, const struct program_step *step)
{
        stet_value in = { 0 };
        arguments(&in, step->key, step->ms, 0);
        stet_call_start(f->run, "work", &in, .timeout_ms = ATTEMPT_TIMEOUT_MS, .retry = &patient);
        stet_value_free(&in);
        return pass(f, step);
}

static int do_dropped(struct flow *f, const struct program_step *step)
{
        stet_value in = { 0 };
        arguments(&in, step->key, step->ms, 0);
        stet_future future =
            stet_call_start(f->run, "work", &in, .timeout_ms = ATTEMPT_TIMEOUT_MS, .retry = &patient);
        stet_cancel_future(f->run, future);
        stet_value_free(&in);
        if (stet_await(f->run, future, NULL) != STET_ECANCELED)
                return wrong(f, step, "what was given up came to an end of its own");
        return pass(f, step);
}

/* --- time --- */

static int do_sleep(struct flow *f, const struct program_step *step)
{
        int64_t before_ms = stet_now_ms(f->run);
        int err = step->kind == STEP_SLEEP ? stet_sleep(f->run, step->ms)
                                           : stet_sleep_until(f->run, before_ms + step->ms);
        if (flow_was_cancelled(f, err))
                return err;
        if (err || stet_now_ms(f->run) < before_ms + step->ms)
                return wrong(f, step, "it woke up early");
        return pass(f, step);
}

/* --- signals --- */

static const char *signal_name(uint64_t key)
{
        static const char *const names[PROGRAM_NAMES] = { "red", "green", "blue" };
        return names[hash_u64(key) % PROGRAM_NAMES];
}

static int do_signal(struct flow *f, const struct program_step *step)
{
        stet_value value = { 0 };
        int err = stet_wait_signal(f->run, signal_name(step->key), &value, .timeout_ms = 0);
        if (flow_was_cancelled(f, err))
                return err;
        return err || stet_value_type(&value) != STET_LIST ? wrong(f, step, "no signal, or an empty one")
                                                           : pass(f, step);
}

static int do_signal_timeout(struct flow *f, const struct program_step *step)
{
        int64_t before_ms = stet_now_ms(f->run);
        int err = stet_wait_signal(f->run, signal_name(step->key), NULL, .timeout_ms = step->ms);
        if (flow_was_cancelled(f, err))
                return err;
        if (err == STET_ETIMEDOUT && stet_now_ms(f->run) < before_ms + step->ms)
                return wrong(f, step, "it timed out early");
        return err && err != STET_ETIMEDOUT ? wrong(f, step, stet_failure_message(f->run)) : pass(f, step);
}

void flow_signal_value(stet_value *v, const stet_run *run, unsigned number)
{
        stet_value_pack(v, "[s,i]", stet_run_id(run), (int)number);
}

static int do_send(struct flow *f, const struct program_step *step)
{
        stet_future futures[3];
        size_t count = step->kind == STEP_BURST ? 3 : 1;
        char to[16];
        snprintf(to, sizeof to, "run-%u", program_target(step->key));
        for (size_t i = 0; i < count; i++) {
                stet_value value = { 0 };
                flow_signal_value(&value, f->run, (unsigned)i);
                futures[i] = stet_signal_start(f->run, to, signal_name(step->key + i % 2), &value);
                stet_value_free(&value);
        }
        int err = stet_await_all(f->run, futures, count);
        if (flow_was_cancelled(f, err))
                return err;
        return err && err != STET_ENOTFOUND ? wrong(f, step, stet_failure_message(f->run)) : pass(f, step);
}

/* --- children --- */

void flow_pack_input(stet_value *v, const struct program_input *input)
{
        struct buffer b = { 0 };
        program_input_pack(&b, input);
        stet_value view = { 0 };
        if (stet_value_from_msgpack(&view, b.data, b.size) == 0)
                stet_value_copy(v, &view);
        buffer_fini(&b);
}

static stet_future start_child(struct flow *f, const struct program_step *step, const char *id, bool abandon)
{
        struct program_input input = program_child(&f->program, step);
        stet_value in = { 0 };
        flow_pack_input(&in, &input);
        stet_future child = stet_child_start(f->run, "program", &in, .id = id,
                                             .on_parent_close = abandon ? STET_PARENT_CLOSE_ABANDON
                                                                        : STET_PARENT_CLOSE_CANCEL);
        stet_value_free(&in);
        return child;
}

/* A child that was cancelled or terminated by others, or could not start, leaves no trace in the result. */
static int take_child(struct flow *f, const struct program_step *step, int err, const stet_value *result)
{
        if (flow_was_cancelled(f, err))
                return err;
        struct program_input input = program_child(&f->program, step);
        struct program child;
        program_make(&input, &child);
        if (!err && (child.end != END_RETURNS || stet_value_int(result, -1) != program_result(&child)))
                return wrong(f, step, "the child's result is not its own");
        if (err == STET_EFAILED && strcmp(stet_failure_kind(f->run), "Wrong") == 0)
                return wrong(f, step, stet_failure_message(f->run));
        return pass(f, step);
}

static int do_child(struct flow *f, const struct program_step *step)
{
        stet_value result = { 0 };
        char id[24];
        snprintf(id, sizeof id, "child-%u", program_target(step->key) % 3);
        stet_future child = start_child(f, step, step->kind == STEP_CHILD_TAKEN ? id : NULL, false);
        int err = stet_await(f->run, child, &result);
        if (flow_was_cancelled(f, err))
                stet_cancel_future(f->run, child);
        return take_child(f, step, err, &result);
}

static int do_child_canceled(struct flow *f, const struct program_step *step)
{
        stet_value result = { 0 };
        stet_future child = start_child(f, step, NULL, false);
        int err = stet_sleep(f->run, step->ms % 40);
        stet_cancel_future(f->run, child);
        return flow_was_cancelled(f, err) ? err
                                          : take_child(f, step, stet_await(f->run, child, &result), &result);
}

static int do_child_unawaited(struct flow *f, const struct program_step *step)
{
        start_child(f, step, NULL, step->kind == STEP_CHILD_ABANDONED);
        return pass(f, step);
}

/* --- facts --- */

static int do_patch(struct flow *f, const struct program_step *step)
{
        char id[16];
        snprintf(id, sizeof id, "patch-%u", (unsigned)(step->key % 3));
        return stet_patched(f->run, id) ? pass(f, step)
                                        : wrong(f, step, "a run that started with the patch is without it");
}

static int do_status(struct flow *f, const struct program_step *step)
{
        stet_value status = { 0 };
        stet_value_set_int(&status, (int64_t)(step->key >> 1));
        int err = stet_set_status(f->run, &status);
        stet_value_free(&status);
        return err ? wrong(f, step, "the status was refused") : pass(f, step);
}

static int do_random(struct flow *f, const struct program_step *step)
{
        char uuid[37];
        stet_uuid(f->run, uuid);
        if (strlen(uuid) != 36 || uuid[14] != '4')
                return wrong(f, step, "that is no UUID");
        stet_sleep(f->run, (int64_t)(stet_random(f->run) % 16)); /* so that the history knows of it */
        stet_log(f->run, STET_LOG_DEBUG, "random %s", uuid);
        return pass(f, step);
}

typedef int step_fn(struct flow *f, const struct program_step *step);
static step_fn *const step_fns[STEP_KINDS] = {
        [STEP_CALL] = do_call,
        [STEP_FLAKY] = do_flaky,
        [STEP_BROKEN] = do_broken,
        [STEP_EXHAUST] = do_exhaust,
        [STEP_BEAT] = do_beat,
        [STEP_LATE] = do_late,
        [STEP_NOBODY] = do_nobody,
        [STEP_ODD] = do_odd,
        [STEP_FAN_ALL] = do_fan_all,
        [STEP_FAN_ANY] = do_fan_any,
        [STEP_FAN_FIRST] = do_fan_first,
        [STEP_UNAWAITED] = do_unawaited,
        [STEP_DROPPED] = do_dropped,
        [STEP_SLEEP] = do_sleep,
        [STEP_SLEEP_UNTIL] = do_sleep,
        [STEP_SIGNAL] = do_signal,
        [STEP_SIGNAL_TIMEOUT] = do_signal_timeout,
        [STEP_SEND] = do_send,
        [STEP_BURST] = do_send,
        [STEP_CHILD] = do_child,
        [STEP_CHILD_TAKEN] = do_child,
        [STEP_CHILD_ABANDONED] = do_child_unawaited,
        [STEP_CHILD_CANCELED] = do_child_canceled,
        [STEP_CHILD_LEFT] = do_child_unawaited,
        [STEP_PATCH] = do_patch,
        [STEP_STATUS] = do_status,
        [STEP_RANDOM] = do_random,
};

int flow_step(struct flow *f, const struct program_step *step)
{
        return step_fns[step->kind](f, step);
}

int flow_work(stet_run *run, int64_t key, stet_value *ret)
{
        stet_value in = { 0 };
        arguments(&in, (uint64_t)key, 1, 0);
        int err = stet_call(run, "work", &in, ret, .timeout_ms = ATTEMPT_TIMEOUT_MS, .retry = &patient);
        stet_value_free(&in);
        if (!err && stet_value_int(ret, -1) != activity_answer((uint64_t)key))
                return stet_run_fail(run, "Wrong", "the result is another call's");
        return err;
}
