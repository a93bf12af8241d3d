/* SPDX-License-Identifier: MIT
 *
 * The public calls that wait for one answer. Each checks its arguments, fills in a message, asks, and turns
 * the answer into what the header promises.
 */
#include "runtime/client_state.h"

#include "base/value.h"
#include "runtime/client_args.h"
#include "runtime/client_calls.h"
#include "base/run_id.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/random.h>

static const int64_t timeout_default_ms = 10000, timeout_max_ms = INT64_C(100) * 365 * 86400 * 1000;

/* --- opening and closing --- */

int client_open(void *zmq_context, const char *endpoint, const struct client_driver *driver,
                stet_client **ret, stet_why *why)
{
        if (!endpoint || !ret)
                return stet_why_set(why, STET_EINVAL,
                                    "a client needs an endpoint and a place to be returned in");
        stet_client *c = xcalloc(1, sizeof *c);
        if (getrandom(c->seed, sizeof c->seed, 0) != (ssize_t)sizeof c->seed) {
                free(c);
                return stet_why_set(why, STET_EIO, "the system gives no random bytes for request ids");
        }
        int err = line_open(&c->line, zmq_context, endpoint, driver, why);
        if (err) {
                free(c);
                return err;
        }
        batch_init(&c->batch);
        c->timeout_ms = timeout_default_ms;
        *ret = c;
        return 0;
}

int stet_client_connect(const char *endpoint, stet_client **ret, stet_why *why)
{
        return client_open(NULL, endpoint, NULL, ret, why);
}

void stet_client_close(stet_client *client)
{
        if (!client)
                return;
        line_close(&client->line);
        batch_fini(&client->batch);
        buffer_fini(&client->request.frame);
        buffer_fini(&client->request.copy);
        free(client);
}

void stet_client_set_timeout(stet_client *client, int64_t timeout_ms)
{
        client->timeout_ms = timeout_ms < 0 ? 0 : timeout_ms > timeout_max_ms ? timeout_max_ms : timeout_ms;
}

int stet_client_set_namespace(stet_client *client, const char *name_space, stet_why *why)
{
        int err = client ? check_optional(name_space, "the namespace", why)
                         : stet_why_set(why, STET_EINVAL, "the client is missing");
        if (err)
                return err;
        size_t size = name_space ? strlen(name_space) : 0;
        if (size)
                memcpy(client->name_space, name_space, size);
        client->name_space[size] = 0;
        return 0;
}

/* --- asking --- */

static int unreachable(const stet_client *c, int64_t waited_ms, stet_why *why)
{
        const struct client_line *l = &c->line;
        if (!l->heard_ns && l->bad_frames)
                return stet_why_set(why, STET_EPROTOCOL,
                                    "what answers at %s is no node that this client understands: %s",
                                    l->endpoint, l->why.text);
        return stet_why_set(why, STET_EUNREACHABLE, "no answer from the node at %s within %" PRId64 " ms%s",
                            l->endpoint, waited_ms, c->request.was_sent ? "" : "; nothing was sent");
}

static int refused(const struct message *reply, stet_why *why)
{
        int err = (int)reply->code;
        if (!reply->text.size)
                return stet_why_set(why, err, "%s", stet_error_text(err));
        return stet_why_set(why, err, "%.*s", (int)reply->text.size, (const char *)reply->text.data);
}

int client_read(stet_client *c, struct message *m, const struct message **ret, stet_why *why)
{
        const struct message *answer;
        int err = client_ask(c, m, c->timeout_ms, &answer, why);
        if (err == STET_ETIMEDOUT)
                return unreachable(c, c->timeout_ms, why);
        if (!err && answer->type == MSG_REPLY && answer->code)
                return refused(answer, why);
        if (!err)
                *ret = answer;
        return err;
}

int client_take_value(const struct message *answer, stet_value *ret, stet_why *why)
{
        if (!answer->value.size)
                return stet_value_set_null(ret);
        if (value_keep(ret, answer->value) != 0)
                return stet_why_set(why, STET_EPROTOCOL,
                                    "the node's answer holds a value that is deeper than values may be");
        return 0;
}

