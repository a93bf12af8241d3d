/* SPDX-License-Identifier: MIT
 *
 * The worker alone: the test is the node, and the time is a number.
 */
#include "runtime/worker.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#define MS     INT64_C(1000000)
#define SECOND (1000 * MS)
#define START  (1000000 * SECOND)

enum { INCARNATION = 77, SAID_MAX = 4096 };

/* --- the node's side of the conversation --- */

struct desk {
        struct worker *w;
        int64_t now_ns;
        struct buffer frames; /* all that was flushed; `said` points into it */
        struct message said[SAID_MAX];
        size_t said_count;
        size_t frames_count;
};

static struct desk *desk_new(uint32_t window_max)
{
        static const char *const activities[] = { "charge", "refund" };
        struct worker_options options = { .executor = "till-1",
                                          .activities = activities,
                                          .activities_count = 2,
                                          .window_max = window_max };
        struct desk *d = xcalloc(1, sizeof *d);
        d->w = worker_new(&options);
        d->now_ns = START;
        return d;
}

static void desk_free(struct desk *d)
{
        worker_free(d->w);
        buffer_fini(&d->frames);
        free(d);
}

/* Takes all frames that the worker has to say. */
static void listen_to(struct desk *d)
{
        struct buffer frame = { 0 };
        size_t sizes[SAID_MAX], at = 0;
        buffer_clear(&d->frames);
        d->said_count = d->frames_count = 0;
        while (worker_flush(d->w, d->now_ns, &frame)) {
                cr_assert_eq(frame_check(buffer_bytes(&frame), NULL), 0);
                sizes[d->frames_count++] = frame.size;
                buffer_append(&d->frames, frame.data, frame.size);
                buffer_clear(&frame);
        }
        cr_assert_eq(frame.size, 0, "nothing to say leaves the buffer empty");
        for (size_t i = 0; i < d->frames_count; at += sizes[i++]) {
                struct cursor c = frame_cursor(bytes_of(d->frames.data + at, sizes[i]));
                while (frame_next(&c, &d->said[d->said_count]) == 1)
                        d->said_count++;
        }
        buffer_fini(&frame);
}

static size_t said(const struct desk *d, enum message_type type)
{
        size_t count = 0;
        for (size_t i = 0; i < d->said_count; i++)
                count += d->said[i].type == type;
        return count;
}

/* Where it was said first; the test fails when it was not. */
static size_t place_of(const struct desk *d, enum message_type type)
{
        for (size_t i = 0; i < d->said_count; i++)
                if (d->said[i].type == type)
                        return i;
        cr_assert(false, "%s was not said", message_shapes[type].name);
        return 0;
}

static const struct message *heard(const struct desk *d, enum message_type type)
{
        return &d->said[place_of(d, type)];
}

static void tell(struct desk *d, const struct message *m)
{
        struct buffer frame = { 0 };
        frame_begin(&frame);
        frame_put(&frame, m);
        worker_receive(d->w, buffer_bytes(&frame), d->now_ns);
        memset(frame.data, 0xee, frame.size); /* the worker must have copied what it keeps */
        buffer_fini(&frame);
}

static struct token token_of(uint64_t run)
{
        return (struct token){ .run = run, .op = 1, .attempt = 1, .incarnation = INCARNATION };
}

static void tell_about(struct desk *d, enum message_type type, uint64_t run)
{
        tell(d, &(struct message){ .type = (uint8_t)type, .token = token_of(run) });
}

static void give(struct desk *d, uint64_t run)
{
        tell(d, &(struct message){ .type = MSG_TASK, .token = token_of(run), .name = bytes_str("charge") });
}

static void welcome_in(struct desk *d, uint64_t incarnation)
{
        tell(d, &(struct message){
                    .type = MSG_WELCOME, .token.incarnation = incarnation, .heartbeat_ms = 1000 });
}

/* A worker that said HELLO and was welcomed. */
static struct desk *desk_open(uint32_t window_max)
{
        struct desk *d = desk_new(window_max);
        listen_to(d);
        welcome_in(d, INCARNATION);
        listen_to(d);
        cr_assert_eq(d->said_count, 0);
        return d;
}

static struct worker_task begin(struct desk *d)
{
        struct worker_task t;
        cr_assert(worker_begin(d->w, d->now_ns, &t), "no task");
        return t;
}

static void finish(struct desk *d, uint64_t run)
{
        struct token token = token_of(run);
        worker_finish(d->w, &token, &(struct message){ 0 }, d->now_ns);
}

static struct worker_stats stats_of(const struct desk *d)
{
        struct worker_stats s;
        worker_stats(d->w, &s);
        return s;
}

