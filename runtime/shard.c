/* SPDX-License-Identifier: MIT
 *
 * A shard's life, its tables and its groups.
 */
#include "runtime/shard_state.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* --- ids --- */

static uint64_t name_hash(uint64_t key, struct bytes ns, struct bytes id)
{
        return hash_bytes(key, hash_bytes(0, 0, ns), id);
}

uint32_t shard_of(uint32_t shards_count, struct bytes ns, struct bytes id, struct bytes request_id)
{
        struct bytes what = id.size ? id : request_id;
        uint64_t run;
        if (run_id_parse(id, &run) && shard_of_run(run) < shards_count)
                return shard_of_run(run);
        return shards_count <= 1 ? 0 : (uint32_t)(name_hash(0, ns, what) % shards_count);
}

uint32_t shard_of_run(uint64_t run)
{
        return (uint32_t)(run >> 48);
}

bool run_id_parse(struct bytes text, uint64_t *ret)
{
        uint64_t id = 0;
        if (text.size != 16)
                return false;
        for (size_t i = 0; i < 16; i++) {
                uint8_t c = text.data[i];
                int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
                if (digit == 16)
                        return false;
                id = id << 4 | (unsigned)digit;
        }
        *ret = id;
        return true;
}

/* --- runs --- */

struct run *shard_run_by_id(const struct shard *s, uint64_t id)
{
        struct map_node *n = map_find(&s->runs, id);
        return n ? container_of(n, struct run, by_id) : NULL;
}

struct run *shard_run_by_name(const struct shard *s, struct bytes ns, struct bytes id)
{
        uint64_t key = name_hash(s->options.incarnation, ns, id);
        for (struct map_node *n = map_find(&s->names, key); n; n = map_find_next(&s->names, n)) {
                struct run *run = container_of(n, struct run, by_name);
                if (bytes_equal(bytes_str(run->workflow_id), id) && bytes_equal(bytes_str(run->ns), ns))
                        return run;
        }
        return NULL;
}

struct run *shard_run_find(const struct shard *s, struct bytes ns, struct bytes id)
{
        struct run *run = shard_run_by_name(s, ns, id);
        uint64_t number;
        if (!run && run_id_parse(id, &number)) {
                run = shard_run_by_id(s, number);
                if (run && !bytes_equal(bytes_str(run->ns), ns))
                        run = NULL;
        }
        return run;
}

struct run *shard_last_of_chain(const struct shard *s, struct run *run)
{
        while (run->ending == RUN_CONTINUED && run->continued_as)
                run = shard_run_by_id(s, run->continued_as);
        return run;
}

