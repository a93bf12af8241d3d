/* SPDX-License-Identifier: MIT */
#include "runtime/shard_thread_zmq.h"

#include "base/own_thread.h"
#include "runtime/crash_os.h"
#include "runtime/parcel.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <zmq.h>

enum { DISK_FULL_RETRY_MS = 200, STOP_TRIES = 50 };

struct shard_thread {
        struct shard_host host;
        struct clock_os clock;
        pthread_t thread;
        bool started;
        void (*progress)(void *ctx, const struct shard_progress *p); /* while it is opened */
        void *progress_ctx;
        void (*log)(void *ctx, stet_log_level level, const char *line);
        void *log_ctx;

        void *node_end; /* used by the node's thread */
        struct buffer to_shard;
        bool recovered;  /* and all of it has come over the link */
        void *shard_end; /* used by the shard's thread */
        struct buffer to_node;
        int status;                       /* last told to the node */
        atomic_bool full;                 /* the node is to take no more from clients */
        uint64_t written_bytes;           /* for the node to look at */
        struct shard_progress recovering; /* likewise */
        bool stopping;
};

/* --- the shard's sink, on its thread --- */

static void put_to_node(void *ctx, const struct message *m)
{
        struct shard_thread *t = ctx;
        parcel_put(&t->to_node, m);
}

static void put_to_peer(void *ctx, uint64_t peer, const struct message *m)
{
        (void)peer; /* stands in the message */
        put_to_node(ctx, m);
}

static void put_log(void *ctx, stet_log_level level, const char *line)
{
        struct shard_thread *t = ctx;
        if (t->log)
                t->log(t->log_ctx, level, line);
}

static void put_progress(void *ctx, const struct shard_progress *p)
{
        struct shard_thread *t = ctx;
        __atomic_store_n(&t->recovering.records_done, p->records_done, __ATOMIC_RELAXED);
        __atomic_store_n(&t->recovering.records_total, p->records_total, __ATOMIC_RELAXED);
        __atomic_store_n(&t->recovering.runs_done, p->runs_done, __ATOMIC_RELAXED);
        __atomic_store_n(&t->recovering.runs_total, p->runs_total, __ATOMIC_RELAXED);
        if (!t->started)
                t->progress(t->progress_ctx, p);
}

/* --- frames of parcels --- */

static void send_parcels(void *socket, struct buffer *parcels)
{
        if (!parcels->size)
                return;
        zmq_send(socket, parcels->data, parcels->size,
                 ZMQ_DONTWAIT); /* no limit is set: it never says EAGAIN */
        buffer_clear(parcels);
}

static bool receive_parcels(void *socket, void (*visit)(void *ctx, const struct message *m), void *ctx)
{
        zmq_msg_t frame;
        zmq_msg_init(&frame);
        bool any = false;
        while (zmq_msg_recv(&frame, socket, ZMQ_DONTWAIT) >= 0) {
                struct bytes at = bytes_of(zmq_msg_data(&frame), zmq_msg_size(&frame));
                struct message m;
                any = true;
                while (parcel_take(&at, &m))
                        visit(ctx, &m);
        }
        zmq_msg_close(&frame);
        return any;
}

/* --- the thread --- */

static void take(void *ctx, const struct message *m)
{
        struct shard_thread *t = ctx;
        if (m->type == 0)
                t->stopping = true;
        else
                shard_receive(t->host.shard, m, clock_now(&t->clock.clock));
}

static void tell_status(struct shard_thread *t, int status, const char *text)
{
        if (t->status == status)
                return;
        t->status = status;
        struct message m = { .type = 0, .code = (uint32_t)status, .text = bytes_str(text) };
        parcel_put(&t->to_node, &m);
}

/* The node looks at it when it has something to take; it must hear when it may go on. */
static void tell_full(struct shard_thread *t)
{
        bool full = shard_full(t->host.shard);
        if (atomic_exchange_explicit(&t->full, full, memory_order_relaxed) == full || full)
                return;
        struct message go_on = { .type = 0, .code = (uint32_t)t->status };
        parcel_put(&t->to_node, &go_on);
}

