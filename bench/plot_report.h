/* SPDX-License-Identifier: MIT
 *
 * Which plot a report gets. It follows from what the report has: curves, a pace, and the tables and figures
 * that are known here by their keys.
 */
#ifndef BENCH_PLOT_REPORT_H
#define BENCH_PLOT_REPORT_H

#include "bench/plot.h"
#include "bench/report.h"

/* Fills *ret, for plot_fini() to free. It borrows from the report. now_ms is for the date. */
void plot_report(const struct report *r, int64_t now_ms, struct plot *ret);

/* The same, into a file. */
int plot_report_write(const struct report *r, int64_t now_ms, const char *path, stet_why *why);

#endif
