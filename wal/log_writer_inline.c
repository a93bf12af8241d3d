/* SPDX-License-Identifier: MIT
 *
 * Commits while submit() runs, in the caller's thread; the result waits for collect().
 */
#include "wal/log_writer.h"

#include <stdlib.h>

struct log_writer_inline {
        struct log_writer writer;
        struct log *log;
        uint64_t epoch;
        struct log_group *done; /* waits to be collected */
        int err;
        stet_why why;
};

static void submit(struct log_writer *w, struct log_group *group)
{
        struct log_writer_inline *i = (struct log_writer_inline *)w;
        i->err = log_append(i->log, i->epoch, group, &i->why);
        i->done = group;
}

static struct log_group *collect(struct log_writer *w, int *ret_err, stet_why *ret_why)
{
        struct log_writer_inline *i = (struct log_writer_inline *)w;
        struct log_group *group = i->done;
        if (!group)
                return NULL;
        i->done = NULL;
        *ret_err = i->err;
        if (i->err && ret_why)
                *ret_why = i->why;
        return group;
}

static void free_writer(struct log_writer *w)
{
        free(w);
}

static const struct log_writer_ops log_writer_inline_ops = {
        .submit = submit,
        .collect = collect,
        .free = free_writer,
};

struct log_writer *log_writer_inline_new(struct log *log, uint64_t epoch)
{
        struct log_writer_inline *i = xcalloc(1, sizeof *i);
        *i = (struct log_writer_inline){
                .writer = { .ops = &log_writer_inline_ops, .fd = -1 },
                .log = log,
                .epoch = epoch,
        };
        return &i->writer;
}
