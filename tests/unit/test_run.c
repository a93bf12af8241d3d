/* SPDX-License-Identifier: MIT
 *
 * A run's bookkeeping: what an event means for it (run_judge) and what a record makes of it (run_apply). A
 * world holds one run and counts LSNs; a record is written as its event and its effects.
 */
#include "actors/run.h"

#include "stet/error.h"

#include <criterion/criterion.h>
#include <stdio.h>

enum { RUN = 0x1001, DELIVERED = TRANSITION_DELIVERED, ACTIVE = TRANSITION_DELIVERED | TRANSITION_ACTIVATED };

#define MS INT64_C(1000000)

struct world {
        struct run_tables tables;
        struct run *run;
        uint64_t lsn;
        int64_t now_ns;
        struct buffer effects; /* of the last judgement */
        int err;               /* its reason to refuse */
};

#define EV(...) (&(struct event){ __VA_ARGS__ })
#define EF(...) ((struct effect){ __VA_ARGS__ })
#define EFFECTS(...)                                                                                         \
        ((struct effect[]){ __VA_ARGS__ }), sizeof((struct effect[]){ __VA_ARGS__ }) / sizeof(struct effect)
#define NO_EFFECTS NULL, 0

static int record(struct world *w, uint8_t flags, const struct event *e, const struct effect *effects,
                  size_t count)
{
        struct buffer body = { 0 };
        event_encode(&body, e);
        for (size_t i = 0; i < count; i++)
                effect_encode(&body, &effects[i]);
        int err = run_apply(w->run, &w->tables, ++w->lsn, flags, w->now_ns, buffer_bytes(&body));
        buffer_fini(&body);
        return err;
}

static void apply(struct world *w, uint8_t flags, const struct event *e, const struct effect *effects,
                  size_t count)
{
        cr_assert_eq(record(w, flags, e, effects, count), 0);
        const char *broken = run_check(w->run);
        cr_assert_null(broken, "%s", broken);
}

static const struct bytes attributes = { (const uint8_t *)"\x81\xa4"
                                                          "city\xa3Ulm",
                                         10 };

static void start_with(struct world *w, const struct effect *effects, size_t count)
{
        *w = (struct world){ .run = run_new(NULL, RUN), .now_ns = 1000 * MS };
        apply(w, ACTIVE,
              EV(.type = EVENT_START, .workflow = bytes_str("order"), .id = bytes_str("order-17"),
                 .ns = bytes_str("prod"), .attributes = attributes, .seed = 7, .request_id = bytes_str("r1")),
              effects, count);
}

/* All that was opened must be gone with the run: the tables are empty. */
static void stop(struct world *w)
{
        run_free(w->run, &w->tables);
        cr_assert_eq(w->tables.ops.count, 0);
        cr_assert_eq(w->tables.ops_count, 0);
        cr_assert_eq(w->tables.requests.count, 0);
        cr_assert_null(heap_min(&w->tables.timers));
        run_tables_fini(&w->tables);
        buffer_fini(&w->effects);
}

static enum run_verdict judge(struct world *w, const struct event *e)
{
        buffer_clear(&w->effects);
        w->err = 0;
        return run_judge(w->run, &w->tables, e, w->now_ns, &w->effects, &w->err);
}

static void refused(struct world *w, int err, const struct event *e)
{
        cr_assert_eq(judge(w, e), RUN_REFUSE);
        cr_assert_eq(w->err, err, "it was refused with %s", stet_error_name(w->err));
        cr_assert_eq(w->effects.size, 0);
}

static struct effect call(uint32_t op, uint32_t max_attempts)
{
        return EF(.type = EFFECT_CALL, .op = op, .name = bytes_str("charge"), .queue = bytes_str("default"),
                  .max_attempts = max_attempts, .initial_interval_ms = 100, .max_interval_ms = 1000,
                  .backoff_factor = 2);
}

