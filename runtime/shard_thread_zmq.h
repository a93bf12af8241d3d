/* SPDX-License-Identifier: MIT
 *
 * A shard on a thread of its own: parcels go to and fro over a ZeroMQ PAIR, a frame of many at a time. Used
 * by a node with more than one shard; a node with one drives it on its own thread.
 */
#ifndef RUNTIME_SHARD_THREAD_ZMQ_H
#define RUNTIME_SHARD_THREAD_ZMQ_H

#include "runtime/clock.h"
#include "runtime/shard_host.h"

struct shard_thread;

/* Opens the shard and prepares the link. The log is read on the calling thread, and the options' progress is
 * called there; what open runs are owed is issued on the shard's own, and shard_thread_progress() tells. The
 * log function may be called by the thread. */
int shard_thread_open(void *zmq_context, const struct shard_host_options *options,
                      void (*log)(void *ctx, stet_log_level level, const char *line), void *log_ctx,
                      struct shard_thread **ret, stet_why *why);

struct shard *shard_thread_shard(struct shard_thread *t); /* only before the start */

/* Starts the thread: it resumes the shard at once. */
int shard_thread_start(struct shard_thread *t, struct clock_os clock, stet_why *why);

/* Whether the node must not take more from clients; it is sent something when it may again. */
bool shard_thread_full(const struct shard_thread *t);

/* --- on the node's thread --- */
void shard_thread_put(struct shard_thread *t, const struct message *m);
void shard_thread_flush(struct shard_thread *t);

/* Calls visit for every message that has come. A message of type 0 is about the shard itself: code is
 * STET_EFULL while the disk is full, 0 when there is room again, another error (with text) when the shard has
 * stopped. True if any came. */
bool shard_thread_receive(struct shard_thread *t, void (*visit)(void *ctx, const struct message *m),
                          void *ctx);

/* Whether it has recovered: all that its runs are owed has been received. */
bool shard_thread_recovered(const struct shard_thread *t);
struct shard_progress shard_thread_progress(const struct shard_thread *t); /* until then */
uint64_t shard_thread_written_bytes(const struct shard_thread *t);         /* of records, since the opening */
int shard_thread_fd(const struct shard_thread *t);

/* Writes and releases what is under way, ends the thread, closes the shard. Harmless on NULL. */
void shard_thread_close(struct shard_thread *t);

#endif
