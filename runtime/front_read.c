/* SPDX-License-Identifier: MIT
 *
 * Readings made whole: what the shards gathered, with what only the front and the scheduler know.
 */
#include "base/table.h"
#include "base/run_id.h"
#include "runtime/front_state.h"
#include "runtime/run_show.h"
#include "runtime/shard.h"

#include <stdlib.h>

enum { SENTENCE_MAX = 400, LIST_LIMIT = 100 };

static void send_value(struct front *f, const struct message *to, struct buffer *value)
{
        struct message m = { .type = MSG_REPLY,
                             .correlation = to->correlation,
                             .value = buffer_bytes(value) };
        front_to_peer(f, to->peer, &m);
        buffer_fini(value);
}

/* --- show: the ops in words --- */

static void put_blocked_on(struct front *f, const struct message *m, struct table *t)
{
        struct cursor c = cursor_of(m->names);
        uint32_t count = cursor_array(&c);
        if (!count)
                return;
        table_key(t, "blocked_on");
        pack_array(t->to, count);
        for (uint32_t i = 0; i < count; i++) {
                char sentence[SENTENCE_MAX];
                cursor_array(&c);
                uint32_t op = (uint32_t)cursor_uint(&c);
                struct bytes what = cursor_str(&c), text = { NULL, 0 };
                if (!cursor_nil(&c))
                        text = cursor_str(&c);
                else if (scheduler_describe(f->scheduler, m->token.run, op, f->now_ns, sentence,
                                            sizeof sentence) == 0)
                        text = bytes_str(sentence);
                else
                        text = bytes_str("an activity whose outcome is being written");
                struct table item = table_begin(t->to);
                table_uint(&item, "op", op);
                table_key(&item, "what");
                pack_str(t->to, what);
                table_key(&item, "sentence");
                pack_str(t->to, text);
                table_end(&item);
        }
}

static void finish_show(struct front *f, const struct message *m)
{
        struct buffer value = { 0 };
        struct cursor c = cursor_of(m->value);
        uint32_t pairs = cursor_map(&c);
        struct table t = table_begin(&value);
        buffer_append(&value, c.at, (size_t)(c.end - c.at));
        t.pairs = pairs;
        put_blocked_on(f, m, &t);
        table_end(&t);
        send_value(f, m, &value);
}

/* --- list: the newest first --- */

struct row {
        struct bytes map;
        uint64_t started_ms;
        struct bytes run_id;
};

static struct row row_at(struct cursor *c)
{
        struct row row = { { NULL, 0 }, 0, { NULL, 0 } };
        struct cursor in = *c;
        row.map = cursor_skip(c);
        for (uint32_t left = cursor_map(&in); left && !in.failed; left--) {
                struct bytes key = cursor_str(&in);
                if (bytes_equal(key, bytes_str("started_ms")))
                        row.started_ms = cursor_uint(&in);
                else if (bytes_equal(key, bytes_str("run_id")))
                        row.run_id = cursor_str(&in);
                else
                        cursor_skip(&in);
        }
        return row;
}

static int newer_first(const void *left, const void *right)
{
        const struct row *a = left, *b = right;
        if (a->started_ms != b->started_ms)
                return a->started_ms > b->started_ms ? -1 : 1;
        return memcmp(b->run_id.data, a->run_id.data,
                      a->run_id.size < b->run_id.size ? a->run_id.size : b->run_id.size);
}

static uint64_t limit_of(const struct message *m)
{
        struct cursor c = cursor_find(m->value, "limit");
        return cursor_uint(&c);
}

/* As many from the front as one answer has room for. */
static size_t fitting(const struct row *rows, size_t count)
{
        enum { HEAD = 5 };
        size_t size = HEAD, fits = 0;
        while (fits < count && (size += rows[fits].map.size) <= READING_BYTES_MAX)
                fits++;
        return fits;
}

static void finish_list(struct front *f, const struct message *m)
{
        struct cursor c = cursor_of(m->names);
        struct row *rows = NULL;
        size_t count = 0, capacity = 0;
        while (!cursor_end(&c)) {
                if (count == capacity) {
                        capacity = capacity ? 2 * capacity : 64;
                        rows = xrealloc(rows, capacity * sizeof *rows);
                }
                rows[count++] = row_at(&c);
        }
        if (count)
                qsort(rows, count, sizeof *rows, newer_first);
        uint64_t limit = limit_of(m);
        if (count > (limit ? limit : LIST_LIMIT))
                count = limit ? limit : LIST_LIMIT;
        count = fitting(rows, count);
        struct buffer value = { 0 };
        pack_array(&value, (uint32_t)count);
        for (size_t i = 0; i < count; i++)
                buffer_append(&value, rows[i].map.data, rows[i].map.size);
        free(rows);
        send_value(f, m, &value);
}

