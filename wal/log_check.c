/* SPDX-License-Identifier: MIT
 *
 * The reader's side of the chain: see log_check.h. An LSN that is not the expected one means that records are
 * missing or from another place; a chain that is not the predecessor's checksum means that they are from
 * another past.
 */
#include "wal/log_check.h"

#include "wal/record_layout.h"

#include <inttypes.h>

struct log_check log_check_from(uint64_t lsn)
{
        return (struct log_check){ .lsn = lsn, .chain_known = lsn == 1 };
}

/* A damaged header's stream is worth telling only if its LSN is the expected one. */
static int damaged(const struct log_check *c, struct bytes data, stet_why *why)
{
        if (data.size < RECORD_HEADER_SIZE || record_lsn(data.data) != c->lsn)
                return stet_why_set(why, STET_ECORRUPT,
                                    "record %" PRIu64
                                    " is damaged, its header too, so its stream is not known; "
                                    "check the log with `stet verify` and restore a backup",
                                    c->lsn);
        return stet_why_set(why, STET_ECORRUPT,
                            "record %" PRIu64 " of stream %" PRIu64
                            " is damaged: its checksum does not match; "
                            "check the log with `stet verify` and restore a backup",
                            c->lsn, record_stream(data.data));
}

int log_check_next(struct log_check *c, struct bytes *rest, struct record *ret, stet_why *why)
{
        struct record record;
        size_t size;
        if (record_decode(*rest, &record, &size))
                return damaged(c, *rest, why);
        if (record.lsn != c->lsn)
                return stet_why_set(why, STET_ECORRUPT,
                                    "record %" PRIu64 " of stream %" PRIu64 " stands where record %" PRIu64
                                    " belongs; check the log with `stet verify` and restore a backup",
                                    record.lsn, record.stream, c->lsn);
        if (c->chain_known && record.chain != c->chain)
                return stet_why_set(why, STET_ECORRUPT,
                                    "record %" PRIu64 " of stream %" PRIu64
                                    " does not continue the record before it "
                                    "(chain %08" PRIx32 ", expected %08" PRIx32 "): it is from another past",
                                    record.lsn, record.stream, record.chain, c->chain);
        *c = (struct log_check){ .lsn = record.lsn + 1, .chain = record.crc, .chain_known = true };
        *rest = bytes_of(rest->data + size, rest->size - size);
        *ret = record;
        return 0;
}

static int visit_batch(struct log_check *c, struct bytes rest, uint64_t from_lsn, log_visit_fn *visit,
                       void *ctx, stet_why *why)
{
        while (rest.size) {
                struct record record;
                int err = log_check_next(c, &rest, &record, why);
                if (!err && record.lsn >= from_lsn)
                        err = visit(ctx, &record);
                if (err)
                        return err;
        }
        return 0;
}

int log_read_batches(log_fill_fn *fill, void *store, uint64_t from_lsn, log_visit_fn *visit, void *ctx,
                     stet_why *why)
{
        struct buffer batch = { 0 };
        struct log_check check = log_check_from(from_lsn ? from_lsn : 1);
        size_t size = LOG_BATCH_SIZE_FIRST;
        int err;
        do {
                uint64_t from = check.lsn, lsn = 0;
                stet_why fill_why;
                buffer_clear(&batch);
                int fill_err = fill(store, &from, size, &batch, &lsn, &fill_why);
                /* Another place than the last batch's end: the first batch, or the log was trimmed meanwhile.
                 */
                if (batch.size && lsn != check.lsn)
                        check = log_check_from(lsn);
                err = visit_batch(&check, buffer_bytes(&batch), from, visit, ctx, why);
                if (!err && fill_err)
                        err = stet_why_set(why, fill_err, "%s", fill_why.text);
                if (size < LOG_BATCH_SIZE_MAX)
                        size = batch.size > size ? batch.size * LOG_BATCH_GROWTH : size * LOG_BATCH_GROWTH;
        } while (!err && batch.size);
        buffer_fini(&batch);
        return err;
}
