/* SPDX-License-Identifier: MIT */
#include "tests/sim/incident.h"

#include "tests/sim/model.h"

enum { ALWAYS = 65535, OFTEN = 10, RARELY = 1 };

#define STEP(kind) (UINT64_C(1) << STEP_##kind)

/* Nothing breaks, clients ask a bit of everything. */
static void calm(struct knobs *k)
{
        memset(k->faults, 0, sizeof k->faults);
        memset(k->asks, 0, sizeof k->asks);
        k->asks[DID_START] = 10;
        k->asks[DID_SIGNAL] = 4;
        k->asks[DID_SHOW] = 1;
        k->fault_rate = 1500;
        k->program_mask = program_mask_all;
        k->crews = k->crews < 2 * k->slots ? 2 * k->slots : k->crews;
        k->split_crews = false;
}

void incident_choose(const struct sim_incident *incident, struct knobs *k)
{
        calm(k);
        incident->choose(k);
}

static void crash_again_and_again(struct knobs *k)
{
        k->faults[FAULT_NODE_CRASH] = OFTEN;
        k->faults[FAULT_NODE_CRASH_IN_TURN] = 6000;
        k->faults[FAULT_GROUP_UNANSWERED] = ALWAYS / 2;
}

static void replace_node(struct knobs *k)
{
        k->faults[FAULT_NODE_CRASH] = OFTEN;
        k->faults[FAULT_STALE_WRITER] = ALWAYS;
        k->commit_ns = 20 * MS; /* so that most crashes find a group under way */
}

static void start_while_recovering(struct knobs *k)
{
        k->faults[FAULT_NODE_CRASH] = OFTEN;
        k->faults[FAULT_DUPLICATE] = 8000;
        k->runs_max = 40;
        k->asks[DID_START_EXISTING] = k->asks[DID_START_REPLACING] = 5;
        k->ask_ns = 3 * MS;
}

static void restart_with_attempts_under_way(struct knobs *k)
{
        k->faults[FAULT_NODE_CRASH] = OFTEN;
        k->program_mask = STEP(BEAT) | STEP(FAN_ALL) | STEP(CALL);
}

static void lose_heartbeats(struct knobs *k)
{
        k->faults[FAULT_EXECUTOR_STALL] = OFTEN;
        k->faults[FAULT_DELAY] = 3000;
        k->program_mask = STEP(BEAT) | STEP(CALL);
}

static void half_open(struct knobs *k)
{
        k->faults[FAULT_FULL_QUEUE] = OFTEN;
        k->faults[FAULT_CUT] = RARELY;
        k->program_mask = STEP(CALL) | STEP(FAN_ALL) | STEP(FAN_ANY);
}

static void odd_results(struct knobs *k)
{
        k->faults[FAULT_STRANGER] = OFTEN;
        k->faults[FAULT_NODE_CRASH] = RARELY;
        k->program_mask = STEP(ODD) | STEP(CHILD);
}

static void restart_between_scheduled_and_delivered(struct knobs *k)
{
        k->faults[FAULT_NODE_CRASH] = OFTEN;
        k->faults[FAULT_NODE_CRASH_IN_TURN] = 8000;
        k->program_mask = STEP(CALL) | STEP(FLAKY) | STEP(FAN_FIRST);
}

static void lose_deliveries(struct knobs *k)
{
        k->faults[FAULT_CUT] = OFTEN;
        k->frame_ns = 20 * MS; /* so that something is under way in most cuts */
        k->program_mask = STEP(CALL) | STEP(FAN_ALL) | STEP(LATE);
}

static void partition(struct knobs *k)
{
        k->faults[FAULT_CUT] = k->faults[FAULT_EXECUTOR_STALL] = k->faults[FAULT_NODE_PAUSE] = OFTEN;
        k->faults[FAULT_DELAY] = 4000;
}

static void long_activities(struct knobs *k)
{
        k->faults[FAULT_NODE_PAUSE] = 0;
        k->fault_rate = 0;
        k->program_mask = STEP(BEAT);
}

/* Nobody was lost and nothing timed out: every attempt was the only one. */
static void check_single_attempts(struct sim *s)
{
        list_each(at, model_runs(s->model))
        {
                const struct model_run *run = container_of(at, struct model_run, all);
                for (uint32_t i = 0; i < run->ops_count; i++)
                        if (run->ops[i].executions > 1)
                                sim_break(s,
                                          "P17: op %u of run %llx was executed twice although nothing had "
                                          "happened to it",
                                          i + 1, (unsigned long long)run->id);
        }
}

