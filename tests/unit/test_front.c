/* SPDX-License-Identifier: MIT
 *
 * The front between a fake transport and fake shards. A world sends it frames, flushes it, and writes down
 * what it hands to peers and shards, one line a message; a test says what it expects to read since the last
 * time.
 *
 *   to 1: REPLY 7 EBUSY …            the answer to request 7, in a frame to peer 1
 *   shard 2: SIGNAL go
 */
#include "runtime/front_state.h"
#include "runtime/shard.h"

#include "tests/lib/trace.h"

#include <stdio.h>
#include <stdlib.h>

enum { INCARNATION = 9, PEERS = 200, SHARDS = 3 };

#define SECOND     INT64_C(1000000000)
#define MINUTE     (60 * SECOND)
#define LEASE_NS   (5 * SECOND)
#define QUEUED_MAX 1000000

enum path { OPEN, FULL, GONE };

struct world {
        struct transport transport;
        struct front *front;
        int64_t now_ns;
        enum path paths[PEERS];
        int takes[PEERS];  /* frames that a FULL path takes yet */
        int frames[PEERS]; /* taken */
        int refusals;      /* sends that did not go */
        struct buffer out; /* to be sent to the front */
        struct trace trace;
};

/* --- the trace --- */

static const char *name_of(uint8_t type)
{
        return type == MSG_OUTCOME ? "OUTCOME" : message_shapes[type].name;
}

static void write_message(struct world *w, const struct message *m)
{
        trace_write(&w->trace, "%s", name_of(m->type));
        if (m->correlation)
                trace_write(&w->trace, " %llu", (unsigned long long)m->correlation);
        if (m->token.run)
                trace_write(&w->trace, " %llu/%u#%u", (unsigned long long)m->token.run, m->token.op,
                            m->token.attempt);
        if (m->name.size)
                trace_write(&w->trace, " %.*s", (int)m->name.size, (const char *)m->name.data);
        if (m->code)
                trace_write(&w->trace, " %s", stet_error_name((int)m->code));
        if (m->text.size)
                trace_write(&w->trace, " %.*s", (int)m->text.size, (const char *)m->text.data);
        trace_write(&w->trace, "\n");
}

#define EXPECT(w, lines) trace_expect(&(w)->trace, lines, __LINE__)

/* --- the edges --- */

static int fake_send(struct transport *t, uint64_t peer, struct bytes frame)
{
        struct world *w = container_of(t, struct world, transport);
        if (w->paths[peer] == GONE || (w->paths[peer] == FULL && w->takes[peer] == 0)) {
                w->refusals++;
                return w->paths[peer] == GONE ? STET_ENOTFOUND : STET_EAGAIN;
        }
        w->takes[peer] -= w->paths[peer] == FULL;
        w->frames[peer]++;
        cr_assert_eq(frame_check(frame, NULL), 0);
        struct cursor c = frame_cursor(frame);
        struct message m;
        while (frame_next(&c, &m) > 0) {
                trace_write(&w->trace, "to %llu: ", (unsigned long long)peer);
                write_message(w, &m);
        }
        cr_assert(cursor_end(&c));
        return 0;
}

static const struct transport_ops ops = { .send = fake_send };

static void fake_to_shard(void *ctx, uint32_t shard, const struct message *m)
{
        trace_write(&((struct world *)ctx)->trace, "shard %u: ", shard);
        write_message(ctx, m);
}

static void fake_log(void *ctx, stet_log_level level, const char *line)
{
        trace_write(&((struct world *)ctx)->trace, "log %s: %s\n",
                    level == STET_LOG_ERROR     ? "error"
                    : level == STET_LOG_WARNING ? "warning"
                                                : "info",
                    line);
}

static void world_open(struct world *w, uint32_t shards)
{
        struct front_options options = { .shards_count = shards,
                                         .incarnation = INCARNATION,
                                         .lease_ns = LEASE_NS,
                                         .queued_bytes_max = QUEUED_MAX };
        struct front_sink sink = { .ctx = w, .to_shard = fake_to_shard, .log = fake_log };
        *w = (struct world){ .transport = { &ops }, .now_ns = MINUTE };
        w->front = front_new(&options, &w->transport, &sink);
}

/* What is unsent or known of peers must be gone with them. */
static void world_close(struct world *w)
{
        for (uint64_t peer = 0; peer < PEERS; peer++)
                w->paths[peer] = GONE;
        front_flush(w->front, w->now_ns);
        front_free(w->front);
        buffer_fini(&w->out);
}

static void receive(struct world *w, uint64_t peer, struct bytes frame)
{
        front_receive(w->front, peer, false, frame, w->now_ns);
}

