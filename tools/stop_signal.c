/* SPDX-License-Identifier: MIT */
#include "tools/stop_signal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

/* One pipe for the process, as signals are the process's. */
static int pipe_fds[2] = { -1, -1 };
static volatile sig_atomic_t stops;

static void note_stop(int number)
{
        int saved = errno;
        if (stops++ > 0)
                _exit(128 + number);
        ssize_t written = write(pipe_fds[1], "", 1);
        (void)written; /* a pipe that is full has said it already */
        errno = saved;
}

void stop_signal_install(void)
{
        struct sigaction action = { .sa_handler = note_stop, .sa_flags = SA_RESTART };
        if (pipe_fds[0] >= 0 || pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) != 0)
                return;
        sigemptyset(&action.sa_mask);
        sigaction(SIGTERM, &action, NULL);
        sigaction(SIGINT, &action, NULL);
}

bool stop_signal_wait(int timeout_ms)
{
        struct pollfd waited = { .fd = pipe_fds[0], .events = POLLIN };
        return poll(&waited, 1, timeout_ms) > 0 || stops > 0;
}
