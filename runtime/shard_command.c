/* SPDX-License-Identifier: MIT
 *
 * Commands from clients. Each is answered when it is durable; a repeat of an applied one (same request id) is
 * answered as the first was and changes nothing.
 */
#include "base/app.h"
#include "base/attributes.h"
#include "base/name.h"
#include "base/run_id.h"
#include "runtime/shard_state.h"

#include "stet/client.h"

#include <stdio.h>
#include <stdlib.h>

/* --- answers --- */

void shard_reply(struct shard *s, const struct message *to, int code, uint64_t run, const char *id,
                 const char *text)
{
        struct message m = { .type = MSG_REPLY,
                             .peer = to->peer,
                             .correlation = to->correlation,
                             .code = (uint32_t)code,
                             .token = { .run = run },
                             .id = bytes_str(id),
                             .text = bytes_str(text) };
        shard_hold(s, &m);
        if (code)
                answers_keep(&s->answers, to, &m, s->last_time_ns);
}

/* The repeat of a command whose answer left no record. */
static bool answered_before(struct shard *s, const struct message *m)
{
        struct message reply;
        if (!answers_find(&s->answers, m, s->last_time_ns, &reply))
                return false;
        struct run *run = reply.token.run ? shard_run_by_id(s, reply.token.run) : NULL;
        if (m->type == MSG_START && !reply.code && !run)
                return false; /* the run that it met was removed, and with it goes what was asked of it */
        reply.type = MSG_REPLY;
        reply.peer = m->peer;
        reply.correlation = m->correlation;
        reply.id = bytes_str(run ? run->workflow_id : NULL);
        shard_hold(s, &reply);
        if (m->wait && run && !reply.code)
                shard_wait(s, run, m->peer, m->correlation);
        return true;
}

static struct message run_reply(const struct message *to, const struct run *run, bool existing)
{
        return (struct message){ .type = MSG_REPLY,
                                 .peer = to->peer,
                                 .correlation = to->correlation,
                                 .token = { .run = run->id },
                                 .id = bytes_str(run->workflow_id),
                                 .count = existing };
}

static void reply_run(struct shard *s, const struct message *to, const struct run *run, bool existing)
{
        struct message m = run_reply(to, run, existing);
        shard_hold(s, &m);
}

/* It changes nothing, so that no record will tell its repeat of it. */
static void reply_unrecorded(struct shard *s, const struct message *to, const struct run *run)
{
        struct message m = run_reply(to, run, true);
        shard_hold(s, &m);
        answers_keep(&s->answers, to, &m, s->last_time_ns);
}

/* --- waiting for an ending --- */

void shard_wait(struct shard *s, struct run *run, uint64_t peer, uint64_t correlation)
{
        run = shard_last_of_chain(s, run);
        if (run->ending != RUN_OPEN) {
                shard_tell_ending(s, run, peer, correlation);
                return;
        }
        struct run_waiter **link = &run->waiters;
        for (; *link; link = &(*link)->next)
                if ((*link)->peer == peer && (*link)->correlation == correlation)
                        return;
        struct run_waiter *w = s->unused_waiters;
        if (w)
                s->unused_waiters = w->next;
        else
                w = xmalloc(sizeof *w);
        *w = (struct run_waiter){ .peer = peer, .correlation = correlation };
        *link = w;
}

struct run_waiter *shard_take_waiter(struct run *run)
{
        struct run_waiter *w = run->waiters;
        if (w)
                run->waiters = w->next;
        return w;
}

void shard_give_waiter(struct shard *s, struct run_waiter *w)
{
        w->next = s->unused_waiters;
        s->unused_waiters = w;
}

static void handle_wait(struct shard *s, const struct message *m, struct run *run)
{
        if (m->due_ns < 0 && shard_last_of_chain(s, run)->ending == RUN_OPEN)
                shard_reply(s, m, STET_ETIMEDOUT, run->id, run->workflow_id, "the run is still open");
        else
                shard_wait(s, run, m->peer, m->correlation);
}

/* --- start --- */

static size_t add_name(char *text, size_t size, size_t used, const char *name)
{
        if (used < size)
                used += (size_t)snprintf(text + used, size - used, "%s\"%s\"", used ? ", " : "", name);
        return used;
}