/* One task from beginning to durable end. */
static void one_round(struct desk *d, uint64_t run, int64_t took_ns)
{
        give(d, run);
        begin(d);
        d->now_ns += took_ns;
        finish(d, run);
        listen_to(d);
        tell_about(d, MSG_ACK, run);
}

/* --- hello --- */

Test(worker, it_begins_with_who_it_is_and_a_window_of_one)
{
        struct desk *d = desk_new(0);
        listen_to(d);
        cr_assert_eq(d->frames_count, 1);
        cr_assert_eq(d->said_count, 2);
        const struct message *hello = &d->said[0];
        cr_assert_eq(hello->type, MSG_HELLO);
        cr_assert_eq(hello->protocol, WIRE_VERSION);
        cr_assert_eq(hello->role, ROLE_WORKER);
        cr_assert(bytes_equal(hello->name, bytes_str("till-1")));
        cr_assert(bytes_equal(hello->names, bytes_str("\x92\xa6"
                                                      "charge\xa6"
                                                      "refund")));
        cr_assert(bytes_equal(hello->queues, bytes_str("\x91\xa7"
                                                       "default")));
        cr_assert_eq(d->said[1].type, MSG_WINDOW);
        cr_assert_eq(d->said[1].count, 1);
        cr_assert_not(stats_of(d).welcome);
        welcome_in(d, INCARNATION);
        cr_assert(stats_of(d).welcome);
        listen_to(d);
        cr_assert_eq(d->frames_count, 0, "then it waits");
        desk_free(d);
}

Test(worker, a_refusal_is_no_welcome)
{
        struct desk *d = desk_new(0);
        listen_to(d);
        tell(d,
             &(struct message){ .type = MSG_WELCOME, .code = STET_EPROTOCOL, .text = bytes_str("too new") });
        cr_assert_not(stats_of(d).welcome);
        desk_free(d);
}

/* --- a task's way --- */

Test(worker, a_task_is_begun_finished_and_forgotten_when_durable)
{
        struct desk *d = desk_open(0);
        tell(d, &(struct message){ .type = MSG_TASK,
                                   .token = { 9, 2, 3, INCARNATION },
                                   .name = bytes_str("charge"),
                                   .value = bytes_str("\x93\x01\x02\x03"),
                                   .timeout_ms = 5000,
                                   .heartbeat_ms = 100 });
        struct worker_task t = begin(d);
        cr_assert(bytes_equal(t.activity, bytes_str("charge")));
        cr_assert(bytes_equal(t.input, bytes_str("\x93\x01\x02\x03")));
        cr_assert_eq(t.timeout_ms, 5000);
        cr_assert_eq(t.heartbeat_ms, 100);
        cr_assert_eq(t.attempt, 3);
        cr_assert_eq(stats_of(d).begun, 1);
        cr_assert_not(worker_begin(d->w, d->now_ns, &t), "there is no second");

        int64_t begun_ns = d->now_ns;
        d->now_ns += MS;
        worker_finish(d->w, &t.token,
                      &(struct message){ .code = STET_EFAILED,
                                         .kind = bytes_str("CardServiceDown"),
                                         .text = bytes_str("no answer"),
                                         .permanent = true },
                      d->now_ns);
        listen_to(d);
        const struct message *done = heard(d, MSG_DONE);
        cr_assert_eq(memcmp(&done->token, &t.token, sizeof t.token), 0);
        cr_assert_eq(done->code, STET_EFAILED);
        cr_assert_eq(done->started_ns, begun_ns);
        cr_assert(bytes_equal(done->kind, bytes_str("CardServiceDown")));
        cr_assert(bytes_equal(done->text, bytes_str("no answer")));
        cr_assert(done->permanent);
        cr_assert_eq(stats_of(d).unacknowledged, 1);

        tell(d, &(struct message){ .type = MSG_ACK, .token = t.token });
        cr_assert_eq(stats_of(d).unacknowledged, 0);
        cr_assert_eq(stats_of(d).done, 1);
        cr_assert_eq(stats_of(d).stale, 0);
        desk_free(d);
}

Test(worker, tasks_are_begun_in_the_order_of_arrival)
{
        struct desk *d = desk_open(0);
        for (uint64_t run = 1; run <= 50; run++)
                give(d, run);
        cr_assert_eq(stats_of(d).held, 50);
        for (uint64_t run = 1; run <= 50; run++)
                cr_assert_eq(begin(d).token.run, run);
        desk_free(d);
}

Test(worker, outcomes_of_a_batch_share_a_frame)
{
        struct desk *d = desk_open(0);
        for (uint64_t run = 1; run <= 100; run++)
                give(d, run);
        for (uint64_t run = 1; run <= 100; run++) {
                begin(d);
                finish(d, run);
        }
        listen_to(d);
        cr_assert_eq(d->frames_count, 1);
        cr_assert_eq(said(d, MSG_DONE), 100);
        desk_free(d);
}

