/* SPDX-License-Identifier: MIT
 *
 * One group at a time goes to the thread through a semaphore (one futex call to wake it) and comes back
 * through an eventfd, which an event loop can wait for. Nothing is locked: whoever holds the group, and the
 * result beside it, is the only one that touches them, and the semaphore and `done` hand them over.
 */
#include "base/own_thread.h"
#include "wal/log_writer.h"

#include <assert.h>
#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct log_writer_thread {
        struct log_writer writer;
        struct log *log;
        uint64_t epoch;
        pthread_t thread;
        sem_t work;              /* posted for each group, and once more for the end */
        struct log_group *group; /* NULL while idle: the shard's view */
        bool stop;
        int err;
        stet_why why;
        atomic_bool done;
};

static void wait_for_work(struct log_writer_thread *t)
{
        while (sem_wait(&t->work) && errno == EINTR)
                ;
}

static void announce(struct log_writer_thread *t)
{
        uint64_t one = 1;
        atomic_store_explicit(&t->done, true, memory_order_release);
        ssize_t n = write(t->writer.fd, &one, sizeof one);
        assert(n == sizeof one);
}

static void *run(void *arg)
{
        struct log_writer_thread *t = arg;
        own_thread_run_soon(); /* every answer waits for its commit */
        for (wait_for_work(t); !t->stop; wait_for_work(t)) {
                t->err = log_append(t->log, t->epoch, t->group, &t->why);
                announce(t);
        }
        return NULL;
}

static void submit(struct log_writer *w, struct log_group *group)
{
        struct log_writer_thread *t = (struct log_writer_thread *)w;
        assert(!t->group);
        t->group = group;
        sem_post(&t->work);
}

static struct log_group *collect(struct log_writer *w, int *ret_err, stet_why *ret_why)
{
        struct log_writer_thread *t = (struct log_writer_thread *)w;
        if (!t->group || !atomic_load_explicit(&t->done, memory_order_acquire))
                return NULL;
        /* The thread writes to the descriptor right after it sets done: this read waits for that, so that the
         * descriptor is never left readable with nothing to collect. */
        uint64_t count;
        while (read(w->fd, &count, sizeof count) < 0 && errno == EINTR)
                ;
        atomic_store_explicit(&t->done, false, memory_order_relaxed);
        struct log_group *group = t->group;
        t->group = NULL;
        *ret_err = t->err;
        if (t->err && ret_why)
                *ret_why = t->why;
        return group;
}

static void free_writer(struct log_writer *w)
{
        struct log_writer_thread *t = (struct log_writer_thread *)w;
        /* Wait for a group that is under way: stop may be set only when the thread is idle. */
        uint64_t count;
        while (t->group && read(w->fd, &count, sizeof count) < 0 && errno == EINTR)
                ;
        t->stop = true;
        sem_post(&t->work);
        pthread_join(t->thread, NULL);
        sem_destroy(&t->work);
        close(w->fd);
        free(t);
}

static const struct log_writer_ops log_writer_thread_ops = {
        .submit = submit,
        .collect = collect,
        .free = free_writer,
};

int log_writer_thread_new(struct log *log, uint64_t epoch, struct log_writer **ret, stet_why *why)
{
        int fd = eventfd(0, EFD_CLOEXEC);
        if (fd < 0)
                return stet_why_set(why, STET_ENOMEM, "cannot make an eventfd for the log's thread: %s",
                                    strerror(errno));
        struct log_writer_thread *t = xcalloc(1, sizeof *t);
        t->writer = (struct log_writer){ .ops = &log_writer_thread_ops, .fd = fd };
        t->log = log;
        t->epoch = epoch;
        sem_init(&t->work, 0, 0);
        int err = own_thread_start(&t->thread, "stet-log", run, t, why);
        if (err) {
                sem_destroy(&t->work);
                close(fd);
                free(t);
                return err;
        }
        *ret = &t->writer;
        return 0;
}
