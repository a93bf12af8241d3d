/* SPDX-License-Identifier: MIT
 *
 * The code behaviour without a node: events are delivered by hand, and what the code asks for is compared
 * with what was expected, in words. What a run did is kept as records, to be replayed by the same code or by
 * another.
 */
#include "actors/code.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <stet/stet.h>

enum { RUN = 0xabc, RECORDS_MAX = 64, ACTIVE = TRANSITION_DELIVERED | TRANSITION_ACTIVATED };

struct story_record {
        uint8_t flags;
        int64_t time_ns;
        struct buffer body;
        size_t effects_at;
};

struct story {
        struct code_env env;
        struct stet_run *code;
        struct story_record records[RECORDS_MAX];
        size_t count;
        int lines; /* that the code logged */
        stet_why why;
};

#define EV(...) (&(struct event){ __VA_ARGS__ })

static void on_log(void *ctx, const struct stet_run *run, stet_log_level level, const char *line)
{
        struct story *s = ctx;
        cr_assert(run && level == STET_LOG_INFO && line);
        s->lines++;
}

static void story_open(struct story *s, stet_workflow_fn *fn)
{
        *s = (struct story){ .env = { .stacks = code_stacks_new(64 << 10), .log = on_log, .log_ctx = s } };
        s->code = code_new(&s->env, fn, RUN);
        cr_assert(s->code);
}

static void story_close(struct story *s)
{
        for (size_t i = 0; i < s->count; i++)
                buffer_fini(&s->records[i].body);
        code_free(s->code);
        stack_pool_free(s->env.stacks);
}

/* One transition: the event, and the effects if the code runs. Its time is its number in seconds. */
static void happen(struct story *s, uint8_t flags, const struct event *e)
{
        cr_assert_lt(s->count, RECORDS_MAX);
        struct story_record *r = &s->records[s->count++];
        r->flags = flags;
        r->time_ns = (int64_t)s->count * 1000000000;
        event_encode(&r->body, e);
        r->effects_at = r->body.size;
        if (flags & TRANSITION_DELIVERED)
                code_deliver(s->code, e);
        if (flags & TRANSITION_ACTIVATED)
                code_activate(s->code, r->time_ns, &r->body);
}

static void start(struct story *s, int64_t input)
{
        struct buffer value = { 0 };
        pack_int(&value, input);
        happen(s, ACTIVE,
               EV(.type = EVENT_START, .workflow = bytes_str("flow"), .id = bytes_str("flow-1"), .seed = 42,
                  .value = buffer_bytes(&value)));
        buffer_fini(&value);
}

/* The effects of the last transition, one line of words each. */
static void expect_at(struct story *s, const char *expected, int line)
{
        const struct story_record *r = &s->records[s->count - 1];
        struct cursor c = cursor_of(bytes_of(r->body.data + r->effects_at, r->body.size - r->effects_at));
        char text[2000] = "";
        struct effect e;
        while (effect_decode(&c, &e)) {
                char words[300];
                effect_words(&e, words, sizeof words);
                size_t used = strlen(text);
                snprintf(text + used, sizeof text - used, "%s\n", words);
        }
        cr_assert(!c.failed);
        cr_assert_str_eq(text, expected, "at line %d it asked for:\n%sexpected was:\n%s", line, text,
                         expected);
}
#define EXPECT(s, words) expect_at(s, words, __LINE__)

static struct effect last_effect(const struct story *s)
{
        const struct story_record *r = &s->records[s->count - 1];
        struct cursor c = cursor_of(bytes_of(r->body.data + r->effects_at, r->body.size - r->effects_at));
        struct effect e = { 0 }, last = { 0 };
        while (effect_decode(&c, &e))
                last = e;
        return last;
}

/* Feeds the records to another code; the error of the first that does not fit. Compares the state of both
 * ends. */
