/* SPDX-License-Identifier: MIT
 *
 * What every store of the log must do: each test runs over all of them. What only one can do is tested beside
 * it (test_log_lmdb.c, and the planned failures of log_mem at the end).
 */
#include "wal/log.h"

#include "runtime/clock.h"
#include "tests/lib/child.h"
#include "tests/lib/each_kind.h"
#include "tests/lib/log_records.h"
#include "tests/lib/random.h"
#include "tests/lib/temp_dir.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/* --- fixture --- */

enum kind { ON_LMDB, ON_MEMORY };

struct store {
        enum kind kind;
        char *dir; /* log_lmdb's */
        char path[128];
        struct log_disk *disk; /* log_mem's */
        struct log *log;
};

static void store_open(struct store *s)
{
        stet_why why = { "" };
        if (s->kind == ON_MEMORY) {
                s->log = log_mem_open(s->disk);
                return;
        }
        struct log_lmdb_options options = { .path = s->path, .level = LOG_SYNC, .map_bytes = 1 << 16 };
        cr_assert_eq(log_lmdb_open(&options, &s->log, &why), 0, "%s", why.text);
}

static struct store store_new(enum kind kind)
{
        struct store s = { .kind = kind };
        if (kind == ON_LMDB) {
                s.dir = temp_dir_new();
                snprintf(s.path, sizeof s.path, "%s/shard-0.log", s.dir);
        } else {
                s.disk = log_disk_new();
        }
        store_open(&s);
        return s;
}

static void store_reopen(struct store *s)
{
        log_close(s->log);
        store_open(s);
}

static void store_free(struct store *s)
{
        log_close(s->log);
        log_disk_free(s->disk);
        temp_dir_free(s->dir);
}

/* Another process opens the store while ours still has it open. LMDB allows one environment a process. */
static void store_open_elsewhere(struct store *s)
{
        if (s->kind == ON_MEMORY) {
                log_close(log_mem_open(s->disk));
                return;
        }
        pid_t pid = fork();
        if (pid == 0) {
                struct log *log;
                struct log_lmdb_options options = { .path = s->path, .level = LOG_SYNC };
                int err = log_lmdb_open(&options, &log, NULL);
                if (!err)
                        log_close(log);
                _exit(err);
        }
        cr_assert_eq(child_exit_code(pid), 0);
}

static void group_follow(struct log_group *g, const struct log *log)
{
        log_group_reset(g, log->last_lsn, log->last_crc);
}

struct seen {
        uint64_t count;
        uint64_t first;
        uint64_t last;
        uint64_t bytes; /* of bodies */
};

static int see(void *ctx, const struct record *r)
{
        struct seen *seen = ctx;
        cr_assert(records_are_right(r), "record %lu", (unsigned long)r->lsn);
        if (!seen->count++)
                seen->first = r->lsn;
        else
                cr_assert_eq(r->lsn, seen->last + 1);
        seen->last = r->lsn;
        seen->bytes += r->body.size;
        return 0;
}

static struct seen read_from(struct log *log, uint64_t lsn)
{
        struct seen seen = { 0 };
        stet_why why = { "" };
        cr_assert_eq(log_read(log, lsn, see, &seen, &why), 0, "%s", why.text);
        return seen;
}

static void assert_holds(struct log *log, uint64_t from_lsn, uint64_t first, uint64_t last)
{
        struct seen seen = read_from(log, from_lsn);
        cr_assert_eq(seen.count, last + 1 - first, "%lu records", (unsigned long)seen.count);
        if (seen.count) {
                cr_assert_eq(seen.first, first);
                cr_assert_eq(seen.last, last);
        }
}

/* ConformanceTest(name): a test with `struct store *s`, run over every store. */
#define ConformanceTest(name)                                                                                \
        static void name(struct store *s);                                                                   \
        EachKind(log, name, enum kind, ON_LMDB, ON_MEMORY)                                                   \
        {                                                                                                    \
                struct store store = store_new(*kind);                                                       \
                name(&store);                                                                                \
                store_free(&store);                                                                          \
        }                                                                                                    \
        static void name(struct store *s)

/* --- appending and reading --- */

ConformanceTest(a_new_log_is_empty_and_begins_with_record_1)
{
        cr_assert_eq(s->log->epoch, 1);
        cr_assert_eq(s->log->first_lsn, 1);
        cr_assert_eq(s->log->last_lsn, 0);
        cr_assert_eq(s->log->last_crc, 0);
        assert_holds(s->log, 0, 1, 0);
        assert_holds(s->log, 5, 1, 0);
}

