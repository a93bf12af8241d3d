/* SPDX-License-Identifier: MIT
 *
 * The router and the link over real sockets; hostile peers speak ZMTP by hand
 * (https://rfc.zeromq.org/spec/23/).
 */
#include "base/buffer.h"
#include "base/map.h"
#include "runtime/clock.h"
#include "runtime/endpoint.h"
#include "runtime/link_zmq.h"
#include "runtime/router_zmq.h"
#include "runtime/socket_zmq.h"
#include "runtime/wire.h"
#include "tests/lib/temp_dir.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

enum { PATIENCE_MS = 10000 };

/* --- a node's router on every kind of endpoint --- */

struct place {
        void *context;
        struct router *router;
        char *directory;
        char tcp[ENDPOINT_MAX];
        char ipc[ENDPOINT_MAX];
        int port;
};

static void setup(struct place *p)
{
        stet_why why = { "" };
        char ipc[ENDPOINT_MAX];
        p->context = zmq_ctx_new();
        p->directory = temp_dir_new();
        snprintf(ipc, sizeof ipc, "ipc://%s/node.sock", p->directory);
        cr_assert_eq(router_open(p->context, &p->router, &why), 0, "%s", why.text);
        cr_assert_eq(router_bind(p->router, "inproc://node", NULL, 0, &why), 0, "%s", why.text);
        cr_assert_eq(router_bind(p->router, ipc, p->ipc, sizeof p->ipc, &why), 0, "%s", why.text);
        cr_assert_eq(router_bind(p->router, "tcp://127.0.0.1:*", p->tcp, sizeof p->tcp, &why), 0, "%s",
                     why.text);
        p->port = atoi(strrchr(p->tcp, ':') + 1);
}

static void teardown(struct place *p)
{
        router_close(p->router);
        zmq_ctx_term(p->context);
        temp_dir_free(p->directory);
}

static struct link *connected(struct place *p, const char *endpoint)
{
        stet_why why = { "" };
        struct link *l;
        cr_assert_eq(link_open(p->context, endpoint, &l, &why), 0, "%s", why.text);
        return l;
}

struct arrival {
        uint64_t peer;
        bool local;
        struct bytes frame;
};

static int wait_fd(int fd, int timeout_ms)
{
        struct pollfd p = { .fd = fd, .events = POLLIN };
        return poll(&p, 1, timeout_ms);
}

/* The next frame at the router. ZeroMQ finishes a connection in the thread that owns the socket, so the link
 * (may be NULL) is asked, too. */
static struct arrival arrives(struct place *p, struct link *l)
{
        struct arrival a;
        struct bytes ignored;
        int64_t until_ns = clock_elapsed_ns() + PATIENCE_MS * INT64_C(1000000);
        while (!router_receive(p->router, &a.peer, &a.local, &a.frame)) {
                cr_assert_lt(clock_elapsed_ns(), until_ns, "nothing came");
                if (l)
                        link_receive(l, &ignored);
                wait_fd(router_fd(p->router), l ? 5 : PATIENCE_MS);
        }
        return a;
}

static struct bytes answer(struct link *l)
{
        struct bytes frame;
        while (!link_receive(l, &frame))
                cr_assert_eq(link_wait(l, -1, PATIENCE_MS), 0, "no answer");
        return frame;
}

static void send_now(struct link *l, struct bytes frame)
{
        while (link_send(l, frame) == STET_EAGAIN)
                cr_assert_eq(link_wait(l, -1, PATIENCE_MS), 0, "never connected");
}

/* A link whose probe has come; its peer number. */
static uint64_t probed(struct place *p, struct link *l)
{
        struct arrival a = arrives(p, l);
        cr_assert_eq(a.frame.size, 0);
        return a.peer;
}

