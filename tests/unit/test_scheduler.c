/* SPDX-License-Identifier: MIT
 *
 * The scheduler's claims, told as traces: a world drives it on its own clock (in ms) and writes down each
 * message it sends, one line each; a test says what it expects to read since the last time.
 *
 *   to 1: TASK 7/1#2 charge          attempt 2 of run 7's op 1, an activity "charge", to peer 1
 *   shard: OUTCOME 7/1#2 ok by ann for 1
 */
#include "base/pack.h"
#include "runtime/scheduler.h"

#include "tests/lib/trace.h"

#include <stdio.h>
#include <stdlib.h>

enum { INCARNATION = 9, LEASE_MS = 10000, NOTE_MS = 1000 };

struct world {
        struct scheduler *s;
        int64_t now_ns;
        struct trace trace;
        stet_why why;
};

/* --- the trace --- */

static void write_token(struct world *w, const struct token *t)
{
        trace_write(&w->trace, " %llu/%u#%u", (unsigned long long)t->run, t->op, t->attempt);
}

static void write_named(struct world *w, const char *label, struct bytes text)
{
        if (text.size)
                trace_write(&w->trace, " %s%.*s", label, (int)text.size, (const char *)text.data);
}

static void to_peer(void *ctx, uint64_t peer, const struct message *m)
{
        struct world *w = ctx;
        static const char *const names[MSG_TYPES] = {
                [MSG_WHO] = "WHO", [MSG_TASK] = "TASK", [MSG_ACK] = "ACK", [MSG_DROP] = "DROP"
        };
        cr_assert(names[m->type], "message type %d to a peer", m->type);
        trace_write(&w->trace, "to %llu: %s", (unsigned long long)peer, names[m->type]);
        if (m->type != MSG_WHO)
                write_token(w, &m->token);
        if (m->type == MSG_TASK)
                cr_assert_eq(m->token.incarnation, INCARNATION);
        write_named(w, "", m->name);
        write_named(w, "input ", m->value);
        if (m->code)
                trace_write(&w->trace, " %s", stet_error_name((int)m->code));
        trace_write(&w->trace, "\n");
}

static void to_shard(void *ctx, const struct message *m)
{
        struct world *w = ctx;
        cr_assert(m->type == MSG_OUTCOME || m->type == MSG_NOTE, "message type %d to a shard", m->type);
        cr_assert_eq(m->token.incarnation, INCARNATION);
        trace_write(&w->trace, "shard: %s", m->type == MSG_NOTE ? "NOTE" : "OUTCOME");
        write_token(w, &m->token);
        if (m->type == MSG_OUTCOME)
                trace_write(&w->trace, " %s", m->code ? stet_error_name((int)m->code) : "ok");
        write_named(w, "", m->kind);
        write_named(w, "", m->text);
        write_named(w, "value ", m->value);
        write_named(w, "by ", m->executor);
        if (m->started_ns)
                trace_write(&w->trace, " since %lld", (long long)(m->started_ns / 1000000));
        if (m->peer)
                trace_write(&w->trace, " for %llu", (unsigned long long)m->peer);
        if (m->permanent)
                trace_write(&w->trace, " permanent");
        if (m->count)
                trace_write(&w->trace, " lost %u", m->count);
        trace_write(&w->trace, "\n");
}

#define EXPECT(w, lines) trace_expect(&(w)->trace, lines, __LINE__)

/* One msgpack value as text, JSON without the fuss. */
static void render(struct world *w, struct cursor *c)
{
        switch (cursor_type(c)) {
        case UNPACK_ARRAY:
                trace_write(&w->trace, "[");
                for (uint32_t i = 0, count = cursor_array(c); i < count; i++) {
                        trace_write(&w->trace, i ? " " : "");
                        render(w, c);
                }
                trace_write(&w->trace, "]");
                break;
        case UNPACK_MAP:
                for (uint32_t i = 0, count = cursor_map(c); i < count; i++) {
                        trace_write(&w->trace, i ? " " : "");
                        render(w, c);
                        trace_write(&w->trace, "=");
                        render(w, c);
                }
                trace_write(&w->trace, "\n");
                break;
        case UNPACK_STR: {
                struct bytes text = cursor_str(c);
                trace_write(&w->trace, "%.*s", (int)text.size, (const char *)text.data);
                break;
        }
        case UNPACK_BOOL:
                trace_write(&w->trace, cursor_bool(c) ? "yes" : "no");
                break;
        default:
                trace_write(&w->trace, "%lld", (long long)cursor_int(c));
        }
}

static void render_all(struct world *w, struct buffer *b)
{
        static const struct unpack_limits limits = { .depth_max = 8, .nodes_max = 10000 };
        cr_assert_eq(unpack_validate(buffer_bytes(b), &limits, 1, NULL), 0);
        struct cursor c = cursor_of(buffer_bytes(b));
        render(w, &c);
        buffer_clear(b);
}

/* --- what the world does --- */

static void world_open(struct world *w, int64_t note_after_ms)
{
        struct scheduler_options options = { .incarnation = INCARNATION,
                                             .lease_ns = LEASE_MS * INT64_C(1000000),
                                             .note_after_ns = note_after_ms * 1000000 };
        struct scheduler_sink sink = { .ctx = w, .to_peer = to_peer, .to_shard = to_shard };
        *w = (struct world){ .s = scheduler_new(&options, &sink) };
}

static void world_close(struct world *w)
{
        scheduler_free(w->s);
}

/* At that time, and not a nanosecond earlier. */
static void tick_at(struct world *w, int64_t ms)
{
        w->now_ns = ms * 1000000 - 1;
        scheduler_tick(w->s, w->now_ns);
        size_t used = w->trace.used;
        w->now_ns++;
        cr_assert_leq(scheduler_deadline(w->s), w->now_ns, "it does not want to be woken at %lld",
                      (long long)ms);
        scheduler_tick(w->s, w->now_ns);
        cr_assert_gt(w->trace.used, used, "nothing happened at %lld, or all a nanosecond early",
                     (long long)ms);
}

static void advance(struct world *w, int64_t ms)
{
        w->now_ns = ms * 1000000;
        scheduler_tick(w->s, w->now_ns);
}

struct job {
        uint64_t run;
        uint32_t attempt; /* 0: the first */
        uint32_t lost;
        const char *activity; /* NULL: "charge"; "": what was said before */
        const char *queue;    /* NULL: the default one */
        const char *input;
        int64_t due_ms;
        int64_t timeout_ms;
        int64_t schedule_timeout_ms;
        int64_t heartbeat_ms;
};

static void enqueue_job(struct world *w, const struct job *job)
{
        struct message m = { .type = MSG_ENQUEUE,
                             .token = { job->run, 1, job->attempt ? job->attempt : 1, INCARNATION },
                             .count = job->lost,
                             .name = bytes_str(job->activity ? job->activity : "charge"),
                             .queue = bytes_str(job->queue),
                             .value = bytes_str(job->input),
                             .due_ns = job->due_ms * 1000000,
                             .timeout_ms = job->timeout_ms,
                             .schedule_timeout_ms = job->schedule_timeout_ms,
                             .heartbeat_ms = job->heartbeat_ms };
        scheduler_enqueue(w->s, &m, w->now_ns);
}
#define enqueue(w, ...) enqueue_job(w, &(struct job){ .run = __VA_ARGS__ })

