/* SPDX-License-Identifier: MIT
 *
 * The scheduler against random operations: workers that come, break, lie, return and fall silent; shards that
 * repeat, overtake and close. A model beside it knows, in arrays without any cleverness, where every attempt
 * is, and judges each message:
 *
 *   a TASK is a current attempt that waits and is due, to a connected worker that serves it and has room, and
 *   no older one waits that this worker could have; an OUTCOME ends an attempt that is not decided, for a
 *   reason that holds, and never early; an ACK, DROP, WHO or NOTE says what is so.
 *
 * After each step the counts agree and no task waits beside a worker that could take it; after each tick
 * nothing is overdue. In the end the faults stop, and everything must finish and leave nothing. Each seed
 * runs twice and must decide alike.
 */
#include "base/pack.h"
#include "runtime/scheduler.h"

#include <criterion/criterion.h>
#include <stdio.h>

enum {
        SEEDS = 5000,
        STEPS = 300,
        TASKS_MAX = 24,
        CONNECTIONS_MAX = 10,
        QUEUES = 2,
        ACTIVITIES = 3,
        LANES = QUEUES * ACTIVITIES,
        EXECUTORS = 4, /* the last one is local */
        LOCAL = EXECUTORS - 1,
        INCARNATION = 77,
};

#define MS       INT64_C(1000000)
#define LEASE_NS (3000 * MS)
#define NOTE_NS  (1000 * MS)

static const char *const queue_names[QUEUES] = { "default", "north" };
static const char *const activity_names[ACTIVITIES] = { "charge", "refund", "ship" };
static const char *const executor_names[EXECUTORS] = { "ann", "bob", "cid", "here" };

enum state { NONE, DELAYED, WAITING, RUNNING, DONE, ENDED };

struct model_task {
        enum state state;
        uint64_t run;
        uint32_t attempt;
        int lane;
        uint64_t order; /* of its arrival; those that came due in one tick share a number */
        int connection; /* while RUNNING */
        int64_t ready_ns, since_ns, beat_ns;
        int64_t timeout_ns, schedule_ns, heartbeat_ns; /* 0: none */
        uint32_t lost_count;
        bool noted;
        bool leaving; /* put back by the BYE under way, one after the other: the next may be younger */
};

struct model_connection {
        bool here;
        bool gone; /* no peer any more, but its attempts may be claimed for the length of a lease */
        int64_t gone_ns;
        uint64_t peer;
        int executor;
        uint32_t window;
        bool serves[LANES];
};

/* What happened over all seeds: a generator that never makes something happen proves nothing about it. */
enum seen {
        SEEN_TASK,
        SEEN_RETRY,
        SEEN_ACK,
        SEEN_DROP,
        SEEN_WHO,
        SEEN_NOTE,
        SEEN_DONE,
        SEEN_START_TO_CLOSE,
        SEEN_HEARTBEAT,
        SEEN_SCHEDULE_TO_START,
        SEEN_LOST,
        SEEN_UNCLAIMED,
        SEEN_LOCAL_LOST,
        SEEN_MOVED,
        SEEN_CLAIMED,
        SEEN_RETURNED,
        SEEN_BYE,
        SEEN_LOST_TWICE,
        SEEN_SUPERSEDED,
        SEEN_COUNT
};
static uint64_t seen[SEEN_COUNT];

struct model {
        struct scheduler *s;
        uint64_t seed, random;
        int step;
        int64_t now_ns;
        struct model_task tasks[TASKS_MAX];
        struct model_connection connections[CONNECTIONS_MAX];
        int64_t heard_ns[EXECUTORS];
        uint64_t peer_next, run_next, order_next;
        bool ticking;
        int losing;                         /* the local connection that is going; or -1 */
        const struct model_task *finishing; /* by a DONE */
        unsigned acks, whos, drops;         /* in this step */
        uint64_t hash;                      /* of all decisions */
};

#define CHECK(m, condition, ...)                                                                             \
        cr_assert(condition, "seed %llu step %d: %s", (unsigned long long)(m)->seed, (m)->step, __VA_ARGS__)

static uint64_t next_random(struct model *m)
{
        uint64_t x = m->random += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */
        x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
        return x ^ x >> 31;
}

static int below(struct model *m, int n)
{
        return (int)(next_random(m) % (uint64_t)n);
}

static bool one_in(struct model *m, int n)
{
        return below(m, n) == 0;
}

/* --- the model's view --- */