/* A command that changes something: unlike a reading, it may have had its effect when no answer comes. */
static int command(stet_client *c, struct message *m, const char *request_id, const struct message **ret,
                   stet_why *why)
{
        struct client_request_id made;
        m->request_id = request_id ? bytes_str(request_id) : client_request_id_new(c, &made);
        const struct message *answer;
        int err = client_ask(c, m, c->timeout_ms, &answer, why);
        if (err == STET_ETIMEDOUT && !c->request.was_sent)
                return unreachable(c, c->timeout_ms, why);
        if (err == STET_ETIMEDOUT)
                return stet_why_set(why, STET_EUNKNOWN,
                                    "no answer from the node at %s within %" PRId64
                                    " ms: whether it was done is unknown; repeat it with request id \"%.*s\"",
                                    c->line.endpoint, c->timeout_ms, (int)m->request_id.size,
                                    (const char *)m->request_id.data);
        if (!err && answer->type == MSG_REPLY && answer->code)
                return refused(answer, why);
        if (!err)
                *ret = answer;
        return err;
}

static int check_client(const stet_client *c, const void *ret, stet_why *why)
{
        if (!c || !ret)
                return stet_why_set(why, STET_EINVAL, "the client or the place for the answer is missing");
        return 0;
}

/* --- starting --- */

static struct bytes payload_of(const stet_value *value)
{
        return value ? bytes_of(value->data, value->size) : bytes_of(NULL, 0);
}

struct message client_start_message(const stet_client *c, const stet_start *start)
{
        return (struct message){
                .type = MSG_START,
                .ns = bytes_str(start->name_space ? start->name_space : c->name_space),
                .name = bytes_str(start->workflow),
                .id = bytes_str(start->id),
                .value = payload_of(start->input),
                .request_id = bytes_str(start->request_id),
                .conflict = (uint32_t)start->on_conflict,
                .reuse = (uint32_t)start->on_reuse,
                .attributes = payload_of(start->attributes),
        };
}

struct message client_signal_message(const char *run, const char *name, const stet_value *value)
{
        return (struct message){
                .type = MSG_SIGNAL, .id = bytes_str(run), .name = bytes_str(name), .value = payload_of(value)
        };
}

/* Cuts between characters. */
static void copy_text(char *to, size_t size, struct bytes text)
{
        size_t fits = text.size < size ? text.size : size - 1;
        while (fits < text.size && fits > 0 && (text.data[fits] & 0xc0) == 0x80)
                fits--;
        if (fits)
                memcpy(to, text.data, fits);
        to[fits] = 0;
}

int stet_client_start(stet_client *client, const stet_start *start, stet_started *ret, stet_why *why)
{
        int err = check_client(client, ret, why);
        if (!err)
                err = check_start(start, why);
        if (err)
                return err;
        struct message m = client_start_message(client, start);
        const struct message *answer;
        err = command(client, &m, start->request_id, &answer, why);
        if (err)
                return err;
        run_id_print(answer->token.run, ret->run_id);
        copy_text(ret->workflow_id, sizeof ret->workflow_id, answer->id);
        ret->existing = answer->count != 0;
        return 0;
}

/* --- waiting --- */

const char *stet_ending_name(stet_ending ending)
{
        switch (ending) {
        case STET_RUN_OPEN:
                return "open";
        case STET_RUN_COMPLETED:
                return "completed";
        case STET_RUN_FAILED:
                return "failed";
        case STET_RUN_CANCELED:
                return "canceled";
        case STET_RUN_TERMINATED:
                return "terminated";
        case STET_RUN_CONTINUED:
                return "continued";
        }
        return "?";
}

static int take_result(const struct message *m, stet_result *ret, stet_why *why)
{
        stet_value value = { 0 };
        int err = client_take_value(m, &value, why);
        if (err)
                return err;
        ret->ending = (stet_ending)m->role;
        ret->value = value;
        run_id_print(m->token.run, ret->run_id);
        copy_text(ret->failure_kind, sizeof ret->failure_kind, m->kind);
        copy_text(ret->failure_message, sizeof ret->failure_message, m->text);
        return 0;
}

