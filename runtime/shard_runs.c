/* SPDX-License-Identifier: MIT
 *
 * Which runs are in memory. Those to which something happens; the others are in the store, and cost nothing.
 *
 * A run may leave when the store has it as it stands and it has been left alone for a while; an ended one at
 * once. A run whose timer is due soon is brought back ahead of it: whoever has a timer that is due until
 * armed_until_ns is in memory, so only what lies behind that is looked for in the store.
 */
#include "base/run_id.h"
#include "runtime/shard_state.h"

#include "actors/run_image.h"

#include <stdio.h>
#include <stdlib.h>

enum {
        SWEEP_SLICE = 256,     /* runs looked at in one tick */
        ARM_SLICE = 256,       /* timers looked for in one tick */
        STACKS_KEPT = 256,     /* besides as many as were in use at a time */
        STACKS_SLICE = 64,     /* given back in one tick */
        ROOM_MANY = 4096,      /* for so many runs it is worth asking the allocator what it can give back */
        PRESSED_NS = 20000000, /* for one that was looked at to leave, when there are too many */
};

#define ARM_AHEAD_NS INT64_C(1000000000)

static int64_t earlier(int64_t a, int64_t b)
{
        return a < b ? a : b;
}

/* --- finding --- */

static bool is_pressed(const struct shard *s)
{
        return s->options.runs_max && s->set.count > s->options.runs_max;
}

static void sweep_after(struct shard *s, int64_t wait_ns)
{
        s->sweep_due_ns = earlier(s->sweep_due_ns, s->last_time_ns + wait_ns);
}

void shard_touch(struct shard *s, struct run *run)
{
        run->touched_ns = s->last_time_ns;
        sweep_after(s, s->options.idle_ns);
}

void shard_store_failed(struct shard *s, int err, const stet_why *why)
{
        if (s->failure)
                return;
        s->failed = true;
        s->failure = err;
        s->failure_why = *why;
}

/* A run that can't be read stands still, and the others go on. */
static struct run *quarantine(struct shard *s, uint64_t id, const char *reason)
{
        char sentence[600];
        struct run *run = run_set_add(&s->set, id);
        run->damaged = true;
        run->ns = xcalloc(1, 3);
        run->workflow = run->ns + 1;
        run->workflow_id = run->ns + 2;
        snprintf(
            sentence, sizeof sentence,
            "what is kept of it is damaged: %s; see `stet verify`, then restore a backup or `stet recover`",
            reason);
        shard_block(s, run, sentence);
        return run;
}

/* What a search in the set has found. */
static struct run *found(struct shard *s, struct run *run, uint64_t id, int err, const stet_why *why)
{
        if (err == STET_ECORRUPT && id) {
                run = quarantine(s, id, why->text);
        } else if (err) {
                shard_store_failed(s, err, why);
                return NULL;
        }
        /* One that has just come from the store may go again soon, if nothing happens to it. */
        if (run && !run->touched_ns) {
                shard_touch(s, run);
                if (is_pressed(s))
                        sweep_after(s, PRESSED_NS);
        }
        return run;
}

struct run *shard_run_by_id(struct shard *s, uint64_t id)
{
        stet_why why = { "" };
        struct run *run = NULL;
        int err = run_set_find(&s->set, id, &run, &why);
        return found(s, run, id, err, &why);
}

struct run *shard_run_by_name(struct shard *s, struct bytes ns, struct bytes id)
{
        stet_why why = { "" };
        struct run *run = NULL;
        uint64_t latest = 0;
        int err = run_set_find_name(&s->set, ns, id, &run, &why);
        if (err == STET_ECORRUPT)
                run_store_find_name(s->options.store, ns, id, &latest, NULL);
        return found(s, run, latest, err, &why);
}

struct run *shard_run_by_request(struct shard *s, uint8_t event, struct bytes ns, struct bytes id,
                                 struct bytes request_id)
{
        stet_why why = { "" };
        struct run *run = NULL;
        uint64_t applied = 0;
        int err = run_set_find_request(&s->set, event, ns, id, request_id, &run, &why);
        if (err == STET_ECORRUPT)
                run_store_find_request(s->options.store, event, ns, id, request_id, &applied, NULL);
        return found(s, run, applied, err, &why);
}

struct run *shard_run_find(struct shard *s, struct bytes ns, struct bytes id)
{
        struct run *run = shard_run_by_name(s, ns, id);
        uint64_t number;
        if (!run && run_id_parse(id, &number)) {
                run = shard_run_by_id(s, number);
                if (run && !run->damaged && !bytes_equal(bytes_str(run->ns), ns))
                        run = NULL;
        }
        return run;
}

struct run *shard_last_of_chain(struct shard *s, struct run *run)
{
        while (run->ending == RUN_CONTINUED && run->continued_as) {
                struct run *next = shard_run_by_id(s, run->continued_as);
                if (!next)
                        return run;
                run = next;
        }
        return run;
}

/* --- timers of runs that are not in memory --- */

struct stored_timers {
        struct shard *shard;
        uint64_t runs[ARM_SLICE];
        unsigned count;
        int64_t until_ns; /* only those that are due until then */
        int64_t next_ns;  /* when the first one is due that was not taken */
        struct run_key next;
};

