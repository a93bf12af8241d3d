/* SPDX-License-Identifier: MIT
 *
 * Backing up: the directory's logs and stores are held as they are at one moment, the stores are copied, and
 * what the logs have behind the stores' checkpoints is written into new logs that begin there.
 *
 * The moment. Shards commit on their own, and what one sends is in another's log only after it was committed
 * in its own. So all are held, and held again, until none has committed between the first look and the last
 * hold: then there was a moment at which all were as they are held, and no message has arrived that was not
 * sent.
 */
#include "stet/backup.h"

#include "base/run_id.h"
#include "wal/dir_lock_os.h"
#include "wal/file_os.h"
#include "wal/log.h"
#include "wal/manifest.h"
#include "wal/store.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { HOLD_TRIES = 10000, GROUP_BYTES = 4 << 20 };

struct part {
        struct log *log;
        struct store *store; /* NULL: a directory of format 1 has none */
};

struct backup {
        struct data_dir from;
        const char *to;
        struct part parts[DATA_DIR_SHARDS_MAX];
        struct manifest manifest;
        const stet_backup_progress *progress;
        stet_why *why;
};

static void tell(const stet_backup_progress *progress, const char *doing, uint64_t done, uint64_t of)
{
        if (progress && progress->tell)
                progress->tell(progress->context, doing, done, of);
}

/* --- opening --- */

/* LMDB's locks belong to processes: opening a file twice in one lets go of them. */
static int refuse_own(const char *path, stet_why *why)
{
        struct dir_holder holder;
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        bool own = fd >= 0 && dir_lock_holder(fd, &holder) == 0 && holder.pid == getpid();
        if (fd >= 0)
                close(fd);
        return own ? stet_why_set(why, STET_EINVAL, "%s is open in this process; back it up from another one",
                                  path)
                   : 0;
}

static int open_part(struct backup *b, uint32_t shard)
{
        char *log = data_dir_log_path(&b->from, shard), *store = data_dir_store_path(&b->from, shard);
        int err = log_lmdb_open_reading(log, false, &b->parts[shard].log, b->why);
        if (!err && b->from.format > 1)
                err = store_lmdb_open_reading(store, false, &b->parts[shard].store, b->why);
        free(log);
        free(store);
        return err;
}

static void close_parts(struct backup *b)
{
        for (uint32_t i = 0; i < b->from.shards; i++) {
                log_close(b->parts[i].log);
                store_close(b->parts[i].store);
        }
}

/* --- the moment --- */

struct moment {
        uint64_t log;
        uint64_t store;
};

static int hold_part(const struct part *part, struct moment *ret, stet_why *why)
{
        int err = part->store ? store_lmdb_hold(part->store, &ret->store, why) : 0;
        return err ? err : log_lmdb_hold(part->log, &ret->log, why);
}

/* The store's end must be in the log: it may have been trimmed between the two holds. */
static bool log_follows(const struct part *part)
{
        return !part->store || (part->store->checkpoint.lsn + 1 >= part->log->first_lsn &&
                                part->store->checkpoint.lsn <= part->log->last_lsn);
}

static int hold_once(struct backup *b, bool *ret_same)
{
        struct moment before[DATA_DIR_SHARDS_MAX], held;
        int err = 0;
        *ret_same = true;
        for (uint32_t i = 0; i < b->from.shards; i++)
                before[i] = (struct moment){ log_lmdb_newest(b->parts[i].log),
                                             b->parts[i].store ? store_lmdb_newest(b->parts[i].store) : 0 };
        for (uint32_t i = 0; i < b->from.shards && !err; i++) {
                held = before[i];
                err = hold_part(&b->parts[i], &held, b->why);
                *ret_same &= held.log == before[i].log && held.store == before[i].store;
        }
        return err;
}

static int hold_all(struct backup *b)
{
        bool same = false;
        int err = 0;
        for (int i = 0; i < HOLD_TRIES && !same && !err; i++)
                err = hold_once(b, &same);
        if (!err && !same)
                err = stet_why_set(
                    b->why, STET_EBUSY,
                    "%s commits so often that no moment between two commits was found; try again",
                    b->from.path);
        for (uint32_t i = 0; i < b->from.shards && !err; i++)
                if (!log_follows(&b->parts[i]))
                        err = stet_why_set(b->why, STET_ECORRUPT,
                                           "shard %" PRIu32 " of %s: its store ends with record %" PRIu64
                                           ", and its log has records %" PRIu64 " to %" PRIu64,
                                           i, b->from.path, b->parts[i].store->checkpoint.lsn,
                                           b->parts[i].log->first_lsn, b->parts[i].log->last_lsn);
        return err;
}

/* --- copying --- */

static void copied_entries(void *ctx, uint64_t entries)
{
        const struct backup *b = ctx;
        tell(b->progress, "entries of the store", entries, 0);
}

