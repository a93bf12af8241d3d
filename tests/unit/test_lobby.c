/* SPDX-License-Identifier: MIT
 *
 * The lobby between a fake transport and a test that takes what was held. A hall writes down what peers are
 * told, one line a message, and what is taken out, one line a frame; a test says what it expects to read
 * since the last time.
 *
 *   to 1: REPLY 7 {"shards":1, …}    the answer to request 7, in a frame to peer 1
 *   held of 1: START 7, SIGNAL 8     a frame that came from peer 1 and was held
 */
#include "base/value.h"
#include "runtime/front.h"
#include "runtime/lobby.h"

#include "base/map.h"

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { INCARNATION = 9, PEERS = 4, BYTES_MAX = 16 << 20 };

enum path { OPEN, FULL, GONE };

struct hall {
        struct transport transport;
        struct lobby *lobby;
        enum path paths[PEERS];
        struct buffer out; /* to be said */
        char trace[8192];
        size_t trace_used;
};

/* --- the trace --- */

static void note(struct hall *h, const char *format, ...) STET_PRINTF(2, 3);

static void note(struct hall *h, const char *format, ...)
{
        va_list args;
        va_start(args, format);
        h->trace_used +=
            (size_t)vsnprintf(h->trace + h->trace_used, sizeof h->trace - h->trace_used, format, args);
        va_end(args);
        cr_assert_lt(h->trace_used, sizeof h->trace, "the trace is full");
}

static void note_message(struct hall *h, const struct message *m)
{
        note(h, "%s", message_shapes[m->type].name);
        if (m->correlation)
                note(h, " %llu", (unsigned long long)m->correlation);
        if (m->token.incarnation)
                note(h, " of %llu", (unsigned long long)m->token.incarnation);
        if (m->code)
                note(h, " %s", stet_error_name((int)m->code));
        if (m->text.size)
                note(h, " %.*s", (int)m->text.size, (const char *)m->text.data);
        if (m->type == MSG_REPLY && m->value.size) {
                stet_value value = value_borrow(NULL, m->value);
                char *json;
                cr_assert_eq(stet_value_to_json(&value, 0, &json), 0);
                note(h, " %s", json);
                free(json);
        }
}

static void expect_at(struct hall *h, const char *expected, int line)
{
        h->trace[h->trace_used] = 0;
        cr_assert_str_eq(h->trace, expected, "at line %d it happened:\n%sexpected was:\n%s", line, h->trace,
                         expected);
        h->trace_used = 0;
}
#define EXPECT(h, lines) expect_at(h, lines, __LINE__)

/* --- the edges --- */

static int fake_send(struct transport *t, uint64_t peer, struct bytes frame)
{
        struct hall *h = container_of(t, struct hall, transport);
        if (h->paths[peer] != OPEN)
                return h->paths[peer] == GONE ? STET_ENOTFOUND : STET_EAGAIN;
        cr_assert_eq(frame_check(frame, NULL), 0);
        struct cursor c = frame_cursor(frame);
        struct message m;
        while (frame_next(&c, &m) > 0) {
                note(h, "to %llu: ", (unsigned long long)peer);
                note_message(h, &m);
                note(h, "\n");
        }
        cr_assert(cursor_end(&c));
        return 0;
}

static const struct transport_ops ops = { .send = fake_send };

static void setup(struct hall *h, size_t held_bytes_max)
{
        struct lobby_options o = { .incarnation = INCARNATION,
                                   .secret = 1,
                                   .held_bytes_max = held_bytes_max };
        *h = (struct hall){ .transport = { &ops } };
        h->lobby = lobby_new(&o, &h->transport);
        lobby_set_recovering(h->lobby, &(struct recovering){ .shards = 1 });
}

static void teardown(struct hall *h)
{
        lobby_free(h->lobby);
        buffer_fini(&h->out);
}

/* --- peers, and the front --- */

static void put(struct hall *h, const struct message *m)
{
        if (!h->out.size)
                frame_begin(&h->out);
        frame_put(&h->out, m);
}
#define PUT(h, ...) put(h, &(struct message){ __VA_ARGS__ })

static void say_all(struct hall *h, uint64_t peer)
{
        lobby_receive(h->lobby, peer, false, buffer_bytes(&h->out));
        buffer_clear(&h->out);
}

static void say(struct hall *h, uint64_t peer, const struct message *m)
{
        put(h, m);
        say_all(h, peer);
}
#define SAY(h, peer, ...) say(h, peer, &(struct message){ __VA_ARGS__ })

static struct message start(uint64_t correlation, const char *request_id)
{
        return (struct message){ .type = MSG_START,
                                 .correlation = correlation,
                                 .request_id = bytes_str(request_id),
                                 .name = bytes_str("order"),
                                 .id = bytes_str("order-1") };
}

