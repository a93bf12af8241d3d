/* SPDX-License-Identifier: MIT
 *
 * Executors against a node that is only its wire: that they run what they are given, say what came of it
 * until it is acknowledged, and serve the node while user code keeps their threads.
 */
#include <criterion/criterion.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "runtime/clock.h"
#include "runtime/context_zmq.h"
#include "runtime/executor.h"
#include "runtime/worker.h"
#include "tests/lib/fake_node.h"
#include "tests/lib/workflows.h"

#define MS INT64_C(1000000)

/* --- activities --- */

/* What the tests of a process share with the activities it runs. */
static struct gate {
        sem_t entered;
        sem_t leave;
        atomic_int heartbeat; /* what it said last */
        atomic_bool heartbeats_stop;
} gate;

static void gate_init(void)
{
        sem_init(&gate.entered, 0, 0);
        sem_init(&gate.leave, 0, 0);
}

static bool sem_within(sem_t *sem)
{
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += 10;
        return sem_timedwait(sem, &until) == 0;
}

static int block(stet_activity *a, const stet_value *in, stet_value *ret)
{
        (void)a;
        (void)in;
        sem_post(&gate.entered);
        sem_within(&gate.leave);
        return stet_value_set_string(ret, "left");
}

static int heartbeats(stet_activity *a, const stet_value *in, stet_value *ret)
{
        (void)in;
        (void)ret;
        int err = 0;
        while (!err && !atomic_load(&gate.heartbeats_stop))
                err = stet_activity_heartbeat(a);
        atomic_store(&gate.heartbeat, err);
        sem_post(&gate.entered);
        return err;
}

static int fails(stet_activity *a, const stet_value *in, stet_value *ret)
{
        (void)ret;
        switch (stet_value_int(in, 0)) {
        case 0:
                return stet_fail(a, "CardServiceDown", "no answer in %d s", 5);
        case 1:
                return stet_fail_permanently(a, "NoSuchCard", "card %s", "12");
        case 2:
                return stet_fail(a, "bad\nkind\xff", "bad text \xff");
        default:
                return STET_ETYPE;
        }
}

static int describes(stet_activity *a, const stet_value *in, stet_value *ret)
{
        (void)in;
        char text[400];
        snprintf(text, sizeof text, "%s %s %u %s %s", stet_activity_name(a), stet_activity_run_id(a),
                 stet_activity_attempt(a), stet_activity_key(a), (const char *)stet_activity_context(a));
        return stet_value_set_string(ret, text);
}

static void app_fill(stet_app *app)
{
        gate_init();
        stet_app_activity(app, "echo", activity_echo);
        stet_app_activity(app, "block", block);
        stet_app_activity(app, "heartbeats", heartbeats);
        stet_app_activity(app, "fails", fails);
        static char context[] = "context";
        stet_app_activity_context(app, "describes", describes, context);
        cr_assert_eq(app->err, 0, "%s", app->why.text);
}

/* --- helpers --- */

struct rig {
        stet_app app;
        struct fake_node *node;
        stet_executor *executor;
};

static void acknowledge(void *ctx, struct fake_node *n, uint64_t peer, const struct message *m)
{
        (void)ctx;
        if (m->type == MSG_DONE)
                fake_send(n, peer, &(struct message){ .type = MSG_ACK, .token = m->token });
}

static void rig_init(struct rig *r, fake_handler *handler, uint32_t slots)
{
        static const char *const queues[] = { "default", "slow", NULL };
        *r = (struct rig){ .app = STET_APP("test") };
        app_fill(&r->app);
        r->node = fake_node_new(&(struct fake_options){ .handler = handler });
        stet_executor_options options = STET_EXECUTOR_OPTIONS;
        options.endpoint = fake_node_endpoint(r->node);
        options.app = &r->app;
        options.name = "worker-1";
        options.queues = queues;
        options.slots = slots;
        stet_why why;
        int err = stet_executor_start(&options, &r->executor, &why);
        cr_assert_eq(err, 0, "%s", why.text);
        cr_assert(fake_await(r->node, MSG_WINDOW, slots));
}