/* Puts a message into the frame that say_all() sends. */
static void put(struct world *w, const struct message *m)
{
        if (!w->out.size)
                frame_begin(&w->out);
        frame_put(&w->out, m);
}

static void say_all(struct world *w, uint64_t peer)
{
        receive(w, peer, buffer_bytes(&w->out));
        buffer_clear(&w->out);
}

static void say(struct world *w, uint64_t peer, const struct message *m)
{
        put(w, m);
        say_all(w, peer);
}
#define SAY(w, peer, ...) say(w, peer, &(struct message){ __VA_ARGS__ })

static void flush(struct world *w)
{
        front_flush(w->front, w->now_ns);
}

static void advance(struct world *w, int64_t ns)
{
        w->now_ns += ns;
        front_tick(w->front, w->now_ns);
        flush(w);
}

static void answer(struct world *w, uint64_t peer, uint64_t correlation, size_t size)
{
        void *bytes = xcalloc(1, size + 1);
        front_to_peer(w->front, peer,
                      &(struct message){
                          .type = MSG_REPLY, .correlation = correlation, .value = bytes_of(bytes, size) });
        free(bytes);
}

static void hello(struct world *w, uint64_t peer, bool local, uint32_t window)
{
        put(w, &(struct message){ .type = MSG_HELLO,
                                  .protocol = WIRE_VERSION,
                                  .role = ROLE_WORKER,
                                  .name = bytes_str("ann"),
                                  .names = bytes_of("\x91\xa6"
                                                    "charge",
                                                    8) });
        put(w, &(struct message){ .type = MSG_WINDOW, .count = window });
        front_receive(w->front, peer, local, buffer_bytes(&w->out), w->now_ns);
        buffer_clear(&w->out);
        flush(w);
        EXPECT(w, peer == 1 ? "to 1: WELCOME\n" : "to 2: WELCOME\n");
}

static void enqueue(struct world *w, uint64_t run, size_t input_size)
{
        void *input = xcalloc(1, input_size + 1);
        front_from_shard(w->front,
                         &(struct message){ .type = MSG_ENQUEUE,
                                            .token = { run, 1, 1, INCARNATION },
                                            .name = bytes_str("charge"),
                                            .value = bytes_of(input, input_size) },
                         w->now_ns);
        free(input);
}

/* --- frames in --- */

Test(front, probe_and_bytes_that_are_no_frame_are_answered_with_who_and_only_the_latter_are_counted)
{
        static const struct bytes malformed[] = {
                { (const uint8_t *)"\x02\x91\x09", 3 }, /* another version */
                { (const uint8_t *)"nonsense", 8 },
                { (const uint8_t *)"\x01\x92\x03", 3 },             /* cut */
                { (const uint8_t *)"\x01\xdd\x0f\xff\xff\xff", 6 }, /* claims 268 million values */
                { (const uint8_t *)"\x01\x92\x03\xa1\xff", 5 },     /* not UTF-8 */
                { (const uint8_t *)"\x01\xd4\x00\x00", 4 },         /* ext */
        };
        enum { COUNT = sizeof malformed / sizeof malformed[0] };
        struct world w;
        world_open(&w, SHARDS);
        receive(&w, 1, bytes_of(NULL, 0));
        cr_assert_eq(w.front->frames_refused, 0);
        flush(&w);
        EXPECT(&w, "to 1: WHO\n");
        for (unsigned i = 0; i < COUNT; i++) {
                receive(&w, 1, malformed[i]);
                cr_assert_eq(w.front->frames_refused, i + 1);
                flush(&w);
                EXPECT(&w, "to 1: WHO\n");
        }
        world_close(&w);
}

Test(front, message_that_is_none_is_passed_over_alone_and_counted)
{
        struct world w;
        world_open(&w, 1);
        put(&w, &(struct message){ .type = MSG_SIGNAL, .name = bytes_str("a") });
        buffer_append(&w.out, "\x92\x03\xa1x\x90\xc0\x92\x7f\x01",
                      9); /* wrong kind; empty; nil; unknown type */
        put(&w, &(struct message){ .type = MSG_SIGNAL, .name = bytes_str("b") });
        say_all(&w, 1);
        EXPECT(&w, "shard 0: SIGNAL a\nshard 0: SIGNAL b\n");
        cr_assert_eq(w.front->frames_refused, 3, "an unknown type is a newer peer's, and no mistake");
        world_close(&w);
}