static bool take(struct hall *h)
{
        uint64_t peer;
        bool local;
        struct bytes frame;
        struct message m;
        if (!lobby_take(h->lobby, &peer, &local, &frame))
                return false;
        note(h, "held of %llu%s:", (unsigned long long)peer, local ? " here" : "");
        if (frame_check(frame, NULL) != 0)
                note(h, " no frame of %zu bytes", frame.size);
        struct cursor c = frame_check(frame, NULL) ? cursor_of(bytes_str("")) : frame_cursor(frame);
        const char *gap = " ";
        for (int got; (got = frame_next(&c, &m)) != 0; gap = ", ") {
                note(h, "%s", gap);
                if (got > 0)
                        note_message(h, &m);
                else
                        note(h, "%s", stet_error_name(-got));
        }
        note(h, "\n");
        return true;
}

static void take_all(struct hall *h)
{
        while (take(h))
                continue;
}

/* --- what is answered --- */

Test(lobby, probe_is_answered_with_who)
{
        struct hall h;
        setup(&h, BYTES_MAX);
        lobby_receive(h.lobby, 1, false, bytes_of(NULL, 0));
        EXPECT(&h, "to 1: WHO\n");
        take_all(&h);
        EXPECT(&h, "");
        teardown(&h);
}

Test(lobby, client_is_welcome_and_one_of_another_protocol_is_not)
{
        struct hall h;
        setup(&h, BYTES_MAX);
        SAY(&h, 1, .type = MSG_HELLO, .protocol = WIRE_VERSION, .role = ROLE_CLIENT);
        EXPECT(&h, "to 1: WELCOME of 9\n");
        SAY(&h, 2, .type = MSG_HELLO, .protocol = 7, .role = ROLE_CLIENT);
        EXPECT(&h, "to 2: WELCOME of 9 EPROTOCOL this node speaks protocol 1, not 7\n");
        take_all(&h);
        EXPECT(&h, "");
        teardown(&h);
}

Test(lobby, worker_waits_for_the_scheduler)
{
        struct hall h;
        setup(&h, BYTES_MAX);
        PUT(&h, .type = MSG_HELLO, .protocol = WIRE_VERSION, .role = ROLE_WORKER, .name = bytes_str("press"));
        PUT(&h, .type = MSG_CLAIM, .token = { 5, 1, 1, INCARNATION });
        PUT(&h, .type = MSG_WINDOW, .count = 4);
        say_all(&h, 1);
        EXPECT(&h, "");
        take_all(&h);
        EXPECT(&h, "held of 1: HELLO, CLAIM of 9, WINDOW\n");
        teardown(&h);
}

Test(lobby, stats_say_how_far_recovery_is)
{
        struct hall h;
        setup(&h, BYTES_MAX);
        SAY(&h, 1, .type = MSG_READ, .correlation = 1, .name = bytes_str("stats"));
        EXPECT(&h, "to 1: REPLY 1 {\"shards\":1,\"recovering\":{\"shard\":1,\"shards\":1,\"records_done\":0,"
                   "\"records_total\":0,\"runs_done\":0,\"runs_total\":0,"
                   "\"sentence\":\"shard 1 of 1, 0 of 0 records\"}}\n");
        lobby_set_recovering(h.lobby, &(struct recovering){ 1, 2, { 1234000, 3000000, 0, 0 } });
        SAY(&h, 1, .type = MSG_READ, .correlation = 2, .name = bytes_str("stats"));
        EXPECT(&h, "to 1: REPLY 2 {\"shards\":2,\"recovering\":{\"shard\":2,\"shards\":2,"
                   "\"records_done\":1234000,\"records_total\":3000000,\"runs_done\":0,\"runs_total\":0,"
                   "\"sentence\":\"shard 2 of 2, 1,234,000 of 3,000,000 records\"}}\n");
        take_all(&h);
        EXPECT(&h, "");
        teardown(&h);
}

Test(lobby, other_readings_are_held)
{
        static const char *const readings[] = {
                "list", "show", "history", "records", "executors", "weather"
        };
        struct hall h;
        setup(&h, BYTES_MAX);
        for (size_t i = 0; i < sizeof readings / sizeof readings[0]; i++) {
                SAY(&h, 1, .type = MSG_READ, .correlation = 1, .name = bytes_str(readings[i]));
                EXPECT(&h, "");
                take_all(&h);
                EXPECT(&h, "held of 1: READ 1\n");
        }
        teardown(&h);
}

