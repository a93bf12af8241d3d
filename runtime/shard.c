/* SPDX-License-Identifier: MIT
 *
 * A shard's life, its tables and its groups.
 */
#include "base/prefetch.h"
#include "base/run_id.h"
#include "runtime/shard_state.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIRED_MAX = 1000 }; /* timers, in one tick */

/* --- ids --- */

uint32_t shard_of(uint32_t shards_count, struct bytes ns, struct bytes id, struct bytes request_id)
{
        struct bytes what = id.size ? id : request_id;
        uint64_t run;
        if (run_id_parse(id, &run) && shard_of_run(run) < shards_count)
                return shard_of_run(run);
        return shards_count <= 1 ? 0 : (uint32_t)(hash_bytes(0, hash_bytes(0, 0, ns), what) % shards_count);
}

uint32_t shard_of_run(uint64_t run)
{
        return (uint32_t)(run >> 48);
}

uint64_t shard_random(struct shard *s)
{
        s->random_state += UINT64_C(0x9e3779b97f4a7c15);
        return hash_u64(s->random_state);
}

void shard_log(struct shard *s, stet_log_level level, const char *format, ...)
{
        if (!s->sink.log)
                return;
        char line[700];
        va_list args;
        va_start(args, format);
        vsnprintf(line, sizeof line, format, args);
        va_end(args);
        s->sink.log(s->sink.ctx, level, line);
}

static void code_log(void *ctx, const struct stet_run *code, stet_log_level level, const char *line)
{
        shard_log(ctx, level, "run %s (%s): %s", code->run_id, code->workflow_id, line);
}

/* --- groups --- */

static struct held_group *other_group(struct shard *s)
{
        return s->filling == &s->groups[0] ? &s->groups[1] : &s->groups[0];
}

void shard_hold(struct shard *s, const struct message *m)
{
        parcel_put(&s->filling->outbox, m);
}

static void expect_next(const struct shard *s, struct bytes *at, unsigned step)
{
        enum { PARCELS_AHEAD = 1024, PARCEL_USUAL = 256 }; /* bytes */
        uint8_t type;
        struct token token;
        if (step == 0)
                prefetch(at->data + PARCELS_AHEAD, PARCEL_USUAL);
        if (s->sink.expect && parcel_glance(at, &type, &token) && (type == MSG_ENQUEUE || type == MSG_CLOSE))
                s->sink.expect(s->sink.ctx, token.run, token.op, step);
}

/* Parcels are looked at a few ahead of the one that leaves, so that what takes them needs not wait for
 * memory. */
static void release(struct shard *s, struct held_group *g)
{
        enum { FAR = 8, NEAR = 4 };
        struct message m;
        struct bytes at = buffer_bytes(&g->outbox), far = at, near = at;
        for (int i = 0; i < FAR; i++)
                expect_next(s, &far, 0);
        for (int i = 0; i < NEAR; i++)
                expect_next(s, &near, 1);
        while (parcel_take(&at, &m)) {
                expect_next(s, &far, 0);
                expect_next(s, &near, 1);
                if (parcel_for_peer(&m))
                        s->sink.to_peer(s->sink.ctx, m.peer, &m);
                else
                        s->sink.to_node(s->sink.ctx, &m);
        }
        buffer_clear(&g->outbox);
}

/* The other group takes over, empty, behind what the present one holds. */
static void switch_groups(struct shard *s)
{
        struct log_group *full = &s->filling->log;
        struct held_group *next = other_group(s);
        log_group_reset(&next->log, log_group_next_lsn(full) - 1, full->chain);
        buffer_clear(&next->offsets);
        s->filling = next;
}

void shard_flush(struct shard *s)
{
        if (s->failed)
                return;
        struct held_group *other = other_group(s);
        if (s->submitted) {
                if (s->retry_submitted) {
                        s->retry_submitted = false;
                        log_writer_submit(s->options.writer, &other->log);
                }
                return;
        }
        while (!s->filling->log.count && s->filling->outbox.size) {
                struct held_group *g = s->filling;
                switch_groups(s);
                release(s, g);
        }
        if (!s->filling->log.count)
                return;
        struct held_group *g = s->filling;
        switch_groups(s);
        s->submitted = true;
        log_writer_submit(s->options.writer, &g->log);
}

