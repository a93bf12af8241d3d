/* SPDX-License-Identifier: MIT
 *
 * Checkpoints on a thread of their own. The shard's word that more is durable is two stores and, when the
 * thread sleeps because nothing was behind, one call to wake it: never more than once for a checkpoint.
 *
 * How much is enough for a batch follows from the batches themselves. A run that is in two costs nearly
 * twice, so where many are under way when a batch ends, the next is larger. But a large batch goes to the
 * disk all at once, and a commit of the log that comes in between waits for it: where runs are soon over,
 * batches are small.
 */
#include "base/own_thread.h"
#include "runtime/checkpointer.h"
#include "runtime/checkpoints.h"

#include <errno.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
        BATCH_BYTES_MIN = 2 << 20, /* of the log */
        BATCH_BYTES_MAX = 64 << 20,
        AFTER_MS = 1000,
        FULL_RETRY_MS = 1000,
        NICENESS = 5,
};

struct checkpoints_thread {
        struct checkpoints checkpoints;
        struct log *log;
        struct store *store;
        struct checkpointer *checkpointer;
        size_t batch_bytes; /* so many are worth a batch */
        pthread_t thread;
        sem_t work;
        _Atomic uint64_t durable_lsn;
        _Atomic uint64_t durable_bytes; /* since the opening */
        atomic_bool asleep;             /* until the first record comes, or until a batch has come together */
        _Atomic uint64_t wake_at_bytes;
        atomic_bool stop;
};

/* --- the shard's side --- */

static void durable(struct checkpoints *c, uint64_t lsn, uint64_t bytes, int64_t now_ns)
{
        struct checkpoints_thread *t = (struct checkpoints_thread *)c;
        (void)now_ns; /* the thread has its own clock */
        if (lsn == atomic_load_explicit(&t->durable_lsn, memory_order_relaxed))
                return;
        atomic_store(&t->durable_bytes, bytes);
        atomic_store(&t->durable_lsn, lsn);
        if (bytes >= atomic_load(&t->wake_at_bytes) && atomic_exchange(&t->asleep, false))
                sem_post(&t->work);
}

void checkpoints_hear(struct checkpoints *c)
{
        uint32_t announced = atomic_load_explicit(&c->announced, memory_order_acquire);
        uint64_t count;
        if (announced == c->heard)
                return;
        c->heard = announced;
        ssize_t n = read(c->fd, &count, sizeof count);
        (void)n; /* what came behind `announced` is read with it, and then there is nothing left */
}

static int64_t deadline(const struct checkpoints *c)
{
        (void)c; /* it looks after itself */
        return INT64_MAX;
}

/* --- the thread --- */

static void wait_ms(struct checkpoints_thread *t, int64_t ms)
{
        struct timespec end;
        if (ms < 0) {
                while (sem_wait(&t->work) && errno == EINTR)
                        continue;
                return;
        }
        clock_gettime(CLOCK_MONOTONIC, &end);
        end.tv_sec += ms / 1000;
        end.tv_nsec += ms % 1000 * 1000000;
        if (end.tv_nsec >= 1000000000) {
                end.tv_sec++;
                end.tv_nsec -= 1000000000;
        }
        while (sem_clockwait(&t->work, CLOCK_MONOTONIC, &end) && errno == EINTR)
                continue;
}

/* Sleeps until the shard has that many bytes durable, or for so long (negative: for ever). */
static void sleep_until(struct checkpoints_thread *t, uint64_t bytes, int64_t ms)
{
        atomic_store(&t->wake_at_bytes, bytes);
        atomic_store(&t->asleep, true);
        if (!atomic_load(&t->stop) && atomic_load(&t->durable_bytes) < bytes)
                wait_ms(t, ms);
        atomic_store(&t->asleep, false);
}

static void announce(struct checkpoints_thread *t)
{
        uint64_t one = 1;
        ssize_t n = write(t->checkpoints.fd, &one, sizeof one);
        (void)n; /* it can't fail: nobody lets the count come near its limit */
        atomic_fetch_add_explicit(&t->checkpoints.announced, 1, memory_order_release);
}

