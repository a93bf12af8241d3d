/* SPDX-License-Identifier: MIT */
#include "tests/lib/fake_node.h"

#include "runtime/context_zmq.h"
#include "runtime/router_zmq.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { PEERS_MAX = 64, AWAIT_SECONDS = 10 };

struct kept {
        uint64_t peer;
        struct message m;
        struct buffer bytes; /* what m points into */
};

struct outgoing {
        struct outgoing *next;
        uint64_t peer;
        struct buffer frame;
};

struct fake_node {
        struct fake_options options;
        void *own_context;
        char endpoint[256];
        struct router *router;
        pthread_t thread;
        bool up;
        int wake_fd;
        uint64_t peers[PEERS_MAX]; /* that said HELLO to this incarnation */
        size_t peers_count;

        pthread_mutex_t mutex; /* guards what follows */
        pthread_cond_t came;
        bool stop;
        uint64_t last_peer;
        struct kept **kept[MSG_TYPES];
        size_t kept_count[MSG_TYPES];
        size_t kept_capacity[MSG_TYPES];
        struct outgoing *outgoing;
        struct outgoing **outgoing_end;
};

static void must(bool holds, const char *what)
{
        if (holds)
                return;
        fprintf(stderr, "fake node: %s\n", what);
        abort();
}

/* --- what came --- */

static void keep(struct fake_node *n, uint64_t peer, const struct message *m)
{
        pthread_mutex_lock(&n->mutex);
        size_t place = n->kept_count[m->type];
        if (place == n->kept_capacity[m->type]) {
                n->kept_capacity[m->type] = place ? place * 2 : 16;
                n->kept[m->type] =
                    xrealloc(n->kept[m->type], n->kept_capacity[m->type] * sizeof(struct kept *));
        }
        struct kept *k = n->kept[m->type][place] = xcalloc(1, sizeof *k);
        k->peer = peer;
        frame_begin(&k->bytes);
        frame_put(&k->bytes, m);
        struct cursor c = frame_cursor(buffer_bytes(&k->bytes));
        must(frame_next(&c, &k->m) == 1, "a message does not survive its own encoding");
        n->kept_count[m->type]++;
        pthread_cond_broadcast(&n->came);
        pthread_mutex_unlock(&n->mutex);
}

size_t fake_count(struct fake_node *n, enum message_type type)
{
        pthread_mutex_lock(&n->mutex);
        size_t count = n->kept_count[type];
        pthread_mutex_unlock(&n->mutex);
        return count;
}

bool fake_await(struct fake_node *n, enum message_type type, size_t count)
{
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += AWAIT_SECONDS;
        int rc = 0;
        pthread_mutex_lock(&n->mutex);
        while (n->kept_count[type] < count && rc == 0)
                rc = pthread_cond_timedwait(&n->came, &n->mutex, &until);
        bool came = n->kept_count[type] >= count;
        pthread_mutex_unlock(&n->mutex);
        return came;
}

const struct message *fake_received(struct fake_node *n, enum message_type type, size_t place,
                                    uint64_t *ret_peer)
{
        pthread_mutex_lock(&n->mutex);
        must(place < n->kept_count[type], "the test looks at a message that has not come");
        const struct kept *k = n->kept[type][place];
        pthread_mutex_unlock(&n->mutex);
        if (ret_peer)
                *ret_peer = k->peer;
        return &k->m;
}

/* --- what goes --- */

void fake_send_frame(struct fake_node *n, uint64_t peer, struct bytes frame)
{
        struct outgoing *o = xcalloc(1, sizeof *o);
        buffer_append(&o->frame, frame.data, frame.size);
        pthread_mutex_lock(&n->mutex);
        o->peer = peer ? peer : n->last_peer;
        *n->outgoing_end = o;
        n->outgoing_end = &o->next;
        pthread_mutex_unlock(&n->mutex);
        eventfd_write(n->wake_fd, 1);
}

void fake_send(struct fake_node *n, uint64_t peer, const struct message *m)
{
        struct buffer frame = { 0 };
        frame_begin(&frame);
        frame_put(&frame, m);
        fake_send_frame(n, peer, buffer_bytes(&frame));
        buffer_fini(&frame);
}

static void send_outgoing(struct fake_node *n)
{
        pthread_mutex_lock(&n->mutex);
        while (n->outgoing) {
                struct outgoing *o = n->outgoing;
                if (transport_send(router_transport(n->router), o->peer, buffer_bytes(&o->frame)) ==
                    STET_EAGAIN)
                        break;
                n->outgoing = o->next;
                if (!n->outgoing)
                        n->outgoing_end = &n->outgoing;
                buffer_fini(&o->frame);
                free(o);
        }
        pthread_mutex_unlock(&n->mutex);
}

/* --- being a node --- */

static bool peer_known(const struct fake_node *n, uint64_t peer)
{
        for (size_t i = 0; i < n->peers_count; i++)
                if (n->peers[i] == peer)
                        return true;
        return false;
}

static void welcome(struct fake_node *n, uint64_t peer)
{
        if (!peer_known(n, peer)) {
                must(n->peers_count < PEERS_MAX, "too many peers");
                n->peers[n->peers_count++] = peer;
        }
        pthread_mutex_lock(&n->mutex);
        n->last_peer = peer;
        pthread_mutex_unlock(&n->mutex);
        fake_send(
            n, peer,
            &(struct message){
                .type = MSG_WELCOME, .protocol = WIRE_VERSION, .token.incarnation = 1, .heartbeat_ms = 200 });
}

