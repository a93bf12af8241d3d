/* SPDX-License-Identifier: MIT
 *
 * `raw`: the log alone. Groups of 1, 10, … 10,000 records, each group one commit, in bare LMDB and beside it
 * in a plain file that is appended to and synced; then 1 … 64 writers that each wait for their own record
 * while one committer takes all that is there: group commit, as the engine does it. A commit of one record is
 * what a run that goes alone waits for.
 */
#include "bench/workload.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "bench/block_log.h"
#include "bench/progress.h"

static const int64_t POINT_NS = 500000000; /* each point takes about this long */

enum { GROUP_MAX = 10000, WRITERS_MAX = 64, POINTS_COUNT = 5 + 5 + 7 };

/* One of the two logs. */
struct target {
        const char *name;
        struct block_log *lmdb;
        int fd;
        stet_level level;
};

static int target_open(struct target *t, const char *dir, const char *name, stet_level level, stet_why *why)
{
        char path[4096];
        *t = (struct target){ .name = name, .fd = -1, .level = level };
        if (strcmp(name, "lmdb") == 0)
                return block_log_open(dir, "raw", level, &t->lmdb, why);
        snprintf(path, sizeof(path), "%s/raw.file", dir);
        t->fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
        if (t->fd < 0)
                return stet_why_set(why, STET_EIO, "%s: %s", path, strerror(errno));
        unlink(path);
        return 0;
}

static void target_close(struct target *t)
{
        block_log_remove(t->lmdb);
        if (t->fd >= 0)
                close(t->fd);
}

static int target_append(struct target *t, const uint8_t *data, size_t size, stet_why *why)
{
        if (t->lmdb)
                return block_log_append(t->lmdb, data, size, why);
        while (size) {
                ssize_t written = write(t->fd, data, size);
                if (written < 0)
                        return stet_why_set(why, STET_EIO, "a plain file: %s", strerror(errno));
                data += written;
                size -= (size_t)written;
        }
        if (t->level == STET_LEVEL_SYNC && fdatasync(t->fd) != 0)
                return stet_why_set(why, STET_EIO, "a plain file: %s", strerror(errno));
        return 0;
}

/* What is the same at every point, and what adds up. */
struct raw {
        const struct bench_options *options;
        const char *dir;
        uint64_t records_max; /* at each point */
        uint64_t records;
        uint64_t points_done;
        struct progress progress;
        struct report *report;
        struct report_table *points;
};

enum {
        COLUMN_LOG,
        COLUMN_WRITERS,
        COLUMN_GROUP,
        COLUMN_RECORDS_PER_S,
        COLUMN_RECORDS_PER_COMMIT,
        COLUMN_P50,
        COLUMN_P99,
        COLUMNS_COUNT,
};

static const struct report_column columns[COLUMNS_COUNT] = {
        [COLUMN_LOG] = { "log", "log", -6, REPORT_WORD },
        [COLUMN_WRITERS] = { "writers", "writers", 8, 0 },
        [COLUMN_GROUP] = { "group", "group", 8, 0 },
        [COLUMN_RECORDS_PER_S] = { "records_per_s", "records/s", 14, 1 },
        [COLUMN_RECORDS_PER_COMMIT] = { "records_per_commit", "a commit", 10, 1 },
        [COLUMN_P50] = { "p50_us", "p50 µs", 12, REPORT_MICROS },
        [COLUMN_P99] = { "p99_us", "p99 µs", 12, REPORT_MICROS },
};

static bool over(const struct raw *raw, uint64_t records, int64_t start_ns)
{
        return records >= raw->records_max || machine_now_ns() - start_ns >= POINT_NS ||
               progress_interrupted();
}

