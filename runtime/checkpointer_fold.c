/* SPDX-License-Identifier: MIT
 *
 * Folding a batch's records into the runs that they are of: run by run, in the order in which the runs
 * started, and not record by record. So a run is near the processor once, while all its records are folded
 * and its entries are made, and then it is dropped.
 *
 * That gives what the log's order gives, since what runs do to each other happens in two places only: where a
 * run starts (it takes the id from the one before, which has ended), and where runs are removed. Runs are
 * numbered in the order of their starts, and a removal is taken before the first start that is behind it in
 * the log. Runs that either may concern stay until the batch's end.
 */
#include "runtime/checkpointer_state.h"

#include "base/prefetch.h"
#include "wal/record_layout.h"

#include <stdlib.h>

/* --- what has changed --- */

struct run_change *checkpointer_change(struct checkpointer *c, uint64_t id)
{
        struct map_node *n = map_find(&c->changes_by_id, id);
        if (n)
                return container_of(n, struct run_change, by_id);
        struct run_change *change = arena_alloc(&c->changes_arena, sizeof *change);
        *change = (struct run_change){ .id = id };
        if (c->changes_count == c->changes_capacity)
                c->changes = checkpointer_grown(c->changes, &c->changes_capacity, sizeof c->changes[0]);
        c->changes[c->changes_count++] = change;
        map_put(&c->changes_by_id, &change->by_id, id);
        return change;
}

/* The run is about to change: its keys are kept as they are. */
static void remember(struct checkpointer *c, struct run_change *change, struct run *run)
{
        if (change->run)
                return;
        change->run = run;
        change->is_new = !run->transitions;
        change->transitions = run->transitions;
        change->keys_at = c->keys.size;
        if (!change->is_new)
                run_state_keys(&c->store, run, &c->keys);
        change->keys_size = c->keys.size - change->keys_at;
}

void checkpointer_changing(void *ctx, struct run *run)
{
        struct checkpointer *c = ctx;
        remember(c, checkpointer_change(c, run->id), run);
}

/* --- the records of a run --- */

/* A run whose image is damaged stands still, but what the log has of it is kept. */
static void stand_for_damaged(struct checkpointer *c, struct run_change *change)
{
        struct run *run = run_set_add(&c->set, change->id);
        run->damaged = true;
        run->ns = xcalloc(1, 3);
        run->workflow = run->ns + 1;
        run->workflow_id = run->ns + 2;
        run->transitions = 1;
        remember(c, change, run);
        change->keys_size = 0;
}

static int fold_transition(struct checkpointer *c, struct run_change *change, const struct record *record)
{
        struct run *run = change->run;
        if (run && run->damaged)
                return 0;
        uint32_t before = run ? run->ending : RUN_OPEN;
        int err = run_set_apply(&c->set, record, &run, c->why);
        if (err == STET_ECORRUPT && !run_set_here(&c->set, change->id)) {
                stand_for_damaged(c, change);
                return 0;
        }
        if (err)
                return err;
        if (run->transitions == 1)
                c->counts.by_ending[RUN_OPEN]++;
        if (before != run->ending) {
                c->counts.by_ending[before]--;
                c->counts.by_ending[run->ending]++;
        }
        return 0;
}

/* A noted attempt: see shard_recover.c. It counts for a restart only while it is in the log or in an image.
 */
static int fold_note(struct checkpointer *c, struct run_change *change, const struct record *record)
{
        struct run *run;
        int err = run_set_find(&c->set, change->id, &run, c->why);
        if (err || !run || run->damaged)
                return err == STET_ECORRUPT ? 0 : err;
        remember(c, change, run);
        run_apply_note(run, &c->set.tables, record->body);
        return 0;
}

static struct record record_at(const struct checkpointer *c, uint32_t place)
{
        return record_of(c->bytes.data + c->records[place - 1].offset);
}

static int fold_run(struct checkpointer *c, struct run_change *change)
{
        int err = 0;
        for (uint32_t place = change->first; place && !err; place = c->records[place - 1].next) {
                struct record record = record_at(c, place);
                err = record.kind == RECORD_NOTE ? fold_note(c, change, &record)
                                                 : fold_transition(c, change, &record);
        }
        return err;
}

/* --- removals --- */

/* Those of the batch's runs that it removes, too. */
static void mark_leaving(struct checkpointer *c)
{
        for (uint32_t place = c->removals_first; place; place = c->records[place - 1].next) {
                struct record record = record_at(c, place);
                struct cursor ids = cursor_of(record.body);
                uint64_t id;
                while (run_removal_next(&ids, &id)) {
                        struct map_node *n = map_find(&c->changes_by_id, id);
                        if (n)
                                container_of(n, struct run_change, by_id)->leaves = true;
                }
        }
}

