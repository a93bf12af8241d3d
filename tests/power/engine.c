/* SPDX-License-Identifier: MIT */
#include "tests/power/engine.h"

#include "runtime/parcel.h"
#include "tests/power/flows.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
        TURNS_MAX = 200,
        STACK_SIZE = 32 << 10,
        STACKS_MAX = 4,
        RUNS_MAX = 3,
        OUTCOME_PEER = 9,
        FULL_TRIES = 3
};

#define MS           INT64_C(1000000)
#define BEGINNING_NS (INT64_C(1700000000000) * MS)

static struct engine *tapped; /* one engine at a time; log operations know only their log */

/* --- the log, with an ear at it --- */

/* Promises what it has not done: the group is written with the next one. */
static int append_late(struct engine *e, uint64_t epoch, const struct log_group *group, stet_why *why)
{
        int err = e->late.count ? e->real->append(e->host.log, epoch, &e->late, why) : 0;
        buffer_clear(&e->late.bytes);
        buffer_append(&e->late.bytes, group->bytes.data, group->bytes.size);
        e->late.first_lsn = group->first_lsn;
        e->late.count = group->count;
        e->late.chain = group->chain;
        return err;
}

static int tapped_append(struct log *log, uint64_t epoch, const struct log_group *group, stet_why *why)
{
        session_append(tapped->session, group);
        if (tapped->options->canary == CANARY_ACK_EARLY)
                return append_late(tapped, epoch, group, why);
        return tapped->real->append(log, epoch, group, why);
}

static void tap(struct engine *e)
{
        e->real = e->host.log->ops;
        e->tapped = *e->real;
        e->tapped.append = tapped_append;
        e->host.log->ops = &e->tapped;
        tapped = e;
}

/* --- what the shard says --- */

static void promise(struct engine *e, const struct message *m)
{
        session_ack(e->session, (struct session_ack){ .lsn = e->host.log->last_lsn,
                                                      .first = e->host.log->first_lsn,
                                                      .epoch = e->host.log->epoch,
                                                      .type = m->type,
                                                      .command = (uint32_t)m->correlation,
                                                      .code = m->code,
                                                      .existing = m->type == MSG_REPLY && m->count,
                                                      .ending = m->type == MSG_RESULT ? m->role : 0,
                                                      .run = m->token.run });
}

static void to_peer(void *ctx, uint64_t peer, const struct message *m)
{
        struct engine *e = ctx;
        (void)peer;
        if (e->promising)
                promise(e, m);
        else if (m->type == MSG_REPLY || m->type == MSG_RESULT)
                e->answer = (struct engine_answer){ .given = true,
                                                    .type = m->type,
                                                    .code = m->code,
                                                    .count = m->count,
                                                    .ending = m->role,
                                                    .run = m->token.run };
}

/* As the scheduler does: an attempt after the first says no more than its number and its time. */
static void add_task(struct engine *e, const struct message *m)
{
        struct engine_task **link = &e->tasks;
        while (*link && ((*link)->token.run != m->token.run || (*link)->token.op != m->token.op))
                link = &(*link)->next;
        if (!*link) {
                *link = xcalloc(1, sizeof **link);
                (*link)->broken = bytes_equal(m->name, bytes_str("broken"));
                (*link)->value = bytes_of(xmemdup(m->value.data, m->value.size), m->value.size);
        }
        (*link)->token = m->token;
        (*link)->due_ns = m->due_ns;
        (*link)->done = false;
}

static void free_task(struct engine_task *task)
{
        free((void *)(uintptr_t)task->value.data);
        free(task);
}

/* The activity is over, whoever has it. */
static void close_task(struct engine *e, const struct token *token)
{
        for (struct engine_task **link = &e->tasks; *link;) {
                struct engine_task *task = *link;
                if (task->token.run != token->run || task->token.op != token->op) {
                        link = &task->next;
                        continue;
                }
                *link = task->next;
                free_task(task);
        }
}

static void to_node(void *ctx, const struct message *m)
{
        struct engine *e = ctx;
        if (m->type == MSG_ENQUEUE)
                add_task(e, m);
        else if (m->type == MSG_CLOSE)
                close_task(e, &m->token);
        else
                parcel_put(&e->inbox, m);
}

static void hear_log(void *ctx, stet_log_level level, const char *line)
{
        struct engine *e = ctx;
        if (level >= STET_LOG_ERROR && !e->err)
                session_wrong(e->session, "the shard reports a fault: %s", line);
}

/* --- open and close --- */

/* The node leaves this file when it was open once; from then on a store that is missing is not made. */
static bool was_open(const struct engine *e)
{
        char path[300];
        snprintf(path, sizeof path, "%s/crashes", e->dir.path);
        return access(path, F_OK) == 0;
}

static int leave_mark(struct engine *e, stet_why *why)
{
        char path[300];
        snprintf(path, sizeof path, "%s/crashes", e->dir.path);
        e->mark_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
        return e->mark_fd < 0 ? stet_why_set(why, STET_EIO, "%s can't be opened", path) : 0;
}