static void expect_service(struct place *p, const char *endpoint)
{
        struct link *l = connected(p, endpoint);
        uint64_t peer = probed(p, l);
        send_now(l, bytes_str("question"));
        struct arrival a = arrives(p, l);
        cr_assert_eq(a.peer, peer);
        cr_assert(bytes_equal(a.frame, bytes_str("question")));
        cr_assert_eq(transport_send(router_transport(p->router), peer, bytes_str("answer")), 0);
        cr_assert(bytes_equal(answer(l), bytes_str("answer")));
        link_close(l);
}

/* --- service --- */

Test(router_zmq, frames_go_both_ways_over_every_kind_of_endpoint)
{
        struct place p;
        setup(&p);
        expect_service(&p, "inproc://node");
        expect_service(&p, p.ipc);
        expect_service(&p, p.tcp);
        teardown(&p);
}

Test(router_zmq, only_inproc_is_local)
{
        struct place p;
        setup(&p);
        const char *const endpoints[] = { "inproc://node", p.ipc, p.tcp };
        for (int i = 0; i < 3; i++) {
                struct link *l = connected(&p, endpoints[i]);
                cr_assert_eq(arrives(&p, l).local, i == 0, "%s", endpoints[i]);
                link_close(l);
        }
        teardown(&p);
}

Test(router_zmq, peers_have_numbers_of_their_own_that_are_never_0)
{
        enum { PEERS = 30 };
        struct place p;
        struct link *links[PEERS];
        uint64_t peers[PEERS];
        setup(&p);
        for (int i = 0; i < PEERS; i++) {
                links[i] = connected(&p, i % 3 == 0 ? "inproc://node" : i % 3 == 1 ? p.ipc : p.tcp);
                peers[i] = probed(&p, links[i]);
                cr_assert_neq(peers[i], 0);
                for (int j = 0; j < i; j++)
                        cr_assert_neq(peers[i], peers[j]);
        }
        for (int i = 0; i < PEERS; i++)
                link_close(links[i]);
        teardown(&p);
}

Test(router_zmq, a_large_frame_comes_whole_and_stays_until_the_next_call)
{
        struct place p;
        setup(&p);
        struct link *l = connected(&p, p.tcp);
        uint8_t *data = xmalloc(WIRE_FRAME_MAX);
        for (size_t i = 0; i < WIRE_FRAME_MAX; i++)
                data[i] = (uint8_t)(i * 7);
        probed(&p, l);
        send_now(l, bytes_of(data, WIRE_FRAME_MAX));
        struct arrival a = arrives(&p, l);
        cr_assert(bytes_equal(a.frame, bytes_of(data, WIRE_FRAME_MAX)));
        free(data);
        link_close(l);
        teardown(&p);
}

Test(router_zmq, one_descriptor_wakes_for_every_socket)
{
        struct place p;
        uint64_t peer;
        bool local;
        struct bytes frame;
        setup(&p);
        struct link *links[] = { connected(&p, "inproc://node"), connected(&p, p.tcp) };
        probed(&p, links[0]);
        probed(&p, links[1]);
        for (int round = 0; round < 200; round++) {
                cr_assert_eq(router_receive(p.router, &peer, &local, &frame), 0);
                send_now(links[round % 2], bytes_str("x"));
                /* It may wake for less than a frame, but never sleeps over one. */
                while (!router_receive(p.router, &peer, &local, &frame))
                        cr_assert_gt(wait_fd(router_fd(p.router), PATIENCE_MS), 0, "round %d", round);
                cr_assert_eq(local, round % 2 == 0);
        }
        link_close(links[0]);
        link_close(links[1]);
        teardown(&p);
}

/* --- sends that cannot be --- */

Test(router_zmq, a_peer_that_never_was_is_not_found)
{
        struct place p;
        setup(&p);
        struct transport *t = router_transport(p.router);
        cr_assert_eq(transport_send(t, 0, bytes_str("x")), STET_ENOTFOUND);
        cr_assert_eq(transport_send(t, 5, bytes_str("x")), STET_ENOTFOUND);
        cr_assert_eq(transport_send(t, (UINT64_C(1) << 32) + 5, bytes_str("x")), STET_ENOTFOUND);
        cr_assert_eq(transport_send(t, (UINT64_C(1) << 33) + 5, bytes_str("x")), STET_ENOTFOUND);
        cr_assert_eq(transport_send(t, UINT64_MAX, bytes_str("x")), STET_ENOTFOUND);
        teardown(&p);
}

