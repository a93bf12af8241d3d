/* SPDX-License-Identifier: MIT
 *
 * What holds for every store: a group must be whole and continue the log, and a log whose last write failed
 * with an unknown outcome takes nothing more. That state lasts until the log is opened again, because only
 * the disk knows what became of the group.
 */
#include "wal/log.h"

#include "wal/record_layout.h"
#include "wal/write_rules.h"

#include <inttypes.h>

/* LMDB writes the pages of a larger transaction to the disk early, on a path that its 0.9 releases had faults
 * in. */
enum { GROUP_SIZE_MAX = 256 << 20 };

static int refuse_stopped(stet_why *why)
{
        return stet_why_set(why, STET_EIO,
                            "an earlier write to this log failed and its outcome is unknown; nothing more is "
                            "written until the log is opened again");
}

/* The group's bytes are count records, one after the other. */
static bool group_is_whole(const struct log_group *group)
{
        struct bytes rest = buffer_bytes(&group->bytes);
        uint32_t count = 0;
        for (; rest.size; count++) {
                if (!record_fits(rest))
                        return false;
                uint32_t length = record_length(rest.data);
                rest = bytes_of(rest.data + length, rest.size - length);
        }
        return count == group->count;
}

static int check_group(const struct log *log, const struct log_group *group, stet_why *why)
{
        if (!group_is_whole(group))
                return stet_why_set(why, STET_EINVAL,
                                    "the group's %zu bytes are not the %" PRIu32 " records it counts",
                                    group->bytes.size, group->count);
        if (group->bytes.size > GROUP_SIZE_MAX)
                return stet_why_set(why, STET_EINVAL,
                                    "the group has %zu bytes; a log takes at most %d at a time",
                                    group->bytes.size, GROUP_SIZE_MAX);
        const uint8_t *first = group->bytes.data;
        if (group->first_lsn != log->last_lsn + 1 || record_lsn(first) != group->first_lsn)
                return stet_why_set(why, STET_EINVAL,
                                    "the group begins with record %" PRIu64
                                    ", but the log goes on with %" PRIu64,
                                    record_lsn(first), log->last_lsn + 1);
        if (record_chain(first) != log->last_crc)
                return stet_why_set(why, STET_EINVAL,
                                    "the group continues another record %" PRIu64 " (chain %08" PRIx32
                                    ", the log's is %08" PRIx32 ")",
                                    log->last_lsn, record_chain(first), log->last_crc);
        return 0;
}

int log_append(struct log *log, uint64_t epoch, const struct log_group *group, stet_why *why)
{
        if (log->stopped)
                return refuse_stopped(why);
        if (!group->count && !group->bytes.size)
                return 0;
        int err = check_group(log, group, why);
        if (err)
                return err;
        err = log->ops->append(log, epoch, group, why);
        if (err) {
                if (!write_rules_outcome_is_known(err))
                        log->stopped = true;
                return err;
        }
        log->last_lsn = log_group_next_lsn(group) - 1;
        log->last_crc = group->chain;
        log->stats.commits++;
        log->stats.records += group->count;
        log->stats.bytes += group->bytes.size;
        return 0;
}

int log_sync(struct log *log, stet_why *why)
{
        if (log->stopped)
                return refuse_stopped(why);
        int err = log->ops->sync(log, why);
        if (err)
                log->stopped = true;
        return err;
}

int log_read(struct log *log, uint64_t from_lsn, log_visit_fn *visit, void *ctx, stet_why *why)
{
        return log->ops->read(log, from_lsn, visit, ctx, why);
}

void log_trim(struct log *log, uint64_t to_lsn)
{
        uint64_t before = atomic_load_explicit(&log->trim_lsn, memory_order_relaxed);
        while (before < to_lsn &&
               !atomic_compare_exchange_weak_explicit(&log->trim_lsn, &before, to_lsn, memory_order_relaxed,
                                                      memory_order_relaxed))
                ;
}

/* A reader sees a record in the file before the appender has counted it, so that more may be asked for than
 * there is. */
uint64_t log_trim_lsn(const struct log *log)
{
        uint64_t to_lsn = atomic_load_explicit(&log->trim_lsn, memory_order_relaxed);
        return to_lsn <= log->last_lsn ? to_lsn : log->last_lsn + 1;
}

void log_close(struct log *log)
{
        if (log)
                log->ops->close(log);
}
