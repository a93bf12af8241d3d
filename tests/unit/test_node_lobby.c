/* SPDX-License-Identifier: MIT
 *
 * What peers see of a node while it recovers. First its parts, driven by hand over real sockets: a test calls
 * what recovery calls, and decides when it is over. Then whole nodes, held in the middle of their recovery by
 * workflow code, which runs there when signals came while it was missing.
 */
#include "runtime/clock.h"
#include "runtime/context_zmq.h"
#include "runtime/link_zmq.h"
#include "runtime/node_state.h"
#include "tests/lib/temp_dir.h"

#include <stet/stet.h>

#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { BOUND_MS = 30000 };

static stet_why why;

/* --- a node that is all lobby --- */

struct post {
        stet_node node;
        struct link *link;
        int lines; /* logged */
        char line[300];
};

static void take_line(void *ctx, stet_log_level level, const char *line)
{
        struct post *p = ctx;
        cr_assert_eq(level, STET_LOG_INFO);
        snprintf(p->line, sizeof p->line, "%s", line);
        p->lines++;
}

static void post_open(struct post *p)
{
        *p = (struct post){ .node = { .dir = { .shards = 2, .incarnation = 9 } } };
        p->node.options.log = take_line;
        p->node.options.log_context = p;
        cr_assert_eq(context_open(&p->node.zmq, &why), 0, "%s", why.text);
        cr_assert_eq(router_open(p->node.zmq, &p->node.router, &why), 0, "%s", why.text);
        node_lobby_open(&p->node, 1);
        cr_assert_eq(router_bind(p->node.router, "inproc://post", NULL, 0, &why), 0, "%s", why.text);
        cr_assert_eq(link_open(p->node.zmq, "inproc://post", &p->link, &why), 0, "%s", why.text);
}

static void post_close(struct post *p)
{
        link_close(p->link);
        lobby_free(p->node.lobby);
        router_close(p->node.router);
        context_close(p->node.zmq);
}

/* Recovery has got on by a few milliseconds. */
static void progress(struct post *p, uint64_t done)
{
        p->node.look_due_ns = 0;
        node_progress(&p->node, &(struct shard_progress){ .records_done = done, .records_total = 100 });
}

static void send_message(struct post *p, const struct message *m)
{
        struct buffer frame = { 0 };
        int64_t end_ns = clock_elapsed_ns() + (int64_t)BOUND_MS * 1000000;
        frame_begin(&frame);
        frame_put(&frame, m);
        while (link_send(p->link, buffer_bytes(&frame)) != 0) {
                cr_assert_lt(clock_elapsed_ns(), end_ns, "the frame can't be sent");
                link_wait(p->link, -1, 10);
        }
        buffer_fini(&frame);
}
#define SEND(p, ...) send_message(p, &(struct message){ __VA_ARGS__ })

/* The next answer, as recovery gets on; its bytes are valid until the next one. */
static struct message answer(struct post *p, uint64_t done)
{
        struct bytes frame;
        struct message m;
        int64_t end_ns = clock_elapsed_ns() + (int64_t)BOUND_MS * 1000000;
        while (!link_receive(p->link, &frame)) {
                cr_assert_lt(clock_elapsed_ns(), end_ns, "no answer");
                progress(p, done);
                link_wait(p->link, -1, 1);
        }
        struct cursor c = frame_cursor(frame);
        cr_assert_eq(frame_next(&c, &m), 1);
        cr_assert(cursor_end(&c));
        return m;
}

static uint64_t next_correlation(struct post *p)
{
        uint64_t peer;
        bool local;
        struct bytes frame;
        struct message m;
        int64_t end_ns = clock_elapsed_ns() + (int64_t)BOUND_MS * 1000000;
        while (!node_next_frame(&p->node, &peer, &local, &frame))
                cr_assert_lt(clock_elapsed_ns(), end_ns, "no frame");
        cr_assert(local);
        struct cursor c = frame_cursor(frame);
        cr_assert_eq(frame_next(&c, &m), 1);
        return m.correlation;
}