int shard_collect(struct shard *s, stet_why *why)
{
        int err = s->failure;
        if (err) {
                s->failure_told = true;
                return stet_why_set(why, err, "%s", s->failure_why.text);
        }
        struct log_group *done = log_writer_collect(s->options.writer, &err, why);
        if (!done)
                return 0;
        if (err == STET_EFULL) {
                s->retry_submitted = true;
                s->disk_full = true;
                return 0;
        }
        if (err) {
                s->failed = true;
                return err;
        }
        struct held_group *g = container_of(done, struct held_group, log);
        s->durable_lsn = log_group_next_lsn(done) - 1;
        s->log_stats = s->options.log->stats;
        checkpoints_durable(s->options.checkpoints, s->durable_lsn, s->tail_bytes + s->log_stats.bytes,
                            s->last_time_ns);
        s->submitted = false;
        s->disk_full = false;
        /* The group stays as it is until the next one has taken over: release() may make the shard step and
         * look at it. */
        release(s, g);
        return 0;
}

void shard_shrink_groups(struct shard *s)
{
        struct held_group *other = other_group(s);
        if (!s->submitted) {
                buffer_fini(&other->log.bytes);
                buffer_fini(&other->offsets);
                buffer_fini(&other->outbox);
        }
        if (!s->filling->log.count)
                buffer_fini(&s->filling->log.bytes);
        if (!s->filling->outbox.size)
                buffer_fini(&s->filling->outbox);
}

bool shard_idle(const struct shard *s)
{
        return !s->submitted && !s->filling->log.count && !s->filling->outbox.size;
}

bool shard_disk_full(const struct shard *s)
{
        return s->disk_full;
}

uint64_t shard_lag_bytes(const struct shard *s)
{
        const struct checkpoints *c = s->options.checkpoints;
        uint64_t written = s->tail_bytes + s->log_stats.bytes;
        uint64_t done = c ? atomic_load_explicit(&c->bytes, memory_order_relaxed) : written;
        return written > done ? written - done : 0;
}

uint64_t shard_written_bytes(const struct shard *s)
{
        return s->log_stats.bytes;
}

/* Too much is behind the checkpoint. Not when there is no room for one: then the disk's reserve is for what
 * has started, and the log takes it. */
static bool lags(const struct shard *s)
{
        const struct checkpoints *c = s->options.checkpoints;
        return c && s->options.lag_bytes_max && shard_lag_bytes(s) > s->options.lag_bytes_max &&
               !atomic_load_explicit(&c->err, memory_order_relaxed);
}

/* More code is in memory than may be, and can't be parked before it is durable: a burst of starts must not
 * take every stack that the system gives. */
static bool is_crowded(const struct shard *s)
{
        return s->awake_count > s->options.stacks_max + s->options.stacks_max / 2;
}

bool shard_full(const struct shard *s)
{
        const struct held_group *g = s->filling;
        bool much = g->log.bytes.size + g->outbox.size > GROUP_BYTES_AIM;
        return s->failed || lags(s) || (s->submitted && much) ||
               ((s->submitted || g->log.count) && is_crowded(s));
}

/* --- records --- */

static bool record_in_group(const struct held_group *g, uint64_t lsn, struct record *ret)
{
        if (lsn < g->log.first_lsn || lsn >= log_group_next_lsn(&g->log))
                return false;
        uint32_t offset;
        memcpy(&offset, g->offsets.data + (lsn - g->log.first_lsn) * sizeof offset, sizeof offset);
        size_t size;
        return record_decode(bytes_of(g->log.bytes.data + offset, g->log.bytes.size - offset), ret, &size) ==
               0;
}

struct first_visit {
        log_visit_fn *visit;
        void *ctx;
        uint64_t lsn;
        int result;
        bool found;
};

