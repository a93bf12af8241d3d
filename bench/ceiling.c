/* SPDX-License-Identifier: MIT
 *
 * The two ends of the ceiling: the client, which keeps so many runs in flight on the caller's thread, and the
 * executors, a thread each, which answer every task with its own value. A frame that comes in makes one frame
 * that goes out, so that batches stay batches on their way round.
 */
#include "bench/ceiling.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include "base/buffer.h"
#include "bench/ceiling_core.h"
#include "bench/ceiling_frame.h"
#include "bench/ceiling_wire.h"
#include "bench/machine.h"

enum { INTERRUPT_CHECK_MS = 100 };

/* One DEALER and the frames it sends. */
struct end {
        void *socket;
        struct frame_pool pool;
};

static int end_open(struct end *end, void *zmq_context, const char *endpoint, uint32_t place,
                    size_t message_max, stet_why *why)
{
        int no_limit = 0;
        end->socket = zmq_socket(zmq_context, ZMQ_DEALER);
        if (!end->socket)
                return stet_why_set(why, STET_EIO, "a ZeroMQ socket: %s", zmq_strerror(errno));
        zmq_setsockopt(end->socket, ZMQ_SNDHWM, &no_limit, sizeof(no_limit));
        zmq_setsockopt(end->socket, ZMQ_RCVHWM, &no_limit, sizeof(no_limit));
        if (zmq_connect(end->socket, endpoint) != 0) {
                int err = stet_why_set(why, STET_EENDPOINT, "%s: %s", endpoint, zmq_strerror(errno));
                zmq_close(end->socket);
                end->socket = NULL;
                return err;
        }
        frame_pool_init(&end->pool, message_max);
        struct frame *hello = frame_take(&end->pool);
        uint8_t *at = hello->data;
        ceiling_put_hello(&at, place);
        hello->size = (size_t)(at - hello->data);
        frame_send(hello, end->socket, NULL, 0);
        return 0;
}

/* --- an executor --- */

struct executor {
        pthread_t thread;
        struct end end;
};

/* Answers each task of a frame; false when it said stop. */
static bool answer_tasks(struct executor *x, zmq_msg_t *msg)
{
        const uint8_t *at = zmq_msg_data(msg);
        const uint8_t *stop = at + zmq_msg_size(msg);
        struct frame *frame = frame_take(&x->end.pool);
        uint8_t *to = frame->data;
        bool go_on = true;
        while (at < stop) {
                struct ceiling_message m = { 0 };
                ceiling_take(&at, &m);
                if (m.kind == CEILING_STOP)
                        go_on = false;
                else
                        ceiling_put_done(&to, m.run, m.step,
                                         m.value); /* shorter than the task: always fits */
        }
        frame->size = (size_t)(to - frame->data);
        if (frame->size)
                frame_send(frame, x->end.socket, NULL, 0);
        else
                frame_give_back(frame);
        return go_on;
}

static void *executor_main(void *arg)
{
        struct executor *x = arg;
        zmq_msg_t msg;
        zmq_msg_init(&msg);
        bool go_on = true;
        while (go_on)
                if (zmq_msg_recv(&msg, x->end.socket, 0) >= 0)
                        go_on = answer_tasks(x, &msg);
        zmq_msg_close(&msg);
        return NULL;
}

/* --- the client --- */

struct client {
        struct end end;
        const struct ceiling_options *options;
        int64_t *started_ns; /* by run in flight */
        uint8_t *payload;
        uint64_t started;
        uint64_t ended;
        bool stopped; /* by the core: its log failed */
        struct ceiling_result *result;
};

static void put_start(struct client *c, uint8_t **at, uint64_t run, int64_t now_ns)
{
        ceiling_put_start(at, run, (struct ceiling_value){ c->payload, c->options->payload_bytes });
        c->started_ns[run] = now_ns;
        c->started++;
}

static void send_first(struct client *c)
{
        struct frame *frame = frame_take(&c->end.pool);
        uint8_t *at = frame->data;
        uint64_t count = c->options->in_flight < c->options->runs ? c->options->in_flight : c->options->runs;
        for (uint64_t run = 0; run < count; run++) {
                put_start(c, &at, run, machine_now_ns());
                frame->size = (size_t)(at - frame->data);
                if (frame->size < CEILING_FRAME_AIM && run + 1 < count)
                        continue;
                frame_send(frame, c->end.socket, NULL, 0);
                frame = frame_take(&c->end.pool);
                at = frame->data;
        }
        frame_give_back(frame);
}

/* Each run that ended makes room for the next. */
static void take_endings(struct client *c, zmq_msg_t *msg, int64_t now_ns)
{
        const uint8_t *at = zmq_msg_data(msg);
        const uint8_t *stop = at + zmq_msg_size(msg);
        struct frame *frame = frame_take(&c->end.pool);
        uint8_t *to = frame->data;
        while (at < stop) {
                struct ceiling_message m = { 0 };
                ceiling_take(&at, &m);
                if (m.kind == CEILING_STOP) {
                        c->stopped = true;
                        break;
                }
                histogram_add(&c->result->latency, now_ns - c->started_ns[m.run]);
                c->ended++;
                if (c->started < c->options->runs)
                        put_start(c, &to, m.run, now_ns);
                if ((size_t)(to - frame->data) >= CEILING_FRAME_AIM) { /* starts are longer than endings */
                        frame->size = (size_t)(to - frame->data);
                        frame_send(frame, c->end.socket, NULL, 0);
                        frame = frame_take(&c->end.pool);
                        to = frame->data;
                }
        }
        frame->size = (size_t)(to - frame->data);
        if (frame->size)
                frame_send(frame, c->end.socket, NULL, 0);
        else
                frame_give_back(frame);
}

