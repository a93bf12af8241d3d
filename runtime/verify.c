/* SPDX-License-Identifier: MIT
 *
 * A directory that nobody has open is read as files, page by page, and then for what its logs and stores say.
 * One that is in use has pages that change while they are looked at: there, each shard's store and log are
 * held as they are at one moment, and what they say is read through LMDB, which checks every record and entry
 * as well.
 */
#include "stet/verify.h"

#include "base/run_id.h"
#include "runtime/shard.h"
#include "runtime/verify_store.h"
#include "wal/file_os.h"
#include "wal/manifest.h"

#include <stdio.h>
#include <stdlib.h>

struct verification {
        uint32_t shard;
        bool held;
        uint64_t damaged;
        uint64_t records_before; /* of earlier shards */
        void (*damage)(void *context, const stet_damage *damage);
        void (*progress)(void *context, uint64_t records);
        void *context;
};

static void found(void *ctx, uint64_t lsn, uint64_t stream, const char *sentence)
{
        struct verification *v = ctx;
        stet_damage damage = { .shard = v->shard, .lsn = lsn, .run_id = "", .sentence = sentence };
        if (stream)
                run_id_print(stream, damage.run_id);
        v->damaged++;
        if (v->damage)
                v->damage(v->context, &damage);
}

/* An entry that is damaged tells by its key whose it is. */
static void found_in_store(void *ctx, struct bytes key, const char *sentence)
{
        uint64_t lsn = key.size == 17 && key.data[0] == 'z' ? run_key_number(key, 9) : 0;
        found(ctx, lsn, verify_store_run_of(key), sentence);
}

static void progressed(void *ctx, uint64_t done)
{
        const struct verification *v = ctx;
        if (v->progress)
                v->progress(v->context, v->records_before + done);
}

static void progressed_in_store(void *ctx, uint64_t done)
{
        const struct verification *v = ctx;
        (void)done;
        if (v->progress)
                v->progress(v->context, v->records_before);
}

/* Damage was told; anything else ends the verification. */
static int told(int err)
{
        return err == STET_ECORRUPT ? 0 : err;
}

/* --- the files, page by page --- */

/* All runs of a log are its shard's: one of them tells a file that came to the wrong place. */
static void check_shard(struct verification *v, const struct log_verify_report *part, const char *path)
{
        stet_why sentence;
        if (!part->stream || shard_of_run(part->stream) == v->shard)
                return;
        stet_why_set(&sentence, STET_ECORRUPT, "the log %s is that of shard %u", path,
                     shard_of_run(part->stream));
        found(v, part->first_lsn, 0, sentence.text);
}

static int verify_log_file(struct verification *v, const char *path, stet_verify_report *report,
                           stet_why *why)
{
        struct log_verify_report part = { 0 };
        int err = log_lmdb_verify(path, found, progressed, v, &part, why);
        check_shard(v, &part, path);
        report->records += part.records;
        return told(err);
}

static int verify_store_file(struct verification *v, const char *path, stet_why *why)
{
        struct store_verify_report part = { 0 };
        return told(store_lmdb_verify(path, found_in_store, progressed_in_store, v, &part, why));
}

/* --- what they say --- */

static int open_both(const struct verification *v, const char *log_path, const char *store_path,
                     struct verify_store_options *options, stet_why *why)
{
        uint64_t newest;
        int err = store_path ? store_lmdb_open_reading(store_path, !v->held, &options->store, why) : 0;
        if (!err && store_path && v->held)
                err = store_lmdb_hold(options->store, &newest, why);
        return err ? err : log_lmdb_open_reading(log_path, !v->held, &options->log, why);
}

/* The store first, the log after it: so the log has the store's end, unless it was trimmed between. */
static int open_one_after_the_other(const struct verification *v, const char *log_path,
                                    const char *store_path, struct verify_store_options *options,
                                    stet_why *why)
{
        enum { TRIES = 100 };
        int err = 0;
        for (int i = 0; i < TRIES; i++) {
                err = open_both(v, log_path, store_path, options, why);
                bool trimmed = !err && options->store && v->held &&
                               options->log->first_lsn > options->store->checkpoint.lsn + 1;
                if (err || !trimmed)
                        return err;
                log_close(options->log);
                store_close(options->store);
                options->log = NULL;
                options->store = NULL;
        }
        return stet_why_set(why, STET_EBUSY, "%s is trimmed faster than it can be looked at; try again",
                            log_path);
}