static int replay(struct story *s, stet_workflow_fn *fn)
{
        struct stet_run *code = code_new(&s->env, fn, RUN);
        int err = 0;
        for (size_t i = 0; i < s->count && !err; i++)
                err = code_replay(code, s->records[i].flags, s->records[i].time_ns,
                                  buffer_bytes(&s->records[i].body), &s->why);
        if (!err) {
                cr_assert_eq(code->finished, s->code->finished);
                cr_assert_eq(code->steps_count, s->code->steps_count);
                cr_assert_eq(code->random_state, s->code->random_state);
                cr_assert_eq(code->now_ns, s->code->now_ns);
                cr_assert(!code->replaying);
        }
        code_free(code);
        return err;
}

static void diverges(struct story *s, stet_workflow_fn *fn, const char *sentence)
{
        cr_assert_eq(replay(s, fn), STET_ENONDETERMINISM);
        cr_assert_str_eq(s->why.text, sentence);
}

/* --- a flow with everything --- */

static int flow(stet_run *run, const stet_value *in, stet_value *ret)
{
        stet_value receipt = { 0 }, item = { 0 };
        char uuid[37];
        stet_log(run, STET_LOG_INFO, "it begins");
        int err = stet_call(run, "charge", in, &receipt, .timeout_ms = 5000);
        if (err)
                return err;
        stet_uuid(run, uuid);
        stet_value_set_string(&item, uuid);
        stet_set_status(run, &item);
        err = stet_sleep(run, 3000);
        if (!err)
                err = stet_wait_signal(run, "go", &item);
        if (!err)
                err = stet_signal(run, "other", "hello", &item);
        if (!err)
                err = stet_child(run, "child", &receipt, &item);
        return err ? err : stet_value_copy(ret, &item);
}

/* From start to end, with a signal that comes before it is waited for. */
static void tell_all(struct story *s)
{
        story_open(s, flow);
        start(s, 7);
        EXPECT(s, "call of activity \"charge\" with 1 bytes on queue \"default\" as op 1\n");
        happen(s, ACTIVE,
               EV(.type = EVENT_SIGNAL, .name = bytes_str("go"),
                  .value = bytes_of("\xa5"
                                    "early",
                                    6)));
        EXPECT(s, "");
        happen(s, ACTIVE, EV(.type = EVENT_ACTIVITY, .op = 1, .attempt = 1, .value = bytes_of("\x2a", 1)));
        EXPECT(s, "new status of 38 bytes\ntimer due at 6000 ms as op 2\n");
        happen(s, ACTIVE, EV(.type = EVENT_TIMER, .op = 2));
        EXPECT(s, "wait for signal \"go\" as op 3\nsignal \"hello\" to \"other\" as op 4\n");
        happen(s, ACTIVE, EV(.type = EVENT_SENT, .op = 4));
        EXPECT(s, "start of child \"child\" as op 5\n");
        happen(s, ACTIVE,
               EV(.type = EVENT_CHILD, .op = 5, .ending = RUN_COMPLETED, .value = bytes_of("\xc3", 1)));
        EXPECT(s, "end: completed with 1 bytes\n");
}

Test(code, goes_from_wait_to_wait_and_asks_for_one_thing_after_the_other)
{
        struct story s;
        tell_all(&s);
        cr_assert(s.code->finished);
        cr_assert_eq(last_effect(&s).value.data[0], 0xc3);
        cr_assert_eq(s.lines, 1);
        story_close(&s);
}

Test(code, replay_makes_the_same_effects_byte_for_byte_at_every_length_of_the_history)
{
        struct story s;
        tell_all(&s);
        struct stet_run *whole = s.code;
        for (size_t length = 0, all = s.count; length <= all; length++) {
                s.count = length;
                s.code = code_new(&s.env, flow, RUN);
                for (size_t i = 0; i < length; i++)
                        cr_assert_eq(code_replay(s.code, s.records[i].flags, s.records[i].time_ns,
                                                 buffer_bytes(&s.records[i].body), &s.why),
                                     0, "%s", s.why.text);
                cr_assert_eq(replay(&s, flow), 0, "%s", s.why.text);
                code_free(s.code);
                s.count = all;
        }
        s.code = whole;
        cr_assert_eq(s.lines, 1, "a replay logged");
        story_close(&s);
}

