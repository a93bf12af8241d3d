/* SPDX-License-Identifier: MIT */
#include "bench/repetition.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buffer.h"
#include "bench/directory.h"
#include "bench/document.h"
#include "bench/machine.h"
#include "bench/progress.h"

enum { EXIT_INTERRUPTED = 130, LOOK_EVERY_MS = 200, READ_BYTES = 64 * 1024, PATH_SIZE = 1100 };

/* --- the process that measures --- */

/* Its standard output is the pipe: the report goes there, or else the sentence. */
static _Noreturn void measure_main(const struct bench_options *options, const char *dir,
                                   bench_measure_fn *measure, int fd)
{
        struct bench_options o = *options;
        stet_why why;
        prctl(PR_SET_PDEATHSIG, SIGTERM); /* nobody else wants to know */
        o.json = true;
        int err = dup2(fd, STDOUT_FILENO) < 0 ? stet_why_set(&why, STET_EIO, "a pipe: %s", strerror(errno))
                  : o.pinned_cores            ? machine_pin(o.pinned_cores, &why)
                                              : 0;
        close(fd);
        if (!err)
                err = measure(&o, dir, &why);
        if (err)
                fputs(why.text, stdout);
        fflush(stdout);
        _exit(err == STET_ECANCELED ? EXIT_INTERRUPTED : err ? EXIT_FAILURE : 0);
}

/* --- the one that waits for it --- */

/* Reads until the process has said all, and hands an interruption on: it may have come to us alone. */
static void read_answer(int fd, pid_t process, struct buffer *ret)
{
        struct pollfd ready = { .fd = fd, .events = POLLIN };
        bool told = false;
        for (;;) {
                int found = poll(&ready, 1, LOOK_EVERY_MS);
                if (progress_interrupted() && !told) {
                        kill(process, SIGTERM);
                        told = true;
                }
                if (found <= 0)
                        continue;
                ssize_t got = read(fd, buffer_reserve(ret, READ_BYTES), READ_BYTES);
                if (got <= 0)
                        return;
                ret->size += (size_t)got;
        }
}

static int check_end(int status, const struct buffer *answer, stet_why *why)
{
        if (progress_interrupted() || (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_INTERRUPTED))
                return stet_why_set(why, STET_ECANCELED, "interrupted");
        if (WIFSIGNALED(status))
                return stet_why_set(why, STET_ECRASHED, "the process that measured was ended by signal %d",
                                    WTERMSIG(status));
        if (WEXITSTATUS(status) != 0)
                return stet_why_set(why, STET_EFAILED, "%.*s", (int)answer->size, (const char *)answer->data);
        return 0;
}

static int run_process(const struct bench_options *options, const char *dir, bench_measure_fn *measure,
                       struct buffer *ret, stet_why *why)
{
        int fds[2], status = 0;
        if (pipe(fds) != 0)
                return stet_why_set(why, STET_EIO, "a pipe: %s", strerror(errno));
        fflush(NULL);
        pid_t process = fork();
        if (process == 0) {
                close(fds[0]);
                measure_main(options, dir, measure, fds[1]);
        }
        close(fds[1]);
        if (process < 0) {
                close(fds[0]);
                return stet_why_set(why, STET_EIO, "a process that measures: %s", strerror(errno));
        }
        read_answer(fds[0], process, ret);
        close(fds[0]);
        while (waitpid(process, &status, 0) < 0 && errno == EINTR)
                ;
        return check_end(status, ret, why);
}

static int measure_once(const struct bench_options *options, const char *parent, bench_measure_fn *measure,
                        stet_value *ret, stet_why *why)
{
        struct buffer answer = { 0 };
        char dir[PATH_SIZE];
        int err = directory_make(parent, "repeat", dir, sizeof(dir), why);
        if (err)
                return err;
        err = run_process(options, dir, measure, &answer, why);
        directory_remove(dir);
        if (!err)
                err = stet_value_from_json(ret, (const char *)answer.data, answer.size, why);
        buffer_fini(&answer);
        return err;
}

/* The medians, and what they are of. */
static int join(const stet_value *documents, size_t count, stet_value *ret)
{
        stet_value repeats = { 0 };
        int err = stet_value_pack(&repeats, "[]");
        for (size_t i = 0; i < count && !err; i++)
                err = stet_value_append(&repeats, &documents[i]);
        if (!err)
                err = document_median(documents, count, ret);
        if (!err)
                err = stet_value_set(ret, "repeats", &repeats);
        stet_value_free(&repeats);
        return err;
}

int repetition_measure(const struct bench_options *options, uint32_t count, const char *dir,
                       bench_measure_fn *measure, const char *place, stet_value *ret, stet_why *why)
{
        stet_value *documents = xcalloc(count, sizeof(*documents));
        int err = 0;
        for (uint32_t i = 0; i < count && !err; i++) {
                char text[192];
                snprintf(text, sizeof(text), "%s%u of %u  ", place, i + 1, count);
                progress_set_place(text);
                err = measure_once(options, dir, measure, &documents[i], why);
        }
        progress_set_place("");
        if (!err) {
                err = join(documents, count, ret);
                if (err)
                        stet_why_set(why, err, "the documents of %u repeats: %s", count,
                                     stet_error_text(err));
        }
        for (uint32_t i = 0; i < count; i++)
                stet_value_free(&documents[i]);
        free(documents);
        return err;
}