static int verify_content(struct verification *v, const char *log_path, const char *store_path,
                          stet_verify_report *report, stet_why *why)
{
        struct verify_store_options options = {
                .shard = v->shard, .damage = found, .progress = progressed_in_store, .ctx = v
        };
        uint64_t runs = 0;
        stet_why reason = { "" };
        int err = open_one_after_the_other(v, log_path, store_path, &options, &reason);
        if (err == STET_ECORRUPT && !v->damaged)
                found(v, 0, 0, reason.text); /* what the pages did not tell */
        else if (err)
                stet_why_set(why, err, "%s", reason.text);
        if (!err && v->held)
                report->records += options.log->last_lsn + 1 - options.log->first_lsn;
        if (!err)
                err = verify_store(&options, &runs, why);
        log_close(options.log);
        store_close(options.store);
        report->runs += runs;
        return told(err);
}

static int verify_shard(struct verification *v, const struct data_dir *dir, stet_verify_report *report,
                        stet_why *why)
{
        char *log_path = data_dir_log_path(dir, v->shard);
        char *store_path = dir->format > 1 ? data_dir_store_path(dir, v->shard) : NULL;
        int err = 0;
        if (!v->held)
                err = verify_log_file(v, log_path, report, why);
        if (!err && !v->held && store_path)
                err = verify_store_file(v, store_path, why);
        if (!err)
                err = verify_content(v, log_path, store_path, report, why);
        free(log_path);
        free(store_path);
        v->records_before = report->records;
        report->shards++;
        return err;
}

/* --- backups --- */

/* Every file is as it was when the backup was made. */
static int verify_digests(struct verification *v, const char *path, const struct manifest *m, stet_why *why)
{
        int err = 0;
        for (size_t i = 0; i < m->files_count && !err; i++) {
                char digest[DIGEST_TEXT_SIZE];
                uint64_t bytes;
                stet_why sentence;
                err = file_copy(path, m->files[i].name, NULL, &bytes, digest, NULL, NULL, why);
                bool same = !err && bytes == m->files[i].bytes && strcmp(digest, m->files[i].digest) == 0;
                if (!err && !same) {
                        stet_why_set(&sentence, STET_ECORRUPT, "%s is not what backup.json says",
                                     m->files[i].name);
                        found(v, 0, 0, sentence.text);
                }
        }
        return err;
}

/* A directory that is none is a backup if it has a manifest: it is verified as what it will be restored to.
 */
static int peek(struct verification *v, const char *path, struct data_dir *ret, stet_why *why)
{
        struct manifest m;
        stet_why reason;
        int err = data_dir_peek(path, ret, why);
        if (err != STET_EFORMAT || manifest_read(path, &m, &reason) == STET_ENOTFOUND)
                return err;
        err = manifest_read(path, &m, why);
        if (!err)
                err = verify_digests(v, path, &m, why);
        if (!err)
                *ret = (struct data_dir){ .path = xmemdup(path, strlen(path)),
                                          .lock_fd = -1,
                                          .format = m.format,
                                          .shards = m.shards_count,
                                          .incarnation = m.incarnation };
        return err;
}

int stet_verify(const char *data_dir, void (*damage)(void *context, const stet_damage *damage),
                void (*progress)(void *context, uint64_t records), void *context, stet_verify_report *ret,
                stet_why *why)
{
        struct data_dir dir;
        struct verification v = { .damage = damage, .progress = progress, .context = context };
        stet_verify_report report = { 0 };
        int err = peek(&v, data_dir, &dir, why);
        if (err)
                return err;
        v.held = data_dir_is_held(data_dir);
        for (; v.shard < dir.shards && !err; v.shard++)
                err = verify_shard(&v, &dir, &report, why);
        data_dir_close(&dir);
        report.damaged = v.damaged;
        *ret = report;
        if (!err && v.damaged)
                err = stet_why_set(why, STET_ECORRUPT, "%s is damaged", data_dir);
        return err;
}
