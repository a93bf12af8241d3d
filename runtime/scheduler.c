/* SPDX-License-Identifier: MIT
 *
 * Tasks come, wait, are handed out, run out of time, and go. Every change of state is a scheduler_leave()
 * followed by one function that enters the next, so that the counts, the lists and the timers can't disagree;
 * whatever frees a place at a connection ends with scheduler_settle(), so that no task waits beside a free
 * one.
 *
 * Timers are lazy, since nearly every attempt ends long before its timeout. A task with a distant deadline is
 * young first: it joins the end of a list, in O(1), and moves to the heap when it outlives settle_ns. A
 * heartbeat or a pulse only writes the time down; a deadline that comes up too early for it is put back.
 */
#include "runtime/scheduler_state.h"

#include <stdio.h>
#include <stdlib.h>

enum { SETTLE_NS = 1000000000 }; /* when nothing is noted */

struct scheduler *scheduler_new(const struct scheduler_options *options, const struct scheduler_sink *sink)
{
        struct scheduler *s = xcalloc(1, sizeof *s);
        s->options = *options;
        s->sink = *sink;
        s->settle_ns = options->note_after_ns > 0 ? options->note_after_ns : SETTLE_NS;
        s->who_ns = INT64_MIN;
        list_init(&s->young);
        list_init(&s->delayed);
        list_init(&s->decided);
        list_init(&s->gone);
        lanes_init(&s->lanes, options->incarnation);
        roster_init(&s->roster, options->incarnation, options->lease_ns);
        return s;
}

/* Frees a task that is in no list. */
static void forget(struct scheduler *s, struct task *t)
{
        struct lane *lane = t->lane;
        map_remove(&s->tasks, &t->node);
        task_free(&s->pool, t);
        lane->tasks_count--;
        lane_release(&s->lanes, lane);
}

static void forget_all(struct scheduler *s, struct list *places)
{
        list_each_safe(at, after, places)
        {
                forget(s, container_of(at, struct task, place));
        }
        list_init(places);
}

static void forget_executor(struct scheduler *s, struct executor *e)
{
        for (bool more = true; more;) {
                struct connection *c = container_of(e->connections.next, struct connection, of_executor);
                more = c->of_executor.next != &e->connections;
                forget_all(s, &c->running);
                roster_part(&s->roster, &s->lanes, c);
                roster_remove(&s->roster, c);
        }
}

void scheduler_free(struct scheduler *s)
{
        if (!s)
                return;
        forget_all(s, &s->delayed);
        forget_all(s, &s->decided);
        list_each_safe(at, after, &s->roster.executors_all)
        {
                forget_executor(s, container_of(at, struct executor, all));
        }
        while (!list_empty(&s->lanes.queues_all)) { /* those lanes that are left have tasks waiting */
                struct label *queue = container_of(s->lanes.queues_all.next, struct label, all);
                struct task *t = lane_oldest(container_of(queue->lanes.next, struct lane, of_queue));
                list_remove(&t->place);
                forget(s, t);
        }
        roster_fini(&s->roster);
        lanes_fini(&s->lanes);
        task_pool_fini(&s->pool);
        heap_fini(&s->deadlines);
        map_fini(&s->tasks);
        free(s);
}

/* --- finding --- */

void scheduler_expect(const struct scheduler *s, uint64_t run, uint32_t op, unsigned step)
{
        if (step == 0) {
                map_prefetch(&s->tasks, task_key(run, op));
                return;
        }
        const struct map_node *node = map_guess(&s->tasks, task_key(run, op));
        if (node)
                task_prefetch(container_of(node, const struct task, node));
}

struct task *scheduler_find(const struct scheduler *s, uint64_t run, uint32_t op)
{
        struct map_node *node = map_find(&s->tasks, task_key(run, op));
        for (; node; node = map_find_next(&s->tasks, node)) {
                struct task *t = container_of(node, struct task, node);
                if (t->run == run && t->op == op)
                        return t;
        }
        return NULL;
}

struct task *scheduler_current(const struct scheduler *s, const struct token *token)
{
        if (token->incarnation != s->options.incarnation)
                return NULL;
        struct task *t = scheduler_find(s, token->run, token->op);
        return t && t->attempt == token->attempt ? t : NULL;
}

static struct token token_of(const struct scheduler *s, const struct task *t)
{
        return (struct token){ t->run, t->op, t->attempt, s->options.incarnation };
}

/* --- out of a state and into another --- */