Test(router_zmq, a_peer_that_left_is_not_found)
{
        struct place p;
        uint64_t peer;
        bool local;
        struct bytes frame;
        setup(&p);
        const char *const endpoints[] = { "inproc://node", p.ipc, p.tcp };
        for (int i = 0; i < 3; i++) {
                struct link *l = connected(&p, endpoints[i]);
                uint64_t left = probed(&p, l);
                link_close(l);
                int64_t until_ns = clock_elapsed_ns() + PATIENCE_MS * INT64_C(1000000);
                while (transport_send(router_transport(p.router), left, bytes_str("x")) != STET_ENOTFOUND) {
                        cr_assert_lt(clock_elapsed_ns(), until_ns, "%s", endpoints[i]);
                        router_receive(p.router, &peer, &local, &frame);
                        wait_fd(router_fd(p.router), 5);
                }
        }
        teardown(&p);
}

/* The peer reads nothing: sending says so after a bounded number of frames, at once, and others are served
 * meanwhile. */
Test(router_zmq, a_slow_peer_fills_its_own_queue_and_nobody_elses)
{
        struct place p;
        setup(&p);
        const char *const endpoints[] = { "inproc://node", p.tcp };
        for (int i = 0; i < 2; i++) {
                struct link *l = connected(&p, endpoints[i]);
                uint64_t slow = probed(&p, l);
                uint8_t *data = xcalloc(1, WIRE_FRAME_AIM);
                int64_t begun_ns = clock_elapsed_ns();
                int err = 0, sent = 0;
                for (; !err && sent < 10000; sent++)
                        err =
                            transport_send(router_transport(p.router), slow, bytes_of(data, WIRE_FRAME_AIM));
                cr_assert_eq(err, STET_EAGAIN, "%s: after %d frames", endpoints[i], sent);
                cr_assert_lt(clock_elapsed_ns() - begun_ns, INT64_C(20000000000));
                cr_assert_leq(sent, SOCKET_SEND_FRAMES_MAX + SOCKET_RECEIVE_FRAMES_MAX + 500);
                expect_service(&p, endpoints[i]);
                cr_assert_eq(answer(l).size, WIRE_FRAME_AIM, "it gets its frames when it reads");
                free(data);
                link_close(l);
        }
        teardown(&p);
}

Test(router_zmq, a_link_without_a_node_takes_nothing_and_one_whose_node_came_does)
{
        struct place p;
        char late[ENDPOINT_MAX];
        stet_why why;
        setup(&p);
        snprintf(late, sizeof late, "ipc://%s/late.sock", p.directory);
        struct link *l = connected(&p, late);
        cr_assert_eq(link_send(l, bytes_str("x")), STET_EAGAIN);
        cr_assert_eq(link_wait(l, -1, 20), STET_ETIMEDOUT);
        cr_assert_eq(router_bind(p.router, late, NULL, 0, &why), 0);
        send_now(l, bytes_str("x"));
        probed(&p, l);
        cr_assert(bytes_equal(arrives(&p, l).frame, bytes_str("x")));
        link_close(l);
        teardown(&p);
}

/* A restart of the node: the link connects again by itself, and its probe comes again, from a new peer. */
Test(router_zmq, a_link_probes_again_after_each_reconnect)
{
        struct place p;
        stet_why why = { "" };
        setup(&p);
        struct link *l = connected(&p, p.tcp);
        uint64_t before = probed(&p, l);
        for (int round = 0; round < 2; round++) {
                router_close(p.router);
                cr_assert_eq(router_open(p.context, &p.router, &why), 0);
                int64_t until_ns = clock_elapsed_ns() + PATIENCE_MS * INT64_C(1000000);
                while (router_bind(p.router, p.tcp, NULL, 0, &why) !=
                       0) /* the old socket closes in the background */
                        cr_assert_lt(clock_elapsed_ns(), until_ns, "%s", why.text);
                uint64_t after = probed(&p, l);
                cr_assert_neq(after, before);
                before = after;
        }
        link_close(l);
        teardown(&p);
}

