/* SPDX-License-Identifier: MIT */
#include "bench/ceiling_core.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <zmq.h>

#include "base/buffer.h"
#include "bench/block_log.h"
#include "bench/ceiling_frame.h"
#include "bench/ceiling_wire.h"

enum {
        IDENTITY_SIZE_MAX = 255,
        RECORD_PREFIX = 32, /* run, step, LSN and time: what a record can't do without */
};

/* Messages that wait for a commit, for one peer: frames in the order in which they are to be sent. */
struct outbox {
        struct frame *first;
        struct frame *last;
};

/* Records that are committed together and the messages that follow from them. */
struct group {
        struct buffer records;
        uint64_t count;
        struct outbox *outboxes; /* by peer's place */
};

struct peer {
        uint8_t identity[IDENTITY_SIZE_MAX];
        size_t identity_size;
};

struct ceiling_core {
        const struct ceiling_options *options;
        void *socket;
        struct peer *peers; /* the client, then the executors */
        uint32_t peers_count;
        uint8_t *steps; /* of each run that is in flight */
        uint64_t lsn;
        struct frame_pool pool;
        struct group groups[2];
        struct group *filling;
        bool stopping;

        /* Between the two threads: `committing` belongs to the log thread while `busy` is set. */
        struct block_log *log;
        struct group *committing;
        atomic_bool busy;
        atomic_bool core_sleeps; /* so that a commit writes to wake_fd only when someone waits for it */
        sem_t go;
        int wake_fd;
        int log_err;
        stet_why log_why;
        uint64_t commits;
        uint64_t records;

        pthread_t core_thread;
        pthread_t log_thread;
};

/* --- the log's thread --- */

static void *log_main(void *arg)
{
        struct ceiling_core *core = arg;
        for (;;) {
                while (sem_wait(&core->go) != 0)
                        ;
                struct group *group = core->committing;
                if (!group)
                        return NULL;
                core->log_err =
                    block_log_append(core->log, group->records.data, group->records.size, &core->log_why);
                core->commits++;
                core->records += group->count;
                atomic_store(&core->busy, false);
                if (atomic_load(&core->core_sleeps)) {
                        uint64_t one = 1;
                        if (write(core->wake_fd, &one, sizeof(one)) < 0)
                                abort(); /* an eventfd takes 2^64 - 2 wake-ups */
                }
        }
}

/* --- the core's thread --- */

/* Where a message of that value size for that peer goes; the frame's size is set by packed(). */
static struct frame *room(struct ceiling_core *core, uint32_t place)
{
        struct outbox *outbox = &core->filling->outboxes[place];
        if (!outbox->last || outbox->last->size >= CEILING_FRAME_AIM) {
                struct frame *frame = frame_take(&core->pool);
                if (outbox->last)
                        outbox->last->next = frame;
                else
                        outbox->first = frame;
                outbox->last = frame;
        }
        return outbox->last;
}

/* One transition: what came in and what goes out with it, padded to what the engine would write. */
static void write_record(struct ceiling_core *core, const struct ceiling_message *m)
{
        uint32_t size = core->options->record_bytes;
        assert(size >= RECORD_PREFIX);
        struct group *group = core->filling;
        struct buffer *records = &group->records;
        uint8_t *at = records->capacity - records->size < size ? buffer_reserve(records, size)
                                                               : records->data + records->size;
        uint64_t prefix[RECORD_PREFIX / sizeof(uint64_t)] = { ++core->lsn, m->run, m->step, size };
        memcpy(at, prefix, RECORD_PREFIX);
        at += RECORD_PREFIX;
        size_t left = size - RECORD_PREFIX;
        while (left) { /* the event's value, then the effect's: the same bytes */
                size_t part = left < m->value.size ? left : m->value.size;
                if (!part)
                        part = left < RECORD_PREFIX ? left : RECORD_PREFIX;
                memcpy(at, m->value.size ? m->value.data : (const uint8_t *)prefix, part);
                at += part;
                left -= part;
        }
        records->size += size;
        group->count++;
}

static void step_run(struct ceiling_core *core, const struct ceiling_message *m)
{
        uint32_t step = m->kind == CEILING_START ? 0 : ++core->steps[m->run];
        if (step == 0)
                core->steps[m->run] = 0;
        write_record(core, m);
        bool over = step == core->options->steps;
        struct frame *frame = room(core, over ? 0 : 1 + (uint32_t)(m->run % core->options->executors));
        uint8_t *at = frame->data + frame->size;
        if (over)
                ceiling_put_end(&at, m->run, m->value);
        else
                ceiling_put_task(&at, m->run, step, m->value);
        frame->size = (size_t)(at - frame->data);
}