void shard_name_run(struct shard *s, struct run *run)
{
        struct bytes ns = bytes_str(run->ns), id = bytes_str(run->workflow_id);
        uint64_t own;
        if (run_id_parse(id, &own) && own == run->id)
                return; /* named after itself: shard_run_find() finds it by its run id */
        struct run *before = shard_run_by_name(s, ns, id);
        if (before) {
                map_remove(&s->names, &before->by_name);
                run_senders_move(before, run);
        }
        map_put(&s->names, &run->by_name, name_hash(s->options.incarnation, ns, id));
        struct run *from = run->continued_from ? shard_run_by_id(s, run->continued_from) : NULL;
        if (from)
                from->continued_as = run->id;
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

static void release(struct shard *s, struct held_group *g)
{
        struct message m;
        struct bytes at = buffer_bytes(&g->outbox);
        while (parcel_take(&at, &m)) {
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
        int err = 0;
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
        s->submitted = false;
        s->disk_full = false;
        /* The group stays as it is until the next one has taken over: release() may make the shard step and
         * look at it. */
        release(s, g);
        return 0;
}

bool shard_idle(const struct shard *s)
{
        return !s->submitted && !s->filling->log.count && !s->filling->outbox.size;
}

bool shard_disk_full(const struct shard *s)
{
        return s->disk_full;
}

bool shard_full(const struct shard *s)
{
        return s->failed ||
               (s->submitted && s->filling->log.bytes.size + s->filling->outbox.size > GROUP_BYTES_AIM);
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

int shard_record(struct shard *s, uint64_t lsn, log_visit_fn *visit, void *ctx, stet_why *why)
{
        struct record record;
        if (lsn > s->durable_lsn) {
                if (record_in_group(s->filling, lsn, &record) ||
                    (s->submitted && record_in_group(other_group(s), lsn, &record)))
                        return visit(ctx, &record);
                return stet_why_set(why, STET_EINTERNAL, "record %llu is nowhere", (unsigned long long)lsn);
        }
        struct first_visit first = { visit, ctx, lsn, 0, false };
        int err = log_read(s->options.log, lsn, visit_first, &first, why);
        if (err > 0)
                return err;
        if (!first.found)
                return stet_why_set(why, STET_ECORRUPT, "record %llu is missing", (unsigned long long)lsn);
        return first.result;
}

static int note_previous(void *ctx, const struct record *record)
{
        *(uint64_t *)ctx = record->previous_lsn;
        return 0;
}

int shard_history(struct shard *s, const struct run *run, uint32_t from, uint32_t limit, log_visit_fn *visit,
                  void *ctx, stet_why *why)
{
        if (from >= run->transitions)
                return 0;
        uint32_t count = run->transitions - from;
        uint64_t *lsns = xmalloc(count * sizeof *lsns);
        uint64_t lsn = run->last_lsn;
        int err = 0;
        for (uint32_t i = count; i-- > 0 && !err;) {
                lsns[i] = lsn;
                if (i)
                        err = shard_record(s, lsn, note_previous, &lsn, why);
        }
        if (limit && count > limit)
                count = limit;
        for (uint32_t i = 0; i < count && !err; i++)
                err = shard_record(s, lsns[i], visit, ctx, why);
        free(lsns);
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

const void *shard_expect(const struct shard *s, uint64_t id, unsigned step, const void *found)
{
        const struct run *run = found;
        if (step == 0) {
                map_prefetch(&s->runs, id);
                return NULL;
        }
        if (step == 1) {
                run = shard_run_by_id(s, id);
                if (run) {
                        __builtin_prefetch(run);
                        __builtin_prefetch(&run->last_lsn);
                        __builtin_prefetch(&run->few);
                }
                return run;
        }
        if (run && step == 2) {
                __builtin_prefetch(run->few[0]);
                __builtin_prefetch((const char *)run->few[0] + 64);
        }
        if (run && run->code)
                code_expect(run->code, step - 2);
        return run;
}

void shard_tick(struct shard *s, int64_t now_ns)
{
        if (s->failed)
                return;
        if (now_ns > s->last_time_ns)
                s->last_time_ns = now_ns;
        struct heap_node *first;
        while ((first = heap_min(&s->tables.timers)) && first->due_ns <= now_ns) {
                struct op *op = container_of(first, struct op, timer);
                struct event fired = { .type = EVENT_TIMER, .op = op->id };
                shard_step(s, op->run, &fired, s->last_time_ns);
        }
}

int64_t shard_deadline(const struct shard *s)
{
        struct heap_node *first = heap_min(&s->tables.timers);
        return first ? first->due_ns : INT64_MAX;
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
        s->code_env =
            (struct code_env){ .stacks = stack_pool_new(options->stack_size), .log = code_log, .log_ctx = s };
        list_init(&s->all);
        list_init(&s->awake);
        list_init(&s->let_go);
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

void shard_forget_run(struct shard *s, struct run *run)
{
        shard_park(s, run);
        map_remove(&s->runs, &run->by_id);
        list_remove(&run->in_shard);
        if (run->ns && shard_run_by_name(s, bytes_str(run->ns), bytes_str(run->workflow_id)) == run)
                map_remove(&s->names, &run->by_name);
        run_free(run, &s->tables);
}

void shard_close(struct shard *s)
{
        if (!s)
                return;
        s->tables.let_go = NULL; /* if it was never resumed: nothing more is let go */
        while (!list_empty(&s->let_go))
                run_forget_let_go(&s->tables, container_of(s->let_go.next, struct op, in_run));
        while (!list_empty(&s->all)) {
                struct run *run = container_of(s->all.next, struct run, in_shard);
                for (struct run_waiter *w; (w = shard_take_waiter(run)) != NULL;)
                        free(w);
                shard_forget_run(s, run);
        }
        for (int i = 0; i < 2; i++) {
                log_group_fini(&s->groups[i].log);
                buffer_fini(&s->groups[i].offsets);
                buffer_fini(&s->groups[i].outbox);
        }
        map_fini(&s->runs);
        map_fini(&s->names);
        run_tables_fini(&s->tables);
        buffer_fini(&s->effects);
        answers_fini(&s->answers);
        code_env_fini(&s->code_env);
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

const char *shard_check(const struct shard *s)
{
        list_each(at, &s->all)
        {
                const char *broken = run_check(container_of(at, struct run, in_shard));
                if (broken)
                        return broken;
        }
        return NULL;
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

uint64_t shard_fingerprint(const struct shard *s)
{
        uint64_t hash = 0;
        list_each(at, &s->all)
        {
                const struct run *run = container_of(at, struct run, in_shard);
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
                        const struct run_channel *channel =
                            container_of(in, struct run_channel, in_run.in_all);
                        if (channel->kept) /* waits are among the ops */
                                hash = mix(mix(hash, hash_bytes(0, 0, channel->in_run.name)), channel->kept);
                }
                hash = mix(mix(mix(hash, run->status_lsn), run->continued_as), run->seed);
                hash = mix_senders(hash, run->senders);
                list_each(in, &run->requests)
                {
                        const struct run_request *r = container_of(in, struct run_request, in_run);
                        hash = mix(mix(hash, r->event), hash_bytes(0, 0, bytes_of(r->id, r->id_size)));
                }
        }
        return hash;
}

void shard_visit(const struct shard *s, shard_visit_fn *visit, void *ctx)
{
        list_each(at, &s->all)
        {
                const struct run *run = container_of(at, struct run, in_shard);
                visit(ctx, run->id, run->workflow_id, run->ending, run->transitions, run->ops_count);
        }
}
