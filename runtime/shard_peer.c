/* SPDX-License-Identifier: MIT
 *
 * Messages from the scheduler and from shards (this one included): outcomes of activities, children and
 * signals between runs. Every one may come twice; the second changes nothing and is answered as the first.
 */
#include "runtime/shard_state.h"

#include <stdio.h>

/* --- activities --- */

void shard_outcome(struct shard *s, const struct message *m, int64_t now_ns)
{
        struct run *run = shard_run_by_id(s, m->token.run);
        struct event e = { .type = EVENT_ACTIVITY,
                           .op = m->token.op,
                           .attempt = m->token.attempt,
                           .code = m->code,
                           .lost = m->count,
                           .permanent = m->permanent,
                           .started_ns = m->started_ns,
                           .value = m->value,
                           .kind = m->kind,
                           .text = m->text,
                           .executor = m->executor };
        int err = run ? shard_step(s, run, &e, now_ns) : STET_ESTALE;
        if (!m->peer)
                return;
        struct message ack = {
                .type = MSG_ACK, .peer = m->peer, .token = m->token, .code = err ? STET_ESTALE : STET_OK
        };
        shard_hold(s, &ack);
}

/* Remembers who runs a long attempt, so that it is left to its executor after a restart; or that a child has
 * started that may outlive the run. Holds nothing back. */
static void note(struct shard *s, const struct message *m, int64_t now_ns)
{
        struct held_group *g = s->filling;
        struct run *run = shard_run_by_id(s, m->token.run);
        const struct op *op = run ? run_op(&s->set.tables, run, m->token.op) : NULL;
        if (!op || op->noted || op->attempt != m->token.attempt)
                return;
        size_t offset = log_group_begin(&g->log, RECORD_NOTE, 0, m->token.run, 0, now_ns);
        pack_array(&g->log.bytes, 3);
        pack_uint(&g->log.bytes, m->token.op);
        pack_uint(&g->log.bytes, m->token.attempt);
        pack_str(&g->log.bytes, m->executor);
        struct bytes body = bytes_of(g->log.bytes.data + offset + RECORD_HEADER_SIZE,
                                     g->log.bytes.size - offset - RECORD_HEADER_SIZE);
        run_apply_note(run, &s->set.tables, body);
        run->touched_lsn = log_group_end(&g->log, offset);
        shard_touch(s, run);
        uint32_t place = (uint32_t)offset;
        buffer_append(&g->offsets, &place, sizeof place);
}

/* --- children --- */

/* The control character keeps it apart from every request id that a client may choose. */
static void child_request_id(char buf[40], const struct message *m)
{
        snprintf(buf, 40, "\001child:%016llx:%u", (unsigned long long)m->parent_run, m->parent_op);
}

static struct run *child_of(struct shard *s, const struct message *m)
{
        char id[40];
        child_request_id(id, m);
        return shard_run_by_request(s, EVENT_START, m->ns, m->id, bytes_str(id));
}

static void refuse_child(struct shard *s, const struct message *m, int code, const char *kind,
                         const char *text)
{
        struct message done = { .type = MSG_CHILD_DONE,
                                .parent_run = m->parent_run,
                                .parent_op = m->parent_op,
                                .role = RUN_FAILED,
                                .code = (uint32_t)code,
                                .kind = bytes_str(kind),
                                .text = bytes_str(text) };
        shard_hold(s, &done);
}

/* A parent that lets a child go owes its start, even after its own end, until it hears of it. */
static void tell_started(struct shard *s, const struct message *m)
{
        struct message started = { .type = MSG_NOTE,
                                   .token = { .run = m->parent_run, .op = m->parent_op },
                                   .parent_run = m->parent_run };
        if (m->abandon)
                shard_hold(s, &started);
}

static void child_start(struct shard *s, const struct message *m, int64_t now_ns)
{
        struct run *child = child_of(s, m);
        if (child) {
                tell_started(s, m);
                child = shard_last_of_chain(s, child);
                if (child->ending != RUN_OPEN)
                        shard_tell_parent(s, child);
                return;
        }
        stet_why why = { "" };
        const struct run *other = shard_run_by_name(s, m->ns, m->id);
        if (!shard_serves_workflow(s, m->name, &why)) {
                refuse_child(s, m, STET_EFAILED, "UnknownWorkflow", why.text);
                return;
        }
        if (other && other->ending == RUN_OPEN) {
                stet_why_set(&why, STET_EEXISTS, "the id \"%s\" belongs to the open run %016llx",
                             other->workflow_id, (unsigned long long)other->id);
                refuse_child(s, m, STET_EEXISTS, "EEXISTS", why.text);
                return;
        }
        char request_id[40];
        child_request_id(request_id, m);
        struct event start = { .type = EVENT_START,
                               .ns = m->ns,
                               .workflow = m->name,
                               .id = m->id,
                               .value = m->value,
                               .request_id = bytes_str(request_id),
                               .sender = m->parent_run,
                               .sender_op = m->parent_op,
                               .abandon = m->abandon };
        shard_start(s, &start, now_ns);
        tell_started(s, m);
}