static void adapt(struct checkpoints_thread *t, const struct checkpointer_batch *batch)
{
        if (batch->open * 4 > batch->runs && t->batch_bytes < BATCH_BYTES_MAX)
                t->batch_bytes *= 2;
        else if (batch->open * 16 < batch->runs && t->batch_bytes > BATCH_BYTES_MIN)
                t->batch_bytes /= 2;
}

static int step(struct checkpoints_thread *t)
{
        struct checkpoints *c = &t->checkpoints;
        struct checkpointer_batch batch;
        stet_why why = { "" };
        int err =
            checkpointer_step(t->checkpointer, atomic_load(&t->durable_lsn), BATCH_BYTES_MAX, &batch, &why);
        if (err && atomic_load(&c->err) == 0)
                c->why = why;
        atomic_store_explicit(&c->err, err, memory_order_release);
        if (!err) {
                uint64_t reached = t->store->checkpoint.lsn;
                atomic_fetch_add(&c->bytes, batch.bytes);
                adapt(t, &batch);
                atomic_store(&c->store_bytes, t->store->stats.disk_bytes);
                atomic_store_explicit(&c->lsn, reached, memory_order_release);
                log_trim(t->log, reached + 1);
        }
        announce(t);
        return err;
}

/* Where there is less processor than work, the runs get more of it. */
static void give_way(void)
{
        id_t self = (id_t)gettid();
        setpriority(PRIO_PROCESS, self, getpriority(PRIO_PROCESS, self) + NICENESS);
}

static bool nothing_behind(struct checkpoints_thread *t)
{
        return atomic_load(&t->durable_lsn) <= atomic_load(&t->checkpoints.lsn);
}

static void *run(void *arg)
{
        struct checkpoints_thread *t = arg;
        give_way();
        while (!atomic_load(&t->stop)) {
                if (nothing_behind(t)) {
                        struct checkpointer_batch none;
                        checkpointer_step(t->checkpointer, 0, 0, &none, NULL); /* gives memory back */
                        sleep_until(t, atomic_load(&t->durable_bytes) + 1, -1);
                        continue;
                }
                sleep_until(t, atomic_load(&t->checkpoints.bytes) + t->batch_bytes, AFTER_MS);
                if (atomic_load(&t->stop))
                        break;
                int err = step(t);
                if (err == STET_EFULL)
                        sleep_until(t, UINT64_MAX, FULL_RETRY_MS);
                else if (err)
                        break;
        }
        return NULL;
}

/* --- life --- */

static void free_thread(struct checkpoints *c)
{
        struct checkpoints_thread *t = (struct checkpoints_thread *)c;
        atomic_store(&t->stop, true);
        sem_post(&t->work);
        pthread_join(t->thread, NULL);
        sem_destroy(&t->work);
        close(c->fd);
        checkpointer_free(t->checkpointer);
        free(t);
}

static const struct checkpoints_ops checkpoints_thread_ops = {
        .durable = durable,
        .deadline = deadline,
        .free = free_thread,
};

int checkpoints_thread_new(const struct checkpoints_options *options, struct checkpoints **ret, stet_why *why)
{
        int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (fd < 0)
                return stet_why_set(why, STET_ENOMEM, "cannot make an eventfd for checkpoints: %s",
                                    strerror(errno));
        struct checkpoints_thread *t = xcalloc(1, sizeof *t);
        t->checkpoints.ops = &checkpoints_thread_ops;
        t->checkpoints.fd = fd;
        t->log = options->log;
        t->store = options->store->store;
        t->batch_bytes = BATCH_BYTES_MIN;
        t->checkpointer = checkpointer_new(options->log, options->store);
        atomic_store(&t->checkpoints.lsn, t->store->checkpoint.lsn);
        atomic_store(&t->checkpoints.store_bytes, t->store->stats.disk_bytes);
        atomic_store(&t->durable_lsn, t->store->checkpoint.lsn);
        sem_init(&t->work, 0, 0);
        int err = own_thread_start(&t->thread, "stet-checkpoint", run, t, why);
        if (err) {
                sem_destroy(&t->work);
                close(fd);
                checkpointer_free(t->checkpointer);
                free(t);
                return err;
        }
        *ret = &t->checkpoints;
        return 0;
}
