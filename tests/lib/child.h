/* SPDX-License-Identifier: MIT
 *
 * Child processes of a test. A call that fails ends the test.
 */
#ifndef TESTS_LIB_CHILD_H
#define TESTS_LIB_CHILD_H

#include <criterion/criterion.h>
#include <signal.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

/* Waits for its end. -1: a signal ended it. */
static inline int child_exit_code(pid_t pid)
{
        int status;
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Runs the work, which never ends, and kills it when it has told `steps` numbers through the descriptor.
 * Returns the last one that it told, be it just before its end. */
static inline uint64_t child_killed_after(int steps, void (*work)(const char *path, int told_fd),
                                          const char *path)
{
        int told[2];
        uint64_t last = 0, more;
        cr_assert_eq(pipe(told), 0);
        pid_t pid = fork();
        if (pid == 0)
                work(path, told[1]);
        close(told[1]);
        for (int i = 0; i < steps; i++)
                cr_assert_eq(read(told[0], &last, sizeof last), sizeof last);
        kill(pid, SIGKILL);
        cr_assert_eq(child_exit_code(pid), -1);
        while (read(told[0], &more, sizeof more) == sizeof more)
                last = more;
        close(told[0]);
        return last;
}

#endif