static int take_timer(void *ctx, struct bytes key, struct bytes value)
{
        struct stored_timers *t = ctx;
        int64_t due_ns = (int64_t)run_key_number(key, 1);
        (void)value;
        if (due_ns > t->until_ns || t->count == ARM_SLICE) {
                t->next_ns = due_ns;
                memcpy(t->next.bytes, key.data, key.size);
                t->next.size = key.size;
                return -1;
        }
        t->runs[t->count++] = run_key_number(key, 9);
        return 0;
}

/* Too many runs are in memory, and there are timers enough to fire first. */
static bool has_enough(const struct shard *s, int64_t now_ns)
{
        const struct heap_node *first = heap_min(&s->set.tables.timers);
        return is_pressed(s) && first && first->due_ns <= now_ns;
}

static void look_from(struct shard *s, int64_t due_ns)
{
        s->stored_from = run_key_of('t');
        run_key_u64(&s->stored_from, (uint64_t)due_ns);
}

void shard_arm_timers(struct shard *s, int64_t now_ns)
{
        if (s->stored_due_ns == INT64_MAX || s->stored_due_ns - ARM_AHEAD_NS > now_ns ||
            has_enough(s, now_ns))
                return;
        struct stored_timers t = { .shard = s, .until_ns = now_ns + ARM_AHEAD_NS, .next_ns = INT64_MAX };
        struct run_key table = run_key_of('t'), end = run_key_after(&table);
        stet_why why = { "" };
        int err = store_scan(s->options.store->store, run_key_bytes(&s->stored_from), run_key_bytes(&end),
                             false, take_timer, &t, &why);
        if (err > 0) {
                shard_store_failed(s, err, &why);
                return;
        }
        for (unsigned i = 0; i < t.count; i++)
                shard_run_by_id(s, t.runs[i]);
        bool all = t.next_ns > t.until_ns;
        s->armed_until_ns = all ? t.until_ns : t.next_ns - 1;
        s->stored_due_ns = t.next_ns;
        s->stored_from = t.next;
        if (all)
                look_from(s, t.until_ns + 1);
}

/* --- leaving memory --- */

static int64_t first_timer_ns(const struct run *run)
{
        int64_t first_ns = INT64_MAX;
        list_each(at, &run->ops)
        {
                const struct op *op = container_of(at, struct op, in_run);
                if (op->effect == EFFECT_TIMER)
                        first_ns = earlier(first_ns, op->due_ns);
        }
        return first_ns;
}

/* Whether the run can leave now. If only time must pass for that, *next_ns hears when. */
static bool can_leave(const struct shard *s, const struct run *run, int64_t now_ns, bool pressed,
                      int64_t *next_ns)
{
        if (run->touched_lsn > s->checkpoint_lsn || run->waiters || run->blocked)
                return false;
        if (run->ending != RUN_OPEN)
                return true;
        if (run->pending || first_timer_ns(run) <= s->armed_until_ns)
                return false;
        int64_t idle_from_ns = run->touched_ns + s->options.idle_ns;
        if (idle_from_ns <= now_ns || pressed)
                return true;
        *next_ns = earlier(*next_ns, idle_from_ns);
        return false;
}

void shard_leave(struct shard *s, struct run *run)
{
        int64_t due_ns = first_timer_ns(run);
        if (due_ns != INT64_MAX) {
                s->stored_due_ns = earlier(s->stored_due_ns, due_ns);
                if ((uint64_t)due_ns <= run_key_number(run_key_bytes(&s->stored_from), 1))
                        look_from(s, due_ns);
        }
        shard_park(s, run);
        run_set_drop(&s->set, run);
}

static size_t stacks_beyond(const struct shard *s, size_t awake)
{
        size_t there = stack_pool_unused(s->code_env.stacks) + s->awake_count, kept = STACKS_KEPT + awake;
        return there > kept ? there - kept : 0;
}

/* Whether there is memory for far more runs than so many. */
static bool is_roomy(const struct shard *s, size_t runs)
{
        return s->room_runs >= ROOM_MANY && s->room_runs / 4 >= runs;
}

static size_t greater(size_t a, size_t b)
{
        return a > b ? a : b;
}

static void note_most(struct shard *s)
{
        s->most_runs = greater(s->most_runs, s->set.count);
        s->most_awake = greater(s->most_awake, s->awake_count);
        s->room_runs = greater(s->room_runs, s->most_runs);
}

/* To give back takes long, and whoever is busy would have to take it all again: so only what a burst took
 * goes, and was not needed any more since the look before this one. */
static void look_what_goes(struct shard *s, int64_t now_ns)
{
        s->giving_back = true;
        s->give_back_due_ns = now_ns + s->options.idle_ns / 2;
        s->needed_runs = s->most_runs;
        s->needed_awake = s->most_awake;
        s->most_runs = s->set.count;
        s->most_awake = s->awake_count;
}