Test(lobby, sentence_goes_on_to_the_runs_when_the_records_are_read)
{
        const struct {
                struct recovering recovering;
                const char *sentence;
        } cases[] = {
                { { 0, 1, { 0, 999, 0, 0 } }, "shard 1 of 1, 0 of 999 records" },
                { { 0, 1, { 1000, 12345678, 0, 0 } }, "shard 1 of 1, 1,000 of 12,345,678 records" },
                { { 63, 64, { 7, 7, 0, 100000 } },
                  "shard 64 of 64, 7 of 7 records, 0 of at most 100,000 open runs" },
                { { UINT32_MAX - 1, UINT32_MAX, { UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX } },
                  "shard 4294967295 of 4294967295, 18,446,744,073,709,551,615 of 18,446,744,073,709,551,615 "
                  "records, 18,446,744,073,709,551,615 of at most 18,446,744,073,709,551,615 open runs" },
        };
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
                char sentence[RECOVERING_SENTENCE_SIZE];
                recovering_sentence(&cases[i].recovering, sentence);
                cr_assert_str_eq(sentence, cases[i].sentence);
        }
}

Test(lobby, sign_of_life_is_over_and_that_of_an_attempt_is_held)
{
        struct hall h;
        setup(&h, BYTES_MAX);
        SAY(&h, 1, .type = MSG_PULSE);
        take_all(&h);
        EXPECT(&h, "");
        SAY(&h, 1, .type = MSG_PULSE, .token = { 5, 1, 1, INCARNATION });
        take_all(&h);
        EXPECT(&h, "held of 1: PULSE of 9\n");
        teardown(&h);
}

/* --- what is held --- */

Test(lobby, frames_are_held_in_their_order)
{
        struct hall h;
        setup(&h, BYTES_MAX);
        for (uint64_t i = 1; i <= 3; i++) {
                SAY(&h, 1, .type = MSG_SIGNAL, .correlation = i);
                SAY(&h, 2, .type = MSG_SIGNAL, .correlation = i);
        }
        lobby_receive(h.lobby, 3, true, bytes_of("\x01\x91\x09", 3));
        EXPECT(&h, "");
        take_all(&h);
        EXPECT(&h, "held of 1: SIGNAL 1\n"
                   "held of 2: SIGNAL 1\n"
                   "held of 1: SIGNAL 2\n"
                   "held of 2: SIGNAL 2\n"
                   "held of 1: SIGNAL 3\n"
                   "held of 2: SIGNAL 3\n"
                   "held of 3 here: BYE\n");
        teardown(&h);
}

Test(lobby, rest_of_a_frame_is_held_without_what_was_answered)
{
        struct hall h;
        setup(&h, BYTES_MAX);
        PUT(&h, .type = MSG_HELLO, .protocol = WIRE_VERSION);
        PUT(&h, .type = MSG_START, .correlation = 1);
        PUT(&h, .type = MSG_READ, .correlation = 2, .name = bytes_str("stats"));
        PUT(&h, .type = MSG_SIGNAL, .correlation = 3);
        PUT(&h, .type = MSG_PULSE);
        say_all(&h, 1);
        EXPECT(&h, "to 1: WELCOME of 9\n"
                   "to 1: REPLY 2 {\"shards\":1,\"recovering\":{\"shard\":1,\"shards\":1,\"records_done\":0,"
                   "\"records_total\":0,\"runs_done\":0,\"runs_total\":0,"
                   "\"sentence\":\"shard 1 of 1, 0 of 0 records\"}}\n");
        take_all(&h);
        EXPECT(&h, "held of 1: START 1, SIGNAL 3\n");
        teardown(&h);
}

Test(lobby, what_makes_no_sense_is_held_for_the_front_to_say_so)
{
        struct hall h;
        char name[WIRE_ID_MAX + 1];
        memset(name, 'x', sizeof name);
        setup(&h, BYTES_MAX);
        lobby_receive(h.lobby, 1, false, bytes_of("garbage", 7));
        lobby_receive(h.lobby, 1, false, bytes_of("\x01\x05", 2)); /* a message that is no array */
        PUT(&h, .type = MSG_READ, .name = bytes_str("stats"), .id = bytes_of(name, sizeof name));
        say_all(&h, 1);
        take_all(&h);
        EXPECT(&h, "held of 1: no frame of 7 bytes\n"
                   "held of 1: EPROTOCOL\n"
                   "held of 1: ETOOBIG\n");
        teardown(&h);
}

