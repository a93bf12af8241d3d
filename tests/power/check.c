/* SPDX-License-Identifier: MIT */
#include "tests/power/check.h"

#include <inttypes.h>

struct reading {
        const struct session *before;
        struct session *after;
        uint64_t next_lsn;
};

static int check_record(void *ctx, const struct record *record)
{
        struct reading *r = ctx;
        if (record->lsn != r->next_lsn || record->lsn > r->before->records_count ||
            record->crc != r->before->records[record->lsn - 1].crc)
                session_wrong(r->after, "P4: record %" PRIu64 " is not the one that was appended",
                              record->lsn);
        r->next_lsn = record->lsn + 1;
        return r->after->wrong[0] ? STET_ECORRUPT : 0;
}

static bool check_records(struct log *log, const struct session *before, struct session *after)
{
        stet_why why = { "" };
        struct reading r = { before, after, log->first_lsn };
        int err = log_read(log, 1, check_record, &r, &why);
        if (err)
                return session_wrong(after, "P7: the log can't be read: %s", why.text);
        if (r.next_lsn != log->last_lsn + 1)
                return session_wrong(after, "P4: the log ends with %" PRIu64 ", and %" PRIu64 " can be read",
                                     log->last_lsn, r.next_lsn - 1);
        return true;
}

static bool check_first(const struct log *log, const struct session *before, struct session_ack promised,
                        struct session *after)
{
        uint64_t first = log->first_lsn;
        if (first < promised.first)
                return session_wrong(
                    after, "P4: the log had forgotten what is before %" PRIu64 "; it begins with %" PRIu64,
                    promised.first, first);
        if (first > 1 && first > before->trimmed_to)
                return session_wrong(after,
                                     "P4: the log begins with %" PRIu64 "; nobody trimmed it beyond %" PRIu64,
                                     first, before->trimmed_to);
        return true;
}

static bool check_last(const struct log *log, const struct session *before, struct session_ack promised,
                       struct session *after)
{
        if (log->last_lsn < promised.lsn)
                return session_wrong(
                    after, "P2: record %" PRIu64 " was promised to be durable; the log ends with %" PRIu64,
                    promised.lsn, log->last_lsn);
        if (log->last_lsn > before->records_count)
                return session_wrong(after, "P4: the log ends with %" PRIu64 "; only %zu were appended",
                                     log->last_lsn, before->records_count);
        if (log->last_lsn && !before->records[log->last_lsn - 1].ends_group)
                return session_wrong(after, "P3: the log ends with %" PRIu64 ", in the middle of a group",
                                     log->last_lsn);
        return true;
}

bool check_log(struct log *log, const struct session *before, size_t acks, struct session *after)
{
        struct session_ack promised = session_promised(before, acks);
        if (!check_last(log, before, promised, after) || !check_first(log, before, promised, after) ||
            !check_records(log, before, after))
                return false;
        if (log->epoch <= promised.epoch)
                return session_wrong(after,
                                     "P14: the log was opened with epoch %" PRIu64 "; now it has %" PRIu64,
                                     promised.epoch, log->epoch);
        after->records_count = (size_t)log->last_lsn;
        return true;
}
