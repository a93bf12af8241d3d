/* SPDX-License-Identifier: MIT
 *
 * Time, steps and phases. The queue holds everything that is due; a step takes the first of it, or breaks
 * something.
 */
#include "tests/sim/world.h"

#include "actors/code.h"
#include "tests/lib/random.h"
#include "tests/sim/flows.h"
#include "tests/sim/incident.h"
#include "tests/sim/keeper.h"
#include "tests/sim/model.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
        HEALING_STEPS_MAX = 60000,
        POLL_MS = 500,
};
/* Twice the longest timeout of an attempt (8 s), for as many in a row as a program has steps, and some. */
static const int64_t healing_max_ns = 600 * SECOND;

/* --- names --- */

#define WORDS(name, words) words,
static const char *const fault_words[] = { SIM_FAULTS(WORDS) };
static const char *const operation_words[] = { SIM_OPERATIONS(WORDS) };
#undef WORDS
#define OPTION(name, option, words) option,
static const char *const bug_options[] = { "none", SIM_BUGS(OPTION) };
#undef OPTION
#define WORDS(name, option, words) words,
static const char *const bug_words[] = { "nothing is planted", SIM_BUGS(WORDS) };
#undef WORDS

const char *sim_fault_words(enum sim_fault fault)
{
        return fault_words[fault];
}

const char *sim_operation_words(enum sim_operation operation)
{
        return operation_words[operation];
}

const char *sim_bug_option(enum sim_bug bug)
{
        return bug_options[bug];
}

const char *sim_bug_words(enum sim_bug bug)
{
        return bug_words[bug];
}

/* --- happenings --- */

void sim_plan(struct sim *s, struct happening *h, int64_t due_ns)
{
        heap_put(&s->queue, &h->at, due_ns > s->now_ns ? due_ns : s->now_ns);
}

void sim_plan_by(struct sim *s, struct happening *h, int64_t due_ns)
{
        if (due_ns != INT64_MAX && (!heap_holds(&h->at) || due_ns < h->at.due_ns))
                sim_plan(s, h, due_ns);
}

void sim_unplan(struct sim *s, struct happening *h)
{
        heap_remove(&s->queue, &h->at);
}

/* --- chance --- */

uint64_t sim_random(struct sim *s)
{
        return random_u64(&s->random);
}

uint32_t sim_below(struct sim *s, uint32_t bound)
{
        return (uint32_t)(sim_random(s) % bound);
}

bool sim_chance(struct sim *s, uint32_t of_65536)
{
        return of_65536 && (sim_random(s) & 0xffff) < of_65536;
}

int64_t sim_between(struct sim *s, int64_t low_ns, int64_t high_ns)
{
        unsigned doublings = 0;
        while (doublings < 62 && low_ns << doublings < high_ns)
                doublings++;
        int64_t scale = low_ns << sim_below(s, doublings + 1);
        int64_t ns = scale + (int64_t)(sim_random(s) % (uint64_t)(scale ? scale : 1));
        return ns < high_ns ? ns : high_ns;
}

/* --- counting and breaking --- */

void sim_faulted(struct sim *s, enum sim_fault fault)
{
        s->tally.faults[fault]++;
}

void sim_did(struct sim *s, enum sim_operation operation)
{
        s->tally.operations[operation]++;
}

void sim_break(struct sim *s, const char *format, ...)
{
        if (s->broken)
                return;
        va_list args;
        va_start(args, format);
        vsnprintf(s->sentence, sizeof s->sentence, format, args);
        va_end(args);
        s->broken = true;
        s->broken_step = s->step;
        sim_tell(s, "BROKEN: %s", s->sentence);
}

/* --- what all seeds share --- */

struct sim_kit {
        stet_app app;
        stet_app changed;
        struct stack_pool *stacks;
};

struct sim_kit *sim_kit_new(void)
{
        struct sim_kit *kit = xcalloc(1, sizeof *kit);
        kit->app = (stet_app)STET_APP("sim");
        kit->changed = (stet_app)STET_APP("sim");
        flows_register(&kit->app);
        flows_register_changed(&kit->changed);
        kit->stacks = code_stacks_new(32 << 10);
        return kit;
}

void sim_kit_free(struct sim_kit *kit)
{
        if (!kit)
                return;
        stet_app_fini(&kit->app);
        stet_app_fini(&kit->changed);
        stack_pool_free(kit->stacks);
        free(kit);
}

const stet_app *kit_app(const struct sim_kit *kit, bool changed)
{
        return changed ? &kit->changed : &kit->app;
}

struct stack_pool *kit_stacks(const struct sim_kit *kit)
{
        return kit->stacks;
}

