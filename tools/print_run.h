/* SPDX-License-Identifier: MIT
 *
 * Runs as text: the list, one in full, its history.
 */
#ifndef TOOLS_PRINT_RUN_H
#define TOOLS_PRINT_RUN_H

#include "stet/value.h"

#include <stdio.h>

/* What stet_client_list() gave. */
void print_runs(FILE *out, const stet_value *runs);

/* What stet_client_show() gave. */
void print_run(FILE *out, const stet_value *run);

/* Pages of stet_client_history(), in order. start_ms is what times are relative to; < 0: the first
 * transition's. */
void print_history(FILE *out, const stet_value *pages, size_t pages_count, int64_t start_ms);

#endif