static int open_host(struct engine *e, stet_why *why)
{
        struct shard_host_options options = { .dir = &e->dir,
                                              .level =
                                                  e->options->canary == CANARY_NOSYNC ? LOG_MEMORY : LOG_SYNC,
                                              .create_store = !was_open(e),
                                              .runs_max = RUNS_MAX,
                                              .idle_ns = 20 * MS,
                                              .app = &e->app,
                                              .stack_size = STACK_SIZE,
                                              .stacks_max = STACKS_MAX,
                                              .lease_ns = 100 * MS,
                                              .seed = e->options->seed };
        struct shard_sink sink = { .ctx = e, .to_peer = to_peer, .to_node = to_node, .log = hear_log };
        return shard_host_open(&e->host, &options, &sink, why);
}

/* In the order of runtime/node_open.c. */
int engine_open(struct engine *e, const struct workload_options *o, struct session *s, stet_why *why)
{
        char path[300];
        *e = (struct engine){ .options = o, .session = s, .app = STET_APP("power"), .mark_fd = -1 };
        e->promising = true;
        snprintf(path, sizeof path, "%s/data", o->root);
        flows_register(&e->app);
        int err = data_dir_open(path, true, 1, &e->dir, why);
        if (err)
                return err;
        e->dir_open = true;
        err = open_host(e, why);
        if (err)
                return err;
        tap(e);
        err = data_dir_upgrade(&e->dir, why);
        if (!err)
                err = leave_mark(e, why);
        e->now_ns = shard_last_time_ns(e->host.shard) + MS;
        if (e->now_ns < BEGINNING_NS)
                e->now_ns = BEGINNING_NS;
        return err;
}

void engine_close(struct engine *e)
{
        if (e->real)
                e->host.log->ops = e->real;
        tapped = NULL;
        shard_host_close(&e->host);
        if (e->mark_fd >= 0)
                close(e->mark_fd);
        if (e->dir_open)
                data_dir_close(&e->dir);
        while (e->tasks) {
                struct engine_task *task = e->tasks;
                e->tasks = task->next;
                free_task(task);
        }
        log_group_fini(&e->late);
        buffer_fini(&e->inbox);
        stet_app_fini(&e->app);
}

/* --- driving --- */

static void deliver(struct engine *e)
{
        struct buffer parcels = { 0 };
        struct message m;
        buffer_swap(&parcels, &e->inbox);
        struct bytes at = buffer_bytes(&parcels);
        while (parcel_take(&at, &m))
                shard_receive(e->host.shard, &m, e->now_ns);
        buffer_fini(&parcels);
}

/* Where the shard stands now, if everything that it knows is durable. */
static void note_fingerprint(struct engine *e)
{
        uint64_t lsn = e->host.log->last_lsn;
        if (!e->err && lsn && lsn <= e->session->records_count && shard_idle(e->host.shard))
                e->session->records[lsn - 1].fingerprint = shard_fingerprint(e->host.shard);
}

void engine_turn(struct engine *e)
{
        int full = 0;
        for (int turn = 0; turn < TURNS_MAX && !e->err; turn++) {
                deliver(e);
                shard_tick(e->host.shard, e->now_ns);
                shard_flush(e->host.shard);
                e->err = shard_collect(e->host.shard, &e->why);
                if (!e->err && shard_disk_full(e->host.shard) && ++full == FULL_TRIES)
                        e->err = stet_why_set(&e->why, STET_EFULL, "the disk is full");
                if (!e->inbox.size && shard_idle(e->host.shard))
                        break;
        }
        note_fingerprint(e);
}

void engine_resume(struct engine *e)
{
        shard_resume(e->host.shard, e->now_ns);
        engine_turn(e);
}

void engine_receive(struct engine *e, struct message *m)
{
        shard_receive(e->host.shard, m, e->now_ns);
}

/* The task that is number `which` among those not done. */
static struct engine_task *task_at(const struct engine *e, size_t which)
{
        for (struct engine_task *task = e->tasks; task; task = task->next)
                if (!task->done && !which--)
                        return task;
        return NULL;
}

size_t engine_tasks(const struct engine *e)
{
        size_t count = 0;
        while (task_at(e, count))
                count++;
        return count;
}

bool engine_work(struct engine *e, size_t which)
{
        struct engine_task *task = task_at(e, which);
        if (!task)
                return false;
        task->done = true;
        if (task->due_ns > e->now_ns)
                e->now_ns = task->due_ns;
        struct message m = { .type = MSG_OUTCOME,
                             .peer = OUTCOME_PEER,
                             .token = task->token,
                             .code = task->broken ? STET_EFAILED : STET_OK,
                             .value = task->broken ? bytes_of(NULL, 0) : task->value,
                             .kind = bytes_str(task->broken ? "Broken" : NULL),
                             .text = bytes_str(task->broken ? "it was to fail" : NULL),
                             .executor = bytes_str("power") };
        shard_receive(e->host.shard, &m, e->now_ns);
        return true;
}

bool engine_wait(struct engine *e)
{
        int64_t due_ns = shard_deadline(e->host.shard);
        if (due_ns == INT64_MAX)
                return false;
        e->now_ns = due_ns > e->now_ns ? due_ns : e->now_ns + MS;
        return true;
}

void engine_checkpoint(struct engine *e)
{
        struct checkpoints *c = e->host.checkpoints;
        if (e->err || !shard_idle(e->host.shard))
                return;
        /* It rests for a second before it begins; that second passes for it alone. */
        checkpoints_durable(c, e->host.log->last_lsn, 0, e->now_ns);
        checkpoints_durable(c, e->host.log->last_lsn, 0, e->now_ns + 1000 * MS);
}