/* Of our own process no frame is checked as a whole, but no reading goes beyond one. */
Test(front, frame_of_our_own_process_that_is_cut_or_wrong_is_read_with_bounds)
{
        struct buffer frame = { 0 };
        struct world w;
        world_open(&w, 1);
        frame_begin(&frame);
        frame_put(&frame, &(struct message){ .type = MSG_DONE,
                                             .token = { 7, 1, 1, INCARNATION },
                                             .value = bytes_str("a result"),
                                             .kind = bytes_str("Kind") });
        frame_put(&frame, &(struct message){ .type = MSG_SIGNAL, .id = bytes_str("0000000000000007") });
        for (size_t size = 1; size < frame.size; size++) {
                uint8_t *cut = xmemdup(frame.data, size); /* so that a sanitizer sees its end */
                uint8_t *exact = realloc(cut, size);
                front_receive(w.front, 1, true, bytes_of(exact, size), w.now_ns);
                free(exact);
        }
        for (size_t at = 1; at < frame.size; at++) {
                frame.data[at] ^= 0xff;
                front_receive(w.front, 1, true, buffer_bytes(&frame), w.now_ns);
                frame.data[at] ^= 0xff;
        }
        cr_assert_gt(w.front->frames_refused, 0);
        buffer_fini(&frame);
        world_close(&w);
}

Test(front, what_only_a_node_says_is_refused_from_peers)
{
        struct world w;
        world_open(&w, SHARDS);
        for (uint8_t type = MSG_WHO; type <= MSG_DROP; type++) {
                SAY(&w, 1, .type = type, .token = { 1, 1, 1, INCARNATION }, .name = bytes_str("charge"));
                cr_assert_eq(w.front->frames_refused, type - MSG_WHO + 1u, "%s", name_of(type));
        }
        for (uint8_t type = MSG_ENQUEUE; type < MSG_TYPES;
             type++) { /* those never leave a node: unknown types */
                uint8_t frame[] = { WIRE_VERSION, 0x96, 0xcc, type, 1,   1,   1,   0xa6,
                                    'c',          'h',  'a',  'r',  'g', 'e', 0xa0 };
                receive(&w, 1, bytes_of(frame, sizeof frame));
        }
        flush(&w);
        EXPECT(&w, "");
        struct scheduler_stats stats;
        scheduler_stats(w.front->scheduler, &stats);
        cr_assert_eq(stats.tasks, 0);
        world_close(&w);
}

Test(front, commands_go_to_the_shard_of_their_workflow_id_with_the_peer_to_answer)
{
        struct world w;
        world_open(&w, SHARDS);
        bool used[SHARDS] = { false };
        for (int i = 0; i < 50; i++) {
                char id[20], line[60];
                snprintf(id, sizeof id, "order-%d", i);
                uint32_t shard = shard_of(SHARDS, bytes_str("default"), bytes_str(id), bytes_of(NULL, 0));
                used[shard] = true;
                static const uint8_t types[] = { MSG_START, MSG_SIGNAL, MSG_CANCEL, MSG_TERMINATE,
                                                 MSG_QUERY, MSG_WAIT,   MSG_DELETE };
                for (size_t t = 0; t < sizeof types; t++) {
                        SAY(&w, 1, .type = types[t], .correlation = 5, .id = bytes_str(id));
                        snprintf(line, sizeof line, "shard %u: %s 5\n", shard, message_shapes[types[t]].name);
                        EXPECT(&w, line);
                }
                SAY(&w, 1, .type = MSG_READ, .correlation = 5, .name = bytes_str("show"),
                    .id = bytes_str(id));
                snprintf(line, sizeof line, "shard %u: READ 5 show\n", shard);
                EXPECT(&w, line);
        }
        cr_assert(used[0] && used[1] && used[2]);
        world_close(&w);
}

Test(front, reading_that_is_none_is_answered_with_those_there_are)
{
        struct world w;
        world_open(&w, SHARDS);
        SAY(&w, 1, .type = MSG_READ, .correlation = 3, .name = bytes_str("secrets"));
        flush(&w);
        EXPECT(&w, "to 1: REPLY 3 ENOTFOUND there is no such reading; there are show, list, history, "
                   "records, stats, "
                   "executors\n");
        world_close(&w);
}

Test(front, hello_of_another_protocol_is_refused_with_both_versions)
{
        struct world w;
        world_open(&w, 1);
        SAY(&w, 1, .type = MSG_HELLO, .protocol = 7, .name = bytes_str("ann"));
        flush(&w);
        EXPECT(&w, "to 1: WELCOME EPROTOCOL this node speaks protocol 1, not 7\n");
        world_close(&w);
}