static struct event failure(uint32_t op, uint32_t attempt)
{
        return (struct event){ .type = EVENT_ACTIVITY,
                               .op = op,
                               .attempt = attempt,
                               .code = STET_EFAILED,
                               .kind = bytes_str("Down") };
}

/* What the last judgement decided: a RETRY. */
static struct effect retry_of(const struct world *w)
{
        struct effect e = { 0 };
        struct cursor c = cursor_of(buffer_bytes(&w->effects));
        cr_assert(effect_decode(&c, &e));
        cr_assert_eq(e.type, EFFECT_RETRY);
        cr_assert(cursor_end(&c));
        return e;
}

/* --- starting and owing --- */

Test(run, start_fills_in_who_it_is)
{
        struct world w;
        start_with(&w, EFFECTS(call(1, 3)));
        cr_assert_str_eq(w.run->ns, "prod");
        cr_assert_str_eq(w.run->workflow, "order");
        cr_assert_str_eq(w.run->workflow_id, "order-17");
        cr_assert_eq(w.run->seed, 7);
        cr_assert(bytes_equal(w.run->attributes, attributes));
        cr_assert_eq(w.run->started_ns, 1000 * MS);
        cr_assert_eq(w.run->first_lsn, 1);
        cr_assert_eq(w.run->transitions, 1);
        cr_assert_eq(w.run->ending, RUN_OPEN);
        cr_assert(bytes_equal(run_given_id(w.run), bytes_str("order-17")));
        stop(&w);
}

Test(run, each_start_of_something_is_owed_until_it_is_over)
{
        struct world w;
        start_with(&w,
                   EFFECTS(call(1, 3), EF(.type = EFFECT_TIMER, .op = 2, .due_ns = 5000),
                           EF(.type = EFFECT_WAIT_SIGNAL, .op = 3, .name = bytes_str("go")),
                           EF(.type = EFFECT_SEND, .op = 4, .id = bytes_str("x"), .name = bytes_str("y")),
                           EF(.type = EFFECT_CHILD, .op = 5, .name = bytes_str("z"), .id = bytes_str("c")),
                           call(6, 1)));
        cr_assert_eq(w.run->ops_count, 6);
        for (uint32_t op = 1; op <= 6; op++)
                cr_assert(run_op(&w.tables, w.run, op) && run_op(&w.tables, w.run, op)->id == op, "op %u",
                          op);
        cr_assert_null(run_op(&w.tables, w.run, 7));
        cr_assert_null(run_op(&w.tables, w.run, 0));
        cr_assert_eq(heap_min(&w.tables.timers)->due_ns, 5000);

        apply(&w, ACTIVE, EV(.type = EVENT_ACTIVITY, .op = 1, .attempt = 1), NO_EFFECTS);
        apply(&w, ACTIVE, EV(.type = EVENT_TIMER, .op = 2), NO_EFFECTS);
        apply(&w, ACTIVE, EV(.type = EVENT_SIGNAL, .name = bytes_str("go")), NO_EFFECTS);
        apply(&w, ACTIVE, EV(.type = EVENT_SENT, .op = 4), NO_EFFECTS);
        apply(&w, ACTIVE, EV(.type = EVENT_CHILD, .op = 5, .ending = RUN_COMPLETED), NO_EFFECTS);
        for (uint32_t op = 1; op <= 5; op++)
                cr_assert_null(run_op(&w.tables, w.run, op), "op %u", op);
        cr_assert_eq(w.run->ops_count, 1);
        cr_assert_null(heap_min(&w.tables.timers));
        apply(&w, ACTIVE, EV(.type = EVENT_CANCEL), EFFECTS(EF(.type = EFFECT_DROP, .op = 6), call(7, 1)));
        cr_assert_null(run_op(&w.tables, w.run, 6));
        cr_assert(w.run->cancel_requested);
        stop(&w);
}

