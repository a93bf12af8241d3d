/* SPDX-License-Identifier: MIT */
#include "base/own_thread.h"

#include <signal.h>
#include <string.h>

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
