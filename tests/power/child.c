/* SPDX-License-Identifier: MIT */
#include "tests/power/child.h"

#include "tests/power/recorder.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

struct shared {
        struct session_shared session;
        struct child_report report;
};

static struct shared *shared_new(void)
{
        struct shared *shared =
            mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (shared == MAP_FAILED) {
                perror("mmap");
                abort();
        }
        return shared;
}

static void run_in_child(const struct workload *workload, const struct workload_options *o,
                         const struct child_hooks *hooks, struct shared *shared)
{
        struct session session = { .shared = &shared->session };
        struct image mirror = { 0 };
        struct rlimit no_core = { 0, 0 };
        signal(SIGABRT, SIG_DFL); /* expected, and told by the parent */
        setrlimit(RLIMIT_CORE, &no_core);
        recorder_seed(o->seed);
        if (hooks->watched)
                recorder_begin(o->root, &mirror, NULL);
        hooks->before(hooks->ctx);
        int err = workload->run(o, &session, &shared->report.why);
        shared->report.fired = hooks->after(hooks->ctx);
        shared->report.sync_again = recorder_saw_sync_again();
        recorder_end();
        memcpy(shared->session.wrong, session.wrong, sizeof session.wrong);
        shared->report.err = err;
        _exit(0);
}

void child_run(const struct workload *workload, const struct workload_options *o,
               const struct child_hooks *hooks, struct session *ret_session, struct child_report *ret)
{
        struct shared *shared = shared_new();
        int status = 0;
        fflush(stdout);
        pid_t child = fork();
        if (child == 0)
                run_in_child(workload, o, hooks, shared);
        if (child < 0 || waitpid(child, &status, 0) != child) {
                perror("fork");
                abort();
        }
        *ret = shared->report;
        ret->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
        session_take(ret_session, &shared->session);
        munmap(shared, sizeof *shared);
}
