/* SPDX-License-Identifier: MIT
 *
 * The workflow "chain3", which other workloads load an engine with as well.
 */
#ifndef BENCH_CHAIN3_H
#define BENCH_CHAIN3_H

#include "stet/app.h"

/* Registers the workflow and its activity. */
void chain3_register(stet_app *app);

#endif
