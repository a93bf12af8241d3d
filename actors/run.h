/* SPDX-License-Identifier: MIT
 *
 * What a node knows of a run without running its code: a fold over its records. run_judge() says what an
 * event means for it, run_apply() takes over a transition; both are used alike while it happens and when the
 * log is read after a crash, so the recovered state is the live one by construction.
 *
 * An op is something the run has started and that is not over: an activity, a timer, a wait, a child, a
 * signal on its way. An open run's ops are its owed work: what it waits for.
 */
#ifndef ACTORS_RUN_H
#define ACTORS_RUN_H

#include "actors/retry.h"
#include "actors/vocabulary.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"
#include "base/name_set.h"
#include "base/prefetch.h"

struct run;

/* What most runs have is in the run itself: so many ops, names of so many bytes, one request. */
enum { RUN_OPS_FEW = 4, RUN_NAMES_FEW = 64, RUN_REQUEST_ID_FEW = 32 };

struct op {
        struct map_node by_id; /* in the shard's table, by op_key(), unless it is one of the run's few */
        bool in_table;
        struct list in_run;     /* struct run's ops, oldest first */
        struct heap_node timer; /* in the shard's heap: a timer's due time */
        struct run *run;
        struct op *next_unused;
        uint32_t id;
        uint8_t effect;   /* enum effect_type that started it */
        bool abandon;     /* CHILD */
        uint32_t attempt; /* CALL: the current one */
        uint32_t tries;   /* CALL: attempts that failed by themselves */
        int64_t due_ns;   /* TIMER; CALL: of the current attempt, when it is a retry */
        bool noted;   /* CALL: its executor is known to run it for long; CHILD: it is known to have started */
        uint64_t lsn; /* of the record whose effect started it: its arguments are there */
        struct retry_policy retry; /* CALL */
        char *name; /* of the signal or workflow; CALL: of its queue, NULL: "default"; NULL for timers */
        struct run_channel *channel; /* WAIT_SIGNAL: whose the name is */
        struct list in_channel;
};

/* The queue of a CALL. */
static inline struct bytes op_queue(const struct op *op)
{
        return bytes_str(op->name ? op->name : "default");
}

static inline uint64_t op_key(uint64_t run, uint32_t op)
{
        return hash_u64(run) + op;
}

/* A signal's name that waits are open for, or that signals came for which no wait has taken: one or the
 * other, and it goes when there is neither. */
struct run_channel {
        struct name_node in_run;
        struct list waits; /* struct op.in_channel, the oldest first */
        uint64_t kept;     /* signals */
        char name[];
};

/* The last signal applied from another run: earlier and equal ops of it are repeats. */
struct run_sender {
        struct list in_all;
        struct map_node by_run; /* in by_run, once there are many */
        uint64_t run;
        uint32_t op;
};

struct run_senders {
        struct list all; /* the longest known first */
        struct map by_run;
        uint32_t count;
};

/* A request that was applied: its repeat gets the same answer. */
struct run_request {
        struct map_node by_hash; /* in the shard's table, by a hash of the id */
        struct list in_run;
        struct run *run;
        uint8_t event; /* enum event_type: what it asked for */
        uint64_t lsn;  /* of the record that applied it */
        size_t id_size;
        char *id; /* behind this, or of the run */
};

struct run {
        struct map_node by_id; /* in the shard's tables */
        struct map_node by_name;
        struct list in_shard; /* all runs, by start */
        struct list in_awake; /* runs whose code is in memory, the longest untouched first */

        uint64_t id;
        char *ns; /* the three are one block, ns its start: few_names, or memory of its own */
        char *workflow;
        char *workflow_id;
        struct list requests; /* in the order in which they were applied; the START's among them */
        struct run_request first_request; /* NULL run: not in use */
        uint64_t parent;
        uint32_t parent_op;
        bool abandon; /* goes on when its parent ends */
        uint64_t continued_from;
        uint64_t continued_as; /* 0: not (known) */

        uint32_t ending; /* enum run_ending; RUN_OPEN while it runs */
        int64_t started_ns;
        int64_t ended_ns;
        uint64_t first_lsn;
        uint64_t last_lsn;
        uint32_t transitions;
        uint64_t history_bytes; /* of the bodies of its records */
        uint32_t pending;       /* events delivered since the code ran last */
        bool cancel_requested;
        uint64_t seed;
        uint64_t status_lsn;     /* of the record with the last STATUS effect; 0: none */
        struct bytes attributes; /* msgpack map, in memory of its own; empty: none */

        struct run_waiter *waiters; /* who wants to know the ending: the shard's own */
        struct list ops;
        uint32_t ops_count;
        uint32_t few_ids[RUN_OPS_FEW]; /* open ops that are found here; 0: none. What has no room is in the
                                          shard's table */
        struct op *few[RUN_OPS_FEW];
        struct name_set channels;
        struct run_senders *senders; /* NULL: none */