static void take_frame(struct ceiling_core *core, const uint8_t *data, size_t size)
{
        const uint8_t *at = data;
        const uint8_t *end = data + size;
        while (at < end) {
                struct ceiling_message m = { 0 };
                ceiling_take(&at, &m);
                if (m.kind == CEILING_STOP)
                        core->stopping = true;
                else
                        step_run(core, &m);
        }
}

/* Takes one frame (its sender, its bytes); false when there is none. */
static bool receive(struct ceiling_core *core, zmq_msg_t *identity, zmq_msg_t *body, int flags)
{
        if (zmq_msg_recv(identity, core->socket, flags) < 0)
                return false;
        while (zmq_msg_recv(body, core->socket, 0) < 0)
                ;
        return true;
}

static void send_outboxes(struct ceiling_core *core, struct group *group)
{
        for (uint32_t place = 0; place < core->peers_count; place++) {
                struct outbox *outbox = &group->outboxes[place];
                for (struct frame *frame = outbox->first, *next; frame; frame = next) {
                        next = frame->next;
                        frame_send(frame, core->socket, core->peers[place].identity,
                                   core->peers[place].identity_size);
                }
                *outbox = (struct outbox){ NULL, NULL };
        }
        buffer_clear(&group->records);
        group->count = 0;
}

static void stop_peers(struct ceiling_core *core)
{
        for (uint32_t place = 0; place < core->peers_count; place++) {
                struct frame *frame = frame_take(&core->pool);
                uint8_t *at = frame->data;
                ceiling_put_stop(&at);
                frame->size = (size_t)(at - frame->data);
                frame_send(frame, core->socket, core->peers[place].identity,
                           core->peers[place].identity_size);
        }
}

/* When the log is idle: what it has committed may leave, and what was filled meanwhile goes to it. True if
 * anything moved. */
static bool turn_groups(struct ceiling_core *core)
{
        if (atomic_load_explicit(&core->busy, memory_order_acquire))
                return false;
        struct group *done = core->committing;
        if (core->log_err) {
                core->stopping = true;
                return false;
        }
        if (!core->filling->count && !done)
                return false;
        struct group *full = core->filling->count ? core->filling : NULL;
        core->committing = full;
        if (full) {
                core->filling = full == &core->groups[0] ? &core->groups[1] : &core->groups[0];
                atomic_store_explicit(&core->busy, true, memory_order_relaxed);
                sem_post(&core->go); /* the disk first: the messages leave while it works */
        }
        if (done)
                send_outboxes(core, done);
        return true;
}

