/* SPDX-License-Identifier: MIT */
#include "tests/sim/model_state.h"

#include <stdio.h>
#include <stdlib.h>

/* --- keeping --- */

struct bytes model_keep(struct model *m, struct bytes data)
{
        if (!data.size)
                return bytes_of(NULL, 0);
        uint8_t *copy = arena_alloc(&m->arena, data.size + 1);
        memcpy(copy, data.data, data.size);
        copy[data.size] = 0;
        return bytes_of(copy, data.size);
}

static void *keep_new(struct model *m, size_t size)
{
        return memset(arena_alloc(&m->arena, size), 0, size);
}

/* --- tables --- */

struct model_run *model_run(const struct model *m, uint64_t id)
{
        struct map_node *n = map_find(&m->runs, id);
        return n ? container_of(n, struct model_run, by_id) : NULL;
}

struct model_run *model_run_named(const struct model *m, struct bytes workflow_id)
{
        for (struct map_node *n = map_find(&m->names, hash_bytes(0, 0, workflow_id)); n;
             n = map_find_next(&m->names, n)) {
                struct model_run *run = container_of(n, struct model_run, by_name);
                if (bytes_equal(run->workflow_id, workflow_id))
                        return run;
        }
        return NULL;
}

void model_name_run(struct model *m, struct model_run *run)
{
        struct model_run *before = model_run_named(m, run->workflow_id);
        if (before)
                map_remove(&m->names, &before->by_name);
        map_put(&m->names, &run->by_name, hash_bytes(0, 0, run->workflow_id));
}

struct model_op *model_op(const struct model *m, uint64_t run_id, uint32_t op)
{
        struct model_run *run = model_run(m, run_id);
        return run && op && op <= run->ops_count ? &run->ops[op - 1] : NULL;
}

uint32_t model_attempt(const struct model *m, uint64_t run, uint32_t op)
{
        const struct model_op *o = model_op(m, run, op);
        return o ? o->attempt : 1;
}

static uint64_t pair_key(uint64_t run, uint32_t op)
{
        return hash_u64(run) + op;
}

struct model_run *model_child_of(const struct model *m, uint64_t parent, uint32_t op)
{
        for (struct map_node *n = map_find(&m->children, pair_key(parent, op)); n;
             n = map_find_next(&m->children, n)) {
                struct model_run *run = container_of(n, struct model_run, by_parent);
                if (run->parent == parent && run->parent_op == op)
                        return run;
        }
        return NULL;
}

void model_put_child(struct model *m, struct model_run *run)
{
        map_put(&m->children, &run->by_parent, pair_key(run->parent, run->parent_op));
}

static struct model_request *request_find(const struct model *m, uint8_t event, struct bytes id)
{
        for (struct map_node *n = map_find(&m->requests, hash_bytes(event, 0, id)); n;
             n = map_find_next(&m->requests, n)) {
                struct model_request *r = container_of(n, struct model_request, by_hash);
                if (r->event == event && bytes_equal(r->id, id))
                        return r;
        }
        return NULL;
}

struct model_run *model_request(const struct model *m, uint8_t event, struct bytes id)
{
        const struct model_request *r = request_find(m, event, id);
        return r ? r->run : NULL;
}

void model_put_request(struct model *m, const struct event *e, struct model_run *run)
{
        struct model_request *r = request_find(m, e->type, e->request_id);
        if (r) {
                r->run = run;
                return;
        }
        r = keep_new(m, sizeof *r);
        r->event = e->type;
        r->id = model_keep(m, e->request_id);
        r->run = run;
        map_put(&m->requests, &r->by_hash, hash_bytes(e->type, 0, e->request_id));
}

static struct model_send *send_find(const struct model *m, uint64_t run, uint32_t op)
{
        for (struct map_node *n = map_find(&m->sends, pair_key(run, op)); n;
             n = map_find_next(&m->sends, n)) {
                struct model_send *send = container_of(n, struct model_send, by_op);
                if (send->run == run && send->op == op)
                        return send;
        }
        return NULL;
}