static int copy_store(struct backup *b, uint32_t shard, struct store_checkpoint *ret)
{
        struct data_dir to = { .path = (char *)(uintptr_t)b->to };
        char *path = data_dir_store_path(&to, shard);
        int err = store_lmdb_copy(b->parts[shard].store, path, copied_entries, b, ret, b->why);
        free(path);
        return err;
}

struct log_copy {
        struct backup *backup;
        struct log *to;
        struct log_group group;
        uint64_t records;
        uint64_t of;
};

static int flush(struct log_copy *c)
{
        int err = log_append(c->to, c->to->epoch, &c->group, c->backup->why);
        log_group_reset(&c->group, c->to->last_lsn, c->to->last_crc);
        tell(c->backup->progress, "records of the log", c->records, c->of);
        return err;
}

static int copy_record(void *ctx, const struct record *record)
{
        struct log_copy *c = ctx;
        record_encode(&c->group.bytes, record);
        c->group.count++;
        c->group.chain = record->crc;
        c->records++;
        return c->group.bytes.size < GROUP_BYTES ? 0 : flush(c);
}

/* The new log's records are those of the old one from there on, byte for byte. */
static int copy_records(struct log_copy *c, const struct log *from, struct store_checkpoint behind)
{
        log_group_reset(&c->group, behind.lsn, behind.crc);
        c->of = from->last_lsn - behind.lsn;
        int err = 0;
        if (c->of)
                err = log_read((struct log *)(uintptr_t)from, behind.lsn + 1, copy_record, c, c->backup->why);
        if (!err)
                err = flush(c);
        if (!err && c->to->last_lsn != from->last_lsn)
                err = stet_why_set(c->backup->why, STET_ECORRUPT,
                                   "the log ends with record %" PRIu64 ", but only those up to %" PRIu64
                                   " could be read",
                                   from->last_lsn, c->to->last_lsn);
        log_group_fini(&c->group);
        return err ? err : log_sync(c->to, c->backup->why);
}

/* Its epoch is above that of the old one, so that the store, which has that one, takes what follows. */
static int copy_log(struct backup *b, uint32_t shard, struct store_checkpoint behind, uint64_t *ret_records)
{
        struct data_dir to = { .path = (char *)(uintptr_t)b->to };
        struct log_copy c = { .backup = b };
        struct log_lmdb_options options = { .path = data_dir_log_path(&to, shard),
                                            .level = LOG_RELAXED,
                                            .epoch_min = b->parts[shard].log->epoch + 1 };
        int err = log_lmdb_create_at(options.path, behind.lsn + 1, behind.crc, b->why);
        if (!err)
                err = log_lmdb_open(&options, &c.to, b->why);
        if (!err) {
                err = copy_records(&c, b->parts[shard].log, behind);
                log_close(c.to);
        }
        *ret_records = c.records;
        free((char *)(uintptr_t)options.path);
        return err;
}

static void hashed(void *ctx, uint64_t bytes)
{
        const struct backup *b = ctx;
        tell(b->progress, "bytes read again", bytes, 0);
}

static int describe_file(struct backup *b, uint32_t shard, bool store)
{
        struct manifest_file *file = manifest_add_file(&b->manifest, shard, store);
        return file_copy(b->to, file->name, NULL, &file->bytes, file->digest, hashed, b, b->why);
}

/* A directory without a store begins with record 1. */
static int copy_part(struct backup *b, uint32_t shard)
{
        const struct part *part = &b->parts[shard];
        struct manifest_shard *about = &b->manifest.shards[shard];
        struct store_checkpoint behind = { 0 };
        int err = part->store ? copy_store(b, shard, &behind) : 0;
        if (!err)
                err = copy_log(b, shard, behind, &about->records);
        if (!err)
                err = describe_file(b, shard, false);
        if (!err && part->store)
                err = describe_file(b, shard, true);
        about->checkpoint_lsn = behind.lsn;
        about->last_lsn = part->log->last_lsn;
        about->epoch = part->log->epoch;
        return err;
}

/* LMDB leaves its lock file behind. */
static void remove_locks(struct backup *b)
{
        for (uint32_t i = 0; i < b->from.shards; i++) {
                char path[4096];
                snprintf(path, sizeof path, "%s/shard-%" PRIu32 ".log-lock", b->to, i);
                unlink(path);
        }
}

