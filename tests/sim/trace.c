/* SPDX-License-Identifier: MIT
 *
 * The trace: what happens as lines that read like a story. The last ones are kept for whoever asks after a
 * failure, and a hash of all of them says whether two worlds went the same way.
 */
#include "tests/sim/world.h"

#include "base/crc32c.h"

#include <stdarg.h>
#include <stdio.h>

void sim_tell(struct sim *s, const char *format, ...)
{
        char *line = s->trace.lines[s->trace.count++ % TRACE_LINES];
        int64_t us = (s->now_ns - s->start_ns) / US;
        int head = snprintf(line, TRACE_LINE_SIZE, "[%6lld.%06lld] ", (long long)(us / 1000000),
                            (long long)(us % 1000000));
        va_list args;
        va_start(args, format);
        vsnprintf(line + head, (size_t)(TRACE_LINE_SIZE - head), format, args);
        va_end(args);
        size_t size = strlen(line);
        s->trace.hash = hash_u64(s->trace.hash + crc32c(0, line, size));
        if (s->options.story)
                s->options.story(s->options.story_ctx, line);
}

void sim_tail(const struct sim *s, void (*line)(void *ctx, const char *line), void *ctx)
{
        uint64_t from = s->trace.count > TRACE_LINES ? s->trace.count - TRACE_LINES : 0;
        for (uint64_t i = from; i < s->trace.count; i++)
                line(ctx, s->trace.lines[i % TRACE_LINES]);
}

/* Run ids are long; a shard and the digits that count are enough for a reader. */
const char *trace_run(uint64_t run, char buf[40])
{
        uint32_t shard = shard_of_run(run);
        unsigned long long number = run & UINT64_C(0xffffffffffff);
        if (shard)
                snprintf(buf, 40, "run:%u/%llx", shard, number);
        else
                snprintf(buf, 40, "run:%llx", number);
        return buf;
}

static int text_size(struct bytes text)
{
        return text.size < 40 ? (int)text.size : 40;
}

static const char *text_of(struct bytes text)
{
        return text.size ? (const char *)text.data : "";
}

/* The one number of a message that tells most about it. */
static const char *number_of(const struct message *m, char buf[80])
{
        char run[40];
        buf[0] = 0;
        if (m->type == MSG_WINDOW)
                snprintf(buf, 80, " %u", m->count);
        else if (m->token.run && m->token.op)
                snprintf(buf, 80, " %s op %u attempt %u", trace_run(m->token.run, run), m->token.op,
                         m->token.attempt);
        else if (m->token.run)
                snprintf(buf, 80, " %s", trace_run(m->token.run, run));
        return buf;
}

static struct bytes outcome_of(const struct message *m)
{
        bool has_code = m->type == MSG_REPLY || m->type == MSG_RESULT || m->type == MSG_DONE ||
                        m->type == MSG_ACK || m->type == MSG_WELCOME;
        return m->kind.size ? m->kind : bytes_str(has_code ? stet_error_name((int)m->code) : NULL);
}

void trace_message(struct sim *s, const char *from, const char *to, const struct message *m)
{
        char number[80];
        struct bytes outcome = outcome_of(m);
        sim_tell(s, "%s > %s: %s%s%s%.*s%s%.*s%s%.*s", from, to, message_shapes[m->type].name,
                 number_of(m, number), m->name.size ? " " : "", text_size(m->name), text_of(m->name),
                 m->id.size ? " " : "", text_size(m->id), text_of(m->id), outcome.size ? " " : "",
                 text_size(outcome), text_of(outcome));
}
