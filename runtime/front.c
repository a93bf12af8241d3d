/* SPDX-License-Identifier: MIT */
#include "runtime/front_state.h"

#include "base/run_id.h"
#include "runtime/shard.h"

#include <stdio.h>
#include <stdlib.h>

enum {
        BACKLOG_BYTES_MAX = 64 << 20, /* a peer that takes nothing while so much waits for it is gone */
        BACKLOG_RETRY_NS = 5000000,
        PULSE_MS = 1000,
        SILENT_LOOKS_MAX = 64, /* in one tick */
};

static const int64_t silence_ask_ns = INT64_C(1800) * 1000000000;
static const int64_t silence_forget_ns = INT64_C(3600) * 1000000000;
static const int64_t silence_least_ns = 1000000000; /* for a worker, however short its lease */

/* --- peers --- */

/* One after the other messages go to the same peer: the last one found is at hand. */
static struct peer *peer_find(struct front *f, uint64_t id)
{
        if (f->last_peer && f->last_peer->id == id)
                return f->last_peer;
        struct map_node *n = map_find(&f->peers, id);
        struct peer *p = n ? container_of(n, struct peer, by_id) : NULL;
        if (p)
                f->last_peer = p;
        return p;
}

/* When a peer that says nothing from now on is looked at for the first time. */
static int64_t silence_first_ns(const struct front *f)
{
        int64_t lease_ns = f->options.lease_ns;
        return lease_ns < silence_least_ns ? silence_least_ns
               : lease_ns < silence_ask_ns ? lease_ns
                                           : silence_ask_ns;
}

static struct peer *peer_make(struct front *f, uint64_t id, bool local)
{
        struct peer *p = peer_find(f, id);
        if (p)
                return p;
        p = xcalloc(1, sizeof *p);
        heap_put(&f->silences, &p->silence, f->now_ns + silence_first_ns(f));
        p->id = id;
        p->local = local;
        map_put(&f->peers, &p->by_id, id);
        list_push(&f->all, &p->in_all);
        list_init(&p->in_dirty);
        return p;
}

static void peer_forget(struct front *f, struct peer *p)
{
        f->unsent_bytes -= p->frame.size + p->backlog.size - p->backlog_sent;
        f->last_peer = NULL;
        map_remove(&f->peers, &p->by_id);
        list_remove(&p->in_all);
        list_remove(&p->in_dirty);
        heap_remove(&f->silences, &p->silence);
        buffer_fini(&p->frame);
        buffer_fini(&p->backlog);
        free(p);
}

/* Only from front_flush(): whoever has something to say to it may be the scheduler, in the middle of a move.
 */
static void peer_gone(struct front *f, struct peer *p)
{
        uint64_t id = p->id;
        peer_forget(f, p);
        scheduler_peer_gone(f->scheduler, id, f->now_ns);
}

/* --- sending --- */

/* Sends what waits behind an earlier refusal, until all is sent, the next is refused, or the peer is gone. */
static void send_backlog(struct front *f, struct peer *p)
{
        if (p->gone)
                return;
        while (p->backlog_sent < p->backlog.size) {
                uint32_t size;
                memcpy(&size, p->backlog.data + p->backlog_sent, sizeof size);
                const uint8_t *frame = p->backlog.data + p->backlog_sent + sizeof size;
                int err = transport_send(f->transport, p->id, bytes_of(frame, size));
                if (err) {
                        p->gone = err != STET_EAGAIN;
                        return;
                }
                p->backlog_sent += sizeof size + size;
                f->unsent_bytes -= sizeof size + size;
        }
        buffer_clear(&p->backlog);
        p->backlog_sent = 0;
}

static void put_aside(struct front *f, struct peer *p)
{
        if (p->backlog.size - p->backlog_sent > BACKLOG_BYTES_MAX) {
                p->gone = true;
                return;
        }
        uint32_t size = (uint32_t)p->frame.size;
        buffer_append(&p->backlog, &size, sizeof size);
        buffer_append(&p->backlog, p->frame.data, p->frame.size);
        f->unsent_bytes += sizeof size;
        buffer_clear(&p->frame);
}

/* Sends the frame being filled, behind what waits. The peer may be gone afterwards. */
static void send_frame(struct front *f, struct peer *p)
{
        if (!p->frame.size || p->gone)
                return;
        int err =
            p->backlog.size ? STET_EAGAIN : transport_send(f->transport, p->id, buffer_bytes(&p->frame));
        if (err == STET_EAGAIN) {
                put_aside(f, p);
        } else if (err) {
                p->gone = true;
        } else {
                f->unsent_bytes -= p->frame.size;
                p->told_ns = f->now_ns;
                buffer_clear(&p->frame);
        }
}

