/* SPDX-License-Identifier: MIT
 *
 * What holds for every kind of store: limits, a checkpoint that only goes forward, a store whose last commit
 * failed with an unknown outcome takes nothing more. And how it is scanned: a kind only copies entries out,
 * piece by piece. Copied, because then nothing is locked or pinned while the visitor works.
 */
#include "wal/store.h"

#include "wal/store_fill.h"
#include "wal/write_rules.h"

#include <inttypes.h>

/* Scans begin with small pieces, because many want one entry, and go on with larger ones. */
enum { FILL_SIZE_FIRST = 4096, FILL_GROWTH = 8, FILL_SIZE_MAX = 256 << 10 };

/* --- commit --- */

static int check_change(const struct store_change *c, stet_why *why)
{
        if (c->key_size == 0 || c->key_size > STORE_KEY_MAX)
                return stet_why_set(why, STET_EINVAL, "a key has no bytes or more than %d", STORE_KEY_MAX);
        if (c->order_hi >> 56 == 0)
                return stet_why_set(why, STET_EINVAL,
                                    "a key begins with a zero byte: such are the store's own");
        if (c->value_size > STORE_VALUE_MAX && c->value_size != STORE_REMOVED)
                return stet_why_set(why, STET_EINVAL, "a value has more than %d bytes", STORE_VALUE_MAX);
        return 0;
}

static int check_batch(const struct store_batch *batch, stet_why *why)
{
        int err = 0;
        for (size_t i = 0; i < batch->count && !err; i++)
                err = check_change(&batch->changes[i], why);
        return err;
}

static int check_checkpoint(const struct store *s, struct store_checkpoint to, stet_why *why)
{
        const struct store_checkpoint *now = &s->checkpoint;
        if (to.lsn > now->lsn || (to.lsn == now->lsn && to.crc == now->crc))
                return 0;
        return stet_why_set(why, STET_EINVAL,
                            "the checkpoint cannot go from record %" PRIu64 " (checksum %08" PRIx32
                            ") to record %" PRIu64 " (%08" PRIx32 ")",
                            now->lsn, now->crc, to.lsn, to.crc);
}

int store_commit(struct store *s, struct store_batch *batch, struct store_checkpoint to, stet_why *why)
{
        if (s->stopped)
                return stet_why_set(
                    why, STET_EIO,
                    "an earlier commit to this store failed and its outcome is unknown; nothing "
                    "more is written until it is opened again");
        int err = check_batch(batch, why);
        if (!err)
                err = check_checkpoint(s, to, why);
        if (err || (!batch->count && to.lsn == s->checkpoint.lsn))
                return err;
        store_batch_sort(batch);
        err = s->ops->commit(s, batch, to, why);
        if (err) {
                s->stopped = !write_rules_outcome_is_known(err);
                return err;
        }
        s->checkpoint = to;
        s->stats.commits++;
        s->stats.changes += batch->count;
        return 0;
}

/* --- reading --- */

int store_get(struct store *s, struct bytes key, struct buffer *ret, stet_why *why)
{
        if (key.size == 0 || key.size > STORE_KEY_MAX || key.data[0] == 0)
                return STET_ENOTFOUND;
        return s->ops->get(s, key, ret, why);
}

/* What is left of a range; its ends are copied. */
struct scan {
        struct store_range range;
        uint8_t from[STORE_KEY_MAX + 1];
        uint8_t to[STORE_KEY_MAX];
};

static struct bytes keep(uint8_t *at, struct bytes key)
{
        if (key.size)
                memcpy(at, key.data, key.size);
        return bytes_of(at, key.size);
}

/* Goes on behind that key: forward from the next one that there can be, backwards up to it. */
static void pass(struct scan *scan, struct bytes key)
{
        if (scan->range.backwards) {
                scan->range.to = keep(scan->to, key);
                return;
        }
        scan->range.from = keep(scan->from, key);
        scan->from[scan->range.from.size++] = 0;
}

static int visit_all(struct scan *scan, struct bytes rest, store_visit_fn *visit, void *ctx)
{
        struct bytes key = { 0 }, value;
        int err = 0;
        while (!err && store_fill_next(&rest, &key, &value))
                err = visit(ctx, key, value);
        if (key.size)
                pass(scan, key);
        return err;
}

static int scan_pieces(struct store *s, struct scan *scan, struct buffer *batch, store_visit_fn *visit,
                       void *ctx, stet_why *why)
{
        for (size_t size = FILL_SIZE_FIRST;; size *= size < FILL_SIZE_MAX ? FILL_GROWTH : 1) {
                buffer_clear(batch);
                int fill_err = s->ops->fill(s, &scan->range, size, batch, why);
                bool more = batch->size >= size;
                int err = visit_all(scan, buffer_bytes(batch), visit, ctx);
                if (err || fill_err || !more)
                        return err ? err : fill_err;
        }
}

int store_scan(struct store *s, struct bytes from, struct bytes to, bool backwards, store_visit_fn *visit,
               void *ctx, stet_why *why)
{
        struct scan scan;
        struct buffer batch = { 0 };
        if (from.size > STORE_KEY_MAX || to.size > STORE_KEY_MAX)
                return stet_why_set(why, STET_EINVAL, "an end of the range has more than %d bytes",
                                    STORE_KEY_MAX);
        scan.range = (struct store_range){ keep(scan.from, from), keep(scan.to, to), backwards };
        int err = scan_pieces(s, &scan, &batch, visit, ctx, why);
        buffer_fini(&batch);
        return err;
}

void store_close(struct store *s)
{
        if (s)
                s->ops->close(s);
}
