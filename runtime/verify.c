/* SPDX-License-Identifier: MIT */
#include "stet/verify.h"

#include "base/run_id.h"
#include "runtime/shard.h"
#include "wal/data_dir.h"
#include "wal/log.h"

#include <stdlib.h>

struct verification {
        uint32_t shard;
        uint64_t records_before; /* of earlier shards */
        void (*damage)(void *context, const stet_damage *damage);
        void (*progress)(void *context, uint64_t records);
        void *context;
};

static void found(void *ctx, uint64_t lsn, uint64_t stream, const char *sentence)
{
        const struct verification *v = ctx;
        stet_damage damage = { .shard = v->shard, .lsn = lsn, .run_id = "", .sentence = sentence };
        if (stream)
                run_id_print(stream, damage.run_id);
        if (v->damage)
                v->damage(v->context, &damage);
}

/* All runs of a log are its shard's: one of them tells a file that came to the wrong place. */
static bool belongs_elsewhere(const struct verification *v, const struct log_verify_report *part,
                              const char *path, stet_why *why)
{
        if (!part->stream || shard_of_run(part->stream) == v->shard)
                return false;
        stet_why sentence;
        stet_why_set(&sentence, STET_ECORRUPT, "the log %s is that of shard %u", path,
                     shard_of_run(part->stream));
        stet_why_set(why, STET_ECORRUPT, "%s", sentence.text);
        found((void *)(uintptr_t)v, part->first_lsn, 0, sentence.text);
        return true;
}

static void progressed(void *ctx, uint64_t lsn)
{
        const struct verification *v = ctx;
        if (v->progress)
                v->progress(v->context, v->records_before + lsn);
}

int stet_verify(const char *data_dir, void (*damage)(void *context, const stet_damage *damage),
                void (*progress)(void *context, uint64_t records), void *context, stet_verify_report *ret,
                stet_why *why)
{
        struct data_dir dir;
        struct verification v = { .damage = damage, .progress = progress, .context = context };
        stet_verify_report report = { 0 };
        int err = data_dir_peek(data_dir, &dir, why);
        if (err)
                return err;
        for (v.shard = 0; v.shard < dir.shards && (!err || err == STET_ECORRUPT); v.shard++) {
                struct log_verify_report part = { 0 };
                char *path = data_dir_log_path(&dir, v.shard);
                int shard_err = log_lmdb_verify(path, found, progressed, &v, &part, why);
                if (belongs_elsewhere(&v, &part, path, why)) {
                        shard_err = STET_ECORRUPT;
                        part.damaged++;
                }
                free(path);
                if (shard_err)
                        err = shard_err;
                report.shards++;
                report.records += part.records;
                report.damaged += part.damaged;
                v.records_before = report.records;
        }
        data_dir_close(&dir);
        *ret = report;
        return err;
}