Test(run, hundreds_of_ops_are_each_found_and_closed)
{
        enum { OPS = 300 };
        struct world w;
        struct effect calls[OPS];
        for (uint32_t i = 0; i < OPS; i++)
                calls[i] = call(i + 1, 1);
        start_with(&w, calls, OPS);
        for (uint32_t i = 0; i < OPS; i++) {
                uint32_t op = i * 7 % OPS + 1; /* 7 and 300 have no common factor: each op once */
                cr_assert_eq(run_op(&w.tables, w.run, op)->id, op);
                apply(&w, ACTIVE, EV(.type = EVENT_ACTIVITY, .op = op, .attempt = 1),
                      EFFECTS(call(OPS + 1 + i, 1), EF(.type = EFFECT_DROP, .op = i ? OPS + i : 0)));
                cr_assert_null(run_op(&w.tables, w.run, op));
        }
        cr_assert_eq(w.run->ops_count, 1);
        stop(&w);
}

/* --- activities --- */

Test(run, call_remembers_its_queue_and_the_usual_one_takes_nothing)
{
        struct world w;
        struct effect mail = call(2, 3), unnamed = call(3, 3);
        mail.queue = bytes_str("mail");
        unnamed.queue = bytes_of(NULL, 0);
        start_with(&w, EFFECTS(call(1, 3), mail, unnamed));
        cr_assert_null(run_op(&w.tables, w.run, 1)->name);
        cr_assert(bytes_equal(op_queue(run_op(&w.tables, w.run, 1)), bytes_str("default")));
        cr_assert(bytes_equal(op_queue(run_op(&w.tables, w.run, 2)), bytes_str("mail")));
        cr_assert(bytes_equal(op_queue(run_op(&w.tables, w.run, 3)), bytes_str("default")));
        stop(&w);
}

Test(run, outcome_of_the_current_attempt_is_for_the_code_and_any_other_is_stale)
{
        struct world w;
        start_with(&w, EFFECTS(call(1, 3), EF(.type = EFFECT_TIMER, .op = 2, .due_ns = 1)));
        refused(&w, STET_ESTALE, EV(.type = EVENT_ACTIVITY, .op = 1, .attempt = 0));
        refused(&w, STET_ESTALE, EV(.type = EVENT_ACTIVITY, .op = 1, .attempt = 2));
        refused(&w, STET_ESTALE, EV(.type = EVENT_ACTIVITY, .op = 9, .attempt = 1));
        refused(&w, STET_ESTALE, EV(.type = EVENT_ACTIVITY, .op = 2, .attempt = 0)); /* that is a timer */
        refused(&w, STET_ESTALE, EV(.type = EVENT_TIMER, .op = 1));
        cr_assert_eq(judge(&w, EV(.type = EVENT_ACTIVITY, .op = 1, .attempt = 1)), RUN_DELIVER);
        apply(&w, ACTIVE, EV(.type = EVENT_ACTIVITY, .op = 1, .attempt = 1), NO_EFFECTS);
        refused(&w, STET_ESTALE, EV(.type = EVENT_ACTIVITY, .op = 1, .attempt = 1));
        stop(&w);
}

Test(run, failed_attempt_is_followed_by_the_next_until_they_are_used_up_and_the_code_hears_of_the_last)
{
        struct world w;
        start_with(&w, EFFECTS(call(1, 3)));
        for (uint32_t attempt = 1; attempt <= 2; attempt++) {
                struct event e = failure(1, attempt);
                cr_assert_eq(judge(&w, &e), RUN_SETTLE);
                struct effect retry = retry_of(&w);
                cr_assert_eq(retry.op, 1);
                cr_assert_eq(retry.attempt, attempt + 1);
                cr_assert_eq(retry.due_ns, w.now_ns + 100 * MS * attempt);
                apply(&w, 0, &e, &retry, 1);
                cr_assert_eq(run_op(&w.tables, w.run, 1)->attempt, attempt + 1);
                cr_assert_eq(run_op(&w.tables, w.run, 1)->due_ns, retry.due_ns);
                refused(&w, STET_ESTALE, &e);
        }
        struct event last = failure(1, 3);
        cr_assert_eq(judge(&w, &last), RUN_DELIVER);
        cr_assert_eq(w.effects.size, 0);
        stop(&w);
}