ConformanceTest(appended_records_are_read_in_order)
{
        for (uint32_t i = 1; i <= 20; i++)
                log_records_append(s->log, i, 10 * i);
        cr_assert_eq(s->log->last_lsn, 210);
        assert_holds(s->log, 0, 1, 210);
        assert_holds(s->log, 1, 1, 210);
}

ConformanceTest(reading_starts_at_any_record_and_beyond_the_end_finds_nothing)
{
        for (uint32_t i = 1; i <= 12; i++)
                log_records_append(s->log, 17 * i, 72);
        uint64_t last = s->log->last_lsn;
        for (uint64_t lsn = 1; lsn <= last; lsn += 1 + lsn % 7)
                assert_holds(s->log, lsn, lsn, last);
        assert_holds(s->log, last, last, last);
        assert_holds(s->log, last + 1, last + 1, last);
        assert_holds(s->log, UINT64_MAX, last + 1, last);
}

ConformanceTest(bodies_of_every_size_come_back_whole)
{
        static const size_t sizes[] = { 0,    1,    1900, 2100,   4015,    4016,           4017,
                                        4018, 8079, 8080, 100000, 3 << 20, RECORD_BODY_MAX };
        uint64_t bytes = 0;
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
                log_records_append(s->log, i < 11 ? 3 : 1, sizes[i]);
                bytes += sizes[i] * (i < 11 ? 3 : 1);
        }
        store_reopen(s);
        struct seen seen = read_from(s->log, 1);
        cr_assert_eq(seen.count, 35);
        cr_assert_eq(seen.bytes, bytes);
        for (uint64_t lsn = 1; lsn <= 35; lsn++)
                assert_holds(s->log, lsn, lsn, 35);
}

ConformanceTest(small_and_large_records_share_a_group)
{
        struct log_group g = { 0 };
        uint64_t random = 7;
        for (int round = 0; round < 10; round++) {
                group_follow(&g, s->log);
                for (int i = 0; i < 50; i++)
                        records_put(&g, random_below(&random, i % 10 ? 300 : 20000));
                cr_assert_eq(log_append(s->log, s->log->epoch, &g, NULL), 0);
        }
        log_group_fini(&g);
        assert_holds(s->log, 0, 1, 500);
        assert_holds(s->log, 321, 321, 500);
}

ConformanceTest(a_log_of_many_batches_is_read_without_gap)
{
        for (int i = 0; i < 30; i++)
                log_records_append(s->log, 1000, 72);
        assert_holds(s->log, 1, 1, 30000);
        assert_holds(s->log, 12345, 12345, 30000);
}

ConformanceTest(a_reopened_log_goes_on_where_it_ended)
{
        log_records_append(s->log, 40, 100);
        uint32_t crc = s->log->last_crc;
        for (uint64_t opening = 2; opening <= 5; opening++) {
                store_reopen(s);
                cr_assert_eq(s->log->epoch, opening);
                cr_assert_eq(s->log->first_lsn, 1);
                cr_assert_eq(s->log->last_lsn, 40 * (opening - 1));
                cr_assert_eq(s->log->last_crc, crc);
                log_records_append(s->log, 40, 100);
                crc = s->log->last_crc;
        }
        assert_holds(s->log, 0, 1, 200);
}

ConformanceTest(an_empty_group_is_no_commit)
{
        struct log_group g = { 0 };
        group_follow(&g, s->log);
        cr_assert_eq(log_append(s->log, s->log->epoch, &g, NULL), 0);
        cr_assert_eq(s->log->stats.commits, 0);
        log_group_fini(&g);
}

ConformanceTest(statistics_count_what_was_appended)
{
        log_records_append(s->log, 10, 100);
        log_records_append(s->log, 5, 50);
        cr_assert_eq(s->log->stats.commits, 2);
        cr_assert_eq(s->log->stats.records, 15);
        cr_assert_eq(s->log->stats.bytes, 10 * 148 + 5 * 98);
        cr_assert_geq(s->log->stats.disk_bytes, s->log->stats.bytes);
        store_reopen(s);
        cr_assert_eq(s->log->stats.records, 0);
        cr_assert_geq(s->log->stats.disk_bytes, 10 * 148 + 5 * 98);
}

ConformanceTest(syncing_a_synced_log_does_nothing)
{
        log_records_append(s->log, 1, 10);
        cr_assert_eq(log_sync(s->log, NULL), 0);
}

