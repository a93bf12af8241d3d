/* SPDX-License-Identifier: MIT
 *
 * What a workload did to its directory, in order: every write with its bytes, every sync, every change of a
 * name, and every acknowledgement that it gave meanwhile. It begins with the image that was there before.
 */
#ifndef TESTS_POWER_TRACE_H
#define TESTS_POWER_TRACE_H

#include "tests/power/image.h"

enum trace_kind {
        TRACE_WRITE,      /* of file, at offset */
        TRACE_RESIZE,     /* of file, to offset */
        TRACE_LINK,       /* path is file now */
        TRACE_RENAME,     /* path became path_to */
        TRACE_UNLINK,     /* path */
        TRACE_SYNC,       /* of all that was done to file before */
        TRACE_SYNC_WRITE, /* of the write `of` alone (O_DSYNC) */
        TRACE_SYNC_NAMES, /* of the names in the directory path */
        TRACE_ACK,        /* number `of` was given */
};

struct trace_event {
        enum trace_kind kind;
        int file;
        bool directory; /* LINK */
        uint64_t offset;
        size_t at; /* of the bytes in the trace's */
        size_t size;
        size_t of;
        char path[PATH_SIZE];
        char path_to[PATH_SIZE];
};

struct trace {
        struct image base;
        size_t acks;     /* that were given before it */
        int files_count; /* that there were at the end; images take their numbers from here */
        struct trace_event *events;
        size_t count;
        size_t capacity;
        struct buffer bytes;
};

void trace_fini(struct trace *trace);
struct trace_event *trace_add(struct trace *trace, enum trace_kind kind);

/* Does what the event did; nothing for syncs and acknowledgements. The image has all the trace's files. */
void trace_apply(const struct trace *trace, const struct trace_event *event, struct image *image);

/* The event in words, for whoever has to find out what was lost. */
void trace_describe(const struct trace_event *event, char *buf, size_t size);

#endif
