/* SPDX-License-Identifier: MIT
 *
 * Messages: everything that leaves the node is compared with what is durable at that moment (P2), and with
 * what was asked.
 */
#include "tests/sim/model.h"
#include "tests/sim/world.h"

#define ID(run) (unsigned long long)(run)->id

/* --- answers --- */

static const uint8_t asked_events[MSG_TYPES] = { [MSG_START] = EVENT_START,
                                                 [MSG_SIGNAL] = EVENT_SIGNAL,
                                                 [MSG_CANCEL] = EVENT_CANCEL,
                                                 [MSG_TERMINATE] = EVENT_TERMINATE };

/* Who claims an attempt has it, unless it is told to drop it. */
static void claim(struct sim *s, const struct conn *conn, struct model_op *op, uint32_t attempt)
{
        op->claimed_step = s->step;
        if (conn)
                model_hand(s->model, op, attempt, conn->name, conn->peer);
}

/* A start that is refused for want of room may be carried out when it is said again. So a refusal is a lie
 * only if each copy that is still to be answered was taken after the start was on record. */
void check_taken(struct sim *s, const struct conn *conn, const struct message *m)
{
        bool of_attempt = m->type == MSG_RETURN || m->type == MSG_CLAIM || m->type == MSG_DONE;
        struct model_op *op = of_attempt ? model_op(s->model, m->token.run, m->token.op) : NULL;
        if (op && m->type == MSG_RETURN)
                model_hand_back(op, m->token.attempt);
        if (op && m->type == MSG_DONE)
                op->done = m->token.attempt;
        if (op && m->type == MSG_CLAIM)
                claim(s, conn, op, m->token.attempt);
        struct ask *ask = m->type == MSG_START ? ask_find(s, m->correlation) : NULL;
        if (ask && !model_request(s->model, EVENT_START, bytes_str(ask->request_id)))
                ask->fresh++;
}

void check_node_gone(struct sim *s)
{
        list_each(at, &s->asks_all) container_of(at, struct ask, in_all)->fresh = 0;
}

/* The command is on record: then whoever asks, again or once more, must not be told an error. */
static const struct model_run *applied_by(struct sim *s, struct ask *ask, const struct message *m)
{
        const struct model_run *run =
            model_request(s->model, asked_events[ask->type], bytes_str(ask->request_id));
        bool for_want_of_room = m->code == STET_EFULL || m->code == STET_EBUSY;
        if (m->code && run && !model_may_be_gone(s->model, run) && !(for_want_of_room && ask->fresh))
                sim_break(s, "P5: %s \"%s\" was answered %s, and run %llx has applied it",
                          message_shapes[ask->type].name, ask->request_id, stet_error_name((int)m->code),
                          ID(run));
        ask->fresh -= ask->fresh > 0;
        return run;
}

static void check_start(struct sim *s, struct ask *ask, const struct message *m)
{
        const struct model_run *run = model_run(s->model, m->token.run), *applied = applied_by(s, ask, m);
        if (m->code) {
                if (m->code == STET_EEXISTS)
                        sim_did(s, DID_START_REFUSED);
                return;
        }
        if (!run)
                sim_break(s, "P2: the start of run %llx was acknowledged before it was durable",
                          (unsigned long long)m->token.run);
        else if (applied && applied != run && !model_may_be_gone(s->model, applied) &&
                 !model_may_be_gone(s->model, run))
                sim_break(s, "P8: start \"%s\" was answered with run %llx, which another request started",
                          ask->request_id, ID(run));
        else if (!applied && !bytes_equal(run->workflow_id, bytes_str(ask->id)))
                sim_break(s, "P8: start \"%s\" was answered with run %llx, which has another id",
                          ask->request_id, ID(run));
        if (ask->replied && run && run->away)
                sim_did(s, DID_AGAIN_BACK);
        sim_did(s, ask->replied ? DID_START_REPEATED : (enum sim_operation)ask->operation);
}

static void check_command(struct sim *s, struct ask *ask, const struct message *m)
{
        const struct model_run *run = model_run(s->model, m->token.run);
        bool applied = applied_by(s, ask, m) != NULL;
        if (m->code)
                return;
        if (ask->type == MSG_CANCEL)
                applied |= run && run->cancel_requested;
        if (!applied)
                sim_break(s, "P2: %s \"%s\" was acknowledged before it was durable",
                          message_shapes[ask->type].name, ask->request_id);
        sim_did(s, (enum sim_operation)ask->operation);
}

static void check_delete(struct sim *s, const struct message *m)
{
        const struct model_run *run = model_run(s->model, m->token.run);
        if (m->code)
                sim_did(s, DID_DELETE_REFUSED);
        else if (!run || !run->removed)
                sim_break(s, "P2: the removal of run %llx was acknowledged before it was durable",
                          (unsigned long long)m->token.run);
}

