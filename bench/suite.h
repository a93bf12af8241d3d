/* SPDX-License-Identifier: MIT
 *
 * `bench --all`: measures a fixed suite and writes NAME.json and NAME.md.
 */
#ifndef BENCH_SUITE_H
#define BENCH_SUITE_H

#include "bench/repetition.h"

/* Reads the command line of a step, as bench_options_parse(). */
typedef int suite_parse_fn(int argc, char **argv, struct bench_options *ret, stet_why *why);

/* Whether the two files can be written, before minutes are spent. STET_EINVAL with a sentence. */
int suite_check_out(const char *name, stet_why *why);

/* Measures everything below dir. A step that fails is told and left out; then this fails, too, but what was
 * measured is written. The files are written under other names and renamed at the end: when this is
 * interrupted (STET_ECANCELED), those of earlier suites stay. The caller must have no threads. */
int suite_run(const struct bench_options *options, const char *dir, suite_parse_fn *parse,
              bench_measure_fn *measure, stet_why *why);

#endif
