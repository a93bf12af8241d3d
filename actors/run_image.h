/* SPDX-License-Identifier: MIT
 *
 * A run as bytes and back. An image is everything that run_apply_*() has made of a run: a run that is decoded
 * from it behaves as the one it was made of, and so does its image. What belongs to the process that holds
 * the run is not part of it (code, blocked, waiters), nor are its requests.
 *
 * Layout, version 1: a head and then parts, one msgpack array each, in the manner of base/codec.h, without
 * the fields at the end that are zero or empty. Equal runs have equal bytes. The head's first element is the
 * version; its fields:
 *
 *   flags         1 abandon, 2 cancel_requested, 4 the workflow id is the run's own id and left out
 *   ns, workflow, workflow_id, started_ns, seed, first_lsn, last_lsn, transitions
 *   parts         how many parts follow
 *   pending, status_lsn, parent, parent_op, continued_from, ending, ended_ns, continued_as,
 *   attributes, history_bytes
 *
 * The parts: first the open ops, oldest first; then the signals that are kept; then the senders; all in the
 * run's order. A part's first element is its kind.
 *
 *   1 … 5         an op; the kind is the effect that started it. Fields: id, lsn, attempt, due_ns, name,
 *                 abandon, tries, noted, max_attempts, initial_interval_ms, max_interval_ms, backoff_factor,
 *                 jitter, non_retryable. A call's name is that of its queue, none for "default"
 *   32            signals of one name: name, count - 1
 *   33            a sender: run, op
 *
 * A reader accepts no field and no flag that it does not know: writing the run again would lose it. So a new
 * field is a new version, and a version keeps its meaning for ever.
 */
#ifndef ACTORS_RUN_IMAGE_H
#define ACTORS_RUN_IMAGE_H

#include "actors/run.h"

/* Appends the image of a run that has started. */
void run_image_encode(const struct run *run, struct buffer *to);

/* A new run with that id, its ops in the tables and its timers armed. STET_ECORRUPT: these bytes are no
 * image; STET_ENEWER: they are one of a newer version. The tables are then as they were. */
int run_image_decode(struct bytes image, uint64_t id, struct run_tables *tables, struct run **ret);

#endif
