/* SPDX-License-Identifier: MIT
 *
 * The simulator's store: the same rules on a disk made of memory. A crash is modelled by what is not there:
 * only what append said 0 for (or what a planned failure applied) is found by the next opening.
 */
#include "wal/log_check.h"
#include "wal/mem_disk.h"
#include "wal/record_layout.h"
#include "wal/write_rules.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

struct log_disk {
        struct mem_disk disk;
        struct buffer bytes; /* the kept records, one after the other */
        size_t *starts;      /* where each lies in bytes */
        size_t starts_capacity;
        uint64_t first_lsn; /* of starts[0] */
        uint64_t last_lsn;
        uint32_t last_crc;
};

struct log_mem {
        struct log log;
        struct log_disk *disk;
};

struct log_disk *log_disk_new(void)
{
        struct log_disk *disk = xcalloc(1, sizeof *disk);
        mem_disk_init(&disk->disk);
        disk->first_lsn = 1;
        return disk;
}

void log_disk_free(struct log_disk *disk)
{
        if (!disk)
                return;
        buffer_fini(&disk->bytes);
        free(disk->starts);
        free(disk);
}

void log_disk_fail_after(struct log_disk *disk, int appends, int err, bool apply)
{
        mem_disk_fail_after(&disk->disk, appends, err, apply);
}

static size_t disk_count(const struct log_disk *disk)
{
        return (size_t)(disk->last_lsn + 1 - disk->first_lsn);
}

static void disk_put(struct log_disk *disk, const struct log_group *group)
{
        size_t index = disk_count(disk), count = index + group->count;
        if (count > disk->starts_capacity) {
                disk->starts_capacity = 2 * count;
                disk->starts = xrealloc(disk->starts, disk->starts_capacity * sizeof disk->starts[0]);
        }
        size_t at = disk->bytes.size;
        buffer_append(&disk->bytes, group->bytes.data, group->bytes.size);
        for (; index < count; index++) {
                disk->starts[index] = at;
                at += record_length(disk->bytes.data + at);
        }
        disk->last_lsn = log_group_next_lsn(group) - 1;
        disk->last_crc = group->chain;
}

/* Something is kept: a group is never forgotten by its own append. */
static void disk_trim(struct log_disk *disk, uint64_t to_lsn)
{
        if (to_lsn <= disk->first_lsn)
                return;
        assert(to_lsn <= disk->last_lsn);
        size_t dropped = (size_t)(to_lsn - disk->first_lsn), count = disk_count(disk) - dropped;
        size_t cut = disk->starts[dropped];
        disk->bytes.size -= cut;
        memmove(disk->bytes.data, disk->bytes.data + cut, disk->bytes.size);
        for (size_t i = 0; i < count; i++)
                disk->starts[i] = disk->starts[dropped + i] - cut;
        disk->first_lsn = to_lsn;
}

/* One transaction: what is forgotten and what is new are there together, or neither. */
static int append_locked(struct log_disk *disk, uint64_t epoch, uint64_t trim_lsn,
                         const struct log_group *group, stet_why *why)
{
        bool apply;
        int err = write_rules_epoch("the log", disk->disk.epoch, epoch, why);
        if (err)
                return err;
        err = mem_disk_write(&disk->disk, &apply);
        if (apply) {
                disk_put(disk, group);
                disk_trim(disk, trim_lsn);
        }
        if (!err)
                return 0;
        return stet_why_set(why, err, "the simulated disk failed at record %" PRIu64 ": %s", group->first_lsn,
                            stet_error_text(err));
}

static int append(struct log *log, uint64_t epoch, const struct log_group *group, stet_why *why)
{
        struct log_disk *disk = ((struct log_mem *)log)->disk;
        mem_disk_lock(&disk->disk);
        int err = append_locked(disk, epoch, log_trim_lsn(log), group, why);
        if (!err)
                log->first_lsn = disk->first_lsn;
        log->stats.disk_bytes = disk->bytes.size;
        mem_disk_unlock(&disk->disk);
        return err;
}

static int sync_log(struct log *log, stet_why *why)
{
        (void)log;
        (void)why;
        return 0;
}

static int fill(void *store, uint64_t *from_lsn, size_t size, struct buffer *batch, uint64_t *ret_lsn,
                stet_why *why)
{
        struct log_disk *disk = store;
        (void)why;
        mem_disk_lock(&disk->disk);
        if (*from_lsn < disk->first_lsn)
                *from_lsn = disk->first_lsn;
        *ret_lsn = *from_lsn;
        if (*from_lsn <= disk->last_lsn) {
                size_t from = disk->starts[*from_lsn - disk->first_lsn], to = from;
                while (to < disk->bytes.size && to - from < size)
                        to += record_length(disk->bytes.data + to);
                buffer_append(batch, disk->bytes.data + from, to - from);
        }
        mem_disk_unlock(&disk->disk);
        return 0;
}

static int read_log(struct log *log, uint64_t from_lsn, log_visit_fn *visit, void *ctx, stet_why *why)
{
        return log_read_batches(fill, ((struct log_mem *)log)->disk, from_lsn, visit, ctx, why);
}

static void close_log(struct log *log)
{
        free(log);
}

static const struct log_ops log_mem_ops = {
        .append = append,
        .sync = sync_log,
        .read = read_log,
        .close = close_log,
};

struct log *log_mem_open(struct log_disk *disk)
{
        struct log_mem *m = xcalloc(1, sizeof *m);
        mem_disk_lock(&disk->disk);
        m->disk = disk;
        m->log = (struct log){
                .ops = &log_mem_ops,
                .epoch = ++disk->disk.epoch,
                .first_lsn = disk->first_lsn,
                .last_lsn = disk->last_lsn,
                .last_crc = disk->last_crc,
                .stats.disk_bytes = disk->bytes.size,
        };
        mem_disk_unlock(&disk->disk);
        return &m->log;
}
