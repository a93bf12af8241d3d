/* SPDX-License-Identifier: MIT
 *
 * Logs of the records of records.h: appended in groups, and counted with a look at each.
 */
#ifndef TESTS_LIB_LOG_RECORDS_H
#define TESTS_LIB_LOG_RECORDS_H

#include "tests/lib/records.h"
#include "wal/log.h"

#include <criterion/criterion.h>

/* One group of records with bodies of that size. */
static inline int log_records_try(struct log *log, uint32_t count, size_t body_size, stet_why *why)
{
        struct log_group g = { 0 };
        log_group_reset(&g, log->last_lsn, log->last_crc);
        while (g.count < count)
                records_put(&g, body_size);
        int err = log_append(log, log->epoch, &g, why);
        log_group_fini(&g);
        return err;
}

static inline void log_records_append(struct log *log, uint32_t count, size_t body_size)
{
        stet_why why = { "" };
        cr_assert_eq(log_records_try(log, count, body_size, &why), 0, "%s", why.text);
}

/* Of log_read(): counts in *ctx (uint64_t), and looks whether it is right. */
static inline int log_records_visit(void *ctx, const struct record *r)
{
        cr_assert(records_are_right(r));
        ++*(uint64_t *)ctx;
        return 0;
}

static inline uint64_t log_records_count(struct log *log)
{
        uint64_t count = 0;
        stet_why why = { "" };
        cr_assert_eq(log_read(log, 0, log_records_visit, &count, &why), 0, "%s", why.text);
        return count;
}

#endif
