/* SPDX-License-Identifier: MIT
 *
 * The library's own side of the crash guard (stet/crash.h). It does nothing of note in a process that did not
 * install it.
 */
#ifndef RUNTIME_CRASH_OS_H
#define RUNTIME_CRASH_OS_H

/* Gives the calling thread a signal stack, so that a handler can run when the thread's own stack is used up.
 * Every thread that runs user code calls it first; the stack is freed when the thread ends. */
void crash_guard_thread(void);

#endif