Test(front, name_beyond_the_limit_is_refused_with_the_limit_to_who_waits_for_an_answer)
{
        static const uint8_t types[] = { MSG_START, MSG_SIGNAL, MSG_CANCEL, MSG_TERMINATE,
                                         MSG_QUERY, MSG_WAIT,   MSG_READ,   MSG_DELETE };
        struct world w;
        char name[WIRE_ID_MAX + 1];
        memset(name, 'x', sizeof name);
        world_open(&w, 1);
        for (size_t i = 0; i < sizeof types; i++) {
                SAY(&w, 1, .type = types[i], .correlation = i + 1, .id = bytes_of(name, sizeof name));
                cr_assert_eq(w.front->frames_refused, i + 1);
                char line[100];
                snprintf(line, sizeof line,
                         "to 1: REPLY %zu ETOOBIG the id has 256 bytes; at most 255 are allowed\n", i + 1);
                flush(&w);
                EXPECT(&w, line);
        }
        SAY(&w, 1, .type = MSG_START, .correlation = 1, .request_id = bytes_of(name, sizeof name));
        SAY(&w, 1, .type = MSG_START, .correlation = 2, .ns = bytes_of(name, sizeof name));
        SAY(&w, 1, .type = MSG_START, .correlation = 3, .name = bytes_of(name, sizeof name));
        SAY(&w, 1, .type = MSG_HELLO, .protocol = 1, .role = ROLE_WORKER,
            .name = bytes_of(name, sizeof name));
        flush(&w);
        EXPECT(&w, "to 1: REPLY 1 ETOOBIG the request id has 256 bytes; at most 255 are allowed\n"
                   "to 1: REPLY 2 ETOOBIG the namespace has 256 bytes; at most 255 are allowed\n"
                   "to 1: REPLY 3 ETOOBIG the name has 256 bytes; at most 255 are allowed\n"
                   "to 1: WELCOME ETOOBIG the name has 256 bytes; at most 255 are allowed\n");
        SAY(&w, 1, .type = MSG_REPLY, .correlation = 4, .id = bytes_of(name, sizeof name));
        flush(&w);
        EXPECT(&w, ""); /* that is no request */
        SAY(&w, 1, .type = MSG_WAIT, .correlation = 9, .id = bytes_of(name, WIRE_ID_MAX));
        EXPECT(&w, "shard 0: WAIT 9\n");
        world_close(&w);
}

/* --- admission --- */

/* A refusal is the shard's to say, since a repeated start is answered as the first was. */
Test(front, starts_are_busy_while_too_much_is_queued_and_everything_else_goes_on)
{
        struct world w;
        world_open(&w, 1);
        SAY(&w, 1, .type = MSG_START, .correlation = 1);
        EXPECT(&w, "shard 0: START 1\n");
        for (uint64_t run = 1; run <= 3; run++)
                enqueue(&w, run, QUEUED_MAX / 2);
        SAY(&w, 1, .type = MSG_START, .correlation = 2);
        SAY(&w, 1, .type = MSG_SIGNAL, .correlation = 3);
        SAY(&w, 1, .type = MSG_TERMINATE, .correlation = 4);
        flush(&w);
        EXPECT(&w,
               "shard 0: START 2 EBUSY 1 MiB of work are queued, which is the limit; try again in a second\n"
               "shard 0: SIGNAL 3\nshard 0: TERMINATE 4\n");
        for (uint64_t run = 1; run <= 3; run++)
                front_from_shard(w.front, &(struct message){ .type = MSG_CLOSE, .token = { run, 1, 0, 0 } },
                                 w.now_ns);
        SAY(&w, 1, .type = MSG_START, .correlation = 5);
        EXPECT(&w, "shard 0: START 5\n");
        world_close(&w);
}

Test(front, answers_that_a_peer_does_not_take_count_as_queued)
{
        struct world w;
        world_open(&w, 1);
        receive(&w, 1, bytes_of(NULL, 0));
        w.paths[1] = FULL;
        for (int i = 0; i < 12; i++) {
                answer(&w, 1, 1, QUEUED_MAX / 10);
                flush(&w);
        }
        cr_assert_gt(w.front->unsent_bytes, QUEUED_MAX);
        SAY(&w, 2, .type = MSG_START, .correlation = 2);
        EXPECT(
            &w,
            "shard 0: START 2 EBUSY 1 MiB of work are queued, which is the limit; try again in a second\n");
        w.paths[1] = GONE;
        flush(&w);
        cr_assert_eq(w.front->unsent_bytes, 0);
        SAY(&w, 2, .type = MSG_START, .correlation = 3);
        EXPECT(&w, "shard 0: START 3\n");
        world_close(&w);
}