/* --- visitors --- */

static int stop_at_5(void *ctx, const struct record *r)
{
        ++*(int *)ctx;
        return r->lsn == 5 ? STET_ECANCELED : 0;
}

ConformanceTest(a_visitor_ends_the_reading_with_its_own_result)
{
        int visits = 0;
        log_records_append(s->log, 20, 10);
        cr_assert_eq(log_read(s->log, 1, stop_at_5, &visits, NULL), STET_ECANCELED);
        cr_assert_eq(visits, 5);
}

struct nested {
        struct log *log;
        uint64_t visits;
};

static int read_and_append(void *ctx, const struct record *r)
{
        struct nested *n = ctx;
        n->visits++;
        if (r->lsn <= 3) {
                log_records_append(n->log, 2000, 400);
                assert_holds(n->log, r->lsn, r->lsn, 10 + 2000 * r->lsn);
        }
        return 0;
}

ConformanceTest(a_visitor_may_read_and_append)
{
        log_records_append(s->log, 10, 10);
        struct nested n = { .log = s->log };
        cr_assert_eq(log_read(s->log, 1, read_and_append, &n, NULL), 0);
        cr_assert_geq(n.visits, 10);
        assert_holds(s->log, 1, 1, 6010);
}

/* --- what is refused --- */

static void assert_refused(struct log *log, const struct log_group *g, int expected, const char *words)
{
        uint64_t lsn = log->last_lsn;
        uint32_t crc = log->last_crc;
        stet_why why = { "" };
        int err = log_append(log, log->epoch, g, &why);
        cr_assert_eq(err, expected, "%d: %s", err, why.text);
        cr_assert_not_null(strstr(why.text, words), "%s", why.text);
        cr_assert_eq(log->last_lsn, lsn);
        cr_assert_eq(log->last_crc, crc);
}

ConformanceTest(a_group_that_does_not_follow_is_refused_and_a_right_one_taken_after_it)
{
        struct log_group g = { 0 };
        log_records_append(s->log, 3, 10);
        log_group_reset(&g, 2, s->log->last_crc);
        records_put(&g, 10);
        assert_refused(s->log, &g, STET_EINVAL, "begins with record 3, but the log goes on with 4");
        log_group_reset(&g, 4, s->log->last_crc);
        records_put(&g, 10);
        assert_refused(s->log, &g, STET_EINVAL, "begins with record 5, but the log goes on with 4");
        log_group_reset(&g, 3, s->log->last_crc ^ 1);
        records_put(&g, 10);
        assert_refused(s->log, &g, STET_EINVAL, "continues another record 3");
        log_group_fini(&g);
        log_records_append(s->log, 3, 10);
        assert_holds(s->log, 1, 1, 6);
}

ConformanceTest(a_group_that_is_not_whole_is_refused)
{
        struct log_group g = { 0 };
        group_follow(&g, s->log);
        records_put(&g, 10);
        records_put(&g, 10);
        g.count = 3;
        assert_refused(s->log, &g, STET_EINVAL, "not the 3 records");
        g.count = 2;
        g.bytes.size--;
        assert_refused(s->log, &g, STET_EINVAL, "not the 2 records");
        log_group_fini(&g);
}

ConformanceTest(a_newer_opener_fences_the_older_writer)
{
        struct log_group g = { 0 };
        log_records_append(s->log, 5, 10);
        store_open_elsewhere(s);
        group_follow(&g, s->log);
        records_put(&g, 10);
        assert_refused(s->log, &g, STET_EFENCED, "its epoch is 2, this writer's is 1");
        assert_refused(s->log, &g, STET_EFENCED, "newer process");
        log_group_fini(&g);
        assert_holds(s->log, 1, 1, 5);
        store_reopen(s);
        cr_assert_eq(s->log->epoch, 3);
        assert_holds(s->log, 1, 1, 5);
}

ConformanceTest(an_epoch_that_is_not_this_openings_is_refused)
{
        struct log_group g = { 0 };
        group_follow(&g, s->log);
        records_put(&g, 10);
        cr_assert_eq(log_append(s->log, s->log->epoch + 1, &g, NULL), STET_EFENCED);
        cr_assert_eq(log_append(s->log, s->log->epoch - 1, &g, NULL), STET_EFENCED);
        cr_assert_eq(log_append(s->log, s->log->epoch, &g, NULL), 0);
        log_group_fini(&g);
}

