/* SPDX-License-Identifier: MIT
 *
 * Lists of runs, and counts. A list has the newest runs that fit, those in memory and those in the store:
 * what is in memory is newer, and wins. An index of the store narrows the search where a filter has one, and
 * so do times: a shard's runs start in the order of their ids.
 *
 * However many fit, no more of them are kept than the list is to have.
 */
#include "actors/run_image.h"
#include "base/attributes.h"
#include "base/heap.h"
#include "runtime/run_filter.h"
#include "runtime/run_show.h"
#include "runtime/shard_state.h"
#include "wal/le.h"

#include <stdlib.h>

enum { LIST_LIMIT = 100, LIST_LIMIT_MAX = 1000 };

/* --- what was found --- */

/* A run that fits. Its summary is made at once where the run itself is only looked at. */
struct found {
        struct heap_node by_age; /* its time is the run's id */
        uint64_t run;
        const struct run *here; /* NULL: it is in the store */
        struct buffer summary;
};

/* From <= id < to. */
struct id_range {
        uint64_t from;
        uint64_t to;
};

struct listing {
        struct shard *shard;
        struct run_filter filter;
        struct heap found; /* struct found: the newest so far, `limit` at most */
        size_t limit;

        /* of the entries of the store that are looked at */
        struct id_range ids; /* which runs may be taken */
        size_t key_offset;   /* where in a key the run is */
        bool newest_first;   /* so they come: one that has no room ends it */
};

static struct found *oldest(const struct listing *l)
{
        struct heap_node *node = heap_min(&l->found);
        return node ? container_of(node, struct found, by_age) : NULL;
}

static bool has_room(const struct listing *l, uint64_t run)
{
        return l->found.count < l->limit || run > oldest(l)->run;
}

/* There is room for it: it may push out the oldest. */
static struct found *take(struct listing *l, uint64_t run)
{
        struct found *found = l->found.count < l->limit ? xcalloc(1, sizeof *found) : oldest(l);
        found->run = run;
        found->here = NULL;
        buffer_clear(&found->summary);
        heap_put(&l->found, &found->by_age, (int64_t)run);
        return found;
}

static void put_summary(const struct run *run, struct buffer *to)
{
        struct table t = table_begin(to);
        run_show_summary(&t, run);
        table_end(&t);
}

static void put_found(struct found *found, struct buffer *parts)
{
        if (found->here)
                put_summary(found->here, parts);
        else
                buffer_append(parts, found->summary.data, found->summary.size);
        buffer_fini(&found->summary);
        free(found);
}

static void put_all_found(struct listing *l, struct buffer *parts)
{
        size_t count = l->found.count;
        struct found **newest_first = xmalloc((count + 1) * sizeof(struct found *));
        for (size_t place = count; place--;) {
                newest_first[place] = oldest(l);
                heap_remove(&l->found, &newest_first[place]->by_age);
        }
        for (size_t place = 0; place < count; place++)
                put_found(newest_first[place], parts);
        free(newest_first);
        heap_fini(&l->found);
}

/* --- in memory --- */

static void search_here(struct listing *l)
{
        list_each(at, &l->shard->set.all)
        {
                const struct run *run = container_of(at, struct run, in_shard);
                if (has_room(l, run->id) && run_filter_fits(&l->filter, run))
                        take(l, run->id)->here = run;
        }
}

/* --- entries of the store --- */

/* A run that is not in memory, for as long as it takes to look at it. */
static int look_at_stored(struct listing *l, uint64_t id)
{
        struct run_tables tables = { 0 };
        struct run *run;
        stet_why why = { "" };
        int err = run_store_load(l->shard->options.store, id, &tables, &run, &why);
        if (err)
                return err == STET_ENOTFOUND || err == STET_ECORRUPT ? 0 : err;
        if (run_filter_fits(&l->filter, run))
                put_summary(run, &take(l, id)->summary);
        run_free(run, &tables);
        run_tables_fini(&tables);
        return 0;
}

static int visit_entry(void *ctx, struct bytes key, struct bytes value)
{
        struct listing *l = ctx;
        const struct run_set *set = &l->shard->set;
        uint64_t id = run_key_number(key, l->key_offset);
        (void)value;
        if (!has_room(l, id))
                return l->newest_first ? -1 : 0;
        if (id < l->ids.from || id >= l->ids.to || run_set_here(set, id) || map_find(&set->removed, id))
                return 0;
        return look_at_stored(l, id);
}

