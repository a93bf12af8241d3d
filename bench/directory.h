/* SPDX-License-Identifier: MIT
 *
 * The temporary directories of `bench`.
 */
#ifndef BENCH_DIRECTORY_H
#define BENCH_DIRECTORY_H

#include "stet/error.h"

/* PARENT/NAME, empty. 0 or STET_EIO. */
int directory_make(const char *parent, const char *name, char *ret_path, size_t size, stet_why *why);

/* With all that is in it; follows no symbolic link. What can't be removed is told on standard error. */
void directory_remove(const char *path);

#endif