bool shard_serves_workflow(const struct shard *s, struct bytes name, stet_why *why)
{
        const stet_app *app = s->options.app;
        size_t count = app ? stet_app_workflows_count(app) : 0;
        if (!count || app_workflow(app, name))
                return true;
        char names[300] = "";
        size_t used = 0;
        for (size_t i = 0; i < count; i++)
                used = add_name(names, sizeof names, used, stet_app_workflow_name(app, i));
        stet_why_set(why, STET_ENOTFOUND, "no workflow is named \"%.*s\"; there is %s", (int)name.size,
                     (const char *)name.data, names);
        return false;
}

/* What is wrong with a command's names, value and attributes: an error and its sentence, or 0. */
static int command_invalid(const struct message *m, bool needs_name, stet_why *why)
{
        if (needs_name && !name_valid(m->name, NAME_SIZE_MAX))
                return stet_why_set(why, STET_EINVAL,
                                    "a name must have 1 to 255 bytes of UTF-8 without control characters");
        if (m->id.size && !name_valid(m->id, NAME_SIZE_MAX))
                return stet_why_set(why, STET_EINVAL,
                                    "an id must have 1 to 255 bytes of UTF-8 without control characters");
        if ((m->request_id.size && !name_valid(m->request_id, NAME_SIZE_MAX)) ||
            (m->ns.size && !name_valid(m->ns, NAME_SIZE_MAX)))
                return stet_why_set(
                    why, STET_EINVAL,
                    "a request id or namespace must have 1 to 255 bytes of UTF-8 without control characters");
        int err = wire_value_check(m->value, "the value", why);
        return err ? err : attributes_check(m->attributes, why);
}

static struct bytes namespace_of(const struct message *m)
{
        return m->ns.size ? m->ns : bytes_str("default");
}

/* Whether a run with this id in the past stands in the way of a new one. */
static int reuse_refused(const struct run *last, const struct message *m, stet_why *why)
{
        bool refused = m->reuse == ID_REUSE_REJECT ||
                       (m->reuse == ID_REUSE_ALLOW_FAILED_ONLY && last->ending == RUN_COMPLETED);
        if (!refused)
                return 0;
        return stet_why_set(why, STET_EEXISTS, "the id \"%s\" was used by run %016llx, which %s",
                            last->workflow_id, (unsigned long long)last->id, run_ending_name(last->ending));
}

/* Meets the run that has the id now. 0: the start may go on; -1: it was answered; or an error. */
static int meet_existing(struct shard *s, const struct message *m, struct run *last, int64_t now_ns,
                         stet_why *why)
{
        if (last->damaged)
                return stet_why_set(why, STET_ECORRUPT, "the id belongs to run %016llx: %s",
                                    (unsigned long long)last->id, last->blocked);
        if (last->ending != RUN_OPEN)
                return reuse_refused(last, m, why);
        if (m->conflict == ID_CONFLICT_USE_EXISTING) {
                reply_unrecorded(s, m, last);
                if (m->wait)
                        shard_wait(s, last, m->peer, m->correlation);
                return -1;
        }
        if (m->conflict == ID_CONFLICT_TERMINATE_EXISTING) {
                struct event end = { .type = EVENT_TERMINATE, .text = bytes_str("a new run took its id") };
                return shard_step(s, last, &end, now_ns);
        }
        return stet_why_set(why, STET_EEXISTS, "the id \"%s\" belongs to the open run %016llx",
                            last->workflow_id, (unsigned long long)last->id);
}

static int start_refused(struct shard *s, const struct message *m, int64_t now_ns, stet_why *why)
{
        int err = command_invalid(m, true, why);
        if (err)
                return err;
        uint64_t number;
        if (run_id_parse(m->id, &number))
                return stet_why_set(why, STET_EINVAL,
                                    "an id of 16 hexadecimal digits is a run id; choose another");
        if (!shard_serves_workflow(s, m->name, why))
                return STET_ENOTFOUND;
        struct run *last = m->id.size ? shard_run_by_name(s, namespace_of(m), m->id) : NULL;
        return last ? meet_existing(s, m, last, now_ns, why) : 0;
}

/* The front takes no more starts. At once: nothing that is under way bears on it, and a full disk must not
 * hold it back. */
static void refuse_start(struct shard *s, const struct message *m)
{
        struct message reply = { .type = MSG_REPLY,
                                 .peer = m->peer,
                                 .correlation = m->correlation,
                                 .code = m->code,
                                 .text = m->text };
        s->sink.to_peer(s->sink.ctx, m->peer, &reply);
}

