/* SPDX-License-Identifier: MIT
 *
 * Stands between this program (LMDB included) and the system: the file calls that it defines take the place
 * of libc's, do the same, and note what was done below one directory. One directory is watched at a time,
 * by one thread.
 *
 * Not noted: LMDB's lock files, which it makes anew after a restart, and what is in the data directory's lock
 * file, which says who had it.
 */
#ifndef TESTS_POWER_RECORDER_H
#define TESTS_POWER_RECORDER_H

#include "tests/power/trace.h"

/* Watches what happens below root from now on: *mirror, which is what is there now, is kept so; the trace, if
 * any, begins anew. Both are borrowed until recorder_end(). */
void recorder_begin(const char *root, struct image *mirror, struct trace *trace);
void recorder_end(void);

/* Something was promised to the outside: number `ack`. */
void power_ack(size_t ack);

/* What the recorder leaves out, as if the engine had forgotten it. */
enum recorder_lie {
        LIE_NONE,
        LIE_NAMES_NOT_SYNCED, /* directories are never synced */
        LIE_META_NOT_SYNCED,  /* O_DSYNC does nothing */
        LIE_STORE_NOT_SYNCED, /* the store's file is never synced once it has its name */
};
void recorder_lie(enum recorder_lie lie);

/* The system's randomness follows from this seed (getrandom). */
void recorder_seed(uint64_t seed);

/* A file whose sync had failed was synced again since recorder_begin(). */
bool recorder_saw_sync_again(void);

#endif
