/* SPDX-License-Identifier: MIT
 *
 * The node where it runs: the real front, scheduler and shards, driven as runtime/node.c drives them. With
 * one shard, everything happens in one turn; with more, each shard has turns of its own and what they say to
 * the front, and the front to them, takes time. A crash takes all of it away, in between or in the middle of
 * a turn; the disks stay.
 */
#include "tests/sim/site_state.h"

#include "runtime/front_state.h"
#include "runtime/retention.h"
#include "tests/sim/flows.h"
#include "tests/sim/keeper.h"

#include <stdio.h>
#include <stdlib.h>

enum { NOTE_AFTER_MS = 1000, STACK_SIZE = 32 << 10 };

/* --- waking --- */

void site_wake(struct sim *s)
{
        struct site *site = s->site;
        if (!site->up)
                return;
        int64_t soon_ns = s->now_ns + sim_between(s, US, 30 * US);
        sim_plan_by(s, &site->turn, soon_ns);
        for (uint32_t i = 0; site_threaded(site) && i < s->knobs.shards; i++)
                if (disk_done(s->disks[i]))
                        sim_plan_by(s, &site->seats[i].turn, soon_ns);
}

void site_wake_shard(struct sim *s, uint32_t index)
{
        struct site *site = s->site;
        if (site->up)
                sim_plan_by(s, site_threaded(site) ? &site->seats[index].turn : &site->turn,
                            s->now_ns + sim_between(s, US, 30 * US));
}

/* --- crashing --- */

static void drop_inbox(struct site *site)
{
        list_each_safe(at, after, &site->inbox) free(container_of(at, struct waiting_frame, in_inbox));
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
                if (s->keepers[i])
                        keeper_crash(s->keepers[i]);
        }
        front_free(site->front);
        site->front = NULL;
        site->up = site->listening = false;
        sim_unplan(s, &site->recovered);
        sim_unplan(s, &site->turn);
        sim_unplan(s, &site->code_back);
        site_drop_posts(site);
        drop_inbox(site);
        buffer_clear(&s->plant.kept);
        check_node_gone(s);
        net_cut_all(s);
}

void site_crash(struct sim *s, int64_t restart_after_ns)
{
        struct site *site = s->site;
        if (!site->up)
                return;
        sim_tell(s, "the node is gone");
        site->crashes++;
        take_down(site);
        sim_plan(s, &site->restart, s->now_ns + restart_after_ns);
}

/* --- starting --- */