Test(worker, a_result_may_be_a_part_of_the_input)
{
        struct desk *d = desk_open(0);
        char input[300];
        memset(input, 'i', sizeof input);
        tell(d, &(struct message){
                    .type = MSG_TASK, .token = token_of(1), .value = bytes_of(input, sizeof input) });
        struct worker_task t = begin(d);
        worker_finish(d->w, &t.token, &(struct message){ .value = bytes_of(t.input.data + 100, 200) },
                      d->now_ns);
        listen_to(d);
        cr_assert(bytes_equal(heard(d, MSG_DONE)->value, bytes_of(input, 200)));
        desk_free(d);
}

Test(worker, big_results_go_in_frames_of_their_own_and_too_big_ones_fail)
{
        struct desk *d = desk_open(0);
        uint8_t *zeros = xcalloc(1, WIRE_FRAME_MAX);
        for (uint64_t run = 1; run <= 4; run++) {
                struct token token = token_of(run);
                size_t size = run == 4 ? WIRE_FRAME_MAX : 3 << 20;
                give(d, run);
                begin(d);
                worker_finish(d->w, &token, &(struct message){ .value = bytes_of(zeros, size) }, d->now_ns);
        }
        listen_to(d);
        cr_assert_eq(d->frames_count, 4);
        cr_assert_eq(said(d, MSG_DONE), 4);
        for (size_t i = 0, run = 1; i < d->said_count; i++) {
                if (d->said[i].type != MSG_DONE)
                        continue;
                cr_assert_eq(d->said[i].token.run, run++);
                cr_assert_eq(d->said[i].code, run == 5 ? STET_ETOOBIG : 0);
        }
        free(zeros);
        desk_free(d);
}

/* --- the same token twice --- */

Test(worker, a_task_that_is_held_or_begun_is_not_taken_twice)
{
        struct desk *d = desk_open(0);
        give(d, 1);
        give(d, 1);
        cr_assert_eq(stats_of(d).held, 1);
        begin(d);
        give(d, 1);
        cr_assert_eq(stats_of(d).held, 0);
        cr_assert_eq(stats_of(d).begun, 1);
        desk_free(d);
}

Test(worker, a_task_that_is_done_is_answered_with_its_outcome_again)
{
        struct desk *d = desk_open(0);
        give(d, 1);
        begin(d);
        finish(d, 1);
        listen_to(d);
        give(d, 1);
        cr_assert_eq(stats_of(d).held, 0);
        listen_to(d);
        cr_assert_eq(said(d, MSG_DONE), 1);
        tell_about(d, MSG_ACK, 1);
        give(d, 1);
        cr_assert_eq(stats_of(d).held, 1, "after the ACK it would be another life");
        desk_free(d);
}

Test(worker, another_attempt_of_the_same_step_is_another_task)
{
        struct desk *d = desk_open(0);
        give(d, 1);
        tell(d, &(struct message){ .type = MSG_TASK, .token = { 1, 1, 2, INCARNATION } });
        tell(d, &(struct message){ .type = MSG_TASK, .token = { 1, 2, 1, INCARNATION } });
        cr_assert_eq(stats_of(d).held, 3);
        desk_free(d);
}

/* --- refusals --- */

Test(worker, a_stale_outcome_is_forgotten_and_counted)
{
        struct desk *d = desk_open(0);
        give(d, 1);
        begin(d);
        finish(d, 1);
        tell(d, &(struct message){ .type = MSG_ACK, .token = token_of(1), .code = STET_ESTALE });
        cr_assert_eq(stats_of(d).unacknowledged, 0);
        cr_assert_eq(stats_of(d).stale, 1);
        cr_assert_eq(stats_of(d).done, 0);
        listen_to(d);
        cr_assert_eq(said(d, MSG_DONE), 0, "the ACK overtook the DONE, which is not said any more");
        desk_free(d);
}

Test(worker, acknowledgements_of_what_is_not_done_change_nothing)
{
        struct desk *d = desk_open(0);
        give(d, 1);
        give(d, 2);
        begin(d);
        tell_about(d, MSG_ACK, 1);
        tell_about(d, MSG_ACK, 2);
        tell_about(d, MSG_ACK, 3);
        cr_assert_eq(stats_of(d).begun, 1);
        cr_assert_eq(stats_of(d).held, 1);
        desk_free(d);
}

Test(worker, a_dropped_task_that_is_held_is_never_begun)
{
        struct desk *d = desk_open(0);
        struct worker_task t;
        give(d, 1);
        tell_about(d, MSG_DROP, 1);
        cr_assert_not(worker_begin(d->w, d->now_ns, &t));
        listen_to(d);
        cr_assert_eq(d->said_count, 0);
        desk_free(d);
}

