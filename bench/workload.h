/* SPDX-License-Identifier: MIT
 *
 * What `bench` can run. A workload measures under a directory of its own, which is removed afterwards, and
 * fills the report.
 */
#ifndef BENCH_WORKLOAD_H
#define BENCH_WORKLOAD_H

#include "bench/report.h"

/* Returns 0, STET_ECANCELED when the user interrupts, or an error with its sentence. */
typedef int workload_fn(const struct bench_options *options, const char *dir, struct report *r,
                        stet_why *why);

workload_fn workload_raw;
workload_fn workload_ceiling;
workload_fn workload_chain3;
workload_fn workload_empty;
workload_fn workload_fan;
workload_fn workload_signals;
workload_fn workload_timers;
workload_fn workload_recover;
workload_fn workload_history;
workload_fn workload_steady;

/* Measures the ceiling for runs of so many activities in a row and fills the report's ceiling_ keys and
 * hop_us. r's own figures, as far as it has any, are compared with it. */
int workload_compare_ceiling(const struct bench_options *options, const char *dir, uint32_t steps,
                             struct report *r, stet_why *why);

#endif