Test(code, what_was_brought_back_in_the_middle_goes_on_as_if_nothing_had_been)
{
        struct story a, b;
        tell_all(&a);
        story_open(&b, flow);
        for (size_t i = 0; i < 3; i++) { /* up to the sleep */
                const struct story_record *r = &a.records[i];
                cr_assert_eq(code_replay(b.code, r->flags, r->time_ns, buffer_bytes(&r->body), &b.why), 0);
        }
        b.count = 3; /* so that the times go on */
        happen(&b, ACTIVE, EV(.type = EVENT_TIMER, .op = 2));
        EXPECT(&b, "wait for signal \"go\" as op 3\nsignal \"hello\" to \"other\" as op 4\n");
        cr_assert(bytes_equal(buffer_bytes(&a.records[3].body), buffer_bytes(&b.records[3].body)));
        story_close(&a);
        story_close(&b);
}

/* --- delivering --- */

static int two_calls(stet_run *run, const stet_value *in, stet_value *ret)
{
        stet_future both[2] = { stet_call_start(run, "a", in), stet_call_start(run, "b", in) };
        size_t place;
        int err = stet_await_any(run, both, 2, &place);
        stet_cancel_future(run, both[!place]);
        return err ? err : stet_value_set_int(ret, (int64_t)place);
}

Test(code, what_was_delivered_together_is_taken_in_the_order_of_delivery)
{
        struct story s;
        story_open(&s, two_calls);
        start(&s, 0);
        happen(&s, TRANSITION_DELIVERED, EV(.type = EVENT_ACTIVITY, .op = 2, .attempt = 1));
        happen(&s, TRANSITION_DELIVERED, EV(.type = EVENT_ACTIVITY, .op = 1, .attempt = 1));
        happen(&s, ACTIVE, EV(.type = EVENT_WAKE));
        EXPECT(&s, "end: completed with 1 bytes\n");
        cr_assert_eq(last_effect(&s).value.data[0], 1);
        cr_assert_eq(replay(&s, two_calls), 0, "%s", s.why.text);
        story_close(&s);
}

Test(code, outcomes_of_ops_that_are_over_or_unknown_change_nothing)
{
        struct story s;
        story_open(&s, two_calls);
        start(&s, 0);
        EXPECT(&s, "call of activity \"a\" with 1 bytes on queue \"default\" as op 1\n"
                   "call of activity \"b\" with 1 bytes on queue \"default\" as op 2\n");
        code_deliver(s.code, EV(.type = EVENT_ACTIVITY, .op = 0));
        code_deliver(s.code, EV(.type = EVENT_ACTIVITY, .op = 3));
        happen(&s, ACTIVE, EV(.type = EVENT_ACTIVITY, .op = 2, .attempt = 1));
        EXPECT(&s, "giving up op 1\nend: completed with 1 bytes\n");
        code_deliver(s.code, EV(.type = EVENT_ACTIVITY, .op = 1, .code = STET_EFAILED));
        happen(&s, TRANSITION_ACTIVATED, EV(.type = EVENT_WAKE));
        EXPECT(&s, ""); /* after the end nothing runs */
        story_close(&s);
}

static int call_once(stet_run *run, const stet_value *in, stet_value *ret)
{
        return stet_call(run, "a", in, ret);
}

