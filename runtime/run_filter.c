/* SPDX-License-Identifier: MIT */
#include "runtime/run_filter.h"

#include "base/attributes.h"
#include "base/run_id.h"
#include "runtime/run_show.h"
#include "runtime/shard_state.h"

/* --- out of a message --- */

static int64_t time_ms(const struct message *m, const char *key, int64_t fallback_ms)
{
        uint64_t ms = shard_argument_number(m, key, (uint64_t)fallback_ms);
        return ms < INT64_MAX ? (int64_t)ms : INT64_MAX;
}

struct run_filter run_filter_of(const struct message *m)
{
        struct bytes parent = shard_argument_text(m, "parent");
        struct cursor attributes = cursor_find(m->value, "attributes");
        struct run_filter f = {
                .ns = m->ns.size ? m->ns : bytes_str("default"),
                .state = shard_argument_text(m, "state"),
                .workflow = shard_argument_text(m, "workflow"),
                .queue = shard_argument_text(m, "queue"),
                .started = { time_ms(m, "started_after_ms", 0), time_ms(m, "started_before_ms", INT64_MAX) },
                .ended = { time_ms(m, "ended_after_ms", 0), time_ms(m, "ended_before_ms", INT64_MAX) },
                .before_run = m->token.run,
                .before_ns = m->started_ns
        };
        if (!attributes.failed && cursor_type(&attributes) == UNPACK_MAP)
                f.attributes = cursor_skip(&attributes);
        f.no_parent = parent.size && !run_id_parse(parent, &f.parent);
        return f;
}

/* --- one thing after the other --- */

static bool is_any(struct time_range range)
{
        return range.from_ms == 0 && range.to_ms == INT64_MAX;
}

static bool is_within(struct time_range range, int64_t time_ns)
{
        int64_t ms = time_ns / 1000000;
        return range.from_ms <= ms && ms < range.to_ms;
}

/* The order of a list over all shards: by start, then by run id. */
static bool is_behind(const struct run_filter *f, const struct run *run)
{
        int64_t started_ms = run->started_ns / 1000000, before_ms = f->before_ns / 1000000;
        return started_ms < before_ms || (started_ms == before_ms && run->id < f->before_run);
}

static bool is_in_state(const struct run *run, struct bytes state)
{
        return bytes_equal(state, bytes_str(run_state_name(run))) ||
               (run->blocked && bytes_equal(state, bytes_str("open")));
}

static bool has_call_on(const struct run *run, struct bytes queue)
{
        list_each(at, &run->ops)
        {
                const struct op *op = container_of(at, struct op, in_run);
                if (op->effect == EFFECT_CALL && bytes_equal(op_queue(op), queue))
                        return true;
        }
        return false;
}

static bool has_attribute(const struct run *run, struct bytes wanted)
{
        struct cursor c = cursor_of(run->attributes);
        for (uint32_t left = run->attributes.size ? cursor_map(&c) : 0; left; left--)
                if (bytes_equal(attribute_next(&c), wanted))
                        return true;
        return false;
}

static bool has_attributes(const struct run *run, struct bytes wanted)
{
        struct cursor c = cursor_of(wanted);
        for (uint32_t left = wanted.size ? cursor_map(&c) : 0; left && !c.failed; left--)
                if (!has_attribute(run, attribute_next(&c)))
                        return false;
        return true;
}

/* --- all of it --- */

bool run_filter_asks_end(const struct run_filter *f)
{
        return !is_any(f->ended);
}

/* Nothing is known of a damaged run but that it stands still. */
static bool fits_damaged(const struct run_filter *f)
{
        return bytes_equal(f->state, bytes_str("blocked")) && !f->workflow.size && !f->queue.size &&
               !f->parent && !f->no_parent && !f->attributes.size && is_any(f->started) && is_any(f->ended) &&
               !f->before_run;
}

bool run_filter_fits(const struct run_filter *f, const struct run *run)
{
        if (run->damaged)
                return fits_damaged(f);
        if (!bytes_equal(bytes_str(run->ns), f->ns))
                return false;
        if (f->state.size && !is_in_state(run, f->state))
                return false;
        if (f->workflow.size && !bytes_equal(f->workflow, bytes_str(run->workflow)))
                return false;
        if (f->no_parent || (f->parent && f->parent != run->parent))
                return false;
        if (f->queue.size && !has_call_on(run, f->queue))
                return false;
        if (!is_within(f->started, run->started_ns))
                return false;
        if (run_filter_asks_end(f) && (run->ending == RUN_OPEN || !is_within(f->ended, run->ended_ns)))
                return false;
        return has_attributes(run, f->attributes) && (!f->before_run || is_behind(f, run));
}