static void fill_disk(struct knobs *k)
{
        k->faults[FAULT_DISK_FULL] = OFTEN;
        k->asks[DID_CANCEL] = k->asks[DID_WAIT] = 2;
}

static void check_no_restart(struct sim *s)
{
        if (site_crashes(s))
                sim_break(s, "P23: the node stopped because the disk was full");
}

static void crash_on_full_disk(struct knobs *k)
{
        k->faults[FAULT_DISK_FULL] = OFTEN;
        k->faults[FAULT_NODE_CRASH] = OFTEN;
        k->faults[FAULT_DISK_FATAL] = k->faults[FAULT_DISK_FATAL_APPLIED] = RARELY;
}

static void set_clock(struct knobs *k)
{
        k->faults[FAULT_NODE_CRASH] = OFTEN;
        k->faults[FAULT_CLOCK] = ALWAYS;
        k->program_mask = STEP(SLEEP) | STEP(SLEEP_UNTIL) | STEP(LATE) | STEP(FLAKY) | STEP(NOBODY);
}

static void sleep_through_downtime(struct knobs *k)
{
        k->faults[FAULT_NODE_CRASH] = OFTEN;
        k->faults[FAULT_NODE_PAUSE] = OFTEN;
        k->program_mask = STEP(SLEEP) | STEP(SLEEP_UNTIL) | STEP(SIGNAL_TIMEOUT);
}

static void fail_everywhere(struct knobs *k)
{
        k->faults[FAULT_EXECUTOR_REBOOT] = k->faults[FAULT_EXECUTOR_DEATH] = OFTEN;
        k->program_mask = STEP(BROKEN) | STEP(EXHAUST) | STEP(FAN_FIRST) | STEP(NOBODY) | STEP(CHILD);
}

static void cancel_at_the_wrong_moment(struct knobs *k)
{
        k->asks[DID_CANCEL] = 20;
        k->asks[DID_TERMINATE] = 2;
        k->ask_ns = 3 * MS;
        k->faults[FAULT_NODE_CRASH] = RARELY;
        k->fault_rate = 300;
}

static void change_code(struct knobs *k)
{
        k->faults[FAULT_NODE_CODE] = OFTEN;
        k->stacks_max = 2;
}

static void send_through_crashes(struct knobs *k)
{
        k->faults[FAULT_NODE_CRASH] = OFTEN;
        k->faults[FAULT_GROUP_UNANSWERED] = ALWAYS / 2;
        k->program_mask = STEP(BURST) | STEP(SEND) | STEP(SIGNAL) | STEP(SIGNAL_TIMEOUT);
        k->mail = 9;
        k->runs_max = 60;
        k->asks[DID_CANCEL] = 1;
        k->commit_ns = 3 * MS;
}

static void leave_children_behind(struct knobs *k)
{
        k->faults[FAULT_NODE_CRASH] = OFTEN;
        k->faults[FAULT_NODE_CRASH_IN_TURN] = 3000;
        k->faults[FAULT_GROUP_UNANSWERED] = ALWAYS / 2;
        k->commit_ns = 10 * MS;
        k->program_mask = STEP(CHILD_LEFT) | STEP(CHILD_ABANDONED) | STEP(CHILD_CANCELED) |
                          STEP(CHILD_TAKEN) | STEP(CALL) | STEP(SIGNAL);
        k->asks[DID_CANCEL] = k->asks[DID_TERMINATE] = 3;
}

/* Nothing stays in memory that can leave it, and each record is a checkpoint of its own. */
static void keep_nothing_in_memory(struct knobs *k)
{
        k->store = true;
        k->shard_runs_max = 1;
        k->shard_idle_ns = 0;
        k->checkpoint_ns = MS;
        k->checkpoint_bytes = 1;
        k->lag_bytes_max = 0;
        k->retention_ns = 0;
        k->faults[FAULT_NODE_CRASH] = OFTEN;
        k->faults[FAULT_GROUP_UNANSWERED] = ALWAYS / 2;
        k->asks[DID_SAID_AGAIN] = 10;
        k->program_mask = STEP(SLEEP) | STEP(SLEEP_UNTIL) | STEP(SIGNAL_TIMEOUT) | STEP(SIGNAL) |
                          STEP(CHILD) | STEP(SEND) | PROGRAM_LONG_WAITS;
}

