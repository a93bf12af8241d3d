/* SPDX-License-Identifier: MIT
 *
 * What happens when a workflow's or an activity's code crashes the process. Nothing is installed unless asked
 * for: a program that embeds a node may have handlers of its own. The `stet` command asks for it wherever it
 * runs user code.
 */
#ifndef STET_CRASH_H
#define STET_CRASH_H

#include "stet/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Installs handlers for SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT, each on a stack of its own on every
 * thread that runs user code. When such code crashes the process they write one sentence to standard error
 * that names the workflow or activity, its run and the signal (a stack overflow is named as such, with the
 * advice to raise the stack size), note the crash in the data directory, so that a run that crashes its
 * process again and again is set aside, and end the process with exit code 70. Call it before
 * stet_node_open() and stet_executor_start(), from one thread; a second call changes nothing. */
STET_PUBLIC void stet_crash_guard_install(void);

#ifdef __cplusplus
}
#endif

#endif