static void close_task(struct world *w, uint64_t run)
{
        scheduler_close(w->s, run, 1, w->now_ns);
}

/* "a b" as a msgpack array of strings. */
static void pack_words(struct buffer *b, const char *words)
{
        uint32_t count = 0;
        for (const char *p = words; *p; p++)
                count += *p != ' ' && (p == words || p[-1] == ' ');
        pack_array(b, count);
        for (const char *p = words; *p;) {
                size_t size = strcspn(p, " ");
                pack_str(b, bytes_of(p, size));
                p += size + strspn(p + size, " ");
        }
}

static int hello(struct world *w, uint64_t peer, bool local, const char *executor, const char *activities,
                 const char *queues)
{
        struct buffer a = { 0 }, q = { 0 };
        pack_words(&a, activities);
        pack_words(&q, queues);
        struct message m = { .type = MSG_HELLO,
                             .role = ROLE_WORKER,
                             .name = bytes_str(executor),
                             .names = buffer_bytes(&a),
                             .queues = buffer_bytes(&q) };
        int err = scheduler_hello(w->s, peer, local, &m, w->now_ns, &w->why);
        buffer_fini(&a);
        buffer_fini(&q);
        return err;
}

static void window(struct world *w, uint64_t peer, uint32_t count)
{
        struct message m = { .type = MSG_WINDOW, .count = count };
        scheduler_receive(w->s, peer, &m, w->now_ns);
}

static void worker(struct world *w, uint64_t peer, const char *executor, const char *activities,
                   uint32_t count)
{
        cr_assert_eq(hello(w, peer, false, executor, activities, "default"), 0, "%s", w->why.text);
        window(w, peer, count);
}

static void say_of(struct world *w, uint64_t peer, uint8_t type, uint64_t run, uint32_t attempt)
{
        struct message m = { .type = type, .token = { run, 1, attempt, INCARNATION } };
        scheduler_receive(w->s, peer, &m, w->now_ns);
}

static void say(struct world *w, uint64_t peer, uint8_t type)
{
        struct message m = { .type = type };
        scheduler_receive(w->s, peer, &m, w->now_ns);
}

static void done(struct world *w, uint64_t peer, uint64_t run)
{
        say_of(w, peer, MSG_DONE, run, 1);
}

/* --- handing out --- */

Test(scheduler, task_goes_out_at_once_to_a_worker_with_room)
{
        struct world w;
        world_open(&w, 0);
        worker(&w, 1, "ann", "charge", 1);
        enqueue(&w, 7, .input = "5 EUR");
        EXPECT(&w, "to 1: TASK 7/1#1 charge input 5 EUR\n");
        world_close(&w);
}

Test(scheduler, tasks_wait_for_a_worker_and_go_out_in_order_of_arrival)
{
        struct world w;
        world_open(&w, 0);
        for (uint64_t run = 3; run >= 1; run--)
                enqueue(&w, run);
        EXPECT(&w, "");
        worker(&w, 1, "ann", "charge", 10);
        EXPECT(&w, "to 1: TASK 3/1#1 charge\n"
                   "to 1: TASK 2/1#1 charge\n"
                   "to 1: TASK 1/1#1 charge\n");
        world_close(&w);
}

Test(scheduler, window_is_never_exceeded_and_a_place_that_gets_free_is_used)
{
        struct world w;
        world_open(&w, 0);
        worker(&w, 1, "ann", "charge", 2);
        for (uint64_t run = 1; run <= 5; run++)
                enqueue(&w, run);
        EXPECT(&w, "to 1: TASK 1/1#1 charge\n"
                   "to 1: TASK 2/1#1 charge\n");
        done(&w, 1, 2);
        EXPECT(&w, "shard: OUTCOME 2/1#1 ok by ann for 1\n"
                   "to 1: TASK 3/1#1 charge\n");
        window(&w, 1, 3);
        EXPECT(&w, "to 1: TASK 4/1#1 charge\n");
        window(&w, 1, 0);
        done(&w, 1, 1);
        done(&w, 1, 3);
        done(&w, 1, 4);
        EXPECT(&w, "shard: OUTCOME 1/1#1 ok by ann for 1\n"
                   "shard: OUTCOME 3/1#1 ok by ann for 1\n"
                   "shard: OUTCOME 4/1#1 ok by ann for 1\n");
        world_close(&w);
}

Test(scheduler, workers_with_room_take_turns)
{
        struct world w;
        world_open(&w, 0);
        worker(&w, 1, "ann", "charge", 2);
        worker(&w, 2, "bob", "charge", 9);
        worker(&w, 3, "cid", "charge", 0);
        for (uint64_t run = 1; run <= 6; run++)
                enqueue(&w, run);
        EXPECT(&w, "to 1: TASK 1/1#1 charge\n"
                   "to 2: TASK 2/1#1 charge\n"
                   "to 1: TASK 3/1#1 charge\n"
                   "to 2: TASK 4/1#1 charge\n"
                   "to 2: TASK 5/1#1 charge\n"
                   "to 2: TASK 6/1#1 charge\n");
        window(&w, 3, 1);
        enqueue(&w, 7);
        enqueue(&w, 8);
        EXPECT(&w, "to 2: TASK 7/1#1 charge\n"
                   "to 3: TASK 8/1#1 charge\n");
        world_close(&w);
}

Test(scheduler, worker_that_names_an_activity_twice_gets_no_second_turn)
{
        struct world w;
        world_open(&w, 0);
        cr_assert_eq(hello(&w, 1, false, "ann", "charge ship charge", "default default"), 0);
        window(&w, 1, 9);
        worker(&w, 2, "bob", "charge", 9);
        for (uint64_t run = 1; run <= 4; run++)
                enqueue(&w, run);
        EXPECT(&w, "to 1: TASK 1/1#1 charge\n"
                   "to 2: TASK 2/1#1 charge\n"
                   "to 1: TASK 3/1#1 charge\n"
                   "to 2: TASK 4/1#1 charge\n");
        world_close(&w);
}

Test(scheduler, worker_of_several_lanes_gets_the_task_that_arrived_first_among_them)
{
        struct world w;
        world_open(&w, 0);
        worker(&w, 1, "ann", "charge refund ship", 1);
        worker(&w, 2, "bob", "refund", 1);
        enqueue(&w, 1);
        enqueue(&w, 2, .activity = "refund");
        EXPECT(&w, "to 1: TASK 1/1#1 charge\n"
                   "to 2: TASK 2/1#1 refund\n");
        enqueue(&w, 3, .activity = "refund");
        enqueue(&w, 4, .activity = "ship");
        enqueue(&w, 5);
        enqueue(&w, 6, .activity = "refund");
        done(&w, 2, 2); /* so that ann's idea of the refunds is out of date */
        done(&w, 1, 1);
        done(&w, 1, 4);
        done(&w, 1, 5);
        done(&w, 1, 6);
        EXPECT(&w, "shard: OUTCOME 2/1#1 ok by bob for 2\n"
                   "to 2: TASK 3/1#1 refund\n"
                   "shard: OUTCOME 1/1#1 ok by ann for 1\n"
                   "to 1: TASK 4/1#1 ship\n"
                   "shard: OUTCOME 4/1#1 ok by ann for 1\n"
                   "to 1: TASK 5/1#1 charge\n"
                   "shard: OUTCOME 5/1#1 ok by ann for 1\n"
                   "to 1: TASK 6/1#1 refund\n"
                   "shard: OUTCOME 6/1#1 ok by ann for 1\n");
        world_close(&w);
}