static struct model_task *task_by_run(struct model *m, uint64_t run)
{
        for (int i = 0; i < TASKS_MAX; i++)
                if (m->tasks[i].state != NONE && m->tasks[i].run == run)
                        return &m->tasks[i];
        return NULL;
}

static struct model_task *current(struct model *m, const struct token *token)
{
        struct model_task *t = task_by_run(m, token->run);
        return t && token->op == 1 && token->attempt == t->attempt && token->incarnation == INCARNATION
                   ? t
                   : NULL;
}

static bool open_state(const struct model_task *t)
{
        return t->state == DELAYED || t->state == WAITING || t->state == RUNNING;
}

static int connection_of_peer(const struct model *m, uint64_t peer)
{
        for (int i = 0; i < CONNECTIONS_MAX; i++)
                if (m->connections[i].here && !m->connections[i].gone && m->connections[i].peer == peer)
                        return i;
        return -1;
}

static uint32_t running_at(const struct model *m, int connection)
{
        uint32_t count = 0;
        for (int i = 0; i < TASKS_MAX; i++)
                count += m->tasks[i].state == RUNNING && m->tasks[i].connection == connection;
        return count;
}

static bool has_room(const struct model *m, int connection)
{
        const struct model_connection *c = &m->connections[connection];
        uint32_t running = running_at(m, connection);
        return c->here && !c->gone && running < c->window;
}

static bool same_executor(const struct model *m, const struct model_task *t, int connection)
{
        return m->connections[t->connection].executor == m->connections[connection].executor;
}

static int64_t end_ns(int64_t from_ns, int64_t length_ns)
{
        return length_ns ? from_ns + length_ns : INT64_MAX;
}

static void input_of(uint64_t run, uint8_t buf[1000], size_t *ret_size)
{
        *ret_size = run * 37 % 1000;
        memset(buf, (int)(run & 0xff), *ret_size);
}

/* --- what the scheduler says is judged --- */

static void mix(struct model *m, const void *data, size_t size)
{
        for (size_t i = 0; i < size; i++)
                m->hash = (m->hash ^ ((const uint8_t *)data)[i]) * UINT64_C(0x100000001b3); /* FNV-1a */
}

static void mix_message(struct model *m, uint64_t peer, const struct message *said)
{
        mix(m, &peer, sizeof peer);
        mix(m, &said->type, sizeof said->type);
        mix(m, &said->token.run, sizeof said->token.run);
        mix(m, &said->token.attempt, sizeof said->token.attempt);
        mix(m, &said->code, sizeof said->code);
        mix(m, &said->count, sizeof said->count);
        mix(m, said->text.data, said->text.size);
        mix(m, &m->now_ns, sizeof m->now_ns);
}

static void judge_task(struct model *m, int connection, const struct message *said)
{
        struct model_task *t = current(m, &said->token);
        CHECK(m, t, "a TASK that is no current attempt");
        bool due = t->state == WAITING || (m->ticking && t->state == DELAYED && t->ready_ns <= m->now_ns);
        CHECK(m, due, "a TASK that does not wait, or not yet");
        CHECK(m, connection >= 0 && has_room(m, connection), "a TASK to a worker without room");
        const struct model_connection *c = &m->connections[connection];
        CHECK(m, c->serves[t->lane], "a TASK to a worker that does not serve it");
        uint64_t order = t->state == DELAYED ? m->order_next : t->order;
        for (int i = 0; i < TASKS_MAX; i++) {
                const struct model_task *other = &m->tasks[i];
                bool older = other->state == WAITING && other->order < order && c->serves[other->lane] &&
                             !other->leaving;
                CHECK(m, !older, "a TASK while the same worker could have an older one");
        }
        uint8_t input[1000];
        size_t input_size;
        input_of(t->run, input, &input_size);
        CHECK(m, bytes_equal(said->value, bytes_of(input, input_size)), "a TASK with another input");
        CHECK(m, bytes_equal(said->name, bytes_str(activity_names[t->lane % ACTIVITIES])),
              "a TASK of another name");
        CHECK(m, said->timeout_ms * MS == t->timeout_ns, "a TASK with another timeout");
        t->ready_ns = t->state == DELAYED ? m->now_ns : t->ready_ns;
        t->order = order;
        t->state = RUNNING;
        t->connection = connection;
        t->since_ns = t->beat_ns = m->now_ns;
        t->noted = false;
        seen[SEEN_TASK]++;
        seen[SEEN_RETRY] += t->attempt > 1;
}