Test(code, uncaught_failure_ends_the_run_with_its_kind_and_message)
{
        struct story s;
        story_open(&s, call_once);
        start(&s, 0);
        happen(&s, ACTIVE,
               EV(.type = EVENT_ACTIVITY, .op = 1, .attempt = 3, .code = STET_EFAILED,
                  .kind = bytes_str("CardDeclined"), .text = bytes_str("no money")));
        EXPECT(&s, "end: failed with 0 bytes CardDeclined\n");
        cr_assert(bytes_equal(last_effect(&s).text, bytes_str("no money")));
        cr_assert_eq(last_effect(&s).code, STET_EFAILED);
        story_close(&s);
}

static int sleep_long(stet_run *run, const stet_value *in, stet_value *ret)
{
        stet_value cleaned = { 0 };
        int err = stet_sleep(run, 3600000);
        int cleanup = stet_call(run, "clean", in, &cleaned);
        (void)ret;
        return err ? err : cleanup;
}

Test(code, cancelling_surfaces_once_and_what_cleans_up_still_works)
{
        struct story s;
        story_open(&s, sleep_long);
        start(&s, 0);
        happen(&s, ACTIVE, EV(.type = EVENT_CANCEL));
        EXPECT(&s, "giving up op 1\ncall of activity \"clean\" with 1 bytes on queue \"default\" as op 2\n");
        happen(&s, ACTIVE, EV(.type = EVENT_ACTIVITY, .op = 2, .attempt = 1));
        EXPECT(&s, "end: canceled with 0 bytes\n");
        cr_assert_eq(replay(&s, sleep_long), 0, "%s", s.why.text);
        story_close(&s);
}

static uint8_t many_bytes[STET_VALUE_SIZE_MAX + 1];

static int returns_bytes(stet_run *run, const stet_value *in, stet_value *ret)
{
        (void)run;
        ret->data = many_bytes;
        ret->size = (size_t)stet_value_int(in, 0);
        return 0;
}

Test(code, result_beyond_the_limit_fails_the_run)
{
        struct story s;
        story_open(&s, returns_bytes);
        start(&s, STET_VALUE_SIZE_MAX);
        EXPECT(&s, "end: completed with 2097152 bytes\n");
        story_close(&s);
        story_open(&s, returns_bytes);
        start(&s, STET_VALUE_SIZE_MAX + 1);
        EXPECT(&s, "end: failed with 0 bytes ETOOBIG\n");
        cr_assert_eq(last_effect(&s).code, STET_ETOOBIG);
        story_close(&s);
}

/* --- divergence: the code is not what it was --- */

static int other_name(stet_run *run, const stet_value *in, stet_value *ret)
{
        return stet_call(run, "refund", in, ret);
}

static int asks_nothing(stet_run *run, const stet_value *in, stet_value *ret)
{
        (void)run;
        return stet_value_copy(ret, in);
}

static int asks_more(stet_run *run, const stet_value *in, stet_value *ret)
{
        stet_call_start(run, "charge", in, .timeout_ms = 5000);
        return stet_call(run, "audit", in, ret);
}

static int other_input(stet_run *run, const stet_value *in, stet_value *ret)
{
        stet_value text = { 0 };
        (void)in;
        stet_value_set_string(&text, "seven");
        return stet_call(run, "charge", &text, ret, .timeout_ms = 5000);
}

static int other_limit(stet_run *run, const stet_value *in, stet_value *ret)
{
        return stet_call(run, "charge", in, ret, .timeout_ms = 6000);
}

static int other_order(stet_run *run, const stet_value *in, stet_value *ret)
{
        int err = stet_call(run, "charge", in, ret, .timeout_ms = 5000);
        return err ? err : stet_wait_signal(run, "go", ret);
}