static int visit_first(void *ctx, const struct record *record)
{
        struct first_visit *v = ctx;
        if (record->lsn == v->lsn) {
                v->found = true;
                v->result = v->visit(v->ctx, record);
        }
        return -1; /* enough */
}

static int record_in_store(const struct shard *s, const struct run *run, struct first_visit *first,
                           stet_why *why)
{
        int err = run_store_records(s->options.store, run->id, first->lsn, visit_first, first, why);
        return err > 0 ? err : 0;
}

int shard_record(struct shard *s, const struct run *run, uint64_t lsn, log_visit_fn *visit, void *ctx,
                 stet_why *why)
{
        struct record record;
        if (lsn > s->durable_lsn) {
                if (record_in_group(s->filling, lsn, &record) ||
                    (s->submitted && record_in_group(other_group(s), lsn, &record)))
                        return visit(ctx, &record);
                return stet_why_set(why, STET_EINTERNAL, "record %llu is nowhere", (unsigned long long)lsn);
        }
        struct first_visit first = { visit, ctx, lsn, 0, false };
        int err = 0;
        if (lsn > s->checkpoint_lsn)
                err = log_read(s->options.log, lsn, visit_first, &first, why);
        if (err > 0)
                return err;
        /* The store may have come past it meanwhile, and the log have forgotten it. */
        if (!first.found && s->options.store)
                err = record_in_store(s, run, &first, why);
        if (err > 0)
                return err;
        if (!first.found)
                return stet_why_set(why, STET_ECORRUPT, "record %llu of run %016llx is missing",
                                    (unsigned long long)lsn, (unsigned long long)run->id);
        return first.result;
}

/* --- a run's history --- */

struct history {
        log_visit_fn *visit;
        void *ctx;
        uint64_t last_lsn; /* of those that the store is asked for */
        uint32_t left;     /* of them; UINT32_MAX: no limit */
        int result;
};

static int visit_stored(void *ctx, const struct record *record)
{
        struct history *h = ctx;
        if (record->lsn > h->last_lsn || !h->left)
                return -1;
        h->left -= h->left != UINT32_MAX;
        h->result = h->visit(h->ctx, record);
        return h->result ? -1 : 0;
}

static int note_previous(void *ctx, const struct record *record)
{
        *(uint64_t *)ctx = record->previous_lsn;
        return 0;
}

/* The LSNs of the run's records behind the checkpoint, the newest first. */
static int list_recent(struct shard *s, const struct run *run, struct buffer *lsns, uint64_t *ret_stored_lsn,
                       stet_why *why)
{
        uint64_t lsn = run->last_lsn;
        int err = 0;
        while (lsn > s->checkpoint_lsn && !err) {
                buffer_append(lsns, &lsn, sizeof lsn);
                err = shard_record(s, run, lsn, note_previous, &lsn, why);
        }
        *ret_stored_lsn = lsn;
        return err;
}

static int visit_recent(struct shard *s, const struct run *run, const struct buffer *lsns, uint32_t skip,
                        struct history *h, stet_why *why)
{
        uint32_t count = (uint32_t)(lsns->size / sizeof(uint64_t));
        for (uint32_t i = skip; i < count && h->left; i++) {
                uint64_t lsn;
                memcpy(&lsn, lsns->data + (count - 1 - i) * sizeof lsn, sizeof lsn);
                h->left -= h->left != UINT32_MAX;
                int err = shard_record(s, run, lsn, h->visit, h->ctx, why);
                if (err)
                        return err;
        }
        return 0;
}

int shard_history(struct shard *s, const struct run *run, uint32_t from, uint32_t limit, log_visit_fn *visit,
                  void *ctx, stet_why *why)
{
        struct history h = { .visit = visit, .ctx = ctx, .left = limit ? limit : UINT32_MAX };
        struct buffer lsns = { 0 };
        int err = list_recent(s, run, &lsns, &h.last_lsn, why);
        uint32_t stored = run->transitions - (uint32_t)(lsns.size / sizeof(uint64_t));
        if (!err && from < stored) {
                err = run_store_history(s->options.store, run->id, from, visit_stored, &h, why);
                err = err < 0 ? h.result : err;
        }
        if (!err)
                err = visit_recent(s, run, &lsns, from > stored ? from - stored : 0, &h, why);
        buffer_fini(&lsns);
        return err;
}