/* --- trimming --- */

/* Asks for it, and appends until it is done. */
static void trim_to(struct log *log, uint64_t to_lsn)
{
        log_trim(log, to_lsn);
        for (int i = 0; log->first_lsn < to_lsn; i++) {
                cr_assert_lt(i, 5000);
                log_records_append(log, 1, 10);
        }
        cr_assert_eq(log->first_lsn, to_lsn);
}

ConformanceTest(a_trimmed_log_begins_where_it_was_trimmed_to)
{
        for (int i = 0; i < 10; i++)
                log_records_append(s->log, 100, 72);
        static const uint64_t to[] = { 2, 50, 101, 333, 600, 601, 999, 1000 };
        for (size_t i = 0; i < sizeof to / sizeof to[0]; i++) {
                trim_to(s->log, to[i]);
                assert_holds(s->log, 0, to[i], s->log->last_lsn);
                assert_holds(s->log, to[i] - 1, to[i], s->log->last_lsn);
                assert_holds(s->log, 1000, 1000, s->log->last_lsn);
                store_reopen(s);
                cr_assert_eq(s->log->first_lsn, to[i]);
                assert_holds(s->log, 0, to[i], s->log->last_lsn);
        }
}

ConformanceTest(what_was_asked_is_done_by_the_next_appends_and_not_kept_over_an_opening)
{
        log_records_append(s->log, 100, 72);
        log_trim(s->log, 50);
        cr_assert_eq(s->log->first_lsn, 1);
        assert_holds(s->log, 0, 1, 100);
        store_reopen(s);
        for (int i = 0; i < 20; i++)
                log_records_append(s->log, 100, 72);
        assert_holds(s->log, 0, 1, 2100);
        trim_to(s->log, 50);
}

ConformanceTest(what_was_there_when_all_was_to_go_goes_and_what_comes_stays)
{
        log_records_append(s->log, 100, 72);
        log_records_append(s->log, 1, 50000);
        trim_to(s->log, 102);
        assert_holds(s->log, 0, 102, s->log->last_lsn);
        store_reopen(s);
        log_records_append(s->log, 5, 10);
        assert_holds(s->log, 0, 102, s->log->last_lsn);
}

ConformanceTest(trimming_backwards_does_nothing)
{
        log_records_append(s->log, 1000, 72);
        trim_to(s->log, 500);
        log_trim(s->log, 300);
        log_trim(s->log, 0);
        log_records_append(s->log, 1000, 72);
        cr_assert_eq(s->log->first_lsn, 500);
        uint64_t last = s->log->last_lsn;
        assert_holds(s->log, 0, 500, last);
}

ConformanceTest(a_group_is_never_forgotten_by_its_own_append)
{
        log_trim(s->log, UINT64_MAX);
        enum { GROUP = 40000 }; /* more than what is written between two trimmings */
        for (uint64_t round = 1; round <= 5; round++) {
                log_records_append(s->log, GROUP, 72);
                assert_holds(s->log, 0, GROUP * (round - 1) + 1, GROUP * round);
        }
}

ConformanceTest(a_writer_that_is_fenced_forgets_nothing)
{
        struct log_group g = { 0 };
        log_records_append(s->log, 1000, 72);
        store_open_elsewhere(s);
        log_trim(s->log, 500);
        group_follow(&g, s->log);
        while (g.count < 1000)
                records_put(&g, 72);
        assert_refused(s->log, &g, STET_EFENCED, "newer process");
        log_group_fini(&g);
        cr_assert_eq(s->log->first_lsn, 1);
        store_reopen(s);
        assert_holds(s->log, 0, 1, 1000);
}

static int trim_when_halfway(void *ctx, const struct record *r)
{
        struct nested *n = ctx;
        n->visits++;
        if (r->lsn == 10)
                trim_to(n->log, 29000);
        return 0;
}

ConformanceTest(a_log_trimmed_while_it_is_read_is_read_on_from_its_new_beginning)
{
        for (int i = 0; i < 30; i++)
                log_records_append(s->log, 1000, 100);
        struct nested n = { .log = s->log };
        stet_why why = { "" };
        cr_assert_eq(log_read(s->log, 1, trim_when_halfway, &n, &why), 0, "%s", why.text);
        cr_assert_lt(n.visits, 29000);
        cr_assert_gt(n.visits, 1000);
}