Test(run, lost_attempts_are_repeated_at_once_and_leave_the_tries_as_they_were)
{
        struct world w;
        start_with(&w, EFFECTS(call(1, 2)));
        for (uint32_t lost = 1; lost < RETRY_LOST_MAX; lost++) {
                struct event e = failure(1, lost);
                e.lost = lost;
                cr_assert_eq(judge(&w, &e), RUN_SETTLE);
                struct effect retry = retry_of(&w);
                cr_assert_eq(retry.due_ns, 0);
                apply(&w, 0, &e, &retry, 1);
                cr_assert_eq(run_op(&w.tables, w.run, 1)->tries, 0);
        }
        struct event e = failure(1, RETRY_LOST_MAX);
        cr_assert_eq(judge(&w, &e), RUN_SETTLE,
                     "the first try that failed by itself is followed by a second");
        e.lost = RETRY_LOST_MAX;
        cr_assert_eq(judge(&w, &e), RUN_DELIVER, "ten in a row are enough");
        stop(&w);
}

Test(run, permanent_failure_is_for_the_code_at_once)
{
        struct world w;
        start_with(&w, EFFECTS(call(1, 3)));
        struct event e = failure(1, 1);
        e.permanent = true;
        cr_assert_eq(judge(&w, &e), RUN_DELIVER);
        stop(&w);
}

Test(run, jitter_is_drawn_from_the_runs_seed_so_that_every_judgement_gives_the_same)
{
        struct world w;
        struct effect jumpy = call(1, 9);
        jumpy.jitter = 1;
        start_with(&w, EFFECTS(jumpy));
        struct event e = failure(1, 1);
        cr_assert_eq(judge(&w, &e), RUN_SETTLE);
        int64_t due_ns = retry_of(&w).due_ns;
        cr_assert_eq(judge(&w, &e), RUN_SETTLE);
        cr_assert_eq(retry_of(&w).due_ns, due_ns);
        w.run->seed++;
        cr_assert_eq(judge(&w, &e), RUN_SETTLE);
        cr_assert_neq(retry_of(&w).due_ns, due_ns);
        stop(&w);
}

/* --- signals --- */

static uint64_t kept(const struct world *w, const char *name)
{
        const struct name_node *node = name_set_find(&w->run->channels, bytes_str(name));
        return node ? container_of(node, struct run_channel, in_run)->kept : 0;
}

Test(run, signal_goes_to_the_oldest_wait_of_its_name_and_without_one_is_kept)
{
        struct world w;
        start_with(&w, EFFECTS(EF(.type = EFFECT_WAIT_SIGNAL, .op = 1, .name = bytes_str("go")),
                               EF(.type = EFFECT_WAIT_SIGNAL, .op = 2, .name = bytes_str("go")),
                               EF(.type = EFFECT_WAIT_SIGNAL, .op = 3, .name = bytes_str("stop"))));
        struct event go = { .type = EVENT_SIGNAL, .name = bytes_str("go") };
        apply(&w, ACTIVE, &go, NO_EFFECTS);
        cr_assert_null(run_op(&w.tables, w.run, 1));
        cr_assert(run_op(&w.tables, w.run, 2) && run_op(&w.tables, w.run, 3));
        apply(&w, ACTIVE, &go, NO_EFFECTS);
        cr_assert_eq(kept(&w, "go"), 0);
        apply(&w, ACTIVE, &go, NO_EFFECTS);
        cr_assert_eq(kept(&w, "go"), 1, "nobody waits for it: it is kept");
        cr_assert_eq(w.run->ops_count, 1);
        stop(&w);
}

