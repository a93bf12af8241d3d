/* SPDX-License-Identifier: MIT
 *
 * What every log writer must do, over the inline one and the one with a thread; and what only the latter can.
 */
#include "wal/log_writer.h"

#include "tests/lib/each_kind.h"
#include "tests/lib/log_records.h"
#include "tests/lib/temp_dir.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { PATIENCE_MS = 20000 };

/* --- fixture --- */

enum kind { INLINE, THREAD };

static struct log_writer *writer_new(enum kind kind, struct log *log)
{
        if (kind == INLINE)
                return log_writer_inline_new(log, log->epoch);
        struct log_writer *w;
        stet_why why = { "" };
        cr_assert_eq(log_writer_thread_new(log, log->epoch, &w, &why), 0, "%s", why.text);
        return w;
}

/* Fills the group behind what another group, or the log, ends with. */
static void fill(struct log_group *g, uint64_t last_lsn, uint32_t last_crc, uint32_t count)
{
        log_group_reset(g, last_lsn, last_crc);
        while (g->count < count)
                records_put(g, 20);
}

static bool is_readable(const struct log_writer *w, int timeout_ms)
{
        struct pollfd fd = { .fd = w->fd, .events = POLLIN };
        return poll(&fd, 1, timeout_ms) == 1;
}

static struct log_group *collect(struct log_writer *w, int *ret_err, stet_why *ret_why)
{
        if (w->fd >= 0)
                cr_assert(is_readable(w, PATIENCE_MS), "the writer says nothing");
        return log_writer_collect(w, ret_err, ret_why);
}

/* A log whose append waits until the test lets it go on, or fails. */
struct gate {
        struct log log;
        atomic_int entered;
        atomic_bool open;
};

static int gate_append(struct log *log, uint64_t epoch, const struct log_group *group, stet_why *why)
{
        struct gate *gate = (struct gate *)log;
        (void)epoch;
        (void)group;
        (void)why;
        atomic_fetch_add(&gate->entered, 1);
        while (!atomic_load(&gate->open))
                poll(NULL, 0, 1);
        return 0;
}

static const struct log_ops gate_ops = { .append = gate_append };

static bool wait_until_entered(struct gate *gate, int count)
{
        for (int ms = 0; ms < PATIENCE_MS; ms++) {
                if (atomic_load(&gate->entered) == count)
                        return true;
                poll(NULL, 0, 1);
        }
        return false;
}

#define WriterTest(name)                                                                                     \
        static void name(enum kind kind);                                                                    \
        EachKind(log_writer, name, enum kind, INLINE, THREAD)                                                \
        {                                                                                                    \
                name(*kind);                                                                                 \
        }                                                                                                    \
        static void name(enum kind kind)

/* --- every writer --- */

WriterTest(a_submitted_group_is_in_the_log_when_it_is_collected)
{
        struct log_disk *disk = log_disk_new();
        struct log *log = log_mem_open(disk);
        struct log_writer *w = writer_new(kind, log);
        struct log_group g = { 0 };
        int err = -1;
        fill(&g, 0, 0, 10);
        log_writer_submit(w, &g);
        cr_assert_eq(collect(w, &err, NULL), &g);
        cr_assert_eq(err, 0);
        cr_assert_eq(log_records_count(log), 10);
        cr_assert_null(log_writer_collect(w, &err, NULL));
        log_writer_free(w);
        log_group_fini(&g);
        log_close(log);
        log_disk_free(disk);
}

WriterTest(an_idle_writer_has_nothing_to_collect)
{
        struct log_disk *disk = log_disk_new();
        struct log *log = log_mem_open(disk);
        struct log_writer *w = writer_new(kind, log);
        int err = 5;
        cr_assert_null(log_writer_collect(w, &err, NULL));
        cr_assert_eq(err, 5);
        log_writer_free(w);
        log_close(log);
        log_disk_free(disk);
}

WriterTest(one_group_fills_while_the_other_is_written)
{
        struct log_disk *disk = log_disk_new();
        struct log *log = log_mem_open(disk);
        struct log_writer *w = writer_new(kind, log);
        struct log_group groups[2] = { { .count = 0 }, { .count = 0 } };
        uint64_t lsn = 0;
        uint32_t crc = 0;
        for (int i = 0; i < 500; i++) {
                struct log_group *g = &groups[i % 2];
                int err;
                stet_why why = { "" };
                fill(g, lsn, crc, 1 + (uint32_t)i % 5);
                lsn = log_group_next_lsn(g) - 1;
                crc = g->chain;
                if (i) {
                        cr_assert_eq(collect(w, &err, &why), &groups[(i - 1) % 2]);
                        cr_assert_eq(err, 0, "%s", why.text);
                }
                log_writer_submit(w, g);
        }
        log_writer_free(w); /* waits for the last one */
        cr_assert_eq(log_records_count(log), lsn);
        log_group_fini(&groups[0]);
        log_group_fini(&groups[1]);
        log_close(log);
        log_disk_free(disk);
}

