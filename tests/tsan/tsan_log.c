/* SPDX-License-Identifier: MIT
 *
 * One thread appends to a log while others read it and trim what they have read, as a shard and its
 * checkpointer do. A plain program, as ThreadSanitizer does not work under Criterion; its output is TAP.
 */
#include "tests/lib/records.h"
#include "tests/lib/temp_dir.h"
#include "wal/log.h"

#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { READERS = 2, GROUP = 100, KEPT = 1000, TRIMMED = 20000, AHEAD_MAX = 100000, BOUND_S = 60 };

struct reader {
        pthread_t thread;
        struct log *log;
        atomic_bool *stop;
        uint64_t last; /* record that was read */
        bool good;
};

static int see(void *ctx, const struct record *r)
{
        struct reader *reader = ctx;
        bool follows = r->lsn == reader->last + 1 || r->lsn <= reader->log->trim_lsn;
        reader->good = reader->good && follows && records_are_right(r);
        reader->last = r->lsn;
        return 0;
}

static void *read_and_trim(void *arg)
{
        struct reader *r = arg;
        while (!atomic_load(r->stop) && r->good) {
                stet_why why = { "" };
                if (log_read(r->log, r->last + 1, see, r, &why) != 0) {
                        fprintf(stderr, "read: %s\n", why.text);
                        r->good = false;
                }
                if (r->last > KEPT)
                        log_trim(r->log, r->last - KEPT);
        }
        return NULL;
}

/* The readers have nothing trimmed, and there is enough for them to read. */
static bool is_ahead(const struct log *log)
{
        return log->last_lsn > log->first_lsn + AHEAD_MAX && log->trim_lsn <= log->first_lsn;
}

/* Until that many records are forgotten. */
static bool append_all(struct log *log)
{
        struct log_group g = { 0 };
        stet_why why = { "" };
        time_t end = time(NULL) + BOUND_S;
        int err = 0;
        while (!err && log->first_lsn < TRIMMED && time(NULL) < end) {
                if (is_ahead(log)) {
                        sched_yield();
                        continue;
                }
                log_group_reset(&g, log->last_lsn, log->last_crc);
                while (g.count < GROUP)
                        records_put(&g, 100);
                err = log_append(log, log->epoch, &g, &why);
        }
        log_group_fini(&g);
        if (err)
                fprintf(stderr, "append: %s\n", why.text);
        return !err && log->first_lsn >= TRIMMED;
}

static bool readers_trim_what_is_being_appended(struct log *log)
{
        struct reader readers[READERS];
        atomic_bool stop = false;
        for (int i = 0; i < READERS; i++) {
                readers[i] = (struct reader){ .log = log, .stop = &stop, .good = true };
                int err = pthread_create(&readers[i].thread, NULL, read_and_trim, &readers[i]);
                assert(!err);
        }
        bool good = append_all(log);
        atomic_store(&stop, true);
        for (int i = 0; i < READERS; i++) {
                pthread_join(readers[i].thread, NULL);
                good = good && readers[i].good;
        }
        log_close(log);
        return good;
}

static struct log *open_in(const char *dir)
{
        struct log *log = NULL;
        stet_why why = { "" };
        char path[128];
        snprintf(path, sizeof path, "%s/shard-0.log", dir);
        struct log_lmdb_options options = { .path = path, .level = LOG_MEMORY, .map_bytes = 1 << 16 };
        if (log_lmdb_open(&options, &log, &why) != 0) {
                fprintf(stderr, "open: %s\n", why.text);
                exit(1);
        }
        return log;
}

int main(void)
{
        char *dir = temp_dir_new();
        struct log_disk *disk = log_disk_new();
        bool good[] = { readers_trim_what_is_being_appended(open_in(dir)),
                        readers_trim_what_is_being_appended(log_mem_open(disk)) };
        printf("1..2\n%s 1 - readers_trim_what_is_being_appended_to_a_file\n", good[0] ? "ok" : "not ok");
        printf("%s 2 - readers_trim_what_is_being_appended_in_memory\n", good[1] ? "ok" : "not ok");
        log_disk_free(disk);
        temp_dir_free(dir);
        return good[0] && good[1] ? 0 : 1;
}
