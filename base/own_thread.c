/* SPDX-License-Identifier: MIT */
#include "base/own_thread.h"

#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int own_thread_start(pthread_t *ret, const char *name, void *(*main)(void *), void *arg, stet_why *why)
{
        static const int caused[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS };
        sigset_t program, before;
        sigfillset(&program);
        for (size_t i = 0; i < sizeof caused / sizeof caused[0]; i++)
                sigdelset(&program, caused[i]);
        pthread_sigmask(SIG_SETMASK, &program, &before);
        int number = pthread_create(ret, NULL, main, arg);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (number)
                return stet_why_set(why, STET_ENOMEM, "cannot start the thread %s: %s", name,
                                    strerror(number));
        pthread_setname_np(*ret, name);
        return 0;
}

/* As in <linux/sched/types.h>, which does not go together with <sched.h>. */
struct attributes {
        uint32_t size;
        uint32_t policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime_ns; /* of an ordinary thread: its slice */
        uint64_t deadline_ns;
        uint64_t period_ns;
};

/* The C library has no function for either call. What they refuse changes nothing. */
void own_thread_run_soon(void)
{
        enum { SLICE_NS = 100000 }; /* the least there is */
        struct attributes a = { 0 };
        if (syscall(SYS_sched_getattr, 0, &a, sizeof a, 0) != 0)
                return;
        a.runtime_ns = SLICE_NS;
        syscall(SYS_sched_setattr, 0, &a, 0);
}
