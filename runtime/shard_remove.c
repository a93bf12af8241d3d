/* SPDX-License-Identifier: MIT
 *
 * Removing runs that have ended: when a client says so (DELETE), and when their retention is over.
 *
 * A removal is a record like any other, which names the runs: they leave memory at once, the checkpointer
 * takes them out of the store when it comes to the record, and until then the set of runs knows them as
 * removed. So the store stays what the log adds up to, and a restart brings none back.
 *
 * A run is not removed while somebody may still ask for it: a child's parent that has not heard of its end
 * would start it again after a crash, for all it knows the word was lost. So parents are asked, by a message
 * even within a shard: it comes behind a start that is still on its way, which then finds the child there.
 *
 * Runs whose retention is over are found in the store's table of ended runs, each namespace's and ending's
 * in order of their end, in slices of a tick: those that are not in the store yet can wait for it.
 */
#include "runtime/retention.h"
#include "runtime/shard_state.h"

#include "actors/run_image.h"

#include <stdio.h>

enum {
        SLICE_MAX = 128,    /* entries looked at in one tick: about a millisecond */
        GROUP_KEY_SIZE = 8, /* 'e', ending, namespace: what the entries of one order have in common */
};

static const int64_t pass_least_ns = 1000000000; /* from one pass over the table to the next */

static const int64_t again_ns =
    INT64_C(60) * 1000000000; /* for what could not go, or has an answer to come */

/* --- the removal itself --- */

/* The runs have ended and nobody asks for them any more. */
static void remove_runs(struct shard *s, const uint64_t *ids, size_t count, int64_t now_ns)
{
        struct held_group *g = s->filling;
        size_t offset = log_group_begin(&g->log, RECORD_REMOVAL, 0, 0, 0, now_ns);
        for (size_t i = 0; i < count; i++)
                pack_uint(&g->log.bytes, ids[i]);
        uint64_t lsn = log_group_end(&g->log, offset);
        uint32_t place = (uint32_t)offset;
        buffer_append(&g->offsets, &place, sizeof place);
        s->removed += count;
        for (size_t i = 0; i < count; i++) {
                struct run *run = run_set_here(&s->set, ids[i]);
                if (run)
                        shard_park(s, run);
                run_set_remove(&s->set, ids[i], lsn);
        }
}

/* --- who may still ask for a run --- */

/* Whether the parent still has the child's op: it would start the child again. */
static bool parent_waits(struct shard *s, uint64_t parent_id, uint32_t op)
{
        const struct run *parent = shard_run_by_id(s, parent_id);
        return parent && (parent->damaged || run_op(&s->set.tables, parent, op));
}

/* Why the run can't go, but for its parent: an error and its sentence, or 0. */
static int removal_refused(const struct run *run, stet_why *why)
{
        unsigned long long id = run->id;
        if (run->damaged)
                return stet_why_set(why, STET_ECORRUPT, "run %016llx: %s", id,
                                    run->blocked ? run->blocked : "");
        if (run->ending == RUN_OPEN)
                return stet_why_set(why, STET_EAGAIN,
                                    "run %016llx of \"%s\" is open; cancel or terminate it first", id,
                                    run->workflow_id);
        if (run->ops_count)
                return stet_why_set(
                    why, STET_EAGAIN,
                    "run %016llx has let a child go whose start is not on record yet; try again in "
                    "a moment",
                    id);
        return 0;
}

/* Asks the parent's shard; `asking` is the DELETE that waits for it, or nothing. */
static void ask_parent(struct shard *s, const struct run *run, const struct message *asking)
{
        struct message m = *asking;
        m.type = MSG_REMOVE_CHECK;
        m.token.run = run->id;
        m.parent_run = run->parent;
        m.parent_op = run->parent_op;
        shard_hold(s, &m);
}

/* In the parent's shard. */
void shard_remove_check(struct shard *s, const struct message *m)
{
        struct message answer = *m;
        answer.type = MSG_REMOVE;
        answer.code = parent_waits(s, m->parent_run, m->parent_op) ? STET_EAGAIN : STET_OK;
        shard_hold(s, &answer);
}

/* --- on demand --- */