/* Everything there is to do now. */
static void turn(struct shard_thread *t)
{
        stet_why why = { "" };
        bool more = true;
        while (more) {
                int err = shard_collect(t->host.shard, &why);
                if (!err && shard_disk_full(t->host.shard))
                        err = STET_EFULL;
                __atomic_store_n(&t->written_bytes, shard_written_bytes(t->host.shard), __ATOMIC_RELAXED);
                tell_status(t, err, why.text);
                more = receive_parcels(t->shard_end, take, t);
                shard_tick(t->host.shard, clock_now(&t->clock.clock));
                if (err == STET_EFULL)
                        break;
                shard_flush(t->host.shard);
                tell_full(t);
                send_parcels(t->shard_end, &t->to_node);
        }
        send_parcels(t->shard_end, &t->to_node);
}

static int64_t wait_ms(const struct shard_thread *t)
{
        int64_t deadline = shard_deadline(t->host.shard);
        if (t->status == STET_EFULL)
                return DISK_FULL_RETRY_MS;
        if (deadline == INT64_MAX || t->status)
                return -1;
        int64_t now = clock_now(&((struct shard_thread *)(uintptr_t)t)->clock.clock);
        int64_t ms = deadline > now ? (deadline - now + 999999) / 1000000 : 0;
        return ms < 60000 ? ms : 60000;
}

/* The last of what is owed is on its way; what says so goes behind it. */
static void tell_recovered(struct shard_thread *t)
{
        struct message recovered = { .type = 0, .count = 1 };
        parcel_put(&t->to_node, &recovered);
        send_parcels(t->shard_end, &t->to_node);
}

static void *shard_main(void *arg)
{
        struct shard_thread *t = arg;
        crash_guard_thread();
        shard_resume(t->host.shard, clock_now(&t->clock.clock));
        tell_recovered(t);
        for (int tries = 0; !t->stopping || (!shard_idle(t->host.shard) && !t->status && tries < STOP_TRIES);
             tries += t->stopping) {
                zmq_pollitem_t items[3] = { { .socket = t->shard_end, .events = ZMQ_POLLIN },
                                            { .fd = t->host.writer->fd, .events = ZMQ_POLLIN },
                                            { .events = ZMQ_POLLIN } };
                if (t->host.checkpoints)
                        items[2].fd = t->host.checkpoints->fd;
                turn(t);
                if (t->stopping && shard_idle(t->host.shard))
                        break;
                zmq_poll(items, t->host.checkpoints ? 3 : 2, t->stopping ? 100 : (long)wait_ms(t));
                if (t->status == STET_EFULL)
                        shard_flush(t->host.shard);
        }
        return NULL;
}

/* --- on the node's thread --- */

static int pair_open(void *zmq_context, const char *endpoint, bool bind, void **ret, stet_why *why)
{
        int none = 0;
        void *socket = zmq_socket(zmq_context, ZMQ_PAIR);
        if (!socket)
                return stet_why_set(why, STET_EIO, "no socket for a shard: %s", zmq_strerror(zmq_errno()));
        zmq_setsockopt(socket, ZMQ_SNDHWM, &none, sizeof none);
        zmq_setsockopt(socket, ZMQ_RCVHWM, &none, sizeof none);
        zmq_setsockopt(socket, ZMQ_LINGER, &none, sizeof none);
        if ((bind ? zmq_bind : zmq_connect)(socket, endpoint) != 0) {
                int err = stet_why_set(why, STET_EIO, "no link to a shard: %s", zmq_strerror(zmq_errno()));
                zmq_close(socket);
                return err;
        }
        *ret = socket;
        return 0;
}

