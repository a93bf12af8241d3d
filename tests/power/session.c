/* SPDX-License-Identifier: MIT */
#include "tests/power/session.h"

#include "tests/power/recorder.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void session_fini(struct session *s)
{
        free(s->records);
        free(s->acks);
        *s = (struct session){ 0 };
}

static void add_record(struct session *s, struct session_record record)
{
        s->records = xrealloc(s->records, (s->records_count + 1) * sizeof *s->records);
        s->records[s->records_count++] = record;
}

void session_begin(struct session *s, const struct session *from, size_t records, size_t acks)
{
        session_fini(s);
        for (size_t i = 0; i < records && i < from->records_count; i++)
                add_record(s, from->records[i]);
        s->acks = xcalloc(acks + 1, sizeof *s->acks);
        for (size_t i = 0; i < acks && i < from->acks_count; i++)
                s->acks[s->acks_count++] = from->acks[i];
        s->trimmed_to = from->trimmed_to;
}

void session_take(struct session *s, const struct session_shared *from)
{
        session_fini(s);
        for (size_t i = 0; i < from->records_count; i++)
                add_record(s, from->records[i]);
        s->acks = xcalloc(from->acks_count + 1, sizeof *s->acks);
        for (size_t i = 0; i < from->acks_count; i++)
                s->acks[s->acks_count++] = from->acks[i];
        s->trimmed_to = from->trimmed_to;
        memcpy(s->wrong, from->wrong, sizeof s->wrong);
}

void session_trim(struct session *s, uint64_t to_lsn)
{
        if (to_lsn > s->trimmed_to)
                s->trimmed_to = to_lsn;
        if (s->shared)
                s->shared->trimmed_to = s->trimmed_to;
}

/* Records from `from` on, for the other process. */
static void share_records(struct session *s, size_t from)
{
        assert(s->records_count <= SHARED_RECORDS_MAX);
        for (size_t i = from; i < s->records_count; i++)
                s->shared->records[i] = s->records[i];
        s->shared->records_count = s->records_count;
}

void session_append(struct session *s, const struct log_group *group)
{
        struct bytes rest = buffer_bytes(&group->bytes);
        struct record record;
        size_t size;
        s->records_count = (size_t)group->first_lsn - 1; /* a group that was refused may come again */
        while (rest.size && record_decode(rest, &record, &size) == 0) {
                rest = bytes_of(rest.data + size, rest.size - size);
                add_record(s, (struct session_record){ .crc = record.crc, .ends_group = !rest.size });
        }
        if (s->shared)
                share_records(s, (size_t)group->first_lsn - 1);
}

void session_batch(struct session *s, uint64_t number, uint32_t crc)
{
        s->records_count = (size_t)number - 1;
        add_record(s, (struct session_record){ .crc = crc, .ends_group = true });
        if (s->shared)
                share_records(s, (size_t)number - 1);
}

void session_ack(struct session *s, struct session_ack ack)
{
        s->acks = xrealloc(s->acks, (s->acks_count + 1) * sizeof *s->acks);
        s->acks[s->acks_count++] = ack;
        power_ack(s->acks_count);
        if (!s->shared)
                return;
        assert(s->acks_count <= SHARED_ACKS_MAX);
        s->shared->acks[s->acks_count - 1] = ack;
        s->shared->acks_count = s->acks_count;
}

struct session_ack session_promised(const struct session *s, size_t acks)
{
        struct session_ack most = { 0 };
        for (size_t i = 0; i < acks; i++) {
                const struct session_ack *a = &s->acks[i];
                most.lsn = a->lsn > most.lsn ? a->lsn : most.lsn;
                most.first = a->first > most.first ? a->first : most.first;
                most.epoch = a->epoch > most.epoch ? a->epoch : most.epoch;
        }
        return most;
}

bool session_wrong(struct session *s, const char *format, ...)
{
        va_list args;
        if (s->wrong[0])
                return false;
        va_start(args, format);
        vsnprintf(s->wrong, sizeof s->wrong, format, args);
        va_end(args);
        return false;
}