static void check_result(struct sim *s, const struct ask *ask, const struct message *m)
{
        const struct model_run *run = model_run(s->model, m->token.run);
        if (!run || run->ending != m->role || run->ending == RUN_OPEN)
                sim_break(s, "P2: the end of run %llx was told before it was durable",
                          (unsigned long long)m->token.run);
        else if (!bytes_equal(run->result, m->value))
                sim_break(s, "P32: the result that was told of run %llx is not the one on record", ID(run));
        if (ask->type == MSG_WAIT)
                sim_did(s, DID_WAIT);
}

static void check_answer(struct sim *s, const struct message *m)
{
        struct ask *ask = ask_find(s, m->correlation);
        if (!ask) {
                sim_break(s, "an answer goes to nobody's question %llu", (unsigned long long)m->correlation);
                return;
        }
        if (m->type == MSG_RESULT)
                check_result(s, ask, m);
        else if (ask->type == MSG_START)
                check_start(s, ask, m);
        else if (ask->type == MSG_READ || ask->type == MSG_QUERY)
                check_reading(s, ask, m);
        else if (ask->type == MSG_DELETE)
                check_delete(s, m);
        else if (ask->type != MSG_WAIT)
                check_command(s, ask, m);
        ask->replied |= m->type == MSG_REPLY;
}

/* --- tasks --- */

static void check_task(struct sim *s, const struct conn *conn, const struct message *m)
{
        struct model_op *op = model_op(s->model, m->token.run, m->token.op);
        unsigned long long run = m->token.run;
        if (!op || op->effect != EFFECT_CALL || m->token.attempt > op->attempt || !m->token.attempt) {
                sim_break(s, "P2: attempt %u of op %u of run %llx was handed out before it was durable",
                          m->token.attempt, m->token.op, run);
                return;
        }
        if (!bytes_equal(op->asked.name, m->name) || !bytes_equal(op->asked.value, m->value) ||
            m->token.incarnation != INCARNATION)
                sim_break(s, "P10: op %u of run %llx was handed out as something else", m->token.op, run);
        if (m->token.attempt == op->attempt && sim_node_now(s) < op->due_ns)
                sim_break(s, "P15: attempt %u of op %u of run %llx was handed out %.3f ms early",
                          m->token.attempt, m->token.op, run, (double)(op->due_ns - sim_node_now(s)) / 1e6);
        model_hand(s->model, op, m->token.attempt, conn->name, conn->peer);
}

static void check_ack(struct sim *s, const struct message *m)
{
        const struct model_op *op = model_op(s->model, m->token.run, m->token.op);
        if (!m->code && (!op || op->ended < m->token.attempt))
                sim_break(s,
                          "P2: the outcome of attempt %u of op %u of run %llx was acknowledged before it was "
                          "durable",
                          m->token.attempt, m->token.op, (unsigned long long)m->token.run);
}

/* An executor that comes back right after a restart (before anything can time out) keeps what it was doing,
 * unless that was given to someone else meanwhile (which may leave in the same turn, so this is looked at
 * after it; and must have left, so not in worlds where it may get stuck). */
static void note_drop(struct sim *s, const struct conn *conn, const struct message *m)
{
        const struct knobs *k = &s->knobs;
        const struct model_op *op = model_op(s->model, m->token.run, m->token.op);
        bool just_up = s->now_ns - s->up_since_ns < 200 * MS;
        if (k->shards == 1 && just_up && !k->faults[FAULT_CUT] && !k->faults[FAULT_FULL_QUEUE] && op &&
            op->open && op->claimed_step == s->step && op->done != op->attempt &&
            m->token.attempt == op->attempt) {
                s->dropped.token = m->token;
                s->dropped.peer = conn->peer;
                s->dropped.life = site_crashes(s);
        }
}

void check_drops(struct sim *s)
{
        const struct token token = s->dropped.token;
        const struct model_op *op = token.run ? model_op(s->model, token.run, token.op) : NULL;
        s->dropped.token = (struct token){ 0 };
        for (const struct handed *h = op ? op->handed : NULL; h; h = h->next)
                if (h->life == s->dropped.life && h->attempt == token.attempt && h->peer != s->dropped.peer)
                        return;
        if (op && op->open)
                sim_break(
                    s, "P10: attempt %u of op %u of run %llx was claimed by who had it, and must be dropped",
                    token.attempt, token.op, (unsigned long long)token.run);
}

void check_frame_sent(struct sim *s, const struct conn *conn, struct bytes frame)
{
        struct message m;
        struct cursor c = frame_cursor(frame);
        model_catch_up(s->model);
        if (frame_check(frame, NULL) != 0)
                sim_break(s, "the node sends a frame that is none");
        for (int got; (got = frame_next(&c, &m)) > 0;) {
                trace_message(s, "node", conn->label, &m);
                switch ((enum message_type)m.type) {
                case MSG_REPLY:
                case MSG_RESULT:
                        check_answer(s, &m);
                        break;
                case MSG_TASK:
                        check_task(s, conn, &m);
                        break;
                case MSG_ACK:
                        check_ack(s, &m);
                        break;
                case MSG_DROP:
                        note_drop(s, conn, &m);
                        break;
                default:
                        break;
                }
        }
}