Test(run, wait_takes_a_signal_that_was_kept_and_owes_nothing)
{
        struct world w;
        start_with(&w, EFFECTS(call(1, 1)));
        apply(&w, ACTIVE, EV(.type = EVENT_SIGNAL, .name = bytes_str("stop")), NO_EFFECTS);
        apply(&w, ACTIVE, EV(.type = EVENT_SIGNAL, .name = bytes_str("go")), NO_EFFECTS);
        apply(&w, ACTIVE, EV(.type = EVENT_SIGNAL, .name = bytes_str("go")),
              EFFECTS(EF(.type = EFFECT_WAIT_SIGNAL, .op = 2, .name = bytes_str("go")),
                      EF(.type = EFFECT_WAIT_SIGNAL, .op = 3, .name = bytes_str("go")),
                      EF(.type = EFFECT_WAIT_SIGNAL, .op = 4, .name = bytes_str("go"))));
        cr_assert_null(run_op(&w.tables, w.run, 2));
        cr_assert_null(run_op(&w.tables, w.run, 3));
        cr_assert(run_op(&w.tables, w.run, 4), "there were two, the third has to wait");
        cr_assert_eq(kept(&w, "go"), 0);
        cr_assert_eq(kept(&w, "stop"), 1);
        stop(&w);
}

Test(run, waits_of_many_names_each_get_their_own_signals_in_order)
{
        enum { NAMES = 100 };
        struct world w;
        struct effect waits[2 * NAMES];
        char names[NAMES][8];
        for (uint32_t i = 0; i < 2 * NAMES; i++) {
                snprintf(names[i % NAMES], sizeof names[0], "s%u", i % NAMES);
                waits[i] = EF(.type = EFFECT_WAIT_SIGNAL, .op = i + 1, .name = bytes_str(names[i % NAMES]));
        }
        start_with(&w, waits, 2 * NAMES);
        apply(&w, ACTIVE, EV(.type = EVENT_CANCEL), EFFECTS(EF(.type = EFFECT_DROP, .op = 8)));
        for (uint32_t i = NAMES; i-- > 0;) {
                apply(&w, ACTIVE, EV(.type = EVENT_SIGNAL, .name = bytes_str(names[i])), NO_EFFECTS);
                cr_assert_null(run_op(&w.tables, w.run, i + 1));
                cr_assert_eq(run_op(&w.tables, w.run, NAMES + i + 1) == NULL, i == 7,
                             "op 8 was given up: the second of its name was next");
        }
        for (uint32_t i = 0; i < NAMES; i++)
                apply(&w, ACTIVE, EV(.type = EVENT_SIGNAL, .name = bytes_str(names[i])),
                      EFFECTS(call(1000 + i, 1)));
        cr_assert_eq(w.run->ops_count, NAMES);
        cr_assert_eq(w.run->channels.count, 1);
        cr_assert_eq(kept(&w, "s7"), 1);
        stop(&w);
}

Test(run, signal_of_another_run_is_applied_once_and_in_order)
{
        struct world w;
        start_with(&w, EFFECTS(call(1, 1)));
        struct event e = { .type = EVENT_SIGNAL, .name = bytes_str("go"), .sender = 5, .sender_op = 2 };
        cr_assert_eq(judge(&w, &e), RUN_DELIVER);
        apply(&w, ACTIVE, &e, NO_EFFECTS);
        refused(&w, STET_EEXISTS, &e);
        e.sender_op = 1;
        refused(&w, STET_EEXISTS, &e);
        e.sender_op = 3;
        cr_assert_eq(judge(&w, &e), RUN_DELIVER);
        e.sender = 6;
        e.sender_op = 1;
        cr_assert_eq(judge(&w, &e), RUN_DELIVER, "another sender counts for itself");
        apply(&w, ACTIVE, &e, NO_EFFECTS);
        refused(&w, STET_EEXISTS, &e);
        e.sender = 0;
        cr_assert_eq(judge(&w, &e), RUN_DELIVER, "a client's signal has no sender");
        stop(&w);
}

