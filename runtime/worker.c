/* SPDX-License-Identifier: MIT
 *
 * A task here is held (not begun), begun, or done (its outcome is not acknowledged); it is in the table by
 * its token and in one list by its state, oldest first. What is to be said about tasks (a CLAIM while held or
 * begun, a DONE when done) is the outbox: a second link in the task itself, so that saying everything again
 * after a reconnect is putting every task into the outbox, and an acknowledgement that overtakes it takes it
 * out.
 *
 * An outcome is encoded once, into the task's own buffer, which then holds it until the ACK. Tasks and their
 * buffers are used again: in steady state nothing is allocated.
 *
 * After a HELLO the CLAIMs come first: a node that just started drops what is not claimed yet when it hears
 * the heartbeat of it, and would hand out the very attempts that are about to be claimed if a window were
 * granted. A window that shrinks is said before the RETURNs that would fill it again.
 */
#include "runtime/worker.h"

#include "base/list.h"
#include "base/map.h"
#include "base/prefetch.h"
#include "base/state.h"
#include "runtime/worker_window.h"

#include <stdlib.h>

#define MS      INT64_C(1000000)
#define FOREVER INT64_MAX

enum {
        PULSE_DEFAULT_MS = 1000,
        PULSE_MIN_MS = 10,
        PULSE_MAX_MS = 3600 * 1000,
        SILENT_PULSES = 3, /* without a frame from the node, then we say who we are */
        OVERDUE_MS = 2000, /* an outcome's acknowledgement; doubles while none comes, up to the next */
        OVERDUE_MAX_MS = 16000,
        BEATS_PER_TIMEOUT = 4,
        AGAIN_MS = 60000, /* after the node asked again who we are: by then all is said that is held */
        KEEP_CAPACITY = 64 << 10, /* larger buffers are freed with their task */
        CLAIM_SIZE_MAX = 64,
        CONTROL_ROOM = 64, /* what may follow the control messages: WINDOW, BYE */
};

enum task_state { TASK_HELD, TASK_BEGUN, TASK_DONE };

static const struct state worker_task_states[] = {
        [TASK_HELD] = { "held", STATE_BIT(TASK_BEGUN), STATE_INITIAL },
        [TASK_BEGUN] = { "begun", STATE_BIT(TASK_DONE), 0 },
        [TASK_DONE] = { "done", 0, STATE_FINAL }, /* until it is acknowledged and forgotten */
};

struct task {
        struct map_node by_token;
        struct list place; /* in the list of its state, or among the free ones */
        struct list outbox;
        enum task_state state;
        bool dropped;    /* begun, and no longer wanted */
        bool beat_waits; /* it said that it is alive, and the node was not told yet */
        struct token token;
        struct buffer bytes; /* held, begun: the activity's name, then the input; done: the encoded DONE */
        size_t activity_size;
        int64_t timeout_ms;
        int64_t heartbeat_ms;
        int64_t begun_ns;
        int64_t beat_ns; /* when the node was told last */
        int64_t done_ns;
};

struct worker {
        bool local;
        struct buffer hello;   /* encoded once */
        struct buffer control; /* RETURNs and PULSEs to be sent */
        struct buffer scratch;

        struct map tasks;
        struct list states[3]; /* by enum task_state */
        uint32_t counts[3];
        struct list free;
        struct list outbox;

        struct worker_window window;

        bool hello_due;
        bool bye_due;
        bool gone;
        bool welcome;
        bool was_welcome;       /* once */
        int64_t again_until_ns; /* tasks may be with another worker of the executor */
        int64_t pulse_ns;       /* interval */
        int64_t pulse_due_ns;
        int64_t beat_due_ns; /* of the first begun task whose beat waits */
        int64_t heard_ns;    /* the last frame from the node */
        int64_t said_ns;     /* the last HELLO */
        int64_t overdue_ns;  /* interval */

        uint64_t done, stale, bad_frames;
};

/* --- the tasks --- */

static uint64_t token_key(const struct token *t)
{
        return t->run ^ hash_u64((uint64_t)t->op << 32 | t->attempt);
}

static bool token_equal(const struct token *a, const struct token *b)
{
        return a->run == b->run && a->op == b->op && a->attempt == b->attempt &&
               a->incarnation == b->incarnation;
}

static struct task *task_find(const struct worker *w, const struct token *token)
{
        struct map_node *node = map_find(&w->tasks, token_key(token));
        for (; node; node = map_find_next(&w->tasks, node)) {
                struct task *t = container_of(node, struct task, by_token);
                if (token_equal(&t->token, token))
                        return t;
        }
        return NULL;
}

