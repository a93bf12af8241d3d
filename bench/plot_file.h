/* SPDX-License-Identifier: MIT
 *
 * The file that a plot goes to. It appears as a whole or not at all: what stood there before stays until the
 * new one is complete.
 */
#ifndef BENCH_PLOT_FILE_H
#define BENCH_PLOT_FILE_H

#include "base/bytes.h"
#include "stet/error.h"

/* Whether plot_file_write() could write there: a measurement of ten minutes must not end with a path that
 * does not exist. Leaves nothing behind. 0 or STET_EINVAL with the path and the reason. */
int plot_file_check(const char *path, stet_why *why);

/* 0 or STET_EIO. */
int plot_file_write(const char *path, struct bytes content, stet_why *why);

#endif