static void to_peer(void *ctx, uint64_t peer, const struct message *said)
{
        struct model *m = ctx;
        mix_message(m, peer, said);
        int connection = connection_of_peer(m, peer);
        const struct model_task *t = said->type == MSG_WHO ? NULL : current(m, &said->token);
        switch (said->type) {
        case MSG_TASK:
                judge_task(m, connection, said);
                break;
        case MSG_WHO:
                CHECK(m, connection < 0, "WHO to a worker that said HELLO");
                m->whos++;
                break;
        case MSG_ACK:
                CHECK(m, said->code == STET_ESTALE && (!t || t->state == ENDED),
                      "an ACK of what is not stale");
                m->acks++;
                break;
        case MSG_DROP:
                CHECK(m, connection >= 0, "a DROP to nobody");
                CHECK(m, !t || t->state != RUNNING || t->connection != connection,
                      "a DROP of what is wanted");
                m->drops++;
                break;
        default:
                CHECK(m, false, "a message to a peer that is none for peers");
        }
}

static bool starts_with(struct bytes text, const char *start)
{
        return text.size >= strlen(start) && memcmp(text.data, start, strlen(start)) == 0;
}

static void judge_timeout(struct model *m, const struct model_task *t, const struct message *said)
{
        CHECK(m, m->ticking, "a Timeout outside a tick");
        if (starts_with(said->text, "start-to-close")) {
                CHECK(m, t->state == RUNNING && end_ns(t->since_ns, t->timeout_ns) <= m->now_ns,
                      "early start-to-close");
                seen[SEEN_START_TO_CLOSE]++;
        } else if (starts_with(said->text, "heartbeat")) {
                CHECK(m, t->state == RUNNING && end_ns(t->beat_ns, t->heartbeat_ns) <= m->now_ns,
                      "early heartbeat");
                seen[SEEN_HEARTBEAT]++;
        } else {
                CHECK(m, starts_with(said->text, "schedule-to-start"), "a Timeout that does not say which");
                CHECK(m, t->state == WAITING && end_ns(t->ready_ns, t->schedule_ns) <= m->now_ns,
                      "early schedule-to-start");
                seen[SEEN_SCHEDULE_TO_START]++;
        }
}

static void judge_lost(struct model *m, const struct model_task *t)
{
        CHECK(m, t->state == RUNNING, "lost, but it does not run");
        const struct model_connection *c = &m->connections[t->connection];
        bool silent = m->heard_ns[c->executor] + LEASE_NS <= m->now_ns;
        bool unclaimed = c->gone && c->gone_ns + LEASE_NS <= m->now_ns;
        if (m->ticking)
                CHECK(m, c->executor != LOCAL && (silent || unclaimed),
                      "lost before the lease or the time to claim it ended");
        else
                CHECK(m, m->losing == t->connection, "lost though its connection is there");
        seen[!m->ticking ? SEEN_LOCAL_LOST : silent ? SEEN_LOST : SEEN_UNCLAIMED]++;
}

static void to_shard(void *ctx, const struct message *said)
{
        struct model *m = ctx;
        mix_message(m, said->peer, said);
        struct model_task *t = current(m, &said->token);
        CHECK(m, t && open_state(t), "an OUTCOME or NOTE of an attempt that is decided or not current");
        if (said->type == MSG_NOTE) {
                CHECK(m, t->state == RUNNING && !t->noted && t->since_ns + NOTE_NS <= m->now_ns,
                      "a NOTE too many");
                t->noted = true;
                seen[SEEN_NOTE]++;
                return;
        }
        bool lost = bytes_equal(said->kind, bytes_str("ExecutorLost"));
        if (lost)
                judge_lost(m, t);
        else if (bytes_equal(said->kind, bytes_str("Timeout")))
                judge_timeout(m, t, said);
        else
                CHECK(m, m->finishing == t && said->peer, "an OUTCOME that nobody said");
        t->lost_count = lost ? t->lost_count + 1 : 0;
        CHECK(m, said->count == t->lost_count, "a wrong count of lost attempts");
        seen[SEEN_LOST_TWICE] += t->lost_count > 1;
        t->state = m->finishing == t ? DONE : ENDED;
}

/* --- operations: the model does first what the rules say, then the scheduler is asked --- */

static struct model_task *random_task(struct model *m)
{
        struct model_task *t = &m->tasks[below(m, TASKS_MAX)];
        return t->state == NONE ? NULL : t;
}

