/* SPDX-License-Identifier: MIT
 *
 * Many requests at once. Submitting only encodes, and sends when a frame is full; collecting does the rest.
 */
#include "runtime/client_args.h"
#include "runtime/client_calls.h"
#include "runtime/clock.h"
#include "base/run_id.h"

#include <inttypes.h>

#define MS INT64_C(1000000)

/* Of checked arguments. request_id NULL: made up. */
static int submit(stet_client *c, struct message *m, const char *request_id, uint64_t tag, stet_why *why)
{
        struct client_request_id made;
        m->request_id = request_id ? bytes_str(request_id) : client_request_id_new(c, &made);
        if (!c->batch.count)
                c->batch.quiet_since_ns = clock_elapsed_ns();
        int err = batch_add(&c->batch, m, ++c->serial, tag);
        if (err)
                return stet_why_set(why, err,
                                    "%zu requests are under way on this client; collect answers first",
                                    c->batch.count);
        batch_put(&c->batch, &c->line);
        return 0;
}

int stet_client_submit(stet_client *client, const stet_start *start, uint64_t tag, bool wait, stet_why *why)
{
        if (!client)
                return stet_why_set(why, STET_EINVAL, "the client is missing");
        int err = check_start(start, why);
        if (err)
                return err;
        struct message m = client_start_message(client, start);
        m.wait = wait;
        return submit(client, &m, start->request_id, tag, why);
}

int stet_client_submit_signal(stet_client *client, const char *run, const char *name, const stet_value *value,
                              const char *request_id, uint64_t tag, stet_why *why)
{
        if (!client)
                return stet_why_set(why, STET_EINVAL, "the client is missing");
        int err = check_signal(run, name, value, request_id, why);
        if (err)
                return err;
        struct message m = client_signal_message(run, name, value);
        m.ns = bytes_str(client->name_space);
        return submit(client, &m, request_id, tag, why);
}

static size_t hand_out(struct client_batch *b, stet_answer *answers, size_t max)
{
        size_t count = 0;
        for (; count < max && b->answers_taken < b->answers_count; count++) {
                const struct batch_answer *from = &b->answers[b->answers_taken++];
                stet_answer *to = &answers[count];
                to->tag = from->tag;
                to->err = from->err;
                to->ended = from->ended;
                to->ending = (stet_ending)from->ending;
                run_id_print(from->run, to->run_id);
        }
        return count;
}

/* When the node has been silent for as long as the client waits, though it owes answers. */
static int64_t silence_ns(const stet_client *c)
{
        int64_t heard_ns = c->line.heard_ns, since_ns = c->batch.quiet_since_ns;
        return (heard_ns > since_ns ? heard_ns : since_ns) + c->timeout_ms * MS;
}

/* The silence is told once; then it has to last as long again. */
static int no_answer(stet_client *c, int64_t now_ns, stet_why *why)
{
        const struct client_line *l = &c->line;
        c->batch.quiet_since_ns = now_ns;
        if (l->err)
                return stet_why_set(why, l->err, "%s", l->why.text);
        return stet_why_set(why, STET_EUNREACHABLE,
                            "nothing was heard from the node at %s for %" PRId64
                            " ms; %zu requests are not answered and will be repeated when it is back",
                            l->endpoint, c->timeout_ms, c->batch.count);
}

int stet_client_collect(stet_client *client, stet_answer *answers, size_t max, int64_t timeout_ms,
                        size_t *ret_count, stet_why *why)
{
        if (!client || !answers || !max || !ret_count)
                return stet_why_set(why, STET_EINVAL, "the client or the place for the answers is missing");
        int64_t now_ns = clock_elapsed_ns();
        int64_t due_ns =
            timeout_ms < 0 || timeout_ms > INT64_MAX / MS / 2 ? INT64_MAX : now_ns + timeout_ms * MS;
        for (;; now_ns = clock_elapsed_ns()) {
                client_turn(client, now_ns);
                *ret_count = hand_out(&client->batch, answers, max);
                if (*ret_count || !client->batch.count)
                        return 0;
                int64_t silent_ns = silence_ns(client);
                if (client->line.err || now_ns >= silent_ns)
                        return no_answer(client, now_ns, why);
                if (now_ns >= due_ns)
                        return 0;
                int64_t wake_ns = silent_ns < due_ns ? silent_ns : due_ns;
                int err = line_wait(&client->line, now_ns, wake_ns, why);
                if (err)
                        return err;
        }
}