Test(worker, a_dropped_task_that_is_begun_learns_it_and_its_outcome_is_forgotten)
{
        struct desk *d = desk_open(0);
        struct token token = token_of(1);
        give(d, 1);
        begin(d);
        cr_assert_eq(worker_heartbeat(d->w, &token, d->now_ns), 0);
        tell_about(d, MSG_DROP, 1);
        cr_assert_eq(worker_heartbeat(d->w, &token, d->now_ns), STET_ECANCELED);
        finish(d, 1);
        listen_to(d);
        cr_assert_eq(said(d, MSG_DONE), 0);
        cr_assert_eq(stats_of(d).begun, 0);
        cr_assert_eq(stats_of(d).unacknowledged, 0);
        desk_free(d);
}

Test(worker, a_dropped_task_that_is_given_again_counts_again)
{
        struct desk *d = desk_open(0);
        give(d, 1);
        begin(d);
        tell_about(d, MSG_DROP, 1);
        give(d, 1);
        finish(d, 1);
        listen_to(d);
        cr_assert_eq(said(d, MSG_DONE), 1);
        desk_free(d);
}

/* --- who --- */

static struct desk *desk_with_one_of_each(void)
{
        struct desk *d = desk_open(0);
        for (uint64_t run = 1; run <= 4; run++)
                give(d, run);
        begin(d);
        begin(d);
        finish(d, 1);
        tell_about(d, MSG_DROP, 99);
        listen_to(d);
        return d; /* 1 done, 2 begun, 3 and 4 held */
}

Test(worker, asked_who_it_says_everything_again_and_the_window_last)
{
        struct desk *d = desk_with_one_of_each();
        tell(d, &(struct message){ .type = MSG_WHO });
        cr_assert_not(stats_of(d).welcome);
        listen_to(d);
        cr_assert_eq(d->said_count, 6);
        cr_assert_eq(place_of(d, MSG_HELLO), 0);
        cr_assert_eq(said(d, MSG_CLAIM), 3);
        cr_assert_eq(said(d, MSG_DONE), 1);
        cr_assert_eq(heard(d, MSG_DONE)->token.run, 1);
        cr_assert_eq(place_of(d, MSG_WINDOW), 5);
        for (size_t i = 0; i < d->said_count; i++)
                if (d->said[i].type == MSG_CLAIM)
                        cr_assert_eq(d->said[i].started_ns, d->said[i].token.run == 2 ? START : 0);
        listen_to(d);
        cr_assert_eq(d->said_count, 0, "once");
        desk_free(d);
}

Test(worker, asked_who_twice_at_once_it_answers_once)
{
        struct desk *d = desk_with_one_of_each();
        tell(d, &(struct message){ .type = MSG_WHO });
        tell(d, &(struct message){ .type = MSG_WHO });
        listen_to(d);
        cr_assert_eq(said(d, MSG_HELLO), 1);
        cr_assert_eq(said(d, MSG_CLAIM), 3);
        desk_free(d);
}

Test(worker, what_was_dropped_is_not_claimed)
{
        struct desk *d = desk_with_one_of_each();
        tell_about(d, MSG_DROP, 2);
        tell_about(d, MSG_DROP, 3);
        tell(d, &(struct message){ .type = MSG_WHO });
        listen_to(d);
        cr_assert_eq(said(d, MSG_CLAIM), 1);
        cr_assert_eq(heard(d, MSG_CLAIM)->token.run, 4);
        desk_free(d);
}

Test(worker, a_claim_that_became_an_outcome_is_said_as_that)
{
        struct desk *d = desk_with_one_of_each();
        tell(d, &(struct message){ .type = MSG_WHO });
        finish(d, 2);
        listen_to(d);
        cr_assert_eq(said(d, MSG_CLAIM), 2);
        cr_assert_eq(said(d, MSG_DONE), 2);
        desk_free(d);
}

Test(worker, a_thousand_tasks_are_claimed_in_several_frames_and_the_window_is_in_the_last)
{
        struct desk *d = desk_open(0);
        char text[1000];
        memset(text, 't', sizeof text);
        for (uint64_t run = 1; run <= 1000; run++) {
                struct token token = token_of(run);
                give(d, run);
                begin(d);
                worker_finish(d->w, &token, &(struct message){ .text = bytes_of(text, sizeof text) },
                              d->now_ns);
        }
        listen_to(d);
        tell(d, &(struct message){ .type = MSG_WHO });
        listen_to(d);
        cr_assert_gt(d->frames_count, 10);
        cr_assert_eq(said(d, MSG_DONE), 1000);
        cr_assert_eq(place_of(d, MSG_HELLO), 0);
        cr_assert_eq(place_of(d, MSG_WINDOW), d->said_count - 1);
        desk_free(d);
}