static void point_done(struct raw *raw, const char *log, uint32_t writers, uint32_t group, uint64_t records,
                       uint64_t commits, double seconds, const struct histogram *h)
{
        struct report_cell point[COLUMNS_COUNT] = {
                [COLUMN_LOG] = { .word = log },
                [COLUMN_WRITERS] = { .number = writers },
                [COLUMN_GROUP] = { .number = group ? (double)group : (double)NAN },
                [COLUMN_RECORDS_PER_S] = { .number = (double)records / seconds },
                [COLUMN_RECORDS_PER_COMMIT] = { .number = (double)records / (double)commits },
                [COLUMN_P50] = { .number = histogram_us(h, 0.5) },
                [COLUMN_P99] = { .number = histogram_us(h, 0.99) },
        };
        report_table_add(raw->points, point);
        double records_per_s = point[COLUMN_RECORDS_PER_S].number;
        if (strcmp(log, "lmdb") == 0 && !(records_per_s <= raw->report->transitions_per_s)) /* at first NAN */
                raw->report->transitions_per_s = records_per_s;
        raw->records += records;
        progress_show(&raw->progress, ++raw->points_done, machine_now_ns());
}

/* --- groups of one writer --- */

static int measure_group(struct raw *raw, const char *log, uint32_t group, const uint8_t *records,
                         stet_why *why)
{
        struct target target;
        struct histogram h;
        uint64_t written = 0, commits = 0;
        histogram_clear(&h);
        int err = target_open(&target, raw->dir, log, raw->options->level, why);
        if (err)
                return err;
        int64_t start_ns = machine_now_ns();
        do {
                int64_t commit_ns = machine_now_ns();
                err = target_append(&target, records, (size_t)group * raw->options->payload_bytes, why);
                histogram_add(&h, machine_now_ns() - commit_ns);
                written += group;
                commits++;
        } while (!err && !over(raw, written, start_ns));
        double seconds = (double)(machine_now_ns() - start_ns) / 1e9;
        target_close(&target);
        if (err)
                return err;
        point_done(raw, log, 1, group, written, commits, seconds, &h);
        if (group == 1)
                report_curve_add(&raw->report->curves, log, &h);
        if (group == 1 && target.lmdb)
                report_latency(raw->report, &h);
        return 0;
}

/* --- many writers, one committer --- */

struct committer {
        struct block_log *log;
        const struct raw *raw;
        pthread_mutex_t mutex;
        pthread_cond_t filled;
        pthread_cond_t durable;
        struct buffer filling;
        uint64_t last_sequence;    /* of a record that was handed over */
        uint64_t durable_sequence; /* up to here they are committed */
        uint64_t commits;
        int64_t start_ns;
        bool closed;
        int err;
        stet_why why;
};

struct writer {
        pthread_t thread;
        struct committer *committer;
        struct histogram latency;
};

/* Hands a record over and waits until it is durable; false when there is to be no more. */
static bool write_one(struct committer *c, const uint8_t *record, size_t size)
{
        pthread_mutex_lock(&c->mutex);
        bool open = !c->closed;
        if (open) {
                buffer_append(&c->filling, record, size);
                uint64_t mine = ++c->last_sequence;
                pthread_cond_signal(&c->filled);
                while (c->durable_sequence < mine && !c->err)
                        pthread_cond_wait(&c->durable, &c->mutex);
                open = !c->err;
        }
        pthread_mutex_unlock(&c->mutex);
        return open;
}

static void *writer_main(void *arg)
{
        struct writer *w = arg;
        size_t size = w->committer->raw->options->payload_bytes;
        uint8_t *record = xmalloc(size);
        memset(record, 'x', size);
        for (;;) {
                int64_t start_ns = machine_now_ns();
                if (!write_one(w->committer, record, size))
                        break;
                histogram_add(&w->latency, machine_now_ns() - start_ns);
        }
        free(record);
        return NULL;
}

/* Commits all that is there, again and again, until the point's time is over: then nothing more is taken,
 * what was taken is committed, and the writers end. */
static void commit_all(struct committer *c)
{
        struct buffer group = { 0 };
        pthread_mutex_lock(&c->mutex);
        while (!c->err && (!c->closed || c->filling.size)) {
                while (!c->filling.size)
                        pthread_cond_wait(&c->filled, &c->mutex);
                buffer_swap(&group, &c->filling);
                uint64_t sequence = c->last_sequence;
                pthread_mutex_unlock(&c->mutex);
                int err = block_log_append(c->log, group.data, group.size, &c->why);
                buffer_clear(&group);
                pthread_mutex_lock(&c->mutex);
                c->err = err;
                c->durable_sequence = sequence;
                c->commits++;
                if (over(c->raw, sequence, c->start_ns))
                        c->closed = true;
                pthread_cond_broadcast(&c->durable);
        }
        c->closed = true;
        pthread_cond_broadcast(&c->durable);
        pthread_mutex_unlock(&c->mutex);
        buffer_fini(&group);
}