TestSuite(node_lobby, .timeout = 60);

Test(node_lobby, peers_are_answered_while_recovery_gets_on)
{
        struct post p;
        post_open(&p);
        cr_assert_eq(answer(&p, 1).type, MSG_WHO);
        SEND(&p, .type = MSG_READ, .correlation = 7, .name = bytes_str("stats"));
        struct message m = answer(&p, 42);
        cr_assert_eq(m.type, MSG_REPLY);
        cr_assert_eq(m.correlation, 7);
        stet_value stats = { .data = m.value.data, .size = m.value.size, .borrowed = true };
        stet_value recovering = stet_value_get(&stats, "recovering");
        stet_value done = stet_value_get(&recovering, "records_done");
        stet_value shards = stet_value_get(&recovering, "shards");
        cr_assert_eq(stet_value_int(&done, 0), 42);
        cr_assert_eq(stet_value_int(&shards, 0), 2);
        post_close(&p);
}

Test(node_lobby, peers_are_not_looked_after_more_often_than_every_few_milliseconds)
{
        struct post p;
        post_open(&p);
        cr_assert_eq(answer(&p, 1).type, MSG_WHO);
        int64_t due_ns = p.node.look_due_ns, now_ns = clock_elapsed_ns();
        cr_assert_gt(due_ns, 0);
        cr_assert_leq(due_ns, now_ns + 10000000);
        p.node.look_due_ns = INT64_MAX;
        node_progress(&p.node, &(struct shard_progress){ .records_done = 99 });
        cr_assert_eq(p.node.look_due_ns, INT64_MAX, "nothing was done before it was due");
        post_close(&p);
}

Test(node_lobby, what_was_held_comes_before_what_came_later)
{
        struct post p;
        post_open(&p);
        cr_assert_eq(answer(&p, 1).type, MSG_WHO);
        SEND(&p, .type = MSG_START, .correlation = 1);
        SEND(&p, .type = MSG_START, .correlation = 2);
        SEND(&p, .type = MSG_READ, .correlation = 3, .name = bytes_str("stats"));
        cr_assert_eq(answer(&p, 2).correlation, 3);
        SEND(&p, .type = MSG_START, .correlation = 4);
        cr_assert_not_null(p.node.lobby);
        cr_assert_eq(next_correlation(&p), 1);
        cr_assert_eq(next_correlation(&p), 2);
        cr_assert_eq(next_correlation(&p), 4);
        cr_assert_null(p.node.lobby, "it is gone when it is empty");
        post_close(&p);
}

Test(node_lobby, frames_beyond_the_bound_stay_with_zeromq_and_are_not_lost)
{
        enum { FRAMES = 40 };
        static uint8_t value[1 << 20]; /* 40 MiB in all: more than the lobby holds */
        struct post p;
        post_open(&p);
        cr_assert_eq(answer(&p, 1).type, MSG_WHO);
        for (uint64_t i = 1; i <= FRAMES; i++) {
                SEND(&p, .type = MSG_SIGNAL, .correlation = i, .value = bytes_of(value, sizeof value));
                progress(&p, i);
        }
        int64_t end_ns = clock_elapsed_ns() + (int64_t)BOUND_MS * 1000000;
        while (!lobby_full(p.node.lobby)) {
                cr_assert_lt(clock_elapsed_ns(), end_ns, "it never was full");
                progress(&p, FRAMES);
        }
        cr_assert_not(node_let_in(&p.node), "nothing is taken while it is full");
        for (uint64_t i = 1; i <= FRAMES; i++)
                cr_assert_eq(next_correlation(&p), i);
        post_close(&p);
}

Test(node_lobby, log_hears_of_it_once_a_second)
{
        struct post p;
        post_open(&p);
        progress(&p, 1);
        cr_assert_eq(p.lines, 0, "a short recovery is not worth a line");
        p.node.say_due_ns = 0;
        p.node.shard_opening = 1;
        progress(&p, 2);
        progress(&p, 3);
        cr_assert_eq(p.lines, 1);
        cr_assert_str_eq(p.line, "recovering: shard 2 of 2, 2 of 100 records");
        post_close(&p);
}

