/* SPDX-License-Identifier: MIT */
#include "bench/server_process.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER_TIMEOUT_MS = 120000 };

/* To the keeper. A datagram each. */
struct command {
        enum { COMMAND_START, COMMAND_KILL } what;
        struct server_start start;
        char dir[1100];
};

/* From the keeper, and from a server to the keeper when its node is open. */
struct answer {
        int err;
        pid_t pid;
        char endpoint[64];
        stet_why why;
};

/* What all servers of a keeper have in common. */
struct keeper {
        const struct bench_options *options;
        const stet_app *app;
        pid_t server;
};

/* --- the server --- */

static void open_node(const struct keeper *k, const struct command *command, stet_node **ret,
                      struct answer *answer)
{
        stet_node_options node = STET_NODE_OPTIONS;
        node.data_dir = command->dir;
        node.app = k->app;
        node.level = k->options->level;
        node.threads = true;
        node.shards = k->options->shards;
        node.no_checkpoint = k->options->checkpoint == BENCH_CHECKPOINT_OFF;
        node.retention = command->start.retention[0] ? command->start.retention : NULL;
        node.executors = command->start.executors;
        node.no_activities = command->start.executors == 0;
        node.listen = (const char *const[]){ "tcp://127.0.0.1:0", NULL };
        answer->err = stet_node_open(&node, ret, &answer->why);
        if (!answer->err)
                snprintf(answer->endpoint, sizeof(answer->endpoint), "%s", stet_node_endpoint(*ret, 0));
}

/* Serves until it is killed. */
static _Noreturn void server_main(const struct keeper *k, const struct command *command, int ready_fd)
{
        stet_node *node;
        struct answer answer = { .pid = getpid() };
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* nobody else knows of it */
        signal(SIGTERM, SIG_DFL);
        open_node(k, command, &node, &answer);
        if (write(ready_fd, &answer, sizeof(answer)) != (ssize_t)sizeof(answer) || answer.err)
                _exit(1);
        close(ready_fd);
        for (;;)
                pause();
}

/* --- the keeper --- */

static void start_server(struct keeper *k, const struct command *command, int fd, struct answer *ret)
{
        int ready[2];
        if (pipe(ready) != 0) {
                ret->err = stet_why_set(&ret->why, STET_EIO, "a pipe: %s", strerror(errno));
                return;
        }
        k->server = fork();
        if (k->server == 0) {
                close(fd);
                close(ready[0]);
                server_main(k, command, ready[1]);
        }
        close(ready[1]);
        if (k->server < 0)
                ret->err = stet_why_set(&ret->why, STET_EIO, "a process for the server: %s", strerror(errno));
        else if (read(ready[0], ret, sizeof(*ret)) != (ssize_t)sizeof(*ret))
                ret->err = stet_why_set(&ret->why, STET_ECRASHED, "the server ended before it was open");
        close(ready[0]);
}

static void kill_server(struct keeper *k)
{
        if (k->server <= 0)
                return;
        kill(k->server, SIGKILL);
        while (waitpid(k->server, NULL, 0) < 0 && errno == EINTR)
                ;
        k->server = 0;
}

static _Noreturn void keeper_main(struct keeper *k, int fd)
{
        struct command command;
        signal(SIGINT, SIG_IGN); /* sent to all of a group: the workload ends us when it has cleaned up */
        signal(SIGTERM, SIG_IGN);
        for (;;) {
                struct answer answer = { .err = 0 };
                ssize_t got = recv(fd, &command, sizeof(command), 0);
                if (got < 0 && errno == EINTR)
                        continue;
                if (got != (ssize_t)sizeof(command))
                        break;
                if (command.what == COMMAND_START)
                        start_server(k, &command, fd, &answer);
                if (command.what == COMMAND_KILL || answer.err)
                        kill_server(k);
                if (send(fd, &answer, sizeof(answer), MSG_NOSIGNAL) != (ssize_t)sizeof(answer))
                        break;
        }
        kill_server(k);
        _exit(0);
}

/* --- the workload's side --- */