/* An answer that no frame can hold would take the connection with it. */
static void refuse_to_say(struct front *f, uint64_t id, const struct message *m, size_t size)
{
        stet_why why;
        struct message refusal = { .type = MSG_REPLY, .correlation = m->correlation };
        refusal.code =
            (uint32_t)stet_why_set(&why, STET_ETOOBIG,
                                   "the answer has %zu bytes, and a frame takes at most %d; ask for "
                                   "less of it",
                                   size, WIRE_FRAME_MAX);
        refusal.text = bytes_str(why.text);
        front_to_peer(f, id, &refusal);
}

void front_to_peer(struct front *f, uint64_t id, const struct message *m)
{
        enum { REST_MAX = 4096 }; /* all that is not value, kind or text */
        struct peer *p = peer_find(f, id);
        if (!p || p->gone)
                return; /* it left; what it asked is in the log */
        size_t more = m->value.size + m->text.size;
        if (more + m->kind.size > WIRE_FRAME_MAX - REST_MAX) {
                refuse_to_say(f, id, m, more + m->kind.size);
                return;
        }
        if (p->frame.size && p->frame.size + more > WIRE_FRAME_AIM)
                send_frame(f, p);
        if (p->gone)
                return;
        size_t before = p->frame.size;
        if (!before)
                frame_begin(&p->frame);
        frame_put(&p->frame, m);
        f->unsent_bytes += p->frame.size - before;
        if (list_empty(&p->in_dirty))
                list_push(&f->dirty, &p->in_dirty);
}

void front_flush(struct front *f, int64_t now_ns)
{
        f->now_ns = now_ns;
        struct list todo;
        list_init(&todo);
        while (!list_empty(&f->dirty)) {
                struct list *first = f->dirty.next;
                list_remove(first);
                list_push(&todo, first);
        }
        while (!list_empty(&todo)) {
                struct peer *p = container_of(todo.next, struct peer, in_dirty);
                list_remove(&p->in_dirty);
                send_backlog(f, p);
                if (!p->backlog.size)
                        send_frame(f, p);
                if (p->gone)
                        peer_gone(f, p);
                else if (p->backlog.size || p->frame.size)
                        list_push(&f->dirty, &p->in_dirty);
        }
}

/* --- from peers --- */

static void reply(struct front *f, const struct message *to, int code, const char *text)
{
        struct message m = { .type = MSG_REPLY,
                             .correlation = to->correlation,
                             .code = (uint32_t)code,
                             .text = bytes_str(text) };
        front_to_peer(f, to->peer, &m);
}

static void ask_who(struct front *f, const struct peer *p)
{
        static const struct message who = { .type = MSG_WHO };
        front_to_peer(f, p->id, &who);
}

/* Which of a message's names is too long: a sentence, or "". */
static void too_long(const struct message *m, char *buf, size_t size)
{
        const struct {
                const char *what;
                struct bytes name;
        } names[] = { { "the request id", m->request_id },
                      { "the namespace", m->ns },
                      { "the id", m->id },
                      { "the name", m->name } };
        buf[0] = 0;
        for (size_t i = 0; i < sizeof names / sizeof names[0] && !buf[0]; i++)
                if (names[i].name.size > WIRE_ID_MAX)
                        snprintf(buf, size, "%s has %zu bytes; at most %d are allowed", names[i].what,
                                 names[i].name.size, WIRE_ID_MAX);
}

/* Who asked is told why nothing happens; the others wait for no answer. */
static void refuse_too_long(struct front *f, const struct peer *p, struct message *m)
{
        char text[100];
        too_long(m, text, sizeof text);
        m->peer = p->id;
        if ((m->type >= MSG_START && m->type <= MSG_READ) || m->type == MSG_DELETE)
                reply(f, m, STET_ETOOBIG, text);
        if (m->type == MSG_HELLO)
                front_to_peer(f, p->id,
                              &(struct message){ .type = MSG_WELCOME,
                                                 .code = STET_ETOOBIG,
                                                 .protocol = WIRE_VERSION,
                                                 .text = bytes_str(text) });
}

struct message front_welcome(uint64_t incarnation, const struct message *hello, stet_why *why)
{
        struct message welcome = { .type = MSG_WELCOME,
                                   .protocol = WIRE_VERSION,
                                   .token = { .incarnation = incarnation },
                                   .heartbeat_ms = PULSE_MS };
        if (hello->protocol != WIRE_VERSION) {
                welcome.code =
                    (uint32_t)stet_why_set(why, STET_EPROTOCOL, "this node speaks protocol %d, not %u",
                                           WIRE_VERSION, hello->protocol);
                welcome.text = bytes_str(why->text);
        }
        return welcome;
}

