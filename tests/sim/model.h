/* SPDX-License-Identifier: MIT
 *
 * What the logs say: every durable record folded once more, by rules of its own, written from the promises
 * and not from the engine. It reads what is on the disks and nothing else, so it is at any time what the
 * world may rely on.
 */
#ifndef TESTS_SIM_MODEL_H
#define TESTS_SIM_MODEL_H

#include "actors/vocabulary.h"
#include "base/list.h"
#include "base/map.h"

struct sim;
struct model;
struct archive;

/* Whom an attempt was given to. */
struct handed {
        struct handed *next;
        uint32_t attempt;
        const char *executor;
        uint64_t peer; /* 0: it was handed back */
        uint64_t life; /* the how manieth of the node */
};

/* Something that a run started. */
struct model_op {
        uint8_t effect; /* enum effect_type */
        bool open;
        bool abandon;
        bool answered; /* an outcome was delivered */
        bool dropped;
        uint64_t claimed_step; /* of the last CLAIM */
        uint32_t done;         /* the attempt that an executor last said to be done */
        bool stillborn;        /* started and given up in one transition */
        uint32_t attempt;
        uint32_t tries;      /* attempts that failed by themselves */
        uint32_t ended;      /* attempts whose end is on record */
        uint32_t executions; /* by whomever */
        uint64_t opened_lsn;
        int64_t opened_ns;
        int64_t due_ns;
        struct effect asked; /* its bytes are the model's */
        struct handed *handed;
};

struct model_signal {
        struct model_signal *next;
        struct bytes name;
        struct bytes value;
};

struct model_run {
        struct map_node by_id;
        struct map_node by_name;
        struct map_node by_parent;
        struct list all;
        uint64_t id;
        struct bytes workflow;
        struct bytes workflow_id;
        struct bytes input;
        struct bytes request_id; /* of its START */
        struct bytes result;
        struct bytes kind; /* of its failure */
        uint64_t parent;
        uint32_t parent_op;
        bool abandon;
        bool cancel_requested;
        bool cancel_heard;  /* its code was there */
        bool cancel_next;   /* its parent gave it up in the transition that started it */
        bool executor_lost; /* a call of it failed because executors were lost */
        bool away; /* it was not in the shard's memory when that was looked at, and has not gone on since */
        uint64_t continued_from;
        uint64_t continued_as;
        uint32_t ending;
        bool removed; /* there is a record that says so */
        uint32_t transitions;
        uint32_t pending;
        uint32_t open_ops;
        uint64_t first_lsn;
        uint64_t last_lsn;
        int64_t started_ns;
        int64_t ended_ns;
        struct model_op *ops; /* op n at n - 1 */
        uint32_t ops_count;
        uint32_t ops_capacity;
        struct model_signal *untaken; /* signals that came and were not taken, oldest first */
        struct model_signal *owed;    /* those that it must get from the run it continues */
};

struct model *model_new(struct sim *s);
void model_free(struct model *m);

/* Reads what is new on all disks. */
void model_catch_up(struct model *m);
/* Reads a whole log again: nothing of what is left of it may have changed. */
void model_read_again(struct model *m, uint32_t shard);
/* Every record that the shard's log ever had. */
struct archive *model_archive(const struct model *m, uint32_t shard);

struct model_run *model_run(const struct model *m, uint64_t id);
struct model_run *model_run_named(const struct model *m, struct bytes workflow_id); /* the latest */
struct model_op *model_op(const struct model *m, uint64_t run, uint32_t op);
uint32_t model_attempt(const struct model *m, uint64_t run, uint32_t op); /* the current one; 1 if unknown */
struct model_run *model_request(const struct model *m, uint8_t event,
                                struct bytes request_id); /* the run that applied it */
struct model_run *model_child_of(const struct model *m, uint64_t parent, uint32_t op);
struct model_run *model_last_of_chain(const struct model *m, struct model_run *run);
const struct list *model_runs(const struct model *m); /* struct model_run.all, by start */

/* A run is removed: the record is of that time. */
void model_remove(struct model *m, struct model_run *run, int64_t time_ns);

/* It is removed, or its removal may be under way. */
bool model_may_be_gone(const struct model *m, const struct model_run *run);

/* An attempt goes to an executor. */
void model_hand(struct model *m, struct model_op *op, uint32_t attempt, const char *executor, uint64_t peer);
void model_hand_back(struct model_op *op, uint32_t attempt);
const struct handed *model_handed(const struct model_op *op, uint32_t attempt,
                                  struct bytes executor); /* the last time, or NULL */

bool model_all_ended(const struct model *m);
void model_describe_open(const struct model *m, char *buf, size_t size);
uint64_t model_runs_count(const struct model *m);
uint64_t model_records_count(const struct model *m);
uint64_t model_lsn(const struct model *m, uint32_t shard); /* of the last record read */

/* --- model_events.c --- */

/* Takes over one transition's event and effects; what breaks a promise is reported. */
void model_event(struct model *m, struct model_run *run, const struct event *e, uint8_t flags,
                 int64_t time_ns);
void model_effect(struct model *m, struct model_run *run, const struct event *cause, const struct effect *e,
                  uint64_t lsn, int64_t time_ns);
/* After the last effect. */
void model_settle(struct model *m, struct model_run *run, const struct event *cause, bool retried);

#endif