ConformanceTest(appending_and_trimming_for_long_takes_no_more_of_the_disk)
{
        enum { GROUP = 5000, LAG = 50000 };
        uint64_t early = 0;
        for (uint64_t round = 1; round <= 80; round++) {
                log_records_append(s->log, GROUP, 72);
                log_trim(s->log, GROUP * round - GROUP / 2);
                cr_assert_geq(s->log->first_lsn + LAG, GROUP * round, "round %lu", (unsigned long)round);
                if (round == 40)
                        early = s->log->stats.disk_bytes;
        }
        assert_holds(s->log, 0, s->log->first_lsn, GROUP * 80);
        cr_assert_leq(s->log->stats.disk_bytes, early + early / 4);
}

/* --- threads --- */

struct reading {
        struct log *log;
        atomic_bool stop;
        uint64_t rounds;
        uint64_t last;
};

static void *read_again_and_again(void *arg)
{
        struct reading *r = arg;
        while (!atomic_load(&r->stop) || !r->rounds) {
                struct seen seen = read_from(r->log, 1);
                cr_assert_geq(seen.last, r->last, "the log became shorter");
                cr_assert(!seen.count || seen.first == 1);
                r->last = seen.last;
                r->rounds++;
        }
        return NULL;
}

ConformanceTest(readers_of_other_threads_see_a_growing_prefix)
{
        struct reading readings[2] = { { .log = s->log }, { .log = s->log } };
        pthread_t threads[2];
        for (int i = 0; i < 2; i++)
                cr_assert_eq(pthread_create(&threads[i], NULL, read_again_and_again, &readings[i]), 0);
        for (int i = 0; i < 100; i++)
                log_records_append(s->log, 200, 72); /* the LMDB store's map grows six times on the way */
        for (int i = 0; i < 2; i++) {
                atomic_store(&readings[i].stop, true);
                cr_assert_eq(pthread_join(threads[i], NULL), 0);
        }
        assert_holds(s->log, 1, 1, 20000);
}

/* Reading from the beginning, wherever that is: nothing is missing but what was forgotten, from the front. */
struct chase {
        struct log *log;
        atomic_bool stop;
        _Atomic uint64_t rounds;
        uint64_t first;
        uint64_t last;
};

static int chase_record(void *ctx, const struct record *r)
{
        struct chase *c = ctx;
        cr_assert(records_are_right(r));
        if (!c->last)
                c->first = r->lsn;
        else if (r->lsn != c->last + 1)
                cr_assert_leq(r->lsn, c->log->trim_lsn, "record %lu follows %lu", (unsigned long)r->lsn,
                              (unsigned long)c->last);
        c->last = r->lsn;
        return 0;
}

static void *chase_the_beginning(void *arg)
{
        struct chase *c = arg;
        uint64_t first_before = 0, last_before = 0;
        while (!atomic_load(&c->stop) || !c->rounds) {
                uint64_t first_lsn = c->log->first_lsn;
                stet_why why = { "" };
                c->last = 0;
                cr_assert_eq(log_read(c->log, 1, chase_record, c, &why), 0, "%s", why.text);
                cr_assert_geq(c->first, first_lsn);
                cr_assert_geq(c->first, first_before, "what was forgotten is there again");
                cr_assert_geq(c->last, last_before, "the log became shorter");
                log_trim(c->log, c->last - 500);
                first_before = c->first;
                last_before = c->last;
                c->rounds++;
        }
        return NULL;
}

/* Until both have read the log once more: a writer that does not wait outruns them on a busy machine. */
static void wait_for_a_round(struct chase chases[2])
{
        enum { BOUND_S = 60 };
        int64_t until_ns = clock_elapsed_ns() + BOUND_S * INT64_C(1000000000);
        for (int i = 0; i < 2; i++) {
                uint64_t before = atomic_load(&chases[i].rounds);
                while (atomic_load(&chases[i].rounds) == before) {
                        cr_assert_lt(clock_elapsed_ns(), until_ns, "a reader stands still");
                        sched_yield();
                }
        }
}

