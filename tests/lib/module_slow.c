/* SPDX-License-Identifier: MIT
 *
 * A module for tests that kill: an activity that leaves a trace of every execution and takes until it is let
 * go.
 */
#include <stet/stet.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

STET_PUBLIC stet_module_fn stet_module;

/* Appends a line to PATH and the end of its name. 0, or -1. */
static int append_line(const char *path, const char *end, const char *line)
{
        char name[1100];
        snprintf(name, sizeof name, "%s.%s", path, end);
        int fd = open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (fd < 0)
                return -1;
        int err = write(fd, line, strlen(line)) == (ssize_t)strlen(line) ? 0 : -1;
        close(fd);
        return err;
}

/* Waits for the file PATH.go, about a minute at the most. */
static bool let_go(const char *path)
{
        char name[1100];
        snprintf(name, sizeof name, "%s.go", path);
        for (int i = 0; i < 6000; i++) {
                if (access(name, F_OK) == 0)
                        return true;
                poll(NULL, 0, 10);
        }
        return false;
}

static int slow_append(stet_activity *a, const stet_value *in, stet_value *ret)
{
        char path[1000], line[100];

        int err = stet_value_get_string(in, path, sizeof path);
        if (err)
                return err;
        snprintf(line, sizeof line, "attempt %u in process %ld\n", stet_activity_attempt(a), (long)getpid());
        if (append_line(path, "begun", line) != 0)
                return stet_fail(a, "NoFile", "%s: %s", path, strerror(errno));
        if (!let_go(path))
                return stet_fail(a, "Forgotten", "%s.go did not come", path);
        if (append_line(path, "done", line) != 0)
                return stet_fail(a, "NoFile", "%s: %s", path, strerror(errno));
        return stet_value_set_string(ret, "appended");
}

static int append_once(stet_run *run, const stet_value *in, stet_value *ret)
{
        return stet_call(run, "slow_append", in, ret);
}

int stet_module(stet_app *app)
{
        stet_app_workflow(app, "append", append_once);
        return stet_app_activity(app, "slow_append", slow_append);
}
