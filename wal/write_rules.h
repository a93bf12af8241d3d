/* SPDX-License-Identifier: MIT
 *
 * What holds for whoever writes, to the log and to the store alike: only the newest opener may, and after
 * some failures it is not known what became of the write.
 */
#ifndef WAL_WRITE_RULES_H
#define WAL_WRITE_RULES_H

#include "stet/error.h"

#include <stdbool.h>
#include <stdint.h>

/* 0 when what is called name was opened last under the writer's epoch; else STET_EFENCED. */
int write_rules_epoch(const char *name, uint64_t epoch, uint64_t writer_epoch, stet_why *why);

/* Whether a write that failed with err changed nothing. */
bool write_rules_outcome_is_known(int err);

#endif
