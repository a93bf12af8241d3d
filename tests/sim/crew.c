/* SPDX-License-Identifier: MIT
 *
 * Executors: the slots of one have a connection each and one name. Each is the real worker (runtime/worker.h)
 * and the real call of an activity (runtime/activity.h), with a thread that is played: one activity at a
 * time, which takes the time that its arguments say. One that dies comes back under another name, as another
 * process would.
 */
#include "tests/sim/world.h"

#include "runtime/activity.h"
#include "tests/sim/flows.h"
#include "tests/sim/model.h"

#include <stdio.h>
#include <stdlib.h>

enum { HAND_BACK_MS = 100, BEAT_MS = 400, LEAVE_MS = 300 };

static const char *const activity_names[] = { "work", "flaky", "broken", "beat", "late", "odd" };
static const char *const queue_names[] = { "default", "other" };
enum { ACTIVITIES = sizeof activity_names / sizeof activity_names[0] };

/* A frame that came while the executor stood still. */
struct held_frame {
        struct list in_crew;
        size_t size;
        uint8_t data[];
};

struct crew {
        struct line line; /* its name is the executor's */
        struct sim *sim;
        uint32_t index;
        uint32_t generation;
        struct worker *worker; /* NULL: it is dead */
        struct buffer frame;   /* said by the worker, not yet taken by the connection */
        bool busy;
        bool leaving;
        struct worker_task task; /* that it runs */
        int64_t stalled_until_ns;
        int64_t heard_ns; /* by the node */
        struct list held; /* frames */
        struct happening tick;
        struct happening finish;
        struct happening beat;
        struct happening hand_back;
        struct happening back;
};

/* --- the thread --- */

static int64_t duration_ns(struct crew *c)
{
        struct activity_input in = { 0 };
        bool late = bytes_equal(c->task.activity, bytes_str("late"));
        activity_input_read(c->task.input, &in);
        int64_t ms = late && c->task.attempt > in.fails ? 1 : in.ms;
        return ms * MS + sim_between(c->sim, 10 * US, 2 * MS);
}

static void begin(struct crew *c)
{
        struct sim *s = c->sim;
        if (c->busy || c->leaving || !worker_begin(c->worker, s->now_ns, &c->task))
                return;
        c->busy = true;
        struct model_op *op = model_op(s->model, c->task.token.run, c->task.token.op);
        if (op)
                op->executions++;
        sim_plan(s, &c->finish, s->now_ns + duration_ns(c));
        sim_plan(s, &c->hand_back, s->now_ns + HAND_BACK_MS * MS);
        if (c->task.heartbeat_ms)
                sim_plan(s, &c->beat, s->now_ns + BEAT_MS * MS);
}

/* As a seat does (runtime/seat.c): what the connection does not take waits for the next one. */
static void say(struct crew *c)
{
        struct sim *s = c->sim;
        while (c->frame.size || worker_flush(c->worker, s->now_ns, &c->frame)) {
                if (!net_send(s, &c->line, buffer_bytes(&c->frame)))
                        break;
                buffer_clear(&c->frame);
        }
        if (worker_deadline(c->worker) != INT64_MAX)
                sim_plan(s, &c->tick, worker_deadline(c->worker));
}

static void turn(struct crew *c)
{
        begin(c);
        say(c);
}

/* True while it stands still; the happening comes later. */
static bool stalled(struct crew *c, struct happening *h)
{
        if (c->sim->now_ns >= c->stalled_until_ns)
                return false;
        sim_plan(c->sim, h, c->stalled_until_ns);
        return true;
}

static int heartbeat(void *ctx)
{
        struct crew *c = ctx;
        return worker_heartbeat(c->worker, &c->task.token, c->sim->now_ns);
}

static void finish_activity(struct crew *c)
{
        struct sim *s = c->sim;
        stet_activity activity;
        stet_arena arena = { 0 };
        struct message outcome;
        struct activity_heart heart = { c, heartbeat };
        activity_run(&activity, &arena, kit_app(s->options.kit, false), &c->task, heart, &outcome);
        worker_finish(c->worker, &c->task.token, &outcome, s->now_ns);
        arena_fini(&arena);
        c->busy = false;
        sim_unplan(s, &c->finish);
        sim_unplan(s, &c->beat);
        sim_unplan(s, &c->hand_back);
}