Test(worker, tokens_of_another_past_are_dropped)
{
        struct desk *d = desk_with_one_of_each();
        struct token begun = token_of(2);
        struct worker_task t;
        tell(d, &(struct message){ .type = MSG_WHO });
        welcome_in(d, INCARNATION + 1);
        cr_assert_eq(stats_of(d).unacknowledged, 0);
        cr_assert_eq(stats_of(d).stale, 1);
        cr_assert_not(worker_begin(d->w, d->now_ns, &t));
        cr_assert_eq(worker_heartbeat(d->w, &begun, d->now_ns), STET_ECANCELED);
        finish(d, 2);
        listen_to(d);
        cr_assert_eq(said(d, MSG_DONE), 0);
        cr_assert_eq(said(d, MSG_CLAIM), 0);
        desk_free(d);
}

Test(worker, a_welcome_in_the_same_past_drops_nothing)
{
        struct desk *d = desk_with_one_of_each();
        welcome_in(d, INCARNATION);
        struct worker_stats s = stats_of(d);
        cr_assert_eq(s.held + s.begun + s.unacknowledged, 4);
        desk_free(d);
}

/* --- workers of one executor --- */

Test(worker, tasks_after_a_restart_of_the_node_may_be_with_another_worker_for_a_while)
{
        struct desk *d = desk_open(0);
        give(d, 1);
        cr_assert_not(begin(d).again);
        tell(d, &(struct message){ .type = MSG_WHO });
        welcome_in(d, INCARNATION);
        give(d, 2);
        cr_assert(begin(d).again);
        d->now_ns += INT64_C(61) * 1000 * MS;
        give(d, 3);
        cr_assert_not(begin(d).again);
        desk_free(d);
}

Test(worker, worker_has_what_it_began_earlier_or_has_an_outcome_of)
{
        struct desk *d = desk_open(0);
        struct token token = token_of(1);
        cr_assert_not(worker_has(d->w, &token, INT64_MAX));
        give(d, 1);
        cr_assert_not(worker_has(d->w, &token, INT64_MAX), "held, not begun");
        begin(d);
        cr_assert(worker_has(d->w, &token, d->now_ns + 1));
        cr_assert_not(worker_has(d->w, &token, d->now_ns), "not earlier");
        finish(d, 1);
        cr_assert(worker_has(d->w, &token, 0));
        listen_to(d);
        tell_about(d, MSG_ACK, 1);
        cr_assert_not(worker_has(d->w, &token, INT64_MAX));
        give(d, 2);
        begin(d);
        tell_about(d, MSG_DROP, 2);
        token = token_of(2);
        cr_assert_not(worker_has(d->w, &token, INT64_MAX), "nobody wants its outcome");
        desk_free(d);
}

Test(worker, task_that_another_worker_has_is_forgotten_without_a_word)
{
        struct desk *d = desk_open(0);
        give(d, 1);
        struct worker_task t = begin(d);
        listen_to(d);
        worker_forget(d->w, &t.token);
        listen_to(d);
        cr_assert_eq(said(d, MSG_RETURN) + said(d, MSG_DONE), 0);
        cr_assert_eq(stats_of(d).begun, 0);
        tell(d, &(struct message){ .type = MSG_WHO });
        listen_to(d);
        cr_assert_eq(said(d, MSG_CLAIM), 0);
        give(d, 1); /* and can come again */
        begin(d);
        desk_free(d);
}

/* --- time --- */

/* Lets the time go on to the worker's next deadline. */
static void next_tick(struct desk *d)
{
        int64_t due_ns = worker_deadline(d->w);
        cr_assert_lt(due_ns, INT64_MAX);
        cr_assert_geq(due_ns, d->now_ns, "a deadline that has passed was not served");
        d->now_ns = due_ns;
        worker_tick(d->w, d->now_ns);
        listen_to(d);
}

Test(worker, it_pulses_at_the_interval_of_the_welcome)
{
        struct desk *d = desk_new(0);
        listen_to(d);
        tell(d,
             &(struct message){ .type = MSG_WELCOME, .token.incarnation = INCARNATION, .heartbeat_ms = 250 });
        for (int i = 1; i <= 2; i++) {
                next_tick(d);
                cr_assert_eq(d->now_ns, START + i * 250 * MS);
                cr_assert_eq(d->said_count, 1);
                cr_assert_eq(heard(d, MSG_PULSE)->token.run, 0);
        }
        desk_free(d);
}

