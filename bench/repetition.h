/* SPDX-License-Identifier: MIT
 *
 * A workload measured several times, each time in a fresh directory and in a process of its own: what it
 * peaks at and uses is its own, and it begins with the memory of a new program.
 */
#ifndef BENCH_REPETITION_H
#define BENCH_REPETITION_H

#include "bench/options.h"
#include "stet/value.h"

/* Measures once below dir, which is there and empty, and prints the report to standard output. */
typedef int bench_measure_fn(const struct bench_options *options, const char *dir, stet_why *why);

/* Measures count times below dir. *ret is the medians' document with all documents under `repeats`. place
 * stands in front of the progress lines. The caller must have no threads. STET_ECANCELED when the user
 * interrupts. */
int repetition_measure(const struct bench_options *options, uint32_t count, const char *dir,
                       bench_measure_fn *measure, const char *place, stet_value *ret, stet_why *why);

#endif
