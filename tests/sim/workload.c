/* SPDX-License-Identifier: MIT
 *
 * What clients ask: commands and readings of every kind in the seed's own mixture. After the faults only what
 * lets runs end: the signals that they wait for.
 */
#include "tests/sim/flows.h"
#include "tests/sim/model.h"
#include "tests/sim/world.h"

#include "base/table.h"

#include <stdio.h>
#include <stdlib.h>

enum { NUDGE_MS = 400, COUNTERS = 3, NUDGES_MAX = 4 };

/* --- starts --- */

static const char *pack_counter(struct sim *s, struct buffer *input, char id[24])
{
        struct counter_input counter = { 2 + sim_below(s, 10), 0, 1 + sim_below(s, 4) };
        snprintf(id, 24, "counter-%u", sim_below(s, COUNTERS));
        counter_input_pack(input, &counter);
        return "counter";
}

static const char *pack_mailer(struct sim *s, struct buffer *input)
{
        char to[24];
        snprintf(to, sizeof to, "counter-%u", sim_below(s, COUNTERS));
        mailer_input_pack(input, to, 1 + sim_below(s, 6));
        return "mailer";
}

static const char *pack_workflow(struct sim *s, struct buffer *input, char id[24])
{
        uint32_t number = s->runs_started++;
        snprintf(id, 24, "run-%u", number % PROGRAM_TARGETS);
        if (sim_below(s, 10) < s->knobs.mail)
                return sim_chance(s, 32768) ? pack_counter(s, input, id) : pack_mailer(s, input);
        if (sim_below(s, 10) == 0) {
                chain_input_pack(input, (int64_t)number);
                return "chain";
        }
        struct program_input program = { sim_random(s), 0, 0, s->knobs.program_mask };
        program_input_pack(input, &program);
        return "program";
}

static void ask_start(struct sim *s, uint32_t guest, enum sim_operation operation)
{
        struct buffer input = { 0 };
        char id[24];
        if (s->runs_started >= s->knobs.runs_max)
                return;
        const char *workflow = pack_workflow(s, &input, id);
        struct message m = { .type = MSG_START, .name = bytes_str(workflow), .value = buffer_bytes(&input) };
        m.wait = sim_chance(s, 20000);
        if (sim_chance(s, 50000))
                m.id = bytes_str(id);
        if (operation == DID_START_EXISTING)
                m.conflict = ID_CONFLICT_USE_EXISTING;
        if (operation == DID_START_REPLACING)
                m.conflict = ID_CONFLICT_TERMINATE_EXISTING;
        if (operation == DID_START && sim_chance(s, 10000))
                m.reuse = 1 + sim_below(s, 2);
        guest_ask(s, guest, operation, &m);
        buffer_fini(&input);
}

/* --- commands and readings on runs --- */

/* The id of some run, most often one that is open; now and then of none. */
static void pick_run(struct sim *s, char id[24])
{
        uint32_t count = (uint32_t)model_runs_count(s->model), place = count ? sim_below(s, count) : 0;
        snprintf(id, 24, "run-%u", sim_below(s, PROGRAM_TARGETS));
        if (!count || sim_chance(s, 6000))
                return;
        list_each(at, model_runs(s->model))
        {
                const struct model_run *run = container_of(at, struct model_run, all);
                if (place && place--)
                        continue;
                if (sim_chance(s, 16000) || run->workflow_id.size >= 24)
                        snprintf(id, 24, "%016llx", (unsigned long long)run->id);
                else
                        snprintf(id, 24, "%.*s", (int)run->workflow_id.size,
                                 (const char *)run->workflow_id.data);
                if (run->ending == RUN_OPEN)
                        return;
        }
}

static void ask_signal(struct sim *s, uint32_t guest, struct bytes id, struct bytes name)
{
        struct buffer value = { 0 };
        pack_array(&value, 2);
        pack_cstr(&value, "client");
        pack_uint(&value, s->correlation_next);
        struct message m = { .type = MSG_SIGNAL, .id = id, .name = name, .value = buffer_bytes(&value) };
        guest_ask(s, guest, DID_SIGNAL, &m);
        buffer_fini(&value);
}

static void ask_about_run(struct sim *s, uint32_t guest, enum sim_operation operation)
{
        static const char *const signals[] = { "red", "green", "blue", "add" };
        static const uint8_t types[OPERATIONS_COUNT] = {
                [DID_CANCEL] = MSG_CANCEL, [DID_TERMINATE] = MSG_TERMINATE, [DID_WAIT] = MSG_WAIT,
                [DID_QUERY] = MSG_QUERY,   [DID_SHOW] = MSG_READ,           [DID_HISTORY] = MSG_READ
        };
        char id[24];
        pick_run(s, id);
        if (operation == DID_SIGNAL) {
                ask_signal(s, guest, bytes_str(id), bytes_str(signals[sim_below(s, 4)]));
                return;
        }
        struct message m = { .type = types[operation], .id = bytes_str(id) };
        if (operation == DID_QUERY)
                m.name = bytes_str(sim_chance(s, 6000) ? "nothing" : "accumulator");
        if (operation == DID_SHOW || operation == DID_HISTORY)
                m.name = bytes_str(operation == DID_SHOW ? "show" : "history");
        if (operation == DID_WAIT && sim_chance(s, 16000))
                m.due_ns = -1;
        guest_ask(s, guest, operation, &m);
}

