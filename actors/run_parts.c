/* SPDX-License-Identifier: MIT */
#include "actors/run_parts.h"

#include <assert.h>
#include <stdlib.h>

enum {
        UNUSED_OPS_MAX = 32768,
        UNUSED_RUNS_MAX = 32768,
        SENDERS_FEW = 8, /* found without a table */
};

void run_tables_shrink(struct run_tables *tables)
{
        for (struct op *op = tables->unused, *next; op; op = next) {
                next = op->next_unused;
                free(op);
        }
        for (struct list *at = tables->unused_runs, *next; at; at = next) {
                next = at->next;
                free(container_of(at, struct run, in_shard));
        }
        tables->unused = NULL;
        tables->unused_runs = NULL;
        tables->unused_count = tables->unused_runs_count = 0;
}

void run_tables_fini(struct run_tables *tables)
{
        run_tables_shrink(tables);
        map_fini(&tables->ops);
        map_fini(&tables->requests);
        heap_fini(&tables->timers);
        *tables = (struct run_tables){ 0 };
}

/* An op, zeroed. */
static struct op *op_take(struct run_tables *tables)
{
        struct op *op = tables->unused;
        if (!op)
                return xcalloc(1, sizeof *op);
        tables->unused = op->next_unused;
        tables->unused_count--;
        *op = (struct op){ 0 };
        return op;
}

static void op_give(struct run_tables *tables, struct op *op)
{
        if (tables->unused_count == UNUSED_OPS_MAX) {
                free(op);
                return;
        }
        op->next_unused = tables->unused;
        tables->unused = op;
        tables->unused_count++;
}

/* A run's memory, zeroed but for what is only read where something was put. */
static struct run *run_take(struct run_tables *tables)
{
        if (!tables || !tables->unused_runs)
                return xcalloc(1, sizeof(struct run));
        struct run *run = container_of(tables->unused_runs, struct run, in_shard);
        tables->unused_runs = run->in_shard.next;
        tables->unused_runs_count--;
        memset(run, 0, offsetof(struct run, few_names));
        return run;
}

static void run_give(struct run_tables *tables, struct run *run)
{
        if (tables->unused_runs_count == UNUSED_RUNS_MAX) {
                free(run);
                return;
        }
        run->in_shard.next = tables->unused_runs;
        tables->unused_runs = &run->in_shard;
        tables->unused_runs_count++;
}

struct run *run_new(struct run_tables *tables, uint64_t id)
{
        struct run *run = run_take(tables);
        run->id = id;
        list_init(&run->ops);
        name_set_init(&run->channels);
        list_init(&run->requests);
        list_init(&run->in_shard);
        list_init(&run->in_awake);
        return run;
}

static char *put_name(char *at, struct bytes name)
{
        if (name.size)
                memcpy(at, name.data, name.size);
        at[name.size] = 0;
        return at + name.size + 1;
}

void run_set_names(struct run *run, struct bytes ns, struct bytes workflow, struct bytes id)
{
        size_t size = ns.size + workflow.size + id.size + 3;
        run->ns = size <= RUN_NAMES_FEW ? run->few_names : xmalloc(size);
        run->workflow = put_name(run->ns, ns);
        run->workflow_id = put_name(run->workflow, workflow);
        put_name(run->workflow_id, id);
}

void run_set_attributes(struct run *run, struct bytes map)
{
        if (map.size)
                run->attributes = bytes_of(xmemdup(map.data, map.size), map.size);
}

/* --- channels --- */

struct run_channel *run_channel_find(const struct run *run, struct bytes name)
{
        struct name_node *node = name_set_find(&run->channels, name);
        return node ? container_of(node, struct run_channel, in_run) : NULL;
}

/* The one of that name; a new one if there is none. */
static struct run_channel *channel_of(struct run *run, struct bytes name)
{
        struct run_channel *channel = run_channel_find(run, name);
        if (channel)
                return channel;
        channel = xcalloc(1, sizeof *channel + name.size + 1);
        list_init(&channel->waits);
        put_name(channel->name, name);
        name_set_add(&run->channels, &channel->in_run, bytes_of(channel->name, name.size));
        return channel;
}

static void channel_settle(struct run *run, struct run_channel *channel)
{
        if (channel->kept || !list_empty(&channel->waits))
                return;
        name_set_remove(&run->channels, &channel->in_run);
        free(channel);
}

static void channel_join(struct op *op, struct bytes name)
{
        op->channel = channel_of(op->run, name);
        op->name = op->channel->name;
        list_push(&op->channel->waits, &op->in_channel);
}

static void channel_leave(struct op *op)
{
        list_remove(&op->in_channel);
        channel_settle(op->run, op->channel);
}

/* --- ops --- */

static void op_index(struct run_tables *tables, struct op *op)
{
        struct run *run = op->run;
        for (unsigned i = 0; i < RUN_OPS_FEW; i++)
                if (!run->few_ids[i]) {
                        run->few_ids[i] = op->id;
                        run->few[i] = op;
                        return;
                }
        op->in_table = true;
        map_put(&tables->ops, &op->by_id, op_key(run->id, op->id));
}

static void op_unindex(struct run_tables *tables, struct op *op)
{
        struct run *run = op->run;
        if (op->in_table)
                map_remove(&tables->ops, &op->by_id);
        for (unsigned i = 0; i < RUN_OPS_FEW && !op->in_table; i++)
                if (run->few_ids[i] == op->id)
                        run->few_ids[i] = 0;
}

