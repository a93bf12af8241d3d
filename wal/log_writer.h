/* SPDX-License-Identifier: MIT
 *
 * Group commit: while one group is on its way to the disk, the shard fills the next. A writer takes one group
 * at a time and says when it is durable. Three kinds: a thread of its own, inline (commits during submit; for
 * nodes without threads), and the simulator's.
 */
#ifndef WAL_LOG_WRITER_H
#define WAL_LOG_WRITER_H

#include "wal/log.h"

struct log_writer;

struct log_writer_ops {
        /* Takes the group until its completion is collected; the caller must not touch it meanwhile. Only
         * when idle. */
        void (*submit)(struct log_writer *w, struct log_group *group);
        /* The submitted group when it is done, with its result; NULL while it is under way or there is none.
         */
        struct log_group *(*collect)(struct log_writer *w, int *ret_err, stet_why *ret_why);
        void (*free)(struct log_writer *w); /* waits for a group that is under way */
};

struct log_writer {
        const struct log_writer_ops *ops;
        int fd; /* readable when a group is done; -1 if there is none. collect() clears it */
};

/* Commits on a thread of its own. The log is used by that thread only for appends. */
int log_writer_thread_new(struct log *log, uint64_t epoch, struct log_writer **ret, stet_why *why);

/* Commits in submit(). */
struct log_writer *log_writer_inline_new(struct log *log, uint64_t epoch);

static inline void log_writer_submit(struct log_writer *w, struct log_group *group)
{
        w->ops->submit(w, group);
}

static inline struct log_group *log_writer_collect(struct log_writer *w, int *ret_err, stet_why *ret_why)
{
        return w->ops->collect(w, ret_err, ret_why);
}

static inline void log_writer_free(struct log_writer *w)
{
        if (w)
                w->ops->free(w);
}

#endif
