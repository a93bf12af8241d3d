/* SPDX-License-Identifier: MIT
 *
 * verify: checks every record of a data directory.
 *
 * LMDB trusts its pages: damage to them can crash the process that reads them. So a child does the reading.
 * It sends each damage through a pipe and keeps the count of records in memory that both share; when a signal
 * kills it, that is a damage like any other, and the count says how far it came.
 */
#include "stet/verify.h"
#include "tools/exit_code.h"
#include "tools/session.h"
#include "tools/text.h"
#include "tools/print_table.h"
#include "tools/verb.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SENTENCE_SIZE = 400, PROGRESS_MS = 100, KEPT_MAX = 10000 };

/* One damage on its way through the pipe; smaller than PIPE_BUF, so that it arrives whole or not at all. */
struct found {
        uint64_t lsn;
        uint32_t shard;
        char run_id[20];
        char sentence[SENTENCE_SIZE];
};

/* What the child leaves in shared memory. */
struct shared {
        _Atomic uint64_t records;
        stet_verify_report report;
        stet_why why;
        int err;
        _Atomic bool done;
};

struct checking {
        const char *data_dir;
        struct shared *shared;
        int fds[2];
        pid_t child;
        struct found *found; /* the first ones; more are only counted */
        size_t found_count;
        uint64_t found_total;
};

/* --- the child --- */

static void child_damage(void *context, const stet_damage *damage)
{
        const struct checking *k = context;
        struct found found = { .lsn = damage->lsn, .shard = damage->shard };
        snprintf(found.run_id, sizeof found.run_id, "%s", damage->run_id);
        snprintf(found.sentence, sizeof found.sentence, "%s", damage->sentence ? damage->sentence : "");
        while (write(k->fds[1], &found, sizeof found) < 0 && errno == EINTR)
                continue;
}

static void child_progress(void *context, uint64_t records)
{
        const struct checking *k = context;
        k->shared->records = records;
}

static void child_run(struct checking *k)
{
        struct shared *shared = k->shared;
        close(k->fds[0]);
        setrlimit(RLIMIT_CORE, &(struct rlimit){ 0 }); /* a crash is expected here and leaves no core file */
        shared->err =
            stet_verify(k->data_dir, child_damage, child_progress, k, &shared->report, &shared->why);
        shared->done = true;
        _exit(0);
}

/* --- the parent --- */

