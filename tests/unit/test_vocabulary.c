/* SPDX-License-Identifier: MIT
 *
 * Events and effects stand in the log for years: what is written must be read back, by this version and by
 * others.
 */
#include "actors/vocabulary.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <stet/stet.h>

/* Everything an event or an effect can hold, so that no field of any type is empty. */
static struct event full_event(unsigned type)
{
        return (struct event){ .type = (uint8_t)type,
                               .op = 3,
                               .attempt = 2,
                               .code = STET_EFAILED,
                               .ending = RUN_FAILED,
                               .lost = 1,
                               .permanent = true,
                               .abandon = true,
                               .seed = UINT64_MAX,
                               .sender = UINT64_MAX - 1,
                               .sender_op = UINT32_MAX,
                               .continued_from = UINT64_MAX - 2,
                               .started_ns = INT64_MIN,
                               .request_id = bytes_str("request"),
                               .ns = bytes_str("prod"),
                               .workflow = bytes_str("order"),
                               .id = bytes_str("order-17"),
                               .name = bytes_str("shipped"),
                               .value = bytes_of("\x92\x01\x02", 3),
                               .kind = bytes_str("CardDeclined"),
                               .text = bytes_str("no money"),
                               .executor = bytes_str("ann"),
                               .attributes = bytes_of("\x81\xa1y\x07", 4) };
}

static struct effect full_effect(unsigned type)
{
        return (struct effect){ .type = (uint8_t)type,
                                .op = 4,
                                .attempt = 7,
                                .code = STET_EFAILED,
                                .ending = RUN_FAILED,
                                .abandon = true,
                                .due_ns = INT64_MAX,
                                .timeout_ms = 60000,
                                .schedule_timeout_ms = 1,
                                .heartbeat_ms = 2,
                                .max_attempts = UINT32_MAX,
                                .initial_interval_ms = 1000,
                                .max_interval_ms = 5000,
                                .backoff_factor = 1.1,
                                .jitter = 0.3,
                                .non_retryable = bytes_of("\x91\xa1X", 3),
                                .queue = bytes_str("north"),
                                .name = bytes_str("charge"),
                                .id = bytes_str("order-18"),
                                .value = bytes_of("\xa3yes", 4),
                                .kind = bytes_str("OutOfStock"),
                                .text = bytes_str("no pears left") };
}

/* --- round trips --- */

static void check_fields(const struct shape *shape, const void *decoded)
{
        struct buffer described = { 0 };
        cr_expect_eq(codec_describe(&described, shape, decoded), shape->fields_count, "%s: a field was lost",
                     shape->name);
        for (unsigned i = 0; i < shape->fields_count; i++)
                for (unsigned j = 0; j < i; j++)
                        cr_expect_neq(shape->fields[i].offset, shape->fields[j].offset,
                                      "%s: %s is there twice", shape->name, shape->fields[i].name);
        buffer_fini(&described);
}

Test(vocabulary, every_event_is_read_back_as_it_was_written)
{
        for (unsigned type = 1; type < EVENT_TYPES; type++) {
                struct event e = full_event(type), back;
                struct buffer once = { 0 }, twice = { 0 };
                event_encode(&once, &e);
                struct cursor c = cursor_of(buffer_bytes(&once));
                cr_assert(event_decode(&c, &back), "%s", event_shapes[type].name);
                cr_assert(cursor_end(&c));
                cr_assert_eq(back.type, type);
                check_fields(&event_shapes[type], &back);
                event_encode(&twice, &back);
                cr_assert(bytes_equal(buffer_bytes(&once), buffer_bytes(&twice)), "%s",
                          event_shapes[type].name);
                buffer_fini(&once);
                buffer_fini(&twice);
        }
}