static void receive_hello(struct front *f, struct peer *p, const struct message *m)
{
        stet_why why = { "" };
        struct message welcome = front_welcome(f->options.incarnation, m, &why);
        if (!welcome.code && (p->worker = m->role == ROLE_WORKER)) {
                welcome.code = (uint32_t)scheduler_hello(f->scheduler, p->id, p->local, m, f->now_ns, &why);
                welcome.text = bytes_str(why.text);
        }
        front_to_peer(f, p->id, &welcome);
}

static void to_its_shard(struct front *f, const struct message *m)
{
        struct bytes ns = m->ns.size ? m->ns : bytes_str("default");
        f->sink.to_shard(f->sink.ctx, shard_of(f->options.shards_count, ns, m->id, m->request_id), m);
}

int front_start_refusal(const struct front *f, char *text, size_t size)
{
        struct scheduler_stats stats;
        if (f->disk_full) {
                snprintf(text, size, "the disk is full; no run can start until there is room");
                return STET_EFULL;
        }
        if (disk_reserve_is_short(&f->reserve)) {
                disk_reserve_sentence(&f->reserve, text, size);
                return STET_EFULL;
        }
        scheduler_stats(f->scheduler, &stats);
        if (stats.bytes + f->unsent_bytes <= f->options.queued_bytes_max)
                return 0;
        snprintf(text, size, "%zu MiB of work are queued, which is the limit; try again in a second",
                 (size_t)((stats.bytes + f->unsent_bytes) >> 20));
        return STET_EBUSY;
}

/* A refusal is the shard's to say: only it knows whether this is the repeat of a start that it has applied.
 */
static void receive_start(struct front *f, struct message *m)
{
        char text[300] = "";
        m->code = (uint32_t)front_start_refusal(f, text, sizeof text);
        m->text = bytes_str(text);
        to_its_shard(f, m);
}

/* A result that is no value within the limits can be applied by no run, and the next try would give the same.
 * Workers of this process have checked theirs. */
static void receive_done(struct front *f, const struct peer *p, struct message *m)
{
        stet_why why;
        int err = p->local ? 0 : wire_value_check(m->value, "the result", &why);
        if (err) {
                m->code = STET_EFAILED;
                m->kind = bytes_str(stet_error_name(err));
                m->text = bytes_str(why.text);
                m->value = bytes_of(NULL, 0);
                m->permanent = true;
        }
        scheduler_receive(f->scheduler, p->id, m, f->now_ns);
}

/* Nothing more comes from it. A worker may still hear its ACKs; nobody else is waiting for anything. */
static void receive_bye(struct front *f, struct peer *p, const struct message *m)
{
        if (scheduler_knows(f->scheduler, p->id))
                scheduler_receive(f->scheduler, p->id, m, f->now_ns);
        else
                peer_forget(f, p);
}

static void receive_message(struct front *f, struct peer *p, struct message *m)
{
        m->peer = p->id;
        switch ((enum message_type)m->type) {
        case MSG_HELLO:
                receive_hello(f, p, m);
                break;
        case MSG_READ:
                if (bytes_equal(m->name, bytes_str("executors"))) {
                        front_read_executors(f, m);
                        break;
                }
                if (bytes_equal(m->name, bytes_str("list")) || bytes_equal(m->name, bytes_str("stats"))) {
                        front_read_all(f, m);
                        break;
                }
                if (!bytes_equal(m->name, bytes_str("show")) && !bytes_equal(m->name, bytes_str("history")) &&
                    !bytes_equal(m->name, bytes_str("records"))) {
                        reply(f, m, STET_ENOTFOUND,
                              "there is no such reading; there are show, list, history, records, stats, "
                              "executors");
                        break;
                }
                __attribute__((fallthrough));
        case MSG_SIGNAL:
        case MSG_CANCEL:
        case MSG_TERMINATE:
        case MSG_DELETE:
        case MSG_QUERY:
        case MSG_WAIT:
                to_its_shard(f, m);
                break;
        case MSG_START:
                receive_start(f, m);
                break;
        case MSG_DONE:
                receive_done(f, p, m);
                break;
        case MSG_WINDOW:
        case MSG_PULSE:
        case MSG_CLAIM:
        case MSG_RETURN:
                scheduler_receive(f->scheduler, p->id, m, f->now_ns);
                break;
        case MSG_BYE:
                receive_bye(f, p, m);
                break;
        default:
                f->frames_refused++; /* only a node says these */
                break;
        }
}

