/* SPDX-License-Identifier: MIT
 *
 * The log: the only thing that must reach the disk before an answer leaves. One interface, several stores:
 * log_lmdb (a file), log_mem (the simulator's, with a crash model). An implementation on a replicated engine
 * can follow, because every append names the writer's epoch and the LSN it continues.
 *
 * One thread appends; reading, syncing and trimming may come from any thread at the same time.
 */
#ifndef WAL_LOG_H
#define WAL_LOG_H

#include "stet/error.h"
#include "wal/record.h"

#include <stdatomic.h>

/* How much an acknowledged append survives. */
enum log_level {
        LOG_SYNC,    /* synced to the disk before append returns */
        LOG_RELAXED, /* append returns at once; log_sync() makes what was appended durable */
        LOG_MEMORY,  /* never synced: tests and benchmarks */
};

struct log;

/* Called for each record in LSN order; the record's bytes are valid only during the call. Any other return
 * than 0 ends the reading and is returned by log_read(). */
typedef int log_visit_fn(void *ctx, const struct record *record);

struct log_ops {
        int (*append)(struct log *log, uint64_t epoch, const struct log_group *group, stet_why *why);
        int (*sync)(struct log *log, stet_why *why);
        int (*read)(struct log *log, uint64_t from_lsn, log_visit_fn *visit, void *ctx, stet_why *why);
        void (*close)(struct log *log);
};

struct log_stats {
        uint64_t commits;
        uint64_t records;
        uint64_t bytes;      /* of records appended since the opening */
        uint64_t disk_bytes; /* the log takes on the disk now */
};

/* The part every implementation starts with. The appending thread writes it; others look at it only when they
 * know that no append is under way. */
struct log {
        const struct log_ops *ops;
        uint64_t epoch; /* of this opening: one more than the last */

        /* Any thread may look at these at any time. */
        _Atomic uint64_t first_lsn; /* of the oldest record kept; last_lsn + 1 when empty */
        _Atomic uint64_t trim_lsn;  /* what log_trim() asked for */
        atomic_bool stopped;        /* a write failed with unknown outcome: only reading and closing go on */

        uint64_t last_lsn; /* 0 when nothing was ever appended, and the log begins with record 1 */
        uint32_t last_crc; /* of record last_lsn */
        struct log_stats stats;
};

/* Appends the group whole or not at all. Refuses with STET_EFENCED when the store's epoch is no longer
 * `epoch` (a newer process opened it), and with STET_EINVAL when the group does not follow last_lsn and
 * last_crc. At level LOG_SYNC it is durable when this returns 0. STET_EFULL: nothing was written, the group
 * may be tried again. Any other error leaves the outcome unknown: the caller must stop and recover from the
 * disk. */
int log_append(struct log *log, uint64_t epoch, const struct log_group *group, stet_why *why);

/* Makes every earlier append durable (LOG_RELAXED; nothing to do in the other levels). */
int log_sync(struct log *log, stet_why *why);

/* Visits the durable records from from_lsn on, checking each one's checksum and its chain. STET_ECORRUPT
 * names the LSN and the stream in *why. A from_lsn below first_lsn starts at first_lsn. */
int log_read(struct log *log, uint64_t from_lsn, log_visit_fn *visit, void *ctx, stet_why *why);

/* The records before to_lsn are no longer needed. Returns at once, in any thread; an earlier to_lsn than
 * before changes nothing. The appends that follow forget them piece by piece, each in its own commit, and
 * move first_lsn as they do; a log to which nothing is appended keeps them. What is asked is not kept beyond
 * the log's closing. */
void log_trim(struct log *log, uint64_t to_lsn);

/* For implementations, within an append: what may be forgotten now. Never a record of the group under way. */
uint64_t log_trim_lsn(const struct log *log);

void log_close(struct log *log); /* harmless on NULL */

/* --- log_lmdb --- */

struct log_lmdb_options {
        const char *path; /* of the file; LMDB puts PATH-lock beside it */
        enum log_level level;
        size_t map_bytes;   /* first size of the map; it grows by itself. 0: 1 GiB */
        uint64_t epoch_min; /* the opening's epoch is at least this */
};

/* Opens or makes the log, checks its format and the file's size before mapping it, raises the epoch
 * (durably). The caller holds the directory's lock. */
int log_lmdb_open(const struct log_lmdb_options *options, struct log **ret, stet_why *why);

/* Reads another process's log, or a copy: no epoch is raised, and appending and trimming are refused. With
 * `alone` no lock file is touched: nobody else may have it open. */
int log_lmdb_open_reading(const char *path, bool alone, struct log **ret, stet_why *why);

/* The number of the newest commit, whoever made it. */
uint64_t log_lmdb_newest(const struct log *log);

/* From now on readings of a log opened for reading give what it is at this moment, whatever is appended or
 * trimmed, and its epoch, first_lsn, last_lsn and last_crc are those of this moment; *ret_newest: its newest
 * commit. Pages that others replace stay in the file until it is closed. */
int log_lmdb_hold(struct log *log, uint64_t *ret_newest, stet_why *why);

/* Makes an empty log whose first record will be `lsn`, behind a record with that checksum: for a restored
 * backup, whose store ends there. STET_EEXISTS: there is a file; STET_EINVAL: lsn 0, or 1 with a checksum. */
int log_lmdb_create_at(const char *path, uint64_t lsn, uint32_t crc, stet_why *why);

/* --- log_mem --- */

/* The simulator's disk: outlives the logs opened on it. */
struct log_disk;
struct log_disk *log_disk_new(void);
void log_disk_free(struct log_disk *disk);

/* Opens the log on that disk: a new epoch, as after a restart. */
struct log *log_mem_open(struct log_disk *disk);

/* How many more appends succeed before one fails with err (and, if apply, is on the disk all the same, as
 * when only the answer was lost). Negative: never. */
void log_disk_fail_after(struct log_disk *disk, int appends, int err, bool apply);

/* --- verify --- */

struct log_verify_report {
        uint64_t records; /* that are whole */
        uint64_t first_lsn;
        uint64_t last_lsn;
        uint64_t stream;  /* of the first whole record that has one */
        uint64_t damaged; /* records or stretches that are not */
};

/* Called for each damage found, in order: a sentence, and the LSN and stream as far as known (0: unknown). */
typedef void log_damage_fn(void *ctx, uint64_t lsn, uint64_t stream, const char *sentence);

/* Reads the file without opening it for writing and without any lock, and reports every damage. Returns 0
 * when all is whole, STET_ECORRUPT when something is damaged, another error when it could not be read at all.
 * LMDB can crash on damaged pages: call it in a process of its own. progress (may be NULL) is called now and
 * then. */
int log_lmdb_verify(const char *path, log_damage_fn *damage, void (*progress)(void *ctx, uint64_t lsn),
                    void *ctx, struct log_verify_report *ret, stet_why *why);

#endif
