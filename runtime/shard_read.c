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
#include "runtime/run_show.h"
#include "runtime/shard_state.h"

#include "stet/client.h"

#include <stdio.h>
#include <stdlib.h>

enum { HISTORY_LIMIT = 1000, RECORDS_PAGE_SIZE = 1 << 20 };

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

/* --- show --- */

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

struct run_of_shard {
        struct shard *shard;
        const struct run *run;
};

static int visit_record(void *ctx, uint64_t lsn, log_visit_fn *visit, void *visit_ctx, stet_why *why)
{
        const struct run_of_shard *of = ctx;
        return shard_record(of->shard, of->run, lsn, visit, visit_ctx, why);
}

static void show(struct shard *s, const struct message *m, const struct run *run, int64_t now_ns)
{
        struct buffer value = { 0 }, ops = { 0 };
        struct table t = table_begin(&value);
        struct run_of_shard of = { s, run };
        const struct run_records records = { &of, visit_record };
        stet_why why = { "" };
        int err = run_show(&t, run, &records, &why);
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

static void history(struct shard *s, const struct message *m, const struct run *run)
{
        uint64_t asked = shard_argument_number(m, "from", 0),
                 limit = shard_argument_number(m, "limit", HISTORY_LIMIT);
        uint32_t from = asked < UINT32_MAX ? (uint32_t)asked : UINT32_MAX; /* no history is so long */
        struct buffer items = { 0 }, value = { 0 };
        struct history_page page = { &items, from, 0 };
        stet_why why = { "" };
        int err = shard_history(s, run, from, (uint32_t)(limit < HISTORY_LIMIT ? limit : HISTORY_LIMIT),
                                history_page_add, &page, &why);
        if (err > 0) {
                shard_reply(s, m, err, run->id, run->workflow_id, why.text);
        } else {
                pack_array(&value, page.count);
                buffer_append(&value, items.data, items.size);
                answer(s, m, &value, NULL, bytes_of(NULL, 0));
        }
        buffer_fini(&items);
}

/* --- records: a run's bytes in the log, one record after the other, page by page --- */

struct records_page {
        struct buffer *to;
        uint32_t next;      /* the record behind the page … */
        uint64_t next_skip; /* … and how many of its bytes are in it already */
};

/* A record may be larger than a page, so that pages end and begin within records. */
static int put_record(void *ctx, const struct record *record)
{
        struct records_page *page = ctx;
        size_t before = page->to->size;
        record_encode(page->to, record);
        size_t size = page->to->size - before;
        size_t skip = page->next_skip < size ? (size_t)page->next_skip : size;
        memmove(page->to->data + before, page->to->data + before + skip, size - skip);
        page->to->size -= skip;
        page->next_skip = 0;
        if (page->to->size <= RECORDS_PAGE_SIZE) {
                page->next++;
                return 0;
        }
        page->next_skip = size - (page->to->size - RECORDS_PAGE_SIZE);
        page->to->size = RECORDS_PAGE_SIZE;
        return -1;
}

static void records(struct shard *s, const struct message *m, const struct run *run)
{
        uint64_t from = shard_argument_number(m, "from", 0), skip = shard_argument_number(m, "skip", 0);
        struct buffer data = { 0 }, value = { 0 };
        struct records_page page = { &data, from < UINT32_MAX ? (uint32_t)from : UINT32_MAX, skip };
        char id[RUN_ID_SIZE], incarnation[RUN_ID_SIZE];
        stet_why why = { "" };
        int err = shard_history(s, run, page.next, 0, put_record, &page, &why);
        if (err > 0) {
                shard_reply(s, m, err, run->id, run->workflow_id, why.text);
        } else {
                run_id_print(run->id, id);
                run_id_print(s->options.incarnation, incarnation);
                struct table t = table_begin(&value);
                table_str(&t, "run_id", id);
                table_str(&t, "incarnation", incarnation);
                table_uint(&t, "next", page.next);
                table_uint(&t, "next_skip", page.next_skip);
                table_key(&t, "data");
                pack_bin(&value, buffer_bytes(&data));
                table_end(&t);
                answer(s, m, &value, NULL, bytes_of(NULL, 0));
        }
        buffer_fini(&data);
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
        if (s->disk_full && bytes_equal(m->name, bytes_str("stats")))
                s->sink.to_node(s->sink.ctx, &next); /* whoever looks after a full disk can't wait for room */
        else
                shard_hold(s, &next);
        buffer_fini(&parts);
}

void shard_read(struct shard *s, const struct message *m, int64_t now_ns)
{
        bool is_show = bytes_equal(m->name, bytes_str("show"));
        bool is_records = bytes_equal(m->name, bytes_str("records"));
        if (!is_show && !is_records && !bytes_equal(m->name, bytes_str("history"))) {
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
        } else if (is_records) {
                records(s, m, run);
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
        int err = wire_value_check(m->value, "the query's argument", &why);
        if (err)
                run = NULL;
        else if (!run)
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