/* --- requests --- */

static bool applied(const struct world *w, uint8_t event, const char *ns, const char *id,
                    const char *request_id)
{
        const struct run_request *r =
            run_request_find(&w->tables, event, bytes_str(ns), bytes_str(id), bytes_str(request_id));
        cr_assert(!r || r->run == w->run);
        return r != NULL;
}

Test(run, requests_are_forgotten_up_to_a_record)
{
        struct world w;
        start_with(&w, EFFECTS(call(1, 1))); /* its record is the first */
        apply(&w, ACTIVE, EV(.type = EVENT_SIGNAL, .name = bytes_str("go"), .request_id = bytes_str("r2")),
              NO_EFFECTS);
        apply(&w, ACTIVE, EV(.type = EVENT_SIGNAL, .name = bytes_str("go")), NO_EFFECTS);
        apply(&w, ACTIVE, EV(.type = EVENT_CANCEL, .request_id = bytes_str("r4")), NO_EFFECTS);
        run_requests_forget(w.run, &w.tables, 0);
        cr_assert(applied(&w, EVENT_START, "prod", "order-17", "r1"));
        run_requests_forget(w.run, &w.tables, 2);
        cr_assert(!applied(&w, EVENT_START, "prod", "order-17", "r1"));
        cr_assert(!applied(&w, EVENT_SIGNAL, "prod", "order-17", "r2"));
        cr_assert(applied(&w, EVENT_CANCEL, "prod", "order-17", "r4"));
        run_requests_forget(w.run, &w.tables, 3);
        cr_assert(applied(&w, EVENT_CANCEL, "prod", "order-17", "r4"));
        run_requests_forget(w.run, &w.tables, 4);
        cr_assert_eq(w.tables.requests.count, 0);
        apply(&w, ACTIVE, EV(.type = EVENT_CANCEL, .request_id = bytes_str("r4")), NO_EFFECTS);
        cr_assert(applied(&w, EVENT_CANCEL, "prod", "order-17", "r4"));
        stop(&w);
}

Test(run, requests_that_were_applied_are_found_and_nothing_that_differs_in_anything)
{
        struct world w;
        start_with(&w, EFFECTS(call(1, 1)));
        apply(&w, ACTIVE, EV(.type = EVENT_SIGNAL, .name = bytes_str("go"), .request_id = bytes_str("r2")),
              NO_EFFECTS);
        cr_assert(applied(&w, EVENT_START, "prod", "order-17", "r1"));
        cr_assert(applied(&w, EVENT_SIGNAL, "prod", "order-17", "r2"));
        cr_assert(!applied(&w, EVENT_CANCEL, "prod", "order-17", "r2"));
        cr_assert(!applied(&w, EVENT_SIGNAL, "dev", "order-17", "r2"));
        cr_assert(!applied(&w, EVENT_SIGNAL, "prod", "order-1", "r2"));
        cr_assert(!applied(&w, EVENT_SIGNAL, "prod", "order-17", "r"));
        cr_assert(!applied(&w, EVENT_SIGNAL, "prod", "order-17", ""), "no request id: it can't be a repeat");
        stop(&w);
}

Test(run, workflow_id_that_is_the_run_id_was_given_by_nobody)
{
        struct world w = { .run = run_new(NULL, RUN) };
        apply(&w, ACTIVE,
              EV(.type = EVENT_START, .workflow = bytes_str("order"), .id = bytes_str("0000000000001001"),
                 .request_id = bytes_str("r1")),
              EFFECTS(call(1, 1)));
        cr_assert_eq(run_given_id(w.run).size, 0);
        cr_assert(applied(&w, EVENT_START, "", "", "r1"));
        stop(&w);
        w = (struct world){ .run = run_new(NULL, RUN + 1) };
        apply(&w, ACTIVE, EV(.type = EVENT_START, .id = bytes_str("0000000000001001")), EFFECTS(call(1, 1)));
        cr_assert_eq(run_given_id(w.run).size, 16, "that is another run's");
        stop(&w);
}