/* A slice of it. Returns whether there is more. */
static bool give_back(struct shard *s)
{
        size_t stacks = stacks_beyond(s, s->needed_awake);
        if (stacks && stack_pool_unused(s->code_env.stacks)) {
                stack_pool_shrink(s->code_env.stacks, stacks < STACKS_SLICE ? stacks : STACKS_SLICE);
                return true;
        }
        if (!is_roomy(s, s->needed_runs))
                return false;
        s->room_runs = s->needed_runs;
        run_set_shrink(&s->set);
        shard_shrink_groups(s);
        if (s->options.give_back)
                s->options.give_back();
        return false;
}

static void begin_sweep(struct shard *s)
{
        s->sweep_left = s->set.count;
        s->sweep_due_ns = INT64_MAX;
        s->sweep_next_ns = INT64_MAX;
}

void shard_sweep(struct shard *s, int64_t now_ns)
{
        bool pressed = is_pressed(s);
        if (!s->options.store || s->failed)
                return;
        note_most(s);
        if (!s->sweep_left) {
                if (s->giving_back)
                        s->giving_back = give_back(s);
                if (now_ns < s->sweep_due_ns)
                        return;
                begin_sweep(s);
        }
        for (unsigned i = 0; i < SWEEP_SLICE && s->sweep_left; i++, s->sweep_left--) {
                struct run *run = container_of(s->set.all.next, struct run, in_shard);
                list_remove(&run->in_shard);
                list_push(&s->set.all, &run->in_shard);
                if (can_leave(s, run, now_ns, pressed, &s->sweep_next_ns))
                        shard_leave(s, run);
                else
                        run_requests_forget(run, &s->set.tables, s->checkpoint_lsn);
        }
        if (s->sweep_left)
                return;
        if (now_ns >= s->give_back_due_ns)
                look_what_goes(s, now_ns);
        if (stacks_beyond(s, s->awake_count) || is_roomy(s, s->set.count))
                s->sweep_due_ns = earlier(s->sweep_due_ns, s->give_back_due_ns);
        s->sweep_due_ns = earlier(s->sweep_due_ns, s->sweep_next_ns);
}

void shard_checkpointed(struct shard *s, int64_t now_ns)
{
        struct checkpoints *c = s->options.checkpoints;
        int err = c ? atomic_load_explicit(&c->err, memory_order_acquire) : 0;
        if (err && err != STET_EFULL)
                shard_store_failed(s, err, &c->why);
        if (c)
                checkpoints_hear(c);
        uint64_t lsn = checkpoints_lsn(c);
        if (lsn <= s->checkpoint_lsn)
                return;
        s->checkpoint_lsn = lsn;
        run_set_removed_until(&s->set, lsn);
        shard_retire_later(s, now_ns);
        s->sweep_due_ns = earlier(s->sweep_due_ns, now_ns);
}

int64_t shard_runs_deadline(const struct shard *s)
{
        int64_t arm_ns = s->stored_due_ns == INT64_MAX ? INT64_MAX : s->stored_due_ns - ARM_AHEAD_NS;
        if (!s->options.store)
                return INT64_MAX;
        /* Then nothing is armed until a timer has fired, which a full shard can't do. */
        if (has_enough(s, s->last_time_ns))
                arm_ns = INT64_MAX;
        return earlier(arm_ns, s->sweep_left || s->giving_back ? 0 : s->sweep_due_ns);
}

/* --- all of them --- */

struct each {
        struct shard *shard;
        shard_run_fn *visit;
        void *ctx;
        struct run **here; /* those in memory, by id */
        size_t here_count;
        size_t at;
};

static int by_id(const void *a, const void *b)
{
        uint64_t left = (*(struct run *const *)a)->id, right = (*(struct run *const *)b)->id;
        return left < right ? -1 : left > right;
}

static void visit_here_until(struct each *e, uint64_t id)
{
        for (; e->at < e->here_count && e->here[e->at]->id < id; e->at++)
                e->visit(e->ctx, e->here[e->at]);
}

static int visit_stored_run(void *ctx, struct bytes key, struct bytes image)
{
        struct each *e = ctx;
        struct run_tables tables = { 0 };
        struct run *run;
        uint64_t id = run_key_number(key, 1);
        visit_here_until(e, id);
        if (run_set_here(&e->shard->set, id) || map_find(&e->shard->set.removed, id) ||
            run_image_decode(image, id, &tables, &run))
                return 0;
        e->visit(e->ctx, run);
        run_free(run, &tables);
        run_tables_fini(&tables);
        return 0;
}

void shard_each_run(struct shard *s, shard_run_fn *visit, void *ctx)
{
        struct each e = { .shard = s, .visit = visit, .ctx = ctx };
        struct run_key table = run_key_of('r'), end = run_key_after(&table);
        e.here = xmalloc((s->set.count + 1) * sizeof(struct run *));
        list_each(at, &s->set.all) e.here[e.here_count++] = container_of(at, struct run, in_shard);
        qsort(e.here, e.here_count, sizeof(struct run *), by_id);
        if (s->options.store)
                store_scan(s->options.store->store, run_key_bytes(&table), run_key_bytes(&end), false,
                           visit_stored_run, &e, NULL);
        visit_here_until(&e, UINT64_MAX);
        free(e.here);
}
