/* SPDX-License-Identifier: MIT
 *
 * Threads of the library's own: what they ask of the system changes nothing else.
 */
#include "base/own_thread.h"

#include <criterion/criterion.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

struct seen {
        char name[16];
        int policy;
        int nice;
        long slice_ns;
        bool blocks_signals;
};

/* As the system tells it; 0 where it does not. The slice is at byte 24 of sched_getattr(2)'s struct. */
static long slice_ns(void)
{
        uint64_t attributes[6] = { 0 };
        return syscall(SYS_sched_getattr, 0, attributes, sizeof attributes, 0) ? 0 : (long)attributes[3];
}

static void *look(void *arg)
{
        struct seen *seen = arg;
        sigset_t blocked;
        own_thread_run_soon();
        pthread_getname_np(pthread_self(), seen->name, sizeof seen->name);
        seen->policy = sched_getscheduler(0);
        seen->nice = getpriority(PRIO_PROCESS, (id_t)gettid());
        seen->slice_ns = slice_ns();
        pthread_sigmask(SIG_BLOCK, NULL, &blocked);
        seen->blocks_signals = sigismember(&blocked, SIGTERM) == 1 && sigismember(&blocked, SIGSEGV) == 0;
        return NULL;
}

Test(own_thread, one_that_runs_soon_gets_short_slices_and_no_other_policy_or_priority)
{
        struct seen seen = { .policy = -1 };
        pthread_t thread;
        stet_why why = { "" };
        cr_assert_eq(own_thread_start(&thread, "stet-test", look, &seen, &why), 0, "%s", why.text);
        cr_assert_eq(pthread_join(thread, NULL), 0);
        cr_assert_eq(seen.policy, sched_getscheduler(0));
        cr_assert_eq(seen.nice, getpriority(PRIO_PROCESS, 0));
        cr_assert(seen.blocks_signals);
        if (seen.slice_ns == 0)
                cr_skip_test("this system gives threads no slices of their own");
        cr_assert_eq(seen.slice_ns, 100000);
        cr_assert_neq(slice_ns(), 100000, "and no other thread got one");
}