Test(router_zmq, waiting_ends_for_another_descriptor_and_for_the_time)
{
        struct place p;
        struct bytes frame;
        setup(&p);
        struct link *l = connected(&p, "inproc://node");
        int fd = eventfd(0, EFD_NONBLOCK);
        cr_assert_eq(link_wait(l, fd, 10), STET_ETIMEDOUT);
        cr_assert_eq(eventfd_write(fd, 1), 0);
        cr_assert_eq(link_wait(l, fd, PATIENCE_MS), 0);
        cr_assert_eq(link_receive(l, &frame), 0);
        close(fd);
        link_close(l);
        teardown(&p);
}

/* --- endpoints --- */

static void bind_refused(struct router *r, const char *endpoint, const char *says)
{
        stet_why why = { "" };
        cr_assert_eq(router_bind(r, endpoint, NULL, 0, &why), STET_EENDPOINT, "%s", endpoint);
        cr_assert(strstr(why.text, says), "%s: %s", endpoint, why.text);
}

Test(router_zmq, what_cannot_be_bound_is_named_in_a_sentence)
{
        struct place p;
        struct router *other;
        stet_why why;
        setup(&p);
        cr_assert_eq(router_open(p.context, &other, &why), 0);
        bind_refused(other, p.tcp, "is in use already; choose another port");
        bind_refused(other, "inproc://node", "is in use already; choose another name");
        bind_refused(other, p.ipc, "another process listens on");
        bind_refused(other, "ipc:///nowhere/at/all", "no directory \"/nowhere/at\"");
        bind_refused(other, "tcp://0.0.0.0:7233", "0.0.0.0 is not a loopback address");
        bind_refused(other, "http://127.0.0.1", "begins with none of");
        router_close(other);
        expect_service(&p, p.ipc);
        teardown(&p);
}

Test(router_zmq, a_link_refuses_what_nobody_could_bind)
{
        void *context = zmq_ctx_new();
        struct link *l;
        stet_why why = { "" };
        cr_assert_eq(link_open(context, "tcp://10.1.2.3:7233", &l, &why), STET_EENDPOINT);
        cr_assert(strstr(why.text, "not a loopback address"), "%s", why.text);
        cr_assert_eq(link_open(context, "tcp://127.0.0.1:*", &l, &why), STET_EENDPOINT);
        zmq_ctx_term(context);
}

/* Closing unlinks the path, a kill does not: the second name is what stays behind. */
Test(router_zmq, the_socket_of_a_killed_node_is_taken_over)
{
        struct place p;
        stet_why why = { "" };
        char path[200], kept[210], endpoint[ENDPOINT_MAX];
        setup(&p);
        snprintf(path, sizeof path, "%s/dead.sock", p.directory);
        snprintf(kept, sizeof kept, "%s.kept", path);
        snprintf(endpoint, sizeof endpoint, "ipc://%s", path);
        void *dead = zmq_socket(p.context, ZMQ_ROUTER);
        cr_assert_eq(zmq_bind(dead, endpoint), 0);
        cr_assert_eq(link(path, kept), 0);
        snprintf(endpoint, sizeof endpoint, "ipc://%s", kept);
        cr_assert_eq(router_bind(p.router, endpoint, NULL, 0, &why), STET_EENDPOINT, "it lives");
        zmq_close(dead);
        int64_t until_ns = clock_elapsed_ns() + PATIENCE_MS * INT64_C(1000000);
        while (router_bind(p.router, endpoint, NULL, 0, &why) != 0)
                cr_assert_lt(clock_elapsed_ns(), until_ns, "%s", why.text);
        expect_service(&p, endpoint);
        teardown(&p);
}