static int run_writers(struct committer *c, struct writer *writers, uint32_t count, stet_why *why)
{
        uint32_t started = 0;
        int rc = 0;
        for (; started < count && !rc; started++) {
                writers[started].committer = c;
                rc = pthread_create(&writers[started].thread, NULL, writer_main, &writers[started]);
        }
        if (rc) {
                started--;
                pthread_mutex_lock(&c->mutex);
                c->closed = true;
                pthread_mutex_unlock(&c->mutex);
        }
        if (started)
                commit_all(c);
        for (uint32_t i = 0; i < started; i++)
                pthread_join(writers[i].thread, NULL);
        if (rc)
                return stet_why_set(why, STET_EIO, "a thread for a writer: %s", strerror(rc));
        return c->err ? stet_why_set(why, c->err, "%s", c->why.text) : 0;
}

static int measure_writers(struct raw *raw, uint32_t count, stet_why *why)
{
        struct committer c = { .raw = raw };
        struct histogram latency;
        histogram_clear(&latency);
        int err = block_log_open(raw->dir, "raw", raw->options->level, &c.log, why);
        if (err)
                return err;
        struct writer *writers = xcalloc(count, sizeof(*writers));
        pthread_mutex_init(&c.mutex, NULL);
        pthread_cond_init(&c.filled, NULL);
        pthread_cond_init(&c.durable, NULL);
        c.start_ns = machine_now_ns();
        err = run_writers(&c, writers, count, why);
        double seconds = (double)(machine_now_ns() - c.start_ns) / 1e9;
        for (uint32_t i = 0; i < count; i++)
                histogram_merge(&latency, &writers[i].latency);
        if (!err)
                point_done(raw, "lmdb", count, 0, c.last_sequence, c.commits, seconds, &latency);
        pthread_mutex_destroy(&c.mutex);
        pthread_cond_destroy(&c.filled);
        pthread_cond_destroy(&c.durable);
        buffer_fini(&c.filling);
        free(writers);
        block_log_remove(c.log);
        return err;
}

/* --- all points --- */

static int measure_points(struct raw *raw, const uint8_t *records, stet_why *why)
{
        int err = 0;
        for (uint32_t group = 1; group <= GROUP_MAX && !err; group *= 10) {
                err = measure_group(raw, "lmdb", group, records, why);
                if (!err)
                        err = measure_group(raw, "file", group, records, why);
        }
        for (uint32_t writers = 1; writers <= WRITERS_MAX && !err; writers *= 2)
                err = measure_writers(raw, writers, why);
        if (!err && progress_interrupted())
                err = stet_why_set(why, STET_ECANCELED, "interrupted");
        return err;
}

int workload_raw(const struct bench_options *options, const char *dir, struct report *r, stet_why *why)
{
        struct raw raw = {
                .options = options,
                .dir = dir,
                .records_max = options->runs ? options->runs : UINT64_MAX,
                .report = r,
                .points = report_table_begin(r, "points", columns, COLUMNS_COUNT),
        };
        struct usage before = machine_usage();
        uint8_t *records = xcalloc(GROUP_MAX, options->payload_bytes);
        int64_t start_ns = machine_now_ns();
        progress_begin(&raw.progress, "raw, points", POINTS_COUNT);
        int err = measure_points(&raw, records, why);
        progress_end(&raw.progress);
        free(records);
        if (err)
                return err;
        struct usage after = machine_usage();
        r->seconds = (double)(machine_now_ns() - start_ns) / 1e9;
        r->cpu_s_per_m = (after.cpu_s - before.cpu_s) * 1e6 / (double)raw.records;
        r->rss_bytes = (double)after.rss_bytes;
        return 0;
}