static void scan(struct listing *l, const struct run_key *from, const struct run_key *to)
{
        stet_why why = { "" };
        int err = store_scan(l->shard->options.store->store, run_key_bytes(from), run_key_bytes(to), true,
                             visit_entry, l, &why);
        if (err > 0)
                shard_log(l->shard, STET_LOG_ERROR, "a list is not whole: %s", why.text);
}

/* Entries that begin so and end with a run. */
static void scan_runs(struct listing *l, const struct run_key *index, struct id_range ids)
{
        struct run_key from = *index, to = *index;
        if (ids.from >= ids.to)
                return;
        run_key_u64(&from, ids.from);
        run_key_u64(&to, ids.to);
        l->ids = ids;
        l->key_offset = index->size;
        l->newest_first = true;
        scan(l, &from, &to);
}

static int64_t ns_of(int64_t ms)
{
        int64_t ns;
        return __builtin_mul_overflow(ms, 1000000, &ns) ? INT64_MAX : ns;
}

/* Runs that ended so in the time that is asked for. */
static void scan_ended(struct listing *l, uint8_t ending, struct id_range ids)
{
        struct time_range ended = l->filter.ended;
        struct run_key from = run_key_ended(l->shard->options.store, ending, l->filter.ns), to = from;
        if (ended.from_ms >= ended.to_ms)
                return;
        run_key_u64(&from, (uint64_t)ns_of(ended.from_ms));
        run_key_u64(&to, (uint64_t)ns_of(ended.to_ms));
        l->ids = ids;
        l->key_offset = from.size;
        l->newest_first = false;
        scan(l, &from, &to);
}

/* --- in the store --- */

/* The id from which on runs started then or later; `unknown` if that can't be told. */
static uint64_t first_run_from(const struct listing *l, int64_t from_ms, uint64_t unknown)
{
        uint64_t run;
        stet_why why;
        return run_store_first_from(l->shard->options.store, ns_of(from_ms), &run, &why) ? unknown : run;
}

static int64_t earlier(int64_t a, int64_t b)
{
        return a < b ? a : b;
}

/* Nothing ends before it starts, and a list that goes on behind a run goes on behind its start. */
static struct id_range possible_ids(const struct listing *l)
{
        const struct run_filter *f = &l->filter;
        struct id_range ids = { 0, UINT64_MAX };
        int64_t to_ms = earlier(f->started.to_ms, f->ended.to_ms);
        bool before_here = f->before_run && shard_of_run(f->before_run) == l->shard->options.index;
        if (f->before_run && !before_here)
                to_ms = earlier(to_ms, f->before_ns / 1000000 + 1);
        if (f->started.from_ms || f->ended.from_ms)
                ids.from = first_run_from(l, f->started.from_ms, 0);
        if (to_ms != INT64_MAX)
                ids.to = first_run_from(l, to_ms, UINT64_MAX);
        if (before_here && f->before_run < ids.to)
                ids.to = f->before_run;
        return ids;
}

/* The number of a state's name; false for one that only runs in memory can have. */
static bool ending_of(struct bytes state, uint8_t *ret)
{
        for (uint8_t i = RUN_OPEN; i <= RUN_CONTINUED; i++)
                if (bytes_equal(state, bytes_str(run_ending_name(i)))) {
                        *ret = i;
                        return true;
                }
        return false;
}

/* An index that leaves so few runs that their times need no index. */
static bool choose_narrow_index(const struct listing *l, struct run_key *ret)
{
        const struct run_store *rs = l->shard->options.store;
        const struct run_filter *f = &l->filter;
        uint8_t parent[8];
        struct cursor attributes = cursor_of(f->attributes);
        be64_put(parent, f->parent);
        if (f->attributes.size && cursor_map(&attributes))
                *ret = run_key_index(rs, INDEX_ATTRIBUTE, f->ns, attribute_next(&attributes));
        else if (f->parent)
                *ret = run_key_index(rs, INDEX_PARENT, f->ns, bytes_of(parent, sizeof parent));
        else if (f->queue.size)
                *ret = run_key_index(rs, INDEX_QUEUE, f->ns, f->queue);
        else
                return false;
        return true;
}

/* What runs may be in, by number (enum run_ending): first to last. */
struct states {
        uint8_t first;
        uint8_t last;
};