static void rig_fini(struct rig *r)
{
        stet_executor_stop(r->executor, 5000);
        fake_node_free(r->node);
        stet_app_fini(&r->app);
}

static struct token token_of(uint32_t op)
{
        return (struct token){ .run = 0xabc, .op = op, .attempt = 1, .incarnation = 1 };
}

static void give_to(struct rig *r, uint64_t peer, uint32_t op, const char *activity, struct bytes input,
                    int64_t heartbeat_ms)
{
        struct message m = { .type = MSG_TASK,
                             .token = token_of(op),
                             .name = bytes_str(activity),
                             .value = input,
                             .timeout_ms = 60000,
                             .heartbeat_ms = heartbeat_ms };
        fake_send(r->node, peer, &m);
}

static void give(struct rig *r, uint32_t op, const char *activity)
{
        give_to(r, 0, op, activity, bytes_of("\x2a", 1), 0);
}

/* Several in one frame, as a node sends them. */
static void give_both(struct rig *r, uint64_t peer, const char *first, const char *second)
{
        struct buffer frame = { 0 };
        frame_begin(&frame);
        frame_put(&frame,
                  &(struct message){ .type = MSG_TASK, .token = token_of(1), .name = bytes_str(first) });
        frame_put(&frame,
                  &(struct message){ .type = MSG_TASK, .token = token_of(2), .name = bytes_str(second) });
        fake_send_frame(r->node, peer, buffer_bytes(&frame));
        buffer_fini(&frame);
}

static void assert_text(struct bytes text, const char *expected)
{
        cr_assert_eq(text.size, strlen(expected), "%.*s", (int)text.size, (const char *)text.data);
        cr_assert_arr_eq(text.data, expected, text.size);
}

/* The first two connections. */
static void two_peers(struct rig *r, uint64_t *ret_first, uint64_t *ret_second)
{
        fake_received(r->node, MSG_WINDOW, 0, ret_first);
        size_t place = 0;
        do {
                cr_assert(fake_await(r->node, MSG_WINDOW, place + 1));
                fake_received(r->node, MSG_WINDOW, place++, ret_second);
        } while (*ret_second == *ret_first);
}

static const struct message *done(struct rig *r, size_t place)
{
        cr_assert(fake_await(r->node, MSG_DONE, place + 1));
        return fake_received(r->node, MSG_DONE, place, NULL);
}

/* --- running --- */

Test(executor, hello_names_its_activities_and_queues)
{
        struct rig r;
        rig_init(&r, acknowledge, 1);
        const struct message *hello = fake_received(r.node, MSG_HELLO, 0, NULL);
        cr_assert_eq(hello->role, ROLE_WORKER);
        assert_text(hello->name, "worker-1");
        struct cursor names = cursor_of(hello->names), queues = cursor_of(hello->queues);
        cr_assert_eq(cursor_array(&names), 5);
        assert_text(cursor_str(&names), "echo");
        cr_assert_eq(cursor_array(&queues), 2);
        cursor_str(&queues);
        assert_text(cursor_str(&queues), "slow");
        rig_fini(&r);
}

static bool done_reaches(const stet_executor *e, uint64_t count)
{
        int64_t until_ns = clock_elapsed_ns() + 10000 * MS;
        while (stet_executor_done(e) < count && clock_elapsed_ns() < until_ns)
                sched_yield();
        return stet_executor_done(e) == count;
}

Test(executor, tasks_are_run_and_their_results_sent)
{
        struct rig r;
        rig_init(&r, acknowledge, 1);
        for (uint32_t op = 1; op <= 100; op++)
                give(&r, op, "echo");
        const struct message *m = done(&r, 99);
        cr_assert_eq(m->code, 0);
        cr_assert_eq(m->token.op, 100, "in their order");
        cr_assert_eq(m->value.size, 1);
        cr_assert_eq(m->value.data[0], 0x2a);
        cr_assert(done_reaches(r.executor, 100));
        cr_assert(stet_executor_connected(r.executor));
        rig_fini(&r);
}