Test(front, full_disk_refuses_starts_and_is_told_once)
{
        struct world w;
        world_open(&w, 1);
        front_set_disk_full(w.front, true);
        front_set_disk_full(w.front, true);
        EXPECT(
            &w,
            "log error: the disk is full: nothing can be written; it goes on by itself when there is room\n");
        SAY(&w, 1, .type = MSG_START, .correlation = 1);
        SAY(&w, 1, .type = MSG_SIGNAL, .correlation = 2);
        SAY(&w, 1, .type = MSG_WAIT, .correlation = 3);
        flush(&w);
        EXPECT(&w, "shard 0: START 1 EFULL the disk is full; no run can start until there is room\n"
                   "shard 0: SIGNAL 2\nshard 0: WAIT 3\n");
        front_set_disk_full(w.front, false);
        front_set_disk_full(w.front, false);
        SAY(&w, 1, .type = MSG_START, .correlation = 4);
        EXPECT(&w, "log info: there is room on the disk again\nshard 0: START 4\n");
        world_close(&w);
}

Test(front, short_reserve_refuses_starts_only_and_is_told_when_it_begins_and_ends)
{
        struct world w;
        struct disk_reserve reserve;
        world_open(&w, 1);
        disk_reserve_init(&reserve, 300 << 20, (struct disk_room){ 4000u << 20, 299 << 20 }, 0);
        front_set_disk_reserve(w.front, &reserve);
        front_set_disk_reserve(w.front, &reserve);
        EXPECT(&w, "log warning: no run can start: 299.0 MiB of the disk's 3.9 GiB are free, and the last "
                   "300.0 MiB are kept for runs that have started; make room, or try again in 10 s\n");
        SAY(&w, 1, .type = MSG_START, .correlation = 1);
        SAY(&w, 1, .type = MSG_SIGNAL, .correlation = 2);
        SAY(&w, 1, .type = MSG_CANCEL, .correlation = 3);
        SAY(&w, 1, .type = MSG_TERMINATE, .correlation = 4);
        EXPECT(&w, "shard 0: START 1 EFULL 299.0 MiB of the disk's 3.9 GiB are free, and the last 300.0 MiB "
                   "are kept for runs that have started; make room, or try again in 10 s\n"
                   "shard 0: SIGNAL 2\nshard 0: CANCEL 3\nshard 0: TERMINATE 4\n");
        reserve.room.free_bytes = 300 << 20;
        front_set_disk_reserve(w.front, &reserve);
        front_set_disk_reserve(w.front, &reserve);
        SAY(&w, 1, .type = MSG_START, .correlation = 5);
        EXPECT(&w, "log info: the disk has room to spare again: runs can start\nshard 0: START 5\n");
        world_close(&w);
}

/* --- frames out --- */

Test(front, what_is_said_in_a_turn_goes_out_in_one_frame_at_the_flush)
{
        struct world w;
        world_open(&w, 1);
        receive(&w, 1, bytes_of(NULL, 0));
        for (uint64_t i = 1; i <= 100; i++)
                answer(&w, 1, i, 10);
        EXPECT(&w, "");
        flush(&w);
        cr_assert_eq(w.frames[1], 1);
        cr_assert_eq(w.front->unsent_bytes, 0);
        flush(&w);
        cr_assert_eq(w.frames[1], 1, "there was nothing to say");
        world_close(&w);
}

Test(front, frame_that_reaches_its_size_goes_out_by_itself)
{
        struct world w;
        world_open(&w, 1);
        receive(&w, 1, bytes_of(NULL, 0));
        for (uint64_t i = 1; i <= 3; i++)
                answer(&w, 1, i, WIRE_FRAME_AIM - 100);
        cr_assert_eq(w.frames[1], 2);
        flush(&w);
        EXPECT(&w, "to 1: WHO\nto 1: REPLY 1\nto 1: REPLY 2\nto 1: REPLY 3\n");
        world_close(&w);
}

Test(front, frames_that_are_refused_wait_in_order_and_are_tried_again)
{
        struct world w;
        world_open(&w, 1);
        receive(&w, 1, bytes_of(NULL, 0));
        w.paths[1] = FULL;
        for (uint64_t i = 1; i <= 5; i++) {
                answer(&w, 1, i, WIRE_FRAME_AIM - 100);
                flush(&w);
        }
        EXPECT(&w, "");
        int64_t due_ns = front_deadline(w.front);
        cr_assert(due_ns > w.now_ns && due_ns < w.now_ns + SECOND, "it does not want to try again soon");
        w.takes[1] = 2;
        flush(&w);
        cr_assert_eq(w.frames[1], 2);
        EXPECT(&w, "to 1: WHO\nto 1: REPLY 1\nto 1: REPLY 2\n");
        answer(&w, 1, 6, 10); /* behind those that wait */
        int before = w.refusals;
        flush(&w);
        cr_assert_eq(w.refusals, before + 1, "a peer that refuses one frame is not asked for the next");
        EXPECT(&w, "");
        w.paths[1] = OPEN;
        flush(&w);
        EXPECT(&w, "to 1: REPLY 3\nto 1: REPLY 4\nto 1: REPLY 5\nto 1: REPLY 6\n");
        cr_assert_eq(w.front->unsent_bytes, 0);
        cr_assert_eq(front_deadline(w.front), INT64_MAX);
        world_close(&w);
}