/* One list after the other asks for something else; times are those of an eighth of the world's life so far.
 */
static void ask_for_list(struct sim *s, uint32_t guest)
{
        static const char *const times[] = { "started_after_ms", "started_before_ms", "ended_after_ms",
                                             "ended_before_ms" };
        static const char *const queues[] = { "default", "other" };
        enum { TIMES = 4, QUEUES = 2, ALL = 1 };
        uint64_t kind = s->correlation_next % (TIMES + QUEUES + ALL), eighth = s->correlation_next / 8 % 8;
        int64_t now_ns = sim_node_now(s);
        struct buffer value = { 0 };
        struct table t = table_begin(&value);
        table_uint(&t, "limit", 1000);
        if (kind < TIMES)
                table_uint(&t, times[kind],
                           (uint64_t)(now_ns - (now_ns - s->start_ns) / 8 * (int64_t)eighth) / MS);
        else if (kind < TIMES + QUEUES)
                table_str(&t, "queue", queues[kind - TIMES]);
        table_end(&t);
        struct message m = { .type = MSG_READ, .name = bytes_str("list"), .value = buffer_bytes(&value) };
        guest_ask(s, guest, DID_LIST, &m);
        buffer_fini(&value);
}

static void ask_about_all(struct sim *s, uint32_t guest, enum sim_operation operation)
{
        struct message m = { .type = MSG_READ };
        m.name = bytes_str(operation == DID_STATS ? "stats" : "executors");
        if (operation == DID_LIST)
                ask_for_list(s, guest);
        else
                guest_ask(s, guest, operation, &m);
}

/* By its run id: the workflow id may be another run's by the time it is said again. */
static void ask_delete(struct sim *s, uint32_t guest)
{
        uint32_t count = (uint32_t)model_runs_count(s->model), place = count ? sim_below(s, count) : 0;
        char id[24];
        list_each(at, model_runs(s->model))
        {
                const struct model_run *run = container_of(at, struct model_run, all);
                if ((place && place--) || (run->ending == RUN_OPEN && !sim_chance(s, 10000)))
                        continue;
                snprintf(id, sizeof id, "%016llx", (unsigned long long)run->id);
                guest_ask(s, guest, DID_DELETE, &(struct message){ .type = MSG_DELETE, .id = bytes_str(id) });
                return;
        }
}

/* --- acting --- */

static enum sim_operation pick_operation(struct sim *s)
{
        uint32_t sum = 0;
        for (int i = 0; i < OPERATIONS_COUNT; i++)
                sum += s->knobs.asks[i];
        uint32_t place = sim_below(s, sum);
        int i = 0;
        while (place >= s->knobs.asks[i])
                place -= s->knobs.asks[i++];
        return (enum sim_operation)i;
}

static void act(struct sim *s, struct happening *h)
{
        enum sim_operation operation = pick_operation(s);
        uint32_t guest = sim_below(s, s->knobs.guests);
        switch (operation) {
        case DID_START:
        case DID_START_EXISTING:
        case DID_START_REPLACING:
                ask_start(s, guest, operation);
                break;
        case DID_DELETE:
                ask_delete(s, guest);
                break;
        case DID_SAID_AGAIN:
                guest_say_again(s, guest);
                break;
        case DID_LIST:
        case DID_STATS:
        case DID_EXECUTORS:
                ask_about_all(s, guest, operation);
                break;
        default:
                ask_about_run(s, guest, operation);
                break;
        }
        sim_plan(s, h, s->now_ns + sim_between(s, s->knobs.ask_ns / 8 + 1, s->knobs.ask_ns * 4));
}

/* Its parent has given it up, and nobody has told it: it must be, and not be helped to its end. */
static bool is_given_up(const struct sim *s, const struct model_run *run)
{
        const struct model_op *op =
            run->parent && !run->abandon ? model_op(s->model, run->parent, run->parent_op) : NULL;
        return op && !op->open && !op->answered && !run->cancel_requested;
}

/* Sends the signals that open runs wait for, a few at a time. */
static void nudge(struct sim *s, struct happening *h)
{
        uint32_t left = NUDGES_MAX;
        sim_plan(s, h, s->now_ns + NUDGE_MS * MS);
        list_each(at, model_runs(s->model))
        {
                const struct model_run *run = container_of(at, struct model_run, all);
                for (uint32_t i = 0; i < run->ops_count && left && !is_given_up(s, run); i++) {
                        const struct model_op *op = &run->ops[i];
                        if (!op->open || op->effect != EFFECT_WAIT_SIGNAL)
                                continue;
                        ask_signal(s, 0, run->workflow_id, op->asked.name);
                        left--;
                }
        }
}

void workload_begin(struct sim *s)
{
        struct workload *w = &s->workload;
        w->act.happen = act;
        w->nudge.happen = nudge;
        sim_plan(s, &w->act, s->now_ns + MS);
}

void workload_heal(struct sim *s)
{
        sim_unplan(s, &s->workload.act);
        sim_plan(s, &s->workload.nudge, s->now_ns + NUDGE_MS * MS);
}