static void task_move(struct worker *w, struct task *t, enum task_state state)
{
        w->counts[t->state]--;
        list_remove(&t->place);
        t->state = state_move(worker_task_states, t->state, state);
        list_push(&w->states[state], &t->place);
        w->counts[state]++;
}

static void task_owe(struct worker *w, struct task *t)
{
        list_remove(&t->outbox);
        list_push(&w->outbox, &t->outbox);
}

/* So that nothing a node sends can overflow when it becomes nanoseconds and is added to the time. */
static int64_t ms_sane(int64_t ms)
{
        const int64_t max = FOREVER / MS / 4;
        return ms < 0 ? 0 : ms > max ? max : ms;
}

static struct task *task_add(struct worker *w, const struct message *m)
{
        struct task *t;
        if (list_empty(&w->free)) {
                t = xcalloc(1, sizeof *t);
                list_init(&t->place);
                list_init(&t->outbox);
        } else {
                t = container_of(w->free.next, struct task, place);
                list_remove(&t->place);
        }
        t->state = TASK_HELD;
        t->dropped = t->beat_waits = false;
        t->token = m->token;
        t->timeout_ms = ms_sane(m->timeout_ms);
        t->heartbeat_ms = ms_sane(m->heartbeat_ms);
        t->begun_ns = 0;
        t->activity_size = m->name.size;
        buffer_append(&t->bytes, m->name.data, m->name.size);
        buffer_append(&t->bytes, m->value.data, m->value.size);
        map_put(&w->tasks, &t->by_token, token_key(&t->token));
        list_push(&w->states[TASK_HELD], &t->place);
        w->counts[TASK_HELD]++;
        return t;
}

static void task_forget(struct worker *w, struct task *t)
{
        w->counts[t->state]--;
        map_remove(&w->tasks, &t->by_token);
        list_remove(&t->place);
        list_remove(&t->outbox);
        buffer_clear(&t->bytes);
        if (t->bytes.capacity > KEEP_CAPACITY)
                buffer_fini(&t->bytes);
        list_push_front(&w->free, &t->place); /* the one whose memory is warm is the next */
}

/* The node does not want it any more. What was begun goes on, and its outcome will be forgotten. */
static void task_drop(struct worker *w, struct task *t)
{
        if (t->state == TASK_DONE)
                w->stale++;
        if (t->state != TASK_BEGUN) {
                task_forget(w, t);
                return;
        }
        t->dropped = true;
        list_remove(&t->outbox);
}

/* --- what comes from the node --- */

/* Everything that the node has to know of us, from the beginning. */
static void say_all(struct worker *w)
{
        w->hello_due = true;
        worker_window_unsay(&w->window);
        for (enum task_state state = TASK_HELD; state <= TASK_DONE; state++)
                list_each(at, &w->states[state])
                {
                        struct task *t = container_of(at, struct task, place);
                        if (!t->dropped)
                                task_owe(w, t);
                }
}

static void on_welcome(struct worker *w, const struct message *m, int64_t now_ns)
{
        if (m->code) {
                w->welcome = false; /* we ask again when the silence has lasted long enough */
                return;
        }
        for (enum task_state state = TASK_HELD; state <= TASK_DONE; state++)
                list_each_safe(at, after, &w->states[state])
                {
                        struct task *t = container_of(at, struct task, place);
                        if (t->token.incarnation != m->token.incarnation)
                                task_drop(w, t);
                }
        int64_t ms = m->heartbeat_ms > 0 ? m->heartbeat_ms : PULSE_DEFAULT_MS;
        w->pulse_ns = (ms < PULSE_MIN_MS ? PULSE_MIN_MS : ms > PULSE_MAX_MS ? PULSE_MAX_MS : ms) * MS;
        if (!w->welcome || w->pulse_due_ns > now_ns + w->pulse_ns)
                w->pulse_due_ns = now_ns + w->pulse_ns;
        w->welcome = w->was_welcome = true;
}

/* A token that we know already was not heard of, or is given to us again after a restart of the node. */
static void on_task(struct worker *w, const struct message *m)
{
        struct task *t = task_find(w, &m->token);
        if (!t)
                task_add(w, m);
        else if (t->state == TASK_DONE)
                task_owe(w, t);
        else
                t->dropped = false;
}

