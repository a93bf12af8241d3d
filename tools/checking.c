/* SPDX-License-Identifier: MIT */
#include "tools/checking.h"

#include "tools/terminal.h"
#include "tools/text.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROGRESS_MS = 100, KEPT_MAX = 10000 };

/* What the child leaves in shared memory. */
struct shared {
        _Atomic uint64_t records;
        stet_verify_report report;
        stet_why why;
        int err;
        _Atomic bool done;
};

struct child {
        struct checking *k;
        struct shared *shared;
        int fds[2];
        pid_t pid;
};

/* --- the child --- */

static void child_damage(void *context, const stet_damage *damage)
{
        const struct child *child = context;
        struct found found = { .lsn = damage->lsn, .shard = damage->shard };
        snprintf(found.run_id, sizeof found.run_id, "%s", damage->run_id);
        snprintf(found.sentence, sizeof found.sentence, "%s", damage->sentence ? damage->sentence : "");
        while (write(child->fds[1], &found, sizeof found) < 0 && errno == EINTR)
                continue;
}

static void child_progress(void *context, uint64_t records)
{
        const struct child *child = context;
        child->shared->records = records;
}

/* A crash is a finding: it must end the child by its signal, whoever else would like to hear of it. */
static void crash_plainly(void)
{
        static const int signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };
        for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
                signal(signals[i], SIG_DFL);
}

static void child_run(struct child *child)
{
        struct shared *shared = child->shared;
        close(child->fds[0]);
        crash_plainly();
        setrlimit(RLIMIT_CORE, &(struct rlimit){ 0 }); /* a crash is expected here and leaves no core file */
        shared->err =
            stet_verify(child->k->dir, child_damage, child_progress, child, &shared->report, &shared->why);
        shared->done = true;
        _exit(0);
}

/* --- the parent --- */

static int child_begin(struct child *child, stet_why *why)
{
        if (pipe(child->fds) != 0)
                return stet_why_set(why, STET_ENOMEM, "no descriptor for a child process: %s",
                                    strerror(errno));
        fflush(stdout);
        fflush(stderr);
        child->pid = fork();
        if (child->pid < 0) {
                close(child->fds[0]);
                close(child->fds[1]);
                return stet_why_set(why, STET_ENOMEM, "no child process could be started: %s",
                                    strerror(errno));
        }
        if (child->pid == 0)
                child_run(child);
        close(child->fds[1]);
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
static void follow(struct child *child)
{
        struct pollfd waited = { .fd = child->fds[0], .events = POLLIN };
        for (;;) {
                struct found found;
                if (poll(&waited, 1, PROGRESS_MS) == 0) {
                        terminal_progress("%" PRIu64 " records read", (uint64_t)child->shared->records);
                        continue;
                }
                ssize_t got = read(child->fds[0], &found, sizeof found);
                if (got == (ssize_t)sizeof found)
                        keep(child->k, &found);
                else if (got >= 0 || errno != EINTR)
                        break;
        }
        terminal_progress_end();
        close(child->fds[0]);
}

/* The child's end: its own error, or, when a signal ended it, one more damage. */
static int child_end(struct child *child, stet_why *why)
{
        struct checking *k = child->k;
        int status = 0;
        while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
                continue;
        k->report = child->shared->report;
        if (child->shared->done) {
                if (child->shared->err)
                        *why = child->shared->why;
                return child->shared->err;
        }
        if (!WIFSIGNALED(status))
                return stet_why_set(why, STET_EINTERNAL,
                                    "the checking process ended with code %d before it was done",
                                    WEXITSTATUS(status));
        uint64_t records = child->shared->records;
        struct found crash = { .lsn = 0 };
        snprintf(crash.sentence, sizeof crash.sentence,
                 "the pages after about %" PRIu64 " records are so damaged that reading them crashed (%s)",
                 records, strsignal(WTERMSIG(status)));
        k->report.records = records;
        k->report.damaged++;
        keep(k, &crash);
        return stet_why_set(why, STET_ECORRUPT, "%s", crash.sentence);
}

int checking_run(struct checking *k, const char *dir, stet_why *why)
{
        struct child child = { .k = k };
        *k = (struct checking){ .dir = dir };
        child.shared =
            mmap(NULL, sizeof *child.shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (child.shared == MAP_FAILED)
                return stet_why_set(why, STET_ENOMEM, "no memory for a child process: %s", strerror(errno));
        int err = child_begin(&child, why);
        if (!err) {
                follow(&child);
                err = child_end(&child, why);
        }
        munmap(child.shared, sizeof *child.shared);
        return err == STET_ECORRUPT && k->found_total > 0 ? 0 : err;
}

void checking_fini(struct checking *k)
{
        free(k->found);
}