static int random_connection(struct model *m)
{
        int i = below(m, CONNECTIONS_MAX);
        return m->connections[i].here && !m->connections[i].gone ? i : -1;
}

static void leave_running(struct model *m, struct model_task *t, int64_t ready_ns)
{
        t->state = WAITING;
        t->ready_ns = ready_ns;
        t->since_ns = m->now_ns;
}

static void enqueue(struct model *m, struct model_task *t, bool everything, int64_t due_ns)
{
        uint8_t input[1000];
        size_t input_size;
        input_of(t->run, input, &input_size);
        struct message said = { .type = MSG_ENQUEUE,
                                .token = { t->run, 1, t->attempt, INCARNATION },
                                .due_ns = due_ns };
        if (everything) {
                said.name = bytes_str(activity_names[t->lane % ACTIVITIES]);
                said.queue = bytes_str(queue_names[t->lane / ACTIVITIES]);
                said.value = bytes_of(input, input_size);
                said.timeout_ms = t->timeout_ns / MS;
                said.schedule_timeout_ms = t->schedule_ns / MS;
                said.heartbeat_ms = t->heartbeat_ns / MS;
        }
        scheduler_enqueue(m->s, &said, m->now_ns);
}

static int64_t random_due(struct model *m)
{
        return one_in(m, 3) ? m->now_ns + below(m, 4000) * MS : 0;
}

static void begin_attempt(struct model *m, struct model_task *t, bool everything, int64_t due_ns)
{
        t->state = due_ns > m->now_ns ? DELAYED : WAITING;
        t->ready_ns = due_ns > m->now_ns ? due_ns : m->now_ns;
        t->order = t->state == WAITING ? m->order_next++ : 0;
        enqueue(m, t, everything, due_ns);
}

static void op_enqueue(struct model *m)
{
        struct model_task *t = &m->tasks[below(m, TASKS_MAX)];
        if (t->state != NONE)
                return;
        static const int lengths_ms[] = { 0, 0, 100, 900, 1000, 1500, 5000 };
        int64_t lengths_ns[3];
        for (int i = 0; i < 3; i++)
                lengths_ns[i] = lengths_ms[below(m, 7)] * MS;
        *t = (struct model_task){ .run = ++m->run_next,
                                  .attempt = one_in(m, 5) ? 4 : 1,
                                  .lane = below(m, LANES),
                                  .timeout_ns = lengths_ns[0],
                                  .schedule_ns = lengths_ns[1],
                                  .heartbeat_ns = lengths_ns[2] };
        begin_attempt(m, t, true, random_due(m));
}

/* The shard's answer to an outcome; and, seldom, an attempt that overtakes one under way. */
static void op_next_attempt(struct model *m)
{
        struct model_task *t = random_task(m);
        if (!t || (open_state(t) && !one_in(m, 8)))
                return;
        seen[SEEN_SUPERSEDED] += t->state == RUNNING;
        t->attempt++;
        begin_attempt(m, t, one_in(m, 4), random_due(m));
}

static void op_enqueue_again(struct model *m)
{
        struct model_task *t = random_task(m);
        if (t && open_state(t))
                enqueue(m, t, one_in(m, 2), random_due(m));
}

static void close_task(struct model *m, struct model_task *t)
{
        uint64_t run = t->run;
        *t = (struct model_task){ 0 };
        scheduler_close(m->s, run, 1, m->now_ns);
}

static void op_close(struct model *m)
{
        struct model_task *t = random_task(m);
        if (t && (!open_state(t) || one_in(m, 4)))
                close_task(m, t);
}

static void pack_served(struct model *m, struct buffer *b, const char *const *names, int count, int all,
                        bool *ret_said)
{
        uint32_t said_count = 0;
        for (int i = 0; i < count; i++) {
                ret_said[i] = all || one_in(m, 2);
                said_count += ret_said[i];
        }
        pack_array(b, said_count);
        for (int i = 0; i < count; i++)
                if (ret_said[i])
                        pack_cstr(b, names[i]);
}