/* The messages of a frame are read a few ahead of the one that is handled, and what each will need (its task,
 * its run, its code) is asked for on the way, step by step. With many runs in flight, waiting for memory is
 * most of what a transition costs. */
enum { AHEAD = 12, AHEAD_OF_STEP_1 = 9, AHEAD_OF_STEP_2 = 6, AHEAD_OF_STEP_3 = 3 };

struct lookahead {
        struct cursor frame;
        struct message messages[AHEAD];
        uint64_t runs[AHEAD]; /* that they are for; 0: none, or it is named in another way */
        int got[AHEAD];       /* what frame_next() said */
        unsigned read, taken;
};

static uint64_t run_of(const struct message *m)
{
        uint64_t run = 0;
        if (m->type == MSG_DONE)
                return m->token.run;
        return m->type == MSG_SIGNAL && run_id_parse(m->id, &run) ? run : 0;
}

static void expect(struct front *f, struct lookahead *l, unsigned ahead, unsigned step)
{
        unsigned place = (l->taken + ahead) % AHEAD;
        const struct message *m = &l->messages[place];
        if (l->read - l->taken <= ahead || !l->runs[place])
                return;
        if (step < 2 && m->type == MSG_DONE)
                scheduler_expect(f->scheduler, m->token.run, m->token.op, step);
        if (f->sink.expect)
                f->sink.expect(f->sink.ctx, l->runs[place], step);
}

/* The next message and what frame_next() said of it; NULL at the end of the frame. */
static struct message *lookahead_next(struct front *f, struct lookahead *l, int *ret_got)
{
        while (l->read - l->taken < AHEAD) {
                unsigned place = l->read % AHEAD;
                l->got[place] = frame_next(&l->frame, &l->messages[place]);
                if (!l->got[place])
                        break;
                l->runs[place] = run_of(&l->messages[place]);
                l->read++;
                expect(f, l, l->read - l->taken - 1, 0);
        }
        if (l->taken == l->read)
                return NULL;
        expect(f, l, AHEAD_OF_STEP_1, 1);
        expect(f, l, AHEAD_OF_STEP_2, 2);
        expect(f, l, AHEAD_OF_STEP_3, 3);
        *ret_got = l->got[l->taken % AHEAD];
        return &l->messages[l->taken++ % AHEAD];
}

void front_receive(struct front *f, uint64_t id, bool local, struct bytes frame, int64_t now_ns)
{
        f->now_ns = now_ns;
        struct peer *p = peer_make(f, id, local);
        p->heard_ns = now_ns;
        bool bad = !local && frame_check(frame, NULL) != 0;
        if (bad || !frame.size) {
                f->frames_refused += bad;
                ask_who(f, p);
                return;
        }
        struct lookahead l;
        l.frame = frame_cursor(frame);
        l.read = l.taken = 0;
        struct message *m;
        int got;
        while ((m = lookahead_next(f, &l, &got)) != NULL) {
                f->frames_refused += got < 0;
                if (got == -STET_ETOOBIG)
                        refuse_too_long(f, p, m);
                if (got < 0)
                        continue;
                receive_message(f, p, m);
                p = peer_find(f, id);
                if (!p)
                        return;
        }
}

/* --- from shards and the scheduler --- */

void front_from_shard(struct front *f, const struct message *m, int64_t now_ns)
{
        f->now_ns = now_ns;
        uint32_t shard = 0;
        switch ((enum message_type)m->type) {
        case MSG_ENQUEUE:
                scheduler_enqueue(f->scheduler, m, now_ns);
                return;
        case MSG_CLOSE:
                scheduler_close(f->scheduler, m->token.run, m->token.op, now_ns);
                return;
        case MSG_REPLY:
                front_finish_reading(f, m);
                return;
        case MSG_READ:
                shard = m->token.attempt;
                break;
        case MSG_REMOVE:
                shard = shard_of_run(m->token.run);
                break;
        case MSG_CHILD_START:
        case MSG_SEND:
                shard = shard_of(f->options.shards_count, m->ns, m->id, bytes_of(NULL, 0));
                break;
        case MSG_CHILD_CANCEL:
                shard = m->token.run ? shard_of_run(m->token.run)
                                     : shard_of(f->options.shards_count, m->ns, m->id, bytes_of(NULL, 0));
                break;
        default:
                shard = shard_of_run(m->parent_run);
                break;
        }
        if (shard < f->options.shards_count)
                f->sink.to_shard(f->sink.ctx, shard, m);
}