/* --- settings --- */

Test(router_zmq, the_sockets_have_the_settings_that_the_protocol_promises)
{
        static const struct {
                int option;
                int64_t value;
                bool link_too;
        } expected[] = {
                { ZMQ_MAXMSGSIZE, WIRE_FRAME_MAX + 65536, true },
                { ZMQ_SNDHWM, 1000, true },
                { ZMQ_RCVHWM, 100, true },
                { ZMQ_BACKLOG, 1024, true },
                { ZMQ_HANDSHAKE_IVL, 3000, true },
                { ZMQ_HEARTBEAT_IVL, 5000, true },
                { ZMQ_HEARTBEAT_TIMEOUT, 15000, true },
                { ZMQ_HEARTBEAT_TTL, 20000, true },
                { ZMQ_RECONNECT_IVL, 50, true },
                { ZMQ_RECONNECT_IVL_MAX, 1000, true },
                { ZMQ_LINGER, 1000, true },
                { ZMQ_TYPE, ZMQ_ROUTER, false },
        };
        struct place p;
        int64_t value;
        setup(&p);
        struct link *tcp = connected(&p, p.tcp), *inproc = connected(&p, "inproc://node");
        for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
                cr_assert_eq(router_option(p.router, expected[i].option, &value), 0);
                cr_expect_eq(value, expected[i].value, "router, option %d: %ld", expected[i].option,
                             (long)value);
                if (!expected[i].link_too)
                        continue;
                cr_assert_eq(link_option(tcp, expected[i].option, &value), 0);
                cr_expect_eq(value, expected[i].value, "link, option %d: %ld", expected[i].option,
                             (long)value);
        }
        cr_assert_eq(link_option(tcp, ZMQ_IMMEDIATE, &value), 0);
        cr_expect_eq(value, 1);
        cr_assert_eq(link_option(inproc, ZMQ_LINGER, &value), 0);
        cr_expect_eq(value, 0);
        cr_assert_eq(router_option(p.router, -1, &value), STET_EINVAL);
        link_close(tcp);
        link_close(inproc);
        teardown(&p);
}

/* --- hostile peers --- */

static int raw_connect(struct place *p)
{
        struct sockaddr_in a = { .sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)p->port),
                                 .sin_addr = { htonl(INADDR_LOOPBACK) } };
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        cr_assert_eq(connect(fd, (struct sockaddr *)(void *)&a, sizeof a), 0);
        return fd;
}

/* Without a signal when the node has cut the connection already. */
static void raw_send(int fd, const void *data, size_t size)
{
        cr_assert(send(fd, data, size, MSG_NOSIGNAL) == (ssize_t)size || errno == EPIPE ||
                  errno == ECONNRESET);
}

/* Reads until the node closes the connection. */
static void raw_cut(int fd)
{
        char buf[256];
        struct timeval patience = { .tv_sec = PATIENCE_MS / 1000 };
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        ssize_t n;
        do {
                n = read(fd, buf, sizeof buf);
        } while (n > 0);
        cr_assert(n == 0 || errno == ECONNRESET, "the connection stays open");
        close(fd);
}

static void raw_read(int fd, void *buf, size_t size)
{
        cr_assert_eq(recv(fd, buf, size, MSG_WAITALL), (ssize_t)size);
}

/* The greeting and the READY command of ZMTP 3.0, as a DEALER without an id; then takes the node's. */
static void raw_handshake(int fd)
{
        static const uint8_t ready[] = "\x04\x1c\x05READY\x0bSocket-Type\0\0\0\x06"
                                       "DEALER";
        uint8_t greeting[64] = { 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0, 'N', 'U', 'L', 'L' };
        uint8_t body[255];
        raw_send(fd, greeting, sizeof greeting);
        raw_read(fd, greeting, sizeof greeting);
        raw_send(fd, ready, sizeof ready - 1);
        raw_read(fd, body, 2);
        cr_assert_eq(body[0], 4, "a command");
        raw_read(fd, body, body[1]);
        cr_assert_eq(memcmp(body, "\x05READY", 6), 0);
}