/* Outcomes are mostly acknowledged in the order in which they were said. */
static struct task *task_done(const struct worker *w, const struct token *token)
{
        const struct list *done = &w->states[TASK_DONE];
        struct task *first = list_empty(done) ? NULL : container_of(done->next, struct task, place);
        if (first && token_equal(&first->token, token)) {
                /* The one after the next, which is looked at when that is taken out. */
                prefetch_to_write(container_of(first->place.next->next, struct task, place), sizeof *first);
                return first;
        }
        struct task *t = task_find(w, token);
        return t && t->state == TASK_DONE ? t : NULL;
}

static void on_ack(struct worker *w, const struct message *m)
{
        struct task *t = task_done(w, &m->token);
        if (!t)
                return;
        if (m->code)
                w->stale++;
        else
                w->done++;
        w->overdue_ns = OVERDUE_MS * MS;
        task_forget(w, t);
}

static void on_message(struct worker *w, const struct message *m, int64_t now_ns)
{
        struct task *t;
        switch (m->type) {
        case MSG_TASK:
                on_task(w, m);
                break;
        case MSG_ACK:
                on_ack(w, m);
                break;
        case MSG_DROP:
                if ((t = task_find(w, &m->token)))
                        task_drop(w, t);
                break;
        case MSG_WHO:
                w->welcome = false;
                if (w->was_welcome)
                        w->again_until_ns = now_ns + AGAIN_MS * MS;
                say_all(w);
                break;
        case MSG_WELCOME:
                on_welcome(w, m, now_ns);
                break;
        default:
                w->bad_frames++; /* not for a worker */
                break;
        }
}

void worker_receive(struct worker *w, struct bytes frame, int64_t now_ns)
{
        struct message m;

        if (w->gone)
                return;
        if (!w->local && frame_check(frame, NULL) != 0) {
                w->bad_frames++;
                return;
        }
        w->heard_ns = now_ns;
        struct cursor c = frame_cursor(frame);
        for (int rc; (rc = frame_next(&c, &m)) != 0;) {
                if (rc < 0)
                        w->bad_frames++;
                else
                        on_message(w, &m, now_ns);
        }
}

/* --- what comes from the executor --- */

bool worker_begin(struct worker *w, int64_t now_ns, struct worker_task *ret)
{
        w->window.paused = false;
        if (list_empty(&w->states[TASK_HELD]))
                return false;
        struct task *t = container_of(w->states[TASK_HELD].next, struct task, place);
        task_move(w, t, TASK_BEGUN);
        t->begun_ns = now_ns;
        t->beat_ns = now_ns - t->heartbeat_ms * MS; /* its first beat goes out at once */
        *ret = (struct worker_task){
                .token = t->token,
                .activity = bytes_of(t->bytes.data, t->activity_size),
                .input = bytes_of(t->bytes.data + t->activity_size, t->bytes.size - t->activity_size),
                .timeout_ms = t->timeout_ms,
                .heartbeat_ms = t->heartbeat_ms,
                .attempt = t->token.attempt,
                .again = now_ns < w->again_until_ns,
        };
        return true;
}

bool worker_has(const struct worker *w, const struct token *token, int64_t before_ns)
{
        const struct task *t = task_find(w, token);
        return t &&
               (t->state == TASK_DONE || (t->state == TASK_BEGUN && !t->dropped && t->begun_ns < before_ns));
}

void worker_forget(struct worker *w, const struct token *token)
{
        struct task *t = task_find(w, token);
        if (t && t->state == TASK_BEGUN)
                task_forget(w, t);
}

static void encode_done(struct buffer *b, const struct task *t, const struct message *m)
{
        buffer_clear(b);
        codec_encode(b, &message_shapes[MSG_DONE],
                     &(struct message){
                         .token = t->token,
                         .code = m->code,
                         .started_ns = t->begun_ns,
                         .value = m->value,
                         .kind = m->kind,
                         .text = m->text,
                         .permanent = m->permanent,
                     });
}

void worker_finish(struct worker *w, const struct token *token, const struct message *m, int64_t now_ns)
{
        struct task *t = task_find(w, token);
        if (!t || t->state != TASK_BEGUN)
                return;
        worker_window_measure(&w->window, now_ns - t->begun_ns);
        if (t->dropped) {
                task_forget(w, t);
                return;
        }
        /* Not into the task's own buffer: the result may be a part of the input. */
        encode_done(&w->scratch, t, m);
        if (w->scratch.size >= WIRE_FRAME_MAX)
                encode_done(&w->scratch, t,
                            &(struct message){
                                .code = STET_ETOOBIG,
                                .kind = bytes_str("ResultTooBig"),
                                .text = bytes_str("the activity's result does not fit a frame of 4 MiB"),
                                .permanent = true,
                            });
        buffer_swap(&w->scratch, &t->bytes);
        if (w->scratch.capacity > KEEP_CAPACITY)
                buffer_fini(&w->scratch);
        t->done_ns = now_ns;
        task_move(w, t, TASK_DONE);
        task_owe(w, t);
}

