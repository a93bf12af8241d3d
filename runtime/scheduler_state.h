/* SPDX-License-Identifier: MIT
 *
 * The scheduler's inside, for its own files: scheduler.c decides, scheduler_peers.c hears what peers say,
 * scheduler_describe.c reads. The functions here are the moves that the first two share.
 */
#ifndef RUNTIME_SCHEDULER_STATE_H
#define RUNTIME_SCHEDULER_STATE_H

#include "runtime/roster.h"
#include "runtime/scheduler.h"

struct scheduler {
        struct scheduler_options options;
        struct scheduler_sink sink;
        struct map tasks; /* by task_key() */
        struct task_pool pool;
        struct lanes lanes;
        struct roster roster;
        struct heap deadlines; /* of tasks; a node may be due too early, and is put right when it comes up */
        struct list young;     /* tasks, by since_ns */
        struct list delayed;   /* tasks */
        struct list decided;
        struct list gone;  /* connections that broke while attempts were with them, by gone_ns */
        int64_t settle_ns; /* how long a task is young */
        uint64_t arrival_next;
        uint64_t waiting_count;
        uint64_t running_count;
        uint64_t who_peer; /* the last one that was asked WHO, and when */
        int64_t who_ns;
};

struct task *scheduler_find(const struct scheduler *s, uint64_t run, uint32_t op);

/* The task whose current attempt the token names, in whatever state, or NULL. */
struct task *scheduler_current(const struct scheduler *s, const struct token *token);

static inline bool task_open(const struct task *t) /* not decided */
{
        return t->state <= TASK_RUNNING;
}

/* Takes the task out of the state it is in; the caller puts it into another at once. Returns the connection
 * that was running it, to be given to scheduler_settle(), or NULL. */
struct connection *scheduler_leave(struct scheduler *s, struct task *t);

/* The attempt is due: from now on it has a place in the order of arrival. */
void scheduler_admit(struct scheduler *s, struct task *t, int64_t now_ns);

/* Into RUNNING with the connection; sends nothing. */
void scheduler_run(struct scheduler *s, struct task *t, struct connection *c, int64_t now_ns);

/* Into its lane, where its arrival belongs, or straight to a connection with room. */
void scheduler_put_back(struct scheduler *s, struct task *t, int64_t now_ns);

/* Into DONE or ENDED, with m's particulars as the outcome. */
void scheduler_decide(struct scheduler *s, struct task *t, enum task_state state, struct message *m);

/* Ends all that the connection runs as lost. */
void scheduler_lose(struct scheduler *s, struct connection *c, const char *why);

/* After a connection may have got room or lost its last task (NULL is fine): gives it tasks; frees it if it
 * is gone. */
void scheduler_settle(struct scheduler *s, struct connection *c, int64_t now_ns);

/* Says to the connection (NULL or gone: to nobody) that the task's current attempt is not wanted. */
void scheduler_drop(struct scheduler *s, const struct task *t, const struct connection *c);

#endif
