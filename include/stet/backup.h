/* SPDX-License-Identifier: MIT
 *
 * Copies of a data directory: a backup of one that may be in use, bringing it back, and saving what can be
 * saved of a damaged one.
 */
#ifndef STET_BACKUP_H
#define STET_BACKUP_H

#include "stet/client.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How far it has come; the context is the caller's. */
typedef struct stet_backup_progress {
        void (*tell)(void *context, const char *doing, uint64_t done, uint64_t of); /* of 0: not known */
        void *context;
} stet_backup_progress;

typedef struct stet_backup_report {
        char incarnation[STET_RUN_ID_SIZE]; /* of the directory that was backed up, or that was made */
        int64_t made_ms;                    /* when the backup was made */
        uint32_t shards;
        uint64_t records; /* in the logs: what came behind the stores' checkpoints */
        uint64_t bytes;   /* of all files */
} stet_backup_report;

/* Copies the data directory to `backup`, which must be missing or empty. The directory may be in use by
 * another process (not by this one: STET_EINVAL), however busy: the copy is what it was at one moment, every
 * shard at the end of a commit, which backup.json names. It is synced, and checked as it is read, before that
 * file is written; a backup without it is unfinished. STET_ENOTFOUND, STET_EFORMAT, STET_ENEWER: no data
 * directory; STET_EEXISTS; STET_ECORRUPT: it is damaged; STET_EBUSY: no moment was found at which no shard
 * was just committing; STET_EFULL; STET_EIO. */
STET_PUBLIC int stet_backup(const char *data_dir, const char *backup, const stet_backup_progress *progress,
                            stet_backup_report *ret, stet_why *why);

/* Reads a backup and compares every file with what backup.json says. STET_ENOTFOUND: there is no backup.json,
 * so that it is none, or unfinished; STET_ENEWER; STET_ECORRUPT. */
STET_PUBLIC int stet_backup_check(const char *backup, const stet_backup_progress *progress,
                                  stet_backup_report *ret, stet_why *why);

/* Makes a data directory of a backup: `data_dir` must be missing or empty. Each file is compared with
 * backup.json as it is copied. The directory gets an incarnation of its own, so that whatever was handed out
 * by the one that was backed up, before the backup or after it, is refused here. Run stet_verify() on the
 * backup before, in a process of its own. Errors as of stet_backup_check(), STET_EEXISTS, STET_EFULL,
 * STET_EIO; what was copied is removed then. */
STET_PUBLIC int stet_restore(const char *backup, const char *data_dir, const stet_backup_progress *progress,
                             stet_backup_report *ret, stet_why *why);

typedef struct stet_recover_report {
        char incarnation[STET_RUN_ID_SIZE]; /* of the directory that was made */
        uint32_t shards;
        uint64_t runs; /* that are whole, and in it */
        uint64_t lost; /* runs that are not */
} stet_recover_report;

/* Saves what can be saved of a damaged data directory, which stays as it is and may be in use by nobody, into
 * a new one, which must be missing or empty: every run whose history is whole. `lost` (may be NULL) is called
 * for each run that is not, and with run_id "" for damage that may have cost runs of which nothing is known.
 * A run whose last records were lost without a trace comes back as it was before them. The new directory has
 * an incarnation of its own. 0, also when runs were lost; STET_ENOTFOUND, STET_EFORMAT, STET_ENEWER: no data
 * directory; STET_ELOCKED; STET_EEXISTS; STET_EFULL; STET_EIO. */
STET_PUBLIC int stet_recover(const char *damaged_dir, const char *data_dir,
                             void (*lost)(void *context, const char *run_id, const char *sentence),
                             void *context, const stet_backup_progress *progress, stet_recover_report *ret,
                             stet_why *why);

#ifdef __cplusplus
}
#endif

#endif
