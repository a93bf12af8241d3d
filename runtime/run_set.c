/* SPDX-License-Identifier: MIT */
#include "runtime/run_set.h"

#include "base/run_id.h"

#include <stdlib.h>

void run_set_init(struct run_set *set, const struct run_store *store, uint64_t names_key)
{
        *set = (struct run_set){ .store = store, .names_key = names_key };
        list_init(&set->all);
        list_init(&set->removed_list);
}

void run_set_fini(struct run_set *set)
{
        while (!list_empty(&set->all))
                run_set_drop(set, container_of(set->all.next, struct run, in_shard));
        run_set_removed_until(set, UINT64_MAX);
        map_fini(&set->runs);
        map_fini(&set->names);
        map_fini(&set->removed);
        run_tables_fini(&set->tables);
}

/* --- looking --- */

static uint64_t name_hash(const struct run_set *set, struct bytes ns, struct bytes id)
{
        return hash_bytes(set->names_key, hash_bytes(0, 0, ns), id);
}

struct run *run_set_here(const struct run_set *set, uint64_t id)
{
        struct map_node *n = map_find(&set->runs, id);
        return n ? container_of(n, struct run, by_id) : NULL;
}

struct run *run_set_guess(const struct run_set *set, uint64_t id)
{
        struct map_node *n = map_guess(&set->runs, id);
        return n ? container_of(n, struct run, by_id) : NULL;
}

static struct run *named_here(const struct run_set *set, struct bytes ns, struct bytes id)
{
        struct map_node *n = map_find(&set->names, name_hash(set, ns, id));
        for (; n; n = map_find_next(&set->names, n)) {
                struct run *run = container_of(n, struct run, by_name);
                if (bytes_equal(bytes_str(run->workflow_id), id) && bytes_equal(bytes_str(run->ns), ns))
                        return run;
        }
        return NULL;
}

static void put(struct run_set *set, struct run *run)
{
        map_put(&set->runs, &run->by_id, run->id);
        list_push(&set->all, &run->in_shard);
        set->count++;
}

static void put_name(struct run_set *set, struct run *run)
{
        map_put(&set->names, &run->by_name, name_hash(set, bytes_str(run->ns), bytes_str(run->workflow_id)));
        run->named = true;
}

/* A run whose workflow id is its own run id is found by that. */
static bool has_name(const struct run *run)
{
        return run_given_id(run).size != 0;
}

/* A loaded run has its name back, unless a later one has taken it. */
static int take_name_back(struct run_set *set, struct run *run, stet_why *why)
{
        struct bytes ns = bytes_str(run->ns), id = bytes_str(run->workflow_id);
        uint64_t latest;
        if (!has_name(run) || named_here(set, ns, id))
                return 0;
        int err = run_store_find_name(set->store, ns, id, &latest, why);
        if (!err && latest == run->id)
                put_name(set, run);
        return err;
}

int run_set_find(struct run_set *set, uint64_t id, struct run **ret, stet_why *why)
{
        *ret = run_set_here(set, id);
        if (*ret || !set->store || map_find(&set->removed, id))
                return 0;
        struct run *run;
        int err = run_store_load(set->store, id, &set->tables, &run, why);
        if (err)
                return err == STET_ENOTFOUND ? 0 : err;
        put(set, run);
        err = take_name_back(set, run, why);
        if (err)
                run_set_drop(set, run);
        else
                *ret = run;
        return err;
}

int run_set_find_name(struct run_set *set, struct bytes ns, struct bytes id, struct run **ret, stet_why *why)
{
        uint64_t latest = 0;
        int err = 0;
        *ret = named_here(set, ns, id);
        if (*ret || !set->store)
                return 0;
        err = run_store_find_name(set->store, ns, id, &latest, why);
        if (err || !latest)
                return err;
        err = run_set_find(set, latest, ret, why);
        if (!err && *ret && !(*ret)->named)
                *ret = NULL; /* a later run took the name, and was removed */
        return err;
}

int run_set_find_request(struct run_set *set, uint8_t event, struct bytes ns, struct bytes id,
                         struct bytes request_id, struct run **ret, stet_why *why)
{
        uint64_t run = 0;
        struct run_request *here = run_request_find(&set->tables, event, ns, id, request_id);
        *ret = here ? here->run : NULL;
        if (here || !set->store || !request_id.size)
                return 0;
        int err = run_store_find_request(set->store, event, ns, id, request_id, &run, why);
        return err || !run ? err : run_set_find(set, run, ret, why);
}

