/* SPDX-License-Identifier: MIT
 *
 * A new directory of what can be saved of a damaged one, shard by shard. The new log begins above every
 * number that the old one gave, and the new store, which is empty but for its secret, ends just before it:
 * the next opening folds the log into the store as it always does.
 */
#include "runtime/recover.h"

#include "base/run_id.h"
#include "runtime/run_store.h"
#include "stet/backup.h"
#include "wal/data_dir.h"
#include "wal/dir_lock_os.h"
#include "wal/file_os.h"
#include "wal/le.h"
#include "wal/salvage_lmdb.h"
#include "wal/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

struct recovering {
        struct data_dir from;
        struct data_dir to; /* its path only */
        void (*lost)(void *context, const char *run_id, const char *sentence);
        void *context;
        const stet_backup_progress *progress;
        stet_recover_report report;
        stet_why *why;
};

static void lose(void *ctx, uint64_t run, const char *sentence)
{
        struct recovering *g = ctx;
        char id[RUN_ID_SIZE] = "";
        if (run)
                run_id_print(run, id);
        g->report.lost += run != 0;
        if (g->lost)
                g->lost(g->context, id, sentence);
}

/* A file that is missing is damage as well. */
static int salvage(struct recovering *g, const char *path, salvage_visit_fn *take, struct recovery *r)
{
        stet_why sentence;
        bool whole = false;
        int err = salvage_lmdb(path, take, r, &whole, g->why);
        if (err == STET_ENOTFOUND)
                lose(g, 0, g->why->text);
        else if (!err && !whole) {
                stet_why_set(
                    &sentence, 0,
                    "%s: pages are damaged; what else is in the file was looked through, so that runs that "
                    "were removed may be back, and the last records of some may be lost",
                    path);
                lose(g, 0, sentence.text);
        }
        return err == STET_ENOTFOUND ? 0 : err;
}

static int read_shard(struct recovering *g, uint32_t shard, struct recovery *r)
{
        char *log = data_dir_log_path(&g->from, shard), *store = data_dir_store_path(&g->from, shard);
        int err = salvage(g, log, recovery_take_log, r);
        if (!err && g->from.format > 1)
                err = salvage(g, store, recovery_take_store, r);
        free(log);
        free(store);
        return err;
}

/* --- the new directory --- */

static int put_secret(struct store *store, uint64_t lsn, stet_why *why)
{
        struct store_batch batch = { 0 };
        struct run_key key = run_key_about("secret");
        uint8_t secret[16];
        if (getrandom(secret, sizeof secret, 0) != (ssize_t)sizeof secret)
                return stet_why_set(why, STET_EIO, "the system has no random number: %s", strerror(errno));
        store_put(&batch, run_key_bytes(&key), bytes_of(secret, sizeof secret));
        int err = store_commit(store, &batch, (struct store_checkpoint){ lsn, 0 }, why);
        store_batch_fini(&batch);
        return err;
}

static int write_store(struct recovering *g, uint32_t shard, uint64_t lsn)
{
        struct store *store;
        char *path = data_dir_store_path(&g->to, shard);
        struct store_lmdb_options options = { .path = path, .level = LOG_SYNC, .epoch = 1, .create = true };
        int err = store_lmdb_open(&options, &store, g->why);
        if (!err && lsn)
                err = put_secret(store, lsn, g->why);
        if (!err)
                store_close(store);
        free(path);
        return err;
}

static int write_log(struct recovering *g, uint32_t shard, uint64_t lsn, const struct recovery *r)
{
        struct log *log;
        char *path = data_dir_log_path(&g->to, shard);
        struct log_lmdb_options options = { .path = path, .level = LOG_RELAXED };
        int err = log_lmdb_create_at(path, lsn + 1, 0, g->why);
        if (!err)
                err = log_lmdb_open(&options, &log, g->why);
        if (!err) {
                err = recovery_write(r, log, g->why);
                if (!err)
                        err = log_sync(log, g->why);
                log_close(log);
        }
        free(path);
        return err;
}

/* What they had may be known from elsewhere, or lost with its run, or of a run of which nothing else is left.
 */
static void tell_unreadable(struct recovering *g, uint32_t shard, const struct recovery *r)
{
        stet_why sentence;
        if (!r->unreadable)
                return;
        stet_why_set(
            &sentence, 0,
            "shard %" PRIu32 ": %" PRIu64
            " entries can't be read; runs of which nothing else was found are lost, and the last records of "
            "others may be",
            shard, r->unreadable);
        lose(g, 0, sentence.text);
}

static int recover_shard(struct recovering *g, uint32_t shard)
{
        struct recovery r = { .last_lsn = 0 };
        int err = read_shard(g, shard, &r);
        if (!err) {
                g->report.runs += recovery_sort_out(&r, lose, g);
                tell_unreadable(g, shard, &r);
                err = write_log(g, shard, r.last_lsn, &r);
        }
        if (!err)
                err = write_store(g, shard, r.last_lsn);
        recovery_fini(&r);
        if (g->progress && g->progress->tell)
                g->progress->tell(g->progress->context, "runs", g->report.runs, 0);
        return err;
}

static int recover_all(struct recovering *g)
{
        uint64_t incarnation;
        int err = 0;
        for (uint32_t shard = 0; shard < g->from.shards && !err; shard++)
                err = recover_shard(g, shard);
        if (!err)
                err = file_sync_dir(g->to.path, g->why);
        if (!err)
                err = data_dir_seal(g->to.path, DATA_DIR_FORMAT, g->from.shards, &incarnation, g->why);
        if (!err)
                run_id_print(incarnation, g->report.incarnation);
        return err;
}

static int recover_locked(struct recovering *g)
{
        int lock_fd, dir_fd = open(g->to.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir_fd < 0)
                return stet_why_set(g->why, STET_EIO, "cannot open %s: %s", g->to.path, strerror(errno));
        int err = dir_lock_take(dir_fd, g->to.path, &lock_fd, g->why);
        if (!err) {
                err = recover_all(g);
                dir_lock_release(lock_fd);
        }
        close(dir_fd);
        return err;
}

int stet_recover(const char *damaged_dir, const char *data_dir,
                 void (*lost)(void *context, const char *run_id, const char *sentence), void *context,
                 const stet_backup_progress *progress, stet_recover_report *ret, stet_why *why)
{
        stet_why reason = { "" };
        struct recovering g = { .to = { .path = (char *)(uintptr_t)data_dir },
                                .lost = lost,
                                .context = context,
                                .progress = progress,
                                .why = why ? why : &reason };
        int err = data_dir_peek(damaged_dir, &g.from, g.why);
        if (err)
                return err;
        if (data_dir_is_held(damaged_dir))
                err = stet_why_set(g.why, STET_ELOCKED, "%s is in use; stop its server first", damaged_dir);
        if (!err)
                err = file_make_dir(data_dir, "lock", g.why);
        if (!err)
                err = recover_locked(&g);
        g.report.shards = g.from.shards;
        data_dir_close(&g.from);
        if (!err)
                *ret = g.report;
        return err;
}
