/* SPDX-License-Identifier: MIT
 *
 * Threads of the library's own, which run no code that could start processes: what a child would inherit from
 * them is not what the program wants.
 */
#ifndef BASE_OWN_THREAD_H
#define BASE_OWN_THREAD_H

#include "stet/error.h"

#include <pthread.h>

/* Starts main(arg) on a thread with that name (at most 15 characters), for ps and debuggers. The program's
 * signals go to its other threads; those that a thread causes itself (SIGSEGV and its like) come as anywhere.
 * STET_ENOMEM: the system has no room for one more. */
int own_thread_start(pthread_t *ret, const char *name, void *(*main)(void *), void *arg, stet_why *why);

/* Asks the system to let the calling thread run soon after it wakes, for a short while each time: for one
 * that others wait for and that mostly waits itself. It gets no larger share of the processor. Linux does so
 * from 6.12 on (a slice of its own, sched_setattr(2)); earlier ones take no notice. */
void own_thread_run_soon(void);

#endif