/* --- dispatching --- */

void shard_receive(struct shard *s, const struct message *m, int64_t now_ns)
{
        if (s->failed)
                return;
        if (now_ns > s->last_time_ns)
                s->last_time_ns = now_ns;
        now_ns = s->last_time_ns;
        switch ((enum message_type)m->type) {
        case MSG_OUTCOME:
                shard_outcome(s, m, now_ns);
                break;
        case MSG_START:
        case MSG_SIGNAL:
        case MSG_CANCEL:
        case MSG_TERMINATE:
        case MSG_WAIT:
        case MSG_DELETE:
                shard_command(s, m, now_ns);
                break;
        case MSG_QUERY:
                shard_query(s, m);
                break;
        case MSG_READ:
                shard_read(s, m, now_ns);
                break;
        default:
                shard_from_shard(s, m, now_ns);
                break;
        }
}

void shard_expect(const struct shard *s, uint64_t id, unsigned step)
{
        if (step == 0) {
                map_prefetch(&s->set.runs, id);
                return;
        }
        const struct run *run = run_set_guess(&s->set, id); /* anew each time: it may have left meanwhile */
        if (!run)
                return;
        if (step == 1) {
                run_prefetch(run);
                return;
        }
        if (step == 2)
                prefetch(run->few[0], sizeof *run->few[0]);
        if (run->code)
                code_expect(run->code, step - 2);
}

void shard_tick(struct shard *s, int64_t now_ns)
{
        if (s->failed)
                return;
        if (now_ns > s->last_time_ns)
                s->last_time_ns = now_ns;
        checkpoints_durable(s->options.checkpoints, s->durable_lsn, s->tail_bytes + s->log_stats.bytes,
                            s->last_time_ns);
        shard_checkpointed(s, now_ns);
        shard_arm_timers(s, now_ns);
        struct heap_node *first;
        for (unsigned i = 0; i < FIRED_MAX && !shard_full(s); i++) {
                first = heap_min(&s->set.tables.timers);
                if (!first || first->due_ns > now_ns)
                        break;
                struct op *op = container_of(first, struct op, timer);
                struct event fired = { .type = EVENT_TIMER, .op = op->id };
                shard_step(s, op->run, &fired, s->last_time_ns);
        }
        shard_sweep(s, now_ns);
        shard_retire(s, now_ns);
}

static int64_t earlier(int64_t a, int64_t b)
{
        return a < b ? a : b;
}

int64_t shard_deadline(const struct shard *s)
{
        if (s->failed) /* nothing happens any more but that it is told */
                return s->failure && !s->failure_told ? s->last_time_ns : INT64_MAX;
        struct heap_node *first = heap_min(&s->set.tables.timers);
        int64_t deadline = first && !shard_full(s) ? first->due_ns : INT64_MAX;
        deadline = earlier(deadline, shard_runs_deadline(s));
        deadline = earlier(deadline, shard_retire_deadline(s));
        return earlier(deadline, checkpoints_deadline(s->options.checkpoints));
}

int64_t shard_last_time_ns(const struct shard *s)
{
        return s->last_time_ns;
}

/* --- life --- */

int shard_open(const struct shard_options *options, const struct shard_sink *sink, struct shard **ret,
               stet_why *why)
{
        struct shard *s = xcalloc(1, sizeof *s);
        s->options = *options;
        s->sink = *sink;
        s->random_state = options->seed;
        s->code_env = (struct code_env){ .stacks = code_stacks_new(options->stack_size),
                                         .log = code_log,
                                         .log_ctx = s };
        list_init(&s->awake);
        run_set_init(&s->set, options->store, options->incarnation);
        s->armed_until_ns = INT64_MIN;
        s->stored_due_ns = options->store ? 0 : INT64_MAX;
        s->stored_from = run_key_of('t');
        s->sweep_due_ns = INT64_MAX;
        s->checkpoint_lsn = options->store ? options->store->store->checkpoint.lsn : 0;
        s->durable_lsn = options->log->last_lsn;
        s->log_stats = options->log->stats;
        s->filling = &s->groups[0];
        log_group_reset(&s->filling->log, options->log->last_lsn, options->log->last_crc);
        int err = shard_recover(s, why);
        if (err) {
                shard_close(s);
                return err;
        }
        *ret = s;
        return 0;
}

