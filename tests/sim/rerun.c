/* SPDX-License-Identifier: MIT
 *
 * Replays: at the end each run's history is fed to its code once more, which must do the same (P20); and to a
 * changed version of the code, which must be refused with the first difference.
 */
#include "tests/sim/archive.h"
#include "tests/sim/flows.h"
#include "tests/sim/model.h"
#include "tests/sim/world.h"

#include "actors/code.h"
#include "base/app.h"

#include <stdlib.h>

/* A run's records, one after the other: {flags, time, size} and the body. */
struct history {
        struct map_node by_run;
        struct list all;
        uint64_t run;
        struct buffer records;
};

struct histories {
        struct map by_run;
        struct list all;
};

struct head {
        int64_t time_ns;
        size_t size;
        uint8_t flags;
};

static int keep_record(void *ctx, const struct record *r)
{
        struct histories *h = ctx;
        if (r->kind != RECORD_TRANSITION)
                return 0;
        struct map_node *n = map_find(&h->by_run, r->stream);
        struct history *history = n ? container_of(n, struct history, by_run) : NULL;
        if (!history) {
                history = xcalloc(1, sizeof *history);
                history->run = r->stream;
                map_put(&h->by_run, &history->by_run, r->stream);
                list_push(&h->all, &history->all);
        }
        struct head head;
        memset(&head, 0, sizeof head);
        head.time_ns = r->time_ns;
        head.size = r->body.size;
        head.flags = r->flags;
        buffer_append(&history->records, &head, sizeof head);
        buffer_append(&history->records, r->body.data, r->body.size);
        return 0;
}

static int replay(struct sim *s, const struct history *h, bool changed, struct bytes workflow, stet_why *why)
{
        struct code_env env = { .stacks = kit_stacks(s->options.kit) };
        struct stet_run *code =
            code_new(&env, app_workflow(kit_app(s->options.kit, changed), workflow), h->run);
        int err = code ? 0 : STET_ENOMEM;
        for (size_t at = 0; at < h->records.size && !err;) {
                struct head head;
                memcpy(&head, h->records.data + at, sizeof head);
                at += sizeof head;
                err = code_replay(code, head.flags, head.time_ns, bytes_of(h->records.data + at, head.size),
                                  why);
                at += head.size;
        }
        code_free(code);
        return err;
}

static void replay_same(struct sim *s, const struct history *h, const struct model_run *run)
{
        stet_why why = { "" };
        int err = replay(s, h, false, run->workflow, &why);
        if (err)
                sim_break(s, "P20: the history of run %llx does not replay: %s: %s",
                          (unsigned long long)h->run, stet_error_name(err), why.text);
        sim_did(s, DID_REPLAY);
}

/* Steps that begin with a call, whose arguments tell it from every other. */
static bool calls(const struct program *p, uint32_t step)
{
        return step < p->count && p->steps[step].kind <= STEP_ODD;
}

static void replay_changed(struct sim *s, const struct history *h, const struct model_run *run)
{
        enum program_change change = 1 + (enum program_change)sim_below(s, CHANGES_COUNT - 1);
        bool of_two = change == CHANGE_REMOVE || change == CHANGE_SWAP;
        struct program_input input;
        struct program p;
        stet_why why = { "" };
        if (!bytes_equal(run->workflow, bytes_str("program")) || !program_input_read(run->input, &input) ||
            !run->ops_count)
                return;
        program_make(&input, &p);
        if (!calls(&p, 0) || (of_two && !calls(&p, 1)))
                return;
        flows_change(change, 0, INT64_MAX);
        int err = replay(s, h, true, run->workflow, &why);
        if (err != STET_ENONDETERMINISM || !strstr(why.text, "effect 1: on record: call"))
                sim_break(s, "P20: run %llx replays with changed code (change %d): %s: %s",
                          (unsigned long long)h->run, change, stet_error_name(err), why.text);
        sim_did(s, DID_REPLAY_REFUSED);
}

void rerun_all(struct sim *s)
{
        struct histories histories = { { 0 }, { 0 } };
        stet_why why = { "" };
        list_init(&histories.all);
        for (uint32_t i = 0; i < s->knobs.shards; i++)
                log_read(archive_log(model_archive(s->model, i), model_lsn(s->model, i)), 1, keep_record,
                         &histories, &why);
        list_each_safe(at, after, &histories.all)
        {
                struct history *h = container_of(at, struct history, all);
                const struct model_run *run = model_run(s->model, h->run);
                if (run && !s->broken) {
                        replay_same(s, h, run);
                        replay_changed(s, h, run);
                }
                buffer_fini(&h->records);
                free(h);
        }
        map_fini(&histories.by_run);
}
