/* SPDX-License-Identifier: MIT
 *
 * The nth allocation of a workload fails, once or from then on, whoever asked: stet's own abort the process,
 * LMDB's return errors. Either way the directory is whole afterwards, with all that was promised.
 */
#include "tests/power/child.h"
#include "tests/power/suites.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER 1
#elif defined(__has_feature)
#define HAS_SANITIZER (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define HAS_SANITIZER 0
#endif

struct plan {
        bool armed;
        bool sticky;
        uint64_t nth;
        uint64_t calls;
};

#if !HAS_SANITIZER

static struct plan plan;

static bool fails(void)
{
        if (!plan.armed)
                return false;
        plan.calls++;
        if (plan.calls != plan.nth && !(plan.sticky && plan.calls > plan.nth))
                return false;
        errno = ENOMEM;
        return true;
}

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *p, size_t size);

STET_PUBLIC void *malloc(size_t size)
{
        return fails() ? NULL : __libc_malloc(size);
}

STET_PUBLIC void *calloc(size_t count, size_t size)
{
        return fails() ? NULL : __libc_calloc(count, size);
}

STET_PUBLIC void *realloc(void *p, size_t size)
{
        return fails() ? NULL : __libc_realloc(p, size);
}

static void arm(void *ctx)
{
        plan = *(const struct plan *)ctx;
        plan.armed = true;
}

static uint64_t disarm(void *ctx)
{
        (void)ctx;
        plan.armed = false;
        return plan.calls >= plan.nth;
}

static bool wrong(struct suite *s, const struct plan *p, const char *sentence)
{
        char copy[SENTENCE_SIZE];
        snprintf(copy, sizeof copy, "%.*s", SENTENCE_SIZE - 1, sentence);
        snprintf(s->wrong, sizeof s->wrong, "%s, seed %" PRIu64 ", allocation %" PRIu64 " fails, %s: %s",
                 s->workload->name, s->options.seed, p->nth, p->sticky ? "for good" : "once", copy);
        return false;
}

static bool check_case(struct suite *s, const struct plan *p, const struct session *session,
                       const struct child_report *report)
{
        if (report->signal && report->signal != SIGABRT) {
                char text[80];
                snprintf(text, sizeof text, "the process was killed by signal %d", report->signal);
                return wrong(s, p, text);
        }
        if (session->wrong[0])
                return wrong(s, p, session->wrong);
        return suite_recover(s, session) || wrong(s, p, s->wrong);
}

static bool try_case(struct suite *s, const struct plan *p, bool *ret_fired)
{
        struct session session = { 0 };
        struct child_report report;
        struct plan copy = *p;
        struct child_hooks hooks = { arm, disarm, &copy, false };
        stage_reset(s->stage);
        child_run(s->workload, &s->options, &hooks, &session, &report);
        *ret_fired = report.fired || report.signal;
        s->cases += *ret_fired;
        s->deaths += report.signal == SIGABRT;
        s->errors += *ret_fired && report.err;
        bool well = !*ret_fired || check_case(s, p, &session, &report);
        session_fini(&session);
        return well;
}

bool suite_memory(struct suite *s)
{
        for (int sticky = 0; sticky < 2; sticky++) {
                bool fired = true;
                uint64_t first = 1 + (s->options.seed + (uint64_t)sticky) % s->stride;
                for (struct plan p = { .sticky = sticky, .nth = first }; fired; p.nth += s->stride)
                        if (!try_case(s, &p, &fired))
                                return false;
        }
        return true;
}

bool suite_memory_works(void)
{
        return true;
}

#else

bool suite_memory(struct suite *s)
{
        (void)s;
        return true;
}

bool suite_memory_works(void)
{
        return false;
}

#endif
