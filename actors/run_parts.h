/* SPDX-License-Identifier: MIT
 *
 * What a run is made of: how its names, ops, signals, senders and requests come into being and go. For run.c,
 * which makes them from records, and run_image.c, which makes them from an image: both must leave the same
 * behind, in the run and in the tables.
 */
#ifndef ACTORS_RUN_PARTS_H
#define ACTORS_RUN_PARTS_H

#include "actors/run.h"

/* Once for a run. */
void run_set_names(struct run *run, struct bytes ns, struct bytes workflow, struct bytes id);

void run_set_attributes(struct run *run, struct bytes map); /* once; copied */

/* The newest of the run's ops. A timer is armed for due_ns; for another op that is 0. A wait becomes the
 * newest for its name. The rest is the caller's to fill in. */
struct op *run_op_open(struct run *run, struct run_tables *tables, uint32_t id, uint8_t effect,
                       struct bytes name, int64_t due_ns);
void run_op_close(struct run_tables *tables, struct op *op);

/* Closes its ops and forgets its signals. Children that it lets go and that are not known to have started may
 * be kept: they are owed their start. */
void run_close_all(struct run *run, struct run_tables *tables, bool keep_let_go);

struct run_channel *run_channel_find(const struct run *run, struct bytes name);

/* A signal came: the oldest wait for the name takes it, or it is kept. */
void run_signal_come(struct run *run, struct run_tables *tables, struct bytes name);
void run_signal_keep(struct run *run, struct bytes name, uint64_t count); /* no wait is open for the name */
bool run_signal_take(struct run *run, struct bytes name); /* one that is kept; false: none is */

/* Notes the last op of a sender that was applied. */
void run_sender_keep(struct run *run, uint64_t sender, uint32_t op);

/* Notes the event's request, if it has one. */
void run_request_keep(struct run *run, struct run_tables *tables, const struct event *e, uint64_t lsn);

#endif
