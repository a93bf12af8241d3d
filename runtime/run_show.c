/* SPDX-License-Identifier: MIT */
#include "runtime/run_show.h"

#include "base/run_id.h"
#include "stet/client.h"

#include <stdio.h>

/* --- list --- */

const char *run_state_name(const struct run *run)
{
        return run->blocked ? "blocked" : run_ending_name(run->ending);
}

void run_show_summary(struct table *t, const struct run *run)
{
        char id[RUN_ID_SIZE];
        run_id_print(run->id, id);
        table_str(t, "run_id", id);
        table_str(t, "workflow_id", run->workflow_id);
        table_str(t, "namespace", run->ns);
        table_str(t, "workflow", run->workflow);
        table_str(t, "state", run_state_name(run));
        table_uint(t, "started_ms", (uint64_t)run->started_ns / 1000000);
        if (run->ending != RUN_OPEN)
                table_uint(t, "ended_ms", (uint64_t)run->ended_ns / 1000000);
        table_value(t, "attributes", run->attributes);
}

/* --- show --- */

/* The values of a run, as far as they fit one answer together. */
struct shown {
        struct table *table;
        size_t room;
};

/* One that does not fit is left out, and its size told in its place. */
static void show_value(struct shown *shown, const char *key, const char *key_of_size, struct bytes value)
{
        if (value.size > shown->room) {
                table_uint(shown->table, key_of_size, value.size);
                return;
        }
        table_value(shown->table, key, value);
        shown->room -= value.size;
}

static int show_start(void *ctx, const struct record *record)
{
        struct cursor c = cursor_of(record->body);
        struct event event;
        if (!event_decode(&c, &event))
                return STET_ECORRUPT;
        show_value(ctx, "input", "input_bytes", event.value);
        return 0;
}

static int show_status(void *ctx, const struct record *record)
{
        struct effect effect;
        if (!transition_find(record->body, EFFECT_STATUS, 0, &effect))
                return STET_ECORRUPT;
        show_value(ctx, "status", "status_bytes", effect.value);
        return 0;
}

static int show_finish(void *ctx, const struct record *record)
{
        struct shown *shown = ctx;
        struct table *t = shown->table;
        struct effect finish;
        if (!transition_find(record->body, EFFECT_FINISH, 0, &finish))
                return STET_ECORRUPT;
        if (finish.ending == RUN_COMPLETED)
                show_value(shown, "result", "result_bytes", finish.value);
        if (!finish.kind.size)
                return 0;
        table_key(t, "failure");
        pack_map(t->to, 2);
        pack_cstr(t->to, "kind");
        pack_str(t->to, finish.kind);
        pack_cstr(t->to, "message");
        pack_str(t->to, finish.text);
        return 0;
}

int run_show(struct table *t, const struct run *run, const struct run_records *records, stet_why *why)
{
        struct shown shown = { t, READING_BYTES_MAX };
        run_show_summary(t, run);
        table_uint(t, "transitions", run->transitions);
        table_uint(t, "history_bytes", run->history_bytes);
        table_bool(t, "cancel_requested", run->cancel_requested);
        table_str(t, "reason", run->blocked);
        if (run->parent) {
                char parent[RUN_ID_SIZE];
                run_id_print(run->parent, parent);
                table_str(t, "parent_run_id", parent);
        }
        int err = records->visit(records->ctx, run->first_lsn, show_start, &shown, why);
        if (!err && run->status_lsn)
                err = records->visit(records->ctx, run->status_lsn, show_status, &shown, why);
        if (!err && run->ending != RUN_OPEN)
                err = records->visit(records->ctx, run->last_lsn, show_finish, &shown, why);
        return err;
}

/* --- history --- */

int history_page_add(void *ctx, const struct record *record)
{
        struct history_page *page = ctx;
        size_t before = page->to->size;
        struct table t = table_begin(page->to);
        table_uint(&t, "seq", page->seq);
        table_uint(&t, "lsn", record->lsn);
        table_uint(&t, "time_ms", (uint64_t)record->time_ns / 1000000);
        int err = transition_describe(record->body, page->to);
        t.pairs += 2;
        table_end(&t);
        if (!err && before && page->to->size > READING_BYTES_MAX)
                err = -1;
        if (err) {
                page->to->size = before;
                return err;
        }
        page->seq++;
        page->count++;
        return 0;
}
