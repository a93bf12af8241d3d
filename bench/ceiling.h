/* SPDX-License-Identifier: MIT
 *
 * The ceiling: the same bytes, the same messages and the same number in flight as a benchmark of the engine,
 * over the same transport and onto the same kind of log, without the engine. What it reaches is what the
 * parts allow on this machine; an engine is judged by its share of that.
 */
#ifndef BENCH_CEILING_H
#define BENCH_CEILING_H

#include "bench/histogram.h"
#include "bench/progress.h"
#include "stet/node.h"

struct ceiling_options {
        const char *dir;       /* for the log and the ipc socket */
        const char *transport; /* "inproc", "ipc", "tcp" */
        uint32_t executors;
        stet_level level;
        uint64_t runs;
        uint32_t steps;     /* activities in a row: 3, or 0 for runs that only start and finish */
        uint32_t in_flight; /* 1: one at a time */
        uint32_t payload_bytes;
        uint32_t record_bytes; /* of one transition */
};

struct ceiling_result {
        double seconds;
        uint64_t runs;
        uint64_t commits;
        uint64_t records;
        uint64_t disk_bytes;
        struct histogram latency; /* from a run's start message to its end message, at the client */
};

/* Runs it to the end. progress may be NULL. STET_ECANCELED when the user interrupts. */
int ceiling_measure(const struct ceiling_options *options, struct progress *progress,
                    struct ceiling_result *ret, stet_why *why);

/* What the engine writes for a transition with values of that size, as measured with chain3: for a ceiling
 * without an engine beside it. */
uint32_t ceiling_record_bytes(uint32_t payload_bytes);

/* Where to listen: loopback with any port, a socket file NAME.sock in dir, or inproc. */
void ceiling_endpoint(const char *dir, const char *transport, const char *name, char *buf, size_t size);

/* One hop: a message of payload_bytes goes to another thread and back over the transport, one at a time; half
 * of the median. */
int ceiling_hop_us(const char *dir, const char *transport, uint32_t payload_bytes, double *ret_us,
                   stet_why *why);

#endif
