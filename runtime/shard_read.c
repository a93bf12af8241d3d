/* SPDX-License-Identifier: MIT
 *
 * Readings and queries. What a shard says of a run it has stepped leaves with the group that makes it
 * durable, so nobody reads what a crash could take back.
 *
 * show, list and stats are answered to the node's front as a REPLY with a name: it adds what it knows
 * (queues, executors) and gathers the shards' parts. `names` carries the parts: of show the ops, of list and
 * stats an array of maps.
 */
#include "base/run_id.h"
#include "base/table.h"
#include "runtime/shard_state.h"

#include "stet/client.h"

#include <stdio.h>
#include <stdlib.h>

enum { READING_BYTES_MAX = 3 << 20, HISTORY_LIMIT = 1000 };

static void answer(struct shard *s, const struct message *to, struct buffer *value, const char *name,
                   struct bytes parts)
{
        struct message m = { .type = MSG_REPLY,
                             .peer = to->peer,
                             .correlation = to->correlation,
                             .value = buffer_bytes(value),
                             .name = bytes_str(name),
                             .token = to->token,
                             .names = parts };
        shard_hold(s, &m);
        buffer_fini(value);
}

/* --- show --- */

struct shown {
        struct table *table;
        const struct run *run;
};

static int show_start(void *ctx, const struct record *record)
{
        const struct shown *shown = ctx;
        struct cursor c = cursor_of(record->body);
        struct event event;
        if (!event_decode(&c, &event))
                return STET_ECORRUPT;
        table_value(shown->table, "input", event.value);
        return 0;
}

static int show_status(void *ctx, const struct record *record)
{
        const struct shown *shown = ctx;
        struct effect effect;
        if (!transition_find(record->body, EFFECT_STATUS, 0, &effect))
                return STET_ECORRUPT;
        table_value(shown->table, "status", effect.value);
        return 0;
}

static int show_finish(void *ctx, const struct record *record)
{
        const struct shown *shown = ctx;
        struct effect finish;
        if (!transition_find(record->body, EFFECT_FINISH, 0, &finish))
                return STET_ECORRUPT;
        if (finish.ending == RUN_COMPLETED)
                table_value(shown->table, "result", finish.value);
        if (!finish.kind.size)
                return 0;
        table_key(shown->table, "failure");
        pack_map(shown->table->to, 2);
        pack_cstr(shown->table->to, "kind");
        pack_str(shown->table->to, finish.kind);
        pack_cstr(shown->table->to, "message");
        pack_str(shown->table->to, finish.text);
        return 0;
}

/* [op, what, sentence or nil]: of activities only the scheduler knows what they wait for. */
static void put_op(struct buffer *to, const struct op *op, int64_t now_ns)
{
        static const char *const what[EFFECT_TYPES] = { [EFFECT_CALL] = "activity",
                                                        [EFFECT_TIMER] = "timer",
                                                        [EFFECT_WAIT_SIGNAL] = "signal",
                                                        [EFFECT_SEND] = "send",
                                                        [EFFECT_CHILD] = "child" };
        char sentence[400];
        pack_array(to, 3);
        pack_uint(to, op->id);
        pack_cstr(to, what[op->effect]);
        switch ((enum effect_type)op->effect) {
        case EFFECT_TIMER:
                snprintf(sentence, sizeof sentence, "a timer that is due in %.3f s",
                         (double)(op->due_ns > now_ns ? op->due_ns - now_ns : 0) / 1e9);
                break;
        case EFFECT_WAIT_SIGNAL:
                snprintf(sentence, sizeof sentence, "a signal \"%s\"", op->name);
                break;
        case EFFECT_SEND:
                snprintf(sentence, sizeof sentence, "its signal \"%s\" to be applied", op->name);
                break;
        case EFFECT_CHILD:
                snprintf(sentence, sizeof sentence, "a child run of \"%s\"", op->name);
                break;
        default:
                pack_nil(to);
                return;
        }
        pack_cstr(to, sentence);
}

static void show(struct shard *s, const struct message *m, const struct run *run, int64_t now_ns)
{
        struct buffer value = { 0 }, ops = { 0 };
        struct table t = table_begin(&value);
        struct shown shown = { &t, run };
        char parent[17];
        shard_put_summary(&t, run);
        table_uint(&t, "transitions", run->transitions);
        table_bool(&t, "cancel_requested", run->cancel_requested);
        table_str(&t, "reason", run->blocked);
        if (run->parent) {
                run_id_print(run->parent, parent);
                table_str(&t, "parent_run_id", parent);
        }
        stet_why why = { "" };
        int err = shard_record(s, run, run->first_lsn, show_start, &shown, &why);
        if (!err && run->status_lsn)
                err = shard_record(s, run, run->status_lsn, show_status, &shown, &why);
        if (!err && run->ending != RUN_OPEN)
                err = shard_record(s, run, run->last_lsn, show_finish, &shown, &why);
        table_end(&t);

        enum { OPS_SHOWN = 100 };
        pack_array(&ops, run->ops_count < OPS_SHOWN ? run->ops_count : OPS_SHOWN);
        uint32_t shown_count = 0;
        list_each(at, &run->ops) if (shown_count++ < OPS_SHOWN)
            put_op(&ops, container_of(at, struct op, in_run), now_ns);
        if (err) {
                shard_reply(s, m, err, run->id, run->workflow_id, why.text);
                buffer_fini(&value);
        } else {
                struct message with_run = *m;
                with_run.token.run = run->id;
                answer(s, &with_run, &value, "show", buffer_bytes(&ops));
        }
        buffer_fini(&ops);
}

/* --- history --- */