Test(vocabulary, every_effect_is_read_back_as_it_was_written)
{
        for (unsigned type = 1; type < EFFECT_TYPES; type++) {
                struct effect e = full_effect(type), back;
                struct buffer once = { 0 }, twice = { 0 };
                effect_encode(&once, &e);
                struct cursor c = cursor_of(buffer_bytes(&once));
                cr_assert(effect_decode(&c, &back), "%s", effect_shapes[type].name);
                cr_assert_eq(back.type, type);
                check_fields(&effect_shapes[type], &back);
                effect_encode(&twice, &back);
                cr_assert(bytes_equal(buffer_bytes(&once), buffer_bytes(&twice)), "%s",
                          effect_shapes[type].name);
                cr_assert(!effect_decode(&c, &back), "there is no second one");
                cr_assert(!c.failed, "the end is no failure");
                buffer_fini(&once);
                buffer_fini(&twice);
        }
}

Test(vocabulary, particulars_of_a_call_survive)
{
        struct effect e = full_effect(EFFECT_CALL), back;
        struct buffer b = { 0 };
        effect_encode(&b, &e);
        struct cursor c = cursor_of(buffer_bytes(&b));
        cr_assert(effect_decode(&c, &back));
        cr_assert_eq(back.op, e.op);
        cr_assert_eq(back.timeout_ms, e.timeout_ms);
        cr_assert_eq(back.schedule_timeout_ms, e.schedule_timeout_ms);
        cr_assert_eq(back.heartbeat_ms, e.heartbeat_ms);
        cr_assert_eq(back.max_attempts, e.max_attempts);
        cr_assert_eq(back.initial_interval_ms, e.initial_interval_ms);
        cr_assert_eq(back.max_interval_ms, e.max_interval_ms);
        cr_assert(memcmp(&back.backoff_factor, &e.backoff_factor, sizeof e.backoff_factor) == 0);
        cr_assert(memcmp(&back.jitter, &e.jitter, sizeof e.jitter) == 0);
        cr_assert(bytes_equal(back.non_retryable, e.non_retryable));
        cr_assert(bytes_equal(back.queue, e.queue));
        cr_assert(bytes_equal(back.name, e.name));
        cr_assert(bytes_equal(back.value, e.value));
        cr_assert_eq(back.id.size, 0, "a call has no id");
        buffer_fini(&b);
}

/* --- other versions --- */

Test(vocabulary, fields_that_a_newer_version_added_are_passed_over)
{
        static const char newer[] = "\x95\x03\x07\xa3new\x92\x01\xc0\x81\xa1k\xc4\x01v"     /* timer_fired */
                                    "\x94\x07\x02\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00\xc3"; /* drop */
        struct cursor c = cursor_of(bytes_of(newer, sizeof newer - 1));
        struct event event;
        struct effect effect;
        cr_assert(event_decode(&c, &event));
        cr_assert_eq(event.type, EVENT_TIMER);
        cr_assert_eq(event.op, 7);
        cr_assert(effect_decode(&c, &effect));
        cr_assert_eq(effect.type, EFFECT_DROP);
        cr_assert_eq(effect.op, 2);
        cr_assert(cursor_end(&c));
}

Test(vocabulary, fields_that_are_not_there_are_zero)
{
        struct cursor c = cursor_of(bytes_of("\x92\x02\x09\x93\x01\x05\xa1x", 8));
        struct event event;
        struct effect effect;
        cr_assert(event_decode(&c, &event));
        cr_assert(event.type == EVENT_ACTIVITY && event.op == 9);
        cr_assert(event.attempt == 0 && event.code == 0 && event.executor.size == 0 && event.lost == 0);
        cr_assert(effect_decode(&c, &effect));
        cr_assert(effect.type == EFFECT_CALL && effect.op == 5 && bytes_equal(effect.name, bytes_str("x")));
        cr_assert(effect.heartbeat_ms == 0 && effect.non_retryable.size == 0);
}