Test(front, peer_that_takes_nothing_holds_up_nobody_else)
{
        struct world w;
        world_open(&w, 1);
        receive(&w, 1, bytes_of(NULL, 0));
        receive(&w, 2, bytes_of(NULL, 0));
        w.paths[1] = FULL;
        flush(&w);
        EXPECT(&w, "to 2: WHO\n");
        answer(&w, 2, 1, 10);
        flush(&w);
        EXPECT(&w, "to 2: REPLY 1\n");
        world_close(&w);
}

Test(front, peer_that_lets_64_MiB_wait_is_given_up)
{
        struct world w;
        world_open(&w, 1);
        receive(&w, 1, bytes_of(NULL, 0));
        w.paths[1] = FULL;
        for (int i = 0; i < 140 && w.front->peers.count; i++) {
                answer(&w, 1, 1, 512 << 10);
                flush(&w);
                cr_assert_lt(w.front->unsent_bytes, 66u << 20);
        }
        cr_assert_eq(w.front->peers.count, 0);
        cr_assert_eq(w.front->unsent_bytes, 0);
        world_close(&w);
}

Test(front, peer_that_is_gone_is_forgotten_with_what_was_to_be_said_to_it)
{
        struct world w;
        world_open(&w, 1);
        receive(&w, 1, bytes_of(NULL, 0));
        w.paths[1] = FULL;
        answer(&w, 1, 1, WIRE_FRAME_AIM);
        flush(&w);
        answer(&w, 1, 2, 10);
        w.paths[1] = GONE;
        flush(&w);
        cr_assert_eq(w.front->peers.count, 0);
        cr_assert_eq(w.front->unsent_bytes, 0);
        answer(&w, 1, 3, 10); /* nobody */
        flush(&w);
        EXPECT(&w, "");
        world_close(&w);
}

/* --- workers --- */

Test(front, task_goes_to_the_worker_and_its_outcome_to_the_shard_of_its_run)
{
        struct world w;
        world_open(&w, SHARDS);
        hello(&w, 1, false, 1);
        uint64_t run = UINT64_C(2) << 48 | 7;
        cr_assert_eq(shard_of_run(run), 2);
        enqueue(&w, run, 10);
        flush(&w);
        char line[100];
        snprintf(line, sizeof line, "to 1: TASK %llu/1#1 charge\n", (unsigned long long)run);
        EXPECT(&w, line);
        SAY(&w, 1, .type = MSG_DONE, .token = { run, 1, 1, INCARNATION });
        snprintf(line, sizeof line, "shard 2: OUTCOME %llu/1#1\n", (unsigned long long)run);
        EXPECT(&w, line);
        world_close(&w);
}

/* What the run's shard is told of an outcome with that value. */
static void outcome_of(struct world *w, uint32_t op, bool local, struct bytes value, const char *expected)
{
        uint64_t peer = local ? 2 : 1;
        hello(w, peer, local, 1);
        struct message task = { .type = MSG_ENQUEUE,
                                .token = { 7, op, 1, INCARNATION },
                                .name = bytes_str("charge") };
        front_from_shard(w->front, &task, w->now_ns);
        flush(w);
        trace_clear(&w->trace);
        SAY(w, peer, .type = MSG_DONE, .token = { 7, op, 1, INCARNATION }, .value = value);
        char line[300];
        snprintf(line, sizeof line, "shard 0: OUTCOME 7/%u#1%s\n", op, expected);
        EXPECT(w, line);
        SAY(w, peer, .type = MSG_BYE);
        flush(w);
        trace_clear(&w->trace);
}

Test(front, result_that_is_no_value_or_beyond_the_limits_is_a_failure_that_is_not_tried_again)
{
        static uint8_t large[STET_VALUE_SIZE_MAX + 1] = { 0xc6, 0, 0x1f, 0xff, 0xfb },
                                                   deep[STET_VALUE_DEPTH_MAX + 1];
        struct world w;
        world_open(&w, 1);
        outcome_of(&w, 1, false, bytes_of(large, STET_VALUE_SIZE_MAX), "");
        large[4]++;
        outcome_of(&w, 2, false, bytes_of(large, sizeof large),
                   " EFAILED the result has 2097153 bytes; the most is 2097152");
        outcome_of(&w, 3, false, bytes_str("\x01\x02"),
                   " EFAILED the result is not one msgpack value of at most 262144 parts and 14 levels");
        memset(deep, 0x91, sizeof deep);
        deep[STET_VALUE_DEPTH_MAX] = 0xc0;
        outcome_of(&w, 4, false, bytes_of(deep, sizeof deep), "");
        deep[STET_VALUE_DEPTH_MAX] = 0x90;
        outcome_of(&w, 5, false, bytes_of(deep, sizeof deep),
                   " EFAILED the result is not one msgpack value of at most 262144 parts and 14 levels");
        outcome_of(&w, 6, true, bytes_str("\x01"), "");
        world_close(&w);
}