/* Sees to it that the task comes up in scheduler_tick() when its state ends by itself or is to be noted. */
static void watch(struct scheduler *s, struct task *t)
{
        int64_t due_ns = task_due_ns(t);
        bool distant = due_ns != INT64_MAX && due_ns - t->since_ns > s->settle_ns;
        if (due_ns != INT64_MAX && !distant)
                heap_put(&s->deadlines, &t->deadline, due_ns);
        if (distant || (t->state == TASK_RUNNING && s->options.note_after_ns > 0))
                list_push(&s->young, &t->young);
}

struct connection *scheduler_leave(struct scheduler *s, struct task *t)
{
        struct connection *c = t->connection;
        switch ((enum task_state)t->state) {
        case TASK_DELAYED:
                list_remove(&t->place);
                t->lane->delayed_count--;
                s->waiting_count--;
                break;
        case TASK_WAITING:
                lane_take(t->lane, t);
                s->waiting_count--;
                break;
        case TASK_RUNNING:
                list_remove(&t->place);
                c->running_count--;
                t->lane->running_count--;
                s->running_count--;
                break;
        case TASK_DONE:
        case TASK_ENDED:
                list_remove(&t->place);
                break;
        }
        t->connection = NULL;
        list_remove(&t->young);
        heap_remove(&s->deadlines, &t->deadline);
        return c;
}

void scheduler_run(struct scheduler *s, struct task *t, struct connection *c, int64_t now_ns)
{
        t->state = state_move(task_states, t->state, TASK_RUNNING);
        t->connection = c;
        t->since_ns = t->beat_ns = now_ns;
        list_push(&c->running, &t->place);
        c->running_count++;
        t->lane->running_count++;
        s->running_count++;
        watch(s, t);
}

static void hand_out(struct scheduler *s, struct task *t, struct connection *c, int64_t now_ns)
{
        scheduler_run(s, t, c, now_ns);
        struct message m = { .type = MSG_TASK,
                             .token = token_of(s, t),
                             .timeout_ms = t->timeout_ms,
                             .heartbeat_ms = t->heartbeat_ms,
                             .name = t->lane->activity->name,
                             .value = bytes_of(t->input, t->input_size) };
        s->sink.to_peer(s->sink.ctx, c->peer, &m);
}

/* To a connection with room, or to its place in the lane. */
static void hand_out_or_put(struct scheduler *s, struct task *t,
                            void (*put)(struct lane *lane, struct task *t), int64_t now_ns)
{
        struct connection *c = lane_oldest(t->lane) ? NULL : lane_turn(t->lane);
        if (c) {
                hand_out(s, t, c, now_ns);
                return;
        }
        t->state = state_move(task_states, t->state, TASK_WAITING);
        t->since_ns = now_ns;
        put(t->lane, t);
        s->waiting_count++;
        watch(s, t);
}

void scheduler_put_back(struct scheduler *s, struct task *t, int64_t now_ns)
{
        hand_out_or_put(s, t, lane_put_back, now_ns);
}

void scheduler_admit(struct scheduler *s, struct task *t, int64_t now_ns)
{
        t->ready_ns = now_ns;
        t->arrival = s->arrival_next++;
}

static void arrive(struct scheduler *s, struct task *t, int64_t now_ns)
{
        scheduler_admit(s, t, now_ns);
        hand_out_or_put(s, t, lane_put, now_ns);
}

static void delay(struct scheduler *s, struct task *t, int64_t due_ns, int64_t now_ns)
{
        t->state = state_move(task_states, t->state, TASK_DELAYED);
        t->since_ns = now_ns;
        t->ready_ns = due_ns;
        list_push(&s->delayed, &t->place);
        t->lane->delayed_count++;
        s->waiting_count++;
        watch(s, t);
}

void scheduler_decide(struct scheduler *s, struct task *t, enum task_state state, struct message *m)
{
        t->state = state_move(task_states, t->state, state);
        list_push(&s->decided, &t->place);
        m->type = MSG_OUTCOME;
        m->token = token_of(s, t);
        m->count = t->lost_count;
        s->sink.to_shard(s->sink.ctx, m);
}

void scheduler_lose(struct scheduler *s, struct connection *c, const char *why)
{
        list_each_safe(at, after, &c->running)
        {
                struct task *t = container_of(at, struct task, place);
                struct message m = { .code = STET_EFAILED,
                                     .started_ns = t->since_ns,
                                     .kind = bytes_str("ExecutorLost"),
                                     .text = bytes_str(why),
                                     .executor = c->executor->name };
                scheduler_leave(s, t);
                t->lost_count++;
                scheduler_decide(s, t, TASK_ENDED, &m);
        }
}