Test(vocabulary, what_is_usual_of_a_call_takes_no_bytes_and_is_told_all_the_same)
{
        struct effect call = { .type = EFFECT_CALL,
                               .op = 5,
                               .name = bytes_str("x"),
                               .queue = bytes_str("default"),
                               .timeout_ms = 600000,
                               .max_attempts = 3,
                               .initial_interval_ms = 1000,
                               .max_interval_ms = 300000,
                               .backoff_factor = 2,
                               .jitter = 0.2 };
        struct effect back;
        struct buffer b = { 0 };
        effect_encode(&b, &call);
        cr_assert(bytes_equal(buffer_bytes(&b), bytes_of("\x93\x01\x05\xa1x", 5)));
        struct cursor c = cursor_of(buffer_bytes(&b));
        cr_assert(effect_decode(&c, &back));
        cr_assert(bytes_equal(back.queue, call.queue) && back.timeout_ms == call.timeout_ms);
        cr_assert(back.max_attempts == 3 && back.initial_interval_ms == 1000 &&
                  back.max_interval_ms == 300000);
        cr_assert(memcmp(&back.backoff_factor, &call.backoff_factor, sizeof call.backoff_factor) == 0 &&
                  memcmp(&back.jitter, &call.jitter, sizeof call.jitter) == 0);

        call.max_attempts = 0; /* as many as it takes: not usual, so the policy is said */
        buffer_clear(&b);
        effect_encode(&b, &call);
        c = cursor_of(buffer_bytes(&b));
        cr_assert(effect_decode(&c, &back));
        cr_assert(back.max_attempts == 0 && back.initial_interval_ms == 1000);
        buffer_fini(&b);
}

Test(vocabulary, what_is_no_event_or_effect_is_refused)
{
        static const struct bytes wrong[] = {
                { NULL, 0 },
                { (const uint8_t *)"\x91\x00", 2 }, /* type 0 */
                { (const uint8_t *)"\x91\x7f", 2 }, /* a type that neither has */
                { (const uint8_t *)"\x90", 1 },
                { (const uint8_t *)"\x92\x03", 2 },      /* cut */
                { (const uint8_t *)"\x92\x02\xa1x", 4 }, /* an op that is a text */
        };
        for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
                struct cursor a = cursor_of(wrong[i]), b = a;
                struct event event;
                struct effect effect;
                cr_expect(!event_decode(&a, &event) && a.failed, "event %zu", i);
                cr_expect(!effect_decode(&b, &effect) && b.failed == (wrong[i].size > 0), "effect %zu", i);
        }
}

/* --- for people --- */

static char *describe(const struct buffer *body)
{
        struct buffer b = { 0 };
        pack_map(&b, 2);
        cr_assert_eq(transition_describe(buffer_bytes(body), &b), 0);
        stet_value v = { 0 };
        char *text = NULL;
        cr_assert_eq(stet_value_from_msgpack(&v, b.data, b.size), 0);
        cr_assert_eq(stet_value_to_json(&v, 0, &text), 0);
        stet_value_free(&v);
        buffer_fini(&b);
        return text;
}

Test(vocabulary, transition_is_described_with_the_names_of_what_is_not_empty)
{
        struct buffer body = { 0 };
        event_encode(&body, &(struct event){ .type = EVENT_SIGNAL,
                                             .name = bytes_str("item"),
                                             .value = bytes_of("\x92\x01\x02", 3) });
        effect_encode(&body,
                      &(struct effect){ .type = EFFECT_WAIT_SIGNAL, .op = 2, .name = bytes_str("item") });
        effect_encode(&body, &(struct effect){ .type = EFFECT_FINISH, .ending = RUN_COMPLETED });
        char *text = describe(&body);
        cr_assert_str_eq(text,
                         "{\"event\":{\"type\":\"signal\",\"name\":\"item\",\"value\":[1,2]},\"effects\":["
                         "{\"type\":\"wait_signal\",\"op\":2,\"name\":\"item\"},"
                         "{\"type\":\"finish\",\"ending\":1}]}");
        free(text);
        buffer_fini(&body);
}