Test(code, divergence_names_both_sides_and_after_what)
{
        struct story s;
        tell_all(&s);
        diverges(&s, other_name,
                 "after the start of \"flow\" as \"flow-1\", effect 1: on record: call of activity "
                 "\"charge\" with 1 bytes on "
                 "queue \"default\" as op 1; the code now: call of activity \"refund\" with 1 bytes on queue "
                 "\"default\" as "
                 "op 1");
        diverges(&s, asks_nothing,
                 "after the start of \"flow\" as \"flow-1\", effect 1: on record: call of activity "
                 "\"charge\" with 1 bytes on "
                 "queue \"default\" as op 1; the code now: end: completed with 1 bytes");
        diverges(&s, asks_more,
                 "after the start of \"flow\" as \"flow-1\", effect 2: on record: nothing more; the code "
                 "now: call of activity "
                 "\"audit\" with 1 bytes on queue \"default\" as op 2");
        diverges(&s, other_input,
                 "after the start of \"flow\" as \"flow-1\", effect 1: on record: call of activity "
                 "\"charge\" with 1 bytes on "
                 "queue \"default\" as op 1; the code now: call of activity \"charge\" with 6 bytes on queue "
                 "\"default\" as "
                 "op 1");
        diverges(
            &s, other_limit,
            "after the start of \"flow\" as \"flow-1\", effect 1: on record: call of activity \"charge\" "
            "with 1 "
            "bytes on queue \"default\" as op 1; the code now: the same with another value, time limit or "
            "retry policy");
        diverges(&s, other_order,
                 "after the attempt 1 of op 1 ended: OK, effect 1: on record: new status of 38 bytes; the "
                 "code now: wait for "
                 "signal \"go\" as op 2");
        story_close(&s);
}

Test(code, code_that_stops_where_the_record_goes_on_has_diverged)
{
        struct story s;
        story_open(&s, call_once);
        start(&s, 0);
        happen(&s, ACTIVE, EV(.type = EVENT_ACTIVITY, .op = 1, .attempt = 1));
        EXPECT(&s, "end: completed with 0 bytes\n");
        struct story_record *last = &s.records[s.count - 1];
        effect_encode(&last->body, &(struct effect){ .type = EFFECT_DROP, .op = 9 });
        diverges(&s, call_once,
                 "after the attempt 1 of op 1 ended: OK, effect 2: on record: giving up op 9; the code now: "
                 "nothing more");
        story_close(&s);
}

Test(code, record_that_can_not_be_read_is_corrupt)
{
        struct story s;
        story_open(&s, call_once);
        cr_assert_eq(code_replay(s.code, ACTIVE, 0, bytes_str("nonsense"), &s.why), STET_ECORRUPT);
        cr_assert_eq(s.code->steps_count, 0);
        story_close(&s);
}

/* --- versions --- */

static int patched(stet_run *run, const stet_value *in, stet_value *ret)
{
        int err = stet_call(run, "a", in, ret);
        if (!err && stet_patched(run, "greet"))
                err = stet_call(run, "greet", in, ret);
        return err;
}

Test(code, run_that_began_before_a_patch_goes_the_old_way_and_a_new_one_the_new)
{
        struct story old, fresh;
        story_open(&old, call_once);
        start(&old, 0);
        happen(&old, ACTIVE, EV(.type = EVENT_ACTIVITY, .op = 1, .attempt = 1));
        cr_assert_eq(replay(&old, patched), 0, "%s", old.why.text);
        story_open(&fresh, patched);
        start(&fresh, 0);
        happen(&fresh, ACTIVE, EV(.type = EVENT_ACTIVITY, .op = 1, .attempt = 1));
        EXPECT(
            &fresh,
            "patch mark \"greet\"\ncall of activity \"greet\" with 1 bytes on queue \"default\" as op 2\n");
        cr_assert_eq(replay(&fresh, patched), 0, "%s", fresh.why.text);
        diverges(&fresh, call_once,
                 "after the attempt 1 of op 1 ended: OK, effect 1: on record: patch mark \"greet\"; the "
                 "code now: end: "
                 "completed with 0 bytes");
        story_close(&old);
        story_close(&fresh);
}

/* --- queries --- */