static void say_hello(struct model *m, int connection, bool all)
{
        struct model_connection *c = &m->connections[connection];
        struct buffer names = { 0 }, queues = { 0 };
        bool activity_said[ACTIVITIES], queue_said[QUEUES];
        pack_served(m, &names, activity_names, ACTIVITIES, all, activity_said);
        pack_served(m, &queues, queue_names, QUEUES, all, queue_said);
        if (!queue_said[0] && !queue_said[1])
                queue_said[0] = true; /* "default" */
        for (int lane = 0; lane < LANES; lane++)
                c->serves[lane] = activity_said[lane % ACTIVITIES] && queue_said[lane / ACTIVITIES];
        m->heard_ns[c->executor] = m->now_ns;
        struct message said = { .type = MSG_HELLO,
                                .name = bytes_str(executor_names[c->executor]),
                                .names = buffer_bytes(&names),
                                .queues = buffer_bytes(&queues) };
        stet_why why = { "" };
        int err = scheduler_hello(m->s, c->peer, c->executor == LOCAL, &said, m->now_ns, &why);
        CHECK(m, err == 0, why.text);
        buffer_fini(&names);
        buffer_fini(&queues);
}

static int new_connection(struct model *m, int executor)
{
        for (int i = 0; i < CONNECTIONS_MAX; i++) {
                if (m->connections[i].here && !(m->connections[i].gone && running_at(m, i) == 0))
                        continue;
                m->connections[i] =
                    (struct model_connection){ .here = true, .peer = ++m->peer_next, .executor = executor };
                return i;
        }
        return -1;
}

static void op_hello(struct model *m)
{
        int connection = one_in(m, 3) ? random_connection(m) : new_connection(m, below(m, EXECUTORS));
        if (connection >= 0)
                say_hello(m, connection, one_in(m, 3));
}

static void say(struct model *m, int connection, const struct message *said)
{
        m->heard_ns[m->connections[connection].executor] = m->now_ns;
        scheduler_receive(m->s, m->connections[connection].peer, said, m->now_ns);
}

static void set_window(struct model *m, int connection, uint32_t count)
{
        m->connections[connection].window = count;
        struct message said = { .type = MSG_WINDOW, .count = count };
        say(m, connection, &said);
}

static void op_window(struct model *m)
{
        int connection = random_connection(m);
        if (connection >= 0)
                set_window(m, connection, (uint32_t)below(m, 5));
}

/* Mostly what runs somewhere, over its own connection or one of the same executor; else anything. */
static struct token random_token(struct model *m, int *connection)
{
        const struct model_task *t = random_task(m);
        if (!t)
                return (struct token){ m->run_next + 1, 1, 1, INCARNATION };
        if (t->state == RUNNING && !m->connections[t->connection].gone && !one_in(m, 4))
                *connection = t->connection;
        struct token token = { t->run, 1, t->attempt, INCARNATION };
        token.attempt -= one_in(m, 12);
        token.op += one_in(m, 20);
        token.incarnation += one_in(m, 20);
        return token;
}

static void finish(struct model *m, int connection, const struct token *token, bool failed)
{
        struct model_task *t = current(m, token);
        struct message said = { .type = MSG_DONE, .token = *token };
        if (failed) {
                said.code = STET_EFAILED;
                said.kind = bytes_str("CardDeclined");
        }
        bool accepted = t && open_state(t);
        bool stale = !t || t->state == ENDED;
        m->finishing = accepted ? t : NULL;
        say(m, connection, &said);
        m->finishing = NULL;
        CHECK(m, !accepted || t->state == DONE, "a DONE of the current attempt made no OUTCOME");
        CHECK(m, m->acks == stale, "a stale DONE was not refused, or a good one was");
        seen[SEEN_ACK] += stale;
        seen[SEEN_DONE] += accepted;
}

static void op_done(struct model *m)
{
        int connection = random_connection(m);
        if (connection < 0)
                return;
        struct token token = random_token(m, &connection);
        finish(m, connection, &token, one_in(m, 3));
}

static void op_pulse(struct model *m)
{
        int connection = random_connection(m);
        if (connection < 0)
                return;
        struct message said = { .type = MSG_PULSE };
        if (one_in(m, 2)) {
                say(m, connection, &said);
                return;
        }
        said.token = random_token(m, &connection);
        struct model_task *t = current(m, &said.token);
        bool wanted = t && t->state == RUNNING && same_executor(m, t, connection);
        if (wanted)
                t->beat_ns = m->now_ns;
        if (wanted && m->connections[t->connection].gone)
                t->connection = connection;
        say(m, connection, &said);
        CHECK(m, m->drops == !wanted, "a PULSE of what is not wanted needs a DROP, and no other");
        seen[SEEN_DROP] += !wanted;
}