struct op *run_op_open(struct run *run, struct run_tables *tables, uint32_t id, uint8_t effect,
                       struct bytes name, int64_t due_ns)
{
        struct op *op = op_take(tables);
        op->run = run;
        op->id = id;
        op->effect = effect;
        op_index(tables, op);
        list_push(&run->ops, &op->in_run);
        run->ops_count++;
        tables->ops_count++;
        if (effect == EFFECT_TIMER) {
                op->due_ns = due_ns;
                heap_put(&tables->timers, &op->timer, due_ns);
        }
        if (effect == EFFECT_WAIT_SIGNAL)
                channel_join(op, name);
        else if (name.size)
                op->name = xmemdup(name.data, name.size);
        return op;
}

void run_op_close(struct run_tables *tables, struct op *op)
{
        op_unindex(tables, op);
        tables->ops_count--;
        heap_remove(&tables->timers, &op->timer);
        list_remove(&op->in_run);
        op->run->ops_count--;
        free((void *)(uintptr_t)op->retry.non_retryable.data);
        if (op->channel)
                channel_leave(op);
        else
                free(op->name);
        op_give(tables, op);
}

void run_close_all(struct run *run, struct run_tables *tables, bool keep_let_go)
{
        list_each_safe(at, after, &run->ops)
        {
                struct op *op = container_of(at, struct op, in_run);
                if (!keep_let_go || op->effect != EFFECT_CHILD || !op->abandon || op->noted)
                        run_op_close(tables, op);
        }
        list_each_safe(at, after, &run->channels.all)
            free(container_of(at, struct run_channel, in_run.in_all));
        name_set_fini(&run->channels);
}

static void senders_free(struct run *run)
{
        if (!run->senders)
                return;
        list_each_safe(at, after, &run->senders->all) free(container_of(at, struct run_sender, in_all));
        map_fini(&run->senders->by_run);
        free(run->senders);
}

void run_free(struct run *run, struct run_tables *tables)
{
        run_close_all(run, tables, false);
        senders_free(run);
        run_requests_forget(run, tables, UINT64_MAX);
        if (run->ns != run->few_names)
                free(run->ns);
        free((void *)(uintptr_t)run->attributes.data);
        free(run->blocked);
        run_give(tables, run);
}

struct op *run_op(const struct run_tables *tables, const struct run *run, uint32_t op)
{
        for (unsigned i = 0; i < RUN_OPS_FEW && op; i++)
                if (run->few_ids[i] == op)
                        return run->few[i];
        for (struct map_node *n = map_find(&tables->ops, op_key(run->id, op)); n;
             n = map_find_next(&tables->ops, n)) {
                struct op *found = container_of(n, struct op, by_id);
                if (found->run == run && found->id == op)
                        return found;
        }
        return NULL;
}

/* --- signals --- */

void run_signal_keep(struct run *run, struct bytes name, uint64_t count)
{
        channel_of(run, name)->kept += count;
}

void run_signal_come(struct run *run, struct run_tables *tables, struct bytes name)
{
        struct run_channel *channel = run_channel_find(run, name);
        if (channel && !list_empty(&channel->waits))
                run_op_close(tables, container_of(channel->waits.next, struct op, in_channel));
        else
                run_signal_keep(run, name, 1);
}

bool run_signal_take(struct run *run, struct bytes name)
{
        struct run_channel *channel = run_channel_find(run, name);
        if (!channel || !channel->kept)
                return false;
        channel->kept--;
        channel_settle(run, channel);
        return true;
}

/* --- senders --- */

struct run_sender *run_sender_find(const struct run *run, uint64_t sender)
{
        if (!run->senders)
                return NULL;
        if (run->senders->count > SENDERS_FEW) {
                struct map_node *n = map_find(&run->senders->by_run, sender);
                return n ? container_of(n, struct run_sender, by_run) : NULL;
        }
        list_each(at, &run->senders->all)
        {
                struct run_sender *s = container_of(at, struct run_sender, in_all);
                if (s->run == sender)
                        return s;
        }
        return NULL;
}

static struct run_sender *sender_add(struct run *run, uint64_t sender)
{
        struct run_senders *senders = run->senders;
        if (!senders) {
                senders = run->senders = xcalloc(1, sizeof *senders);
                list_init(&senders->all);
        }
        struct run_sender *s = xcalloc(1, sizeof *s);
        s->run = sender;
        list_push(&senders->all, &s->in_all);
        senders->count++;
        if (senders->count == SENDERS_FEW + 1) {
                list_each(at, &senders->all)
                {
                        struct run_sender *one = container_of(at, struct run_sender, in_all);
                        map_put(&senders->by_run, &one->by_run, one->run);
                }
        } else if (senders->count > SENDERS_FEW) {
                map_put(&senders->by_run, &s->by_run, sender);
        }
        return s;
}

void run_sender_keep(struct run *run, uint64_t sender, uint32_t op)
{
        struct run_sender *s = run_sender_find(run, sender);
        if (!s)
                s = sender_add(run, sender);
        s->op = op;
}

void run_senders_move(struct run *from, struct run *to)
{
        assert(!to->senders);
        to->senders = from->senders;
        from->senders = NULL;
}