const struct model_run *model_sent_to(const struct model *m, uint64_t run, uint32_t op)
{
        const struct model_send *send = send_find(m, run, op);
        return send ? send->to : NULL;
}

static struct model_sender *sender_get(struct model *m, uint64_t run, const struct model_run *to)
{
        uint64_t key = hash_bytes(run, 0, to->workflow_id);
        for (struct map_node *n = map_find(&m->senders, key); n; n = map_find_next(&m->senders, n)) {
                struct model_sender *found = container_of(n, struct model_sender, by_pair);
                if (found->run == run && bytes_equal(found->to->workflow_id, to->workflow_id))
                        return found;
        }
        struct model_sender *sender = keep_new(m, sizeof *sender);
        sender->run = run;
        sender->to = to;
        map_put(&m->senders, &sender->by_pair, key);
        return sender;
}

/* What a removed run had applied is not known any more. */
bool model_put_send(struct model *m, uint64_t run, uint32_t op, const struct model_run *to)
{
        struct model_sender *sender = sender_get(m, run, to);
        struct model_send *send = send_find(m, run, op);
        if ((send && !send->to->removed) || (sender->op >= op && !sender->to->removed))
                return false;
        sender->op = op;
        sender->to = to;
        if (!send) {
                send = keep_new(m, sizeof *send);
                send->run = run;
                send->op = op;
                map_put(&m->sends, &send->by_op, pair_key(run, op));
        }
        send->to = to;
        return true;
}

struct model_run *model_last_of_chain(const struct model *m, struct model_run *run)
{
        while (run->continued_as)
                run = model_run(m, run->continued_as);
        return run;
}

const struct list *model_runs(const struct model *m)
{
        return &m->all;
}

void model_hand(struct model *m, struct model_op *op, uint32_t attempt, const char *executor, uint64_t peer)
{
        struct handed *h = keep_new(m, sizeof *h);
        h->attempt = attempt;
        h->peer = peer;
        h->life = site_crashes(m->sim);
        h->executor = (const char *)model_keep(m, bytes_str(executor)).data;
        h->next = op->handed;
        op->handed = h;
}

void model_hand_back(struct model_op *op, uint32_t attempt)
{
        for (struct handed *h = op->handed; h; h = h->next)
                if (h->attempt == attempt)
                        h->peer = 0;
}

const struct handed *model_handed(const struct model_op *op, uint32_t attempt, struct bytes executor)
{
        for (const struct handed *h = op->handed; h; h = h->next)
                if (h->attempt == attempt && bytes_equal(bytes_str(h->executor), executor))
                        return h;
        return NULL;
}

/* --- records --- */

static struct model_run *new_run(struct model *m, const struct record *r)
{
        struct model_run *run = keep_new(m, sizeof *run);
        run->id = r->stream;
        run->first_lsn = r->lsn;
        run->started_ns = r->time_ns;
        map_put(&m->runs, &run->by_id, run->id);
        list_push(&m->all, &run->all);
        m->open++;
        return run;
}

static void tell_event(struct model *m, const struct model_run *run, const struct event *e)
{
        char id[40], words[160];
        event_words(e, words, sizeof words);
        sim_tell(m->sim, "%s > %s", trace_run(run->id, id), words);
}

static void tell_effect(struct model *m, const struct effect *e)
{
        char words[160];
        effect_words(e, words, sizeof words);
        sim_tell(m->sim, "        %s", words);
}

static void take_effects(struct model *m, struct model_run *run, struct cursor *c, const struct event *cause,
                         const struct record *r)
{
        struct effect effect;
        bool retried = false;
        while (effect_decode(c, &effect)) {
                tell_effect(m, &effect);
                if (run->ending != RUN_OPEN)
                        sim_break(m->sim, "P11: record %llu of run %llx has an effect after its end",
                                  (unsigned long long)r->lsn, (unsigned long long)run->id);
                retried |= effect.type == EFFECT_RETRY;
                model_effect(m, run, cause, &effect, r->lsn, r->time_ns);
        }
        if (c->failed)
                sim_break(m->sim, "record %llu can't be read", (unsigned long long)r->lsn);
        model_settle(m, run, cause, retried);
}