Test(vocabulary, every_event_and_effect_can_be_described_however_full)
{
        for (unsigned type = 1; type < EVENT_TYPES; type++) {
                struct buffer body = { 0 };
                struct event event = full_event(type);
                event_encode(&body, &event);
                for (unsigned other = 1; other < EFFECT_TYPES; other++) {
                        struct effect effect = full_effect(other);
                        effect_encode(&body, &effect);
                }
                char *text = describe(&body);
                char start[60];
                snprintf(start, sizeof start, "{\"event\":{\"type\":\"%s\"", event_shapes[type].name);
                cr_assert_eq(strncmp(text, start, strlen(start)), 0, "%s", text);
                for (unsigned other = 1; other < EFFECT_TYPES; other++)
                        cr_assert(strstr(text, effect_shapes[other].name), "%s", effect_shapes[other].name);
                free(text);
                buffer_fini(&body);
        }
}

Test(vocabulary, body_that_is_no_transition_is_corrupt)
{
        struct buffer body = { 0 }, b = { 0 };
        cr_assert_eq(transition_describe(buffer_bytes(&body), &b), STET_ECORRUPT);
        event_encode(&body, &(struct event){ .type = EVENT_TIMER, .op = 1 });
        cr_assert_eq(transition_describe(buffer_bytes(&body), &b), 0);
        effect_encode(&body, &(struct effect){ .type = EFFECT_DROP, .op = 1 });
        body.size--;
        cr_assert_eq(transition_describe(buffer_bytes(&body), &b), STET_ECORRUPT);
        buffer_fini(&body);
        buffer_fini(&b);
}

Test(vocabulary, endings_have_names)
{
        cr_assert_str_eq(run_ending_name(RUN_OPEN), "open");
        cr_assert_str_eq(run_ending_name(RUN_CONTINUED), "continued");
        cr_assert_str_eq(run_ending_name(6), "?");
}

static void expect_event(unsigned type, const char *words)
{
        char text[200];
        struct event e = full_event(type);
        event_words(&e, text, sizeof text);
        cr_expect_str_eq(text, words);
}

static void expect_effect(unsigned type, const char *words)
{
        char text[200];
        struct effect e = full_effect(type);
        effect_words(&e, text, sizeof text);
        cr_expect_str_eq(text, words);
}

Test(vocabulary, events_and_effects_say_in_words_what_they_are)
{
        expect_event(EVENT_START, "start of \"order\" as \"order-17\"");
        expect_event(EVENT_ACTIVITY, "attempt 2 of op 3 ended: EFAILED CardDeclined");
        expect_event(EVENT_TIMER, "timer of op 3 fired");
        expect_event(EVENT_SIGNAL, "signal \"shipped\"");
        expect_event(EVENT_CHILD, "child of op 3 ended: failed");
        expect_event(EVENT_SENT, "signal of op 3 sent: EFAILED");
        expect_event(EVENT_CANCEL, "cancel no money");
        expect_event(EVENT_TERMINATE, "terminate no money");
        expect_event(EVENT_WAKE, "wake");
        expect_effect(EFFECT_CALL, "call of activity \"charge\" with 4 bytes on queue \"north\" as op 4");
        expect_effect(EFFECT_TIMER, "timer due at 9223372036854 ms as op 4");
        expect_effect(EFFECT_WAIT_SIGNAL, "wait for signal \"charge\" as op 4");
        expect_effect(EFFECT_SEND, "signal \"charge\" to \"order-18\" as op 4");
        expect_effect(EFFECT_CHILD, "start of child \"charge\" as op 4");
        expect_effect(EFFECT_RETRY, "attempt 7 of op 4");
        expect_effect(EFFECT_DROP, "giving up op 4");
        expect_effect(EFFECT_STATUS, "new status of 4 bytes");
        expect_effect(EFFECT_PATCH, "patch mark \"charge\"");
        expect_effect(EFFECT_FINISH, "end: failed with 4 bytes OutOfStock");
}

Test(vocabulary, words_are_cut_to_the_room_there_is)
{
        char small[12];
        event_words(&(struct event){ .type = EVENT_START }, small, sizeof small);
        cr_assert_str_eq(small, "start of \"\"");
        effect_words(&(struct effect){ .type = EFFECT_CALL }, small, sizeof small);
        cr_assert_str_eq(small, "call of act");
}
