/* SPDX-License-Identifier: MIT
 *
 * One request at a time, repeated until it is answered: at once when the node has to be told again, else
 * every two seconds. A WAIT is repeated only when the node has to be told again: it may stand for years.
 */
#include "runtime/client_state.h"

#include "runtime/clock.h"
#include "base/run_id.h"

#define MS INT64_C(1000000)

enum { REPEAT_MS = 2000 };

struct bytes client_request_id_new(stet_client *c, struct client_request_id *ret)
{
        run_id_print(c->seed[0], ret->text);
        run_id_print(c->seed[1] + ++c->request_ids, ret->text + 16);
        return bytes_of(ret->text, 32);
}

/* Keeps an answer beyond its frame. */
static void keep(struct client_request *r, const struct message *m)
{
        if (r->until_result && m->type == MSG_REPLY && !m->code)
                return;
        buffer_clear(&r->copy);
        frame_begin(&r->copy);
        frame_put(&r->copy, m);
        struct cursor c = frame_cursor(buffer_bytes(&r->copy));
        r->answered = frame_next(&c, &r->answer) == 1;
}

static bool due(const struct client_request *r, int64_t now_ns)
{
        return r->correlation && !r->answered &&
               (!r->sent || (!r->until_result && now_ns >= r->sent_ns + REPEAT_MS * MS));
}

static void send_request(stet_client *c, int64_t now_ns)
{
        struct client_request *r = &c->request;
        if (link_send(c->line.link, buffer_bytes(&r->frame)) != 0)
                return;
        r->sent = r->was_sent = true;
        r->sent_ns = now_ns;
}

void client_turn(stet_client *c, int64_t now_ns)
{
        struct message m;
        while (line_next(&c->line, now_ns, &m))
                if (c->request.correlation && m.correlation == c->request.correlation)
                        keep(&c->request, &m);
                else
                        batch_answer(&c->batch, &m);
        if (line_take_again(&c->line)) {
                c->request.sent = false;
                batch_again(&c->batch);
        }
        line_greet(&c->line, now_ns);
        batch_put(&c->batch, &c->line);
        if (line_flush(&c->line) && c->line.known && due(&c->request, now_ns))
                send_request(c, now_ns);
}

/* A request's number has a slot's part that no slot has. */
static void begin(stet_client *c, struct message *m)
{
        struct client_request *r = &c->request;
        if (!m->ns.size)
                m->ns = bytes_str(c->name_space);
        m->correlation = ++c->serial << BATCH_SLOT_BITS | BATCH_SLOT_NONE;
        buffer_clear(&r->frame);
        frame_begin(&r->frame);
        frame_put(&r->frame, m);
        r->correlation = m->correlation;
        r->until_result = m->type == MSG_WAIT && m->due_ns >= 0;
        r->sent = r->was_sent = r->answered = false;
}

static int64_t after_ms(int64_t now_ns, int64_t timeout_ms)
{
        return timeout_ms < 0 || timeout_ms > (INT64_MAX - now_ns) / MS ? INT64_MAX
                                                                        : now_ns + timeout_ms * MS;
}

static int wait_for_answer(stet_client *c, int64_t timeout_ms, stet_why *why)
{
        int64_t now_ns = clock_elapsed_ns();
        int64_t due_ns = after_ms(now_ns, timeout_ms), heard_until_ns = after_ms(now_ns, c->timeout_ms);
        for (;; now_ns = clock_elapsed_ns()) {
                client_turn(c, now_ns);
                if (c->request.answered)
                        return 0;
                if (c->line.err)
                        return stet_why_set(why, c->line.err, "%s", c->line.why.text);
                if (now_ns >= due_ns || (!c->line.heard_ns && now_ns >= heard_until_ns))
                        return STET_ETIMEDOUT;
                int64_t wake_ns = c->line.heard_ns || due_ns < heard_until_ns ? due_ns : heard_until_ns;
                int64_t repeat_ns = c->request.sent_ns + REPEAT_MS * MS;
                /* A repeat that is overdue waits for the link, which wakes us when it takes frames again. */
                if (c->request.sent && !c->request.until_result && repeat_ns > now_ns && repeat_ns < wake_ns)
                        wake_ns = repeat_ns;
                int err = line_wait(&c->line, now_ns, wake_ns, why);
                if (err)
                        return err;
        }
}

int client_ask(stet_client *c, struct message *m, int64_t timeout_ms, const struct message **ret,
               stet_why *why)
{
        begin(c, m);
        int err = wait_for_answer(c, timeout_ms, why);
        c->request.correlation = 0;
        if (!err)
                *ret = &c->request.answer;
        return err;
}
