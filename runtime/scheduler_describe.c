/* SPDX-License-Identifier: MIT
 *
 * What the scheduler says of itself, to people and tools. Reads only: nothing here decides anything.
 */
#include "runtime/scheduler_state.h"

#include <stdarg.h>
#include <stdio.h>

enum { PLACE_MAX = 10000 }; /* places in a queue that are counted one by one */

void scheduler_stats(const struct scheduler *s, struct scheduler_stats *ret)
{
        *ret = (struct scheduler_stats){ .tasks = s->tasks.count,
                                         .waiting = s->waiting_count,
                                         .running = s->running_count,
                                         .bytes = s->pool.bytes,
                                         .executors = s->roster.executors.count,
                                         .workers = s->roster.connections.count };
}

/* --- one task, in a sentence --- */

struct text {
        char *buf;
        size_t size;
        size_t used;
};

static void say(struct text *out, const char *format, ...) STET_PRINTF(2, 3);

static void say(struct text *out, const char *format, ...)
{
        if (out->used >= out->size)
                return;
        va_list args;
        va_start(args, format);
        int written = vsnprintf(out->buf + out->used, out->size - out->used, format, args);
        va_end(args);
        if (written > 0)
                out->used += (size_t)written;
}

static void say_name(struct text *out, struct bytes name)
{
        say(out, "\"%.*s\"", (int)name.size, (const char *)name.data);
}

static void say_served(struct text *out, const struct label *queue)
{
        const char *before = " (served there: ";
        list_each(at, &queue->lanes)
        {
                const struct lane *lane = container_of(at, struct lane, of_queue);
                if (list_empty(&lane->servings))
                        continue;
                say(out, "%s", before);
                say_name(out, lane->activity->name);
                before = ", ";
        }
        say(out, "%s", queue->servings ? ")" : " (no executor serves that queue)");
}

static unsigned place_in_lane(const struct task *t)
{
        unsigned place = 1;
        for (const struct list *at = t->place.prev; at != &t->lane->waiting && place < PLACE_MAX;
             at = at->prev)
                place++;
        return place;
}

static void say_waiting(struct text *out, const struct task *t)
{
        const struct lane *lane = t->lane;
        if (list_empty(&lane->servings)) {
                say(out, "no executor serves activity ");
                say_name(out, lane->activity->name);
                say(out, " on queue ");
                say_name(out, lane->queue->name);
                say_served(out, lane->queue);
                return;
        }
        unsigned place = place_in_lane(t);
        say(out, "waits for an executor with room for activity ");
        say_name(out, lane->activity->name);
        say(out, " on queue ");
        say_name(out, lane->queue->name);
        say(out, ": place %u%s of %llu", place, place == PLACE_MAX ? " or later" : "",
            (unsigned long long)lane->waiting_count);
}

static long long ms_between(int64_t from_ns, int64_t to_ns)
{
        return to_ns > from_ns ? (to_ns - from_ns) / 1000000 : 0;
}

int scheduler_describe(const struct scheduler *s, uint64_t run, uint32_t op, int64_t now_ns, char *buf,
                       size_t size)
{
        const struct task *t = scheduler_find(s, run, op);
        if (!t)
                return STET_ENOTFOUND;
        struct text out = { .buf = buf, .size = size };
        switch ((enum task_state)t->state) {
        case TASK_DELAYED:
                say(&out, "attempt %u is due in %lld ms", t->attempt, ms_between(now_ns, t->ready_ns));
                break;
        case TASK_WAITING:
                say_waiting(&out, t);
                break;
        case TASK_RUNNING:
                say(&out, "attempt %u runs with executor ", t->attempt);
                say_name(&out, t->connection->executor->name);
                say(&out, " since %lld ms%s", ms_between(t->since_ns, now_ns),
                    t->connection->gone ? " (its connection is gone)" : "");
                break;
        case TASK_DONE:
        case TASK_ENDED:
                say(&out, "attempt %u has ended; its outcome is being recorded", t->attempt);
                break;
        }
        return 0;
}

/* --- executors and queues --- */

static void put_uint(struct buffer *b, const char *name, uint64_t value)
{
        pack_cstr(b, name);
        pack_uint(b, value);
}

static struct label *label_of(const struct list *of_connection, bool queue)
{
        const struct lane *lane = container_of(of_connection, struct serving, of_connection)->lane;
        return queue ? lane->queue : lane->activity;
}

/* The names of the queues, or of the activities, that the executor's connections serve, each once: a first
 * walk marks and counts them, a second writes those that it finds marked. */
static void put_served(const struct executor *e, bool queue, struct buffer *b)
{
        uint32_t count = 0;
        list_each(of, &e->connections)
        {
                list_each(at, &container_of(of, struct connection, of_executor)->servings)
                {
                        struct label *label = label_of(at, queue);
                        count += !label->marked;
                        label->marked = true;
                }
        }
        pack_array(b, count);
        list_each(of, &e->connections)
        {
                list_each(at, &container_of(of, struct connection, of_executor)->servings)
                {
                        struct label *label = label_of(at, queue);
                        if (label->marked)
                                pack_str(b, label->name);
                        label->marked = false;
                }
        }
}

static void put_executor(const struct executor *e, int64_t now_ns, struct buffer *b)
{
        uint64_t workers = 0, window = 0, running = 0;
        list_each(at, &e->connections)
        {
                const struct connection *c = container_of(at, struct connection, of_executor);
                workers += !c->gone;
                window += c->gone ? 0 : c->window;
                running += c->running_count;
        }
        pack_map(b, 8);
        pack_cstr(b, "name");
        pack_str(b, e->name);
        pack_cstr(b, "local");
        pack_bool(b, e->local);
        put_uint(b, "workers", workers);
        put_uint(b, "window", window);
        put_uint(b, "running", running);
        pack_cstr(b, "activities");
        put_served(e, false, b);
        pack_cstr(b, "queues");
        put_served(e, true, b);
        put_uint(b, "silence_ms", (uint64_t)ms_between(e->heard_ns, now_ns));
}

void scheduler_describe_executors(const struct scheduler *s, int64_t now_ns, struct buffer *ret)
{
        pack_array(ret, (uint32_t)s->roster.executors.count);
        list_each(at, &s->roster.executors_all)
        {
                put_executor(container_of(at, struct executor, all), now_ns, ret);
        }
}

static uint64_t list_count(const struct list *head)
{
        uint64_t count = 0;
        list_each(at, head)
        {
                count++;
        }
        return count;
}

static void put_queue(const struct label *queue, struct buffer *b)
{
        uint64_t waiting = 0, delayed = 0, running = 0;
        list_each(at, &queue->lanes)
        {
                const struct lane *lane = container_of(at, struct lane, of_queue);
                waiting += lane->waiting_count;
                delayed += lane->delayed_count;
                running += lane->running_count;
        }
        pack_map(b, 5);
        pack_cstr(b, "name");
        pack_str(b, queue->name);
        put_uint(b, "waiting", waiting);
        put_uint(b, "delayed", delayed);
        put_uint(b, "running", running);
        pack_cstr(b, "activities");
        pack_array(b, (uint32_t)list_count(&queue->lanes));
        list_each(at, &queue->lanes)
        {
                pack_str(b, container_of(at, struct lane, of_queue)->activity->name);
        }
}

void scheduler_describe_queues(const struct scheduler *s, struct buffer *ret)
{
        pack_array(ret, (uint32_t)s->lanes.queues.count);
        list_each(at, &s->lanes.queues_all)
        {
                put_queue(container_of(at, struct label, all), ret);
        }
}
