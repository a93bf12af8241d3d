/* SPDX-License-Identifier: MIT
 *
 * Ending in order: SIGTERM and SIGINT are noted; the second one ends the process at once. The signals are
 * handled, not blocked, so that what user code executes inherits nothing.
 */
#ifndef TOOLS_STOP_SIGNAL_H
#define TOOLS_STOP_SIGNAL_H

#include <stdbool.h>

/* Call it before any thread is started. */
void stop_signal_install(void);

/* Waits for the first signal; false when there was none in that time. */
bool stop_signal_wait(int timeout_ms);

#endif
