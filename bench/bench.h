/* SPDX-License-Identifier: MIT
 *
 * `stet bench`: honest figures from bundled tools. See docs/BENCHMARKS.md for what each workload measures.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

/* argv[0] is "bench". Prints the result to standard output, everything else to standard error. Returns the
 * exit code: 0; 1 when the measurement failed; 2 for a mistake on the command line; 130 when it was
 * interrupted. */
int stet_bench_main(int argc, char **argv);

#endif