/* Only a look: a time in the past says so, and the node answers at once. */
static int look(stet_client *c, struct message *m, const struct message **ret, stet_why *why)
{
        m->due_ns = -1;
        return client_read(c, m, ret, why);
}

static int wait_for(stet_client *c, struct message *m, const char *run, int64_t timeout_ms,
                    const struct message **ret, stet_why *why)
{
        const struct message *answer;
        int err = client_ask(c, m, timeout_ms, &answer, why);
        if (err == STET_ETIMEDOUT && !c->line.heard_ns)
                return unreachable(
                    c, timeout_ms > 0 && timeout_ms < c->timeout_ms ? timeout_ms : c->timeout_ms, why);
        if (err == STET_ETIMEDOUT)
                return stet_why_set(why, err, "run \"%s\" is still open after %" PRId64 " ms", run,
                                    timeout_ms);
        if (!err && answer->type == MSG_REPLY)
                return refused(answer, why);
        if (!err)
                *ret = answer;
        return err;
}

int stet_client_wait(stet_client *client, const char *run, int64_t timeout_ms, stet_result *ret,
                     stet_why *why)
{
        int err = check_client(client, ret, why);
        if (!err)
                err = check_name(run, "the run", why);
        if (err)
                return err;
        struct message m = { .type = MSG_WAIT, .id = bytes_str(run) };
        const struct message *answer;
        err = timeout_ms == 0 ? look(client, &m, &answer, why)
                              : wait_for(client, &m, run, timeout_ms, &answer, why);
        return err ? err : take_result(answer, ret, why);
}

/* --- commands to a run --- */

static int command_run(stet_client *c, struct message *m, const char *run, const char *request_id,
                       stet_why *why)
{
        int err = check_client(c, c, why);
        if (!err)
                err = check_name(run, "the run", why);
        if (!err)
                err = check_optional(request_id, "the request id", why);
        if (err)
                return err;
        m->id = bytes_str(run);
        const struct message *answer;
        return command(c, m, request_id, &answer, why);
}

int stet_client_signal(stet_client *client, const char *run, const char *name, const stet_value *value,
                       const char *request_id, stet_why *why)
{
        int err = check_client(client, client, why);
        if (!err)
                err = check_signal(run, name, value, request_id, why);
        if (err)
                return err;
        struct message m = client_signal_message(run, name, value);
        const struct message *answer;
        return command(client, &m, request_id, &answer, why);
}

static int command_with_reason(stet_client *c, enum message_type type, const char *run, const char *reason,
                               const char *request_id, stet_why *why)
{
        int err = check_reason(reason, why);
        if (err)
                return err;
        struct message m = { .type = (uint8_t)type, .text = bytes_str(reason) };
        return command_run(c, &m, run, request_id, why);
}

int stet_client_cancel(stet_client *client, const char *run, const char *reason, const char *request_id,
                       stet_why *why)
{
        return command_with_reason(client, MSG_CANCEL, run, reason, request_id, why);
}

int stet_client_terminate(stet_client *client, const char *run, const char *reason, const char *request_id,
                          stet_why *why)
{
        return command_with_reason(client, MSG_TERMINATE, run, reason, request_id, why);
}

int stet_client_delete(stet_client *client, const char *run, const char *request_id, stet_why *why)
{
        struct message m = { .type = MSG_DELETE };
        return command_run(client, &m, run, request_id, why);
}

int stet_client_query(stet_client *client, const char *run, const char *name, const stet_value *in,
                      stet_value *ret, stet_why *why)
{
        int err = check_client(client, ret, why);
        if (!err)
                err = check_name(run, "the run", why);
        if (!err)
                err = check_name(name, "the query's name", why);
        if (!err)
                err = check_value(in, "the query's argument", why);
        if (err)
                return err;
        struct message m = { .type = MSG_QUERY, .id = bytes_str(run), .name = bytes_str(name) };
        if (in)
                m.value = bytes_of(in->data, in->size);
        const struct message *answer;
        err = client_read(client, &m, &answer, why);
        return err ? err : client_take_value(answer, ret, why);
}