/* --- changing --- */

static void changing(const struct run_set *set, struct run *run, uint64_t lsn)
{
        if (set->changing)
                set->changing(set->ctx, run);
        run->touched_lsn = lsn;
}

struct run *run_set_add(struct run_set *set, uint64_t id)
{
        struct run *run = run_new(&set->tables, id);
        put(set, run);
        return run;
}

static void lose_name(struct run_set *set, struct run *run)
{
        if (run->named)
                map_remove(&set->names, &run->by_name);
        run->named = false;
}

int run_set_name(struct run_set *set, struct run *run, stet_why *why)
{
        struct run *before = NULL, *from = NULL;
        int err = 0;
        if (!has_name(run))
                return 0;
        err = run_set_find_name(set, bytes_str(run->ns), bytes_str(run->workflow_id), &before, why);
        if (!err && run->continued_from)
                err = run_set_find(set, run->continued_from, &from, why);
        if (err)
                return err;
        if (before) {
                changing(set, before, run->first_lsn);
                lose_name(set, before);
                /* A signal that it has applied must not be applied again by this one. */
                run_senders_move(before, run);
        }
        put_name(set, run);
        if (from) {
                changing(set, from, run->first_lsn);
                from->continued_as = run->id;
        }
        return 0;
}

void run_set_drop(struct run_set *set, struct run *run)
{
        lose_name(set, run);
        map_remove(&set->runs, &run->by_id);
        list_remove(&run->in_shard);
        set->count--;
        run_free(run, &set->tables);
}

static void shrink_map(struct map *m)
{
        if (!m->count)
                map_fini(m);
}

void run_set_shrink(struct run_set *set)
{
        shrink_map(&set->runs);
        shrink_map(&set->names);
        shrink_map(&set->removed);
        shrink_map(&set->tables.ops);
        shrink_map(&set->tables.requests);
        run_tables_shrink(&set->tables);
        if (!set->tables.timers.count)
                heap_fini(&set->tables.timers);
}

void run_set_remove(struct run_set *set, uint64_t id, uint64_t lsn)
{
        struct run *run = run_set_here(set, id);
        if (run)
                run_set_drop(set, run);
        if (!set->store || map_find(&set->removed, id))
                return;
        struct run_removed *removed = xcalloc(1, sizeof *removed);
        removed->lsn = lsn;
        map_put(&set->removed, &removed->by_id, id);
        list_push(&set->removed_list, &removed->in_order);
}

void run_set_removed_until(struct run_set *set, uint64_t checkpoint_lsn)
{
        list_each_safe(at, after, &set->removed_list)
        {
                struct run_removed *removed = container_of(at, struct run_removed, in_order);
                if (removed->lsn > checkpoint_lsn)
                        return;
                map_remove(&set->removed, &removed->by_id);
                list_remove(at);
                free(removed);
        }
}

int run_set_apply(struct run_set *set, const struct record *record, struct run **ret, stet_why *why)
{
        struct run *run = run_set_here(set, record->stream);
        int err = 0;
        if (!run && record->previous_lsn) /* a run's first record: it is nowhere */
                err = run_set_find(set, record->stream, &run, why);
        if (err)
                return err;
        bool new = !run;
        if (new)
                run = run_set_add(set, record->stream);
        changing(set, run, record->lsn);
        err = record->previous_lsn == run->last_lsn ? 0 : STET_ECORRUPT;
        if (!err)
                err = run_apply(run, &set->tables, record->lsn, record->flags, record->time_ns, record->body);
        if (err)
                return stet_why_set(why, err, "record %llu does not fit run %016llx",
                                    (unsigned long long)record->lsn, (unsigned long long)record->stream);
        if (ret)
                *ret = run;
        return new ? run_set_name(set, run, why) : 0;
}

bool run_removal_next(struct cursor *c, uint64_t *ret_run)
{
        if (cursor_end(c) || c->failed)
                return false;
        *ret_run = cursor_uint(c);
        return !c->failed;
}