static void reply_deleted(struct shard *s, const struct message *to, const struct run *run)
{
        struct message m = { .type = MSG_REPLY,
                             .peer = to->peer,
                             .correlation = to->correlation,
                             .token = { .run = run->id },
                             .id = bytes_str(run->workflow_id) };
        shard_hold(s, &m);
        answers_keep(&s->answers, to, &m, s->last_time_ns);
}

/* m->wait: the parent was asked, and m->code is what it said. */
void shard_delete(struct shard *s, const struct message *m, struct run *run, int64_t now_ns)
{
        stet_why why = { "" };
        int err = removal_refused(run, &why);
        if (!err && m->wait && m->code)
                err = stet_why_set(
                    &why, (int)m->code,
                    "run %016llx is a child whose parent %016llx has not taken note of its end; try "
                    "again when it has",
                    (unsigned long long)run->id, (unsigned long long)run->parent);
        if (err) {
                shard_reply(s, m, err, run->id, run->workflow_id, why.text);
                return;
        }
        if (!m->wait && run->parent) {
                ask_parent(s, run, m);
                return;
        }
        reply_deleted(s, m, run);
        s->endings[run->ending]--;
        remove_runs(s, &run->id, 1, now_ns);
}

/* --- retention --- */

/* One tick's look at the table of ended runs. */
struct slice {
        struct shard *shard;
        int64_t now_ns;
        uint8_t group[GROUP_KEY_SIZE]; /* whose retention is known: */
        int64_t keep_ns;
        bool group_known;
        unsigned visited;
        bool skip_group; /* nothing in it is old enough */
        uint64_t ids[SLICE_MAX];
        size_t count;
};

static int64_t earlier(int64_t a, int64_t b)
{
        return a < b ? a : b;
}

/* When a run that ended then is to go; INT64_MAX: never. */
static int64_t due_ns(int64_t ended_ns, int64_t keep_ns)
{
        int64_t due;
        return __builtin_add_overflow(ended_ns, keep_ns, &due) ? INT64_MAX : due;
}

static int64_t run_due_ns(const struct shard *s, const struct run *run)
{
        return due_ns(run->ended_ns, retention_ns(s->options.retention, bytes_str(run->ns), run->ending));
}

static void take(struct slice *l, const struct run *run)
{
        static const struct message nobody = { .type = MSG_REMOVE_CHECK };
        struct shard *s = l->shard;
        stet_why why;
        if (run_due_ns(s, run) > l->now_ns)
                return;
        bool refused = removal_refused(run, &why) != 0;
        if (refused || run->parent)
                s->retire_next_ns = earlier(s->retire_next_ns, l->now_ns + again_ns);
        if (refused)
                return;
        if (run->parent) {
                ask_parent(s, run, &nobody);
                return;
        }
        s->endings[run->ending]--;
        l->ids[l->count++] = run->id;
}

/* The first entry of a namespace and ending says how long those are kept. */
static void know_group(struct slice *l, struct bytes key, const struct run *run)
{
        memcpy(l->group, key.data, GROUP_KEY_SIZE);
        l->keep_ns = retention_ns(l->shard->options.retention, bytes_str(run->ns), run->ending);
        l->group_known = true;
}

/* Calls fn with the run, in memory or for the call only. What can't be read is left to who mends it. */
static int with_run(struct slice *l, uint64_t id, struct bytes key,
                    void (*fn)(struct slice *l, struct bytes key, const struct run *run))
{
        struct shard *s = l->shard;
        struct run_tables tables = { 0 };
        struct run *run = run_set_here(&s->set, id);
        stet_why why;
        if (run) {
                fn(l, key, run);
                return 0;
        }
        int err = run_store_load(s->options.store, id, &tables, &run, &why);
        if (err)
                return err == STET_ENOTFOUND || err == STET_ECORRUPT ? 0 : err;
        fn(l, key, run);
        run_free(run, &tables);
        run_tables_fini(&tables);
        return 0;
}

static void look_at(struct slice *l, struct bytes key, const struct run *run)
{
        if (!l->group_known)
                know_group(l, key, run);
        take(l, run);
}

static void go_on_at(struct shard *s, struct bytes key)
{
        memcpy(s->retire_from.bytes, key.data, key.size);
        s->retire_from.size = key.size;
}