Test(executor, failures_carry_kind_message_and_whether_to_retry)
{
        struct rig r;
        rig_init(&r, acknowledge, 1);
        for (uint32_t i = 0; i < 4; i++)
                give_to(&r, 0, i, "fails", bytes_of(&(char){ (char)i }, 1), 0);
        give(&r, 4, "nosuch");
        const struct message *m = done(&r, 0);
        cr_assert_eq(m->code, STET_EFAILED);
        assert_text(m->kind, "CardServiceDown");
        assert_text(m->text, "no answer in 5 s");
        cr_assert_not(m->permanent);
        m = done(&r, 1);
        assert_text(m->kind, "NoSuchCard");
        cr_assert(m->permanent);
        m = done(&r, 2);
        assert_text(m->kind, "bad?kind?");
        assert_text(m->text, "bad text ?");
        m = done(&r, 3);
        assert_text(m->kind, "ETYPE");
        m = done(&r, 4);
        assert_text(m->kind, "UnknownActivity");
        rig_fini(&r);
}

Test(executor, activity_knows_its_name_run_attempt_key_and_context)
{
        struct rig r;
        rig_init(&r, acknowledge, 1);
        give(&r, 4294967295u, "describes");
        const struct message *m = done(&r, 0);
        struct cursor c = cursor_of(m->value);
        assert_text(cursor_str(&c), "describes 0000000000000abc 1 0000000000000abc-4294967295 context");
        rig_fini(&r);
}

Test(executor, slots_run_at_the_same_time)
{
        struct rig r;
        uint64_t first, second;
        rig_init(&r, acknowledge, 2);
        two_peers(&r, &first, &second);
        give_to(&r, first, 1, "block", bytes_of(NULL, 0), 0);
        give_to(&r, second, 2, "block", bytes_of(NULL, 0), 0);
        cr_assert(sem_within(&gate.entered));
        cr_assert(sem_within(&gate.entered), "the second enters while the first is in");
        sem_post(&gate.leave);
        sem_post(&gate.leave);
        done(&r, 1);
        rig_fini(&r);
}

/* --- until it is acknowledged --- */

static void ask_at_first_done(void *ctx, struct fake_node *n, uint64_t peer, const struct message *m)
{
        if (m->type == MSG_DONE && fake_count(n, MSG_DONE) == 1)
                fake_send(n, peer, &(struct message){ .type = MSG_WHO });
        else
                acknowledge(ctx, n, peer, m);
}

Test(executor, outcome_is_said_again_until_it_is_acknowledged)
{
        struct rig r;
        rig_init(&r, ask_at_first_done, 1);
        give(&r, 1, "echo");
        const struct message *m = done(&r, 1);
        cr_assert_eq(m->token.op, 1);
        cr_assert(done_reaches(r.executor, 1));
        rig_fini(&r);
}

Test(executor, running_activity_is_claimed_from_a_node_that_restarted)
{
        struct rig r;
        rig_init(&r, acknowledge, 1);
        give(&r, 7, "block");
        cr_assert(sem_within(&gate.entered));
        fake_node_down(r.node);
        fake_node_up(r.node);
        cr_assert(fake_await(r.node, MSG_CLAIM, 1), "while the activity goes on");
        cr_assert_eq(fake_received(r.node, MSG_CLAIM, 0, NULL)->token.op, 7);
        cr_assert_eq(fake_count(r.node, MSG_DONE), 0);
        sem_post(&gate.leave);
        cr_assert_eq(done(&r, 0)->token.op, 7);
        cr_assert(done_reaches(r.executor, 1));
        rig_fini(&r);
}