/* --- endings --- */

Test(run, finish_closes_everything_that_was_owed)
{
        struct world w;
        start_with(&w, EFFECTS(call(1, 1), EF(.type = EFFECT_TIMER, .op = 2, .due_ns = 5),
                               EF(.type = EFFECT_WAIT_SIGNAL, .op = 3, .name = bytes_str("go")),
                               EF(.type = EFFECT_CHILD, .op = 4), call(5, 1), call(6, 1)));
        apply(&w, ACTIVE, EV(.type = EVENT_SIGNAL, .name = bytes_str("other")), NO_EFFECTS);
        w.now_ns += 3;
        apply(&w, ACTIVE, EV(.type = EVENT_ACTIVITY, .op = 1, .attempt = 1),
              EFFECTS(EF(.type = EFFECT_FINISH, .ending = RUN_COMPLETED)));
        cr_assert_eq(w.run->ending, RUN_COMPLETED);
        cr_assert_eq(w.run->ended_ns, w.now_ns);
        cr_assert_eq(w.run->ops_count, 0);
        cr_assert_eq(w.tables.ops_count, 0);
        cr_assert_eq(w.run->channels.count, 0);
        cr_assert_null(heap_min(&w.tables.timers));
        stop(&w);
}

Test(run, ended_run_refuses_everything)
{
        struct world w;
        start_with(&w, EFFECTS(EF(.type = EFFECT_FINISH, .ending = RUN_FAILED)));
        for (uint8_t type = 1; type < EVENT_TYPES; type++)
                refused(&w, STET_ECLOSED, EV(.type = type, .op = 1, .attempt = 1, .name = bytes_str("go")));
        stop(&w);
}

Test(run, terminate_ends_it_without_asking_the_code)
{
        struct world w;
        start_with(&w, EFFECTS(call(1, 1)));
        struct event e = { .type = EVENT_TERMINATE, .text = bytes_str("enough") };
        cr_assert_eq(judge(&w, &e), RUN_SETTLE);
        struct cursor c = cursor_of(buffer_bytes(&w.effects));
        struct effect end;
        cr_assert(effect_decode(&c, &end));
        cr_assert(end.type == EFFECT_FINISH && end.ending == RUN_TERMINATED && end.code == STET_ETERMINATED);
        cr_assert(bytes_equal(end.text, bytes_str("enough")));
        apply(&w, 0, &e, &end, 1);
        cr_assert_eq(w.run->ending, RUN_TERMINATED);
        stop(&w);
}

Test(run, cancel_and_wake_are_for_the_code)
{
        struct world w;
        start_with(&w, EFFECTS(call(1, 1)));
        cr_assert_eq(judge(&w, EV(.type = EVENT_CANCEL)), RUN_DELIVER);
        cr_assert_eq(judge(&w, EV(.type = EVENT_WAKE)), RUN_DELIVER);
        stop(&w);
}

Test(run, an_ended_run_owes_the_start_of_a_child_that_it_let_go_until_it_hears_of_it)
{
        struct world w;
        struct buffer note = { 0 };
        start_with(&w, EFFECTS(call(1, 1),
                               EF(.type = EFFECT_CHILD, .op = 2, .id = bytes_str("c"), .abandon = true),
                               EF(.type = EFFECT_CHILD, .op = 3, .id = bytes_str("d"))));
        apply(&w, ACTIVE, EV(.type = EVENT_CANCEL),
              EFFECTS(EF(.type = EFFECT_FINISH, .ending = RUN_CANCELED)));
        cr_assert_eq(w.run->ops_count, 1);
        cr_assert_eq(container_of(w.run->ops.next, struct op, in_run)->id, 2);
        cr_assert_null(run_check(w.run));
        pack_array(&note, 3);
        pack_uint(&note, 2);
        pack_uint(&note, 0);
        pack_cstr(&note, "");
        cr_assert_eq(run_apply_note(w.run, &w.tables, buffer_bytes(&note)), 0);
        cr_assert_eq(w.run->ops_count, 0);
        cr_assert_eq(run_apply_note(w.run, &w.tables, bytes_of("x", 1)), STET_ECORRUPT);
        buffer_fini(&note);
        stop(&w);
}