Test(scheduler, lane_that_nobody_serves_does_not_hold_up_the_others)
{
        struct world w;
        world_open(&w, 0);
        worker(&w, 1, "ann", "charge", 1);
        enqueue(&w, 1, .activity = "fly");
        enqueue(&w, 2, .queue = "moon");
        enqueue(&w, 3);
        EXPECT(&w, "to 1: TASK 3/1#1 charge\n");
        world_close(&w);
}

Test(scheduler, large_inputs_arrive_whole)
{
        struct world w;
        world_open(&w, 0);
        worker(&w, 1, "ann", "charge", 9);
        for (size_t size = 1; size < 10000; size = size * 3 + 1) {
                char *input = calloc(1, size + 1), expected[10100];
                memset(input, 'x', size);
                enqueue(&w, size, .input = input);
                snprintf(expected, sizeof expected, "to 1: TASK %zu/1#1 charge input %s\n", size, input);
                EXPECT(&w, expected);
                close_task(&w, size);
                trace_clear(&w.trace);
                free(input);
        }
        world_close(&w);
}

/* --- outcomes and tokens --- */

Test(scheduler, outcome_carries_what_the_worker_said)
{
        struct world w;
        world_open(&w, 0);
        worker(&w, 1, "ann", "charge", 9);
        enqueue(&w, 1);
        enqueue(&w, 2);
        trace_clear(&w.trace);
        struct message ok = { .type = MSG_DONE,
                              .token = { 1, 1, 1, INCARNATION },
                              .value = bytes_str("receipt"),
                              .started_ns = 4000000 };
        scheduler_receive(w.s, 1, &ok, 0);
        struct message failed = { .type = MSG_DONE,
                                  .token = { 2, 1, 1, INCARNATION },
                                  .code = 4711,
                                  .kind = bytes_str("CardDeclined"),
                                  .text = bytes_str("no money"),
                                  .permanent = true };
        scheduler_receive(w.s, 1, &failed, 0);
        EXPECT(&w, "shard: OUTCOME 1/1#1 ok value receipt by ann since 4 for 1\n"
                   "shard: OUTCOME 2/1#1 EFAILED CardDeclined no money by ann for 1 permanent\n");
        world_close(&w);
}

Test(scheduler, repeated_done_says_nothing_while_its_ack_is_due_and_is_stale_after_the_close)
{
        struct world w;
        world_open(&w, 0);
        worker(&w, 1, "ann", "charge", 9);
        enqueue(&w, 1);
        done(&w, 1, 1);
        trace_clear(&w.trace);
        done(&w, 1, 1);
        EXPECT(&w, "");
        close_task(&w, 1);
        done(&w, 1, 1);
        EXPECT(&w, "to 1: ACK 1/1#1 ESTALE\n");
        world_close(&w);
}

Test(scheduler, only_the_current_attempts_token_is_accepted)
{
        static const struct {
                const char *what;
                struct token token;
                bool current;
        } cases[] = {
                { "another run", { 8, 1, 2, INCARNATION }, false },
                { "another step", { 7, 2, 2, INCARNATION }, false },
                { "the attempt before", { 7, 1, 1, INCARNATION }, false },
                { "an attempt to come", { 7, 1, 3, INCARNATION }, false },
                { "another past", { 7, 1, 2, INCARNATION + 1 }, false },
                { "the current one", { 7, 1, 2, INCARNATION }, true },
        };
        static const struct {
                uint8_t type;
                const char *answer;
        } says[] = { { MSG_DONE, "ACK" }, { MSG_PULSE, "DROP" }, { MSG_CLAIM, "DROP" } };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                for (size_t j = 0; j < sizeof says / sizeof *says; j++) {
                        struct world w;
                        world_open(&w, 0);
                        worker(&w, 1, "ann", "charge", 1);
                        enqueue(&w, 7, .attempt = 2);
                        trace_clear(&w.trace);
                        struct message m = { .type = says[j].type, .token = cases[i].token };
                        scheduler_receive(w.s, 1, &m, 0);
                        cr_expect_eq(strstr(w.trace.text, says[j].answer) == NULL, cases[i].current,
                                     "%s, type %d: %s", cases[i].what, says[j].type, w.trace.text);
                        world_close(&w);
                }
        }
}

Test(scheduler, done_of_an_attempt_that_waits_is_accepted_since_its_worker_may_have_outlived_the_node)
{
        struct world w;
        world_open(&w, 0);
        worker(&w, 1, "ann", "ship", 1);
        enqueue(&w, 1);
        done(&w, 1, 1);
        EXPECT(&w, "shard: OUTCOME 1/1#1 ok by ann for 1\n");
        worker(&w, 2, "bob", "charge", 1);
        EXPECT(&w, "");
        world_close(&w);
}

Test(scheduler, done_from_one_worker_drops_the_same_attempt_at_another)
{
        struct world w;
        world_open(&w, 0);
        worker(&w, 1, "ann", "charge", 1);
        worker(&w, 2, "bob", "charge", 0);
        enqueue(&w, 1);
        enqueue(&w, 2);
        trace_clear(&w.trace);
        done(&w, 2, 1);
        EXPECT(&w, "shard: OUTCOME 1/1#1 ok by bob for 2\n"
                   "to 1: DROP 1/1#1\n"
                   "to 1: TASK 2/1#1 charge\n");
        world_close(&w);
}

Test(scheduler, peer_that_said_no_hello_is_asked_who_once_at_a_time)
{
        struct world w;
        world_open(&w, 0);
        done(&w, 5, 1);
        say(&w, 5, MSG_PULSE);
        window(&w, 5, 3);
        say(&w, 6, MSG_BYE);
        EXPECT(&w, "to 5: WHO\n");
        w.now_ns++;
        say_of(&w, 5, MSG_CLAIM, 1, 1);
        EXPECT(&w, "to 5: WHO\n");
        world_close(&w);
}

/* --- attempts --- */

Test(scheduler, next_attempt_keeps_activity_and_input_and_goes_out_when_it_is_due)
{
        struct world w;
        world_open(&w, 0);
        worker(&w, 1, "ann", "charge", 1);
        enqueue(&w, 1, .input = "5 EUR");
        done(&w, 1, 1);
        trace_clear(&w.trace);
        enqueue(&w, 1, .attempt = 2, .activity = "", .due_ms = 5000);
        EXPECT(&w, "");
        done(&w, 1, 1);
        EXPECT(&w, "to 1: ACK 1/1#1 ESTALE\n");
        tick_at(&w, 5000);
        EXPECT(&w, "to 1: TASK 1/1#2 charge input 5 EUR\n");
        world_close(&w);
}