static void take_transition(struct model *m, const struct record *r)
{
        struct cursor c = cursor_of(r->body);
        struct event e;
        struct model_run *run = model_run(m, r->stream);
        if (!event_decode(&c, &e) || (e.type == EVENT_START) != !run) {
                sim_break(m->sim, "P3: record %llu is no transition that run %llx could make",
                          (unsigned long long)r->lsn, (unsigned long long)r->stream);
                return;
        }
        if (!run)
                run = new_run(m, r);
        tell_event(m, run, &e);
        if (run->away)
                sim_did(m->sim, e.type == EVENT_TIMER ? DID_TIMER_BACK : DID_BACK);
        run->away = false;
        if (run->ending != RUN_OPEN)
                sim_break(m->sim, "P11: record %llu follows the end of run %llx", (unsigned long long)r->lsn,
                          (unsigned long long)run->id);
        if (r->previous_lsn != run->last_lsn)
                sim_break(m->sim, "P4: record %llu says that the run's last one is %llu, which is %llu",
                          (unsigned long long)r->lsn, (unsigned long long)r->previous_lsn,
                          (unsigned long long)run->last_lsn);
        run->last_lsn = r->lsn;
        run->transitions++;
        if (r->flags & TRANSITION_ACTIVATED)
                run->pending = 0;
        else if (r->flags & TRANSITION_DELIVERED)
                run->pending++;
        model_event(m, run, &e, r->flags, r->time_ns);
        take_effects(m, run, &c, &e, r);
        if (run->ending != RUN_OPEN)
                run->ended_ns = r->time_ns;
}

struct reading {
        struct model *model;
        struct model_log *log;
};

static void take_removal(struct model *m, const struct record *r)
{
        struct cursor c = cursor_of(r->body);
        while (!cursor_end(&c) && !c.failed) {
                uint64_t id = cursor_uint(&c);
                struct model_run *run = model_run(m, id);
                if (run && !run->removed)
                        model_remove(m, run, r->time_ns);
                else
                        sim_break(m->sim, "P1: record %llu removes run %llx, which is not there",
                                  (unsigned long long)r->lsn, (unsigned long long)id);
        }
}

static int take_record(void *ctx, const struct record *r)
{
        struct reading *reading = ctx;
        struct model *m = reading->model;
        struct model_log *log = reading->log;
        if (r->lsn != log->lsn + 1 || r->chain != log->crc)
                sim_break(m->sim, "P4: record %llu does not continue record %llu", (unsigned long long)r->lsn,
                          (unsigned long long)log->lsn);
        if (r->time_ns < log->time_ns || r->time_ns > sim_node_now(m->sim))
                sim_break(m->sim,
                          "P15: record %llu is of %.6f s, behind its predecessor or ahead of the time",
                          (unsigned long long)r->lsn, (double)(r->time_ns - m->sim->start_ns) / 1e9);
        *log = (struct model_log){ r->lsn, r->crc, r->time_ns, log->archive };
        archive_add(log->archive, r);
        m->records++;
        if (r->kind == RECORD_NOTE)
                sim_did(m->sim, DID_NOTE);
        if (r->kind == RECORD_REMOVAL)
                take_removal(m, r);
        if (r->kind == RECORD_TRANSITION)
                take_transition(m, r);
        return m->sim->broken ? -1 : 0;
}

/* What holds for a run between two groups. */
static void check_runs(struct model *m)
{
        list_each(at, &m->all)
        {
                const struct model_run *run = container_of(at, struct model_run, all);
                if (run->ending != RUN_OPEN)
                        continue;
                if (!run->open_ops && !run->pending)
                        sim_break(m->sim, "P12: open run %llx owes nothing", (unsigned long long)run->id);
                if (run->owed)
                        sim_break(m->sim,
                                  "P13: run %llx did not get a signal that the run before it had not taken",
                                  (unsigned long long)run->id);
        }
}