Test(executor, executor_that_is_idle_comes_back_to_a_node_that_restarted)
{
        struct rig r;
        uint64_t before, after;
        rig_init(&r, acknowledge, 1);
        fake_node_down(r.node);
        fake_node_up(r.node);
        two_peers(&r, &before, &after); /* the same slot, over two connections */
        give_to(&r, after, 1, "echo", bytes_of(NULL, 0), 0);
        cr_assert_eq(done(&r, 0)->token.op, 1);
        rig_fini(&r);
}

/* --- beside a long activity --- */

Test(executor, executor_pulses_while_its_only_slot_is_busy)
{
        struct rig r;
        rig_init(&r, acknowledge, 1);
        give(&r, 1, "block");
        cr_assert(sem_within(&gate.entered));
        size_t before = fake_count(r.node, MSG_PULSE);
        cr_assert(fake_await(r.node, MSG_PULSE, before + 2));
        const struct message *pulse = fake_received(r.node, MSG_PULSE, before, NULL);
        cr_assert_eq(pulse->token.run, 0, "of the executor, not of the attempt");
        sem_post(&gate.leave);
        rig_fini(&r);
}

Test(executor, outcome_does_not_wait_for_a_long_neighbour)
{
        struct rig r;
        rig_init(&r, acknowledge, 1);
        give_both(&r, 0, "echo", "block");
        cr_assert(sem_within(&gate.entered));
        cr_assert_eq(done(&r, 0)->token.op, 1, "while the second is in");
        sem_post(&gate.leave);
        cr_assert_eq(done(&r, 1)->token.op, 2);
        rig_fini(&r);
}

Test(executor, what_waits_behind_a_long_activity_is_handed_back_over_its_own_connection)
{
        struct rig r;
        uint64_t busy, from;
        rig_init(&r, acknowledge, 2);
        fake_received(r.node, MSG_WINDOW, 0, &busy);
        give_both(&r, busy, "block", "echo");
        cr_assert(fake_await(r.node, MSG_RETURN, 1));
        cr_assert_eq(fake_received(r.node, MSG_RETURN, 0, &from)->token.op, 2);
        cr_assert_eq(from, busy);
        cr_assert_eq(fake_count(r.node, MSG_DONE), 0);
        give_to(&r, busy, 3, "echo", bytes_of(NULL, 0), 0);
        cr_assert(fake_await(r.node, MSG_RETURN, 2), "so is what comes later");
        sem_post(&gate.leave);
        cr_assert_eq(done(&r, 0)->token.op, 1);
        rig_fini(&r);
}

/* --- heartbeats --- */

Test(executor, heartbeats_reach_the_node_a_few_times_per_timeout)
{
        struct rig r;
        rig_init(&r, acknowledge, 1);
        give_to(&r, 0, 1, "heartbeats", bytes_of(NULL, 0), 200);
        size_t beats = 0;
        for (size_t pulses = 1; beats < 3; pulses++) {
                cr_assert(fake_await(r.node, MSG_PULSE, pulses));
                beats += fake_received(r.node, MSG_PULSE, pulses - 1, NULL)->token.op == 1;
        }
        cr_assert_lt(fake_count(r.node, MSG_PULSE), 20, "not one for each call");
        atomic_store(&gate.heartbeats_stop, true);
        cr_assert_eq(done(&r, 0)->code, 0);
        rig_fini(&r);
}

Test(executor, heartbeat_says_that_the_attempt_was_dropped)
{
        struct rig r;
        rig_init(&r, acknowledge, 1);
        give_to(&r, 0, 1, "heartbeats", bytes_of(NULL, 0), 60000);
        cr_assert(fake_await(r.node, MSG_PULSE, 1));
        fake_send(r.node, 0, &(struct message){ .type = MSG_DROP, .token = token_of(1) });
        cr_assert(sem_within(&gate.entered));
        cr_assert_eq(atomic_load(&gate.heartbeat), STET_ECANCELED);
        give(&r, 2, "echo");
        cr_assert_eq(done(&r, 0)->token.op, 2, "the dropped one's outcome is not sent");
        rig_fini(&r);
}