void scheduler_settle(struct scheduler *s, struct connection *c, int64_t now_ns)
{
        if (!c)
                return;
        if (c->gone && c->running_count == 0) {
                roster_remove(&s->roster, c);
                return;
        }
        while (connection_has_room(c)) {
                struct task *t = connection_oldest(c);
                if (!t)
                        return;
                scheduler_leave(s, t);
                hand_out(s, t, c, now_ns);
        }
}

void scheduler_drop(struct scheduler *s, const struct task *t, const struct connection *c)
{
        if (!c || c->gone)
                return;
        struct message m = { .type = MSG_DROP, .token = token_of(s, t) };
        s->sink.to_peer(s->sink.ctx, c->peer, &m);
}

/* --- from shards --- */

static struct task *add(struct scheduler *s, const struct message *m)
{
        struct bytes queue = m->queue.size ? m->queue : bytes_str("default");
        struct task *t = task_new(&s->pool, m->value);
        t->run = m->token.run;
        t->op = m->token.op;
        t->timeout_ms = m->timeout_ms;
        t->schedule_timeout_ms = m->schedule_timeout_ms;
        t->heartbeat_ms = m->heartbeat_ms;
        t->lost_count = m->count;
        t->lane = lane_get(&s->lanes, queue, m->name);
        t->lane->tasks_count++;
        map_put(&s->tasks, &t->node, task_key(t->run, t->op));
        return t;
}

/* The known task for its next attempt: as it was, or made anew when the message says all again. */
static struct task *renew(struct scheduler *s, struct task *t, const struct message *m)
{
        if (!m->name.size)
                return t;
        uint32_t lost_count = t->lost_count;
        forget(s, t);
        t = add(s, m);
        t->lost_count = lost_count;
        return t;
}

void scheduler_enqueue(struct scheduler *s, const struct message *m, int64_t now_ns)
{
        struct task *t = scheduler_find(s, m->token.run, m->token.op);
        if (!t) {
                t = add(s, m);
        } else {
                if (task_open(t) && t->attempt == m->token.attempt)
                        return;
                struct connection *c = scheduler_leave(s, t);
                scheduler_drop(s, t, c);
                t = renew(s, t, m);
                scheduler_settle(s, c, now_ns);
        }
        t->attempt = m->token.attempt;
        if (m->due_ns > now_ns)
                delay(s, t, m->due_ns, now_ns);
        else
                arrive(s, t, now_ns);
}

void scheduler_close(struct scheduler *s, uint64_t run, uint32_t op, int64_t now_ns)
{
        struct task *t = scheduler_find(s, run, op);
        if (!t)
                return;
        struct connection *c = scheduler_leave(s, t);
        scheduler_drop(s, t, c);
        forget(s, t);
        scheduler_settle(s, c, now_ns);
}

/* --- time --- */

static void lose_executor(struct scheduler *s, struct executor *e)
{
        char why[WIRE_ID_MAX + 100];
        snprintf(why, sizeof why, "executor \"%.*s\" gave no sign of life for %lld ms", (int)e->name.size,
                 (const char *)e->name.data, (long long)(s->options.lease_ns / 1000000));
        list_each(at, &e->connections)
        {
                roster_part(&s->roster, &s->lanes, container_of(at, struct connection, of_executor));
        }
        for (bool more = true; more;) {
                struct connection *c = container_of(e->connections.next, struct connection, of_executor);
                more = c->of_executor.next != &e->connections;
                scheduler_lose(s, c, why);
                roster_remove(&s->roster, c);
        }
}

static int64_t claim_end_ns(const struct scheduler *s, const struct connection *c)
{
        int64_t end_ns;
        return __builtin_add_overflow(c->gone_ns, s->options.lease_ns, &end_ns) ? INT64_MAX : end_ns;
}

/* The broken connection whose attempts are to be claimed first, or NULL. */
static struct connection *first_gone(const struct scheduler *s)
{
        return list_empty(&s->gone) ? NULL : container_of(s->gone.next, struct connection, in_gone);
}

