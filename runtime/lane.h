/* SPDX-License-Identifier: MIT
 *
 * A lane: the waiting tasks of one queue and one activity, by arrival, and the connections that serve it.
 * Both sides find each other without a search:
 *
 *   a task that arrives takes the next connection in `ready`, the ring of those that may have room;
 *   a connection that gets room takes the lane with the oldest task out of its heap.
 *
 * Each (connection, lane) pair is a `serving`, and is in exactly one of three places: the lane's ring; the
 * connection's `aside`, when the ring came upon it while the connection had no room; or the connection's heap
 * `backlog`, when the connection, getting room, found tasks waiting in that lane. So a full connection costs
 * its lanes nothing, and an idle lane costs its connections nothing. It holds: while a connection has room,
 * all its servings are in rings; and while tasks wait in a lane, its ring has nobody with room.
 *
 * A heap's key is the arrival of the lane's oldest task. It may be too low (another connection took that
 * task): it is put right when it comes up. It is never too high: lane_put_back() lowers it when an older task
 * returns.
 */
#ifndef RUNTIME_LANE_H
#define RUNTIME_LANE_H

#include "runtime/task.h"

/* The name of a queue or of an activity, with the lanes that bear it. */
struct label {
        struct map_node node;
        struct list all;   /* by creation */
        struct list lanes; /* by creation */
        uint64_t servings; /* of its lanes */
        bool marked; /* false except inside a function that makes a list of labels without repeating any */
        struct bytes name; /* its bytes follow the struct */
};

struct lane {
        struct map_node node;
        struct label *queue;
        struct label *activity;
        struct list of_queue;
        struct list of_activity;
        struct list waiting;   /* tasks, by arrival */
        struct list ready;     /* servings; whose turn it is comes first */
        struct list servings;  /* all, by creation */
        struct task *returned; /* in waiting: where the last one was put back; or NULL */
        uint64_t tasks_count;  /* in whatever state */
        uint64_t delayed_count;
        uint64_t waiting_count;
        uint64_t running_count;
};

struct serving {
        struct list turn;         /* in the lane's ring or in the connection's aside */
        struct heap_node backlog; /* in the connection's heap */
        struct list of_lane;
        struct list of_connection;
        struct lane *lane;
        struct connection *connection;
};

struct lanes {
        uint64_t hash_key;
        struct map lanes;
        struct map queues;
        struct map activities;
        struct list queues_all; /* by creation */
        struct list activities_all;
        struct lane *last; /* the one found last: the next task is often of the same */
};

void lanes_init(struct lanes *all, uint64_t hash_key);
void lanes_fini(struct lanes *all); /* whose lanes have all been released */

/* The lane of that queue and activity, made if need be. One without tasks and servings must be given to
 * lane_release(). */
struct lane *lane_get(struct lanes *all, struct bytes queue, struct bytes activity);
void lane_release(struct lanes *all, struct lane *lane); /* frees it if nothing needs it */

struct label *label_find(const struct map *labels, uint64_t hash_key, struct bytes name);

static inline struct task *lane_oldest(const struct lane *lane)
{
        return list_empty(&lane->waiting) ? NULL : container_of(lane->waiting.next, struct task, place);
}

void lane_put(struct lane *lane, struct task *t);      /* at the end */
void lane_put_back(struct lane *lane, struct task *t); /* at the front: where its arrival belongs */
void lane_take(struct lane *lane, struct task *t);

/* The connection whose turn it is among those that serve the lane and have room, or NULL. */
struct connection *lane_turn(struct lane *lane);

/* Makes the connection serve the lane; it takes part once connection_oldest() has been called. False if it
 * does already. */
bool serving_add(struct lane *lane, struct connection *c);
void serving_remove(struct lanes *all, struct serving *v);

/* The oldest task that waits in the lanes that a connection serves, for a connection with room; or NULL. */
struct task *connection_oldest(struct connection *c);

#endif