/* --- stats: sums over the shards --- */

static const char *const run_keys[] = { "open",       "completed", "failed",    "canceled",
                                        "terminated", "continued", "blocked",   "awake",
                                        "owed",       "timers",    "in_memory", "removed" };
static const char *const log_keys[] = { "commits", "records", "bytes", "disk_bytes", "lsn", "epoch" };

static const char *const store_keys[] = { "checkpoint_lsn", "lag_bytes", "store_bytes" };

static uint64_t sum(struct bytes parts, const char *key)
{
        struct cursor c = cursor_of(parts);
        uint64_t total = 0;
        while (!cursor_end(&c)) {
                for (uint32_t left = cursor_map(&c); left && !c.failed; left--) {
                        bool wanted = bytes_equal(cursor_str(&c), bytes_str(key));
                        uint64_t value = cursor_uint(&c);
                        total += wanted ? value : 0;
                }
        }
        return total;
}

static void put_sums(struct table *t, const char *name, const char *const *keys, size_t count,
                     struct bytes parts)
{
        table_key(t, name);
        struct table inner = table_begin(t->to);
        for (size_t i = 0; i < count; i++)
                table_uint(&inner, keys[i], sum(parts, keys[i]));
        table_end(&inner);
}

static void finish_stats(struct front *f, const struct message *m)
{
        struct buffer value = { 0 };
        struct scheduler_stats stats;
        scheduler_stats(f->scheduler, &stats);
        struct table t = table_begin(&value);
        table_uint(&t, "shards", f->options.shards_count);
        put_sums(&t, "runs", run_keys, sizeof run_keys / sizeof run_keys[0], m->names);
        put_sums(&t, "log", log_keys, sizeof log_keys / sizeof log_keys[0], m->names);
        put_sums(&t, "store", store_keys, sizeof store_keys / sizeof store_keys[0], m->names);
        table_key(&t, "scheduler");
        struct table inner = table_begin(&value);
        table_uint(&inner, "tasks", stats.tasks);
        table_uint(&inner, "waiting", stats.waiting);
        table_uint(&inner, "running", stats.running);
        table_uint(&inner, "bytes", stats.bytes);
        table_uint(&inner, "executors", stats.executors);
        table_uint(&inner, "workers", stats.workers);
        table_end(&inner);
        table_key(&t, "peers");
        struct table peers = table_begin(&value);
        table_uint(&peers, "connected", f->peers.count);
        table_uint(&peers, "unsent_bytes", f->unsent_bytes);
        table_uint(&peers, "refused", f->frames_refused);
        table_end(&peers);
        char refusal[300];
        table_bool(&t, "disk_full", f->disk_full);
        table_uint(&t, "disk_free_bytes", f->reserve.room.free_bytes);
        table_uint(&t, "disk_reserve_bytes", f->reserve.bytes);
        table_bool(&t, "starts_refused", front_start_refusal(f, refusal, sizeof refusal) != 0);
        table_end(&t);
        send_value(f, m, &value);
}

static void refuse_unknown(struct front *f, const struct message *to, struct bytes run)
{
        stet_why why;
        struct message m = { .type = MSG_REPLY, .correlation = to->correlation };
        m.code = (uint32_t)stet_why_set(&why, STET_ENOTFOUND, "there is no run \"%.*s\"", (int)run.size,
                                        (const char *)run.data);
        m.text = bytes_str(why.text);
        front_to_peer(f, to->peer, &m);
}

/* A list that goes on behind a run begins with that run's shard: only it knows when the run started. */
void front_read_all(struct front *f, struct message *m)
{
        struct cursor c = cursor_find(m->value, "before");
        struct bytes before = cursor_str(&c);
        uint64_t run = 0;
        if (before.size && (!run_id_parse(before, &run) || shard_of_run(run) >= f->options.shards_count)) {
                refuse_unknown(f, m, before);
                return;
        }
        m->token.run = run;
        m->token.op = m->token.attempt = shard_of_run(run);
        f->sink.to_shard(f->sink.ctx, m->token.op, m);
}

void front_finish_reading(struct front *f, const struct message *m)
{
        if (bytes_equal(m->name, bytes_str("show")))
                finish_show(f, m);
        else if (bytes_equal(m->name, bytes_str("list")))
                finish_list(f, m);
        else
                finish_stats(f, m);
}

void front_read_executors(struct front *f, const struct message *m)
{
        struct buffer value = { 0 };
        pack_map(&value, 2);
        pack_cstr(&value, "executors");
        scheduler_describe_executors(f->scheduler, f->now_ns, &value);
        pack_cstr(&value, "queues");
        scheduler_describe_queues(f->scheduler, &value);
        send_value(f, m, &value);
}
