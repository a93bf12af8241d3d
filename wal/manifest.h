/* SPDX-License-Identifier: MIT
 *
 * backup.json: what a backup is, written last, so that a backup without one is unfinished. FORMAT.md,
 * "Backup", has its fields.
 */
#ifndef WAL_MANIFEST_H
#define WAL_MANIFEST_H

#include "base/digest.h"
#include "wal/data_dir.h"

enum { MANIFEST_FORMAT = 1, MANIFEST_FILES_MAX = 2 * DATA_DIR_SHARDS_MAX, MANIFEST_NAME_SIZE = 32 };

struct manifest_shard {
        uint64_t checkpoint_lsn; /* of the store; 0: there is none */
        uint64_t last_lsn;       /* the state is that after this record */
        uint64_t records;        /* in the log */
        uint64_t epoch;          /* of the log's last opening before the backup */
};

struct manifest_file {
        char name[MANIFEST_NAME_SIZE]; /* "shard-0.log", "shard-0.store"; nothing else */
        uint64_t bytes;
        char digest[DIGEST_TEXT_SIZE];
};

struct manifest {
        int64_t made_ms; /* since 1970-01-01 UTC */
        uint32_t format; /* of the data directory, as the next three */
        uint32_t shards_count;
        uint64_t incarnation;
        struct manifest_shard shards[DATA_DIR_SHARDS_MAX];
        struct manifest_file files[MANIFEST_FILES_MAX];
        size_t files_count;
};

/* Adds the entry for a shard's log or store, of which the caller fills size and digest. */
struct manifest_file *manifest_add_file(struct manifest *m, uint32_t shard, bool store);

/* Writes backup.json into the directory: synced, renamed, the directory and the one above it synced. */
int manifest_write(const char *dir, const struct manifest *m, stet_why *why);

/* Reads and checks it. STET_ENOTFOUND: there is none; STET_ENEWER; STET_ECORRUPT. */
int manifest_read(const char *dir, struct manifest *ret, stet_why *why);

#endif
