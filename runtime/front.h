/* SPDX-License-Identifier: MIT
 *
 * The front: everything between peers and shards. It takes frames, checks them, hands commands to the shard
 * they belong to and executors' messages to the scheduler, gathers answers by peer and sends them in frames.
 * Core: frames come in by a call and go out through a transport, time is an argument.
 */
#ifndef RUNTIME_FRONT_H
#define RUNTIME_FRONT_H

#include "runtime/disk_reserve.h"
#include "runtime/transport.h"
#include "runtime/wire.h"
#include "stet/app.h"

struct front;

struct front_options {
        uint32_t shards_count;
        uint64_t incarnation;
        int64_t lease_ns;
        int64_t note_after_ns;
        size_t queued_bytes_max; /* of tasks and unsent answers; beyond it starts get STET_EBUSY */
};

struct front_sink {
        void *ctx;
        void (*to_shard)(void *ctx, uint32_t shard, const struct message *m);
        void (*log)(void *ctx, stet_log_level level, const char *line);
        /* A message for that run comes soon (shard_expect()). NULL: nobody wants to know. */
        void (*expect)(void *ctx, uint64_t run, unsigned step);
};

struct front *front_new(const struct front_options *options, struct transport *transport,
                        const struct front_sink *sink);
void front_free(struct front *f);

/* A frame from a peer; local: over inproc, from our own code, whose frames are not
 * checked (they are read with bounds all the same). A frame that is none is dropped and counted; its peer is
 * asked WHO. A request with a name that is too long is answered with STET_ETOOBIG. */
void front_receive(struct front *f, uint64_t peer, bool local, struct bytes frame, int64_t now_ns);

/* What a HELLO is answered with, as far as it goes by the protocol alone: who serves nobody yet can say that,
 * too. Its text stands in *why. */
struct message front_welcome(uint64_t incarnation, const struct message *hello, stet_why *why);

/* A message from a shard for a peer, and one for the node (shard.h). */
void front_to_peer(struct front *f, uint64_t peer, const struct message *m);
void front_from_shard(struct front *f, const struct message *m, int64_t now_ns);

/* An ENQUEUE or CLOSE of that op comes soon: brings what it will need nearer. */
void front_expect_task(const struct front *f, uint64_t run, uint32_t op, unsigned step);

/* Ends what ran out (scheduler.h), and looks after silent peers, a bounded number at a time: a worker from
 * outside that was silent for a lease is asked WHO, and seldomer from then on, so that the send tells when
 * its connection broke; anybody else is asked after half an hour and forgotten after an hour, unless
 * something is unsent. */
void front_tick(struct front *f, int64_t now_ns);
int64_t front_deadline(
    const struct front *f); /* silent peers don't count: they are looked after when something happens */

/* Sends what was gathered. */
void front_flush(struct front *f, int64_t now_ns);

/* Whether a client elsewhere was told something after that time and has said nothing since, not even BYE: it
 * may still be reading, and would lose what it has not read if the connection closed now. */
bool front_is_heard(const struct front *f, int64_t since_ns);

/* While the disk is full starts are refused (STET_EFULL); everything else waits. */
void front_set_disk_full(struct front *f, bool full);

/* How much room there is, and how much is kept: while it is less starts are refused (STET_EFULL), and
 * everything else goes on. Copied. Before it is told the first time there is no reserve. */
void front_set_disk_reserve(struct front *f, const struct disk_reserve *reserve);

#endif
