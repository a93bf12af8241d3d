/* SPDX-License-Identifier: MIT
 *
 * Faults that are a step of their own. What breaks is drawn by the seed's weights; what can't break now is
 * left.
 */
#include "tests/sim/keeper.h"

#include "base/pack.h"

/* --- bytes from anyone --- */

/* Messages that only parts of a node may say, and noise. */
static void pack_garbage(struct sim *s, struct buffer *b)
{
        static const uint8_t inner[] = { MSG_ENQUEUE,      MSG_CLOSE,        MSG_OUTCOME, MSG_CHILD_START,
                                         MSG_CHILD_DONE,   MSG_CHILD_CANCEL, MSG_SEND,    MSG_SEND_DONE,
                                         MSG_PARENT_CHECK, MSG_NOTE,         MSG_REPLY,   MSG_TASK };
        if (sim_chance(s, 32768)) {
                struct message m = { .type = inner[sim_below(s, sizeof inner)],
                                     .token = { 1 + sim_below(s, 20), 1 + sim_below(s, 3), 1, INCARNATION },
                                     .parent_run = 1 + sim_below(s, 20),
                                     .parent_op = 1 + sim_below(s, 3),
                                     .id = bytes_str("run-1"),
                                     .name = bytes_str("red") };
                frame_begin(b);
                frame_put(b, &m);
                return;
        }
        for (uint32_t left = 1 + sim_below(s, 40); left; left--) {
                uint8_t byte = (uint8_t)sim_random(s);
                buffer_append(b, &byte, 1);
        }
}

/* On the connection of whoever is there: a peer that is out of its mind. */
static bool fault_stranger(struct sim *s)
{
        struct conn *conn = net_any(s);
        struct buffer garbage = { 0 };
        if (!conn)
                return false;
        pack_garbage(s, &garbage);
        sim_tell(s, "fault: %s sends garbage", conn->label);
        net_send(s, conn->line, buffer_bytes(&garbage));
        buffer_fini(&garbage);
        return true;
}

/* --- connections --- */

static bool fault_cut(struct sim *s)
{
        struct conn *conn = net_any(s);
        if (!conn)
                return false;
        sim_tell(s, "fault: the connection of %s breaks", conn->label);
        net_cut(s, conn, sim_between(s, MS, 4 * SECOND));
        return true;
}

static bool fault_full_queue(struct sim *s)
{
        struct conn *conn = net_any(s);
        if (!conn)
                return false;
        sim_tell(s, "fault: %s takes no frames", conn->label);
        conn->full_until_ns = s->now_ns + sim_between(s, MS, 2 * SECOND);
        return true;
}

/* --- the node and its disks --- */

static bool fault_node_crash(struct sim *s)
{
        if (!site_up(s))
                return false;
        sim_tell(s, "fault: the node crashes");
        site_crash(s, sim_between(s, MS, 8 * SECOND));
        return true;
}

static bool fault_node_pause(struct sim *s)
{
        sim_tell(s, "fault: the node stands still");
        site_pause(s, s->now_ns + sim_between(s, 10 * MS, 8 * SECOND));
        return site_up(s);
}

static bool fault_node_code(struct sim *s)
{
        if (!site_up(s))
                return false;
        sim_tell(s, "fault: the node is to come back with other code");
        site_change_code(s);
        site_crash(s, sim_between(s, MS, 200 * MS));
        return true;
}

static struct disk *any_disk(struct sim *s)
{
        return s->disks[sim_below(s, s->knobs.shards)];
}

static struct keeper *any_keeper(struct sim *s)
{
        return s->keepers[sim_below(s, s->knobs.shards)];
}

static bool happen(struct sim *s, enum sim_fault fault)
{
        uint32_t crew = sim_below(s, s->knobs.crews);
        switch (fault) {
        case FAULT_CUT:
                return fault_cut(s);
        case FAULT_FULL_QUEUE:
                return fault_full_queue(s);
        case FAULT_STRANGER:
                return fault_stranger(s);
        case FAULT_CLIENT_DEATH:
                guest_die(s, sim_below(s, s->knobs.guests));
                return true;
        case FAULT_EXECUTOR_DEATH:
                crew_die(s, crew, sim_between(s, 5 * SECOND, 60 * SECOND));
                return true;
        case FAULT_EXECUTOR_REBOOT:
                crew_die(s, crew, sim_between(s, 10 * MS, 2 * SECOND));
                return true;
        case FAULT_EXECUTOR_STALL:
                crew_stall(s, crew, s->now_ns + sim_between(s, 2 * SECOND, 20 * SECOND));
                return true;
        case FAULT_EXECUTOR_LEAVE:
                crew_leave(s, crew);
                return true;
        case FAULT_NODE_CRASH:
                return fault_node_crash(s);
        case FAULT_NODE_PAUSE:
                return fault_node_pause(s);
        case FAULT_NODE_CODE:
                return fault_node_code(s);
        case FAULT_DISK_SLOW:
                disk_slow(any_disk(s), s->now_ns + sim_between(s, 10 * MS, 5 * SECOND));
                return false; /* counted when a commit meets it, as are these two */
        case FAULT_DISK_FULL:
                disk_fill(any_disk(s), s->now_ns + sim_between(s, 10 * MS, 5 * SECOND));
                return false;
        case FAULT_DISK_FATAL:
        case FAULT_DISK_FATAL_APPLIED:
                disk_fail_next(any_disk(s), fault == FAULT_DISK_FATAL_APPLIED);
                return false;
        case FAULT_STORE_FULL:
                keeper_fill(any_keeper(s), s->now_ns + sim_between(s, 10 * MS, 5 * SECOND));
                return false;
        case FAULT_STORE_FATAL:
        case FAULT_STORE_FATAL_APPLIED:
                keeper_fail_next(any_keeper(s), fault == FAULT_STORE_FATAL_APPLIED);
                return false;
        default:
                return false;
        }
}

/* The faults that are steps; the others strike where they belong. */
static bool is_step(enum sim_fault fault)
{
        return fault != FAULT_DELAY && fault != FAULT_REORDER && fault != FAULT_DUPLICATE &&
               fault != FAULT_ECHO && fault != FAULT_CLOCK && fault != FAULT_GROUP_LOST &&
               fault != FAULT_GROUP_UNANSWERED && fault != FAULT_STALE_WRITER &&
               fault != FAULT_NODE_CRASH_IN_TURN && fault != FAULT_STALE_KEEPER &&
               fault != FAULT_CRASH_BEFORE_TRIM;
}

void fault_happen(struct sim *s)
{
        uint32_t sum = 0;
        for (int i = 0; i < FAULTS_COUNT; i++)
                sum += is_step((enum sim_fault)i) ? s->knobs.faults[i] : 0;
        if (!sum)
                return;
        uint32_t place = sim_below(s, sum);
        int i = 0;
        while (!is_step((enum sim_fault)i) || place >= s->knobs.faults[i]) {
                place -= is_step((enum sim_fault)i) ? s->knobs.faults[i] : 0;
                i++;
        }
        if (happen(s, (enum sim_fault)i))
                sim_faulted(s, (enum sim_fault)i);
}

void fault_heal(struct sim *s)
{
        for (uint32_t i = 0; i < s->knobs.shards; i++)
                disk_heal(s->disks[i]);
        for (uint32_t i = 0; i < s->knobs.shards && s->knobs.store; i++)
                keeper_heal(s->keepers[i]);
        list_each(at, &s->net.all) container_of(at, struct conn, all)->full_until_ns = 0;
        site_heal(s);
        crews_heal(s);
        guests_heal(s);
}