static void break_the_store(struct knobs *k)
{
        keep_nothing_in_memory(k);
        k->faults[FAULT_STORE_FULL] = k->faults[FAULT_STORE_FATAL] = k->faults[FAULT_STORE_FATAL_APPLIED] =
            OFTEN;
        k->faults[FAULT_DISK_FATAL] = k->faults[FAULT_DISK_FATAL_APPLIED] = RARELY;
        k->faults[FAULT_STALE_KEEPER] = ALWAYS;
        k->lag_bytes_max = 4000;
}

static void forget_what_has_ended(struct knobs *k)
{
        keep_nothing_in_memory(k);
        k->checkpoint_bytes = 1000;
        k->retention_ns = SECOND;
        k->asks[DID_DELETE] = 10;
        k->program_mask =
            STEP(CHILD) | STEP(CHILD_ABANDONED) | STEP(CHILD_TAKEN) | STEP(CALL) | STEP(SLEEP) | STEP(SEND);
}

const struct sim_incident incidents[] = {
        { "crash-in-recovery", "crashes again and again, also while it comes back (DBOS #716)",
          crash_again_and_again, NULL },
        { "two-generations", "a replaced node goes on writing (DBOS #742, #804, #805)", replace_node, NULL },
        { "start-races-recovery", "starts come while a crash is being recovered from (DBOS-java #491)",
          start_while_recovering, NULL },
        { "attempt-over-restart", "the node restarts while attempts are under way (Hatchet #552, #1022)",
          restart_with_attempts_under_way, NULL },
        { "lost-heartbeats", "heartbeats do not come through, data does (Hatchet #2432)", lose_heartbeats,
          NULL },
        { "half-open", "executors speak and do not hear (Hatchet #4254)", half_open, NULL },
        { "odd-results",
          "results with NUL bytes, NaN and other oddities; peers that send garbage (Hatchet #2573)",
          odd_results, NULL },
        { "lost-in-matching", "the node restarts between scheduled and delivered (Temporal #459, #771)",
          restart_between_scheduled_and_delivered, NULL },
        { "lost-delivery", "the connection breaks with deliveries under way (Temporal #10320)",
          lose_deliveries, NULL },
        { "partition", "partitions that heal (Restate #2655)", partition, NULL },
        { "long-activities",
          "activities that outlive every timeout but their own are executed once (Celery #5935)",
          long_activities, check_single_attempts },
        { "disk-full", "the disk is full, and then it is not: it goes on by itself (RocksDB #919)", fill_disk,
          check_no_restart },
        { "crash-on-full-disk", "it crashes while the disk is full (nearcore #2625)", crash_on_full_disk,
          NULL },
        { "due-while-down", "timers are due while the node is down (elsa #2443)", sleep_through_downtime,
          NULL },
        { "clock-set", "the wall clock is set while the node is down", set_clock, NULL },
        { "failures-everywhere", "steps fail in every place; all ends (Hatchet #3276)", fail_everywhere,
          NULL },
        { "cancel-races", "cancelling meets completions", cancel_at_the_wrong_moment, NULL },
        { "changed-code", "the code changes under open runs, and changes back", change_code, NULL },
        { "signals-through-crashes", "signals between runs while the node crashes", send_through_crashes,
          NULL },
        { "nothing-in-memory", "runs leave memory at once and come back, through crashes",
          keep_nothing_in_memory, NULL },
        { "broken-store", "the store's disk is full, or fails, again and again; memory is short",
          break_the_store, NULL },
        { "ended-runs-forgotten", "ended runs are removed as soon as can be, while their ids are used again",
          forget_what_has_ended, NULL },
        { "children-left", "parents end, crash and cancel around their children", leave_children_behind,
          NULL },
};
const size_t incidents_count = sizeof incidents / sizeof incidents[0];

const struct sim_incident *incident_find(const char *name)
{
        for (size_t i = 0; i < incidents_count; i++)
                if (strcmp(incidents[i].name, name) == 0)
                        return &incidents[i];
        return NULL;
}
