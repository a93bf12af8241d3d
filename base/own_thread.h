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

#endif
