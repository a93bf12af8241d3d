/* SPDX-License-Identifier: MIT
 *
 * Lists against the records: what is listed fits what was asked for, in the one order; and what fitted when
 * it was asked, and could not cease to, is listed (P32).
 */
#include "tests/sim/model.h"
#include "tests/sim/world.h"

#include "base/run_id.h"
#include "runtime/run_filter.h"
#include "runtime/shard.h"

struct asked {
        const struct ask *ask;
        struct run_filter filter;
        uint64_t limit;
};

static struct asked asked_by(const struct ask *ask)
{
        struct asked asked = { .ask = ask };
        struct message m;
        struct cursor c = frame_cursor(buffer_bytes(&ask->frame));
        frame_next(&c, &m);
        struct cursor limit = cursor_find(m.value, "limit");
        asked.filter = run_filter_of(&m);
        asked.limit = cursor_uint(&limit);
        return asked;
}

static bool is_within(struct time_range range, int64_t time_ns)
{
        return range.from_ms <= time_ns / MS && time_ns / MS < range.to_ms;
}

/* It was open on the queue when the list was asked for, and is still (or, if not `still`: it ever was). */
static bool has_call_on(const struct asked *asked, const struct model_run *run, bool still)
{
        for (uint32_t i = 0; i < run->ops_count; i++) {
                const struct model_op *op = &run->ops[i];
                if (op->effect != EFFECT_CALL || !bytes_equal(op->asked.queue, asked->filter.queue))
                        continue;
                if (!still || (op->open && op->opened_lsn <= asked->ask->lsn[shard_of_run(run->id)]))
                        return true;
        }
        return false;
}

static bool may_be_listed(const struct asked *asked, const struct model_run *run)
{
        const struct run_filter *f = &asked->filter;
        if (f->queue.size && !has_call_on(asked, run, false))
                return false;
        if (run_filter_asks_end(f) && (run->ending == RUN_OPEN || !is_within(f->ended, run->ended_ns)))
                return false;
        return is_within(f->started, run->started_ns);
}

static bool must_be_listed(const struct sim *s, const struct asked *asked, const struct model_run *run)
{
        const struct run_filter *f = &asked->filter;
        uint64_t lsn = asked->ask->lsn[shard_of_run(run->id)];
        if (run->first_lsn > lsn || model_may_be_gone(s->model, run))
                return false;
        if (f->queue.size && !has_call_on(asked, run, true))
                return false;
        if (run_filter_asks_end(f) && run->last_lsn > lsn)
                return false;
        return may_be_listed(asked, run);
}

/* The run that a row is of; NULL if it is none. */
static struct model_run *run_of(const struct sim *s, struct bytes row)
{
        struct cursor c = cursor_find(row, "run_id");
        uint64_t id;
        return run_id_parse(cursor_str(&c), &id) ? model_run(s->model, id) : NULL;
}

static bool is_in_order(const struct model_run *newer, const struct model_run *older)
{
        int64_t newer_ms = newer->started_ns / MS, older_ms = older->started_ns / MS;
        return newer_ms > older_ms || (newer_ms == older_ms && newer->id > older->id);
}

static void check_rows(struct sim *s, const struct asked *asked, struct bytes value)
{
        const struct model_run *last = NULL;
        struct cursor c = cursor_of(value);
        for (uint32_t left = cursor_array(&c); left && !c.failed; left--) {
                const struct model_run *run = run_of(s, cursor_skip(&c));
                if (!run)
                        continue; /* told elsewhere */
                if (!may_be_listed(asked, run))
                        sim_break(s, "P32: run %llx is in a list that it does not fit",
                                  (unsigned long long)run->id);
                if (last && !is_in_order(last, run))
                        sim_break(s, "P32: run %llx is in a list behind an older one",
                                  (unsigned long long)run->id);
                last = run;
        }
}

static bool is_listed(struct bytes value, const struct model_run *run)
{
        struct cursor c = cursor_of(value);
        for (uint32_t left = cursor_array(&c); left && !c.failed; left--) {
                struct cursor at = cursor_find(cursor_skip(&c), "run_id");
                uint64_t id;
                if (run_id_parse(cursor_str(&at), &id) && id == run->id)
                        return true;
        }
        return false;
}

void check_list(struct sim *s, const struct ask *ask, struct bytes value)
{
        struct asked asked = asked_by(ask);
        struct cursor c = cursor_of(value);
        check_rows(s, &asked, value);
        if (cursor_array(&c) >= asked.limit)
                return; /* the others had no room */
        list_each(at, model_runs(s->model))
        {
                const struct model_run *run = container_of(at, struct model_run, all);
                if (must_be_listed(s, &asked, run) && !is_listed(value, run))
                        sim_break(s, "P32: run %llx is missing in a list that it fits",
                                  (unsigned long long)run->id);
        }
}
