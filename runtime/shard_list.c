/* SPDX-License-Identifier: MIT
 *
 * Lists of runs, and counts. A list is read backwards from the newest run, from memory and from the store at
 * once: what is in memory is newer, and wins. An index of the store narrows the search where a filter has
 * one.
 */
#include "actors/run_image.h"
#include "base/attributes.h"
#include "base/run_id.h"
#include "runtime/run_show.h"
#include "runtime/shard_state.h"
#include "wal/le.h"

#include <stdlib.h>

enum { LIST_LIMIT = 100, LIST_LIMIT_MAX = 1000 };

/* --- arguments --- */

struct bytes shard_argument_text(const struct message *m, const char *key)
{
        struct cursor c = cursor_find(m->value, key);
        return cursor_str(&c);
}

uint64_t shard_argument_number(const struct message *m, const char *key, uint64_t fallback)
{
        struct cursor c = cursor_find(m->value, key);
        uint64_t value = cursor_uint(&c);
        return c.failed || !value ? fallback : value;
}

/* --- which runs --- */

struct filter {
        struct bytes ns;
        struct bytes state;
        struct bytes workflow;
        uint64_t parent;         /* 0: any */
        bool no_parent;          /* what was asked for is no run id: nothing fits */
        struct bytes attributes; /* a map; empty: any */
        uint64_t before_run;     /* 0: from the newest on */
        int64_t before_ns;
};

/* The order of a list over all shards: by start, then by run id. */
static bool older(const struct run *run, const struct filter *f)
{
        int64_t started_ms = run->started_ns / 1000000, before_ms = f->before_ns / 1000000;
        return started_ms < before_ms || (started_ms == before_ms && run->id < f->before_run);
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

static bool fits(const struct run *run, const struct filter *f)
{
        if (run->damaged) /* nothing is known of it but that it stands still */
                return bytes_equal(f->state, bytes_str("blocked")) && !f->workflow.size && !f->parent &&
                       !f->attributes.size && !f->before_run;
        if (!bytes_equal(bytes_str(run->ns), f->ns))
                return false;
        if (f->state.size && !bytes_equal(f->state, bytes_str(run_state_name(run))) &&
            !(run->blocked && bytes_equal(f->state, bytes_str("open"))))
                return false;
        if (f->workflow.size && !bytes_equal(f->workflow, bytes_str(run->workflow)))
                return false;
        if (f->no_parent || (f->parent && f->parent != run->parent))
                return false;
        return has_attributes(run, f->attributes) && (!f->before_run || older(run, f));
}

static struct filter filter_of(const struct message *m)
{
        struct bytes parent = shard_argument_text(m, "parent");
        struct cursor attributes = cursor_find(m->value, "attributes");
        struct filter f = { .ns = m->ns.size ? m->ns : bytes_str("default"),
                            .state = shard_argument_text(m, "state"),
                            .workflow = shard_argument_text(m, "workflow"),
                            .before_run = m->token.run,
                            .before_ns = m->started_ns };
        if (!attributes.failed && cursor_type(&attributes) == UNPACK_MAP)
                f.attributes = cursor_skip(&attributes);
        f.no_parent = parent.size && !run_id_parse(parent, &f.parent);
        return f;
}

/* --- a list --- */

struct listing {
        struct shard *shard;
        struct filter filter;
        struct buffer *parts;
        uint64_t left;
        struct run **here; /* those in memory that fit, the newest first */
        size_t here_count;
        size_t at;
        size_t key_offset; /* where in the store's keys the run is */
};

static void put_run(struct listing *l, const struct run *run)
{
        struct table t = table_begin(l->parts);
        run_show_summary(&t, run);
        table_end(&t);
        l->left--;
}

static void put_here_until(struct listing *l, uint64_t id)
{
        for (; l->left && l->at < l->here_count && l->here[l->at]->id > id; l->at++)
                put_run(l, l->here[l->at]);
}

/* A run that is not in memory, for as long as it takes to look at it. */
static int list_stored(void *ctx, struct bytes key, struct bytes value)
{
        struct listing *l = ctx;
        struct run_tables tables = { 0 };
        struct run *run;
        stet_why why = { "" };
        uint64_t id = run_key_number(key, l->key_offset);
        (void)value;
        put_here_until(l, id);
        if (!l->left)
                return -1;
        if (run_set_here(&l->shard->set, id) || map_find(&l->shard->set.removed, id))
                return 0;
        int err = run_store_load(l->shard->options.store, id, &tables, &run, &why);
        if (err)
                return err == STET_ENOTFOUND || err == STET_ECORRUPT ? 0 : err;
        if (fits(run, &l->filter))
                put_run(l, run);
        run_free(run, &tables);
        run_tables_fini(&tables);
        return l->left ? 0 : -1;
}

static int newest_first(const void *a, const void *b)
{
        uint64_t left = (*(struct run *const *)a)->id, right = (*(struct run *const *)b)->id;
        return left > right ? -1 : left < right;
}

static void take_here(struct listing *l)
{
        const struct shard *s = l->shard;
        l->here = xmalloc((s->set.count + 1) * sizeof(struct run *));
        list_each(at, &s->set.all)
        {
                struct run *run = container_of(at, struct run, in_shard);
                if (fits(run, &l->filter))
                        l->here[l->here_count++] = run;
        }
        qsort(l->here, l->here_count, sizeof(struct run *), newest_first);
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

/* What the store's keys begin with that may fit; false: none does. */
static bool choose_index(struct listing *l, struct run_key *ret)
{
        const struct run_store *rs = l->shard->options.store;
        const struct filter *f = &l->filter;
        uint8_t state = RUN_OPEN;
        if (!rs || (f->state.size && !ending_of(f->state, &state)))
                return false;
        uint8_t parent[8];
        struct cursor attributes = cursor_of(f->attributes);
        be64_put(parent, f->parent);
        if (f->attributes.size && cursor_map(&attributes))
                *ret = run_key_index(rs, INDEX_ATTRIBUTE, f->ns, attribute_next(&attributes));
        else if (f->parent)
                *ret = run_key_index(rs, INDEX_PARENT, f->ns, bytes_of(parent, sizeof parent));
        else if (f->workflow.size)
                *ret = run_key_index(rs, INDEX_WORKFLOW, f->ns, f->workflow);
        else if (f->state.size)
                *ret = run_key_index(rs, INDEX_STATE, f->ns, bytes_of(&state, 1));
        else
                *ret = run_key_of('r');
        l->key_offset = ret->size;
        return true;
}

void shard_list(struct shard *s, const struct message *m, struct buffer *parts)
{
        struct listing l = { .shard = s, .filter = filter_of(m), .parts = parts };
        struct run_key from, to;
        l.left = shard_argument_number(m, "limit", LIST_LIMIT);
        if (l.left > LIST_LIMIT_MAX)
                l.left = LIST_LIMIT_MAX;
        take_here(&l);
        if (choose_index(&l, &from)) {
                stet_why why = { "" };
                to = run_key_after(&from);
                if (l.filter.before_run && shard_of_run(l.filter.before_run) == s->options.index) {
                        to = from;
                        run_key_u64(&to, l.filter.before_run);
                }
                int err = store_scan(s->options.store->store, run_key_bytes(&from), run_key_bytes(&to), true,
                                     list_stored, &l, &why);
                if (err > 0)
                        shard_log(s, STET_LOG_ERROR, "a list is not whole: %s", why.text);
        }
        put_here_until(&l, 0);
        free(l.here);
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