Test(scheduler, next_attempt_that_says_all_again_takes_the_new_particulars)
{
        struct world w;
        world_open(&w, 0);
        worker(&w, 1, "ann", "charge refund", 1);
        enqueue(&w, 1, .input = "5 EUR");
        done(&w, 1, 1);
        trace_clear(&w.trace);
        enqueue(&w, 1, .attempt = 2, .activity = "refund", .input = "all of it");
        EXPECT(&w, "to 1: TASK 1/1#2 refund input all of it\n");
        world_close(&w);
}

Test(scheduler, unknown_attempt_is_a_new_task_whatever_its_number)
{
        struct world w;
        world_open(&w, 0);
        worker(&w, 1, "ann", "charge", 1);
        enqueue(&w, 1, .attempt = 3);
        EXPECT(&w, "to 1: TASK 1/1#3 charge\n");
        world_close(&w);
}

Test(scheduler, attempt_under_way_that_is_said_again_goes_on_and_another_takes_its_place)
{
        struct world w;
        world_open(&w, 0);
        worker(&w, 1, "ann", "charge", 1);
        enqueue(&w, 1);
        trace_clear(&w.trace);
        enqueue(&w, 1);
        EXPECT(&w, "");
        enqueue(&w, 1, .attempt = 2);
        EXPECT(&w, "to 1: DROP 1/1#1\n"
                   "to 1: TASK 1/1#2 charge\n");
        world_close(&w);
}

Test(scheduler, attempt_that_is_said_again_after_its_outcome_runs_again_as_the_shard_wants)
{
        struct world w;
        world_open(&w, 0);
        worker(&w, 1, "ann", "charge", 1);
        enqueue(&w, 1);
        done(&w, 1, 1);
        trace_clear(&w.trace);
        enqueue(&w, 1);
        EXPECT(&w, "to 1: TASK 1/1#1 charge\n");
        world_close(&w);
}

Test(scheduler, close_drops_the_running_attempt_and_gives_its_place_to_the_next)
{
        struct world w;
        world_open(&w, 0);
        worker(&w, 1, "ann", "charge", 1);
        enqueue(&w, 1);
        enqueue(&w, 2);
        enqueue(&w, 3);
        trace_clear(&w.trace);
        close_task(&w, 2);
        close_task(&w, 99);
        EXPECT(&w, "");
        close_task(&w, 1);
        EXPECT(&w, "to 1: DROP 1/1#1\n"
                   "to 1: TASK 3/1#1 charge\n");
        world_close(&w);
}

/* --- connections that come and go --- */

Test(scheduler, claim_of_a_waiting_attempt_runs_it_even_over_the_window)
{
        struct world w;
        world_open(&w, 0);
        enqueue(&w, 1, .attempt = 4);
        enqueue(&w, 2, .due_ms = 5000);
        worker(&w, 1, "ann", "charge", 0);
        say_of(&w, 1, MSG_CLAIM, 1, 4);
        say_of(&w, 1, MSG_CLAIM, 2, 1);
        EXPECT(&w, "");
        window(&w, 1, 2);
        enqueue(&w, 3);
        EXPECT(&w, "");
        advance(&w, 5000);
        say_of(&w, 1, MSG_DONE, 1, 4);
        EXPECT(&w, "shard: OUTCOME 1/1#4 ok by ann for 1\n"
                   "to 1: TASK 3/1#1 charge\n");
        world_close(&w);
}

Test(scheduler, claim_of_what_another_executor_runs_or_what_is_decided_is_dropped)
{
        struct world w;
        world_open(&w, 0);
        worker(&w, 1, "ann", "charge", 1);
        worker(&w, 2, "bob", "charge", 0);
        enqueue(&w, 1);
        trace_clear(&w.trace);
        say_of(&w, 2, MSG_CLAIM, 1, 1);
        EXPECT(&w, "to 2: DROP 1/1#1\n");
        done(&w, 1, 1);
        trace_clear(&w.trace);
        say_of(&w, 1, MSG_CLAIM, 1, 1);
        EXPECT(&w, "to 1: DROP 1/1#1\n");
        world_close(&w);
}

Test(scheduler, attempts_of_a_broken_connection_run_on_and_move_to_the_one_that_claims_them)
{
        struct world w;
        world_open(&w, 0);
        worker(&w, 1, "ann", "charge", 2);
        enqueue(&w, 1, .timeout_ms = 3000);
        enqueue(&w, 2);
        trace_clear(&w.trace);
        scheduler_peer_gone(w.s, 1, 0);
        enqueue(&w, 3);
        EXPECT(&w, ""); /* nothing goes to it */
        advance(&w, 2000);
        say(&w, 1, MSG_PULSE);
        EXPECT(&w, "to 1: WHO\n");
        worker(&w, 2, "ann", "charge", 1);
        EXPECT(&w, "to 2: TASK 3/1#1 charge\n");
        say_of(&w, 2, MSG_CLAIM, 1, 1);
        say_of(&w, 2, MSG_CLAIM, 2, 1);
        done(&w, 2, 2);
        EXPECT(&w, "shard: OUTCOME 2/1#1 ok by ann for 2\n");
        tick_at(&w, 3000); /* its clock went on */
        EXPECT(
            &w,
            "shard: OUTCOME 1/1#1 EFAILED Timeout start-to-close timeout: no outcome within 3000 ms by ann\n"
            "to 2: DROP 1/1#1\n");
        world_close(&w);
}

Test(scheduler, claim_by_a_connection_frees_a_place_at_the_other)
{
        struct world w;
        world_open(&w, 0);
        worker(&w, 1, "ann", "charge", 1);
        enqueue(&w, 1);
        enqueue(&w, 2);
        worker(&w, 2, "ann", "ship", 1);
        trace_clear(&w.trace);
        say_of(&w, 2, MSG_CLAIM, 1, 1);
        EXPECT(&w, "to 1: DROP 1/1#1\n"
                   "to 1: TASK 2/1#1 charge\n");
        world_close(&w);
}

Test(scheduler, returned_attempt_goes_to_someone_else_from_the_front_of_its_lane)
{
        struct world w;
        world_open(&w, 0);
        worker(&w, 1, "ann", "charge", 3);
        for (uint64_t run = 1; run <= 4; run++)
                enqueue(&w, run);
        trace_clear(&w.trace);
        window(&w, 1, 0);
        say_of(&w, 1, MSG_RETURN, 3, 1);
        say_of(&w, 1, MSG_RETURN, 2, 1);
        EXPECT(&w, ""); /* not back to ann */
        worker(&w, 2, "bob", "charge", 2);
        EXPECT(&w, "to 2: TASK 2/1#1 charge\n"
                   "to 2: TASK 3/1#1 charge\n");
        done(&w, 1, 1);
        window(&w, 1, 1); /* now ann is free */
        EXPECT(&w, "shard: OUTCOME 1/1#1 ok by ann for 1\n"
                   "to 1: TASK 4/1#1 charge\n");
        world_close(&w);
}

