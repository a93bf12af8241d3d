/* SPDX-License-Identifier: MIT
 *
 * A suite's document as a page in Markdown: a table a topic, each figure with its level, its median and
 * range, how to measure it again, and what it is.
 */
#ifndef BENCH_SUITE_PAGE_H
#define BENCH_SUITE_PAGE_H

#include <stdio.h>

#include "stet/value.h"

/* The document as suite_run() makes it. */
void suite_page_print(const stet_value *document, FILE *out);

#endif