static void op_claim(struct model *m)
{
        int connection = random_connection(m), other = connection;
        if (connection < 0)
                return;
        struct message said = { .type = MSG_CLAIM, .token = random_token(m, &other) };
        struct model_task *t = current(m, &said.token);
        bool waits = t && (t->state == WAITING || t->state == DELAYED);
        bool moves = t && t->state == RUNNING && same_executor(m, t, connection);
        bool leaves = moves && t->connection != connection && !m->connections[t->connection].gone;
        seen[SEEN_CLAIMED] += waits;
        seen[SEEN_MOVED] += moves && t->connection != connection;
        if (waits && t->state == DELAYED) {
                t->order = m->order_next++;
                t->ready_ns = m->now_ns;
        }
        if (waits) {
                t->state = RUNNING;
                t->since_ns = m->now_ns;
                t->noted = false;
        }
        if (waits || moves) {
                t->connection = connection;
                t->beat_ns = m->now_ns;
        }
        say(m, connection, &said);
        CHECK(m, m->drops == (leaves || !(waits || moves)),
              "a CLAIM of what is not to be had needs a DROP, one that moves an attempt needs one to whom it "
              "leaves, and no other");
}

static void op_return(struct model *m)
{
        int connection = random_connection(m);
        if (connection < 0)
                return;
        struct message said = { .type = MSG_RETURN, .token = random_token(m, &connection) };
        struct model_task *t = current(m, &said.token);
        if (t && t->state == RUNNING && same_executor(m, t, connection)) {
                leave_running(m, t, t->ready_ns);
                seen[SEEN_RETURNED]++;
        }
        say(m, connection, &said);
}

static void say_bye(struct model *m, int connection)
{
        struct message said = { .type = MSG_BYE };
        uint64_t peer = m->connections[connection].peer;
        for (int i = 0; i < TASKS_MAX; i++) {
                if (m->tasks[i].state != RUNNING || m->tasks[i].connection != connection)
                        continue;
                leave_running(m, &m->tasks[i], m->now_ns);
                m->tasks[i].leaving = true;
        }
        m->heard_ns[m->connections[connection].executor] = m->now_ns;
        m->connections[connection].here = false;
        seen[SEEN_BYE]++;
        scheduler_receive(m->s, peer, &said, m->now_ns);
        for (int i = 0; i < TASKS_MAX; i++)
                m->tasks[i].leaving = false;
}

static void op_bye(struct model *m)
{
        int connection = random_connection(m);
        if (connection >= 0)
                say_bye(m, connection);
}

static void break_connection(struct model *m, int connection)
{
        struct model_connection *c = &m->connections[connection];
        c->gone = true;
        c->gone_ns = m->now_ns;
        m->losing = c->executor == LOCAL ? connection : -1;
        scheduler_peer_gone(m->s, c->peer, m->now_ns);
        m->losing = -1;
        CHECK(m, c->executor != LOCAL || running_at(m, connection) == 0,
              "a local connection went without its attempts");
}

static void op_gone(struct model *m)
{
        int connection = random_connection(m);
        if (connection >= 0)
                break_connection(m, connection);
}

static void op_stranger(struct model *m)
{
        static const uint8_t types[] = { MSG_WINDOW, MSG_DONE, MSG_PULSE, MSG_CLAIM, MSG_RETURN };
        struct message said = { .type = types[below(m, 5)] };
        scheduler_receive(m->s, ++m->peer_next, &said, m->now_ns);
        CHECK(m, m->whos == 1, "a stranger was not asked WHO");
        seen[SEEN_WHO]++;
}

/* --- time --- */

static int64_t earliest_end(const struct model *m)
{
        int64_t first_ns = INT64_MAX;
        for (int i = 0; i < TASKS_MAX; i++) {
                const struct model_task *t = &m->tasks[i];
                int64_t ends_ns[3] = { INT64_MAX, INT64_MAX, INT64_MAX };
                if (t->state == DELAYED)
                        ends_ns[0] = t->ready_ns;
                if (t->state == WAITING)
                        ends_ns[0] = end_ns(t->ready_ns, t->schedule_ns);
                if (t->state == RUNNING) {
                        ends_ns[0] = end_ns(t->since_ns, t->timeout_ns);
                        ends_ns[1] = end_ns(t->beat_ns, t->heartbeat_ns);
                        ends_ns[2] = t->noted ? INT64_MAX : t->since_ns + NOTE_NS;
                }
                for (int j = 0; j < 3; j++)
                        first_ns = ends_ns[j] < first_ns ? ends_ns[j] : first_ns;
        }
        for (int i = 0; i < CONNECTIONS_MAX; i++) {
                const struct model_connection *c = &m->connections[i];
                if (!c->here || c->executor == LOCAL || (c->gone && running_at(m, i) == 0))
                        continue;
                int64_t lease_ns = m->heard_ns[c->executor] + LEASE_NS;
                first_ns = lease_ns < first_ns ? lease_ns : first_ns;
                if (c->gone && c->gone_ns + LEASE_NS < first_ns)
                        first_ns = c->gone_ns + LEASE_NS;
        }
        return first_ns;
}

