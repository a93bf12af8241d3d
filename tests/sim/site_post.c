/* SPDX-License-Identifier: MIT
 *
 * What front and shards say to each other: at once when there is one shard, else in parcels that take time,
 * in order.
 */
#include "tests/sim/site_state.h"

#include "runtime/parcel.h"

#include <stdlib.h>

/* --- between front and shards --- */

static void post_arrives(struct sim *s, struct happening *h);

static struct post *post_new(struct seat_of_shard *seat, bool to_front)
{
        struct post *post = xcalloc(1, sizeof *post);
        post->arrival.happen = post_arrives;
        post->seat = seat;
        post->to_front = to_front;
        list_push(&seat->site->posts, &post->in_site);
        return post;
}

void site_send_post(struct seat_of_shard *seat, bool to_front)
{
        struct sim *s = seat->site->sim;
        struct buffer *parcels = to_front ? &seat->to_front : &seat->to_shard;
        int64_t *last_ns = to_front ? &seat->to_front_ns : &seat->to_shard_ns;
        if (!parcels->size)
                return;
        struct post *post = post_new(seat, to_front);
        buffer_swap(&post->parcels, parcels);
        int64_t due_ns = s->now_ns + sim_between(s, US, s->knobs.frame_ns);
        *last_ns = due_ns > *last_ns ? due_ns : *last_ns;
        sim_plan(s, &post->arrival, *last_ns);
}

static void post_free(struct sim *s, struct post *post)
{
        sim_unplan(s, &post->arrival);
        list_remove(&post->in_site);
        buffer_fini(&post->parcels);
        free(post);
}

static void deliver_to_shard(struct sim *s, uint32_t shard, const struct message *m)
{
        struct seat_of_shard *seat = &s->site->seats[shard];
        if (site_threaded(seat->site))
                parcel_put(&seat->to_shard, m);
        else
                shard_receive(seat->shard, m, sim_node_now(s));
}

/* What shard_peer.c takes twice without harm: outcomes, and what is told of children and signals. */
static bool may_come_twice(const struct message *m)
{
        return m->type == MSG_OUTCOME || m->type == MSG_CHILD_DONE || m->type == MSG_SEND_DONE ||
               m->type == MSG_CHILD_CANCEL;
}

static void echo(struct seat_of_shard *seat, const struct message *m)
{
        struct sim *s = seat->site->sim;
        struct post *post = post_new(seat, false);
        sim_faulted(s, FAULT_ECHO);
        parcel_put(&post->parcels, m);
        sim_plan(s, &post->arrival, s->now_ns + sim_between(s, MS, 3 * SECOND));
}

static void front_says(void *ctx, uint32_t shard, const struct message *m)
{
        struct site *site = ctx;
        plant_to_shard(site->sim, shard, m, deliver_to_shard);
        if (may_come_twice(m) && !site->sim->healing &&
            sim_chance(site->sim, site->sim->knobs.faults[FAULT_ECHO]))
                echo(&site->seats[shard], m);
}

static void take_from_shard(struct site *site, const struct message *m)
{
        struct sim *s = site->sim;
        if (parcel_for_peer(m))
                front_to_peer(site->front, m->peer, m);
        else if (m->type == 0)
                front_set_disk_full(site->front, m->code == STET_EFULL);
        else if (!plant_swallows(s, m))
                front_from_shard(site->front, m, sim_node_now(s));
}

static void shard_says(void *ctx, const struct message *m)
{
        struct seat_of_shard *seat = ctx;
        if (site_threaded(seat->site))
                parcel_put(&seat->to_front, m);
        else
                take_from_shard(seat->site, m);
}

static void shard_says_to_peer(void *ctx, uint64_t peer, const struct message *m)
{
        (void)peer; /* stands in the message */
        shard_says(ctx, m);
}

static void hear_log(void *ctx, stet_log_level level, const char *line)
{
        struct site *site = ctx;
        if (strstr(line, "is blocked"))
                sim_did(site->sim, DID_BLOCKED);
        if (level >= STET_LOG_ERROR && !strstr(line, "disk is full"))
                sim_break(site->sim, "the node reports a fault of its own: %s", line);
        sim_tell(site->sim, "node says: %s", line);
}

static void hear_shard_log(void *ctx, stet_log_level level, const char *line)
{
        struct seat_of_shard *seat = ctx;
        hear_log(seat->site, level, line);
}

static void post_arrives(struct sim *s, struct happening *h)
{
        struct post *post = container_of(h, struct post, arrival);
        struct seat_of_shard *seat = post->seat;
        struct bytes at = buffer_bytes(&post->parcels);
        struct message m;
        while (parcel_take(&at, &m)) {
                if (post->to_front)
                        take_from_shard(seat->site, &m);
                else
                        shard_receive(seat->shard, &m, sim_node_now(s));
        }
        bool to_thread = !post->to_front && site_threaded(seat->site);
        sim_plan_by(s, to_thread ? &seat->turn : &seat->site->turn, s->now_ns + sim_between(s, US, 10 * US));
        post_free(s, post);
}

void site_drop_posts(struct site *site)
{
        while (!list_empty(&site->posts))
                post_free(site->sim, container_of(site->posts.next, struct post, in_site));
}

struct shard_sink site_shard_sink(struct seat_of_shard *seat)
{
        return (struct shard_sink){
                .ctx = seat, .to_peer = shard_says_to_peer, .to_node = shard_says, .log = hear_shard_log
        };
}

struct front_sink site_front_sink(struct site *site)
{
        return (struct front_sink){ .ctx = site, .to_shard = front_says, .log = hear_log };
}
