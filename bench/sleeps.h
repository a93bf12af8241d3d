/* SPDX-License-Identifier: MIT
 *
 * `timers --sleep`: runs that start at once, sleep as long each, and end; nothing is killed.
 */
#ifndef BENCH_SLEEPS_H
#define BENCH_SLEEPS_H

#include "bench/workload.h"

int sleeps_measure(const struct bench_options *options, const char *dir, struct report *r, stet_why *why);

#endif
