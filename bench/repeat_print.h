/* SPDX-License-Identifier: MIT
 *
 * What was measured several times, for people: the median of each figure and its range.
 */
#ifndef BENCH_REPEAT_PRINT_H
#define BENCH_REPEAT_PRINT_H

#include <stdio.h>

#include "stet/value.h"

/* A document as repetition_measure() makes it. */
void repeat_print(const stet_value *document, FILE *out);

#endif