/* The run is gone from here on, and what is written later wins: a run that starts behind the removal may say
 * a request of this one again. */
static int take_out(struct checkpointer *c, struct run *run, uint64_t lsn)
{
        struct run_change *change = checkpointer_change(c, run->id);
        remember(c, change, run);
        c->counts.by_ending[run->ending]--;
        if (run->named) {
                struct run_key key = run_key_name(&c->store, bytes_str(run->ns), bytes_str(run->workflow_id));
                store_remove(&c->batch, run_key_bytes(&key));
        }
        change->run = NULL;
        run_set_remove(&c->set, run->id, lsn);
        return checkpointer_write_removed(c, change, c->why);
}

static int fold_removal(struct checkpointer *c, const struct record *record)
{
        struct cursor ids = cursor_of(record->body);
        uint64_t id;
        int err = 0;
        while (!err && run_removal_next(&ids, &id)) {
                struct run *run;
                err = run_set_find(&c->set, id, &run, c->why);
                if (!err && run && !run->damaged)
                        err = take_out(c, run, record->lsn);
                if (err == STET_ECORRUPT)
                        err = 0; /* what can't be read stays, for who mends it */
        }
        return err;
}

static int fold_removals_before(struct checkpointer *c, uint64_t lsn)
{
        int err = 0;
        while (c->removals_first && !err) {
                struct record record = record_at(c, c->removals_first);
                if (record.lsn >= lsn)
                        break;
                c->removals_first = c->records[c->removals_first - 1].next;
                err = fold_removal(c, &record);
        }
        return err;
}

/* --- all of it --- */

static int by_id(const void *a, const void *b)
{
        uint64_t left = (*(struct run_change *const *)a)->id, right = (*(struct run_change *const *)b)->id;
        return left < right ? -1 : left > right;
}

static void sort_changes(struct checkpointer *c)
{
        if (c->changes_count)
                qsort(c->changes, c->changes_count, sizeof c->changes[0], by_id);
}

/* The records that are folded soon. */
static void look_ahead(const struct checkpointer *c, size_t i, size_t count)
{
        enum { FAR = 8, NEAR = 3, USUAL = 512 /* bytes of a record */ };
        if (i + FAR < count)
                prefetch(c->changes[i + FAR], 1);
        if (i + NEAR >= count)
                return;
        for (uint32_t place = c->changes[i + NEAR]->first; place; place = c->records[place - 1].next) {
                const struct read_record *r = &c->records[place - 1];
                prefetch(c->bytes.data + r->offset, r->size < USUAL ? r->size : USUAL);
        }
}

/* Whether a later start or a removal of the batch may concern the run. */
static bool is_met_again(const struct run_change *change)
{
        return change->leaves || change->run->named || change->run->ending == RUN_CONTINUED;
}

static bool is_start(const struct record *record)
{
        return record->kind == RECORD_TRANSITION && !record->previous_lsn;
}

static int fold_change(struct checkpointer *c, struct run_change *change)
{
        struct record first = record_at(c, change->first);
        int err = is_start(&first) ? fold_removals_before(c, first.lsn) : 0;
        if (!err)
                err = fold_run(c, change);
        if (err || !change->run || is_met_again(change))
                return err;
        struct run *run = change->run;
        err = checkpointer_write(c, change, c->why);
        run_set_drop(&c->set, run);
        return err;
}

/* Those that stayed, and those that had no records but were concerned. */
static int write_others(struct checkpointer *c)
{
        size_t left = 0;
        int err = 0;
        for (size_t i = 0; i < c->changes_count; i++)
                if (c->changes[i]->run)
                        c->changes[left++] = c->changes[i];
        c->changes_count = left;
        sort_changes(c);
        for (size_t i = 0; i < c->changes_count && !err; i++)
                err = checkpointer_write(c, c->changes[i], c->why);
        return err;
}

int checkpointer_fold(struct checkpointer *c)
{
        size_t count = c->changes_count; /* more may come, behind these */
        int err = 0;
        mark_leaving(c);
        sort_changes(c);
        for (size_t i = 0; i < count && !err; i++) {
                look_ahead(c, i, count);
                err = fold_change(c, c->changes[i]);
        }
        if (!err)
                err = fold_removals_before(c, UINT64_MAX);
        return err ? err : write_others(c);
}