ConformanceTest(readers_of_other_threads_trim_what_they_have_read)
{
        enum { APPENDS_A_ROUND = 50 };
        struct chase chases[2] = { { .log = s->log }, { .log = s->log } };
        pthread_t threads[2];
        log_records_append(s->log, 1000, 72);
        for (int i = 0; i < 2; i++)
                cr_assert_eq(pthread_create(&threads[i], NULL, chase_the_beginning, &chases[i]), 0);
        uint64_t from = s->log->first_lsn;
        for (int i = 1; i < 2000 && (i < 200 || s->log->first_lsn < from + 20000); i++) {
                log_records_append(s->log, 200, 72);
                if (i % APPENDS_A_ROUND == 0)
                        wait_for_a_round(chases);
        }
        for (int i = 0; i < 2; i++) {
                atomic_store(&chases[i].stop, true);
                cr_assert_eq(pthread_join(threads[i], NULL), 0);
        }
        cr_assert_geq(s->log->first_lsn, from + 20000);
        assert_holds(s->log, 1, s->log->first_lsn, s->log->last_lsn);
}

/* --- a log that stops --- */

static int fail_append(struct log *log, uint64_t epoch, const struct log_group *group, stet_why *why)
{
        (void)log;
        (void)epoch;
        (void)group;
        return stet_why_set(why, STET_EIO, "the disk failed");
}

/* As when an append fails on the writer's thread meanwhile. */
static int sync_while_an_append_fails(struct log *log, stet_why *why)
{
        struct log_group g = { 0 };
        group_follow(&g, log);
        records_put(&g, 10);
        cr_assert_eq(log_append(log, log->epoch, &g, why), STET_EIO);
        log_group_fini(&g);
        return 0;
}

Test(log_stops, a_sync_that_succeeds_does_not_set_a_stopped_log_going_again)
{
        static const struct log_ops ops = { .append = fail_append, .sync = sync_while_an_append_fails };
        struct log log = { .ops = &ops, .epoch = 1, .first_lsn = 1 };
        stet_why why;
        cr_assert_eq(log_sync(&log, &why), 0);
        cr_assert(log.stopped);
        cr_assert_eq(log_sync(&log, &why), STET_EIO);
        cr_assert_not_null(strstr(why.text, "until the log is opened again"), "%s", why.text);
}

/* --- log_mem: planned failures --- */

static int append_one(struct log *log, stet_why *why)
{
        struct log_group g = { 0 };
        group_follow(&g, log);
        records_put(&g, 10);
        int err = log_append(log, log->epoch, &g, why);
        log_group_fini(&g);
        return err;
}

Test(log_mem, a_planned_failure_hits_the_planned_append_and_stops_the_log)
{
        struct log_disk *disk = log_disk_new();
        struct log *log = log_mem_open(disk);
        stet_why why;
        log_disk_fail_after(disk, 2, STET_EIO, false);
        cr_assert_eq(append_one(log, NULL), 0);
        cr_assert_eq(append_one(log, NULL), 0);
        cr_assert_eq(append_one(log, &why), STET_EIO);
        cr_assert_not_null(strstr(why.text, "record 3"), "%s", why.text);
        cr_assert_eq(append_one(log, &why), STET_EIO);
        cr_assert_not_null(strstr(why.text, "outcome is unknown"), "%s", why.text);
        cr_assert_eq(log_sync(log, NULL), STET_EIO);
        log_close(log);
        log = log_mem_open(disk);
        cr_assert_eq(log->last_lsn, 2);
        cr_assert_eq(append_one(log, NULL), 0);
        log_close(log);
        log_disk_free(disk);
}

Test(log_mem, a_lost_answer_leaves_the_group_on_the_disk)
{
        struct log_disk *disk = log_disk_new();
        struct log *log = log_mem_open(disk);
        log_disk_fail_after(disk, 0, STET_EIO, true);
        cr_assert_eq(append_one(log, NULL), STET_EIO);
        cr_assert_eq(log->last_lsn, 0);
        log_close(log);
        log = log_mem_open(disk);
        cr_assert_eq(log->last_lsn, 1);
        assert_holds(log, 1, 1, 1);
        log_close(log);
        log_disk_free(disk);
}

Test(log_mem, a_full_disk_stops_nothing_and_the_group_can_be_tried_again)
{
        struct log_disk *disk = log_disk_new();
        struct log *log = log_mem_open(disk);
        log_disk_fail_after(disk, 0, STET_EFULL, false);
        cr_assert_eq(append_one(log, NULL), STET_EFULL);
        cr_assert_eq(append_one(log, NULL), 0);
        log_disk_fail_after(disk, -1, STET_EIO, false);
        for (int i = 0; i < 50; i++)
                cr_assert_eq(append_one(log, NULL), 0);
        assert_holds(log, 1, 1, 51);
        log_close(log);
        log_disk_free(disk);
}

Test(log, closing_nothing_is_harmless)
{
        log_close(NULL);
        log_disk_free(NULL);
}