static int say_place(void *context, const stet_value *in, stet_value *ret)
{
        (void)in;
        return stet_value_set_int(ret, *(int *)context);
}

static int refuse(void *context, const stet_value *in, stet_value *ret)
{
        (void)context;
        (void)in;
        (void)ret;
        return STET_EFAILED;
}

static stet_run *asked_run;

static int meddle(void *context, const stet_value *in, stet_value *ret)
{
        stet_future f = stet_call_start(asked_run, "a", in);
        (void)context;
        return stet_value_set_int(ret, f.err == STET_EINVAL && stet_sleep(asked_run, 1) == STET_EINVAL);
}

static int answers(stet_run *run, const stet_value *in, stet_value *ret)
{
        int place = 1;
        stet_on_query(run, "place", say_place, &place);
        stet_on_query(run, "refuse", refuse, NULL);
        stet_on_query(run, "meddle", meddle, NULL);
        asked_run = run;
        int err = stet_call(run, "a", in, ret);
        place = 2;
        return err ? err : stet_wait_signal(run, "go", ret);
}

static int64_t ask(struct story *s, const char *name)
{
        struct bytes answer = { NULL, 0 };
        int err = code_query(s->code, bytes_str(name), bytes_of(NULL, 0), &answer, &s->why);
        struct cursor c = cursor_of(answer);
        return err ? -err : cursor_int(&c);
}

Test(code, query_sees_the_locals_of_the_waiting_code_and_changes_nothing)
{
        struct story s;
        story_open(&s, answers);
        start(&s, 0);
        cr_assert_eq(ask(&s, "place"), 1);
        happen(&s, ACTIVE, EV(.type = EVENT_ACTIVITY, .op = 1, .attempt = 1));
        cr_assert_eq(ask(&s, "place"), 2);
        cr_assert_eq(ask(&s, "meddle"), 1, "it started something");
        cr_assert_eq(s.code->steps_count, 2);
        cr_assert_eq(ask(&s, "refuse"), -STET_EFAILED);
        cr_assert_eq(ask(&s, "nothing"), -STET_ENOTFOUND);
        cr_assert_str_eq(
            s.why.text, "the run answers no query \"nothing\"; it answers \"meddle\", \"refuse\", \"place\"");
        cr_assert_eq(replay(&s, answers), 0, "%s", s.why.text);
        story_close(&s);
}

/* --- waits for signals --- */

/* Four waits for one name and one for another, of which those are given up whose bits the input has; what the
 * others took, as decimal digits, in their order. */
static int some_waits(stet_run *run, const stet_value *in, stet_value *ret)
{
        stet_future waits[5];
        int64_t given_up = stet_value_int(in, 0), took = 0;
        for (int i = 0; i < 5; i++)
                waits[i] = stet_signal_wait_start(run, i == 2 ? "other" : "go");
        for (int i = 0; i < 5; i++)
                if (given_up >> i & 1)
                        stet_cancel_future(run, waits[i]);
        for (int i = 0; i < 5; i++) {
                stet_value v = { 0 };
                if (stet_await(run, waits[i], &v) == 0)
                        took = took * 10 + stet_value_int(&v, 0);
        }
        return stet_value_set_int(ret, took);
}