WriterTest(a_failure_comes_back_with_its_sentence_and_the_group)
{
        struct log_disk *disk = log_disk_new();
        struct log *log = log_mem_open(disk);
        struct log_writer *w = writer_new(kind, log);
        struct log_group g = { 0 };
        int err = 0;
        stet_why why = { "" };
        log_disk_fail_after(disk, 0, STET_EFULL, false);
        fill(&g, 0, 0, 3);
        log_writer_submit(w, &g);
        cr_assert_eq(collect(w, &err, &why), &g);
        cr_assert_eq(err, STET_EFULL);
        cr_assert_not_null(strstr(why.text, "record 1"), "%s", why.text);
        cr_assert_eq(g.count, 3);
        log_writer_submit(w, &g);
        cr_assert_eq(collect(w, &err, &why), &g);
        cr_assert_eq(err, 0);
        log_writer_free(w);
        log_group_fini(&g);
        log_close(log);
        log_disk_free(disk);
}

WriterTest(a_fenced_writer_says_so)
{
        struct log_disk *disk = log_disk_new();
        struct log *log = log_mem_open(disk);
        struct log_writer *w = writer_new(kind, log);
        struct log_group g = { 0 };
        int err = 0;
        log_close(log_mem_open(disk));
        fill(&g, 0, 0, 1);
        log_writer_submit(w, &g);
        cr_assert_eq(collect(w, &err, NULL), &g);
        cr_assert_eq(err, STET_EFENCED);
        log_writer_free(w);
        log_group_fini(&g);
        log_close(log);
        log_disk_free(disk);
}

WriterTest(commits_to_a_file)
{
        char *dir = temp_dir_new(), path[128];
        struct log *log;
        struct log_group g = { 0 };
        int err;
        snprintf(path, sizeof path, "%s/shard-0.log", dir);
        cr_assert_eq(log_lmdb_open(&(struct log_lmdb_options){ .path = path, .map_bytes = 1 }, &log, NULL),
                     0);
        struct log_writer *w = writer_new(kind, log);
        uint64_t lsn = 0;
        uint32_t crc = 0;
        for (int i = 0; i < 50; i++) {
                fill(&g, lsn, crc, 100);
                lsn = log_group_next_lsn(&g) - 1;
                crc = g.chain;
                log_writer_submit(w, &g);
                cr_assert_eq(collect(w, &err, NULL), &g);
                cr_assert_eq(err, 0);
        }
        cr_assert_eq(log_records_count(log), 5000);
        log_writer_free(w);
        log_group_fini(&g);
        log_close(log);
        temp_dir_free(dir);
}

/* --- each of its own --- */

Test(log_writer, the_inline_one_has_no_descriptor)
{
        struct log_disk *disk = log_disk_new();
        struct log *log = log_mem_open(disk);
        struct log_writer *w = log_writer_inline_new(log, log->epoch);
        cr_assert_eq(w->fd, -1);
        log_writer_free(w);
        log_close(log);
        log_disk_free(disk);
}

Test(log_writer, the_threads_descriptor_is_readable_from_completion_to_collection)
{
        struct gate gate = { .log.ops = &gate_ops };
        struct log_writer *w = writer_new(THREAD, &gate.log);
        struct log_group g = { 0 };
        int err = -1;
        for (int round = 1; round <= 3; round++) {
                atomic_store(&gate.open, false);
                fill(&g, gate.log.last_lsn, gate.log.last_crc, 1);
                cr_assert_not(is_readable(w, 0));
                log_writer_submit(w, &g);
                cr_assert(wait_until_entered(&gate, round));
                cr_assert_not(is_readable(w, 0));
                cr_assert_null(log_writer_collect(w, &err, NULL));
                atomic_store(&gate.open, true);
                cr_assert(is_readable(w, PATIENCE_MS));
                cr_assert_eq(log_writer_collect(w, &err, NULL), &g);
                cr_assert_eq(err, 0);
                cr_assert_not(is_readable(w, 0));
        }
        log_writer_free(w);
        log_group_fini(&g);
}

static void *free_it(void *arg)
{
        log_writer_free(arg);
        return NULL;
}

Test(log_writer, freeing_waits_for_the_group_that_is_under_way)
{
        struct gate gate = { .log.ops = &gate_ops };
        struct log_writer *w = writer_new(THREAD, &gate.log);
        struct log_group g = { 0 };
        pthread_t thread;
        fill(&g, 0, 0, 1);
        log_writer_submit(w, &g);
        cr_assert(wait_until_entered(&gate, 1));
        cr_assert_eq(pthread_create(&thread, NULL, free_it, w), 0);
        cr_assert_eq(pthread_tryjoin_np(thread, NULL), EBUSY);
        cr_assert_eq(gate.log.stats.commits, 0);
        atomic_store(&gate.open, true);
        cr_assert_eq(pthread_join(thread, NULL), 0);
        cr_assert_eq(gate.log.stats.commits, 1);
        log_group_fini(&g);
}

Test(log_writer, a_group_that_was_submitted_just_before_the_freeing_is_written)
{
        struct log_disk *disk = log_disk_new();
        struct log *log = log_mem_open(disk);
        struct log_group g = { 0 };
        for (uint64_t i = 1; i <= 200; i++) {
                struct log_writer *w = writer_new(THREAD, log);
                fill(&g, log->last_lsn, log->last_crc, 1);
                log_writer_submit(w, &g);
                log_writer_free(w);
                cr_assert_eq(log->last_lsn, i);
        }
        log_group_fini(&g);
        log_close(log);
        log_disk_free(disk);
}

Test(log_writer, freeing_what_was_never_used_and_nothing_is_harmless)
{
        struct log_disk *disk = log_disk_new();
        struct log *log = log_mem_open(disk);
        for (int i = 0; i < 50; i++)
                log_writer_free(writer_new(THREAD, log));
        log_writer_free(NULL);
        log_close(log);
        log_disk_free(disk);
}