void model_catch_up(struct model *m)
{
        bool any = false;
        for (uint32_t i = 0; i < m->sim->knobs.shards; i++) {
                struct disk *disk = m->sim->disks[i];
                struct reading reading = { m, &m->logs[i] };
                stet_why why = { "" };
                if (disk_last_lsn(disk) <= m->logs[i].lsn || !disk_log(disk))
                        continue;
                any = true;
                int err = disk_read(disk, m->logs[i].lsn + 1, take_record, &reading, &why);
                if (err > 0)
                        sim_break(m->sim, "P7: the log of shard %u can't be read: %s", i, why.text);
                if (!err && m->logs[i].lsn != disk_last_lsn(disk))
                        sim_break(
                            m->sim,
                            "P1: the log of shard %u ends with record %llu, and record %llu was durable", i,
                            (unsigned long long)m->logs[i].lsn, (unsigned long long)disk_last_lsn(disk));
        }
        if (any)
                check_runs(m);
}

struct rereading {
        const struct archive *archive;
        uint64_t lsn; /* of the next record */
};

static int compare_record(void *ctx, const struct record *r)
{
        struct rereading *again = ctx;
        if (r->lsn != again->lsn || !archive_has(again->archive, r))
                return -1;
        again->lsn++;
        return 0;
}

void model_read_again(struct model *m, uint32_t shard)
{
        const struct log *log = disk_log(m->sim->disks[shard]);
        stet_why why = { "another record than before" };
        if (!log || log->stopped) /* what it knows of itself may be out of date */
                return;
        struct rereading again = { m->logs[shard].archive, log->first_lsn };
        int err = disk_read(m->sim->disks[shard], log->first_lsn, compare_record, &again, &why);
        if (err || again.lsn != m->logs[shard].lsn + 1)
                sim_break(m->sim, "P4: the log of shard %u is not what it was at record %llu: %s", shard,
                          (unsigned long long)again.lsn, err ? why.text : "another end");
}

struct archive *model_archive(const struct model *m, uint32_t shard)
{
        return m->logs[shard].archive;
}

/* --- being asked --- */

bool model_all_ended(const struct model *m)
{
        return m->open == 0;
}

void model_describe_open(const struct model *m, char *buf, size_t size)
{
        size_t used = (size_t)snprintf(buf, size, "%llu runs are open", (unsigned long long)m->open);
        list_each(at, &m->all)
        {
                const struct model_run *run = container_of(at, struct model_run, all);
                if (run->ending != RUN_OPEN || used >= size)
                        continue;
                used += (size_t)snprintf(buf + used, size - used, "; run %llx (%.*s)",
                                         (unsigned long long)run->id, (int)run->workflow.size,
                                         (const char *)run->workflow.data);
                for (uint32_t i = 0; i < run->ops_count && used < size; i++)
                        if (run->ops[i].open)
                                used += (size_t)snprintf(buf + used, size - used, " owes op %u (%s)", i + 1,
                                                         effect_shapes[run->ops[i].effect].name);
        }
}

uint64_t model_runs_count(const struct model *m)
{
        return m->runs.count;
}

uint64_t model_records_count(const struct model *m)
{
        return m->records;
}

uint64_t model_lsn(const struct model *m, uint32_t shard)
{
        return m->logs[shard].lsn;
}

struct model *model_new(struct sim *s)
{
        struct model *m = xcalloc(1, sizeof *m);
        m->sim = s;
        list_init(&m->all);
        for (uint32_t i = 0; i < SHARDS_MAX; i++)
                m->logs[i].archive = archive_new();
        return m;
}

void model_free(struct model *m)
{
        if (!m)
                return;
        list_each(at, &m->all) free(container_of(at, struct model_run, all)->ops);
        for (uint32_t i = 0; i < SHARDS_MAX; i++)
                archive_free(m->logs[i].archive);
        map_fini(&m->runs);
        map_fini(&m->names);
        map_fini(&m->children);
        map_fini(&m->requests);
        map_fini(&m->sends);
        map_fini(&m->senders);
        arena_fini(&m->arena);
        free(m);
}