/* Its thread is busy with what is dropped and with what the node does not know of: each place that the node
 * sees free would be filled, and what it gave would come back, until that thread is free. */
Test(scheduler, worker_that_asks_for_none_is_not_given_again_what_it_returned)
{
        struct world w;
        world_open(&w, 0);
        worker(&w, 1, "ann", "charge", 2);
        enqueue(&w, 1);
        enqueue(&w, 2);
        trace_clear(&w.trace);
        window(&w, 1, 0);
        say_of(&w, 1, MSG_RETURN, 2, 1);
        say(&w, 1, MSG_PULSE);
        close_task(&w, 1);
        say_of(&w, 1, MSG_DONE, 7, 1);
        EXPECT(&w, "to 1: DROP 1/1#1\n"
                   "to 1: ACK 7/1#1 ESTALE\n");
        window(&w, 1, 1);
        EXPECT(&w, "to 1: TASK 2/1#1 charge\n");
        world_close(&w);
}

Test(scheduler, one_connection_may_return_what_another_of_its_executor_has_and_no_other)
{
        struct world w;
        world_open(&w, 0);
        worker(&w, 1, "ann", "charge", 2);
        worker(&w, 2, "ann", "", 0);
        worker(&w, 3, "bob", "", 0);
        enqueue(&w, 1);
        enqueue(&w, 2);
        trace_clear(&w.trace);
        window(&w, 1, 1);
        say_of(&w, 3, MSG_RETURN, 2, 1);
        say_of(&w, 2, MSG_RETURN, 2, 1);
        EXPECT(&w, "");
        worker(&w, 4, "cid", "charge", 2);
        EXPECT(&w, "to 4: TASK 2/1#1 charge\n");
        world_close(&w);
}

Test(scheduler, returned_task_is_older_than_what_waits_in_other_lanes)
{
        struct world w;
        world_open(&w, 0);
        worker(&w, 1, "ann", "charge", 2);
        worker(&w, 2, "bob", "charge refund", 1);
        enqueue(&w, 1);
        enqueue(&w, 2);
        enqueue(&w, 3);
        enqueue(&w, 4, .activity = "refund");
        enqueue(&w, 5, .activity = "refund");
        enqueue(&w, 6);
        done(&w, 2, 2); /* bob takes 4, having seen that the oldest charge is 6 */
        EXPECT(&w, "to 1: TASK 1/1#1 charge\n"
                   "to 2: TASK 2/1#1 charge\n"
                   "to 1: TASK 3/1#1 charge\n"
                   "shard: OUTCOME 2/1#1 ok by bob for 2\n"
                   "to 2: TASK 4/1#1 refund\n");
        window(&w, 1, 0);
        say_of(&w, 1, MSG_RETURN, 3, 1);
        done(&w, 2, 4);
        done(&w, 2, 3);
        done(&w, 2, 5);
        EXPECT(&w, "shard: OUTCOME 4/1#1 ok by bob for 2\n"
                   "to 2: TASK 3/1#1 charge\n"
                   "shard: OUTCOME 3/1#1 ok by bob for 2\n"
                   "to 2: TASK 5/1#1 refund\n"
                   "shard: OUTCOME 5/1#1 ok by bob for 2\n"
                   "to 2: TASK 6/1#1 charge\n");
        world_close(&w);
}

Test(scheduler, bye_puts_what_runs_back_in_order)
{
        struct world w;
        world_open(&w, 0);
        worker(&w, 1, "ann", "charge", 2);
        for (uint64_t run = 1; run <= 3; run++)
                enqueue(&w, run);
        trace_clear(&w.trace);
        say(&w, 1, MSG_BYE);
        EXPECT(&w, "");
        worker(&w, 2, "bob", "charge", 3);
        EXPECT(&w, "to 2: TASK 1/1#1 charge\n"
                   "to 2: TASK 2/1#1 charge\n"
                   "to 2: TASK 3/1#1 charge\n");
        struct scheduler_stats stats;
        scheduler_stats(w.s, &stats);
        cr_assert_eq(stats.executors, 1);
        cr_assert_eq(stats.workers, 1);
        world_close(&w);
}

/* --- leases --- */

Test(scheduler, silent_executor_loses_all_its_attempts_and_is_forgotten)
{
        struct world w;
        world_open(&w, 0);
        worker(&w, 1, "ann", "charge", 1);
        worker(&w, 2, "ann", "charge", 1);
        enqueue(&w, 1);
        enqueue(&w, 2);
        enqueue(&w, 3);
        trace_clear(&w.trace);
        w.now_ns = 4000 * INT64_C(1000000);
        say(&w, 2, MSG_PULSE); /* from either connection */
        advance(&w, LEASE_MS);
        EXPECT(&w, "");
        tick_at(&w, 4000 + LEASE_MS);
        EXPECT(&w, "shard: OUTCOME 1/1#1 EFAILED ExecutorLost executor \"ann\" gave no sign of life for "
                   "10000 ms by ann lost 1\n"
                   "shard: OUTCOME 2/1#1 EFAILED ExecutorLost executor \"ann\" gave no sign of life for "
                   "10000 ms by ann lost 1\n");
        done(&w, 1, 1);
        EXPECT(&w, "to 1: WHO\n");
        worker(&w, 1, "ann", "charge", 1);
        done(&w, 1, 1);
        EXPECT(&w, "to 1: TASK 3/1#1 charge\n"
                   "to 1: ACK 1/1#1 ESTALE\n");
        world_close(&w);
}

Test(scheduler, attempts_lost_in_a_row_are_counted_across_a_restart_and_until_another_outcome)
{
        struct world w;
        world_open(&w, 0);
        static const char *const ends[] = { " lost 3\n", " lost 4\n" };
        uint64_t peer = 1;
        for (uint32_t attempt = 3; attempt <= 4; attempt++, peer++) {
                worker(&w, peer, "ann", "charge", 1);
                enqueue(&w, 1, .attempt = attempt, .lost = 2);
                advance(&w, (int64_t)peer * LEASE_MS);
                cr_assert(strstr(w.trace.text, ends[attempt - 3]), "%s", w.trace.text);
        }
        worker(&w, peer, "ann", "charge", 1);
        enqueue(&w, 1, .attempt = 5, .timeout_ms = 10);
        trace_clear(&w.trace);
        advance(&w, 2 * LEASE_MS + 10);
        EXPECT(&w, "shard: OUTCOME 1/1#5 EFAILED Timeout start-to-close timeout: no outcome within 10 ms by "
                   "ann since 20000\n"
                   "to 3: DROP 1/1#5\n");
        world_close(&w);
}

Test(scheduler, broken_connection_of_a_silent_executor_loses_its_attempts_with_the_lease)
{
        struct world w;
        world_open(&w, 0);
        worker(&w, 1, "ann", "charge", 1);
        enqueue(&w, 1);
        scheduler_peer_gone(w.s, 1, 0);
        trace_clear(&w.trace);
        tick_at(&w, LEASE_MS);
        EXPECT(&w, "shard: OUTCOME 1/1#1 EFAILED ExecutorLost executor \"ann\" gave no sign of life for "
                   "10000 ms by ann lost 1\n");
        struct scheduler_stats stats;
        scheduler_stats(w.s, &stats);
        cr_assert_eq(stats.executors, 0);
        world_close(&w);
}