static void handle_start(struct shard *s, const struct message *m, int64_t now_ns)
{
        struct run *repeated = shard_run_by_request(s, EVENT_START, namespace_of(m), m->id, m->request_id);
        if (repeated && !repeated->damaged) {
                reply_run(s, m, repeated, true);
                if (m->wait)
                        shard_wait(s, repeated, m->peer, m->correlation);
                return;
        }
        if (m->code) {
                refuse_start(s, m);
                return;
        }
        stet_why why = { "" };
        int err = start_refused(s, m, now_ns, &why);
        if (err > 0)
                shard_reply(s, m, err, 0, NULL, why.text);
        if (err)
                return;
        struct event start = { .type = EVENT_START,
                               .ns = namespace_of(m),
                               .workflow = m->name,
                               .id = m->id,
                               .value = m->value,
                               .request_id = m->request_id,
                               .attributes = attributes_kept(m->attributes) };
        struct run *run = shard_start(s, &start, now_ns);
        reply_run(s, m, run, false);
        if (m->wait)
                shard_wait(s, run, m->peer, m->correlation);
}

/* --- commands on a run --- */

/* Of commands on runs. */
static uint8_t event_of(const struct message *m)
{
        return m->type == MSG_SIGNAL ? EVENT_SIGNAL : m->type == MSG_CANCEL ? EVENT_CANCEL : EVENT_TERMINATE;
}

/* Answers what was carried out before as it was then: about the run that it was carried out on. The workflow
 * id may be another one's by now, or nobody's. */
static bool answered_as_repeat(struct shard *s, const struct message *m, struct bytes ns, struct bytes id)
{
        const struct run *repeated = shard_run_by_request(s, event_of(m), ns, id, m->request_id);
        if (repeated)
                shard_reply(s, m, STET_OK, repeated->id, repeated->workflow_id, NULL);
        return repeated;
}

/* There is nothing left to do. */
static bool answered_as_done(struct shard *s, const struct message *m, const struct run *run)
{
        bool done = m->type == MSG_CANCEL && run->ending == RUN_OPEN && run->cancel_requested;
        if (done)
                reply_unrecorded(s, m, run);
        return done;
}

static void refuse_full(const struct shard *s, const struct run *run, stet_why *why)
{
        char sentence[400];
        shard_history_sentence(s, run, sentence, sizeof sentence);
        stet_why_set(why, STET_ETOOBIG, "run %016llx takes no signal: %s", (unsigned long long)run->id,
                     sentence);
}

static void handle_run_command(struct shard *s, const struct message *m, struct run *run, int64_t now_ns)
{
        stet_why why = { "" };
        int err = command_invalid(m, m->type == MSG_SIGNAL, &why);
        if (!err && (answered_as_repeat(s, m, bytes_str(run->ns), bytes_str(run->workflow_id)) ||
                     answered_as_done(s, m, run)))
                return;
        struct event e = { .type = event_of(m), .request_id = m->request_id, .text = m->text };
        if (m->type == MSG_SIGNAL) {
                e.name = m->name;
                e.value = m->value;
        }
        if (!err)
                err = shard_step(s, run, &e, now_ns);
        if (err == STET_ECLOSED)
                stet_why_set(&why, err, "run %016llx of \"%s\" has ended: it %s", (unsigned long long)run->id,
                             run->workflow_id, run_ending_name(run->ending));
        if (err == STET_ETOOBIG && !*why.text)
                refuse_full(s, run, &why);
        shard_reply(s, m, err, run->id, run->workflow_id, err ? why.text : NULL);
}

static void refuse_unknown(struct shard *s, const struct message *m)
{
        stet_why why;
        bool on_run = m->type != MSG_WAIT && m->type != MSG_DELETE;
        if (on_run && answered_as_repeat(s, m, namespace_of(m), m->id))
                return;
        stet_why_set(&why, STET_ENOTFOUND, "there is no run \"%.*s\"", (int)m->id.size,
                     (const char *)m->id.data);
        shard_reply(s, m, STET_ENOTFOUND, 0, NULL, why.text);
}

void shard_command(struct shard *s, const struct message *m, int64_t now_ns)
{
        if (answered_before(s, m))
                return;
        if (m->type == MSG_START) {
                handle_start(s, m, now_ns);
                return;
        }
        struct run *run = shard_run_find(s, namespace_of(m), m->id);
        if (run && run->damaged) {
                shard_reply(s, m, STET_ECORRUPT, run->id, NULL, run->blocked);
                return;
        }
        if (!run)
                refuse_unknown(s, m);
        else if (m->type == MSG_WAIT)
                handle_wait(s, m, run);
        else if (m->type == MSG_DELETE)
                shard_delete(s, m, run, now_ns);
        else
                handle_run_command(s, m, run, now_ns);
}