/* --- stopping --- */

Test(executor, stop_lets_the_activity_finish_and_says_goodbye)
{
        struct rig r;
        rig_init(&r, acknowledge, 1);
        give(&r, 1, "block");
        cr_assert(sem_within(&gate.entered));
        sem_post(&gate.leave);
        stet_executor_stop(r.executor, 5000);
        r.executor = NULL;
        cr_assert(fake_await(r.node, MSG_BYE, 1));
        cr_assert_eq(fake_count(r.node, MSG_DONE), 1);
        rig_fini(&r);
}

Test(executor, stop_leaves_an_activity_that_takes_too_long)
{
        struct rig r;
        rig_init(&r, acknowledge, 1);
        give_both(&r, 0, "block", "echo");
        cr_assert(sem_within(&gate.entered));
        stet_executor_stop(r.executor, 50);
        r.executor = NULL;
        cr_assert(fake_await(r.node, MSG_BYE, 1));
        cr_assert_eq(fake_received(r.node, MSG_RETURN, 0, NULL)->token.op, 2, "and gives back the rest");
        cr_assert_eq(fake_count(r.node, MSG_DONE), 0);
        sem_post(&gate.leave);
        rig_fini(&r);
}

Test(executor, stop_without_a_node_does_not_wait_for_one)
{
        stet_app app = STET_APP("test");
        app_fill(&app);
        stet_executor_options options = STET_EXECUTOR_OPTIONS;
        options.endpoint = "ipc:///tmp/stet-test-nobody-listens-here";
        options.app = &app;
        options.slots = 4;
        stet_executor *e;
        cr_assert_eq(stet_executor_start(&options, &e, NULL), 0);
        cr_assert_not(stet_executor_connected(e));
        cr_assert_eq(stet_executor_done(e), 0);
        int64_t begun_ns = clock_elapsed_ns();
        stet_executor_stop(e, 10000);
        cr_assert_lt(clock_elapsed_ns() - begun_ns, 2000 * MS);
        stet_executor_stop(NULL, 0);
        stet_app_fini(&app);
}

/* --- options --- */

static void assert_refused(const stet_executor_options *options, int expected, const char *part)
{
        stet_executor *e = NULL;
        stet_why why = { "" };
        cr_assert_eq(stet_executor_start(options, &e, &why), expected, "%s", why.text);
        cr_assert_not_null(strstr(why.text, part), "\"%s\" does not say \"%s\"", why.text, part);
        cr_assert_null(e);
}

Test(executor, options_that_cannot_work_are_refused_with_a_sentence)
{
        static const char *const bad_queues[] = { "fine", "", NULL };
        stet_app app = STET_APP("test"), empty = STET_APP("empty"), broken = STET_APP("broken");
        app_fill(&app);
        stet_app_activity(&broken, "", activity_echo);
        const stet_executor_options right = { .struct_size = sizeof right,
                                              .endpoint = "tcp://127.0.0.1:1",
                                              .app = &app };
        stet_executor_options o = right;
        o.app = &empty;
        assert_refused(&o, STET_EINVAL, "app \"empty\" has no activity");
        o.app = NULL;
        assert_refused(&o, STET_EINVAL, "needs an app");
        o.app = &broken;
        assert_refused(&o, STET_EINVAL, "app \"broken\"");
        o = right;
        o.endpoint = NULL;
        assert_refused(&o, STET_EINVAL, "endpoint");
        o.endpoint = "nonsense";
        assert_refused(&o, STET_EENDPOINT, "nonsense");
        o = right;
        o.slots = 100000;
        assert_refused(&o, STET_EINVAL, "100000 slots");
        o = right;
        o.name = "two\nlines";
        assert_refused(&o, STET_EINVAL, "executor's name");
        o = right;
        o.queues = bad_queues;
        assert_refused(&o, STET_EINVAL, "queue number 2");
        o = right;
        o.struct_size = 0;
        assert_refused(&o, STET_EINVAL, "STET_EXECUTOR_OPTIONS");
        assert_refused(NULL, STET_EINVAL, "STET_EXECUTOR_OPTIONS");
        stet_app_fini(&app);
        stet_app_fini(&broken);
}