/* --- whole nodes --- */

enum { RUNS = 300, MOMENT_MS = 20 };

/* A node's recovery and who watches it. */
struct watch {
        const char *endpoint;
        pthread_mutex_t lock;
        pthread_cond_t changed;
        bool recovering; /* stats said so */
        bool asked;      /* the signal that is answered later is on its way */
        int sightings;   /* of runs by workflow code, after the opening began */
        int answer;      /* to that signal */
        stet_why answer_why;
};

static struct watch *watch;

static struct timespec in_a_moment(void)
{
        struct timespec t;
        clock_gettime(CLOCK_REALTIME, &t);
        t.tv_nsec += (long)MOMENT_MS * 1000000;
        t.tv_sec += t.tv_nsec / 1000000000;
        t.tv_nsec %= 1000000000;
        return t;
}

/* Holds recovery up a little each time it is called, until somebody has seen it. */
static int hold_up(stet_run *run, const stet_value *in, stet_value *ret)
{
        (void)in;
        int err = stet_wait_signal(run, "go", ret);
        if (err)
                return err;
        pthread_mutex_lock(&watch->lock);
        watch->sightings++;
        struct timespec until = in_a_moment();
        if (!watch->recovering || !watch->asked)
                pthread_cond_timedwait(&watch->changed, &watch->lock, &until);
        pthread_mutex_unlock(&watch->lock);
        return 0;
}

static stet_client *connected(const struct watch *w)
{
        stet_client *client;
        cr_assert_eq(stet_client_connect(w->endpoint, &client, &why), 0, "%s", why.text);
        stet_client_set_timeout(client, BOUND_MS);
        return client;
}

static void tell(struct watch *w, bool *what)
{
        pthread_mutex_lock(&w->lock);
        *what = true;
        pthread_cond_broadcast(&w->changed);
        pthread_mutex_unlock(&w->lock);
}

static bool says_recovering(stet_client *client)
{
        stet_value stats = { 0 };
        stet_why reason;
        cr_assert_eq(stet_client_stats(client, &stats, &reason), 0, "%s", reason.text);
        stet_value recovering = stet_value_get(&stats, "recovering");
        stet_value sentence = stet_value_get(&recovering, "sentence");
        stet_value runs = stet_value_get(&stats, "runs");
        bool is = stet_value_type(&sentence) == STET_STRING;
        cr_assert_eq(stet_value_type(&runs), is ? STET_NULL : STET_MAP,
                     "either how far it is, or what there is to count");
        stet_value_free(&stats);
        return is;
}

/* Asks until the node is ready. */
static void *look_on(void *ctx)
{
        struct watch *w = ctx;
        stet_client *client = connected(w);
        while (says_recovering(client))
                tell(w, &w->recovering);
        stet_client_close(client);
        return NULL;
}

/* Signals a run: held, and answered when the node is ready. */
static void *signal_early(void *ctx)
{
        struct watch *w = ctx;
        stet_client *client = connected(w);
        says_recovering(client); /* the connection is up */
        tell(w, &w->asked);
        w->answer = stet_client_signal(client, "parked", "go", NULL, NULL, &w->answer_why);
        stet_client_close(client);
        return NULL;
}

static stet_node *open_at(const char *dir, const stet_app *app, const stet_node_options *as)
{
        stet_node_options o = *as;
        stet_node *node;
        o.data_dir = dir;
        o.app = app;
        cr_assert_eq(stet_node_open(&o, &node, &why), 0, "%s", why.text);
        return node;
}

static stet_client *client_of(stet_node *node)
{
        stet_client *client;
        cr_assert_eq(stet_node_client(node, &client, &why), 0, "%s", why.text);
        return client;
}

