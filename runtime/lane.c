/* SPDX-License-Identifier: MIT */
#include "runtime/lane.h"

#include "runtime/roster.h"

#include <stdlib.h>

void lanes_init(struct lanes *all, uint64_t hash_key)
{
        *all = (struct lanes){ .hash_key = hash_key };
        list_init(&all->queues_all);
        list_init(&all->activities_all);
}

void lanes_fini(struct lanes *all)
{
        map_fini(&all->lanes);
        map_fini(&all->queues);
        map_fini(&all->activities);
}

/* --- labels --- */

enum { LABEL_HASH = 1, LANE_HASH = 2 };

struct label *label_find(const struct map *labels, uint64_t hash_key, struct bytes name)
{
        struct map_node *node = map_find(labels, hash_bytes(hash_key, LABEL_HASH, name));
        for (; node; node = map_find_next(labels, node)) {
                struct label *label = container_of(node, struct label, node);
                if (bytes_equal(label->name, name))
                        return label;
        }
        return NULL;
}

static struct label *label_get(struct map *labels, struct list *all, uint64_t hash_key, struct bytes name)
{
        struct label *label = label_find(labels, hash_key, name);
        if (label)
                return label;
        label = xcalloc(1, sizeof *label + name.size);
        if (name.size)
                memcpy(label + 1, name.data, name.size);
        label->name = bytes_of(label + 1, name.size);
        list_init(&label->lanes);
        list_push(all, &label->all);
        map_put(labels, &label->node, hash_bytes(hash_key, LABEL_HASH, name));
        return label;
}

static void label_release(struct map *labels, struct label *label)
{
        if (!list_empty(&label->lanes))
                return;
        map_remove(labels, &label->node);
        list_remove(&label->all);
        free(label);
}

/* --- lanes --- */

static bool lane_is(const struct lane *lane, struct bytes queue, struct bytes activity)
{
        return bytes_equal(lane->activity->name, activity) && bytes_equal(lane->queue->name, queue);
}

static struct lane *lane_new(struct lanes *all, struct bytes queue, struct bytes activity)
{
        struct lane *lane = xcalloc(1, sizeof *lane);
        lane->queue = label_get(&all->queues, &all->queues_all, all->hash_key, queue);
        lane->activity = label_get(&all->activities, &all->activities_all, all->hash_key, activity);
        list_push(&lane->queue->lanes, &lane->of_queue);
        list_push(&lane->activity->lanes, &lane->of_activity);
        list_init(&lane->waiting);
        list_init(&lane->ready);
        list_init(&lane->servings);
        return lane;
}

struct lane *lane_get(struct lanes *all, struct bytes queue, struct bytes activity)
{
        if (all->last && lane_is(all->last, queue, activity))
                return all->last;
        uint64_t key = hash_bytes(all->hash_key, hash_bytes(all->hash_key, LANE_HASH, queue), activity);
        struct map_node *node = map_find(&all->lanes, key);
        struct lane *lane = NULL;
        for (; node && !lane; node = map_find_next(&all->lanes, node)) {
                struct lane *found = container_of(node, struct lane, node);
                if (lane_is(found, queue, activity))
                        lane = found;
        }
        if (!lane) {
                lane = lane_new(all, queue, activity);
                map_put(&all->lanes, &lane->node, key);
        }
        all->last = lane;
        return lane;
}

void lane_release(struct lanes *all, struct lane *lane)
{
        if (lane->tasks_count || !list_empty(&lane->servings))
                return;
        if (all->last == lane)
                all->last = NULL;
        map_remove(&all->lanes, &lane->node);
        list_remove(&lane->of_queue);
        list_remove(&lane->of_activity);
        label_release(&all->queues, lane->queue);
        label_release(&all->activities, lane->activity);
        free(lane);
}

void lane_put(struct lane *lane, struct task *t)
{
        list_push(&lane->waiting, &t->place);
        lane->waiting_count++;
}