struct lines {
        pthread_mutex_t mutex;
        char text[1000];
};

static void take_line(void *context, stet_log_level level, const char *line)
{
        struct lines *l = context;
        (void)level;
        pthread_mutex_lock(&l->mutex);
        snprintf(l->text + strlen(l->text), sizeof l->text - strlen(l->text), "%s\n", line);
        pthread_mutex_unlock(&l->mutex);
}

Test(executor, log_names_executor_and_node_once_however_many_slots_connect)
{
        struct lines lines = { .mutex = PTHREAD_MUTEX_INITIALIZER };
        struct rig r = { .app = STET_APP("test") };
        app_fill(&r.app);
        r.node = fake_node_new(&(struct fake_options){ .handler = acknowledge });
        stet_executor_options options = STET_EXECUTOR_OPTIONS;
        options.endpoint = fake_node_endpoint(r.node);
        options.app = &r.app;
        options.name = "worker-1";
        options.slots = 3;
        options.log = take_line;
        options.log_context = &lines;
        cr_assert_eq(stet_executor_start(&options, &r.executor, NULL), 0);
        cr_assert(fake_await(r.node, MSG_PULSE, 3), "all are welcome");
        char expected[300];
        snprintf(expected, sizeof expected, "executor worker-1: connected to %s\n",
                 fake_node_endpoint(r.node));
        rig_fini(&r);
        cr_assert_str_eq(lines.text, expected);
}

/* --- without threads --- */

Test(executor, inline_executor_runs_its_tasks_when_it_is_polled)
{
        void *context;
        struct executor_inline *e;
        struct rig r = { .app = STET_APP("test") };
        app_fill(&r.app);
        cr_assert_eq(context_open(&context, NULL), 0);
        r.node = fake_node_new(&(struct fake_options){
            .zmq_context = context, .endpoint = "inproc://inline", .handler = acknowledge, .driven = true });
        stet_executor_options options = STET_EXECUTOR_OPTIONS;
        options.endpoint = "inproc://inline";
        options.app = &r.app;
        cr_assert_eq(executor_inline_new(context, &options, &e, NULL), 0);
        cr_assert_geq(executor_inline_fd(e), 0);
        const int64_t skew_ns = 1000000 * MS; /* the node's clock is another one */
        for (int turn = 0; turn < 100 && !fake_count(r.node, MSG_WINDOW); turn++) {
                executor_inline_poll(e, clock_elapsed_ns() + skew_ns);
                fake_node_turn(r.node, 10);
        }
        give(&r, 1, "echo");
        give(&r, 2, "describes");
        bool did = false;
        for (int turn = 0; turn < 100 && fake_count(r.node, MSG_DONE) < 2; turn++) {
                fake_node_turn(r.node, 10);
                did |= executor_inline_poll(e, clock_elapsed_ns() + skew_ns);
                fake_node_turn(r.node, 10);
        }
        cr_assert(did);
        cr_assert_eq(fake_count(r.node, MSG_DONE), 2);
        int64_t now_ns = clock_elapsed_ns() + skew_ns;
        cr_assert_gt(fake_received(r.node, MSG_DONE, 0, NULL)->started_ns, now_ns - 60000 * MS);
        cr_assert_lt(executor_inline_deadline(e), now_ns + 10000 * MS);
        executor_inline_free(e);
        executor_inline_free(NULL);
        fake_node_free(r.node);
        context_close(context);
        stet_app_fini(&r.app);
}
