/* SPDX-License-Identifier: MIT
 *
 * What checkpoints cost: two nodes side by side, one with the checkpointer and one without, loaded in turn in
 * short slices, so that what else goes on at the machine hits both alike.
 */
#ifndef BENCH_COMPARE_CHECKPOINTS_H
#define BENCH_COMPARE_CHECKPOINTS_H

#include "bench/workload.h"
#include "stet/stet.h"

/* Loads both with the app's first workflow. The report gets a row for each slice and the ratios. */
int compare_checkpoints(const struct bench_options *options, const char *dir, const stet_app *app,
                        struct report *r, stet_why *why);

#endif