Test(lobby, answer_that_cannot_leave_is_left_to_the_front)
{
        struct hall h;
        setup(&h, BYTES_MAX);
        h.paths[1] = FULL;
        lobby_receive(h.lobby, 1, false, bytes_of(NULL, 0));
        SAY(&h, 1, .type = MSG_HELLO, .protocol = WIRE_VERSION);
        SAY(&h, 1, .type = MSG_READ, .correlation = 2, .name = bytes_str("stats"));
        take_all(&h);
        EXPECT(&h, "held of 1:\n"
                   "held of 1: HELLO\n"
                   "held of 1: READ 2\n");
        teardown(&h);
}

Test(lobby, peer_that_left_needs_no_answer)
{
        struct hall h;
        setup(&h, BYTES_MAX);
        h.paths[1] = GONE;
        lobby_receive(h.lobby, 1, false, bytes_of(NULL, 0));
        SAY(&h, 1, .type = MSG_READ, .correlation = 2, .name = bytes_str("stats"));
        take_all(&h);
        EXPECT(&h, "");
        teardown(&h);
}

/* --- repeats --- */

Test(lobby, request_that_is_repeated_is_held_once)
{
        struct hall h;
        struct message first = start(1, "r1"), second = start(2, "r2");
        setup(&h, BYTES_MAX);
        for (int i = 0; i < 100; i++) {
                say(&h, 1, &first);
                say(&h, 1, &second);
                SAY(&h, 1, .type = MSG_WAIT, .correlation = 3, .id = bytes_str("order-1"));
        }
        take_all(&h);
        EXPECT(&h, "held of 1: START 1\n"
                   "held of 1: START 2\n"
                   "held of 1: WAIT 3\n");
        say(&h, 1, &first);
        take_all(&h);
        EXPECT(&h, "held of 1: START 1\n");
        teardown(&h);
}

Test(lobby, same_request_of_another_peer_is_held_too)
{
        struct hall h;
        struct message m = start(1, "r1");
        setup(&h, BYTES_MAX);
        say(&h, 1, &m);
        say(&h, 2, &m);
        take_all(&h);
        EXPECT(&h, "held of 1: START 1\nheld of 2: START 1\n");
        teardown(&h);
}

Test(lobby, what_counts_each_time_is_held_each_time)
{
        struct hall h;
        struct message repeatable = start(1, "r1");
        setup(&h, BYTES_MAX);
        for (int i = 0; i < 2; i++) {
                SAY(&h, 1, .type = MSG_SIGNAL, .correlation = 1);
                SAY(&h, 1, .type = MSG_WINDOW, .count = 4);
                put(&h, &repeatable);
                SAY(&h, 1, .type = MSG_BYE);
        }
        take_all(&h);
        EXPECT(&h, "held of 1: SIGNAL 1\n"
                   "held of 1: WINDOW\n"
                   "held of 1: START 1, BYE\n"
                   "held of 1: SIGNAL 1\n"
                   "held of 1: WINDOW\n"
                   "held of 1: START 1, BYE\n");
        teardown(&h);
}

/* --- the bound --- */

Test(lobby, is_full_at_its_bound_and_has_room_when_something_was_taken)
{
        enum { MAX = 10000, VALUE = 1000 };
        static const uint8_t value[VALUE];
        struct hall h;
        unsigned held = 0;
        setup(&h, MAX);
        for (; !lobby_full(h.lobby); held++)
                SAY(&h, 1, .type = MSG_SIGNAL, .correlation = held + 1, .value = bytes_of(value, VALUE));
        cr_assert_leq(held, MAX / VALUE, "what is held counts whole");
        cr_assert_geq(held, MAX / VALUE / 2);
        cr_assert(take(&h));
        cr_assert_not(lobby_full(h.lobby));
        EXPECT(&h, "held of 1: SIGNAL 1\n");
        for (unsigned left = held - 1; left; left--)
                cr_assert(take(&h));
        cr_assert_not(take(&h));
        teardown(&h);
}

Test(lobby, answers_and_repeats_take_no_room)
{
        struct hall h;
        struct message m = start(1, "r1");
        setup(&h, 500);
        for (int i = 0; i < 1000; i++) {
                lobby_receive(h.lobby, 1, false, bytes_of(NULL, 0));
                SAY(&h, 1, .type = MSG_HELLO, .protocol = WIRE_VERSION);
                say(&h, 1, &m);
                h.trace_used = 0;
        }
        cr_assert_not(lobby_full(h.lobby));
        take_all(&h);
        EXPECT(&h, "held of 1: START 1\n");
        teardown(&h);
}

Test(lobby, what_is_held_when_it_closes_is_forgotten)
{
        struct hall h;
        struct message m = start(1, "r1");
        setup(&h, BYTES_MAX);
        say(&h, 1, &m);
        SAY(&h, 1, .type = MSG_SIGNAL);
        cr_assert(take(&h));
        teardown(&h);
        lobby_free(NULL);
}
