/* SPDX-License-Identifier: MIT
 *
 * A node without threads, sockets and clock: a data directory, and the shard of runtime/shard_host.h on it,
 * driven inline. This file plays the front, the scheduler and the executors. What the shard says to the
 * outside is a promise, which goes to the session; what it gives to its log goes there, too.
 */
#ifndef TESTS_POWER_ENGINE_H
#define TESTS_POWER_ENGINE_H

#include "runtime/shard_host.h"
#include "tests/power/workload.h"

struct engine_task {
        struct token token;
        int64_t due_ns;
        bool broken; /* what is asked for fails */
        bool done;   /* its outcome was told; it is known until it is closed */
        struct bytes value;
        struct engine_task *next;
};

/* What the last command was answered. */
struct engine_answer {
        bool given;
        uint8_t type; /* REPLY or RESULT */
        uint32_t code;
        uint32_t count;  /* of a REPLY: it met something that was there */
        uint32_t ending; /* of a RESULT */
        uint64_t run;
};

struct engine {
        const struct workload_options *options;
        struct session *session;
        struct data_dir dir;
        bool dir_open;
        int mark_fd; /* of the file that says that a node was open here */
        struct shard_host host;
        struct log_ops tapped; /* the log's operations, with ours before them */
        const struct log_ops *real;
        struct log_group late; /* of the canary that promises early: what is not in the log yet */
        stet_app app;
        int64_t now_ns;
        struct engine_task *tasks; /* handed out, in order */
        struct buffer inbox;       /* parcels for the shard */
        bool promising;            /* what is said is a promise; else it is looked at by the checker */
        struct engine_answer answer;
        int err; /* the disk failed; the shard answers nothing any more */
        stet_why why;
};

/* Opens as a restarted node does; runs are not resumed yet. */
int engine_open(struct engine *e, const struct workload_options *o, struct session *s, stet_why *why);
void engine_resume(struct engine *e);
void engine_close(struct engine *e); /* as a process that dies */

/* Gives the shard a message and takes what it answers; see engine_turn(). */
void engine_receive(struct engine *e, struct message *m);

/* Until nothing is under way: delivers what is for the shard, fires timers, writes, and takes what is done.
 */
void engine_turn(struct engine *e);

/* A task that is due is done and its outcome told; false when there is none. */
bool engine_work(struct engine *e, size_t which);
size_t engine_tasks(const struct engine *e);

/* The checkpointer writes what is durable into the store, if nothing is under way. */
void engine_checkpoint(struct engine *e);

/* Lets time pass to the next thing that is due; false when nothing is. */
bool engine_wait(struct engine *e);

#endif