Test(worker, a_welcome_without_interval_means_a_second)
{
        struct desk *d = desk_new(0);
        listen_to(d);
        tell(d, &(struct message){ .type = MSG_WELCOME, .token.incarnation = INCARNATION });
        cr_assert_eq(worker_deadline(d->w), START + SECOND);
        desk_free(d);
}

Test(worker, after_three_silent_pulses_it_says_who_it_is_and_what_it_holds)
{
        struct desk *d = desk_with_one_of_each();
        tell_about(d, MSG_ACK, 1);
        int pulses = 0;
        do {
                next_tick(d);
                pulses += (int)said(d, MSG_PULSE);
        } while (!said(d, MSG_HELLO));
        cr_assert_eq(d->now_ns, START + 3 * SECOND);
        cr_assert_eq(pulses, 3);
        cr_assert_eq(said(d, MSG_CLAIM), 3);
        cr_assert_eq(said(d, MSG_WINDOW), 1);
        int64_t said_ns = d->now_ns;
        do
                next_tick(d);
        while (!said(d, MSG_HELLO));
        cr_assert_eq(d->now_ns, said_ns + 3 * SECOND, "and again, as long as nothing comes");
        desk_free(d);
}

Test(worker, any_frame_of_the_node_ends_the_silence)
{
        struct desk *d = desk_open(0);
        for (int i = 0; i < 20; i++) {
                next_tick(d);
                cr_assert_eq(said(d, MSG_HELLO), 0);
                worker_receive(d->w, bytes_str("\x01"), d->now_ns);
        }
        desk_free(d);
}

Test(worker, before_the_welcome_it_does_not_pulse_but_asks_again)
{
        struct desk *d = desk_new(0);
        listen_to(d);
        for (int i = 1; i <= 3; i++) {
                next_tick(d);
                cr_assert_eq(d->now_ns, START + i * 3 * SECOND);
                cr_assert_eq(said(d, MSG_PULSE), 0);
                cr_assert_eq(said(d, MSG_HELLO), 1);
        }
        desk_free(d);
}

/* The node lives (its frames come), but the outcome's acknowledgement does not. */
Test(worker, an_overdue_acknowledgement_makes_it_repeat_ever_less_often)
{
        static const int after_s[] = { 2, 4, 8, 16, 16 };
        struct desk *d = desk_open(0);
        give(d, 1);
        begin(d);
        finish(d, 1);
        listen_to(d);
        int64_t last_ns = d->now_ns;
        for (size_t i = 0; i < sizeof after_s / sizeof after_s[0]; i++) {
                do {
                        next_tick(d);
                        worker_receive(d->w, bytes_str("\x01"), d->now_ns);
                } while (!said(d, MSG_HELLO));
                cr_assert_eq(d->now_ns - last_ns, after_s[i] * SECOND, "repeat %zu", i);
                cr_assert_eq(said(d, MSG_DONE), 1);
                last_ns = d->now_ns;
        }
        tell_about(d, MSG_ACK, 1);
        one_round(d, 2, 0);
        give(d, 3);
        begin(d);
        finish(d, 3);
        listen_to(d);
        last_ns = d->now_ns;
        do {
                next_tick(d);
                worker_receive(d->w, bytes_str("\x01"), d->now_ns);
        } while (!said(d, MSG_HELLO));
        cr_assert_eq(d->now_ns - last_ns, 2 * SECOND, "after an ACK it begins anew");
        desk_free(d);
}

/* --- heartbeats --- */

static struct token begin_with_heartbeat(struct desk *d, int64_t heartbeat_ms)
{
        tell(d, &(struct message){ .type = MSG_TASK, .token = token_of(1), .heartbeat_ms = heartbeat_ms });
        return begin(d).token;
}

Test(worker, the_first_heartbeat_goes_out_at_once_and_then_four_per_timeout)
{
        struct desk *d = desk_open(0);
        struct token token = begin_with_heartbeat(d, 400);
        int beats = 0;
        for (int ms = 0; ms < 800; ms++, d->now_ns += MS) {
                cr_assert_eq(worker_heartbeat(d->w, &token, d->now_ns), 0);
                listen_to(d);
                cr_assert_eq(said(d, MSG_PULSE), ms % 100 == 0, "at %d ms", ms);
                beats += (int)said(d, MSG_PULSE);
        }
        cr_assert_eq(beats, 8);
        desk_free(d);
}

Test(worker, asked_who_it_claims_before_it_beats)
{
        struct desk *d = desk_open(0);
        struct token token = begin_with_heartbeat(d, 400);
        worker_heartbeat(d->w, &token, d->now_ns);
        worker_return(d->w);
        tell(d, &(struct message){ .type = MSG_WHO });
        listen_to(d);
        cr_assert_eq(place_of(d, MSG_HELLO), 0);
        cr_assert_eq(place_of(d, MSG_CLAIM), 1,
                     "a beat of what is not claimed would be answered with a DROP");
        cr_assert_gt(place_of(d, MSG_PULSE), 1);
        cr_assert_eq(place_of(d, MSG_WINDOW), d->said_count - 1);
        desk_free(d);
}