        struct stet_run *code; /* NULL while it is parked */
        char *blocked;         /* why its code can't go on, as a sentence; NULL: it can */
        bool full;             /* … because its history is as long as may be */

        /* Of whoever holds it (runtime/run_set.h). */
        bool named;   /* it is in the table of names */
        bool damaged; /* what the store has of it can't be read: it stands still; blocked says why */
        uint64_t
            touched_lsn;    /* of the last record that changed it: its own, or that of the next of its name */
        int64_t touched_ns; /* when something happened to it last */

        char few_names[RUN_NAMES_FEW];
        char few_request_id[RUN_REQUEST_ID_FEW];
};

/* The tables that runs and ops are in; owned by the shard. */
struct run_tables {
        struct map ops;     /* struct op, by op_key(): those that are none of their run's few */
        uint64_t ops_count; /* all open ones */
        struct op *unused;  /* closed ops, for the next ones */
        uint32_t unused_count;
        struct list *unused_runs; /* freed runs, for the next ones: in_shard.next goes on */
        uint32_t unused_runs_count;
        struct map requests; /* struct run_request, by hash */
        bool only_fold;      /* nobody looks for requests here: they are in their runs' lists only */
        struct heap timers;  /* struct op.timer */
};

/* Tables begin zeroed. Every run of theirs is freed before their end. */
void run_tables_fini(struct run_tables *tables);

/* Gives back what closed ops and freed runs took. */
void run_tables_shrink(struct run_tables *tables);

struct run *run_new(struct run_tables *tables, uint64_t id); /* NULL: in new memory */

/* Something is going to happen to it: brings what that looks at into the processor's cache. Names, requests
 * and the parent are not of it. */
static inline void run_prefetch(const struct run *run)
{
        prefetch(run, 1);
        prefetch(&run->ending, offsetof(struct run, few_names) - offsetof(struct run, ending));
}

void run_free(struct run *run, struct run_tables *tables); /* code must be gone */

struct op *run_op(const struct run_tables *tables, const struct run *run, uint32_t op);

/* What to do with an event. */
enum run_verdict {
        RUN_REFUSE,  /* it changes nothing: *ret_err says why; no record */
        RUN_SETTLE,  /* the run's bookkeeping answers it alone: the effects are appended; the code does not
                        hear of it */
        RUN_DELIVER, /* it is for the code */
};

/* Judges an event on a run in its present state. err: STET_ECLOSED (it has ended), STET_ESTALE (an old
 * attempt, a timer or an op that is over), STET_EEXISTS (a repeat of what was applied). */
enum run_verdict run_judge(const struct run *run, const struct run_tables *tables, const struct event *event,
                           int64_t now_ns, struct buffer *effects, int *ret_err);

/* Takes over one transition of the run: its event, each of its effects, its end. STET_ECORRUPT when it does
 * not fit the state (then the run is as far as it got). */
int run_apply_event(struct run *run, struct run_tables *tables, const struct event *event, uint64_t lsn,
                    uint8_t flags, int64_t time_ns);
int run_apply_effect(struct run *run, struct run_tables *tables, const struct effect *effect, uint64_t lsn,
                     int64_t time_ns);
void run_apply_end(struct run *run, uint64_t lsn, uint8_t flags, size_t body_size);

/* The same for a whole record: its body, LSN, flags and time. STET_ECORRUPT also when the body can't be read.
 */
int run_apply(struct run *run, struct run_tables *tables, uint64_t lsn, uint8_t flags, int64_t time_ns,
              struct bytes body);

/* Takes over a note about an op of the run (a record's body: op, attempt, executor). STET_ECORRUPT. */
int run_apply_note(struct run *run, struct run_tables *tables, struct bytes body);

/* Its workflow id; empty when none was given, so that it is the run id. */
struct bytes run_given_id(const struct run *run);

/* The id that a request names: a START the one it gives, another command the workflow id, which a chain
 * keeps. */
struct bytes run_request_scope(const struct run *run, uint8_t event);

/* The request that a run with this workflow id (of a START: with this given id) has applied, or NULL. The
 * same request id for another command, workflow id or namespace is another request. */
struct run_request *run_request_find(const struct run_tables *tables, uint8_t event, struct bytes ns,
                                     struct bytes id, struct bytes request_id);

/* Forgets the requests that records up to that one have applied: the store knows them. */
void run_requests_forget(struct run *run, struct run_tables *tables, uint64_t up_to_lsn);

/* What the run has applied of a sender, or NULL. */
struct run_sender *run_sender_find(const struct run *run, uint64_t sender);

/* A run takes the place of another of its name: a signal that the other has applied must not be applied
 * again. */
void run_senders_move(struct run *from, struct run *to);

/* Checks the invariants: an open run owes something or says why not; an ended one owes nothing but the start
 * of children that it let go. NULL, or the sentence that is broken. */
const char *run_check(const struct run *run);

#endif
