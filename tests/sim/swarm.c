/* SPDX-License-Identifier: MIT
 *
 * What kind of world a seed makes. Each fault and each operation is left out of about every other world, and
 * exaggerated in some: what many faults hide from each other, a world with few of them shows (Groce et al.:
 * "Swarm Testing", ISSTA 2012).
 */
#include "tests/sim/world.h"

/* Off in half of the worlds, else between half and eight times the usual. */
static uint32_t weigh(struct sim *s, uint32_t usual)
{
        if (sim_chance(s, 32768))
                return 0;
        uint32_t weight = (usual << sim_below(s, 5)) / 2;
        return weight ? weight : 1;
}

static void choose_faults(struct sim *s, struct knobs *k)
{
        /* Chances of 65536, each time that it could happen, … */
        static const uint16_t chances[FAULTS_COUNT] = {
                [FAULT_DELAY] = 400,         [FAULT_REORDER] = 1500,         [FAULT_ECHO] = 1500,
                [FAULT_CLOCK] = 16000,       [FAULT_DUPLICATE] = 800,        [FAULT_GROUP_UNANSWERED] = 32768,
                [FAULT_STALE_WRITER] = 9000, [FAULT_NODE_CRASH_IN_TURN] = 60
        };
        /* … and weights among the faults that are a step of their own. */
        static const uint8_t weights[FAULTS_COUNT] = {
                [FAULT_CUT] = 12,           [FAULT_FULL_QUEUE] = 4,     [FAULT_STRANGER] = 3,
                [FAULT_CLIENT_DEATH] = 2,   [FAULT_EXECUTOR_DEATH] = 3, [FAULT_EXECUTOR_REBOOT] = 5,
                [FAULT_EXECUTOR_STALL] = 4, [FAULT_EXECUTOR_LEAVE] = 3, [FAULT_NODE_CRASH] = 8,
                [FAULT_NODE_PAUSE] = 2,     [FAULT_NODE_CODE] = 3,      [FAULT_DISK_SLOW] = 4,
                [FAULT_DISK_FULL] = 4,      [FAULT_DISK_FATAL] = 3,     [FAULT_DISK_FATAL_APPLIED] = 3
        };
        for (int i = 0; i < FAULT_STORE_FULL; i++) {
                k->faults[i] = weigh(s, chances[i] ? chances[i] : weights[i]);
                if (!chances[i] && !weights[i])
                        k->faults[i] = 0;
        }
        k->fault_rate = sim_chance(s, 6000) ? 0 : 250u << sim_below(s, 4);
}

static void choose_asks(struct sim *s, struct knobs *k)
{
        static const uint8_t usual[OPERATIONS_COUNT] = {
                [DID_START] = 10,   [DID_START_EXISTING] = 2, [DID_START_REPLACING] = 2,
                [DID_SIGNAL] = 8,   [DID_CANCEL] = 3,         [DID_TERMINATE] = 2,
                [DID_WAIT] = 3,     [DID_QUERY] = 2,          [DID_SHOW] = 2,
                [DID_HISTORY] = 1,  [DID_LIST] = 1,           [DID_STATS] = 1,
                [DID_EXECUTORS] = 1
        };
        for (int i = 0; i < OPERATIONS_COUNT; i++)
                k->asks[i] = usual[i] ? weigh(s, usual[i]) : 0;
        if (!k->asks[DID_START])
                k->asks[DID_START] = 4;
}

static uint64_t choose_mask(struct sim *s)
{
        uint64_t mask = program_mask_all;
        if (sim_chance(s, 45000))
                mask &= sim_random(s) | sim_random(s);
        if (sim_chance(s, 15000))
                mask &= sim_random(s);
        return mask ? mask : program_mask_all;
}

/* A store beside most logs. Often with so little room in memory, and checkpoints so often, that runs leave
 * memory and come back all the time. */
static void choose_store(struct sim *s, struct knobs *k)
{
        static const size_t bytes[] = { 1, 300, 3000, SIZE_MAX };
        k->store = sim_chance(s, 52000);
        if (!k->store)
                return;
        k->checkpoint_ns = sim_between(s, 20 * US, sim_chance(s, 20000) ? 10 * SECOND : 100 * MS);
        k->checkpoint_bytes = bytes[sim_below(s, 4)];
        k->lag_bytes_max = sim_chance(s, 6000) ? 2000 + sim_below(s, 10000) : 0;
        k->shard_runs_max = sim_chance(s, 50000) ? 1 + sim_below(s, 5) : 0;
        k->shard_idle_ns = sim_chance(s, 45000) ? 0 : sim_between(s, MS, 5 * SECOND);
        if (sim_chance(s, 32768))
                k->program_mask |= PROGRAM_LONG_WAITS;
        k->faults[FAULT_STORE_FULL] = weigh(s, 4);
        k->faults[FAULT_STORE_FATAL] = weigh(s, 2);
        k->faults[FAULT_STORE_FATAL_APPLIED] = weigh(s, 2);
        k->faults[FAULT_STALE_KEEPER] = weigh(s, 9000);
        k->asks[DID_SAID_AGAIN] = weigh(s, 3);
        k->asks[DID_DELETE] = weigh(s, 3);
        k->retention_ns = sim_chance(s, 20000) ? (1 + sim_below(s, 5)) * SECOND : 0;
}

void swarm_choose(struct sim *s)
{
        struct knobs *k = &s->knobs;
        k->steps = 300 + sim_below(s, 700);
        k->shards = sim_chance(s, 20000) ? 2 + sim_below(s, 2) : 1;
        k->guests = 1 + sim_below(s, 3);
        k->slots = sim_chance(s, 20000) ? 2 : 1;
        k->crews = (1 + sim_below(s, 3)) * k->slots;
        k->stacks_max = sim_chance(s, 32768) ? 1 + sim_below(s, 4) : 1000;
        k->runs_max = 4 + sim_below(s, 20);
        k->ask_ns = sim_between(s, 2 * MS, 200 * MS);
        k->frame_ns = sim_between(s, 20 * US, 2 * MS);
        k->commit_ns = sim_between(s, 50 * US, 5 * MS);
        k->split_crews = k->crews > k->slots && sim_chance(s, 16384);
        k->mail = sim_chance(s, 16384) ? sim_below(s, 9) : 2;
        k->program_mask = choose_mask(s);
        choose_faults(s, k);
        choose_asks(s, k);
        if (!s->options.without_store)
                choose_store(s, k);
}