/* False: none that the store knows. */
static bool choose_states(const struct run_filter *f, struct states *ret)
{
        *ret = (struct states){ run_filter_asks_end(f) ? RUN_COMPLETED : RUN_OPEN, RUN_CONTINUED };
        if (!f->state.size)
                return true;
        if (!ending_of(f->state, &ret->first))
                return false;
        ret->last = ret->first;
        return true;
}

static void search_by_start(struct listing *l, struct states states, struct id_range ids)
{
        const struct run_store *rs = l->shard->options.store;
        const struct run_filter *f = &l->filter;
        struct run_key index = run_key_of('r');
        bool is_any_state = states.first == RUN_OPEN && states.last == RUN_CONTINUED;
        if (f->workflow.size)
                index = run_key_index(rs, INDEX_WORKFLOW, f->ns, f->workflow);
        if (f->workflow.size || is_any_state) {
                scan_runs(l, &index, ids);
                return;
        }
        for (uint8_t state = states.first; state <= states.last; state++) {
                index = run_key_index(rs, INDEX_STATE, f->ns, bytes_of(&state, 1));
                scan_runs(l, &index, ids);
        }
}

static void search_by_end(struct listing *l, struct states states, struct id_range ids)
{
        for (uint8_t ending = states.first; ending <= states.last; ending++)
                scan_ended(l, ending, ids);
}

/* Of the runs that started after the time from which on runs are to have ended, all have ended after it, too:
 * those are read in the order of the list, which soon has enough. Of the older ones few have lived so long,
 * and they are found by their end. */
static void search_store(struct listing *l)
{
        struct run_key index;
        struct states states;
        if (!l->shard->options.store || !choose_states(&l->filter, &states))
                return;
        struct id_range ids = possible_ids(l), young = ids;
        if (choose_narrow_index(l, &index)) {
                scan_runs(l, &index, ids);
                return;
        }
        if (l->filter.ended.from_ms)
                young.from = first_run_from(l, l->filter.ended.from_ms, ids.from);
        if (young.from < ids.from)
                young.from = ids.from;
        if (young.from > ids.to)
                young.from = ids.to;
        search_by_start(l, states, young);
        if (ids.from < young.from && has_room(l, young.from - 1))
                search_by_end(l, states, (struct id_range){ ids.from, young.from });
}

/* --- a list --- */

void shard_list(struct shard *s, const struct message *m, struct buffer *parts)
{
        struct listing l = { .shard = s, .filter = run_filter_of(m) };
        l.limit = shard_argument_number(m, "limit", LIST_LIMIT);
        if (l.limit > LIST_LIMIT_MAX)
                l.limit = LIST_LIMIT_MAX;
        search_here(&l);
        search_store(&l);
        put_all_found(&l, parts);
}

/* --- counts --- */

void shard_put_stats(const struct shard *s, struct buffer *parts)
{
        const struct checkpoints *c = s->options.checkpoints;
        struct table t = table_begin(parts);
        table_uint(&t, "open", s->endings[RUN_OPEN]);
        table_uint(&t, "completed", s->endings[RUN_COMPLETED]);
        table_uint(&t, "failed", s->endings[RUN_FAILED]);
        table_uint(&t, "canceled", s->endings[RUN_CANCELED]);
        table_uint(&t, "terminated", s->endings[RUN_TERMINATED]);
        table_uint(&t, "continued", s->endings[RUN_CONTINUED]);
        table_uint(&t, "blocked", s->blocked);
        table_uint(&t, "removed", s->removed);
        table_uint(&t, "awake", s->awake_count);
        table_uint(&t, "in_memory", s->set.count);
        table_uint(&t, "owed", s->set.tables.ops_count);
        table_uint(&t, "timers", s->set.tables.timers.count);
        table_uint(&t, "lsn", s->durable_lsn);
        table_uint(&t, "checkpoint_lsn", s->checkpoint_lsn);
        table_uint(&t, "lag_bytes", shard_lag_bytes(s));
        table_uint(&t, "epoch", s->options.log->epoch);
        table_uint(&t, "commits", s->log_stats.commits);
        table_uint(&t, "records", s->log_stats.records);
        table_uint(&t, "bytes", s->log_stats.bytes);
        table_uint(&t, "disk_bytes", s->log_stats.disk_bytes);
        table_uint(&t, "store_bytes", c ? atomic_load_explicit(&c->store_bytes, memory_order_relaxed) : 0);
        table_end(&t);
}