static bool open_shard(struct site *site, struct seat_of_shard *seat)
{
        struct sim *s = site->sim;
        struct disk *disk = s->disks[seat->index];
        struct shard_sink sink = site_shard_sink(seat);
        stet_why why = { "" };
        disk_open(disk);
        if (s->keepers[seat->index])
                keeper_open(s->keepers[seat->index], disk_log(disk));
        struct shard_options options = { .index = seat->index,
                                         .count = s->knobs.shards,
                                         .incarnation = INCARNATION,
                                         .seed = sim_random(s),
                                         .log = disk_log(disk),
                                         .writer = disk_writer(disk),
                                         .lag_bytes_max = s->knobs.lag_bytes_max,
                                         .runs_max = s->knobs.shard_runs_max,
                                         .idle_ns = s->knobs.shard_idle_ns,
                                         .app = kit_app(s->options.kit, site->code_changed),
                                         .stack_size = STACK_SIZE,
                                         .stacks_max = s->knobs.stacks_max,
                                         .retention = site->retention,
                                         .lease_ns = LEASE_MS * MS };
        if (s->keepers[seat->index]) {
                options.store = keeper_runs(s->keepers[seat->index]);
                options.checkpoints = keeper_checkpoints(s->keepers[seat->index]);
        }
        int err = shard_open(&options, &sink, &seat->shard, &why);
        if (err) {
                sim_break(s, "P4: the log of shard %u can't be read after a crash: %s", seat->index,
                          why.text);
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
        struct front_sink sink = site_front_sink(site);
        site->front = front_new(&options, &s->net.transport, &sink);
}

/* As runtime/node_open.c does: the wall clock may be anywhere, but the node's time never goes back behind its
 * log. */
static void set_clock(struct site *site)
{
        struct sim *s = site->sim;
        if (!s->healing && site->crashes && sim_chance(s, s->knobs.faults[FAULT_CLOCK])) {
                int64_t set_ns = sim_between(s, SECOND, 4000 * SECOND);
                s->clock_ns += sim_chance(s, 32768) ? set_ns : -set_ns;
                sim_faulted(s, FAULT_CLOCK);
                sim_tell(s, "the clock was set");
        }
        for (uint32_t i = 0; i < s->knobs.shards; i++)
                if (shard_last_time_ns(site->seats[i].shard) > sim_node_now(s))
                        s->clock_ns = shard_last_time_ns(site->seats[i].shard) - s->now_ns;
}

/* As runtime/node_open.c does: it binds first, and peers connect and speak while the log is being read. */
static void start_listening(struct sim *s, struct happening *h)
{
        struct site *site = container_of(h, struct site, restart);
        site->listening = true;
        sim_plan(s, &site->recovered, s->now_ns + sim_between(s, 10 * US, 400 * MS));
}

static void start_up(struct sim *s, struct happening *h)
{
        struct site *site = container_of(h, struct site, recovered);
        site->code_changed = site->change_code;
        site->change_code = false;
        if (site->code_changed)
                sim_plan(s, &site->code_back, s->now_ns + sim_between(s, 50 * MS, 4 * SECOND));
        sim_tell(s, "the node starts%s", site->code_changed ? " with changed code" : "");
        for (uint32_t i = 0; i < s->knobs.shards; i++)
                if (!open_shard(site, &site->seats[i]))
                        return;
        set_clock(site);
        flows_change(CHANGE_INSERT, 0, sim_node_now(s) / MS);
        open_front(site);
        site->up = true;
        s->up_since_ns = s->now_ns;
        site->paused_until_ns = 0;
        if (!site_threaded(site))
                shard_resume(site->seats[0].shard, sim_node_now(s));
        for (uint32_t i = 0; site_threaded(site) && i < s->knobs.shards; i++)
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
        s->site->paused_until_ns = until_ns;
}

void site_change_code(struct sim *s)
{
        s->site->change_code = true;
}

void site_heal(struct sim *s)
{
        struct site *site = s->site;
        site->paused_until_ns = 0;
        site->change_code = false;
        if (site->code_changed)
                site_crash(s, MS);
        if (site->up)
                site_wake(s);
        else if (!site->listening)
                sim_plan_by(s, &site->restart, s->now_ns + 10 * MS);
}

bool site_up(const struct sim *s)
{
        return s->site->up;
}

bool site_listening(const struct sim *s)
{
        return s->site->listening;
}

struct shard *site_shard(const struct sim *s, uint32_t index)
{
        return s->site->up ? s->site->seats[index].shard : NULL;
}

struct shard *site_shard_opened(const struct sim *s, uint32_t index)
{
        return s->site->seats[index].shard;
}

bool site_idle(const struct sim *s)
{
        const struct site *site = s->site;
        for (uint32_t i = 0; i < s->knobs.shards; i++)
                if (!site->up || !shard_idle(site->seats[i].shard) || site->seats[i].to_shard.size ||
                    site->seats[i].to_front.size)
                        return false;
        return list_empty(&site->posts) && list_empty(&site->inbox);
}

uint64_t site_crashes(const struct sim *s)
{
        return s->site->crashes;
}

uint64_t site_tasks(const struct sim *s)
{
        struct scheduler_stats stats;
        scheduler_stats(s->site->front->scheduler, &stats);
        return stats.tasks;
}

static struct retention *retention_new(const struct sim *s)
{
        char text[24];
        struct retention *retention;
        snprintf(text, sizeof text, "%llds", (long long)(s->knobs.retention_ns / SECOND));
        return s->knobs.retention_ns && retention_parse(text, &retention, NULL) == 0 ? retention : NULL;
}

struct site *site_new(struct sim *s)
{
        struct site *site = xcalloc(1, sizeof *site);
        site->sim = s;
        list_init(&site->inbox);
        list_init(&site->posts);
        site->turn.happen = site_take_turn;
        site->restart.happen = start_listening;
        site->recovered.happen = start_up;
        site->code_back.happen = bring_code_back;
        for (uint32_t i = 0; i < SHARDS_MAX; i++) {
                site->seats[i].site = site;
                site->seats[i].index = i;
                site->seats[i].turn.happen = site_take_shard_turn;
        }
        site->retention = retention_new(s);
        sim_plan(s, &site->restart, s->now_ns);
        return site;
}

void site_free(struct site *site)
{
        if (!site)
                return;
        struct sim *s = site->sim;
        take_down(site);
        sim_unplan(s, &site->restart);
        plant_fini(s);
        retention_free(site->retention);
        free(site);
}
