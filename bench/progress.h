/* SPDX-License-Identifier: MIT
 *
 * One line on standard error that says how far a benchmark is: on a terminal only, and gone when it is done.
 * Interrupting (Ctrl-C) is noticed here, too, because every loop that takes long reports its progress.
 */
#ifndef BENCH_PROGRESS_H
#define BENCH_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "stet/error.h"

struct progress {
        const char *what;
        uint64_t total;
        int64_t start_ns;
        int64_t next_ns;
        bool terminal;
};

/* What stands in front of every line from here on: where in something longer this is. "" is nothing. Shown at
 * once; an empty one clears the line. */
void progress_set_place(const char *text);

/* From here on SIGINT and SIGTERM only make progress_interrupted() true; a second one, a second later or
 * more, kills. */
void progress_catch_signals(void);
bool progress_interrupted(void);

void progress_begin(struct progress *p, const char *what, uint64_t total);
/* Cheap: writes at most five times a second. p may be NULL. */
void progress_show(struct progress *p, uint64_t done, int64_t now_ns);
void progress_end(struct progress *p);

/* Sleeps for a while, or until the user interrupts: STET_ECANCELED. */
int progress_pause(int64_t ms, stet_why *why);

#endif