/* --- the second phase --- */

static void heal(struct sim *s)
{
        s->healing = true;
        s->healing_since_ns = s->now_ns;
        sim_tell(s, "everything is healed");
        fault_heal(s);
        workload_heal(s);
        sim_plan(s, &s->poll, s->now_ns + POLL_MS * MS);
}

static void poll_end(struct sim *s, struct happening *h)
{
        int64_t took_ns = s->now_ns - s->healing_since_ns;
        if (model_all_ended(s->model) && guests_content(s) && site_idle(s)) {
                s->healed_ns = took_ns;
                s->over = true;
                check_at_end(s);
                if (s->options.incident && s->options.incident->check)
                        s->options.incident->check(s);
                return;
        }
        char what[300];
        if (took_ns > healing_max_ns || s->step > s->knobs.steps + HEALING_STEPS_MAX) {
                model_describe_open(s->model, what, sizeof what);
                sim_break(s, "P12: %lld s after the last fault not everything has ended: %s%s",
                          (long long)(took_ns / SECOND), what,
                          guests_content(s) ? "" : "; a client still waits for an answer");
        }
        sim_plan(s, h, s->now_ns + POLL_MS * MS);
}

/* --- life --- */

struct sim *sim_new(const struct sim_options *options)
{
        struct sim *s = xcalloc(1, sizeof *s);
        s->options = *options;
        s->random = hash_u64(options->seed + 1);
        s->start_ns = s->now_ns = INT64_C(1700000000) * SECOND;
        s->trace.lines = xcalloc(TRACE_LINES, sizeof *s->trace.lines);
        s->poll.happen = poll_end;
        swarm_choose(s);
        if (options->incident)
                incident_choose(options->incident, &s->knobs);
        if (options->steps)
                s->knobs.steps = options->steps;
        net_init(s);
        s->model = model_new(s);
        for (uint32_t i = 0; i < s->knobs.shards; i++)
                s->disks[i] = disk_new(s, i);
        for (uint32_t i = 0; i < s->knobs.shards && s->knobs.store; i++)
                s->keepers[i] = keeper_new(s, i);
        s->site = site_new(s);
        crews_new(s);
        guests_new(s);
        workload_begin(s);
        return s;
}

void sim_free(struct sim *s)
{
        if (!s)
                return;
        site_free(s->site);
        guests_free(s);
        crews_free(s);
        for (uint32_t i = 0; i < s->knobs.shards; i++)
                keeper_free(s->keepers[i]);
        for (uint32_t i = 0; i < s->knobs.shards; i++)
                disk_free(s->disks[i]);
        net_fini(s);
        model_free(s->model);
        map_fini(&s->asks);
        heap_fini(&s->queue);
        free(s->trace.lines);
        free(s);
}

static void happen_next(struct sim *s)
{
        struct heap_node *first = heap_min(&s->queue);
        struct happening *h = container_of(first, struct happening, at);
        s->now_ns = first->due_ns;
        heap_remove(&s->queue, first);
        h->happen(s, h);
}

bool sim_step(struct sim *s)
{
        if (s->over || s->broken)
                return false;
        s->step++;
        if (s->step == s->knobs.steps)
                heal(s);
        else if (!s->healing && sim_chance(s, s->knobs.fault_rate))
                fault_happen(s);
        else if (s->queue.count)
                happen_next(s);
        else
                sim_break(s, "P12: nothing will ever happen again");
        check_after_step(s);
        return !s->over && !s->broken;
}

void sim_report(const struct sim *s, struct sim_report *ret)
{
        *ret = (struct sim_report){ .steps = s->step,
                                    .runs = model_runs_count(s->model),
                                    .records = model_records_count(s->model),
                                    .crashes = site_crashes(s),
                                    .trace_hash = s->trace.hash,
                                    .virtual_ns = s->now_ns - s->start_ns,
                                    .healing_ns = s->healed_ns,
                                    .broken = s->broken,
                                    .broken_step = s->broken_step };
        memcpy(ret->sentence, s->sentence, sizeof ret->sentence);
}

static void add_up(struct sim_tally *sum, const struct sim_tally *more)
{
        for (int i = 0; i < FAULTS_COUNT; i++)
                sum->faults[i] += more->faults[i];
        for (int i = 0; i < OPERATIONS_COUNT; i++)
                sum->operations[i] += more->operations[i];
}

void sim_run(const struct sim_options *options, struct sim_report *ret)
{
        struct sim *s = sim_new(options);
        while (sim_step(s))
                continue;
        sim_report(s, ret);
        if (options->tally)
                add_up(options->tally, &s->tally);
        sim_free(s);
}