static int checking_begin(struct checking *k, stet_why *why)
{
        k->shared = mmap(NULL, sizeof *k->shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (k->shared == MAP_FAILED || pipe(k->fds) != 0)
                return stet_why_set(why, STET_ENOMEM, "no memory or no descriptor for a child process: %s",
                                    strerror(errno));
        fflush(stdout);
        fflush(stderr);
        k->child = fork();
        if (k->child < 0)
                return stet_why_set(why, STET_ENOMEM, "no child process could be started: %s",
                                    strerror(errno));
        if (k->child == 0)
                child_run(k);
        close(k->fds[1]);
        return 0;
}

static void keep(struct checking *k, const struct found *found)
{
        if (k->found_count < KEPT_MAX) {
                k->found = text_need(realloc(k->found, (k->found_count + 1) * sizeof *k->found));
                k->found[k->found_count++] = *found;
        }
        k->found_total++;
}

/* Takes what the child finds until it ends. */
static void follow(struct checking *k)
{
        struct pollfd waited = { .fd = k->fds[0], .events = POLLIN };
        for (;;) {
                struct found found;
                if (poll(&waited, 1, PROGRESS_MS) == 0) {
                        terminal_progress("%" PRIu64 " records read", (uint64_t)k->shared->records);
                        continue;
                }
                ssize_t got = read(k->fds[0], &found, sizeof found);
                if (got == (ssize_t)sizeof found)
                        keep(k, &found);
                else if (got >= 0 || errno != EINTR)
                        break;
        }
        terminal_progress_end();
        close(k->fds[0]);
}

/* The child's end: its own error, or, when a signal ended it, one more damage. */
static int checking_end(struct checking *k, stet_why *why)
{
        int status = 0;
        while (waitpid(k->child, &status, 0) < 0 && errno == EINTR)
                continue;
        if (k->shared->done) {
                if (k->shared->err)
                        *why = k->shared->why;
                return k->shared->err;
        }
        if (!WIFSIGNALED(status))
                return stet_why_set(why, STET_EINTERNAL,
                                    "the checking process ended with code %d before it was done",
                                    WEXITSTATUS(status));
        uint64_t records = k->shared->records;
        struct found crash = { .lsn = 0 };
        snprintf(crash.sentence, sizeof crash.sentence,
                 "the pages after about %" PRIu64 " records are so damaged that reading them crashed (%s)",
                 records, strsignal(WTERMSIG(status)));
        k->shared->report.records = records;
        k->shared->report.damaged++;
        keep(k, &crash);
        return stet_why_set(why, STET_ECORRUPT, "%s", crash.sentence);
}

/* --- printing --- */

static int print_json(const struct command *c, const struct checking *k)
{
        stet_value v = { 0 }, list = { 0 }, item = { 0 };
        const stet_verify_report *report = &k->shared->report;
        int err = stet_value_pack(&list, "[]");
        for (size_t i = 0; i < k->found_count && !err; i++) {
                const struct found *f = &k->found[i];
                err = stet_value_pack(&item, "{s:I, s:I, s:s, s:s}", "shard", (int64_t)f->shard, "lsn",
                                      (int64_t)f->lsn, "run_id", f->run_id, "sentence", f->sentence);
                if (!err)
                        err = stet_value_append(&list, &item);
        }
        if (!err)
                err = stet_value_pack(&v, "{s:s, s:b, s:I, s:I, s:I, s:v}", "data_dir", k->data_dir, "whole",
                                      k->found_total == 0, "shards", (int64_t)report->shards, "records",
                                      (int64_t)report->records, "damaged", (int64_t)k->found_total, "damages",
                                      &list);
        stet_value_free(&item);
        stet_value_free(&list);
        return command_print_packed(c, &v, err);
}

static void print_damages(const struct checking *k)
{
        struct table t;
        table_init(&t, 4);
        for (size_t i = 0; i < k->found_count; i++) {
                const struct found *f = &k->found[i];
                table_add(&t, STYLE_PLAIN, text_format("shard %" PRIu32, f->shard));
                table_add(&t, STYLE_PLAIN,
                          f->lsn ? text_format("lsn %" PRIu64, f->lsn) : text_format("lsn ?"));
                table_add(&t, STYLE_PLAIN,
                          *f->run_id ? text_format("run %s", f->run_id) : text_format("%s", ""));
                table_add(&t, STYLE_PLAIN, text_clean(f->sentence, strlen(f->sentence)));
        }
        table_print(&t, stdout, 0);
        table_fini(&t);
        if (k->found_total > k->found_count)
                printf("and %" PRIu64 " more\n", k->found_total - k->found_count);
}

static int print_report(const struct command *c, const struct checking *k)
{
        const stet_verify_report *report = &k->shared->report;
        if (c->json)
                return print_json(c, k);
        print_damages(k);
        if (k->found_total == 0)
                printf("%s is whole: %" PRIu64 " records in %" PRIu32 " %s\n", k->data_dir, report->records,
                       report->shards, report->shards == 1 ? "shard" : "shards");
        return EXIT_OK;
}

/* Damage is what verify looks for: exit code 1, not that of a directory that can't be used. */
static int fail_with_damage(const struct command *c, const struct checking *k)
{
        stet_why why;
        stet_why_set(&why, STET_ECORRUPT, "%s is damaged in %" PRIu64 " %s", k->data_dir, k->found_total,
                     k->found_total == 1 ? "place" : "places");
        command_fail(c, STET_ECORRUPT, &why, "Keep a copy of the directory before you change anything.");
        return EXIT_FAILED;
}

static int fail_to_verify(const struct command *c, int err, const stet_why *why)
{
        return command_fail(c, err == STET_ENOTFOUND ? STET_EFORMAT : err, why, NULL);
}

static int verify(struct command *c, struct checking *k)
{
        stet_why why = { "" };
        int err = checking_begin(k, &why);
        if (err)
                return fail_to_verify(c, err, &why);
        follow(k);
        err = checking_end(k, &why);
        if (err && !(err == STET_ECORRUPT && k->found_total > 0))
                return fail_to_verify(c, err, &why);
        int code = print_report(c, k);
        return code == EXIT_OK && k->found_total > 0 ? fail_with_damage(c, k) : code;
}

int verb_verify(struct command *c)
{
        struct checking k = { .data_dir = c->arguments[0] ? c->arguments[0] : session_data_dir(c),
                              .shared = MAP_FAILED };
        stet_why why;
        if (c->arguments[0] && option_given(&c->options, OPTION_DATA)) {
                stet_why_set(&why, STET_EINVAL, "the directory is given twice, as DIR and with --data");
                return command_fail_usage(c, STET_EINVAL, &why);
        }
        int code = verify(c, &k);
        if (k.shared != MAP_FAILED)
                munmap(k.shared, sizeof *k.shared);
        free(k.found);
        return code;
}
