/* SPDX-License-Identifier: MIT
 *
 * A worker and its link to the node: the place at which one thread runs activities. Frames go back and forth
 * by seat_exchange(); what is begun and finished goes through the worker itself.
 */
#ifndef RUNTIME_SEAT_H
#define RUNTIME_SEAT_H

#include "base/arena.h"
#include "runtime/activity.h"
#include "runtime/executor_config_os.h"
#include "runtime/link_zmq.h"

struct seat {
        struct link *link; /* NULL after seat_leave() */
        struct worker *worker;
        stet_activity activity; /* under way */
        stet_arena arena;       /* of its values */
        struct buffer frame;    /* said by the worker, not yet taken by the link */
};

int seat_open(struct seat *s, void *zmq_context, const struct executor_config *config, stet_why *why);

/* Takes what has come, does what is due and sends what there is to say, until nothing of it is left. True if
 * a frame came. */
bool seat_exchange(struct seat *s, int64_t now_ns);

/* Gives back what was not begun, says goodbye and closes the link. The worker stays, with the tasks that are
 * under way. */
void seat_leave(struct seat *s, int64_t now_ns);
void seat_close(struct seat *s); /* leave first, to part in order */

#endif