static struct task *task_at(struct list *place)
{
        return container_of(place, struct task, place);
}

/* Where t belongs: before the place returned. A worker gives its tasks back in order, or in reverse, so that
 * the search begins where the last one was put. */
static struct list *place_of(struct lane *lane, const struct task *t)
{
        struct list *head = &lane->waiting;
        struct list *at = lane->returned ? &lane->returned->place : head->next;
        while (at != head && task_at(at)->arrival < t->arrival)
                at = at->next;
        while (at->prev != head && task_at(at->prev)->arrival > t->arrival)
                at = at->prev;
        return at;
}

void lane_put_back(struct lane *lane, struct task *t)
{
        list_push(place_of(lane, t), &t->place);
        lane->waiting_count++;
        lane->returned = t;
        if (lane_oldest(lane) != t)
                return;
        list_each(at, &lane->servings)
        {
                struct serving *v = container_of(at, struct serving, of_lane);
                if (heap_holds(&v->backlog))
                        heap_put(&v->connection->backlog, &v->backlog, (int64_t)t->arrival);
        }
}

/* The one behind it is the next to be taken, most likely, and has lain here for long. */
void lane_take(struct lane *lane, struct task *t)
{
        task_prefetch(task_at(t->place.next));
        if (lane->returned == t)
                lane->returned = NULL;
        list_remove(&t->place);
        lane->waiting_count--;
}

struct connection *lane_turn(struct lane *lane)
{
        while (!list_empty(&lane->ready)) {
                struct serving *v = container_of(lane->ready.next, struct serving, turn);
                list_remove(&v->turn);
                if (connection_has_room(v->connection)) {
                        list_push(&lane->ready, &v->turn);
                        return v->connection;
                }
                list_push(&v->connection->aside, &v->turn);
        }
        return NULL;
}

/* --- servings --- */

bool serving_add(struct lane *lane, struct connection *c)
{
        /* Connections add theirs one after the other: if the lane has this one's already, it is the last. */
        if (!list_empty(&lane->servings) &&
            container_of(lane->servings.prev, struct serving, of_lane)->connection == c)
                return false;
        struct serving *v = xcalloc(1, sizeof *v);
        v->lane = lane;
        v->connection = c;
        list_push(&lane->servings, &v->of_lane);
        list_push(&c->servings, &v->of_connection);
        list_push(&c->aside, &v->turn);
        lane->queue->servings++;
        lane->activity->servings++;
        return true;
}

void serving_remove(struct lanes *all, struct serving *v)
{
        struct lane *lane = v->lane;
        list_remove(&v->turn);
        heap_remove(&v->connection->backlog, &v->backlog);
        list_remove(&v->of_lane);
        list_remove(&v->of_connection);
        lane->queue->servings--;
        lane->activity->servings--;
        free(v);
        lane_release(all, lane);
}

static void sort_aside(struct connection *c)
{
        list_each_safe(at, after, &c->aside)
        {
                struct serving *v = container_of(at, struct serving, turn);
                struct task *oldest = lane_oldest(v->lane);
                list_remove(&v->turn);
                if (oldest)
                        heap_put(&c->backlog, &v->backlog, (int64_t)oldest->arrival);
                else
                        list_push(&v->lane->ready, &v->turn);
        }
}

struct task *connection_oldest(struct connection *c)
{
        sort_aside(c);
        for (struct heap_node *first; (first = heap_min(&c->backlog));) {
                struct serving *v = container_of(first, struct serving, backlog);
                struct task *oldest = lane_oldest(v->lane);
                if (oldest && (int64_t)oldest->arrival == first->due_ns)
                        return oldest;
                if (oldest) {
                        heap_put(&c->backlog, first, (int64_t)oldest->arrival);
                } else {
                        heap_remove(&c->backlog, first);
                        list_push(&v->lane->ready, &v->turn);
                }
        }
        return NULL;
}