static void put_token(struct worker *w, enum message_type type, const struct token *token)
{
        frame_put(&w->control, &(struct message){ .type = (uint8_t)type, .token = *token });
}

static int64_t beat_interval_ns(const struct task *t)
{
        return t->heartbeat_ms * MS / BEATS_PER_TIMEOUT;
}

static void send_beat(struct worker *w, struct task *t, int64_t now_ns)
{
        put_token(w, MSG_PULSE, &t->token);
        t->beat_ns = now_ns;
        t->beat_waits = false;
}

/* User code may say it a million times a second; the node hears it four times per timeout, the last one never
 * lost. */
int worker_heartbeat(struct worker *w, const struct token *token, int64_t now_ns)
{
        struct task *t = task_find(w, token);
        if (!t || t->state != TASK_BEGUN || t->dropped)
                return STET_ECANCELED;
        if (t->heartbeat_ms <= 0)
                return 0;
        int64_t due_ns = t->beat_ns + beat_interval_ns(t);
        if (now_ns >= due_ns) {
                send_beat(w, t, now_ns);
        } else {
                t->beat_waits = true;
                if (due_ns < w->beat_due_ns)
                        w->beat_due_ns = due_ns;
        }
        return 0;
}

void worker_return(struct worker *w)
{
        w->window.paused = true;
        list_each_safe(at, after, &w->states[TASK_HELD])
        {
                struct task *t = container_of(at, struct task, place);
                put_token(w, MSG_RETURN, &t->token);
                task_forget(w, t);
        }
}

void worker_bye(struct worker *w)
{
        w->bye_due = true;
}

/* --- what goes to the node --- */

static void put_window(struct worker *w, struct buffer *frame)
{
        uint32_t count = worker_window_say(&w->window);
        frame_put(frame, &(struct message){ .type = MSG_WINDOW, .count = count });
}

/* Says what the outbox owes, as far as it fits. A DONE alone always does. */
static void put_owed(struct worker *w, struct buffer *frame)
{
        while (!list_empty(&w->outbox) && frame->size < WIRE_FRAME_AIM) {
                struct task *t = container_of(w->outbox.next, struct task, outbox);
                size_t size = t->state == TASK_DONE ? t->bytes.size : CLAIM_SIZE_MAX;
                if (frame->size + size > WIRE_FRAME_MAX)
                        return;
                list_remove(&t->outbox);
                if (t->state == TASK_DONE)
                        buffer_append(frame, t->bytes.data, t->bytes.size);
                else
                        frame_put(frame, &(struct message){ .type = MSG_CLAIM,
                                                            .token = t->token,
                                                            .started_ns = t->begun_ns });
        }
}

bool worker_flush(struct worker *w, int64_t now_ns, struct buffer *ret_frame)
{
        if (w->gone)
                return false;
        frame_begin(ret_frame);
        size_t empty = ret_frame->size;
        if (w->hello_due) {
                buffer_append(ret_frame, w->hello.data, w->hello.size);
                w->hello_due = false;
                w->said_ns = now_ns;
        }
        if (worker_window_shrank(&w->window))
                put_window(w, ret_frame);
        put_owed(w, ret_frame);
        if (list_empty(&w->outbox) && ret_frame->size + w->control.size + CONTROL_ROOM <= WIRE_FRAME_MAX) {
                buffer_append(ret_frame, w->control.data, w->control.size);
                buffer_clear(&w->control);
                if (!w->bye_due && worker_window_changed(&w->window))
                        put_window(w, ret_frame);
                if (w->bye_due) {
                        frame_put(ret_frame, &(struct message){ .type = MSG_BYE });
                        w->gone = true;
                }
        }
        if (ret_frame->size > empty)
                return true;
        buffer_clear(ret_frame);
        return false;
}

/* --- time --- */

static void send_beats(struct worker *w, int64_t now_ns)
{
        w->beat_due_ns = FOREVER;
        list_each(at, &w->states[TASK_BEGUN])
        {
                struct task *t = container_of(at, struct task, place);
                if (!t->beat_waits || t->dropped)
                        continue;
                int64_t due_ns = t->beat_ns + beat_interval_ns(t);
                if (now_ns >= due_ns)
                        send_beat(w, t, now_ns);
                else if (due_ns < w->beat_due_ns)
                        w->beat_due_ns = due_ns;
        }
}