static void on_finish(struct sim *s, struct happening *h)
{
        struct crew *c = container_of(h, struct crew, finish);
        char run[40];
        if (stalled(c, h))
                return;
        sim_tell(s, "%s has finished op %u attempt %u of %s", c->line.name, c->task.token.op,
                 c->task.token.attempt, trace_run(c->task.token.run, run));
        finish_activity(c);
        turn(c);
}

static void on_beat(struct sim *s, struct happening *h)
{
        struct crew *c = container_of(h, struct crew, beat);
        if (stalled(c, h))
                return;
        if (heartbeat(c) != 0)
                finish_activity(c);
        else
                sim_plan(s, h, s->now_ns + BEAT_MS * MS);
        turn(c);
}

static void on_hand_back(struct sim *s, struct happening *h)
{
        struct crew *c = container_of(h, struct crew, hand_back);
        (void)s;
        if (stalled(c, h))
                return;
        worker_return(c->worker);
        say(c);
}

/* --- frames --- */

/* What came while it stood still is looked at when it goes on. */
static void take_held(struct crew *c)
{
        while (!list_empty(&c->held)) {
                struct held_frame *f = container_of(c->held.next, struct held_frame, in_crew);
                list_remove(&f->in_crew);
                worker_receive(c->worker, bytes_of(f->data, f->size), c->sim->now_ns);
                free(f);
        }
}

static void on_tick(struct sim *s, struct happening *h)
{
        struct crew *c = container_of(h, struct crew, tick);
        if (stalled(c, h))
                return;
        take_held(c);
        worker_tick(c->worker, s->now_ns);
        turn(c);
}

static void receive(struct sim *s, struct line *line, struct bytes frame)
{
        struct crew *c = container_of(line, struct crew, line);
        if (!c->worker)
                return;
        if (s->now_ns < c->stalled_until_ns) {
                struct held_frame *f = xmalloc(sizeof *f + frame.size);
                f->size = frame.size;
                memcpy(f->data, frame.data, frame.size);
                list_init(&f->in_crew);
                list_push(&c->held, &f->in_crew);
                sim_plan_by(s, &c->tick, c->stalled_until_ns);
                return;
        }
        take_held(c);
        worker_receive(c->worker, frame, s->now_ns);
        if (c->busy && !heap_holds(&c->hand_back.at))
                worker_return(c->worker); /* it is busy for long, and was given more */
        turn(c);
}

void crew_heard(struct sim *s, const struct conn *conn)
{
        for (uint32_t i = 0; i < s->knobs.crews; i++)
                if (strcmp(s->crews[i].line.name, conn->name) == 0)
                        s->crews[i].heard_ns = sim_node_now(s);
}

int64_t crew_heard_ns(const struct sim *s, struct bytes executor)
{
        for (uint32_t i = 0; i < s->knobs.crews; i++)
                if (bytes_equal(bytes_str(s->crews[i].line.name), executor))
                        return s->crews[i].heard_ns;
        return INT64_MIN;
}

/* --- life --- */

/* The slots of one executor live and die together. */
static uint32_t group_of(const struct sim *s, uint32_t index)
{
        return index / s->knobs.slots;
}

static void come(struct sim *s, struct happening *h)
{
        struct crew *c = container_of(h, struct crew, back);
        const char *serves[ACTIVITIES];
        size_t count = 0, groups = s->knobs.crews / s->knobs.slots;
        for (size_t i = 0; i < ACTIVITIES; i++)
                if (!s->knobs.split_crews || i % groups == group_of(s, c->index))
                        serves[count++] = activity_names[i];
        snprintf(c->line.name, sizeof c->line.name, "crew-%u.%u", group_of(s, c->index), ++c->generation);
        struct worker_options options = { .executor = c->line.name,
                                          .activities = serves,
                                          .activities_count = count,
                                          .queues = queue_names,
                                          .queues_count = 2,
                                          .window_max = 1 + sim_below(s, 32) };
        c->worker = worker_new(&options);
        c->leaving = false;
        c->stalled_until_ns = 0;
        c->heard_ns = INT64_MIN;
        net_dial(s, &c->line, sim_between(s, 100 * US, 50 * MS));
        sim_plan(s, &c->tick, s->now_ns + sim_between(s, MS, 100 * MS));
}

