/* SPDX-License-Identifier: MIT
 *
 * The middle of the ceiling: what is left of an engine when the engine is taken out. One thread receives
 * frames, counts each run's steps, writes a record of the right size for every transition and packs the
 * messages that follow from it; another appends groups of records to a bare LMDB log. Messages leave when the
 * group that holds their records is committed, as in the engine (DESIGN D2), and groups form by themselves
 * (D4).
 */
#ifndef BENCH_CEILING_CORE_H
#define BENCH_CEILING_CORE_H

#include "bench/ceiling.h"

struct ceiling_core;

/* Opens the log and binds (the endpoint as it really is goes to ret_endpoint, of at least 256 bytes). */
int ceiling_core_open(void *zmq_context, const struct ceiling_options *options, const char *endpoint,
                      char *ret_endpoint, struct ceiling_core **ret, stet_why *why);

/* Starts both threads. They end when the client sends STOP, or when the log fails (then the client is sent a
 * STOP). */
int ceiling_core_start(struct ceiling_core *core, stet_why *why);

/* Waits for the threads and puts commits, records and disk bytes into *ret. Returns the log's error. */
int ceiling_core_join(struct ceiling_core *core, struct ceiling_result *ret, stet_why *why);

/* Closes its socket: when the threads are gone, before the context is terminated. */
void ceiling_core_unbind(struct ceiling_core *core);

/* Frees it and removes the log. Harmless on NULL. After the ZeroMQ context is terminated, since frames may be
 * on their way until then. */
void ceiling_core_free(struct ceiling_core *core);

#endif
