/* SPDX-License-Identifier: MIT
 *
 * The library's own side of the crash guard (stet/crash.h). Both do nothing of note in a process that did not
 * install it.
 */
#ifndef RUNTIME_CRASH_OS_H
#define RUNTIME_CRASH_OS_H

/* Gives the calling thread a signal stack, so that a handler can run when the thread's own stack is used up.
 * Every thread that runs user code calls it first; the stack is freed when the thread ends. */
void crash_guard_thread(void);

/* Where the run id of a workflow that crashes goes, as one line of text: a descriptor opened for appending
 * (the node's DATA/crashes), or -1. One a process, the last one given; the caller closes it after giving
 * another. */
void crash_guard_note_fd(int fd);

#endif