void front_expect_task(const struct front *f, uint64_t run, uint32_t op, unsigned step)
{
        scheduler_expect(f->scheduler, run, op, step);
}

static void from_scheduler_to_peer(void *ctx, uint64_t peer, const struct message *m)
{
        front_to_peer(ctx, peer, m);
}

static void from_scheduler_to_shard(void *ctx, const struct message *m)
{
        struct front *f = ctx;
        uint32_t shard = shard_of_run(m->token.run);
        if (shard < f->options.shards_count)
                f->sink.to_shard(f->sink.ctx, shard, m);
}

/* --- time, life --- */

/* A peer whose time to be looked at has come. It may be gone afterwards. */
static void look_at(struct front *f, struct peer *p)
{
        int64_t silent_ns = f->now_ns - p->heard_ns;
        int64_t again_ns = f->now_ns + silent_ns; /* twice as long */
        bool worker = scheduler_knows(f->scheduler, p->id);
        if (silent_ns < silence_first_ns(f)) {
                again_ns = p->heard_ns + silence_first_ns(f);
        } else if (worker) {
                if (!p->local)
                        ask_who(f, p);
        } else if (silent_ns < silence_ask_ns) {
                again_ns = p->heard_ns + silence_ask_ns;
        } else if (silent_ns < silence_forget_ns) {
                ask_who(f, p);
                again_ns = p->heard_ns + silence_forget_ns;
        } else if (!p->frame.size && !p->backlog.size) {
                peer_forget(f, p);
                return;
        }
        heap_put(&f->silences, &p->silence, again_ns);
}

void front_tick(struct front *f, int64_t now_ns)
{
        f->now_ns = now_ns;
        scheduler_tick(f->scheduler, now_ns);
        for (int looks = 0; looks < SILENT_LOOKS_MAX; looks++) {
                struct heap_node *first = heap_min(&f->silences);
                if (!first || first->due_ns > now_ns)
                        break;
                look_at(f, container_of(first, struct peer, silence));
        }
}

int64_t front_deadline(const struct front *f)
{
        int64_t deadline = scheduler_deadline(f->scheduler);
        int64_t retry = f->now_ns + BACKLOG_RETRY_NS;
        return !list_empty(&f->dirty) && retry < deadline ? retry : deadline;
}

bool front_is_heard(const struct front *f, int64_t since_ns)
{
        list_each(at, &f->all)
        {
                const struct peer *p = container_of(at, struct peer, in_all);
                if (!p->local && !p->worker && !p->gone && p->told_ns > since_ns && p->told_ns > p->heard_ns)
                        return true;
        }
        return false;
}

void front_set_disk_full(struct front *f, bool full)
{
        if (full != f->disk_full && f->sink.log)
                f->sink.log(
                    f->sink.ctx, full ? STET_LOG_ERROR : STET_LOG_INFO,
                    full ? "the disk is full: nothing can be written; it goes on by itself when there is room"
                         : "there is room on the disk again");
        f->disk_full = full;
}

void front_set_disk_reserve(struct front *f, const struct disk_reserve *reserve)
{
        bool was_short = disk_reserve_is_short(&f->reserve), is_short = disk_reserve_is_short(reserve);
        char sentence[300], line[360];
        f->reserve = *reserve;
        if (was_short == is_short || !f->sink.log)
                return;
        disk_reserve_sentence(reserve, sentence, sizeof sentence);
        snprintf(line, sizeof line, "no run can start: %s", sentence);
        f->sink.log(f->sink.ctx, is_short ? STET_LOG_WARNING : STET_LOG_INFO,
                    is_short ? line : "the disk has room to spare again: runs can start");
}

struct front *front_new(const struct front_options *options, struct transport *transport,
                        const struct front_sink *sink)
{
        struct front *f = xcalloc(1, sizeof *f);
        struct scheduler_options so = { options->incarnation, options->lease_ns, options->note_after_ns };
        struct scheduler_sink to = { f, from_scheduler_to_peer, from_scheduler_to_shard };
        f->options = *options;
        f->transport = transport;
        f->sink = *sink;
        f->scheduler = scheduler_new(&so, &to);
        list_init(&f->all);
        list_init(&f->dirty);
        return f;
}

void front_free(struct front *f)
{
        if (!f)
                return;
        while (!list_empty(&f->all))
                peer_forget(f, container_of(f->all.next, struct peer, in_all));
        map_fini(&f->peers);
        heap_fini(&f->silences);
        scheduler_free(f->scheduler);
        free(f);
}
