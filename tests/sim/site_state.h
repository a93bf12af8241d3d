/* SPDX-License-Identifier: MIT
 *
 * The node's place from the inside, for site.c (starting, crashing, being asked), site_turn.c (what a node
 * does in a turn) and site_post.c (what its parts say to each other).
 */
#ifndef TESTS_SIM_SITE_STATE_H
#define TESTS_SIM_SITE_STATE_H

#include "tests/sim/world.h"

/* A shard, and with several of them its thread. */
struct seat_of_shard {
        struct site *site;
        uint32_t index;
        struct shard *shard;
        struct happening turn; /* not used when there is one shard */
        bool resumed;
        int64_t disk_retry_ns;
        struct buffer to_front, to_shard; /* parcels that gather */
        int64_t to_front_ns, to_shard_ns; /* when the last under way arrive */
};

/* Parcels between two threads. */
struct post {
        struct happening arrival;
        struct list in_site;
        struct seat_of_shard *seat;
        bool to_front;
        struct buffer parcels;
};

struct waiting_frame {
        struct list in_inbox;
        uint64_t peer;
        size_t size;
        uint8_t data[];
};

struct site {
        struct sim *sim;
        bool listening; /* peers can connect; what they say waits until it is up */
        bool up;
        struct retention *retention; /* NULL: ended runs are kept */
        struct front *front;
        struct seat_of_shard seats[SHARDS_MAX];
        struct list inbox;
        struct list posts;
        struct happening turn;
        struct happening restart;
        struct happening recovered;
        struct happening code_back;
        int64_t paused_until_ns;
        int crash_at;     /* place in the turn under way; 0: none */
        bool change_code; /* at the next start */
        bool code_changed;
        uint64_t crashes;
};

static inline bool site_threaded(const struct site *site)
{
        return site->sim->knobs.shards > 1;
}

/* --- site_post.c --- */
void site_send_post(struct seat_of_shard *seat, bool to_front);
void site_drop_posts(struct site *site);
struct shard_sink site_shard_sink(struct seat_of_shard *seat);
struct front_sink site_front_sink(struct site *site);

/* --- site_turn.c --- */
void site_take_turn(struct sim *s, struct happening *h);
void site_take_shard_turn(struct sim *s, struct happening *h);

#endif