Test(code, waits_that_were_given_up_are_passed_over_and_the_others_keep_their_order)
{
        for (int64_t given_up = 0; given_up < 32; given_up++) {
                struct story s;
                struct buffer expected = { 0 };
                int64_t took = 0, next = 1;
                story_open(&s, some_waits);
                start(&s, given_up);
                for (uint8_t i = 1; i <= 4; i++)
                        happen(&s, ACTIVE,
                               EV(.type = EVENT_SIGNAL, .name = bytes_str("go"), .value = bytes_of(&i, 1)));
                happen(&s, ACTIVE,
                       EV(.type = EVENT_SIGNAL, .name = bytes_str("other"), .value = bytes_of("\x09", 1)));
                for (int i = 0; i < 5; i++)
                        if (!(given_up >> i & 1))
                                took = took * 10 + (i == 2 ? 9 : next++);
                pack_int(&expected, took);
                cr_assert(s.code->finished);
                cr_assert_eq(replay(&s, some_waits), 0, "%s", s.why.text);
                for (size_t i = s.count; i-- > 0 && last_effect(&s).type != EFFECT_FINISH;) {
                        buffer_fini(&s.records[i].body); /* it came after the end */
                        s.count--;
                }
                cr_assert(bytes_equal(last_effect(&s).value, buffer_bytes(&expected)), "given up: %02llx",
                          (unsigned long long)given_up);
                buffer_fini(&expected);
                story_close(&s);
        }
}

/* --- long lives --- */

enum { LONG = 300000 };

static int take_many(stet_run *run, const stet_value *in, stet_value *ret)
{
        (void)in;
        int64_t sum = 0;
        stet_value v = { 0 };
        for (int i = 0; i < LONG; i++) {
                int err = stet_wait_signal(run, "go", &v);
                if (err)
                        return err;
                sum += stet_value_int(&v, 0);
        }
        return stet_value_set_int(ret, sum);
}

/* Were a step to look at those before it, this would take minutes. */
Test(code, signals_of_a_long_life_cost_no_more_than_those_of_a_short_one, .timeout = 60)
{
        struct story s;
        struct buffer effects = { 0 };
        struct event go = { .type = EVENT_SIGNAL, .name = bytes_str("go"), .value = bytes_of("\x03", 1) };
        story_open(&s, take_many);
        code_deliver(s.code, EV(.type = EVENT_START));
        code_activate(s.code, 1, &effects);
        for (int i = 0; i < LONG; i++) {
                cr_assert(!s.code->finished);
                buffer_clear(&effects);
                code_deliver(s.code, &go);
                if (i % 3 == 0) /* one is taken at once, the next two are kept until the code runs again */
                        code_activate(s.code, 1, &effects);
        }
        code_activate(s.code, 1, &effects);
        cr_assert(s.code->finished);
        struct cursor c = cursor_of(buffer_bytes(&effects));
        struct effect e = { 0 };
        while (effect_decode(&c, &e) && e.type != EFFECT_FINISH)
                ;
        cr_assert_eq(e.ending, RUN_COMPLETED);
        cr_assert(bytes_equal(e.value, bytes_of("\xce\x00\x0d\xbb\xa0", 5)), "not %d", 3 * LONG);
        buffer_fini(&effects);
        story_close(&s);
}

/* --- memory --- */

Test(code, freed_codes_serve_the_next_run_as_new_ones)
{
        struct story s;
        tell_all(&s);
        for (int i = 0; i < 200; i++)
                cr_assert_eq(replay(&s, flow), 0, "%s", s.why.text);
        for (int i = 0; i < 200; i++) { /* many at once, thrown away in the middle */
                struct stet_run *code = code_new(&s.env, flow, RUN + (uint64_t)i);
                cr_assert(code->steps_count == 0 && list_empty(&code->signals) && code->channels.count == 0 &&
                          !code->queries && !code->cancel_requested);
                cr_assert_eq(code_replay(code, s.records[0].flags, s.records[0].time_ns,
                                         buffer_bytes(&s.records[0].body), &s.why),
                             0);
                code_free(code);
        }
        code_free(NULL);
        story_close(&s);
}

Test(code, guard_is_that_of_the_stack_on_which_it_stands)
{
        struct story s;
        size_t size = 0;
        tell_all(&s);
        struct stet_run *code = code_new(&s.env, flow, RUN);
        const char *guard = code_guard(code, &size);
        cr_assert(size > 0 && guard + size < (const char *)code);
        cr_assert_neq(guard, code_guard(s.code, &size));
        code_free(code);
        story_close(&s);
}
