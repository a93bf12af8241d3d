/* SPDX-License-Identifier: MIT
 *
 * The node where it runs: the real front, scheduler and shards, driven as runtime/node.c drives them. With one shard, everything
 * happens in one turn; with more, each shard has turns of its own and what they say to the front, and the front to them, takes
 * time. A crash takes all of it away, in between or in the middle of a turn; the disks stay.
 */
#include "tests/sim/world.h"

#include "runtime/front_state.h"
#include "runtime/parcel.h"
#include "tests/sim/flows.h"

#include <stdio.h>
#include <stdlib.h>

enum { TURN_FRAMES_MAX = 8, DISK_FULL_RETRY_MS = 200, NOTE_AFTER_MS = 1000, STACK_SIZE = 32 << 10 };

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
        bool up;
        struct front *front;
        struct seat_of_shard seats[SHARDS_MAX];
        struct list inbox;
        struct list posts;
        struct happening turn;
        struct happening restart;
        struct happening code_back;
        int64_t paused_until_ns;
        int crash_at; /* place in the turn under way; 0: none */
        bool change_code; /* at the next start */
        bool code_changed;
        uint64_t crashes;
};

static struct site *site_of(const struct sim *s)
{
        return s->site;
}

static bool threaded(const struct site *site)
{
        return site->sim->knobs.shards > 1;
}

/* --- waking --- */

void site_wake(struct sim *s)
{
        struct site *site = site_of(s);
        if (!site->up)
                return;
        int64_t soon_ns = s->now_ns + sim_between(s, US, 30 * US);
        sim_plan_by(s, &site->turn, soon_ns);
        for (uint32_t i = 0; threaded(site) && i < s->knobs.shards; i++)
                if (disk_done(s->disks[i]))
                        sim_plan_by(s, &site->seats[i].turn, soon_ns);
}

/* --- between front and shards --- */

static void post_arrives(struct sim *s, struct happening *h);

static void send_post(struct seat_of_shard *seat, bool to_front)
{
        struct sim *s = seat->site->sim;
        struct buffer *parcels = to_front ? &seat->to_front : &seat->to_shard;
        int64_t *last_ns = to_front ? &seat->to_front_ns : &seat->to_shard_ns;
        if (!parcels->size)
                return;
        struct post *post = xcalloc(1, sizeof *post);
        post->arrival.happen = post_arrives;
        post->seat = seat;
        post->to_front = to_front;
        buffer_swap(&post->parcels, parcels);
        list_push(&seat->site->posts, &post->in_site);
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
        struct seat_of_shard *seat = &site_of(s)->seats[shard];
        if (threaded(seat->site))
                parcel_put(&seat->to_shard, m);
        else
                shard_receive(seat->shard, m, s->now_ns);
}

static void front_says(void *ctx, uint32_t shard, const struct message *m)
{
        struct site *site = ctx;
        plant_to_shard(site->sim, shard, m, deliver_to_shard);
}

static void take_from_shard(struct site *site, const struct message *m)
{
        struct sim *s = site->sim;
        if (parcel_for_peer(m))
                front_to_peer(site->front, m->peer, m);
        else if (m->type == 0)
                front_set_disk_full(site->front, m->code == STET_EFULL);
        else if (!plant_swallows(s, m))
                front_from_shard(site->front, m, s->now_ns);
}

static void shard_says(void *ctx, const struct message *m)
{
        struct seat_of_shard *seat = ctx;
        if (threaded(seat->site))
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

/* --- crashing --- */

static void drop_inbox(struct site *site)
{
        list_each_safe(at, after, &site->inbox)
                free(container_of(at, struct waiting_frame, in_inbox));
        list_init(&site->inbox);
}

/* Memory goes, disks stay. */
static void take_down(struct site *site)
{
        struct sim *s = site->sim;
        for (uint32_t i = 0; i < s->knobs.shards; i++)
                disk_crash(s->disks[i]);
        for (uint32_t i = 0; i < s->knobs.shards; i++) {
                struct seat_of_shard *seat = &site->seats[i];
                shard_close(seat->shard);
                seat->shard = NULL;
                sim_unplan(s, &seat->turn);
                buffer_fini(&seat->to_front);
                buffer_fini(&seat->to_shard);
        }
        front_free(site->front);
        site->front = NULL;
        site->up = false;
        sim_unplan(s, &site->turn);
        sim_unplan(s, &site->code_back);
        while (!list_empty(&site->posts))
                post_free(s, container_of(site->posts.next, struct post, in_site));
        drop_inbox(site);
        buffer_clear(&s->plant.kept);
        net_cut_all(s);
}

void site_crash(struct sim *s, int64_t restart_after_ns)
{
        struct site *site = site_of(s);
        if (!site->up)
                return;
        sim_tell(s, "the node is gone");
        site->crashes++;
        take_down(site);
        sim_plan(s, &site->restart, s->now_ns + restart_after_ns);
}

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

/* --- a turn --- */

void site_take_frame(struct sim *s, uint64_t peer, struct bytes frame)
{
        struct site *site = site_of(s);
        struct waiting_frame *f = xmalloc(sizeof *f + frame.size);
        *f = (struct waiting_frame){ .peer = peer, .size = frame.size };
        if (frame.size)
                memcpy(f->data, frame.data, frame.size);
        list_push(&site->inbox, &f->in_inbox);
        site_wake(s);
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
                        if (conn && (m.type == MSG_HELLO || (m.type >= MSG_WINDOW && m.type <= MSG_RETURN)))
                                crew_heard(s, conn);
                        trace_message(s, conn ? conn->name : "someone gone", "node", &m);
                        if (m.type == MSG_CLAIM)
                                sim_did(s, DID_CLAIM);
                }
}