static void child_done(struct shard *s, const struct message *m, int64_t now_ns)
{
        struct run *run = shard_run_by_id(s, m->parent_run);
        struct event e = { .type = EVENT_CHILD,
                           .op = m->parent_op,
                           .code = m->code,
                           .ending = m->role,
                           .value = m->value,
                           .kind = m->kind,
                           .text = m->text };
        if (run)
                shard_step(s, run, &e, now_ns);
}

static void child_cancel(struct shard *s, const struct message *m, int64_t now_ns)
{
        struct run *child = m->token.run ? shard_run_by_id(s, m->token.run) : child_of(s, m);
        child = child ? shard_last_of_chain(s, child) : NULL;
        if (!child || child->ending != RUN_OPEN || child->cancel_requested)
                return;
        struct event e = { .type = EVENT_CANCEL, .text = bytes_str("its parent no longer waits for it") };
        shard_step(s, child, &e, now_ns);
}

/* Asked after a restart, for every open child: a parent that ended, or gave the child up, may have died
 * before its word arrived. */
static void parent_check(struct shard *s, const struct message *m)
{
        struct run *parent = shard_run_by_id(s, m->parent_run);
        if (parent && parent->damaged)
                return; /* nobody knows */
        if (parent && parent->ending == RUN_OPEN && run_op(&s->set.tables, parent, m->parent_op))
                return;
        struct message cancel = { .type = MSG_CHILD_CANCEL,
                                  .token = { .run = m->token.run },
                                  .parent_run = m->parent_run,
                                  .parent_op = m->parent_op };
        shard_hold(s, &cancel);
}

/* --- signals between runs --- */

static bool applied_already(const struct run *run, const struct message *m)
{
        const struct run_sender *sender = run_sender_find(run, m->parent_run);
        return sender && sender->op >= m->parent_op;
}

static void sent(struct shard *s, const struct message *m, int64_t now_ns)
{
        struct run *run = shard_run_by_name(s, m->ns, m->id);
        int err = STET_ENOTFOUND;
        if (run && applied_already(run, m)) {
                err = STET_OK;
        } else if (run) {
                struct event e = { .type = EVENT_SIGNAL,
                                   .name = m->name,
                                   .value = m->value,
                                   .sender = m->parent_run,
                                   .sender_op = m->parent_op };
                err = shard_step(s, run, &e, now_ns);
                if (err && err != STET_ETOOBIG)
                        err = STET_ENOTFOUND;
        }
        struct message done = { .type = MSG_SEND_DONE,
                                .parent_run = m->parent_run,
                                .parent_op = m->parent_op,
                                .code = (uint32_t)err };
        shard_hold(s, &done);
}

static void send_done(struct shard *s, const struct message *m, int64_t now_ns)
{
        struct run *run = shard_run_by_id(s, m->parent_run);
        struct event e = { .type = EVENT_SENT, .op = m->parent_op, .code = m->code };
        if (run)
                shard_step(s, run, &e, now_ns);
}

/* A start that was made durable before its code runs for the first time. */
static void wake(struct shard *s, const struct message *m, int64_t now_ns)
{
        struct run *run = shard_run_by_id(s, m->parent_run);
        struct event e = { .type = EVENT_WAKE };
        if (run && run->pending && shard_awaken(s, run))
                shard_step(s, run, &e, now_ns);
}

void shard_from_shard(struct shard *s, const struct message *m, int64_t now_ns)
{
        switch ((enum message_type)m->type) {
        case MSG_CHILD_START:
                child_start(s, m, now_ns);
                break;
        case MSG_CHILD_DONE:
                child_done(s, m, now_ns);
                break;
        case MSG_CHILD_CANCEL:
                child_cancel(s, m, now_ns);
                break;
        case MSG_PARENT_CHECK:
                parent_check(s, m);
                break;
        case MSG_SEND:
                sent(s, m, now_ns);
                break;
        case MSG_SEND_DONE:
                send_done(s, m, now_ns);
                break;
        case MSG_WAKE:
                wake(s, m, now_ns);
                break;
        case MSG_NOTE:
                note(s, m, now_ns);
                break;
        case MSG_REMOVE_CHECK:
                shard_remove_check(s, m);
                break;
        case MSG_REMOVE:
                shard_remove_answered(s, m, now_ns);
                break;
        default:
                break;
        }
}