static void send_stop(struct client *c)
{
        struct frame *frame = frame_take(&c->end.pool);
        uint8_t *at = frame->data;
        ceiling_put_stop(&at);
        frame->size = (size_t)(at - frame->data);
        frame_send(frame, c->end.socket, NULL, 0);
}

static int drive(struct client *c, struct progress *progress, stet_why *why)
{
        int timeout_ms = INTERRUPT_CHECK_MS;
        int err = 0;
        zmq_msg_t msg;
        zmq_msg_init(&msg);
        zmq_setsockopt(c->end.socket, ZMQ_RCVTIMEO, &timeout_ms, sizeof(timeout_ms));
        while (zmq_msg_recv(&msg, c->end.socket, 0) < 0) /* the core has met everybody */
                ;
        int64_t start_ns = machine_now_ns();
        send_first(c);
        while (c->ended < c->options->runs && !c->stopped && !err) {
                if (zmq_msg_recv(&msg, c->end.socket, 0) >= 0) {
                        int64_t now_ns = machine_now_ns();
                        take_endings(c, &msg, now_ns);
                        progress_show(progress, c->ended, now_ns);
                }
                if (progress_interrupted())
                        err = stet_why_set(why, STET_ECANCELED, "interrupted");
        }
        c->result->seconds = (double)(machine_now_ns() - start_ns) / 1e9;
        c->result->runs = c->ended;
        zmq_msg_close(&msg);
        return err;
}

/* --- all together --- */

uint32_t ceiling_record_bytes(uint32_t payload_bytes)
{
        return 136 + 2 * payload_bytes;
}

void ceiling_endpoint(const char *dir, const char *transport, const char *name, char *buf, size_t size)
{
        if (strcmp(transport, "tcp") == 0)
                snprintf(buf, size, "tcp://127.0.0.1:*");
        else if (strcmp(transport, "ipc") == 0)
                snprintf(buf, size, "ipc://%s/%s.sock", dir, name);
        else
                snprintf(buf, size, "inproc://%s", name);
}

struct ceiling {
        void *zmq_context;
        struct ceiling_core *core;
        struct executor *executors;
        uint32_t executors_open;
        uint32_t executors_running;
        struct client client;
};

static int open_all(struct ceiling *c, const struct ceiling_options *options, stet_why *why)
{
        char wanted[256], endpoint[256];
        size_t message_max = CEILING_OVERHEAD + options->payload_bytes;
        ceiling_endpoint(options->dir, options->transport, "ceiling", wanted, sizeof(wanted));
        int err = ceiling_core_open(c->zmq_context, options, wanted, endpoint, &c->core, why);
        if (err)
                return err;
        err = end_open(&c->client.end, c->zmq_context, endpoint, 0, message_max, why);
        for (uint32_t i = 0; i < options->executors && !err; i++) {
                err = end_open(&c->executors[i].end, c->zmq_context, endpoint, 1 + i, message_max, why);
                if (!err)
                        c->executors_open++;
        }
        return err;
}

static int start_executors(struct ceiling *c, stet_why *why)
{
        while (c->executors_running < c->executors_open) {
                struct executor *x = &c->executors[c->executors_running];
                int rc = pthread_create(&x->thread, NULL, executor_main, x);
                if (rc)
                        return stet_why_set(why, STET_EIO, "a thread for an executor: %s", strerror(rc));
                c->executors_running++;
        }
        return 0;
}

/* Everything is connected: measures, and brings the threads to their end whatever happened. */
static int run_all(struct ceiling *c, struct progress *progress, stet_why *why)
{
        int err = ceiling_core_start(c->core, why);
        if (err)
                return err;
        err = start_executors(c, why);
        if (!err)
                err = drive(&c->client, progress, why);
        send_stop(&c->client);
        for (uint32_t i = 0; i < c->executors_running; i++)
                pthread_join(c->executors[i].thread, NULL);
        int core_err = ceiling_core_join(c->core, c->client.result, err ? NULL : why);
        return err ? err : core_err;
}

static void close_all(struct ceiling *c)
{
        if (c->client.end.socket)
                zmq_close(c->client.end.socket);
        for (uint32_t i = 0; i < c->executors_open; i++)
                zmq_close(c->executors[i].end.socket);
        if (c->core)
                ceiling_core_unbind(c->core);
        zmq_ctx_term(c->zmq_context);

        if (c->client.end.socket)
                frame_pool_fini(&c->client.end.pool);
        for (uint32_t i = 0; i < c->executors_open; i++)
                frame_pool_fini(&c->executors[i].end.pool);
        ceiling_core_free(c->core);
}

int ceiling_measure(const struct ceiling_options *options, struct progress *progress,
                    struct ceiling_result *ret, stet_why *why)
{
        struct ceiling c = { .zmq_context = zmq_ctx_new() };
        if (!c.zmq_context)
                return stet_why_set(why, STET_EIO, "a ZeroMQ context: %s", zmq_strerror(errno));
        memset(ret, 0, sizeof(*ret));
        c.executors = xcalloc(options->executors, sizeof(*c.executors));
        c.client.options = options;
        c.client.result = ret;
        c.client.started_ns = xcalloc(options->in_flight, sizeof(*c.client.started_ns));
        c.client.payload = xmalloc(options->payload_bytes);
        memset(c.client.payload, 'x', options->payload_bytes);

        int err = open_all(&c, options, why);
        if (!err)
                err = run_all(&c, progress, why);
        close_all(&c);
        free(c.client.payload);
        free(c.client.started_ns);
        free(c.executors);
        return err;
}
