/* SPDX-License-Identifier: MIT
 *
 * The front's own struct, shared by front.c (frames, peers) and front_read.c (readings put together).
 */
#ifndef RUNTIME_FRONT_STATE_H
#define RUNTIME_FRONT_STATE_H

#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"
#include "runtime/front.h"
#include "runtime/scheduler.h"

struct peer {
        struct map_node by_id;
        struct list in_dirty; /* peers with something to send */
        struct list in_all;
        struct heap_node silence; /* when to look whether it is there, or earlier: then it is put right */
        int64_t heard_ns;
        int64_t told_ns; /* when a frame was last sent to it */
        uint64_t id;
        bool local;
        bool worker;
        bool gone;           /* a send said so: to be forgotten by the next flush */
        struct buffer frame; /* being filled */
        struct buffer
            backlog; /* whole frames that the transport would not take yet, each behind its uint32_t size */
        size_t backlog_sent; /* bytes of it that were taken */
};

struct front {
        struct front_options options;
        struct front_sink sink;
        struct transport *transport;
        struct scheduler *scheduler;
        struct map peers;
        struct peer *last_peer; /* that was looked for; NULL: none */
        struct list all;
        struct list dirty;
        struct heap silences; /* of all peers */
        size_t unsent_bytes;  /* in all frames and backlogs */
        uint64_t frames_refused;
        bool disk_full;
        struct disk_reserve reserve;
        int64_t now_ns; /* of the call under way */
};

/* Why no run may start now: an error and its sentence, or 0. */
int front_start_refusal(const struct front *f, char *text, size_t size);

/* The last shard's answer to a reading, made whole and sent to the peer that asked. */
void front_finish_reading(struct front *f, const struct message *m);
void front_read_executors(struct front *f, const struct message *m);
/* Sends a reading of all shards around them. */
void front_read_all(struct front *f, struct message *m);

#endif
