/* SPDX-License-Identifier: MIT
 *
 * The shard's own struct and what its files share: shard.c (life, groups), shard_step.c (transitions),
 * shard_command.c (commands from clients and other shards), shard_read.c (readings), shard_recover.c.
 */
#ifndef RUNTIME_SHARD_STATE_H
#define RUNTIME_SHARD_STATE_H

#include "actors/code.h"
#include "actors/run.h"
#include "runtime/answers.h"
#include "runtime/parcel.h"
#include "runtime/run_set.h"
#include "runtime/shard.h"

enum {
        GROUP_BYTES_AIM = 8 << 20, /* records and messages; a group that is larger is full: clients wait */
};

/* A group on its way to the disk with the messages that wait for it. */
struct held_group {
        struct log_group log;
        struct buffer offsets; /* of each record in log.bytes, uint32_t */
        struct buffer outbox;  /* parcels */
};

/* Someone who waits for a run's ending. */
struct run_waiter {
        struct run_waiter *next;
        uint64_t peer;
        uint64_t correlation;
};

struct shard {
        struct shard_options options;
        struct shard_sink sink;
        struct code_env code_env;

        struct held_group groups[2];
        struct held_group *filling;
        bool submitted;       /* the other one is with the writer */
        bool retry_submitted; /* … it came back because the disk was full */
        bool disk_full;
        bool failed;
        int failure; /* of the store; shard_collect() returns it */
        bool failure_told;
        stet_why failure_why;
        uint64_t durable_lsn;
        struct log_stats
            log_stats; /* as of the last commit collected: the writer's thread owns the log's own */

        struct run_set set;
        struct list awake; /* runs whose code is in memory, the longest untouched first */
        uint32_t awake_count;
        struct run_waiter *unused_waiters;
        struct answers answers; /* of commands that left no record */

        struct shard_progress progress; /* of coming back, and */
        unsigned untold;                /* small steps since it was told last */

        uint64_t checkpoint_lsn;  /* what is up to here is in the store */
        uint64_t tail_bytes;      /* of the log behind the checkpoint, when it was opened */
        size_t sweep_left;        /* runs to look at in the sweep under way */
        int64_t sweep_due_ns;     /* when the next one begins; INT64_MAX: not before something happens */
        int64_t sweep_next_ns;    /* what the one under way has found out about that */
        bool giving_back;         /* what a burst of runs took */
        int64_t give_back_due_ns; /* not before that */
        size_t most_runs;         /* in memory at a time, since the last look at what can be given back, */
        size_t most_awake;        /* and of them awake */
        size_t needed_runs;       /* the same of the time before that look: so much is kept */
        size_t needed_awake;
        size_t room_runs;           /* for so many there is memory: the most since it was given back */
        int64_t armed_until_ns;     /* whoever has a timer that is due until then is in memory */
        int64_t stored_due_ns;      /* the first timer of the others */
        struct run_key stored_from; /* where to look for it */

        int64_t retire_due_ns;      /* when the next pass over the ended runs in the store begins */
        int64_t retire_next_ns;     /* what the one under way has found out about that */
        struct run_key retire_from; /* where it goes on; empty: none is under way */
        uint64_t removed;           /* runs, since the opening */

        bool careful; /* code has crashed the process: a start is made durable before its code runs */

        struct buffer effects; /* of the transition under way */
        const struct run
            *finishing; /* the run that this transition ends, and its FINISH, which points into effects */
        struct effect finish;
        uint64_t random_state;
        int64_t last_time_ns;
        uint64_t endings[6]; /* how many runs ended how; [0]: open */
        uint64_t blocked;
};

/* --- shard_runs.c --- */
/* In memory or from the store; NULL: there is none. One that can't be read stands still: run->damaged. */
struct run *shard_run_by_id(struct shard *s, uint64_t id);
struct run *shard_run_by_name(struct shard *s, struct bytes ns, struct bytes id);
struct run *shard_run_by_request(struct shard *s, uint8_t event, struct bytes ns, struct bytes id,
                                 struct bytes request_id);
/* By workflow id first, then as a run id. */
struct run *shard_run_find(struct shard *s, struct bytes ns, struct bytes id);
struct run *shard_last_of_chain(struct shard *s,
                                struct run *run);   /* where it continued as new, again and again */
void shard_touch(struct shard *s, struct run *run); /* something happens to it */
/* What the store can't do. STET_ECORRUPT is for the caller to handle; anything else stops the shard. */
void shard_store_failed(struct shard *s, int err, const stet_why *why);
/* Brings the runs into memory whose timers are due soon, and drops those to which nothing happens. */
void shard_arm_timers(struct shard *s, int64_t now_ns);
void shard_sweep(struct shard *s, int64_t now_ns);
void shard_leave(struct shard *s, struct run *run); /* drops one; the store has it as it stands */
/* Looks how far the store has come: what it has passed can leave memory. Or it failed: shard_collect() will
 * say so. */
