/* SPDX-License-Identifier: MIT */
#include "tests/power/trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

void trace_fini(struct trace *trace)
{
        image_fini(&trace->base);
        free(trace->events);
        buffer_fini(&trace->bytes);
        *trace = (struct trace){ 0 };
}

struct trace_event *trace_add(struct trace *trace, enum trace_kind kind)
{
        if (trace->count == trace->capacity) {
                trace->capacity = trace->capacity ? trace->capacity * 2 : 256;
                trace->events = xrealloc(trace->events, trace->capacity * sizeof *trace->events);
        }
        struct trace_event *e = &trace->events[trace->count++];
        *e = (struct trace_event){ .kind = kind };
        return e;
}

void trace_apply(const struct trace *trace, const struct trace_event *e, struct image *image)
{
        switch (e->kind) {
        case TRACE_WRITE:
                image_write(image, e->file, e->offset, bytes_of(trace->bytes.data + e->at, e->size));
                break;
        case TRACE_RESIZE:
                image_resize(image, e->file, e->offset);
                break;
        case TRACE_LINK:
                image->files[e->file].directory = e->directory;
                image_link(image, e->path, e->file);
                break;
        case TRACE_RENAME:
                image_unlink(image, e->path);
                image_link(image, e->path_to, e->file);
                break;
        case TRACE_UNLINK:
                image_unlink(image, e->path);
                break;
        case TRACE_SYNC:
        case TRACE_SYNC_WRITE:
        case TRACE_SYNC_NAMES:
        case TRACE_ACK:
                break;
        }
}

void trace_describe(const struct trace_event *e, char *buf, size_t size)
{
        switch (e->kind) {
        case TRACE_WRITE:
                snprintf(buf, size, "write of %zu bytes at %" PRIu64 " into file %d", e->size, e->offset,
                         e->file);
                break;
        case TRACE_RESIZE:
                snprintf(buf, size, "file %d gets %" PRIu64 " bytes", e->file, e->offset);
                break;
        case TRACE_LINK:
                snprintf(buf, size, "%s %s is made (file %d)", e->directory ? "directory" : "file", e->path,
                         e->file);
                break;
        case TRACE_RENAME:
                snprintf(buf, size, "%s is renamed to %s", e->path, e->path_to);
                break;
        case TRACE_UNLINK:
                snprintf(buf, size, "%s is removed", e->path);
                break;
        case TRACE_SYNC:
                snprintf(buf, size, "sync of file %d", e->file);
                break;
        case TRACE_SYNC_WRITE:
                snprintf(buf, size, "sync of the write in event %zu", e->of);
                break;
        case TRACE_SYNC_NAMES:
                snprintf(buf, size, "sync of directory \"%s\"", e->path);
                break;
        case TRACE_ACK:
                snprintf(buf, size, "acknowledgement %zu", e->of);
                break;
        }
}
