/* SPDX-License-Identifier: MIT
 *
 * The scheduler hands activities to executors. Pure: time comes in as an argument, what it decides goes
 * out through a sink, nothing else is touched; the same calls give the same decisions.
 *
 * An activity is a task, known by (run, op), from the shard's ENQUEUE until its CLOSE. Its current attempt
 * waits (in its lane, or for its due time), runs (handed to a worker), or is decided (an outcome went to the
 * shard, whose answer, a CLOSE or the ENQUEUE of the next attempt, comes when it is durable). Only the
 * current attempt's token is accepted.
 *
 * Workers pull: each connection of an executor grants a window; the scheduler never has more attempts with
 * it. Tasks of the same queue and activity form a lane, handed out in the order of arrival; a worker that
 * serves several lanes gets the task that arrived first among them. A lane that nobody serves waits without
 * holding up the others.
 *
 * An executor lives by its lease: any message from any of its connections renews it. When it ends, all its
 * running attempts end as "ExecutorLost" and its connections are forgotten: whoever speaks over one is asked
 * WHO. So a name must be one process's own, and not be used again by its successor, whose pulses would keep
 * the dead one's attempts alive.
 */
#ifndef RUNTIME_SCHEDULER_H
#define RUNTIME_SCHEDULER_H

#include "runtime/wire.h"

struct scheduler;

struct scheduler_options {
        uint64_t incarnation;  /* of the data directory: goes into every token */
        int64_t lease_ns;      /* an executor's longest silence */
        int64_t note_after_ns; /* an attempt that runs longer is noted; 0: never */
};

/* Where decisions go. The message and its bytes are valid only during the call. A sink must not call back. */
struct scheduler_sink {
        void *ctx;
        /* TASK, ACK (STET_ESTALE), DROP, WHO */
        void (*to_peer)(void *ctx, uint64_t peer, const struct message *m);
        /* OUTCOME (m->peer: whom to ACK when durable; 0: nobody), NOTE */
        void (*to_shard)(void *ctx, const struct message *m);
};

struct scheduler *scheduler_new(const struct scheduler_options *options, const struct scheduler_sink *sink);
void scheduler_free(struct scheduler *s);

/* --- from shards --- */

/* MSG_ENQUEUE: a new task, or another attempt of a known one (an empty name: activity, queue, input and
 * policy are kept from before). An attempt that is under way is dropped for another; said again, it goes on.
 * schedule-to-start counts from when the attempt is known and due; count continues the row of lost attempts
 * of a new task. Copies what it keeps. */
void scheduler_enqueue(struct scheduler *s, const struct message *m, int64_t now_ns);

/* MSG_CLOSE: forget the task. A worker that is running it gets a DROP. */
void scheduler_close(struct scheduler *s, uint64_t run, uint32_t op, int64_t now_ns);

/* --- from peers --- */

/* MSG_HELLO of a worker. local: lives in this process, has no lease. A peer that says it again replaces what
 * it serves. Answered with WELCOME by the caller. No queues: "default"; no activities: it only speaks for
 * its executor. Refused, with nothing changed: names that are no names, too many of them, or another
 * executor's name than before. */
int scheduler_hello(struct scheduler *s, uint64_t peer, bool local, const struct message *m, int64_t now_ns,
                    stet_why *why);

/* WINDOW, DONE, PULSE, CLAIM, RETURN, BYE of a worker that said HELLO. Of another peer: answered with WHO.
 *  DONE    the current attempt: becomes an OUTCOME, and whoever else is running it gets a DROP; a repeated
 *          DONE of one that a DONE decided: nothing (its ACK follows); any other: ACK with STET_ESTALE.
 *  CLAIM   a current attempt that waits: it now runs with this worker (over its window if need be); one that
 *          runs with another connection of the same executor: moves to this one, and the other gets a DROP
 *          (it may have been given it while the claim was on its way); else DROP.
 *  RETURN  an attempt that runs with this executor goes back to the front of its lane, the same attempt. Who
 *          has room gets it next; the one that gave it, too, unless it said a smaller WINDOW before.
 *  PULSE   with a token: renews the attempt's heartbeat, and claims it if the connection that had it is gone;
 *          if it is not running with this executor: DROP.
 *  BYE     the connection ends in order; what it runs goes back to the front of its lanes. Of another peer:
 *          nothing. */
void scheduler_receive(struct scheduler *s, uint64_t peer, const struct message *m, int64_t now_ns);

/* A DONE of that task comes soon: brings what it will need nearer, in two steps (0, 1). Changes nothing. */
void scheduler_expect(const struct scheduler *s, uint64_t run, uint32_t op, unsigned step);

/* The connection is gone (a send said so). Its attempts stay running, for the executor to claim them over
 * another; what nobody claims within the length of a lease is lost, since the TASK or the RETURN that would
 * say where it is broke with the connection, however alive the executor is. A local connection's attempts
 * are lost at once: no lease would end them. */
void scheduler_peer_gone(struct scheduler *s, uint64_t peer, int64_t now_ns);

/* Whether the peer is a worker's connection: it said HELLO, and was neither lost nor left. */
bool scheduler_knows(const struct scheduler *s, uint64_t peer);

/* --- time --- */

/* Ends what ran out: schedule-to-start ("Timeout", message says which), start-to-close, heartbeat, leases,
 * the time to claim what a broken connection had; hands out retries that are due; notes long attempts. Never
 * early. */
void scheduler_tick(struct scheduler *s, int64_t now_ns);

/* When to tick next; INT64_MAX: nothing to wait for. */
int64_t scheduler_deadline(const struct scheduler *s);

/* --- to be read --- */

struct scheduler_stats {
        uint64_t tasks;   /* known */
        uint64_t waiting; /* for an executor or for their due time */
        uint64_t running;
        uint64_t bytes; /* held for tasks */
        uint64_t executors;
        uint64_t workers;
};
void scheduler_stats(const struct scheduler *s, struct scheduler_stats *ret);

/* One sentence on what the task waits for: its place in its queue, that no executor serves it (and which
 * activities are served there), when its retry is due, or who runs it since when. 0, or STET_ENOTFOUND. */
int scheduler_describe(const struct scheduler *s, uint64_t run, uint32_t op, int64_t now_ns, char *buf,
                       size_t size);

/* Appends a msgpack array of maps: each executor's name, local, workers (its connections), window, running,
 * activities, queues, silence_ms (since its last sign of life); and each queue's name, waiting, delayed (not
 * due yet), running, activities. In a fixed order (by creation). */
void scheduler_describe_executors(const struct scheduler *s, int64_t now_ns, struct buffer *ret);
void scheduler_describe_queues(const struct scheduler *s, struct buffer *ret);

#endif