/* The greeting of ZMTP 2.0, as a DEALER with that id (https://rfc.zeromq.org/spec/15/). */
static void raw_handshake_2(int fd, const void *id, uint8_t id_size)
{
        uint8_t greeting[64] = { 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 1, 5, 0, id_size };
        if (id_size)
                memcpy(greeting + 14, id, id_size);
        raw_send(fd, greeting, (size_t)14 + id_size);
}

Test(router_zmq, garbage_is_cut_off_and_the_others_are_served)
{
        struct place p;
        setup(&p);
        struct link *l = connected(&p, p.tcp);
        uint64_t peer = probed(&p, l);
        for (unsigned i = 0; i < 20; i++) {
                uint8_t garbage[512];
                for (size_t j = 0; j < sizeof garbage; j++)
                        garbage[j] = (uint8_t)hash_u64(i * 1000 + j);
                int fd = raw_connect(&p);
                raw_send(fd, garbage, sizeof garbage);
                shutdown(fd, SHUT_WR);
                raw_cut(fd);
        }
        send_now(l, bytes_str("still here"));
        struct arrival a;
        /* The oldest ZMTP has no signature: some garbage is a message in it. */
        while ((a = arrives(&p, l)).peer != peer)
                cr_assert(a.frame.size == 0 || frame_check(a.frame, NULL) != 0);
        cr_assert(bytes_equal(a.frame, bytes_str("still here")));
        link_close(l);
        teardown(&p);
}

Test(router_zmq, a_silent_handshake_is_cut_off)
{
        struct place p;
        setup(&p);
        int fd = raw_connect(&p);
        int64_t begun_ns = clock_elapsed_ns();
        raw_cut(fd);
        cr_assert_lt(clock_elapsed_ns() - begun_ns, INT64_C(8000000000), "within the handshake's 3 s");
        teardown(&p);
}

