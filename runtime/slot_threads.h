/* SPDX-License-Identifier: MIT
 *
 * A slot: a thread that runs one activity at a time, at a seat of its own.
 *
 * The seat belongs to whoever holds the slot's mutex. The slot's thread holds it always but in user code and
 * while it waits for frames; others only touch the seat when it is in user code. A ZeroMQ socket may go from
 * thread to thread like that (zmq_socket(3): "except after migrating a socket from one thread to another with
 * a full fence memory barrier"). It has to be this connection and no other that speaks for a busy slot: the
 * node grants windows, hands back returns and asks WHO by connection.
 */
#ifndef RUNTIME_SLOT_THREADS_H
#define RUNTIME_SLOT_THREADS_H

#include "runtime/seat.h"

struct slot;

enum { SLOT_TEND_AFTER_MS = 20 }; /* outcomes of a batch wait no longer for a long activity in it */

/* What a slot shares with its executor. */
struct slot_host {
        void *ctx;
        const struct executor_config *config;
        int stop_fd;             /* readable from the stop on */
        void (*busy)(void *ctx); /* an activity begins: called often, must be cheap */
        /* Whether another slot has the task, by slot_has(). The asking slot's mutex is free meanwhile. */
        bool (*held_elsewhere)(void *ctx, const struct slot *asking, const struct token *token,
                               int64_t before_ns);
        void (*changed)(void *ctx, const struct worker_stats *before, const struct worker_stats *now);
};

/* host is borrowed until slot_free(). */
int slot_start(void *zmq_context, const struct slot_host *host, struct slot **ret, stet_why *why);

/* Waits until the thread has ended, which it does after the activity it is in once the host's stop_fd is
 * readable. False when that takes longer than deadline_ns (of clock_elapsed_ns()). */
bool slot_join(struct slot *s, int64_t deadline_ns);

/* Frees the slot; nobody else may use it any more. One whose thread is still in an activity says goodbye and
 * leaves the node at once; the thread frees it when the activity returns, if ever. */
void slot_free(struct slot *s);

/* Serves the node on behalf of a slot that has been in one activity for a while: hands back what waits behind
 * it, sends outcomes, pulses and claims. Gives the time at which to look again (INT64_MAX: it is in none) and
 * a descriptor to watch until then (-1: none). */
int64_t slot_tend(struct slot *s, int64_t now_ns, int *ret_fd);

/* worker_has() of its worker. */
bool slot_has(struct slot *s, const struct token *token, int64_t before_ns);

void slot_stats(struct slot *s, struct worker_stats *ret);

#endif