void shard_close(struct shard *s)
{
        if (!s)
                return;
        list_each(at, &s->set.all)
        {
                struct run *run = container_of(at, struct run, in_shard);
                for (struct run_waiter *w; (w = shard_take_waiter(run)) != NULL;)
                        shard_give_waiter(s, w);
                shard_park(s, run);
        }
        for (struct run_waiter *w = s->unused_waiters, *next; w; w = next) {
                next = w->next;
                free(w);
        }
        run_set_fini(&s->set);
        for (int i = 0; i < 2; i++) {
                log_group_fini(&s->groups[i].log);
                buffer_fini(&s->groups[i].offsets);
                buffer_fini(&s->groups[i].outbox);
        }
        buffer_fini(&s->effects);
        answers_fini(&s->answers);
        stack_pool_free(s->code_env.stacks);
        free(s);
}

void shard_be_careful(struct shard *s)
{
        s->careful = true;
}

void shard_set_aside(struct shard *s, uint64_t id, const char *sentence)
{
        struct run *run = shard_run_by_id(s, id);
        if (run && run->ending == RUN_OPEN)
                shard_block(s, run, sentence);
}

/* --- checking --- */

struct checking {
        const char *broken;
        uint64_t hash;
        shard_visit_fn *visit;
        void *ctx;
};

static void check_run(void *ctx, const struct run *run)
{
        struct checking *c = ctx;
        if (!c->broken && !run->damaged)
                c->broken = run_check(run);
}

const char *shard_check(struct shard *s)
{
        struct checking c = { 0 };
        shard_each_run(s, check_run, &c);
        return c.broken;
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
        return hash_u64(hash ^ value) + value;
}

static uint64_t mix_senders(uint64_t hash, const struct run_senders *senders)
{
        if (!senders)
                return hash;
        list_each(at, &senders->all)
        {
                const struct run_sender *sender = container_of(at, struct run_sender, in_all);
                hash = mix(mix(hash, sender->run), sender->op);
        }
        return hash;
}

static void mix_run(void *ctx, const struct run *run)
{
        struct checking *c = ctx;
        uint64_t hash = c->hash;
        hash = mix(mix(mix(hash, run->id), run->ending), run->transitions);
        hash = mix(mix(mix(hash, run->last_lsn), run->pending), run->cancel_requested);
        list_each(in, &run->ops)
        {
                const struct op *op = container_of(in, struct op, in_run);
                hash = mix(mix(mix(hash, op->id), op->effect), op->attempt);
                hash = mix(mix(mix(hash, op->tries), (uint64_t)op->due_ns), op->lsn);
        }
        list_each(in, &run->channels.all)
        {
                const struct run_channel *channel = container_of(in, struct run_channel, in_run.in_all);
                if (channel->kept) /* waits are among the ops */
                        hash = mix(mix(hash, hash_bytes(0, 0, channel->in_run.name)), channel->kept);
        }
        hash = mix(mix(mix(hash, run->status_lsn), run->continued_as), run->seed);
        c->hash = mix_senders(hash, run->senders);
}

uint64_t shard_fingerprint(struct shard *s)
{
        struct checking c = { 0 };
        shard_each_run(s, mix_run, &c);
        return c.hash;
}

static void show_run(void *ctx, const struct run *run)
{
        struct checking *c = ctx;
        c->visit(c->ctx, run->id, run->workflow_id, run->ending, run->transitions,
                 run->ending == RUN_OPEN ? run->ops_count : 0);
}

void shard_visit(struct shard *s, shard_visit_fn *visit, void *ctx)
{
        struct checking c = { .visit = visit, .ctx = ctx };
        shard_each_run(s, show_run, &c);
}
