/* SPDX-License-Identifier: MIT
 *
 * The workflows of the engine's workloads: small, and together everything a run can do. A workflow id begins
 * with its workflow's name and a '-', so that a checker knows how the run may end.
 */
#ifndef TESTS_POWER_FLOWS_H
#define TESTS_POWER_FLOWS_H

#include "stet/app.h"

enum { FLOWS_COUNT = 6 };

extern const char *const flow_names[FLOWS_COUNT];

void flows_register(stet_app *app);

/* Whether a run that nobody cancelled or terminated may end so (enum run_ending). */
bool flow_may_end(const char *workflow_id, uint32_t ending);

#endif