Test(front, answer_that_no_frame_can_hold_is_refused_with_its_size_and_the_limit)
{
        struct world w;
        world_open(&w, 1);
        receive(&w, 1, bytes_of(NULL, 0));
        uint8_t *value = calloc(1, WIRE_FRAME_MAX);
        struct message m = { .type = MSG_REPLY,
                             .correlation = 7,
                             .value = bytes_of(value, WIRE_FRAME_MAX - 4096) };
        front_to_peer(w.front, 1, &m);
        flush(&w);
        m.correlation = 8;
        m.value.size++;
        front_to_peer(w.front, 1, &m);
        flush(&w);
        EXPECT(&w, "to 1: WHO\nto 1: REPLY 7\nto 1: REPLY 8 ETOOBIG the answer has 4190209 bytes, and a "
                   "frame takes at "
                   "most 4194304; ask for less of it\n");
        free(value);
        world_close(&w);
}

Test(front, worker_that_is_unknown_is_asked_who)
{
        struct world w;
        world_open(&w, 1);
        put(&w, &(struct message){ .type = MSG_WINDOW, .count = 3 });
        put(&w, &(struct message){ .type = MSG_PULSE });
        say_all(&w, 1);
        flush(&w);
        EXPECT(&w, "to 1: WHO\n");
        world_close(&w);
}

Test(front, worker_that_went_while_it_was_given_much_is_found_gone_at_the_flush)
{
        struct world w;
        for (int local = 0; local < 2; local++) {
                world_open(&w, 1);
                hello(&w, 1, local, 8);
                w.paths[1] = GONE;
                for (uint64_t run = 1; run <= 8; run++)
                        enqueue(&w, run, WIRE_FRAME_AIM); /* each fills a frame, and is sent by the next */
                for (uint64_t run = 1; run <= 4; run++)
                        front_from_shard(w.front,
                                         &(struct message){ .type = MSG_CLOSE, .token = { run, 1, 0, 0 } },
                                         w.now_ns);
                EXPECT(&w, "");
                struct scheduler_stats stats;
                scheduler_stats(w.front->scheduler, &stats);
                cr_assert_eq(stats.workers, 1, "the scheduler was told in the middle of a move");
                flush(&w);
                scheduler_stats(w.front->scheduler, &stats);
                cr_assert_eq(stats.workers, 0);
                cr_assert_eq(stats.running, local ? 0 : 4, "a local executor's attempts are lost at once");
                trace_clear(&w.trace);
                world_close(&w);
        }
}

/* --- peers that leave or fall silent --- */

Test(front, client_that_says_bye_is_forgotten_at_once_and_a_worker_with_what_it_ran)
{
        struct world w;
        world_open(&w, 1);
        receive(&w, 1, bytes_of(NULL, 0));
        answer(&w, 1, 1, 10);
        SAY(&w, 1, .type = MSG_BYE);
        cr_assert_eq(w.front->peers.count, 0);
        cr_assert_eq(w.front->unsent_bytes, 0);
        flush(&w);
        EXPECT(&w, "");

        hello(&w, 1, false, 1);
        enqueue(&w, 7, 10);
        flush(&w);
        EXPECT(&w, "to 1: TASK 7/1#1 charge\n");
        SAY(&w, 1, .type = MSG_BYE);
        struct scheduler_stats stats;
        scheduler_stats(w.front->scheduler, &stats);
        cr_assert_eq(stats.workers, 0);
        cr_assert_eq(stats.waiting, 1);
        SAY(&w, 1, .type = MSG_BYE); /* now it is no worker any more */
        cr_assert_eq(w.front->peers.count, 0);
        world_close(&w);
}

Test(front, silent_client_is_asked_who_after_half_an_hour_and_forgotten_after_one)
{
        struct world w;
        world_open(&w, 1);
        receive(&w, 1, bytes_of(NULL, 0));
        flush(&w);
        EXPECT(&w, "to 1: WHO\n");
        advance(&w, LEASE_NS); /* the first look */
        advance(&w, 30 * MINUTE - LEASE_NS - 1);
        EXPECT(&w, "");
        advance(&w, 1);
        EXPECT(&w, "to 1: WHO\n");
        advance(&w, 30 * MINUTE - 1);
        cr_assert_eq(w.front->peers.count, 1);
        advance(&w, 1);
        cr_assert_eq(w.front->peers.count, 0);
        EXPECT(&w, "");
        world_close(&w);
}