struct history {
        struct buffer *to;
        uint32_t seq;
        uint32_t count;
};

static int put_transition(void *ctx, const struct record *record)
{
        struct history *h = ctx;
        size_t before = h->to->size;
        struct table t = table_begin(h->to);
        table_uint(&t, "seq", h->seq++);
        table_uint(&t, "lsn", record->lsn);
        table_uint(&t, "time_ms", (uint64_t)record->time_ns / 1000000);
        int err = transition_describe(record->body, h->to);
        t.pairs += 2;
        table_end(&t);
        if (!err && before && h->to->size > READING_BYTES_MAX) {
                h->to->size = before; /* the rest is for the next page */
                return -1;
        }
        h->count++;
        return err;
}

static void history(struct shard *s, const struct message *m, const struct run *run)
{
        uint64_t asked = shard_argument_number(m, "from", 0),
                 limit = shard_argument_number(m, "limit", HISTORY_LIMIT);
        uint32_t from = asked < UINT32_MAX ? (uint32_t)asked : UINT32_MAX; /* no history is so long */
        struct buffer items = { 0 }, value = { 0 };
        struct history h = { &items, from, 0 };
        stet_why why = { "" };
        int err = shard_history(s, run, from, (uint32_t)(limit < HISTORY_LIMIT ? limit : HISTORY_LIMIT),
                                put_transition, &h, &why);
        if (err > 0) {
                shard_reply(s, m, err, run->id, run->workflow_id, why.text);
        } else {
                pack_array(&value, h.count);
                buffer_append(&value, items.data, items.size);
                answer(s, m, &value, NULL, bytes_of(NULL, 0));
        }
        buffer_fini(&items);
}

/* --- list and stats: parts of an array, shard after shard --- */

/* In the first shard of a list that goes on behind a run, which is here: finds out when it started. */
static bool find_before(struct shard *s, struct message *m)
{
        if (!m->token.run || m->token.op != s->options.index)
                return true;
        const struct run *run = shard_run_by_id(s, m->token.run);
        if (run && bytes_equal(bytes_str(run->ns), m->ns.size ? m->ns : bytes_str("default"))) {
                m->started_ns = run->started_ns;
                return true;
        }
        stet_why why;
        stet_why_set(&why, STET_ENOTFOUND, "there is no run \"%016llx\"", (unsigned long long)m->token.run);
        shard_reply(s, m, STET_ENOTFOUND, 0, NULL, why.text);
        return false;
}

/* Adds this shard's part and passes the reading on to the next; the answer of the last before token.op, where
 * it began, goes to the front. */
static void gather(struct shard *s, const struct message *m)
{
        struct message next = *m;
        if (!find_before(s, &next))
                return;
        struct buffer parts = { 0 };
        buffer_append(&parts, m->names.data, m->names.size);
        if (bytes_equal(m->name, bytes_str("list")))
                shard_list(s, &next, &parts);
        else
                shard_put_stats(s, &parts);
        next.token.attempt = (s->options.index + 1) % s->options.count;
        next.type = next.token.attempt != next.token.op ? MSG_READ : MSG_REPLY;
        next.names = buffer_bytes(&parts);
        shard_hold(s, &next);
        buffer_fini(&parts);
}

void shard_read(struct shard *s, const struct message *m, int64_t now_ns)
{
        bool is_show = bytes_equal(m->name, bytes_str("show"));
        if (!is_show && !bytes_equal(m->name, bytes_str("history"))) {
                gather(s, m);
                return;
        }
        const struct run *run = shard_run_find(s, m->ns.size ? m->ns : bytes_str("default"), m->id);
        if (!run) {
                stet_why why;
                stet_why_set(&why, STET_ENOTFOUND, "there is no run \"%.*s\"", (int)m->id.size,
                             (const char *)m->id.data);
                shard_reply(s, m, STET_ENOTFOUND, 0, NULL, why.text);
        } else if (run->damaged) {
                shard_reply(s, m, STET_ECORRUPT, run->id, NULL, run->blocked);
        } else if (is_show) {
                show(s, m, run, now_ns);
        } else {
                history(s, m, run);
        }
}

/* --- queries --- */

static int ask_code(const struct shard *s, const struct message *m, const struct run *run, struct bytes *ret,
                    stet_why *why)
{
        shard_enter_code(s, run, run->workflow, run->code);
        int err = code_query(run->code, m->name, m->value, ret, why);
        shard_leave_code();
        return err;
}

void shard_query(struct shard *s, const struct message *m)
{
        struct run *run = shard_run_find(s, m->ns.size ? m->ns : bytes_str("default"), m->id);
        stet_why why = { "" };
        struct bytes value = { NULL, 0 };
        int err = STET_OK;
        if (!run)
                err = stet_why_set(&why, STET_ENOTFOUND, "there is no run \"%.*s\"", (int)m->id.size,
                                   (const char *)m->id.data);
        else if (run->ending != RUN_OPEN)
                err = stet_why_set(&why, STET_ECLOSED, "run %016llx has ended: it %s",
                                   (unsigned long long)run->id, run_ending_name(run->ending));
        else if (!shard_awaken(s, run))
                err = stet_why_set(&why, STET_EAGAIN, "the run is blocked: %s", run->blocked);
        else
                err = ask_code(s, m, run, &value, &why);
        struct message reply = { .type = MSG_REPLY,
                                 .peer = m->peer,
                                 .correlation = m->correlation,
                                 .code = (uint32_t)err,
                                 .token = { .run = run ? run->id : 0 },
                                 .value = value,
                                 .text = bytes_str(why.text) };
        shard_hold(s, &reply);
}
