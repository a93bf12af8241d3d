/* SPDX-License-Identifier: MIT
 *
 * What chain3 and empty have in common: open the engine, load it, read what it wrote, measure the ceiling
 * beside it.
 */
#ifndef BENCH_ENGINE_WORKLOAD_H
#define BENCH_ENGINE_WORKLOAD_H

#include "bench/workload.h"
#include "stet/stet.h"

/* A value of so many bytes: what the runs are given. */
int engine_workload_input(uint32_t payload_bytes, stet_value *ret, stet_why *why);

/* Runs the app's first workflow with that input (NULL: bytes, as many as the options say) and fills the
 * report. */
int engine_workload_measure(const struct bench_options *options, const char *dir, const stet_app *app,
                            const stet_value *input, struct report *r, stet_why *why);

/* How many runs, when the options don't say. */
uint64_t engine_workload_runs(const struct bench_options *options);

/* The same, and beside it the ceiling for runs that make so many activities in a row; or, with --checkpoint
 * both, the same without checkpoints. */
int engine_workload(const struct bench_options *options, const char *dir, const stet_app *app, uint32_t steps,
                    struct report *r, stet_why *why);

#endif
