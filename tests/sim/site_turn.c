/* SPDX-License-Identifier: MIT
 *
 * A node's turns, in the order of runtime/node.c and runtime/shard_thread_zmq.c. A crash may end one in the
 * middle.
 */
#include "tests/sim/site_state.h"

#include "runtime/front_state.h"
#include "runtime/parcel.h"

#include <stdlib.h>

enum { TURN_FRAMES_MAX = 8, DISK_FULL_RETRY_MS = 200 };

/* At this place in the turn, if the turn is to end here. */
static bool crashes_at(struct site *site, int place)
{
        if (site->crash_at != place)
                return false;
        sim_faulted(site->sim, FAULT_NODE_CRASH_IN_TURN);
        site_crash(site->sim, sim_between(site->sim, MS, 2 * SECOND));
        return true;
}

/* A write failed: the node stops at once and recovers from the disk. */
static void fail(struct site *site, const char *why)
{
        sim_tell(site->sim, "the node stops: %s", why);
        site_crash(site->sim, sim_between(site->sim, MS, 2 * SECOND));
}

void site_take_frame(struct sim *s, uint64_t peer, struct bytes frame)
{
        struct site *site = s->site;
        struct waiting_frame *f = xmalloc(sizeof *f + frame.size);
        *f = (struct waiting_frame){ .peer = peer, .size = frame.size };
        if (frame.size)
                memcpy(f->data, frame.data, frame.size);
        list_push(&site->inbox, &f->in_inbox);
        site_wake(s);
}

/* Whether it shows the scheduler that an executor lives: what comes over a connection that was given up with
 * its executor is only asked WHO. */
static bool is_sign_of_life(const struct sim *s, uint64_t peer, const struct message *m)
{
        return m->type == MSG_HELLO || (m->type >= MSG_WINDOW && m->type <= MSG_RETURN &&
                                        scheduler_knows(s->site->front->scheduler, peer));
}

static void tell_frame(struct sim *s, uint64_t peer, struct bytes frame)
{
        const struct conn *conn = net_conn(s, peer);
        struct message m;
        struct cursor c = frame_cursor(frame);
        if (frame_check(frame, NULL) != 0)
                return;
        for (int got; (got = frame_next(&c, &m)) != 0;)
                if (got > 0) {
                        if (conn && is_sign_of_life(s, peer, &m))
                                crew_heard(s, conn);
                        trace_message(s, conn ? conn->label : "someone gone", "node", &m);
                        check_taken(s, conn, &m);
                        if (m.type == MSG_CLAIM)
                                sim_did(s, DID_CLAIM);
                }
}

static void take_frames(struct site *site)
{
        struct sim *s = site->sim;
        uint32_t most = 1 + sim_below(s, TURN_FRAMES_MAX);
        for (uint32_t i = 0; i < most && !list_empty(&site->inbox); i++) {
                if (!site_threaded(site) && shard_full(site->seats[0].shard))
                        return;
                struct waiting_frame *f = container_of(site->inbox.next, struct waiting_frame, in_inbox);
                struct bytes data = plant_frame(s, bytes_of(f->data, f->size));
                list_remove(&f->in_inbox);
                tell_frame(s, f->peer, data);
                front_receive(site->front, f->peer, false, data, sim_node_now(s));
                free(f);
        }
}

/* Fires what is due and hands the group to the disk, unless that is full and was tried just now. */
static void tick_and_flush(struct seat_of_shard *seat)
{
        struct sim *s = seat->site->sim;
        shard_tick(seat->shard, plant_timer_now(s));
        bool full = shard_disk_full(seat->shard);
        if (!site_threaded(seat->site))
                front_set_disk_full(seat->site->front, full);
        if (full && s->now_ns < seat->disk_retry_ns)
                return;
        seat->disk_retry_ns = s->now_ns + DISK_FULL_RETRY_MS * MS;
        shard_flush(seat->shard);
}

static bool collected(struct seat_of_shard *seat)
{
        stet_why why = { "" };
        int err = shard_collect(seat->shard, &why);
        if (err)
                fail(seat->site, why.text);
        return !err;
}

static bool turn_single(struct site *site)
{
        struct sim *s = site->sim;
        take_frames(site);
        if (crashes_at(site, 1) || !collected(&site->seats[0]) || crashes_at(site, 2))
                return false;
        front_tick(site->front, sim_node_now(s));
        tick_and_flush(&site->seats[0]);
        if (crashes_at(site, 3))
                return false;
        front_flush(site->front, sim_node_now(s));
        return !crashes_at(site, 4);
}

static bool turn_front(struct site *site)
{
        struct sim *s = site->sim;
        take_frames(site);
        if (crashes_at(site, 1))
                return false;
        front_tick(site->front, sim_node_now(s));
        for (uint32_t i = 0; i < s->knobs.shards; i++)
                site_send_post(&site->seats[i], false);
        if (crashes_at(site, 2))
                return false;
        front_flush(site->front, sim_node_now(s));
        return !crashes_at(site, 3);
}

/* A deadline by the node's clock. */
static int64_t world_ns(const struct sim *s, int64_t due_ns)
{
        return due_ns == INT64_MAX ? due_ns : due_ns - s->clock_ns;
}

static int64_t shard_due_ns(const struct seat_of_shard *seat)
{
        int64_t due_ns = world_ns(seat->site->sim, shard_deadline(seat->shard));
        if (shard_disk_full(seat->shard) && seat->disk_retry_ns < due_ns)
                due_ns = seat->disk_retry_ns;
        return due_ns;
}

static bool paused(struct site *site, struct happening *h)
{
        if (site->sim->now_ns >= site->paused_until_ns)
                return false;
        sim_plan(site->sim, h, site->paused_until_ns);
        return true;
}

void site_take_turn(struct sim *s, struct happening *h)
{
        struct site *site = container_of(h, struct site, turn);
        if (paused(site, h))
                return;
        site->crash_at = !s->healing && sim_chance(s, s->knobs.faults[FAULT_NODE_CRASH_IN_TURN])
                             ? 1 + (int)sim_below(s, 4)
                             : 0;
        if (!(site_threaded(site) ? turn_front(site) : turn_single(site)))
                return;
        sim_plan_by(s, h, world_ns(s, front_deadline(site->front)));
        if (!site_threaded(site))
                sim_plan_by(s, h, shard_due_ns(&site->seats[0]));
        bool full = !site_threaded(site) && shard_full(site->seats[0].shard);
        if ((!list_empty(&site->inbox) && !full) || (!site_threaded(site) && disk_done(s->disks[0])))
                site_wake(s);
}

/* A shard's thread. */
void site_take_shard_turn(struct sim *s, struct happening *h)
{
        struct seat_of_shard *seat = container_of(h, struct seat_of_shard, turn);
        if (paused(seat->site, h))
                return;
        if (!seat->resumed)
                shard_resume(seat->shard, sim_node_now(s));
        seat->resumed = true;
        bool was_full = shard_disk_full(seat->shard);
        if (!collected(seat))
                return;
        if (was_full != shard_disk_full(seat->shard)) {
                struct message status = { .code = was_full ? STET_OK : STET_EFULL };
                parcel_put(&seat->to_front, &status);
        }
        tick_and_flush(seat);
        site_send_post(seat, true);
        sim_plan_by(s, h, shard_due_ns(seat));
}