Test(router_zmq, a_claim_of_an_oversize_frame_is_cut_off_and_the_others_are_served)
{
        static const uint8_t claims[][9] = {
                { 0x02, 0, 0, 1, 0, 0, 0, 0, 0 }, /* 1 TiB */
                { 0x02, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
                { 0x02, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
                { 0x02, 0, 0, 0, 0, 0, 0x41, 0, 1 }, /* one byte above ZMQ_MAXMSGSIZE */
        };
        struct place p;
        setup(&p);
        for (size_t i = 0; i < sizeof claims / sizeof claims[0]; i++) {
                int fd = raw_connect(&p);
                raw_handshake(fd);
                raw_send(fd, claims[i], sizeof claims[i]);
                raw_cut(fd);
        }
        expect_service(&p, p.tcp);
        teardown(&p);
}

/* After the handshake: it is a peer, and not a local one. */
static void expect_hello(struct place *p, int fd)
{
        raw_send(fd, "\0\5hello", 7);
        struct arrival a = arrives(p, NULL);
        cr_assert(bytes_equal(a.frame, bytes_str("hello")));
        cr_assert_not(a.local);
}

Test(router_zmq, a_handshake_by_hand_is_a_peer_so_the_refusals_above_are_not_for_its_form)
{
        struct place p;
        setup(&p);
        int fd = raw_connect(&p);
        raw_handshake(fd);
        expect_hello(&p, fd);
        close(fd);
        teardown(&p);
}

/* It carries no more metadata than an inproc peer. */
Test(router_zmq, a_peer_of_the_older_zmtp_is_not_taken_for_local)
{
        struct place p;
        setup(&p);
        int fd = raw_connect(&p);
        raw_handshake_2(fd, NULL, 0);
        expect_hello(&p, fd);
        close(fd);
        teardown(&p);
}

Test(router_zmq, a_peer_that_chooses_its_own_id_is_ignored)
{
        struct place p;
        setup(&p);
        void *own = zmq_socket(p.context, ZMQ_DEALER);
        int linger = 0;
        zmq_setsockopt(own, ZMQ_LINGER, &linger, sizeof linger);
        zmq_setsockopt(own, ZMQ_ROUTING_ID, "boss", 4);
        cr_assert_eq(zmq_connect(own, p.ipc), 0);
        struct link *l = connected(&p, p.ipc);
        probed(&p, l);
        for (int i = 0; i < 3000; i++)
                zmq_send(own, "x", 1, ZMQ_DONTWAIT);
        for (int i = 0; i < 10; i++) {
                send_now(l, bytes_str("mine"));
                cr_assert(bytes_equal(arrives(&p, l).frame, bytes_str("mine")));
        }
        zmq_close(own);
        link_close(l);
        teardown(&p);
}

Test(router_zmq, a_frame_of_several_parts_is_ignored)
{
        struct place p;
        setup(&p);
        void *own = zmq_socket(p.context, ZMQ_DEALER);
        cr_assert_eq(zmq_connect(own, "inproc://node"), 0);
        for (int i = 0; i < 100; i++) {
                zmq_send(own, "part", 4, ZMQ_SNDMORE);
                zmq_send(own, "", 0, ZMQ_SNDMORE);
                zmq_send(own, "part", 4, 0);
        }
        zmq_send(own, "whole", 5, 0);
        cr_assert(bytes_equal(arrives(&p, NULL).frame, bytes_str("whole")));
        zmq_close(own);
        teardown(&p);
}

/* It gives up for this time, and says with its descriptor that there is more. */
Test(router_zmq, a_flood_of_what_is_ignored_does_not_keep_the_caller)
{
        enum { FLOOD = 2500 };
        struct place p;
        uint64_t peer;
        bool local;
        struct bytes frame;
        setup(&p);
        int no_limit = 0;
        void *own = zmq_socket(p.context, ZMQ_DEALER);
        zmq_setsockopt(own, ZMQ_SNDHWM, &no_limit, sizeof no_limit);
        cr_assert_eq(zmq_connect(own, "inproc://node"), 0);
        for (int i = 0; i < FLOOD; i++) {
                zmq_send(own, "a", 1, ZMQ_SNDMORE);
                zmq_send(own, "b", 1, 0);
        }
        zmq_send(own, "whole", 5, 0);
        int calls = 1;
        for (; !router_receive(p.router, &peer, &local, &frame); calls++)
                cr_assert_gt(wait_fd(router_fd(p.router), PATIENCE_MS), 0, "call %d", calls);
        cr_assert(bytes_equal(frame, bytes_str("whole")));
        cr_assert_geq(calls, 3);
        cr_assert_eq(router_receive(p.router, &peer, &local, &frame), 0);
        while (wait_fd(router_fd(p.router), 0) > 0)
                cr_assert_eq(router_receive(p.router, &peer, &local, &frame), 0);
        zmq_close(own);
        teardown(&p);
}

/* ROUTER aborts when a peer brings the number that comes next; so nobody may know where it begins. */
Test(router_zmq, the_first_peers_number_cannot_be_guessed)
{
        uint64_t first[3];
        for (int i = 0; i < 3; i++) {
                struct place p;
                srand(1);
                int expected = rand();
                srand(1);
                setup(&p);
                cr_assert_eq(rand(), expected, "the process's own rand() goes on as if nothing had been");
                struct link *l = connected(&p, p.tcp);
                first[i] = probed(&p, l);
                link_close(l);
                teardown(&p);
        }
        cr_assert_neq(first[0], first[1]);
        cr_assert_neq(first[1], first[2]);
        cr_assert_neq(first[0], (UINT64_C(1) << 32) + 0x6b8b4567,
                      "what rand() gives first when nobody seeded it");
}