static int64_t later(int64_t a_ns, int64_t b_ns)
{
        return a_ns > b_ns ? a_ns : b_ns;
}

static int64_t earlier(int64_t a_ns, int64_t b_ns)
{
        return a_ns < b_ns ? a_ns : b_ns;
}

static int64_t silence_deadline(const struct worker *w)
{
        return later(w->heard_ns, w->said_ns) + SILENT_PULSES * w->pulse_ns;
}

static int64_t overdue_deadline(const struct worker *w)
{
        if (list_empty(&w->states[TASK_DONE]))
                return FOREVER;
        const struct task *oldest = container_of(w->states[TASK_DONE].next, const struct task, place);
        return later(oldest->done_ns, w->said_ns) + w->overdue_ns;
}

void worker_tick(struct worker *w, int64_t now_ns)
{
        if (w->gone)
                return;
        if (w->welcome && now_ns >= w->pulse_due_ns) {
                put_token(w, MSG_PULSE, &(struct token){ 0 });
                w->pulse_due_ns = now_ns + w->pulse_ns;
        }
        if (now_ns >= w->beat_due_ns)
                send_beats(w, now_ns);
        if (w->hello_due)
                return;
        bool overdue = now_ns >= overdue_deadline(w);
        if (overdue)
                w->overdue_ns = earlier(2 * w->overdue_ns, OVERDUE_MAX_MS * MS);
        if (overdue || now_ns >= silence_deadline(w))
                say_all(w);
}

int64_t worker_deadline(const struct worker *w)
{
        if (w->gone)
                return FOREVER;
        int64_t due_ns = w->beat_due_ns;
        if (w->welcome)
                due_ns = earlier(due_ns, w->pulse_due_ns);
        if (!w->hello_due)
                due_ns = earlier(due_ns, earlier(silence_deadline(w), overdue_deadline(w)));
        return due_ns;
}

void worker_stats(const struct worker *w, struct worker_stats *ret)
{
        *ret = (struct worker_stats){
                .held = w->counts[TASK_HELD],
                .begun = w->counts[TASK_BEGUN],
                .unacknowledged = w->counts[TASK_DONE],
                .window = w->window.said < 0 ? 0 : (uint32_t)w->window.said,
                .done = w->done,
                .stale = w->stale,
                .bad_frames = w->bad_frames,
                .welcome = w->welcome,
        };
}

/* --- from beginning to end --- */

static void pack_names(struct buffer *b, const char *const *names, size_t count)
{
        pack_array(b, (uint32_t)count);
        for (size_t i = 0; i < count; i++)
                pack_cstr(b, names[i]);
}

static void encode_hello(struct buffer *b, const struct worker_options *o)
{
        static const char *const queue_default[] = { "default" };
        struct buffer activities = { 0 }, queues = { 0 };

        pack_names(&activities, o->activities, o->activities_count);
        if (o->queues_count)
                pack_names(&queues, o->queues, o->queues_count);
        else
                pack_names(&queues, queue_default, 1);
        frame_put(b, &(struct message){
                         .type = MSG_HELLO,
                         .protocol = WIRE_VERSION,
                         .role = ROLE_WORKER,
                         .name = bytes_str(o->executor),
                         .names = buffer_bytes(&activities),
                         .queues = buffer_bytes(&queues),
                     });
        buffer_fini(&activities);
        buffer_fini(&queues);
}

struct worker *worker_new(const struct worker_options *options)
{
        struct worker *w = xcalloc(1, sizeof *w);

        w->local = options->local;
        encode_hello(&w->hello, options);
        for (enum task_state state = TASK_HELD; state <= TASK_DONE; state++)
                list_init(&w->states[state]);
        list_init(&w->free);
        list_init(&w->outbox);
        worker_window_init(&w->window, options->window_max);
        w->hello_due = true;
        w->pulse_ns = PULSE_DEFAULT_MS * MS;
        w->beat_due_ns = FOREVER;
        w->overdue_ns = OVERDUE_MS * MS;
        return w;
}

static void free_all(struct list *tasks)
{
        list_each_safe(at, after, tasks)
        {
                struct task *t = container_of(at, struct task, place);
                buffer_fini(&t->bytes);
                free(t);
        }
}

void worker_free(struct worker *w)
{
        if (!w)
                return;
        for (enum task_state state = TASK_HELD; state <= TASK_DONE; state++)
                free_all(&w->states[state]);
        free_all(&w->free);
        map_fini(&w->tasks);
        buffer_fini(&w->hello);
        buffer_fini(&w->control);
        buffer_fini(&w->scratch);
        free(w);
}