static void go(struct sim *s, struct crew *c)
{
        net_hang_up(s, &c->line);
        sim_unplan(s, &c->tick);
        sim_unplan(s, &c->finish);
        sim_unplan(s, &c->beat);
        sim_unplan(s, &c->hand_back);
        list_each_safe(at, after, &c->held) free(container_of(at, struct held_frame, in_crew));
        list_init(&c->held);
        buffer_fini(&c->frame);
        worker_free(c->worker);
        c->worker = NULL;
        c->busy = false;
        c->stalled_until_ns = 0;
}

typedef void slot_fn(struct sim *s, struct crew *c, int64_t when_ns);

static void each_slot(struct sim *s, uint32_t index, slot_fn *fn, int64_t when_ns)
{
        uint32_t first = group_of(s, index) * s->knobs.slots;
        for (uint32_t i = first; i < first + s->knobs.slots; i++)
                if (s->crews[i].worker)
                        fn(s, &s->crews[i], when_ns);
}

static void die(struct sim *s, struct crew *c, int64_t back_ns)
{
        sim_tell(s, "%s dies", c->line.name);
        go(s, c);
        sim_plan(s, &c->back, back_ns);
}

void crew_die(struct sim *s, uint32_t index, int64_t back_after_ns)
{
        each_slot(s, index, die, s->now_ns + back_after_ns);
}

static void stall(struct sim *s, struct crew *c, int64_t until_ns)
{
        sim_tell(s, "%s stands still", c->line.name);
        c->stalled_until_ns = until_ns;
        sim_plan(s, &c->tick, until_ns);
}

void crew_stall(struct sim *s, uint32_t index, int64_t until_ns)
{
        each_slot(s, index, stall, until_ns);
}

/* Says goodbye, and is gone when that has had time to arrive. */
static void on_back(struct sim *s, struct happening *h)
{
        struct crew *c = container_of(h, struct crew, back);
        if (c->worker)
                go(s, c);
        come(s, h);
}

static void leave(struct sim *s, struct crew *c, int64_t back_ns)
{
        if (c->leaving || s->now_ns < c->stalled_until_ns)
                return;
        sim_tell(s, "%s leaves", c->line.name);
        c->leaving = true;
        worker_return(c->worker);
        say(c);
        worker_bye(c->worker);
        say(c);
        sim_plan(s, &c->back, back_ns);
}

void crew_leave(struct sim *s, uint32_t index)
{
        each_slot(s, index, leave, s->now_ns + LEAVE_MS * MS);
}

void crews_heal(struct sim *s)
{
        for (uint32_t i = 0; i < s->knobs.crews; i++) {
                struct crew *c = &s->crews[i];
                if (s->now_ns < c->stalled_until_ns)
                        sim_plan(s, &c->tick, s->now_ns);
                c->stalled_until_ns = 0;
                if (!c->worker)
                        sim_plan(s, &c->back, s->now_ns + 100 * MS);
                else if (!c->line.conn)
                        net_dial(s, &c->line, 10 * MS);
        }
}

void crews_new(struct sim *s)
{
        s->crews = xcalloc(s->knobs.crews, sizeof *s->crews);
        for (uint32_t i = 0; i < s->knobs.crews; i++) {
                struct crew *c = &s->crews[i];
                c->sim = s;
                c->index = i;
                c->line.receive = receive;
                c->tick.happen = on_tick;
                c->finish.happen = on_finish;
                c->beat.happen = on_beat;
                c->hand_back.happen = on_hand_back;
                c->back.happen = on_back;
                list_init(&c->held);
                come(s, &c->back);
        }
}

void crews_free(struct sim *s)
{
        for (uint32_t i = 0; i < s->knobs.crews; i++) {
                if (s->crews[i].worker)
                        go(s, &s->crews[i]);
                sim_unplan(s, &s->crews[i].line.redial);
                sim_unplan(s, &s->crews[i].back);
        }
        free(s->crews);
}
