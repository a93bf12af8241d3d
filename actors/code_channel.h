/* SPDX-License-Identifier: MIT
 *
 * Signals inside a code: each name has a channel, in which either waits stand for signals or signals for
 * waits, the oldest first. Whichever a signal or a wait needs is at hand, however many the run has seen.
 */
#ifndef ACTORS_CODE_CHANNEL_H
#define ACTORS_CODE_CHANNEL_H

#include "actors/code.h"

/* A signal came: the oldest wait for that name is done, or the signal is kept. */
void code_signal_come(struct stet_run *code, struct bytes name, struct bytes value);

/* The step of that op waits for a signal of that name; it is done at once if one was kept. */
void code_wait_open(struct stet_run *code, uint32_t op, struct bytes name);

/* The step of that op, which is not done, waits no longer. */
void code_wait_close(struct stet_run *code, uint32_t op);

#endif
