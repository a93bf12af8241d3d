/* SPDX-License-Identifier: MIT
 *
 * What must be so after a power cut, whatever the workload.
 */
#ifndef TESTS_POWER_CHECK_H
#define TESTS_POWER_CHECK_H

#include "tests/power/session.h"
#include "wal/log.h"

/* The log is a prefix, in whole groups, of what the session before the cut gave to it (P3, P4), with all that
 * its first `acks` promises say (P2), every checksum and the chain right (P7), opened with an epoch of its
 * own (P14). Says what is wrong in *after, and else shortens it to what is there. */
bool check_log(struct log *log, const struct session *before, size_t acks, struct session *after);

#endif