void shard_checkpointed(struct shard *s, int64_t now_ns);
int64_t shard_runs_deadline(const struct shard *s);
/* Every run, in memory or not, by id; what is not in memory is brought there for the call only. */
typedef void shard_run_fn(void *ctx, const struct run *run);
void shard_each_run(struct shard *s, shard_run_fn *visit, void *ctx);

/* --- shard.c --- */
void shard_shrink_groups(struct shard *s); /* gives back the memory of those that are empty */
void shard_hold(struct shard *s,
                const struct message *m); /* leaves when all that was stepped so far is durable */
void shard_log(struct shard *s, stet_log_level level, const char *format, ...) STET_PRINTF(3, 4);
uint64_t shard_random(struct shard *s);
/* Visits one record of the run, wherever it is: in a group under way, in the log or in the store. */
int shard_record(struct shard *s, const struct run *run, uint64_t lsn, log_visit_fn *visit, void *ctx,
                 stet_why *why);
/* All transitions of a run, the oldest first, from number `from` (0) on, at most limit (0: all). */
int shard_history(struct shard *s, const struct run *run, uint32_t from, uint32_t limit, log_visit_fn *visit,
                  void *ctx, stet_why *why);

/* --- shard_recover.c --- */
int shard_recover(struct shard *s, stet_why *why);

/* --- shard_step.c --- */
/* Steps a run with an event; 0, or why it changed nothing (run_judge()'s error). */
int shard_step(struct shard *s, struct run *run, const struct event *event, int64_t now_ns);
/* Starts a new run with this START event (its id may be empty: then it is the run id). */
struct run *shard_start(struct shard *s, struct event *start, int64_t now_ns);
/* Brings the run's code into memory by replay; false when there is none for it (run->blocked says why). */
bool shard_awaken(struct shard *s, struct run *run);
void shard_park(struct shard *s, struct run *run); /* drops its code */
/* Around a run's code: tells the crash guard whose code this thread is in. */
void shard_enter_code(const struct shard *s, const struct run *run, const char *workflow,
                      const struct stet_run *code);
void shard_leave_code(void);
void shard_unblock(struct shard *s, struct run *run);
/* Its code can't or must not go on; the sentence says why. Events are kept for it. */
void shard_block(struct shard *s, struct run *run, const char *sentence);
/* Holds the message that makes an effect happen. */
void shard_issue(struct shard *s, const struct run *run, const struct effect *e, uint32_t attempt,
                 int64_t due_ns);
/* The ending of an ended run, to a waiter. */
void shard_tell_ending(struct shard *s, const struct run *run, uint64_t peer, uint64_t correlation);
void shard_tell_parent(struct shard *s, const struct run *run);

/* --- shard_limit.c --- */
/* What the length of a run's history allows its code; in words; after a transition. */
void shard_history_sentence(const struct shard *s, const struct run *run, char *buf, size_t size);
bool shard_history_allows(struct shard *s, struct run *run);
void shard_history_grew(struct shard *s, const struct run *run, uint64_t bytes);

/* --- shard_command.c --- */
void shard_command(struct shard *s, const struct message *m, int64_t now_ns);
void shard_reply(struct shard *s, const struct message *to, int code, uint64_t run, const char *id,
                 const char *text);
void shard_wait(struct shard *s, struct run *run, uint64_t peer, uint64_t correlation);
struct run_waiter *
shard_take_waiter(struct run *run); /* the first, for the caller to give back; NULL: none is left */
void shard_give_waiter(struct shard *s, struct run_waiter *w);
/* Why a workflow of that name can't start here: false and a sentence with the names that can. */
bool shard_serves_workflow(const struct shard *s, struct bytes name, stet_why *why);

/* --- shard_peer.c --- */
void shard_from_shard(struct shard *s, const struct message *m, int64_t now_ns);
void shard_outcome(struct shard *s, const struct message *m, int64_t now_ns);

/* --- shard_remove.c --- */
/* Removes an ended run for a client, or says why not. */
void shard_delete(struct shard *s, const struct message *m, struct run *run, int64_t now_ns);
void shard_remove_check(struct shard *s, const struct message *m);
void shard_remove_answered(struct shard *s, const struct message *m, int64_t now_ns);
/* Removes runs whose retention is over, a slice of them. */
void shard_retire(struct shard *s, int64_t now_ns);
void shard_retire_later(struct shard *s, int64_t now_ns); /* the store has come further */
int64_t shard_retire_deadline(const struct shard *s);

/* --- shard_list.c --- */
struct table;
/* This shard's part of a list or of the counts: maps, one after the other. */
void shard_list(struct shard *s, const struct message *m, struct buffer *parts);
void shard_put_stats(const struct shard *s, struct buffer *parts);

/* --- shard_read.c --- */
/* Of a READ; empty, or the fallback, when there is none (or it is 0). */
struct bytes shard_argument_text(const struct message *m, const char *key);
uint64_t shard_argument_number(const struct message *m, const char *key, uint64_t fallback);
void shard_read(struct shard *s, const struct message *m, int64_t now_ns);
void shard_query(struct shard *s, const struct message *m);

#endif