/* Ann lives on over connection 2, while connection 1 broke at 2000 with an attempt on it. */
static void open_with_a_broken_connection(struct world *w)
{
        world_open(w, 0);
        worker(w, 1, "ann", "charge", 1);
        worker(w, 2, "ann", "ship", 1);
        enqueue(w, 1, .timeout_ms = 600000, .heartbeat_ms = 30000);
        advance(w, 2000);
        scheduler_peer_gone(w->s, 1, w->now_ns);
        advance(w, 9000);
        say(w, 2, MSG_PULSE);
        trace_clear(&w->trace);
}

Test(scheduler, attempt_of_a_broken_connection_that_nobody_claims_is_lost_though_its_executor_lives)
{
        struct world w;
        open_with_a_broken_connection(&w);
        tick_at(&w, 2000 + LEASE_MS);
        EXPECT(&w,
               "shard: OUTCOME 1/1#1 EFAILED ExecutorLost the connection to executor \"ann\" broke, and it "
               "did not claim the attempt within 10000 ms by ann lost 1\n");
        say_of(&w, 2, MSG_CLAIM, 1, 1);
        EXPECT(&w, "to 2: DROP 1/1#1\n");
        done(&w, 2, 1);
        EXPECT(&w, "to 2: ACK 1/1#1 ESTALE\n");
        struct scheduler_stats stats;
        scheduler_stats(w.s, &stats);
        cr_assert_eq(stats.executors, 1);
        cr_assert_eq(stats.workers, 1);
        cr_assert_eq(stats.running, 0);
        world_close(&w);
}

Test(scheduler, claim_or_heartbeat_over_another_connection_in_time_saves_the_attempt_of_a_broken_one)
{
        static const uint8_t signs[] = { MSG_CLAIM, MSG_PULSE };
        for (size_t i = 0; i < sizeof signs; i++) {
                struct world w;
                open_with_a_broken_connection(&w);
                advance(&w, 2000 + LEASE_MS - 1);
                say_of(&w, 2, signs[i], 1, 1);
                advance(&w, 2000 + LEASE_MS);
                EXPECT(&w, "");
                scheduler_peer_gone(w.s, 2, w.now_ns); /* which has it now: it breaks, too */
                worker(&w, 3, "ann", "ship", 1);
                advance(&w, 2000 + 2 * LEASE_MS - 1);
                say(&w, 3, MSG_PULSE);
                EXPECT(&w, "");
                tick_at(&w, 2000 + 2 * LEASE_MS);
                EXPECT(&w,
                       "shard: OUTCOME 1/1#1 EFAILED ExecutorLost the connection to executor \"ann\" broke, "
                       "and it did not claim the attempt within 10000 ms by ann lost 1\n");
                world_close(&w);
        }
}

Test(scheduler, local_executor_has_no_lease_and_loses_its_attempts_when_it_goes)
{
        struct world w;
        world_open(&w, 0);
        cr_assert_eq(hello(&w, 1, true, "ann", "charge", ""), 0);
        window(&w, 1, 1);
        enqueue(&w, 1);
        trace_clear(&w.trace);
        cr_assert_eq(scheduler_deadline(w.s), INT64_MAX);
        advance(&w, 100 * LEASE_MS);
        EXPECT(&w, "");
        scheduler_peer_gone(w.s, 1, w.now_ns);
        EXPECT(&w, "shard: OUTCOME 1/1#1 EFAILED ExecutorLost executor \"ann\" of this process closed its "
                   "connection by ann lost 1\n");
        world_close(&w);
}

Test(scheduler, remote_executor_of_the_same_name_can_not_speak_for_a_local_one)
{
        struct world w;
        world_open(&w, 0);
        cr_assert_eq(hello(&w, 1, true, "ann", "charge", ""), 0);
        window(&w, 1, 1);
        enqueue(&w, 1);
        worker(&w, 2, "ann", "charge", 0);
        trace_clear(&w.trace);
        say_of(&w, 2, MSG_CLAIM, 1, 1);
        EXPECT(&w, "to 2: DROP 1/1#1\n");
        world_close(&w);
}

/* --- timeouts and notes --- */

Test(scheduler, each_timeout_ends_the_attempt_in_time_and_says_which_it_was)
{
        static const struct {
                struct job job;
                bool served;
                int64_t at_ms;
                const char *text;
        } cases[] = {
                { { .run = 1, .timeout_ms = 500 },
                  true,
                  500,
                  "start-to-close timeout: no outcome within 500 ms" },
                { { .run = 1, .timeout_ms = 5000 },
                  true,
                  5000,
                  "start-to-close timeout: no outcome within 5000 ms" },
                { { .run = 1, .heartbeat_ms = 300 },
                  true,
                  300,
                  "heartbeat timeout: no heartbeat for 300 ms" },
                { { .run = 1, .heartbeat_ms = 3000, .timeout_ms = 5000 },
                  true,
                  3000,
                  "heartbeat timeout: no heartbeat for 3000 ms" },
                { { .run = 1, .schedule_timeout_ms = 7 },
                  false,
                  7,
                  "schedule-to-start timeout: no executor took it within 7 ms" },
                { { .run = 1, .schedule_timeout_ms = 6000 },
                  false,
                  6000,
                  "schedule-to-start timeout: no executor took it within 6000 ms" },
                { { .run = 1, .schedule_timeout_ms = 2000, .due_ms = 2000 },
                  false,
                  4000,
                  "schedule-to-start timeout: no executor took it within 2000 ms" },
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct world w;
                world_open(&w, 0);
                if (cases[i].served)
                        worker(&w, 1, "ann", "charge", 1);
                enqueue_job(&w, &cases[i].job);
                advance(&w, 2000 < cases[i].at_ms ? 2000 : 0);
                trace_clear(&w.trace);
                tick_at(&w, cases[i].at_ms);
                char expected[300];
                snprintf(expected, sizeof expected, "shard: OUTCOME 1/1#1 EFAILED Timeout %s%s",
                         cases[i].text, cases[i].served ? " by ann\nto 1: DROP 1/1#1\n" : "\n");
                EXPECT(&w, expected);
                if (cases[i].served) { /* what comes after is too late */
                        done(&w, 1, 1);
                        EXPECT(&w, "to 1: ACK 1/1#1 ESTALE\n");
                }
                world_close(&w);
        }
}

Test(scheduler, timeouts_of_no_length_or_beyond_all_time_never_end_anything)
{
        static const int64_t lengths_ms[] = { 0, -1, INT64_MAX, INT64_MIN, INT64_MAX / 1000000 };
        for (size_t i = 0; i < sizeof lengths_ms / sizeof *lengths_ms; i++) {
                struct world w;
                world_open(&w, 0);
                w.now_ns = 1000000;
                int64_t ms = lengths_ms[i];
                cr_assert_eq(hello(&w, 1, true, "ann", "charge", ""), 0);
                window(&w, 1, 1);
                enqueue(&w, 1, .timeout_ms = ms, .heartbeat_ms = ms);
                enqueue(&w, 2, .activity = "fly", .schedule_timeout_ms = ms);
                trace_clear(&w.trace);
                advance(&w, INT64_C(1000) * 365 * 86400 * 100);
                EXPECT(&w, "");
                cr_assert_gt(scheduler_deadline(w.s), w.now_ns);
                world_close(&w);
        }
}

