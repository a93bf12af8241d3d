/* SPDX-License-Identifier: MIT
 *
 * What a test saw happen, line by line, and what it expected to read since the last time.
 */
#ifndef TESTS_LIB_TRACE_H
#define TESTS_LIB_TRACE_H

#include "stet/error.h"

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>

/* Zeroed: empty. */
struct trace {
        char text[16384];
        size_t used;
};

STET_PRINTF(2, 3)
static inline void trace_write(struct trace *t, const char *format, ...)
{
        va_list args;
        va_start(args, format);
        int written = vsnprintf(t->text + t->used, sizeof t->text - t->used, format, args);
        va_end(args);
        t->used += (size_t)written;
        cr_assert_lt(t->used, sizeof t->text, "the trace is full");
}

static inline void trace_clear(struct trace *t)
{
        t->used = 0;
        t->text[0] = '\0';
}

static inline void trace_expect(struct trace *t, const char *expected, int line)
{
        cr_assert_str_eq(t->text, expected, "at line %d it happened:\n%sexpected was:\n%s", line, t->text,
                         expected);
        trace_clear(t);
}

#endif