static int visit_ended(void *ctx, struct bytes key, struct bytes value)
{
        struct slice *l = ctx;
        struct shard *s = l->shard;
        int64_t ended_ns = (int64_t)run_key_number(key, GROUP_KEY_SIZE);
        uint64_t id = run_key_number(key, GROUP_KEY_SIZE + 8);
        (void)value;
        go_on_at(s, key);
        if (l->visited++ == SLICE_MAX)
                return -1;
        l->group_known = l->group_known && memcmp(l->group, key.data, GROUP_KEY_SIZE) == 0;
        if (l->group_known && due_ns(ended_ns, l->keep_ns) > l->now_ns)
                l->skip_group = true;
        else if (!map_find(&s->set.removed, id)) {
                int err = with_run(l, id, key, look_at);
                if (err)
                        return err;
                l->skip_group = l->group_known && due_ns(ended_ns, l->keep_ns) > l->now_ns;
        }
        if (!l->skip_group)
                return 0;
        s->retire_next_ns = earlier(s->retire_next_ns, due_ns(ended_ns, l->keep_ns));
        return -1;
}

static void begin_pass(struct shard *s)
{
        s->retire_from = run_key_of('e');
        s->retire_next_ns = INT64_MAX;
}

static void end_pass(struct shard *s, int64_t now_ns)
{
        int64_t least_ns = now_ns + pass_least_ns;
        s->retire_due_ns = s->retire_next_ns < least_ns ? least_ns : s->retire_next_ns;
        s->retire_from.size = 0;
}

/* Goes on in the table until the slice is used up or the table ends (true). */
static bool use_slice(struct slice *l)
{
        struct shard *s = l->shard;
        struct run_key table = run_key_of('e'), end = run_key_after(&table);
        stet_why why = { "" };
        for (;;) {
                l->skip_group = false;
                int err = store_scan(s->options.store->store, run_key_bytes(&s->retire_from),
                                     run_key_bytes(&end), false, visit_ended, l, &why);
                if (err > 0 && err != STET_ECORRUPT)
                        shard_store_failed(s, err, &why);
                if (err >= 0)
                        return true;
                if (!l->skip_group)
                        return false;
                s->retire_from.size = GROUP_KEY_SIZE;
                s->retire_from = run_key_after(&s->retire_from);
        }
}

static bool can_retire(const struct shard *s)
{
        return s->options.retention && s->options.store && !s->failed && !s->disk_full && !shard_full(s);
}

void shard_retire(struct shard *s, int64_t now_ns)
{
        if (!can_retire(s) || (!s->retire_from.size && now_ns < s->retire_due_ns))
                return;
        struct slice l = { .shard = s, .now_ns = now_ns };
        if (!s->retire_from.size)
                begin_pass(s);
        bool whole = use_slice(&l);
        if (l.count)
                remove_runs(s, l.ids, l.count, now_ns);
        if (whole)
                end_pass(s, now_ns);
}

/* More ended runs may be in the store: none of them is to go sooner than the shortest retention allows. */
void shard_retire_later(struct shard *s, int64_t now_ns)
{
        if (s->options.retention)
                s->retire_due_ns =
                    earlier(s->retire_due_ns, due_ns(now_ns, retention_shortest_ns(s->options.retention)));
}

int64_t shard_retire_deadline(const struct shard *s)
{
        if (!can_retire(s))
                return INT64_MAX;
        return s->retire_from.size ? INT64_MIN : s->retire_due_ns;
}

/* What the shard of a child's parent has said. */
void shard_remove_answered(struct shard *s, const struct message *m, int64_t now_ns)
{
        if (m->peer) {
                struct message again = *m;
                again.type = MSG_DELETE;
                again.wait = true;
                shard_command(s, &again, now_ns);
                return;
        }
        struct run *run = m->code || !s->options.retention ? NULL : shard_run_by_id(s, m->token.run);
        stet_why why;
        if (!run || removal_refused(run, &why) || run_due_ns(s, run) > now_ns)
                return;
        s->endings[run->ending]--;
        remove_runs(s, &run->id, 1, now_ns);
}