Test(scheduler, heartbeats_keep_an_attempt_alive)
{
        struct world w;
        world_open(&w, 0);
        worker(&w, 1, "ann", "charge", 1);
        enqueue(&w, 1, .heartbeat_ms = 1500);
        trace_clear(&w.trace);
        for (int64_t ms = 1000; ms <= 20000; ms += 1000) {
                advance(&w, ms);
                say_of(&w, 1, MSG_PULSE, 1, 1);
        }
        EXPECT(&w, "");
        tick_at(&w, 21500);
        EXPECT(&w, "shard: OUTCOME 1/1#1 EFAILED Timeout heartbeat timeout: no heartbeat for 1500 ms by ann\n"
                   "to 1: DROP 1/1#1\n");
        world_close(&w);
}

Test(scheduler, place_that_a_timeout_frees_is_used)
{
        struct world w;
        world_open(&w, 0);
        worker(&w, 1, "ann", "charge", 1);
        enqueue(&w, 1, .timeout_ms = 100);
        enqueue(&w, 2);
        trace_clear(&w.trace);
        tick_at(&w, 100);
        EXPECT(
            &w,
            "shard: OUTCOME 1/1#1 EFAILED Timeout start-to-close timeout: no outcome within 100 ms by ann\n"
            "to 1: DROP 1/1#1\n"
            "to 1: TASK 2/1#1 charge\n");
        world_close(&w);
}

Test(scheduler, schedule_to_start_goes_on_when_an_attempt_is_returned)
{
        struct world w;
        world_open(&w, 0);
        worker(&w, 1, "ann", "charge", 2);
        enqueue(&w, 1);
        enqueue(&w, 2, .schedule_timeout_ms = 5000);
        trace_clear(&w.trace);
        advance(&w, 3000);
        window(&w, 1, 0);
        say_of(&w, 1, MSG_RETURN, 2, 1);
        tick_at(&w, 5000);
        EXPECT(&w, "shard: OUTCOME 2/1#1 EFAILED Timeout schedule-to-start timeout: no executor took it "
                   "within 5000 ms\n");
        world_close(&w);
}

Test(scheduler, attempt_that_runs_long_is_noted_once)
{
        struct world w;
        world_open(&w, NOTE_MS);
        worker(&w, 1, "ann", "charge", 3);
        w.now_ns = 2000 * INT64_C(1000000);
        enqueue(&w, 1);
        enqueue(&w, 2);
        advance(&w, 2500);
        enqueue(&w, 3, .timeout_ms = 2000);
        done(&w, 1, 2);
        trace_clear(&w.trace);
        tick_at(&w, 3000);
        EXPECT(&w, "shard: NOTE 1/1#1 by ann since 2000\n");
        tick_at(&w, 3500);
        EXPECT(&w, "shard: NOTE 3/1#1 by ann since 2500\n");
        tick_at(&w, 4500);
        EXPECT(&w, "shard: OUTCOME 3/1#1 EFAILED Timeout start-to-close timeout: no outcome within 2000 ms "
                   "by ann since 2500\n"
                   "to 1: DROP 3/1#1\n");
        advance(&w, 9000);
        EXPECT(&w, "");
        world_close(&w);
}

/* --- HELLO --- */

Test(scheduler, hello_that_can_not_be_served_is_refused_and_changes_nothing)
{
        struct buffer many = { 0 }, number = { 0 }, empty_name = { 0 }, long_name = { 0 }, fine = { 0 };
        char text[WIRE_ID_MAX + 2] = { 0 };
        memset(text, 'n', WIRE_ID_MAX + 1);
        pack_words(&fine, "charge");
        pack_array(&many, 200);
        for (int i = 0; i < 200; i++) {
                char name[16];
                snprintf(name, sizeof name, "a%d", i);
                pack_cstr(&many, name);
        }
        pack_array(&number, 1);
        pack_uint(&number, 7);
        pack_array(&empty_name, 1);
        pack_cstr(&empty_name, "");
        pack_array(&long_name, 1);
        pack_cstr(&long_name, text);
        const struct {
                const char *what, *executor;
                struct bytes names, queues;
                int err;
        } cases[] = {
                { "no executor name", "", buffer_bytes(&fine), bytes_of(NULL, 0), STET_EINVAL },
                { "long executor name", text, buffer_bytes(&fine), bytes_of(NULL, 0), STET_EINVAL },
                { "another executor's name", "bob", buffer_bytes(&fine), bytes_of(NULL, 0), STET_EINVAL },
                { "a number for a name", "ann", buffer_bytes(&number), bytes_of(NULL, 0), STET_EPROTOCOL },
                { "no array", "ann", bytes_str("x"), bytes_of(NULL, 0), STET_EPROTOCOL },
                { "a cut array", "ann", bytes_of(fine.data, fine.size - 1), bytes_of(NULL, 0),
                  STET_EPROTOCOL },
                { "an array that claims 2^32 - 1", "ann", bytes_of("\xdd\xff\xff\xff\xff", 5),
                  bytes_of(NULL, 0), STET_EPROTOCOL },
                { "an empty name", "ann", buffer_bytes(&empty_name), bytes_of(NULL, 0), STET_EINVAL },
                { "a long queue name", "ann", buffer_bytes(&fine), buffer_bytes(&long_name), STET_EINVAL },
                { "too many pairs", "ann", buffer_bytes(&many), buffer_bytes(&many), STET_ETOOBIG },
        };
        struct world w;
        world_open(&w, 0);
        worker(&w, 1, "ann", "charge", 1);
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct message m = { .type = MSG_HELLO,
                                     .name = bytes_str(cases[i].executor),
                                     .names = cases[i].names,
                                     .queues = cases[i].queues };
                w.why.text[0] = 0;
                cr_expect_eq(scheduler_hello(w.s, 1, false, &m, 0, &w.why), cases[i].err, "%s",
                             cases[i].what);
                cr_expect_eq(strncmp(w.why.text, "HELLO: ", 7), 0, "%s: %s", cases[i].what, w.why.text);
        }
        enqueue(&w, 1);
        EXPECT(&w, "to 1: TASK 1/1#1 charge\n");
        world_close(&w);
        buffer_fini(&many);
        buffer_fini(&number);
        buffer_fini(&empty_name);
        buffer_fini(&long_name);
        buffer_fini(&fine);
}