static void take_frames(struct site *site)
{
        struct sim *s = site->sim;
        uint32_t most = 1 + sim_below(s, TURN_FRAMES_MAX);
        for (uint32_t i = 0; i < most && !list_empty(&site->inbox); i++) {
                if (!threaded(site) && shard_full(site->seats[0].shard))
                        return;
                struct waiting_frame *f = container_of(site->inbox.next, struct waiting_frame, in_inbox);
                struct bytes data = plant_frame(s, bytes_of(f->data, f->size));
                list_remove(&f->in_inbox);
                tell_frame(s, f->peer, data);
                front_receive(site->front, f->peer, false, data, s->now_ns);
                free(f);
        }
}

/* Fires what is due and hands the group to the disk, unless that is full and was tried just now. */
static void tick_and_flush(struct seat_of_shard *seat)
{
        struct sim *s = seat->site->sim;
        shard_tick(seat->shard, plant_timer_now(s));
        bool full = shard_disk_full(seat->shard);
        if (!threaded(seat->site))
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
        front_tick(site->front, s->now_ns);
        tick_and_flush(&site->seats[0]);
        if (crashes_at(site, 3))
                return false;
        front_flush(site->front, s->now_ns);
        return !crashes_at(site, 4);
}

static bool turn_front(struct site *site)
{
        struct sim *s = site->sim;
        take_frames(site);
        if (crashes_at(site, 1))
                return false;
        front_tick(site->front, s->now_ns);
        for (uint32_t i = 0; i < s->knobs.shards; i++)
                send_post(&site->seats[i], false);
        if (crashes_at(site, 2))
                return false;
        front_flush(site->front, s->now_ns);
        return !crashes_at(site, 3);
}

static int64_t shard_due_ns(const struct seat_of_shard *seat)
{
        int64_t due_ns = shard_deadline(seat->shard);
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

static void take_turn(struct sim *s, struct happening *h)
{
        struct site *site = container_of(h, struct site, turn);
        if (paused(site, h))
                return;
        site->crash_at = !s->healing && sim_chance(s, s->knobs.faults[FAULT_NODE_CRASH_IN_TURN]) ? 1 + (int)sim_below(s, 4) : 0;
        if (!(threaded(site) ? turn_front(site) : turn_single(site)))
                return;
        sim_plan_by(s, h, front_deadline(site->front));
        if (!threaded(site))
                sim_plan_by(s, h, shard_due_ns(&site->seats[0]));
        if (!list_empty(&site->inbox) || (!threaded(site) && disk_done(s->disks[0])))
                site_wake(s);
}

/* A shard's thread. */
static void take_shard_turn(struct sim *s, struct happening *h)
{
        struct seat_of_shard *seat = container_of(h, struct seat_of_shard, turn);
        if (paused(seat->site, h))
                return;
        if (!seat->resumed)
                shard_resume(seat->shard, s->now_ns);
        seat->resumed = true;
        bool was_full = shard_disk_full(seat->shard);
        if (!collected(seat))
                return;
        if (was_full != shard_disk_full(seat->shard)) {
                struct message status = { .code = was_full ? STET_OK : STET_EFULL };
                parcel_put(&seat->to_front, &status);
        }
        tick_and_flush(seat);
        send_post(seat, true);
        sim_plan_by(s, h, shard_due_ns(seat));
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
                        shard_receive(seat->shard, &m, s->now_ns);
        }
        sim_plan_by(s, post->to_front ? &seat->site->turn : &seat->turn, s->now_ns + sim_between(s, US, 10 * US));
        post_free(s, post);
}

/* --- starting --- */