/* --- what is pending --- */

Test(run, what_was_delivered_is_pending_until_the_code_runs)
{
        struct world w;
        start_with(&w, EFFECTS(call(1, 1), call(2, 1)));
        cr_assert_eq(w.run->pending, 0);
        apply(&w, DELIVERED, EV(.type = EVENT_ACTIVITY, .op = 1, .attempt = 1), NO_EFFECTS);
        apply(&w, DELIVERED, EV(.type = EVENT_ACTIVITY, .op = 2, .attempt = 1), NO_EFFECTS);
        cr_assert_eq(w.run->pending, 2);
        apply(&w, ACTIVE, EV(.type = EVENT_WAKE), EFFECTS(call(3, 1), EF(.type = EFFECT_STATUS)));
        cr_assert_eq(w.run->pending, 0);
        cr_assert_eq(w.run->status_lsn, w.lsn);
        cr_assert_eq(w.run->last_lsn, w.lsn);
        stop(&w);
}

/* --- what does not fit --- */

Test(run, record_that_does_not_fit_is_corrupt)
{
        struct world w;
        start_with(&w, EFFECTS(call(1, 3)));
        cr_assert_eq(record(&w, ACTIVE, EV(.type = EVENT_START), NO_EFFECTS), STET_ECORRUPT);
        cr_assert_eq(record(&w, ACTIVE, EV(.type = EVENT_TIMER, .op = 8), NO_EFFECTS), STET_ECORRUPT);
        cr_assert_eq(
            record(&w, 0, EV(.type = EVENT_WAKE), EFFECTS(EF(.type = EFFECT_RETRY, .op = 8, .attempt = 2))),
            STET_ECORRUPT);
        cr_assert_eq(run_apply(w.run, &w.tables, 9, ACTIVE, 0, bytes_str("nonsense")), STET_ECORRUPT);
        cr_assert_eq(run_apply(w.run, &w.tables, 9, ACTIVE, 0, bytes_of("\x91\x09\x92\x07", 4)),
                     STET_ECORRUPT);
        cr_assert_null(run_check(w.run));
        stop(&w);

        w = (struct world){ .run = run_new(NULL, RUN) };
        cr_assert_eq(record(&w, ACTIVE, EV(.type = EVENT_WAKE), NO_EFFECTS), STET_ECORRUPT,
                     "it has not started");
        stop(&w);
}

Test(run, check_names_what_is_broken)
{
        struct world w;
        start_with(&w, EFFECTS(call(1, 1)));
        struct op *op = run_op(&w.tables, w.run, 1);
        cr_assert_null(run_check(w.run));
        heap_put(&w.tables.timers, &op->timer, 1);
        cr_assert_str_eq(run_check(w.run), "a timer is not armed, or something else is");
        heap_remove(&w.tables.timers, &op->timer);
        w.run->ops_count++;
        cr_assert_str_eq(run_check(w.run), "the count of ops is wrong");
        w.run->ops_count--;
        w.run->ending = RUN_FAILED;
        cr_assert_str_eq(run_check(w.run), "an ended run still owes work");
        w.run->ending = RUN_OPEN;
        cr_assert_eq(record(&w, ACTIVE, EV(.type = EVENT_ACTIVITY, .op = 1, .attempt = 1), NO_EFFECTS), 0);
        cr_assert_str_eq(run_check(w.run), "an open run owes nothing and does not say why");
        w.run->blocked = xmemdup("mended tomorrow", 15);
        cr_assert_null(run_check(w.run));
        stop(&w);
}