Test(front, any_word_of_a_client_keeps_it)
{
        struct world w;
        world_open(&w, 1);
        for (int i = 0; i < 10; i++) {
                receive(&w, 1, bytes_of(NULL, 0));
                flush(&w);
                EXPECT(&w, "to 1: WHO\n");
                advance(&w, 29 * MINUTE);
                EXPECT(&w, "");
        }
        cr_assert_eq(w.front->peers.count, 1);
        world_close(&w);
}

Test(front, silent_client_with_something_unsent_is_kept)
{
        struct world w;
        world_open(&w, 1);
        receive(&w, 1, bytes_of(NULL, 0));
        w.paths[1] = FULL;
        for (int i = 0; i < 5; i++)
                advance(&w, 30 * MINUTE);
        cr_assert_eq(w.front->peers.count, 1);
        w.paths[1] = OPEN;
        flush(&w);
        for (int i = 0; i < 10; i++)
                advance(&w, 30 * MINUTE);
        cr_assert_eq(w.front->peers.count, 0);
        world_close(&w);
}

Test(front, silent_worker_is_asked_who_so_that_its_broken_connection_is_found_and_its_attempt_lost)
{
        struct world w;
        world_open(&w, 1);
        hello(&w, 1, false, 1);
        hello(&w, 2, false, 0); /* the same executor: it lives on over this one */
        enqueue(&w, 7, 10);
        flush(&w);
        EXPECT(&w, "to 1: TASK 7/1#1 charge\n");
        w.paths[1] = GONE; /* the TASK was lost with it */
        for (int i = 1; i <= 10; i++) {
                advance(&w, SECOND);
                SAY(&w, 2, .type = MSG_PULSE);
                if (i == 4)
                        cr_assert_eq(w.front->peers.count, 2);
                if (i == 5)
                        cr_assert_eq(w.front->peers.count, 1);
                if (i < 10)
                        EXPECT(&w, "");
        }
        EXPECT(
            &w,
            "shard 0: OUTCOME 7/1#1 EFAILED the connection to executor \"ann\" broke, and it did not claim "
            "the attempt within 5000 ms\n");
        world_close(&w);
}

Test(front, worker_for_whom_another_connection_speaks_is_kept_and_asked_ever_more_seldom)
{
        struct world w;
        world_open(&w, 1);
        hello(&w, 1, false, 1);
        hello(&w, 2, false, 0);
        for (int i = 0; i < 7200; i++) {
                advance(&w, SECOND);
                SAY(&w, 2, .type = MSG_PULSE);
        }
        cr_assert_eq(w.front->peers.count, 2);
        cr_assert_eq(w.frames[1], 1 + 11, "5, 10, 20 … 5120 seconds after its last word, not %d times",
                     w.frames[1] - 1);
        world_close(&w);
}

Test(front, local_worker_is_never_asked)
{
        struct world w;
        world_open(&w, 1);
        hello(&w, 1, true, 1);
        for (int i = 0; i < 10; i++)
                advance(&w, 30 * MINUTE);
        EXPECT(&w, "");
        cr_assert_eq(w.front->peers.count, 1);
        world_close(&w);
}

Test(front, looks_at_a_bounded_number_of_silent_peers_in_a_tick)
{
        struct world w;
        world_open(&w, 1);
        for (uint64_t peer = 1; peer < PEERS; peer++)
                receive(&w, peer, bytes_of(NULL, 0));
        flush(&w);
        trace_clear(&w.trace);
        w.now_ns += 60 * MINUTE;
        size_t before = w.front->peers.count;
        for (int ticks = 0; w.front->peers.count; ticks++) {
                cr_assert_lt(ticks, 10);
                front_tick(w.front, w.now_ns);
                cr_assert_leq(before - w.front->peers.count, 64);
                before = w.front->peers.count;
        }
        world_close(&w);
}

Test(front, can_be_freed_in_the_middle_of_anything)
{
        struct world w;
        world_open(&w, 1);
        hello(&w, 1, false, 2);
        enqueue(&w, 1, WIRE_FRAME_AIM);
        enqueue(&w, 2, WIRE_FRAME_AIM);
        w.paths[2] = FULL;
        receive(&w, 2, bytes_of(NULL, 0));
        flush(&w);
        answer(&w, 2, 1, 10);
        front_free(w.front);
        front_free(NULL);
        buffer_fini(&w.out);
}
