/* SPDX-License-Identifier: MIT
 *
 * A shard: a partition of the runs with a log of its own. It takes messages, steps runs, writes each
 * transition to the group under way, and lets what a transition asked of the world leave only when its group
 * is durable (write, then act).
 *
 * Core: it knows no socket, clock or thread. Time comes in with each call; the log and its writer are
 * interfaces. Whoever drives it calls shard_receive() and shard_tick() for what has come, then shard_flush(),
 * and shard_collect() when the writer's descriptor says that a group is done.
 */
#ifndef RUNTIME_SHARD_H
#define RUNTIME_SHARD_H

#include "runtime/checkpoints.h"
#include "runtime/wire.h"
#include "stet/app.h"
#include "wal/log_writer.h"

struct shard;

/* Where messages go when they may leave. They are valid only during the call. */
struct shard_sink {
        void *ctx;
        void (*to_peer)(void *ctx, uint64_t peer, const struct message *m); /* REPLY, RESULT, ACK */
        void (*to_node)(
            void *ctx,
            const struct message *m); /* ENQUEUE, CLOSE; between shards; REPLY to a READ (peer set) */
        void (*log)(void *ctx, stet_log_level level, const char *line);
        /* An ENQUEUE or CLOSE with that token comes soon (scheduler_expect()). NULL: nobody wants to know. */
        void (*expect)(void *ctx, uint64_t run, uint32_t op, unsigned step);
};

struct retention;

/* How far coming back is: the log behind the checkpoint is read first, then open runs are looked at for what
 * they are owed. */
struct shard_progress {
        uint64_t records_done;
        uint64_t records_total;
        uint64_t runs_done;
        uint64_t runs_total; /* at most so many: those that are owed nothing are not looked at; 0: not so far
                                yet */
};

struct shard_options {
        uint32_t index;
        uint32_t count; /* of the node's shards */
        uint64_t incarnation;
        uint64_t seed;             /* random: of the runs' seeds */
        struct log *log;           /* borrowed */
        struct log_writer *writer; /* borrowed */
        const struct run_store
            *store; /* borrowed; NULL: there is only the log, and every run stays in memory */
        struct checkpoints *checkpoints; /* borrowed; NULL: the store stands where it stands */
        uint64_t
            lag_bytes_max; /* of the log that are not in the store yet: beyond it nothing is taken; 0: any */
        uint32_t runs_max; /* in memory; beyond it those that the store has are dropped at once */
        int64_t idle_ns;   /* how long a run stays in memory to which nothing happens */
        const stet_app *app; /* borrowed; NULL: no workflows */
        size_t stack_size;
        uint32_t stacks_max;
        const int *crashes_fd; /* where crashes of workflows are noted (runtime/executor.h); NULL: nowhere */
        uint64_t history_max_transitions;  /* of a run, and */
        uint64_t history_max_bytes;        /* of them; 0: any */
        const struct retention *retention; /* borrowed; NULL: ended runs are kept */
        int64_t lease_ns;        /* how long a noted attempt is left to its executor after a restart */
        void (*give_back)(void); /* freed memory goes back to the system; may be NULL */
        void (*progress)(void *ctx, const struct shard_progress *p); /* of coming back, often; may be NULL */
        void *progress_ctx;
};

/* Reads the log and brings every run to where it stands. STET_ECORRUPT, STET_EIO. */
int shard_open(const struct shard_options *options, const struct shard_sink *sink, struct shard **ret,
               stet_why *why);
void shard_close(struct shard *s); /* nothing may be under way at the writer */

/* The last time in the log: the clock must not be earlier. */
int64_t shard_last_time_ns(const struct shard *s);

/* From now on a start is made durable before its code runs for the first time: for a node whose process was
 * crashed by user code, so that a run that crashes at once can be found and set aside. */
void shard_be_careful(struct shard *s);

/* Blocks an open run before shard_resume(): its code is not run in this process. */
void shard_set_aside(struct shard *s, uint64_t run, const char *sentence);

/* Issues what open runs are owed. Once, after shard_open(). */
void shard_resume(struct shard *s, int64_t now_ns);

/* A message from a client (START, SIGNAL, CANCEL, TERMINATE, QUERY, WAIT, READ; peer and correlation set),
 * from the scheduler (OUTCOME, NOTE) or from a shard. */
void shard_receive(struct shard *s, const struct message *m, int64_t now_ns);

/* An outcome or a signal for that run comes soon: brings what it will need nearer, in steps 0, 1, 2, 3 with a
 * little time between them (each reads what the one before has brought). Changes nothing. */
void shard_expect(const struct shard *s, uint64_t run, unsigned step);

/* Fires the timers that are due. */
void shard_tick(struct shard *s, int64_t now_ns);
int64_t shard_deadline(const struct shard *s); /* of the next timer; INT64_MAX: none */

/* Hands the group under way to the writer if that is idle. */
void shard_flush(struct shard *s);

/* Takes what the writer has done and releases what waited for it. 0; an error stops the node: nothing more
 * may be written or answered (what was asked then is of unknown outcome). A group that found the disk full is
 * kept, and the next shard_flush() submits it again. */
int shard_collect(struct shard *s, stet_why *why);

bool shard_idle(const struct shard *s); /* nothing is waiting to be written or released */
bool shard_disk_full(
    const struct shard *s); /* the last try to write found no room: flush again after a while */
uint64_t shard_lag_bytes(const struct shard *s);     /* of the log that are not in the store yet */
uint64_t shard_written_bytes(const struct shard *s); /* of records, since the opening */
bool shard_full(const struct shard *s); /* enough is waiting: take no more from clients until it is less */

/* The shard that a workflow id belongs to; a start without an id goes by its request id; a run id names its
 * shard. */
uint32_t shard_of(uint32_t shards_count, struct bytes ns, struct bytes id, struct bytes request_id);
uint32_t shard_of_run(uint64_t run);

/* Checks the invariants of every run (P12: no open run owes nothing). NULL, or the sentence that is broken.
 * For tests; looks at everything. */
const char *shard_check(struct shard *s);

/* A hash over the state of every run, for comparing a recovered shard with a live one. */
uint64_t shard_fingerprint(struct shard *s);

/* For checkers: every run, in memory or in the store, in the order of their starts. Ending as in enum
 * run_ending. */
typedef void shard_visit_fn(void *ctx, uint64_t run, const char *workflow_id, uint32_t ending,
                            uint32_t transitions, uint32_t owed);
void shard_visit(struct shard *s, shard_visit_fn *visit, void *ctx);

#endif