static bool open_shard(struct site *site, struct seat_of_shard *seat)
{
        struct sim *s = site->sim;
        struct disk *disk = s->disks[seat->index];
        struct shard_sink sink = { .ctx = seat, .to_peer = shard_says_to_peer, .to_node = shard_says, .log = hear_shard_log };
        stet_why why = { "" };
        disk_open(disk);
        struct shard_options options = { .index = seat->index,
                                         .count = s->knobs.shards,
                                         .incarnation = INCARNATION,
                                         .seed = sim_random(s),
                                         .log = disk_log(disk),
                                         .writer = disk_writer(disk),
                                         .app = kit_app(s->options.kit, site->code_changed),
                                         .stack_size = STACK_SIZE,
                                         .stacks_max = s->knobs.stacks_max,
                                         .lease_ns = LEASE_MS * MS };
        int err = shard_open(&options, &sink, &seat->shard, &why);
        if (err) {
                sim_break(s, "P4: the log of shard %u can't be read after a crash: %s", seat->index, why.text);
                return false;
        }
        seat->resumed = false;
        seat->to_front_ns = seat->to_shard_ns = seat->disk_retry_ns = 0;
        check_recovered(s, seat->index);
        return true;
}

static void open_front(struct site *site)
{
        struct sim *s = site->sim;
        struct front_options options = { .shards_count = s->knobs.shards,
                                         .incarnation = INCARNATION,
                                         .lease_ns = LEASE_MS * MS,
                                         .note_after_ns = NOTE_AFTER_MS * MS,
                                         .queued_bytes_max = 1 << 20 };
        struct front_sink sink = { .ctx = site, .to_shard = front_says, .log = hear_log };
        site->front = front_new(&options, &s->net.transport, &sink);
}

static void start_up(struct sim *s, struct happening *h)
{
        struct site *site = container_of(h, struct site, restart);
        site->code_changed = site->change_code;
        site->change_code = false;
        if (site->code_changed) {
                flows_change(CHANGE_INSERT, 0, s->now_ns / MS);
                sim_plan(s, &site->code_back, s->now_ns + sim_between(s, 50 * MS, 4 * SECOND));
        }
        sim_tell(s, "the node starts%s", site->code_changed ? " with changed code" : "");
        for (uint32_t i = 0; i < s->knobs.shards; i++)
                if (!open_shard(site, &site->seats[i]))
                        return;
        open_front(site);
        site->up = true;
        site->paused_until_ns = 0;
        if (!threaded(site))
                shard_resume(site->seats[0].shard, s->now_ns);
        for (uint32_t i = 0; threaded(site) && i < s->knobs.shards; i++)
                sim_plan(s, &site->seats[i].turn, s->now_ns + sim_between(s, US, MS));
        site_wake(s);
}

static void bring_code_back(struct sim *s, struct happening *h)
{
        (void)h;
        site_crash(s, sim_between(s, MS, 100 * MS));
}

/* --- for the others --- */

void site_pause(struct sim *s, int64_t until_ns)
{
        site_of(s)->paused_until_ns = until_ns;
}

void site_change_code(struct sim *s)
{
        site_of(s)->change_code = true;
}

void site_heal(struct sim *s)
{
        struct site *site = site_of(s);
        site->paused_until_ns = 0;
        site->change_code = false;
        if (site->code_changed)
                site_crash(s, MS);
        if (site->up)
                site_wake(s);
        else
                sim_plan_by(s, &site->restart, s->now_ns + 10 * MS);
}

bool site_up(const struct sim *s)
{
        return site_of(s)->up;
}

struct shard *site_shard(const struct sim *s, uint32_t index)
{
        return site_of(s)->up ? site_of(s)->seats[index].shard : NULL;
}

struct shard *site_shard_opened(const struct sim *s, uint32_t index)
{
        return site_of(s)->seats[index].shard;
}

bool site_idle(const struct sim *s)
{
        const struct site *site = site_of(s);
        for (uint32_t i = 0; i < s->knobs.shards; i++)
                if (!site->up || !shard_idle(site->seats[i].shard) || site->seats[i].to_shard.size || site->seats[i].to_front.size)
                        return false;
        return list_empty(&site->posts) && list_empty(&site->inbox);
}

uint64_t site_crashes(const struct sim *s)
{
        return site_of(s)->crashes;
}

uint64_t site_tasks(const struct sim *s)
{
        struct scheduler_stats stats;
        scheduler_stats(site_of(s)->front->scheduler, &stats);
        return stats.tasks;
}

struct site *site_new(struct sim *s)
{
        struct site *site = xcalloc(1, sizeof *site);
        site->sim = s;
        list_init(&site->inbox);
        list_init(&site->posts);
        site->turn.happen = take_turn;
        site->restart.happen = start_up;
        site->code_back.happen = bring_code_back;
        for (uint32_t i = 0; i < SHARDS_MAX; i++) {
                site->seats[i].site = site;
                site->seats[i].index = i;
                site->seats[i].turn.happen = take_shard_turn;
        }
        sim_plan(s, &site->restart, s->now_ns);
        return site;
}

void site_free(struct site *site)
{
        if (!site)
                return;
        struct sim *s = site->sim;
        if (site->up || site->seats[0].shard)
                take_down(site);
        sim_unplan(s, &site->restart);
        plant_fini(s);
        free(site);
}