/* Starts runs that wait, and signals all but one of them while their code is missing. */
static void leave_signals(const char *dir, const stet_app *app, const stet_node_options *o)
{
        char id[16];
        stet_app none = STET_APP("none");
        stet_node *node = open_at(dir, app, o);
        stet_client *client = client_of(node);
        for (int i = 0; i <= RUNS; i++) {
                snprintf(id, sizeof id, i < RUNS ? "%d" : "parked", i);
                stet_start start = { .workflow = "hold_up", .id = id };
                stet_started started;
                cr_assert_eq(stet_client_start(client, &start, &started, &why), 0, "%s", why.text);
        }
        stet_client_close(client);
        stet_node_close(node);
        node = open_at(dir, &none, o);
        client = client_of(node);
        for (int i = 0; i < RUNS; i++) {
                snprintf(id, sizeof id, "%d", i);
                cr_assert_eq(stet_client_signal(client, id, "go", NULL, NULL, &why), 0, "%s", why.text);
        }
        stet_client_close(client);
        stet_node_close(node);
        stet_app_fini(&none);
}

static void drive(stet_node *node)
{
        struct pollfd fd = { .fd = stet_node_fd(node), .events = POLLIN };
        int ms = stet_node_timeout_ms(node);
        poll(&fd, 1, ms < 0 || ms > MOMENT_MS ? MOMENT_MS : ms);
        cr_assert_eq(stet_node_poll(node, &why), 0, "%s", why.text);
}

static void join(pthread_t thread, stet_node *node, bool threads)
{
        int64_t end_ns = clock_elapsed_ns() + (int64_t)BOUND_MS * 1000000;
        for (;;) {
                struct timespec until = { 0 };
                if (threads)
                        until = in_a_moment();
                if (pthread_timedjoin_np(thread, NULL, &until) == 0)
                        return;
                cr_assert_lt(clock_elapsed_ns(), end_ns, "who watches does not come back");
                if (!threads)
                        drive(node);
        }
}

static void recovery_is_seen(bool threads, uint32_t shards)
{
        char *dir = temp_dir_new(), data[200], endpoint[220];
        snprintf(data, sizeof data, "%s/data", dir);
        snprintf(endpoint, sizeof endpoint, "ipc://%s/sock", dir);
        const char *listen[] = { endpoint, NULL };
        struct watch w = { .endpoint = endpoint,
                           .lock = PTHREAD_MUTEX_INITIALIZER,
                           .changed = PTHREAD_COND_INITIALIZER };
        stet_app app = STET_APP("test");
        stet_node_options o = STET_NODE_OPTIONS;
        o.level = STET_LEVEL_MEMORY;
        o.threads = threads;
        o.shards = shards;
        watch = &w;
        stet_app_workflow(&app, "hold_up", hold_up);
        leave_signals(data, &app, &o);
        cr_assert_eq(w.sightings, 0);

        pthread_t looker, signaler;
        cr_assert_eq(pthread_create(&looker, NULL, look_on, &w), 0);
        cr_assert_eq(pthread_create(&signaler, NULL, signal_early, &w), 0);
        o.listen = listen;
        stet_node *node = open_at(data, &app, &o);
        join(looker, node, threads);
        join(signaler, node, threads);
        cr_assert(w.recovering, "nobody saw it recover");
        cr_assert_eq(w.answer, 0, "%s", w.answer_why.text);
        pthread_mutex_lock(&w.lock);
        cr_assert_eq(w.sightings, RUNS + 1, "all of the runs, and the one that was signaled meanwhile");
        pthread_mutex_unlock(&w.lock);
        stet_node_close(node);
        stet_app_fini(&app);
        temp_dir_free(dir);
}

Test(node_lobby, recovery_is_seen_of_a_node_without_threads)
{
        recovery_is_seen(false, 1);
}

Test(node_lobby, recovery_is_seen_of_a_node_with_threads)
{
        recovery_is_seen(true, 1);
}

Test(node_lobby, recovery_is_seen_of_shards_with_threads_of_their_own)
{
        recovery_is_seen(true, 2);
}
