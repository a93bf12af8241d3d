/* SPDX-License-Identifier: MIT
 *
 * A workload over several sizes of its values, as a table: what the engine moves, and what the bare log does
 * with as many bytes a commit.
 */
#ifndef BENCH_PAYLOAD_H
#define BENCH_PAYLOAD_H

#include "bench/workload.h"
#include "stet/stet.h"

/* Runs the app's first workflow, which makes `steps` activities, once for each size of options->payload_list.
 */
int payload_table(const struct bench_options *options, const char *dir, const stet_app *app, uint32_t steps,
                  struct report *r, stet_why *why);

#endif