static int64_t now_ms(void)
{
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void report(const struct manifest *m, uint64_t incarnation, stet_backup_report *ret)
{
        *ret = (stet_backup_report){ .made_ms = m->made_ms, .shards = m->shards_count };
        run_id_print(incarnation, ret->incarnation);
        for (uint32_t i = 0; i < m->shards_count; i++)
                ret->records += m->shards[i].records;
        for (size_t i = 0; i < m->files_count; i++)
                ret->bytes += m->files[i].bytes;
}

static int copy_all(struct backup *b)
{
        int err = hold_all(b);
        b->manifest = (struct manifest){ .made_ms = now_ms(),
                                         .format = b->from.format,
                                         .shards_count = b->from.shards,
                                         .incarnation = b->from.incarnation };
        for (uint32_t i = 0; i < b->from.shards && !err; i++)
                err = copy_part(b, i);
        remove_locks(b);
        return err ? err : manifest_write(b->to, &b->manifest, b->why);
}

int stet_backup(const char *data_dir, const char *backup, const stet_backup_progress *progress,
                stet_backup_report *ret, stet_why *why)
{
        struct backup b = { .to = backup, .progress = progress, .why = why };
        int err = data_dir_peek(data_dir, &b.from, why);
        if (err)
                return err;
        err = refuse_own(data_dir, why);
        for (uint32_t i = 0; i < b.from.shards && !err; i++)
                err = open_part(&b, i);
        if (!err)
                err = file_make_dir(backup, NULL, why);
        if (!err)
                err = copy_all(&b);
        close_parts(&b);
        data_dir_close(&b.from);
        if (!err)
                report(&b.manifest, b.manifest.incarnation, ret);
        return err;
}

/* --- reading a backup --- */

struct reading {
        const stet_backup_progress *progress;
        uint64_t bytes;
        uint64_t of;
};

static void read_on(void *ctx, uint64_t bytes)
{
        struct reading *r = ctx;
        r->bytes += bytes;
        tell(r->progress, "bytes", r->bytes, r->of);
}

static int read_manifest(const char *backup, struct manifest *ret, stet_why *why)
{
        int err = manifest_read(backup, ret, why);
        if (err == STET_ENOTFOUND)
                stet_why_set(why, err, "%s has no backup.json: it is no backup, or one that was not finished",
                             backup);
        return err;
}

/* Reads every file, into that directory if there is one. */
static int read_files(const char *backup, const char *to, const struct manifest *m,
                      const stet_backup_progress *progress, stet_why *why)
{
        struct reading r = { .progress = progress };
        int err = 0;
        for (size_t i = 0; i < m->files_count; i++)
                r.of += m->files[i].bytes;
        for (size_t i = 0; i < m->files_count && !err; i++) {
                const struct manifest_file *file = &m->files[i];
                char digest[DIGEST_TEXT_SIZE];
                uint64_t bytes;
                err = file_copy(backup, file->name, to, &bytes, digest, read_on, &r, why);
                if (err == STET_ENOTFOUND)
                        err = STET_ECORRUPT;
                if (!err && (bytes != file->bytes || strcmp(digest, file->digest) != 0))
                        err = stet_why_set(
                            why, STET_ECORRUPT,
                            "%s/%s is damaged: it is not what backup.json says; use another backup", backup,
                            file->name);
        }
        return err;
}

int stet_backup_check(const char *backup, const stet_backup_progress *progress, stet_backup_report *ret,
                      stet_why *why)
{
        struct manifest m;
        int err = read_manifest(backup, &m, why);
        if (!err)
                err = read_files(backup, NULL, &m, progress, why);
        if (!err)
                report(&m, m.incarnation, ret);
        return err;
}

/* --- restoring --- */

static void remove_files(const char *dir, const struct manifest *m)
{
        char path[4096];
        for (size_t i = 0; i < m->files_count; i++) {
                snprintf(path, sizeof path, "%s/%s", dir, m->files[i].name);
                unlink(path);
        }
}

/* stet.meta comes last: until then it is no data directory, and nobody takes it for one. */
static int restore_into(const char *backup, const char *dir, const struct manifest *m,
                        const stet_backup_progress *progress, uint64_t *ret_incarnation, stet_why *why)
{
        int err = read_files(backup, dir, m, progress, why);
        if (!err)
                err = file_sync_dir(dir, why);
        if (!err)
                err = data_dir_seal(dir, m->format, m->shards_count, ret_incarnation, why);
        if (err)
                remove_files(dir, m);
        return err;
}

int stet_restore(const char *backup, const char *data_dir, const stet_backup_progress *progress,
                 stet_backup_report *ret, stet_why *why)
{
        struct manifest m;
        uint64_t incarnation = 0;
        int lock_fd, err = read_manifest(backup, &m, why);
        if (!err)
                err = file_make_dir(data_dir, "lock", why);
        if (err)
                return err;
        int dir_fd = open(data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir_fd < 0)
                return stet_why_set(why, STET_EIO, "cannot open %s", data_dir);
        err = dir_lock_take(dir_fd, data_dir, &lock_fd, why);
        if (!err) {
                err = restore_into(backup, data_dir, &m, progress, &incarnation, why);
                dir_lock_release(lock_fd);
        }
        close(dir_fd);
        if (!err)
                report(&m, incarnation, ret);
        return err;
}