Test(worker, the_last_heartbeat_is_not_lost)
{
        struct desk *d = desk_open(0);
        struct token token = begin_with_heartbeat(d, 400);
        worker_heartbeat(d->w, &token, d->now_ns);
        listen_to(d);
        d->now_ns += 99 * MS;
        worker_heartbeat(d->w, &token, d->now_ns);
        listen_to(d);
        cr_assert_eq(d->said_count, 0);
        next_tick(d);
        cr_assert_eq(d->now_ns, START + 100 * MS);
        cr_assert_eq(heard(d, MSG_PULSE)->token.run, 1);
        cr_assert_eq(worker_deadline(d->w), START + SECOND, "then only the pulse is due");
        desk_free(d);
}

Test(worker, an_activity_without_heartbeat_timeout_beats_for_nobody)
{
        struct desk *d = desk_open(0);
        struct token token = begin_with_heartbeat(d, 0), other = token_of(5);
        cr_assert_eq(worker_heartbeat(d->w, &token, d->now_ns), 0);
        cr_assert_eq(worker_heartbeat(d->w, &other, d->now_ns), STET_ECANCELED);
        listen_to(d);
        cr_assert_eq(d->said_count, 0);
        desk_free(d);
}

/* --- the window --- */

/* Runs tasks that take so long, in rounds as large as the window, and returns the window that results. */
static uint32_t settled(struct desk *d, int64_t took_ns, int tasks)
{
        static uint64_t run = 1000;
        for (int i = 0; i < tasks; i++)
                one_round(d, run++, took_ns);
        return stats_of(d).window;
}

Test(worker, the_window_holds_ten_milliseconds_of_work)
{
        static const struct {
                int64_t took_ns;
                uint32_t least, most;
        } cases[] = {
                { SECOND, 1, 1 },
                { 20 * MS, 1, 1 },
                { 10 * MS, 1, 1 },
                { MS, 7, 10 },
                { 100 * MS / 1000, 64, 100 },
                { 20 * MS / 1000, 340, 500 },
                { 1000, 1024, 1024 },
                { 0, 1024, 1024 },
        };
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
                struct desk *d = desk_open(0);
                uint32_t window = settled(d, cases[i].took_ns, 4000);
                cr_assert_geq(window, cases[i].least, "%ld ns: %u", (long)cases[i].took_ns, window);
                cr_assert_leq(window, cases[i].most, "%ld ns: %u", (long)cases[i].took_ns, window);
                desk_free(d);
        }
}

Test(worker, the_window_never_exceeds_its_maximum)
{
        struct desk *d = desk_open(10);
        cr_assert_eq(settled(d, 0, 1000), 10);
        desk_free(d);
}

Test(worker, the_window_at_most_doubles_and_only_after_as_many_tasks_as_it_has)
{
        struct desk *d = desk_open(0);
        uint32_t window = 1;
        for (uint32_t since = 1, run = 1; run < 3000; run++, since++) {
                one_round(d, run, 0);
                if (!said(d, MSG_WINDOW))
                        continue;
                cr_assert_leq(heard(d, MSG_WINDOW)->count, 2 * window);
                cr_assert_geq(since, window);
                window = heard(d, MSG_WINDOW)->count;
                since = 0;
        }
        cr_assert_eq(window, 1024);
        desk_free(d);
}

Test(worker, a_steady_load_needs_no_further_windows)
{
        struct desk *d = desk_open(0);
        settled(d, MS, 1000);
        for (uint64_t run = 1; run < 1000; run++) {
                one_round(d, run, MS + (int64_t)(run % 3) * MS / 10);
                cr_assert_eq(said(d, MSG_WINDOW), 0);
        }
        desk_free(d);
}

Test(worker, one_slow_task_shrinks_the_window_at_once)
{
        struct desk *d = desk_open(0);
        settled(d, 1000, 3000);
        cr_assert_eq(stats_of(d).window, 1024);
        cr_assert_eq(settled(d, 10 * SECOND, 1), 1);
        desk_free(d);
}

/* --- giving back --- */

