/* SPDX-License-Identifier: MIT
 *
 * Two rules that every writer keeps, in one place.
 */
#include "wal/write_rules.h"

#include <inttypes.h>

int write_rules_epoch(const char *name, uint64_t epoch, uint64_t writer_epoch, stet_why *why)
{
        if (epoch == writer_epoch)
                return 0;
        return stet_why_set(why, STET_EFENCED,
                            "%s was opened by a newer process (its epoch is %" PRIu64
                            ", this writer's is %" PRIu64 "); this one may write nothing more",
                            name, epoch, writer_epoch);
}

bool write_rules_outcome_is_known(int err)
{
        return err == STET_EFULL || err == STET_EFENCED || err == STET_EINVAL;
}