int server_process_open(const struct bench_options *options, const stet_app *app, const char *dir,
                        struct server_process *ret, stet_why *why)
{
        struct server_process p = { .fd = -1 };
        struct timeval timeout = { .tv_sec = ANSWER_TIMEOUT_MS / 1000 };
        int fds[2];
        snprintf(p.parent, sizeof(p.parent), "%s", dir);
        server_process_use(&p, "node");
        if (app->err)
                return stet_why_set(why, app->err, "%s", app->why.text);
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
                return stet_why_set(why, STET_EIO, "a socket: %s", strerror(errno));
        fflush(NULL);
        p.keeper = fork();
        if (p.keeper == 0) {
                struct keeper k = { .options = options, .app = app };
                close(fds[0]);
                keeper_main(&k, fds[1]);
        }
        close(fds[1]);
        if (p.keeper < 0) {
                close(fds[0]);
                return stet_why_set(why, STET_EIO, "a process for the server: %s", strerror(errno));
        }
        p.fd = fds[0];
        setsockopt(p.fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
        *ret = p;
        return 0;
}

static int ask(struct server_process *p, const struct command *command, struct answer *ret, stet_why *why)
{
        ssize_t got = -1;
        if (send(p->fd, command, sizeof(*command), MSG_NOSIGNAL) == (ssize_t)sizeof(*command))
                do
                        got = recv(p->fd, ret, sizeof(*ret), 0);
                while (got < 0 && errno == EINTR);
        if (got != (ssize_t)sizeof(*ret))
                return stet_why_set(why, STET_EUNREACHABLE, "no answer from the server's process within %d s",
                                    ANSWER_TIMEOUT_MS / 1000);
        return ret->err ? stet_why_set(why, ret->err, "%s", ret->why.text) : 0;
}

void server_process_use(struct server_process *p, const char *name)
{
        snprintf(p->dir, sizeof(p->dir), "%s/%s", p->parent, name);
}

int server_process_start(struct server_process *p, const struct server_start *start, stet_why *why)
{
        struct answer answer;
        struct command command = { .what = COMMAND_START, .start = *start };
        memcpy(command.dir, p->dir, sizeof(command.dir));
        int err = ask(p, &command, &answer, why);
        if (err)
                return err;
        p->pid = answer.pid;
        memcpy(p->endpoint, answer.endpoint, sizeof(p->endpoint));
        return 0;
}

int server_process_kill(struct server_process *p, stet_why *why)
{
        struct answer answer;
        p->pid = 0;
        return ask(p, &(struct command){ .what = COMMAND_KILL }, &answer, why);
}

void server_process_close(struct server_process *p)
{
        if (p->keeper <= 0)
                return;
        close(p->fd);
        while (waitpid(p->keeper, NULL, 0) < 0 && errno == EINTR)
                ;
        p->keeper = p->pid = 0;
}

int server_process_connect(const struct server_process *p, stet_client **ret, stet_why *why)
{
        int err = stet_client_connect(p->endpoint, ret, why);
        if (!err)
                stet_client_set_timeout(*ret, ANSWER_TIMEOUT_MS);
        return err;
}

int server_process_memory(const struct server_process *p, struct server_memory *ret, stet_why *why)
{
        static const char *const keys[] = { "VmRSS:", "RssAnon:", "RssFile:", "VmHWM:" };
        double *const places[] = { &ret->rss_bytes, &ret->anon_bytes, &ret->file_bytes, &ret->peak_bytes };
        char path[64], line[256];
        unsigned found = 0;
        snprintf(path, sizeof(path), "/proc/%ld/status", (long)p->pid);
        FILE *file = fopen(path, "re");
        while (file && fgets(line, sizeof(line), file))
                for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
                        size_t size = strlen(keys[i]);
                        if (strncmp(line, keys[i], size) != 0)
                                continue;
                        *places[i] = strtod(line + size, NULL) * 1024;
                        found++;
                }
        if (file)
                fclose(file);
        if (found != sizeof(keys) / sizeof(keys[0]))
                return stet_why_set(why, STET_EIO, "%s does not tell the server's memory", path);
        return 0;
}

double server_process_cpu_s(const struct server_process *p)
{
        clockid_t clock;
        struct timespec used;
        if (clock_getcpuclockid(p->pid, &clock) != 0 || clock_gettime(clock, &used) != 0)
                return NAN;
        return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}