static void tick(struct model *m)
{
        for (int i = 0; i < CONNECTIONS_MAX; i++) {
                struct model_connection *c = &m->connections[i];
                if (c->executor != LOCAL && m->heard_ns[c->executor] + LEASE_NS <= m->now_ns)
                        c->here = false;
        }
        m->ticking = true;
        scheduler_tick(m->s, m->now_ns);
        m->ticking = false;
        for (int i = 0; i < TASKS_MAX; i++) {
                struct model_task *t = &m->tasks[i];
                if (t->state == DELAYED && t->ready_ns <= m->now_ns) {
                        t->state = WAITING;
                        t->ready_ns = t->since_ns = m->now_ns;
                        t->order = m->order_next;
                }
                CHECK(m, t->state != RUNNING || m->connections[t->connection].here,
                      "an attempt outlived its executor");
        }
        m->order_next++;
        CHECK(m, earliest_end(m) > m->now_ns, "something is overdue after a tick");
        CHECK(m, scheduler_deadline(m->s) > m->now_ns, "it wants to be woken at once after a tick");
}

static void op_time(struct model *m)
{
        int64_t deadline_ns = scheduler_deadline(m->s);
        if (deadline_ns != INT64_MAX && one_in(m, 2))
                m->now_ns = deadline_ns - one_in(m, 2) > m->now_ns ? deadline_ns - one_in(m, 2) : m->now_ns;
        else
                m->now_ns += below(m, one_in(m, 10) ? 4000 : 300) * MS;
        tick(m);
}

/* --- what holds after each step --- */

static void check_all(struct model *m)
{
        struct scheduler_stats stats;
        scheduler_stats(m->s, &stats);
        uint64_t tasks = 0, waiting = 0, running = 0, workers = 0;
        for (int i = 0; i < TASKS_MAX; i++) {
                const struct model_task *t = &m->tasks[i];
                tasks += t->state != NONE;
                waiting += t->state == WAITING || t->state == DELAYED;
                running += t->state == RUNNING;
                for (int c = 0; c < CONNECTIONS_MAX && t->state == WAITING; c++)
                        CHECK(m, !m->connections[c].serves[t->lane] || !has_room(m, c),
                              "a task waits beside a worker that could take it");
        }
        for (int c = 0; c < CONNECTIONS_MAX; c++)
                workers += m->connections[c].here && !m->connections[c].gone;
        CHECK(m, stats.tasks == tasks && stats.waiting == waiting && stats.running == running,
              "the counts differ");
        CHECK(m, stats.workers == workers, "the number of workers differs");
        CHECK(m, (stats.bytes == 0) == (tasks == 0) && stats.bytes >= tasks * 200,
              "the bytes can't be right");
        CHECK(m, scheduler_deadline(m->s) <= earliest_end(m), "it would be woken too late");
        char text[300];
        const struct model_task *t = &m->tasks[below(m, TASKS_MAX)];
        int err = scheduler_describe(m->s, t->run, 1, m->now_ns, text, sizeof text);
        CHECK(m, err == (t->state == NONE ? STET_ENOTFOUND : 0), "a task can't be described");
}

/* --- a seed --- */

static void (*const operations[])(struct model *m) = {
        op_enqueue, op_next_attempt, op_enqueue_again, op_close, op_hello, op_window,   op_done,
        op_pulse,   op_claim,        op_return,        op_bye,   op_gone,  op_stranger, op_time,
};
enum { OPERATIONS = sizeof operations / sizeof *operations };

/* Each seed has its own weights, so that some do nothing but one thing, and some never do it. */
static void play(struct model *m)
{
        int weights[OPERATIONS], sum = 0;
        for (int i = 0; i < OPERATIONS; i++)
                sum += weights[i] = one_in(m, 8) ? 0 : 1 + below(m, one_in(m, 3) ? 40 : 10);
        for (m->step = 0; m->step < STEPS && sum > 0; m->step++) {
                int at = below(m, sum), op = 0;
                while (at >= weights[op])
                        at -= weights[op++];
                m->acks = m->whos = m->drops = 0;
                operations[op](m);
                check_all(m);
        }
}