static void lose_unclaimed(struct scheduler *s, struct connection *c, int64_t now_ns)
{
        char why[WIRE_ID_MAX + 150];
        snprintf(why, sizeof why,
                 "the connection to executor \"%.*s\" broke, and it did not claim the attempt within %lld ms",
                 (int)c->executor->name.size, (const char *)c->executor->name.data,
                 (long long)(s->options.lease_ns / 1000000));
        scheduler_lose(s, c, why);
        scheduler_settle(s, c, now_ns);
}

static void note(struct scheduler *s, const struct task *t)
{
        struct message m = { .type = MSG_NOTE,
                             .token = token_of(s, t),
                             .started_ns = t->since_ns,
                             .executor = t->connection->executor->name };
        s->sink.to_shard(s->sink.ctx, &m);
}

/* No longer young: noted if it runs, and from now on in the heap if it has a deadline. */
static void age(struct scheduler *s, struct task *t)
{
        list_remove(&t->young);
        if (t->state == TASK_RUNNING && s->options.note_after_ns > 0)
                note(s, t);
        int64_t due_ns = task_due_ns(t);
        if (due_ns != INT64_MAX && !heap_holds(&t->deadline))
                heap_put(&s->deadlines, &t->deadline, due_ns);
}

static void timeout_text(const struct task *t, int64_t now_ns, char *buf, size_t size)
{
        if (t->state == TASK_WAITING)
                snprintf(buf, size, "schedule-to-start timeout: no executor took it within %lld ms",
                         (long long)t->schedule_timeout_ms);
        else if (timeout_after(t->since_ns, t->timeout_ms) <= now_ns)
                snprintf(buf, size, "start-to-close timeout: no outcome within %lld ms",
                         (long long)t->timeout_ms);
        else
                snprintf(buf, size, "heartbeat timeout: no heartbeat for %lld ms",
                         (long long)t->heartbeat_ms);
}

static void time_out(struct scheduler *s, struct task *t, int64_t now_ns)
{
        char text[100];
        timeout_text(t, now_ns, text, sizeof text);
        struct message m = { .code = STET_EFAILED, .kind = bytes_str("Timeout"), .text = bytes_str(text) };
        if (t->state == TASK_RUNNING) {
                m.started_ns = t->since_ns;
                m.executor = t->connection->executor->name;
        }
        struct connection *c = scheduler_leave(s, t);
        t->lost_count = 0;
        scheduler_decide(s, t, TASK_ENDED, &m);
        scheduler_drop(s, t, c);
        scheduler_settle(s, c, now_ns);
}

/* A task came up in the heap: what is due in truth? */
static void come_up(struct scheduler *s, struct task *t, int64_t now_ns)
{
        int64_t due_ns = task_due_ns(t);
        if (due_ns > now_ns) {
                heap_put(&s->deadlines, &t->deadline, due_ns);
        } else if (t->state == TASK_DELAYED) {
                scheduler_leave(s, t);
                arrive(s, t, now_ns);
        } else {
                time_out(s, t, now_ns);
        }
}

void scheduler_tick(struct scheduler *s, int64_t now_ns)
{
        for (struct executor *e; (e = roster_silent(&s->roster, now_ns));)
                lose_executor(s, e);
        for (struct connection *c; (c = first_gone(s)) && claim_end_ns(s, c) <= now_ns;)
                lose_unclaimed(s, c, now_ns);
        while (!list_empty(&s->young)) {
                struct task *t = container_of(s->young.next, struct task, young);
                if (now_ns - t->since_ns < s->settle_ns)
                        break;
                age(s, t);
        }
        for (struct heap_node *first; (first = heap_min(&s->deadlines)) && first->due_ns <= now_ns;)
                come_up(s, container_of(first, struct task, deadline), now_ns);
}

static int64_t earlier(int64_t a_ns, int64_t b_ns)
{
        return a_ns < b_ns ? a_ns : b_ns;
}

int64_t scheduler_deadline(const struct scheduler *s)
{
        int64_t due_ns = INT64_MAX;
        if (!list_empty(&s->young)) {
                const struct task *t = container_of(s->young.next, struct task, young);
                due_ns = t->since_ns + s->settle_ns;
        }
        if (heap_min(&s->deadlines))
                due_ns = earlier(due_ns, heap_min(&s->deadlines)->due_ns);
        if (heap_min(&s->roster.leases))
                due_ns = earlier(due_ns, heap_min(&s->roster.leases)->due_ns);
        if (first_gone(s))
                due_ns = earlier(due_ns, claim_end_ns(s, first_gone(s)));
        return due_ns;
}