static void wait_for_work(struct ceiling_core *core)
{
        zmq_pollitem_t items[2] = {
                { .socket = core->socket, .events = ZMQ_POLLIN },
                { .fd = core->wake_fd, .events = ZMQ_POLLIN },
        };
        atomic_store(&core->core_sleeps, true);
        /* The log may have finished before it could see that we sleep. */
        if (!core->committing || atomic_load(&core->busy))
                zmq_poll(items, 2, -1);
        atomic_store(&core->core_sleeps, false);
        uint64_t count;
        if (items[1].revents && read(core->wake_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
                abort(); /* our own eventfd */
}

static void greet_peers(struct ceiling_core *core, zmq_msg_t *identity, zmq_msg_t *body)
{
        for (uint32_t known = 0; known < core->peers_count; known++) {
                while (!receive(core, identity, body, 0))
                        ;
                const uint8_t *at = zmq_msg_data(body);
                struct ceiling_message m = { 0 };
                ceiling_take(&at, &m);
                struct peer *peer = &core->peers[m.run];
                peer->identity_size = zmq_msg_size(identity);
                memcpy(peer->identity, zmq_msg_data(identity), peer->identity_size);
        }
        struct frame *frame = frame_take(&core->pool);
        uint8_t *at = frame->data;
        ceiling_put_hello(&at, 0);
        frame->size = (size_t)(at - frame->data);
        frame_send(frame, core->socket, core->peers[0].identity, core->peers[0].identity_size);
}

static void *core_main(void *arg)
{
        struct ceiling_core *core = arg;
        zmq_msg_t identity, body;
        zmq_msg_init(&identity);
        zmq_msg_init(&body);
        greet_peers(core, &identity, &body);
        while (!core->stopping) {
                bool moved = false;
                /* One frame at a time between looks at the log: it must not wait while there is a group for
                 * it. */
                if (receive(core, &identity, &body, ZMQ_DONTWAIT)) {
                        take_frame(core, zmq_msg_data(&body), zmq_msg_size(&body));
                        moved = true;
                }
                if (turn_groups(core))
                        moved = true;
                if (!moved)
                        wait_for_work(core);
        }
        while (atomic_load(&core->busy))
                wait_for_work(core);
        core->committing = NULL;
        sem_post(&core->go);
        stop_peers(core);
        zmq_msg_close(&identity);
        zmq_msg_close(&body);
        return NULL;
}

/* --- starting and ending --- */

static int bind_socket(struct ceiling_core *core, void *zmq_context, const char *endpoint, char *ret_endpoint,
                       stet_why *why)
{
        int no_limit = 0, mandatory = 1;
        size_t size = 256;
        core->socket = zmq_socket(zmq_context, ZMQ_ROUTER);
        if (!core->socket)
                return stet_why_set(why, STET_EIO, "a ZeroMQ socket: %s", zmq_strerror(errno));
        zmq_setsockopt(core->socket, ZMQ_SNDHWM, &no_limit,
                       sizeof(no_limit)); /* what is in flight is bounded by the client */
        zmq_setsockopt(core->socket, ZMQ_RCVHWM, &no_limit, sizeof(no_limit));
        zmq_setsockopt(core->socket, ZMQ_ROUTER_MANDATORY, &mandatory, sizeof(mandatory));
        if (zmq_bind(core->socket, endpoint) != 0 ||
            zmq_getsockopt(core->socket, ZMQ_LAST_ENDPOINT, ret_endpoint, &size) != 0) {
                int err = stet_why_set(why, STET_EENDPOINT, "%s: %s", endpoint, zmq_strerror(errno));
                zmq_close(core->socket);
                return err;
        }
        return 0;
}

void ceiling_core_unbind(struct ceiling_core *core)
{
        zmq_close(core->socket);
        core->socket = NULL;
}

void ceiling_core_free(struct ceiling_core *core)
{
        if (!core)
                return;
        block_log_remove(core->log);
        for (int i = 0; i < 2; i++) {
                for (uint32_t place = 0; place < core->peers_count; place++)
                        for (struct frame *frame = core->groups[i].outboxes[place].first, *next; frame;
                             frame = next) {
                                next = frame->next;
                                frame_give_back(frame);
                        }
                buffer_fini(&core->groups[i].records);
                free(core->groups[i].outboxes);
        }
        frame_pool_fini(&core->pool);
        if (core->wake_fd >= 0)
                close(core->wake_fd);
        sem_destroy(&core->go);
        free(core->peers);
        free(core->steps);
        free(core);
}

int ceiling_core_open(void *zmq_context, const struct ceiling_options *options, const char *endpoint,
                      char *ret_endpoint, struct ceiling_core **ret, stet_why *why)
{
        struct ceiling_core *core = xcalloc(1, sizeof(*core));
        core->options = options;
        core->peers_count = 1 + options->executors;
        core->peers = xcalloc(core->peers_count, sizeof(*core->peers));
        core->steps = xcalloc(options->in_flight, 1);
        core->groups[0].outboxes = xcalloc(core->peers_count, sizeof(struct outbox));
        core->groups[1].outboxes = xcalloc(core->peers_count, sizeof(struct outbox));
        core->filling = &core->groups[0];
        frame_pool_init(&core->pool, CEILING_OVERHEAD + options->payload_bytes);
        sem_init(&core->go, 0, 0);
        core->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        int err = core->wake_fd < 0
                      ? stet_why_set(why, STET_EIO, "an eventfd: %s", strerror(errno))
                      : block_log_open(options->dir, "ceiling", options->level, &core->log, why);
        if (!err)
                err = bind_socket(core, zmq_context, endpoint, ret_endpoint, why);
        if (err) {
                ceiling_core_free(core);
                return err;
        }
        *ret = core;
        return 0;
}

int ceiling_core_start(struct ceiling_core *core, stet_why *why)
{
        int rc = pthread_create(&core->log_thread, NULL, log_main, core);
        if (rc)
                return stet_why_set(why, STET_EIO, "a thread for the log: %s", strerror(rc));
        rc = pthread_create(&core->core_thread, NULL, core_main, core);
        if (rc) {
                sem_post(&core->go); /* with nothing to commit: the log's thread ends */
                pthread_join(core->log_thread, NULL);
                return stet_why_set(why, STET_EIO, "a thread for the core: %s", strerror(rc));
        }
        return 0;
}

int ceiling_core_join(struct ceiling_core *core, struct ceiling_result *ret, stet_why *why)
{
        pthread_join(core->core_thread, NULL);
        pthread_join(core->log_thread, NULL);
        ret->commits = core->commits;
        ret->records = core->records;
        ret->disk_bytes = block_log_disk_bytes(core->log);
        return core->log_err ? stet_why_set(why, core->log_err, "%s", core->log_why.text) : 0;
}