static void take_message(struct fake_node *n, uint64_t peer, const struct message *m)
{
        keep(n, peer, m);
        if (n->options.mute)
                return;
        if (m->type == MSG_HELLO)
                welcome(n, peer);
        else if (!peer_known(n, peer))
                fake_send(n, peer, &(struct message){ .type = MSG_WHO });
        else if (m->type != MSG_BYE && n->options.handler)
                n->options.handler(n->options.ctx, n, peer, m);
}

static void take_frame(struct fake_node *n, uint64_t peer, struct bytes frame)
{
        struct message m;
        stet_why why;
        if (frame_check(frame, &why) != 0)
                must(false, why.text);
        if (!frame.size && !n->options.mute)
                fake_send(n, peer, &(struct message){ .type = MSG_WHO });
        struct cursor c = frame_cursor(frame);
        for (int rc; (rc = frame_next(&c, &m)) != 0;) {
                must(rc > 0, "a message that is none");
                take_message(n, peer, &m);
        }
}

static bool take_all(struct fake_node *n)
{
        uint64_t peer;
        bool local, took = false;
        struct bytes frame;
        while (router_receive(n->router, &peer, &local, &frame)) {
                take_frame(n, peer, frame);
                took = true;
        }
        send_outgoing(n);
        return took;
}

void fake_node_turn(struct fake_node *n, int64_t timeout_ms)
{
        struct pollfd fds[] = { { .fd = router_fd(n->router), .events = POLLIN },
                                { .fd = n->wake_fd, .events = POLLIN } };
        if (take_all(n))
                return;
        if (poll(fds, 2, (int)timeout_ms) > 0 && fds[1].revents) {
                eventfd_t woken;
                eventfd_read(n->wake_fd, &woken);
        }
        while (take_all(n))
                ;
}

static void *run(void *arg)
{
        struct fake_node *n = arg;
        for (bool stop = false; !stop;) {
                fake_node_turn(n, 1000);
                pthread_mutex_lock(&n->mutex);
                stop = n->stop;
                pthread_mutex_unlock(&n->mutex);
        }
        router_close(n->router);
        return NULL;
}

/* The port is only free again when ZeroMQ's own thread has closed the listener of before. */
static void bind_within(struct fake_node *n, int tries)
{
        stet_why why;
        while (router_bind(n->router, n->endpoint, n->endpoint, sizeof n->endpoint, &why) != 0) {
                must(--tries > 0, why.text);
                poll(NULL, 0, 1);
        }
}

void fake_node_up(struct fake_node *n)
{
        stet_why why;
        void *context = n->options.zmq_context ? n->options.zmq_context : n->own_context;
        if (router_open(context, &n->router, &why) != 0)
                must(false, why.text);
        bind_within(n, AWAIT_SECONDS * 1000);
        n->peers_count = 0;
        n->stop = false;
        n->up = true;
        if (!n->options.driven)
                must(pthread_create(&n->thread, NULL, run, n) == 0, "no thread");
}

static void drop_outgoing(struct fake_node *n)
{
        while (n->outgoing) {
                struct outgoing *o = n->outgoing;
                n->outgoing = o->next;
                buffer_fini(&o->frame);
                free(o);
        }
        n->outgoing_end = &n->outgoing;
}

void fake_node_down(struct fake_node *n)
{
        if (!n->up)
                return;
        n->up = false;
        if (n->options.driven) {
                router_close(n->router);
        } else {
                pthread_mutex_lock(&n->mutex);
                n->stop = true;
                pthread_mutex_unlock(&n->mutex);
                eventfd_write(n->wake_fd, 1);
                pthread_join(n->thread, NULL);
        }
        drop_outgoing(n);
}

struct fake_node *fake_node_new(const struct fake_options *options)
{
        stet_why why;
        struct fake_node *n = xcalloc(1, sizeof *n);
        n->options = *options;
        n->outgoing_end = &n->outgoing;
        n->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        must(n->wake_fd >= 0, "no eventfd");
        pthread_mutex_init(&n->mutex, NULL);
        pthread_condattr_t attr;
        pthread_condattr_init(&attr);
        pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        pthread_cond_init(&n->came, &attr);
        pthread_condattr_destroy(&attr);
        snprintf(n->endpoint, sizeof n->endpoint, "%s",
                 options->endpoint ? options->endpoint : "tcp://127.0.0.1:0");
        if (!options->zmq_context && context_open(&n->own_context, &why) != 0)
                must(false, why.text);
        fake_node_up(n);
        return n;
}

void fake_node_free(struct fake_node *n)
{
        fake_node_down(n);
        for (size_t type = 0; type < MSG_TYPES; type++) {
                for (size_t i = 0; i < n->kept_count[type]; i++) {
                        buffer_fini(&n->kept[type][i]->bytes);
                        free(n->kept[type][i]);
                }
                free(n->kept[type]);
        }
        context_close(n->own_context);
        close(n->wake_fd);
        pthread_cond_destroy(&n->came);
        pthread_mutex_destroy(&n->mutex);
        free(n);
}

const char *fake_node_endpoint(const struct fake_node *n)
{
        return n->endpoint;
}
