/* SPDX-License-Identifier: MIT
 *
 * Every call of the system that a workload makes below its directory, or every Nth one, fails once, and fails
 * from then on, with every error that it may have. After each: the workload went on or ended with an error in
 * words, no sync that had failed was tried again (P6), and a restart without faults finds all that was
 * promised, nothing half done.
 */
#include "tests/power/child.h"
#include "tests/power/fault.h"
#include "tests/power/recorder.h"
#include "tests/power/stage.h"
#include "tests/power/suites.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

enum { NUMBERS_MAX = 6 };

static const struct {
        enum fault_call call;
        int numbers[NUMBERS_MAX]; /* 0 ends them */
} faults[] = {
        { FAULT_PWRITE, { EIO, ENOSPC, EDQUOT, EINTR, FAULT_SHORT } },
        { FAULT_WRITE, { EIO, ENOSPC, EDQUOT, EINTR, FAULT_SHORT } },
        { FAULT_WRITEV, { EIO, ENOSPC, EDQUOT, EINTR, FAULT_SHORT } },
        { FAULT_FDATASYNC, { EIO, ENOSPC, EDQUOT, EINTR } },
        { FAULT_FSYNC, { EIO, ENOSPC, EDQUOT, EINTR } },
        { FAULT_OPEN, { EIO, ENOSPC, EDQUOT, EINTR } },
        { FAULT_RENAME, { EIO, ENOSPC, EDQUOT } },
        { FAULT_TRUNCATE, { EIO, ENOSPC, EDQUOT, EINTR } },
        { FAULT_MMAP, { ENOMEM } },
};

static void arm(void *ctx)
{
        fault_arm(ctx);
}

static uint64_t disarm(void *ctx)
{
        const struct fault_plan *plan = ctx;
        fault_arm(NULL);
        return plan->fired;
}

static void run_here(const struct suite *s, struct fault_plan *plan, struct session *session,
                     struct child_report *ret)
{
        *ret = (struct child_report){ .signal = 0 };
        recorder_seed(s->options.seed);
        recorder_begin(s->options.root, &s->stage->mirror, NULL);
        arm(plan);
        ret->err = s->workload->run(&s->options, session, &ret->why);
        ret->fired = disarm(plan);
        ret->sync_again = recorder_saw_sync_again();
        recorder_end();
}

/* What runs out of memory may end the process. */
static void run_case(const struct suite *s, struct fault_plan *plan, struct session *session,
                     struct child_report *ret)
{
        struct child_hooks hooks = { arm, disarm, plan, true };
        stage_reset(s->stage);
        if (plan->call == FAULT_MMAP)
                child_run(s->workload, &s->options, &hooks, session, ret);
        else
                run_here(s, plan, session, ret);
}

static bool wrong(struct suite *s, const struct fault_plan *plan, const char *sentence)
{
        char copy[SENTENCE_SIZE];
        snprintf(copy, sizeof copy, "%.*s", SENTENCE_SIZE - 1, sentence);
        snprintf(s->wrong, sizeof s->wrong,
                 "%s, seed %" PRIu64 ", %s number %" PRIu64 " fails with %s, %s: %s", s->workload->name,
                 s->options.seed, fault_call_name(plan->call), plan->nth, fault_number_name(plan->number),
                 plan->sticky ? "for good" : "once", copy);
        return false;
}

static bool check_case(struct suite *s, const struct fault_plan *plan, struct session *session,
                       const struct child_report *report)
{
        if (report->signal && report->signal != SIGABRT)
                return wrong(s, plan, "the process crashed");
        if (session->wrong[0])
                return wrong(s, plan, session->wrong);
        if (report->err && !report->why.text[0])
                return wrong(s, plan, "the error has no words");
        if (report->sync_again)
                return wrong(s, plan, "P6: a sync that had failed was tried again");
        return suite_recover(s, session) || wrong(s, plan, s->wrong);
}

/* Call number nth fails. *ret_fired: there was one. */
static bool try_case(struct suite *s, struct fault_plan plan, bool *ret_fired)
{
        struct session session = { 0 };
        struct child_report report;
        run_case(s, &plan, &session, &report);
        *ret_fired = report.fired || report.signal;
        s->cases += *ret_fired;
        s->errors += *ret_fired && report.err;
        bool well = !*ret_fired || check_case(s, &plan, &session, &report);
        session_fini(&session);
        return well;
}

static bool try_all(struct suite *s, struct fault_plan plan)
{
        bool well = true, fired = true;
        for (plan.nth = 1; well && fired; plan.nth += s->stride)
                well = try_case(s, plan, &fired);
        return well;
}

/* Interrupted for ever is no failure that any system has: whoever is interrupted may try again. */
static bool try_number(struct suite *s, enum fault_call call, int number)
{
        struct fault_plan plan = { .call = call, .number = number };
        bool well = try_all(s, plan);
        plan.sticky = true;
        return number == EINTR || !well ? well : try_all(s, plan);
}

bool suite_errno(struct suite *s)
{
        for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
                for (const int *number = faults[i].numbers; *number; number++)
                        if (!try_number(s, faults[i].call, *number))
                                return false;
        return true;
}