/* One round of a healthy world: whoever runs something finishes it, the shard answers, time goes on. */
static void heal_round(struct model *m, int connection)
{
        struct message pulse = { .type = MSG_PULSE };
        say(m, connection, &pulse);
        for (int i = 0; i < TASKS_MAX; i++) {
                struct model_task *t = &m->tasks[i];
                struct token token = { t->run, 1, t->attempt, INCARNATION };
                m->acks = 0;
                if (t->state == RUNNING && t->connection == connection)
                        finish(m, connection, &token, false);
                if (t->state == DONE) {
                        close_task(m, t);
                } else if (t->state == ENDED) {
                        t->attempt++;
                        begin_attempt(m, t, false, 0);
                }
        }
        m->now_ns += 20 * MS;
        tick(m);
        check_all(m);
}

/* The faults stop: one healthy worker of its own executor; whoever else is there stays silent for ever. */
static void finish_all(struct model *m)
{
        for (int i = 0; i < CONNECTIONS_MAX; i++)
                if (m->connections[i].here && !m->connections[i].gone &&
                    (m->connections[i].executor == LOCAL || m->connections[i].executor == 0))
                        break_connection(m, i);
        int connection = new_connection(m, 0);
        for (int rounds = 0; connection < 0; rounds++) { /* every place is taken by those who will be lost */
                CHECK(m, rounds < 100, "the silent are never lost");
                m->now_ns += 100 * MS;
                tick(m);
                connection = new_connection(m, 0);
        }
        say_hello(m, connection, true);
        set_window(m, connection, 3);
        for (int i = 0; i < CONNECTIONS_MAX; i++) { /* what it lost sight of, it claims */
                for (int j = 0; j < TASKS_MAX; j++) {
                        struct model_task *t = &m->tasks[j];
                        if (t->state != RUNNING || t->connection != i || i == connection ||
                            m->connections[i].executor != 0)
                                continue;
                        struct message claim = { .type = MSG_CLAIM,
                                                 .token = { t->run, 1, t->attempt, INCARNATION } };
                        t->connection = connection;
                        t->beat_ns = m->now_ns;
                        say(m, connection, &claim);
                }
        }
        uint64_t tasks = 1;
        for (int rounds = 0; tasks > 0; rounds++) {
                CHECK(m, rounds < 1000, "not everything finishes though a worker is healthy");
                m->step++;
                heal_round(m, connection);
                struct scheduler_stats stats;
                scheduler_stats(m->s, &stats);
                tasks = stats.tasks;
        }
        m->now_ns += LEASE_NS;
        tick(m);
        struct scheduler_stats stats;
        static const struct scheduler_stats nothing;
        scheduler_stats(m->s, &stats);
        CHECK(m, memcmp(&stats, &nothing, sizeof stats) == 0, "something is left");
}

static uint64_t run_seed(uint64_t seed)
{
        static struct model m;
        struct scheduler_options options = { .incarnation = INCARNATION,
                                             .lease_ns = LEASE_NS,
                                             .note_after_ns = NOTE_NS };
        struct scheduler_sink sink = { .ctx = &m, .to_peer = to_peer, .to_shard = to_shard };
        m = (struct model){
                .seed = seed, .random = seed, .losing = -1, .now_ns = 1000000 * MS, .order_next = 1
        };
        m.s = scheduler_new(&options, &sink);
        play(&m);
        finish_all(&m);
        scheduler_free(m.s);
        return m.hash;
}

Test(scheduler_random, every_rule_holds_after_every_step_and_the_same_seed_decides_alike, .timeout = 300)
{
        uint64_t before = 0;
        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
                uint64_t hash = run_seed(seed);
                cr_assert_eq(run_seed(seed), hash, "seed %llu decided otherwise the second time",
                             (unsigned long long)seed);
                cr_assert_neq(hash, before, "seeds %llu and the one before decide alike",
                              (unsigned long long)seed);
                before = hash;
        }
        for (int i = 0; i < SEEN_COUNT; i++)
                cr_expect_gt(seen[i], SEEDS / 50, "the generator made number %d happen only %llu times", i,
                             (unsigned long long)seen[i]);
}