Test(worker, what_is_given_back_comes_with_a_window_of_none_before_it)
{
        struct desk *d = desk_open(0);
        struct worker_task t;
        settled(d, 1000, 3000);
        for (uint64_t run = 1; run <= 5; run++)
                give(d, run);
        begin(d);
        worker_return(d->w);
        listen_to(d);
        cr_assert_eq(place_of(d, MSG_WINDOW), 0);
        cr_assert_eq(heard(d, MSG_WINDOW)->count, 0, "whatever the node believes to be running here");
        cr_assert_eq(said(d, MSG_RETURN), 4);
        cr_assert_eq(stats_of(d).held, 0);
        cr_assert_eq(stats_of(d).begun, 1);

        d->now_ns += 1000;
        finish(d, 1);
        listen_to(d);
        cr_assert_eq(said(d, MSG_WINDOW), 0, "still busy with stopping");
        cr_assert_not(worker_begin(d->w, d->now_ns, &t));
        listen_to(d);
        cr_assert_eq(heard(d, MSG_WINDOW)->count, 1024, "it asks for work again");
        desk_free(d);
}

Test(worker, a_busy_slot_asks_for_nothing_until_it_is_free)
{
        struct desk *d = desk_open(0);
        give(d, 1);
        begin(d);
        worker_return(d->w);
        listen_to(d);
        cr_assert_eq(heard(d, MSG_WINDOW)->count, 0);
        tell_about(d, MSG_DROP, 1);
        give(d, 2); /* it was on its way */
        worker_return(d->w);
        listen_to(d);
        cr_assert_eq(said(d, MSG_WINDOW), 0, "the node knows");
        cr_assert_eq(said(d, MSG_RETURN), 1);
        finish(d, 1);
        cr_assert_not(worker_begin(d->w, d->now_ns, &(struct worker_task){ 0 }));
        listen_to(d);
        cr_assert_gt(heard(d, MSG_WINDOW)->count, 0);
        desk_free(d);
}

Test(worker, a_busy_slot_asks_for_nothing_of_a_node_that_asks_who_it_is)
{
        struct desk *d = desk_open(0);
        give(d, 1);
        begin(d);
        worker_return(d->w);
        listen_to(d);
        tell(d, &(struct message){ .type = MSG_WHO });
        listen_to(d);
        cr_assert_eq(said(d, MSG_CLAIM), 1);
        cr_assert_eq(heard(d, MSG_WINDOW)->count, 0, "it will not necessarily get what it claims");
        desk_free(d);
}

Test(worker, what_was_given_back_can_come_again)
{
        struct desk *d = desk_open(0);
        give(d, 1);
        worker_return(d->w);
        listen_to(d);
        give(d, 1);
        cr_assert_eq(begin(d).token.run, 1);
        desk_free(d);
}

Test(worker, goodbye_is_the_last_word)
{
        struct desk *d = desk_open(0);
        give(d, 1);
        begin(d);
        finish(d, 1);
        worker_bye(d->w);
        listen_to(d);
        cr_assert_eq(said(d, MSG_DONE), 1);
        cr_assert_eq(place_of(d, MSG_BYE), d->said_count - 1);
        tell(d, &(struct message){ .type = MSG_WHO });
        worker_tick(d->w, d->now_ns + 100 * SECOND);
        listen_to(d);
        cr_assert_eq(d->said_count, 0);
        cr_assert_eq(worker_deadline(d->w), INT64_MAX);
        desk_free(d);
}

/* --- a node that is not one --- */

Test(worker, bad_frames_are_ignored_and_counted)
{
        struct desk *d = desk_open(0);
        worker_receive(d->w, bytes_str("GET / HTTP/1.1\r\n"), d->now_ns);
        worker_receive(d->w, bytes_str("\x02"), d->now_ns);
        cr_assert_eq(stats_of(d).bad_frames, 2);
        worker_receive(d->w, bytes_str("\x01\x05"), d->now_ns);
        cr_assert_eq(stats_of(d).bad_frames, 3);
        tell(d, &(struct message){ .type = MSG_START });
        cr_assert_eq(stats_of(d).bad_frames, 4, "not for a worker");
        listen_to(d);
        cr_assert_eq(d->said_count, 0);
        desk_free(d);
}

Test(worker, absurd_times_do_no_harm)
{
        static const int64_t absurd[] = { INT64_MAX, INT64_MIN, -1 };
        for (size_t i = 0; i < sizeof absurd / sizeof absurd[0]; i++) {
                struct desk *d = desk_new(0);
                listen_to(d);
                tell(d, &(struct message){ .type = MSG_WELCOME,
                                           .token.incarnation = INCARNATION,
                                           .heartbeat_ms = absurd[i] });
                struct token token = begin_with_heartbeat(d, absurd[i]);
                cr_assert_eq(worker_heartbeat(d->w, &token, d->now_ns), 0);
                cr_assert_eq(worker_heartbeat(d->w, &token, d->now_ns), 0);
                cr_assert_gt(worker_deadline(d->w), d->now_ns);
                cr_assert_leq(worker_deadline(d->w), d->now_ns + 3 * 3600 * SECOND);
                desk_free(d);
        }
}