int shard_thread_open(void *zmq_context, const struct shard_host_options *options,
                      void (*log)(void *ctx, stet_log_level level, const char *line), void *log_ctx,
                      struct shard_thread **ret, stet_why *why)
{
        struct shard_thread *t = xcalloc(1, sizeof *t);
        struct shard_sink sink = { .ctx = t, .to_peer = put_to_peer, .to_node = put_to_node, .log = put_log };
        char endpoint[40];
        struct shard_host_options o = *options;
        o.progress = put_progress;
        o.progress_ctx = t;
        t->progress = options->progress;
        t->progress_ctx = options->progress_ctx;
        t->log = log;
        t->log_ctx = log_ctx;
        snprintf(endpoint, sizeof endpoint, "inproc://shard-%u", options->index);
        int err = shard_host_open(&t->host, &o, &sink, why);
        if (!err)
                err = pair_open(zmq_context, endpoint, true, &t->node_end, why);
        if (!err)
                err = pair_open(zmq_context, endpoint, false, &t->shard_end, why);
        if (err) {
                shard_thread_close(t);
                return err;
        }
        *ret = t;
        return 0;
}

struct shard *shard_thread_shard(struct shard_thread *t)
{
        return t->host.shard;
}

int shard_thread_start(struct shard_thread *t, struct clock_os clock, stet_why *why)
{
        t->clock = clock;
        t->started = true; /* before it runs: it looks at it */
        int err = own_thread_start(&t->thread, "stet-shard", shard_main, t, why);
        if (err)
                t->started = false;
        return err;
}

bool shard_thread_full(const struct shard_thread *t)
{
        return atomic_load_explicit(&t->full, memory_order_relaxed);
}

void shard_thread_put(struct shard_thread *t, const struct message *m)
{
        parcel_put(&t->to_shard, m);
        if (t->to_shard.size > WIRE_FRAME_AIM)
                shard_thread_flush(t);
}

void shard_thread_flush(struct shard_thread *t)
{
        send_parcels(t->node_end, &t->to_shard);
}

struct visitor {
        struct shard_thread *thread;
        void (*visit)(void *ctx, const struct message *m);
        void *ctx;
};

static void take_from_shard(void *ctx, const struct message *m)
{
        const struct visitor *v = ctx;
        if (m->type == 0 && m->count)
                v->thread->recovered = true;
        else
                v->visit(v->ctx, m);
}

bool shard_thread_receive(struct shard_thread *t, void (*visit)(void *ctx, const struct message *m),
                          void *ctx)
{
        struct visitor v = { t, visit, ctx };
        return receive_parcels(t->node_end, take_from_shard, &v);
}

bool shard_thread_recovered(const struct shard_thread *t)
{
        return t->recovered;
}

struct shard_progress shard_thread_progress(const struct shard_thread *t)
{
        return (struct shard_progress){
                .records_done = __atomic_load_n(&t->recovering.records_done, __ATOMIC_RELAXED),
                .records_total = __atomic_load_n(&t->recovering.records_total, __ATOMIC_RELAXED),
                .runs_done = __atomic_load_n(&t->recovering.runs_done, __ATOMIC_RELAXED),
                .runs_total = __atomic_load_n(&t->recovering.runs_total, __ATOMIC_RELAXED),
        };
}

uint64_t shard_thread_written_bytes(const struct shard_thread *t)
{
        return __atomic_load_n(&t->written_bytes, __ATOMIC_RELAXED);
}

int shard_thread_fd(const struct shard_thread *t)
{
        int fd = -1;
        size_t size = sizeof fd;
        zmq_getsockopt(t->node_end, ZMQ_FD, &fd, &size);
        return fd;
}

void shard_thread_close(struct shard_thread *t)
{
        if (!t)
                return;
        if (t->started) {
                struct message stop = { .type = 0 };
                shard_thread_put(t, &stop);
                shard_thread_flush(t);
                pthread_join(t->thread, NULL);
        }
        if (t->shard_end)
                zmq_close(t->shard_end);
        if (t->node_end)
                zmq_close(t->node_end);
        shard_host_close(&t->host);
        buffer_fini(&t->to_shard);
        buffer_fini(&t->to_node);
        free(t);
}