Test(scheduler, hello_said_again_replaces_what_is_served_and_keeps_what_runs)
{
        struct world w;
        world_open(&w, 0);
        worker(&w, 1, "ann", "charge", 2);
        enqueue(&w, 1);
        enqueue(&w, 2, .activity = "ship", .queue = "north");
        trace_clear(&w.trace);
        cr_assert_eq(hello(&w, 1, false, "ann", "ship ship", "north south north"), 0);
        EXPECT(&w, "to 1: TASK 2/1#1 ship\n");
        enqueue(&w, 3, .queue = "north");
        window(&w, 1, 5);
        EXPECT(&w, "");
        char text[200];
        cr_assert_eq(scheduler_describe(w.s, 3, 1, 0, text, sizeof text), 0);
        cr_assert_str_eq(
            text, "no executor serves activity \"charge\" on queue \"north\" (served there: \"ship\")");
        struct buffer b = { 0 }; /* that it said each twice makes no difference */
        scheduler_describe_executors(w.s, 0, &b);
        render_all(&w, &b);
        EXPECT(&w, "[name=ann local=no workers=1 window=5 running=2 activities=[ship] queues=[north south] "
                   "silence_ms=0\n"
                   "]");
        buffer_fini(&b);
        for (uint64_t run = 10; run < 13; run++)
                enqueue(&w, run, .activity = "ship", .queue = "north");
        EXPECT(&w, "to 1: TASK 10/1#1 ship\n"
                   "to 1: TASK 11/1#1 ship\n"
                   "to 1: TASK 12/1#1 ship\n");
        done(&w, 1, 1);
        EXPECT(&w, "shard: OUTCOME 1/1#1 ok by ann for 1\n");
        world_close(&w);
}

/* --- to be read --- */

Test(scheduler, every_task_can_say_what_it_waits_for)
{
        struct world w;
        world_open(&w, 0);
        cr_assert_eq(hello(&w, 1, false, "ann", "charge refund", "default"), 0);
        window(&w, 1, 1);
        enqueue(&w, 1);
        enqueue(&w, 2);
        enqueue(&w, 3);
        enqueue(&w, 4, .activity = "fly");
        enqueue(&w, 5, .queue = "moon");
        enqueue(&w, 6, .attempt = 2, .due_ms = 1500);
        worker(&w, 2, "bob", "ship", 1);
        enqueue(&w, 7, .activity = "ship");
        say_of(&w, 2, MSG_DONE, 7, 1);
        enqueue(&w, 8, .activity = "ship");
        scheduler_peer_gone(w.s, 2, 0);
        w.now_ns = 500 * 1000000;
        static const char *const sentences[] = {
                [1] = "attempt 1 runs with executor \"ann\" since 500 ms",
                [2] = "waits for an executor with room for activity \"charge\" on queue \"default\": place 1 "
                      "of 2",
                [3] = "waits for an executor with room for activity \"charge\" on queue \"default\": place 2 "
                      "of 2",
                [4] = "no executor serves activity \"fly\" on queue \"default\" (served there: \"charge\", "
                      "\"refund\")",
                [5] = "no executor serves activity \"charge\" on queue \"moon\" (no executor serves that "
                      "queue)",
                [6] = "attempt 2 is due in 1000 ms",
                [7] = "attempt 1 has ended; its outcome is being recorded",
                [8] = "attempt 1 runs with executor \"bob\" since 500 ms (its connection is gone)",
        };
        for (uint64_t run = 1; run <= 8; run++) {
                char text[200];
                cr_assert_eq(scheduler_describe(w.s, run, 1, w.now_ns, text, sizeof text), 0);
                cr_expect_str_eq(text, sentences[run]);
                char small[8];
                cr_assert_eq(scheduler_describe(w.s, run, 1, w.now_ns, small, sizeof small), 0);
                cr_expect_eq(strncmp(small, sentences[run], 7) == 0 && small[7] == 0, true);
        }
        char text[8];
        cr_assert_eq(scheduler_describe(w.s, 9, 1, 0, text, sizeof text), STET_ENOTFOUND);
        world_close(&w);
}

Test(scheduler, executors_and_queues_are_described_in_order_of_creation)
{
        struct world w;
        world_open(&w, 0);
        worker(&w, 3, "zoe", "refund charge", 4);
        worker(&w, 1, "zoe", "charge ship", 1);
        cr_assert_eq(hello(&w, 2, true, "ann", "charge", "north default"), 0);
        enqueue(&w, 1);
        enqueue(&w, 2, .queue = "moon");
        enqueue(&w, 3, .due_ms = 5000);
        trace_clear(&w.trace);
        struct buffer b = { 0 };
        scheduler_describe_executors(w.s, 1500 * INT64_C(1000000), &b);
        render_all(&w, &b);
        EXPECT(&w, "[name=zoe local=no workers=2 window=5 running=1 activities=[refund charge ship] "
                   "queues=[default] silence_ms=1500\n"
                   " name=ann local=yes workers=1 window=0 running=0 activities=[charge] queues=[north "
                   "default] silence_ms=1500\n"
                   "]");
        scheduler_describe_queues(w.s, &b);
        render_all(&w, &b);
        EXPECT(&w, "[name=default waiting=0 delayed=1 running=1 activities=[refund charge ship]\n"
                   " name=north waiting=0 delayed=0 running=0 activities=[charge]\n"
                   " name=moon waiting=1 delayed=0 running=0 activities=[charge]\n"
                   "]");
        buffer_fini(&b);
        world_close(&w);
}

Test(scheduler, nothing_is_left_when_all_is_closed_and_gone)
{
        struct world w;
        world_open(&w, NOTE_MS);
        worker(&w, 1, "ann", "charge", 2);
        enqueue(&w, 1, .timeout_ms = 60000);
        enqueue(&w, 2, .input = "something");
        enqueue(&w, 3, .due_ms = 5000);
        enqueue(&w, 4, .activity = "fly", .schedule_timeout_ms = 60000);
        struct scheduler_stats stats;
        scheduler_stats(w.s, &stats);
        cr_assert_eq(stats.tasks, 4);
        cr_assert_eq(stats.waiting, 2);
        cr_assert_eq(stats.running, 2);
        cr_assert_gt(stats.bytes, 0);
        done(&w, 1, 1);
        for (uint64_t run = 1; run <= 4; run++)
                close_task(&w, run);
        say(&w, 1, MSG_BYE);
        scheduler_stats(w.s, &stats);
        static const struct scheduler_stats nothing;
        cr_assert_eq(memcmp(&stats, &nothing, sizeof stats), 0);
        cr_assert_eq(scheduler_deadline(w.s), INT64_MAX);
        struct buffer b = { 0 };
        scheduler_describe_queues(w.s, &b);
        trace_clear(&w.trace);
        render_all(&w, &b);
        EXPECT(&w, "[]");
        buffer_fini(&b);
        world_close(&w);
}

Test(scheduler, can_be_freed_in_the_middle_of_anything)
{
        struct world w;
        world_open(&w, NOTE_MS);
        worker(&w, 1, "ann", "charge", 2);
        worker(&w, 2, "ann", "charge", 1);
        worker(&w, 3, "bob", "charge ship", 1);
        for (uint64_t run = 1; run <= 9; run++)
                enqueue(&w, run, .timeout_ms = 60000, .schedule_timeout_ms = 60000);
        enqueue(&w, 10, .due_ms = 9000);
        enqueue(&w, 11, .activity = "fly");
        done(&w, 1, 1);
        scheduler_peer_gone(w.s, 2, 0);
        world_close(&w);
        scheduler_free(NULL);
}
