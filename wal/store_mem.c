/* SPDX-License-Identifier: MIT
 *
 * The simulator's store: the same rules on a disk made of memory, a sorted array of entries. A commit merges
 * its changes into a new array. A crash is modelled by what is not there: only what a commit said 0 for (or
 * what a planned failure applied) is found by the next opening.
 */
#include "wal/mem_disk.h"
#include "wal/store.h"
#include "wal/store_fill.h"
#include "wal/write_rules.h"

#include <inttypes.h>
#include <stdlib.h>

struct entry {
        uint8_t *data; /* the key, then the value */
        uint32_t key_size;
        uint32_t value_size;
};

struct store_disk {
        struct mem_disk disk;
        struct entry *entries; /* in the order of keys */
        size_t count;
        uint64_t bytes; /* of keys and values */
        struct store_checkpoint checkpoint;
};

struct store_mem {
        struct store store;
        struct store_disk *disk;
};

struct store_disk *store_disk_new(void)
{
        struct store_disk *disk = xcalloc(1, sizeof *disk);
        mem_disk_init(&disk->disk);
        return disk;
}

void store_disk_free(struct store_disk *disk)
{
        if (!disk)
                return;
        for (size_t i = 0; i < disk->count; i++)
                free(disk->entries[i].data);
        free(disk->entries);
        free(disk);
}

void store_disk_fail_after(struct store_disk *disk, int commits, int err, bool apply)
{
        mem_disk_fail_after(&disk->disk, commits, err, apply);
}

static struct bytes key_of(const struct entry *e)
{
        return bytes_of(e->data, e->key_size);
}

/* How many entries have lower keys. */
static size_t find(const struct store_disk *disk, struct bytes key)
{
        size_t low = 0, high = disk->count;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                if (bytes_compare(key_of(&disk->entries[middle]), key) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

/* --- commit --- */

static struct entry entry_of(const struct store_batch *batch, const struct store_change *c)
{
        return (struct entry){
                .data = xmemdup(batch->bytes.data + c->at, (size_t)c->key_size + c->value_size),
                .key_size = c->key_size,
                .value_size = c->value_size,
        };
}

static void drop(struct store_disk *disk, struct entry *e)
{
        disk->bytes -= (uint64_t)e->key_size + e->value_size;
        free(e->data);
}

static void apply_changes(struct store_disk *disk, const struct store_batch *batch)
{
        struct entry *old = disk->entries, *all = xmalloc((disk->count + batch->count + 1) * sizeof *all);
        size_t count = 0, at = 0;
        for (size_t i = 0; i < batch->count; i++) {
                const struct store_change *c = &batch->changes[i];
                struct bytes key = store_change_key(batch, c);
                int order = -1;
                while (at < disk->count && (order = bytes_compare(key_of(&old[at]), key)) < 0)
                        all[count++] = old[at++];
                if (at < disk->count && order == 0)
                        drop(disk, &old[at++]);
                if (c->value_size == STORE_REMOVED)
                        continue;
                all[count++] = entry_of(batch, c);
                disk->bytes += (uint64_t)c->key_size + c->value_size;
        }
        while (at < disk->count)
                all[count++] = old[at++];
        free(old);
        disk->entries = all;
        disk->count = count;
}

static int commit_locked(struct store_disk *disk, uint64_t epoch, const struct store_batch *batch,
                         struct store_checkpoint to, stet_why *why)
{
        bool apply;
        int err = write_rules_epoch("the store", disk->disk.epoch, epoch, why);
        if (err)
                return err;
        err = mem_disk_write(&disk->disk, &apply);
        if (apply) {
                apply_changes(disk, batch);
                disk->checkpoint = to;
        }
        if (!err)
                return 0;
        return stet_why_set(why, err, "the simulated disk failed at the commit of record %" PRIu64 ": %s",
                            to.lsn, stet_error_text(err));
}

static int commit(struct store *s, const struct store_batch *batch, struct store_checkpoint to, stet_why *why)
{
        struct store_disk *disk = ((struct store_mem *)s)->disk;
        mem_disk_lock(&disk->disk);
        int err = commit_locked(disk, s->epoch, batch, to, why);
        s->stats.disk_bytes = disk->bytes;
        mem_disk_unlock(&disk->disk);
        return err;
}

/* --- reading --- */

static int get(struct store *s, struct bytes key, struct buffer *ret, stet_why *why)
{
        struct store_disk *disk = ((struct store_mem *)s)->disk;
        (void)why;
        mem_disk_lock(&disk->disk);
        size_t at = find(disk, key);
        bool found = at < disk->count && bytes_equal(key_of(&disk->entries[at]), key);
        if (found)
                buffer_append(ret, disk->entries[at].data + key.size, disk->entries[at].value_size);
        mem_disk_unlock(&disk->disk);
        return found ? 0 : STET_ENOTFOUND;
}

static void copy_entry(const struct entry *e, struct buffer *ret)
{
        size_t at = store_fill_begin(ret, key_of(e));
        buffer_append(ret, e->data + e->key_size, e->value_size);
        store_fill_end(ret, at);
}

static int fill(struct store *s, const struct store_range *range, size_t size, struct buffer *ret,
                stet_why *why)
{
        struct store_disk *disk = ((struct store_mem *)s)->disk;
        (void)why;
        mem_disk_lock(&disk->disk);
        size_t from = find(disk, range->from), to = range->to.size ? find(disk, range->to) : disk->count;
        while (from < to && ret->size < size)
                copy_entry(&disk->entries[range->backwards ? --to : from++], ret);
        mem_disk_unlock(&disk->disk);
        return 0;
}

/* --- opening --- */

static void close_store(struct store *s)
{
        free(s);
}

static const struct store_ops store_mem_ops = {
        .commit = commit,
        .get = get,
        .fill = fill,
        .close = close_store,
};

struct store *store_mem_open(struct store_disk *disk, uint64_t epoch)
{
        struct store_mem *m = xcalloc(1, sizeof *m);
        mem_disk_lock(&disk->disk);
        if (disk->disk.epoch < epoch)
                disk->disk.epoch = epoch;
        m->disk = disk;
        m->store = (struct store){
                .ops = &store_mem_ops,
                .epoch = epoch,
                .checkpoint = disk->checkpoint,
                .stats.disk_bytes = disk->bytes,
        };
        mem_disk_unlock(&disk->disk);
        return &m->store;
}
