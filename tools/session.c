/* SPDX-License-Identifier: MIT */
#include "tools/session.h"

#include "stet/crash.h"
#include "tools/terminal.h"
#include "tools/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
        HELD_MS_MAX = 2000, /* how long to wait for another short command to let go of the directory */
        HELD_PAUSE_MS = 20,
        ANSWER_MS = 10000,
        EXECUTORS = 4,
};

static const char *from_environment(const char *name)
{
        const char *value = getenv(name);
        return value && *value ? value : NULL;
}

const char *session_data_dir(const struct command *c)
{
        const char *given = option_text(&c->options, OPTION_DATA), *set = from_environment("STET_DATA");
        return given ? given : set ? set : "./stet-data";
}

const char *session_endpoint(const struct command *c, stet_why *why, int *ret_err)
{
        const char *given = option_text(&c->options, OPTION_CONNECT);
        bool directory = option_given(&c->options, OPTION_DATA);
        *ret_err = 0;
        if (given && directory)
                *ret_err = stet_why_set(why, STET_EINVAL, "--data and --connect exclude each other");
        else if (given && *given == 0)
                *ret_err = stet_why_set(why, STET_EINVAL,
                                        "--connect needs an endpoint such as tcp://127.0.0.1:7233");
        return given || directory ? given : from_environment("STET_CONNECT");
}

char *session_local_endpoint(const char *data_dir)
{
        struct sockaddr_un address;
        char *endpoint = text_format("ipc://%s%s/node.sock", *data_dir == '@' ? "./" : "", data_dir);
        if (strlen(endpoint) - strlen("ipc://") < sizeof address.sun_path)
                return endpoint;
        free(endpoint);
        return NULL;
}

/* Whether a process listens there, found out without sending anything. */
static bool is_listened_on(const char *local_endpoint)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        strncpy(address.sun_path, local_endpoint + strlen("ipc://"), sizeof address.sun_path - 1);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return false;
        bool listens = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
        close(fd);
        return listens;
}

void session_log(void *context, stet_log_level level, const char *line)
{
        const int *least = context;
        if ((int)level < *least)
                return;
        time_t now = time(NULL);
        struct tm parts;
        char when[16] = "";
        if (localtime_r(&now, &parts))
                strftime(when, sizeof when, "%H:%M:%S", &parts);
        char *clean = text_clean(line, strlen(line));
        fprintf(stderr, "%s %-7s %s\n", when, option_log_levels[level], clean);
        free(clean);
}

int session_load_modules(const struct command *c, stet_why *why)
{
        const char *const *module = (const char *const *)c->options.given[OPTION_MODULE];
        int err = 0;
        for (; module && *module && !err; module++)
                err = stet_app_load(c->app, *module, why);
        return err;
}

static int session_connect(const char *endpoint, struct session *ret, stet_why *why)
{
        return stet_client_connect(endpoint, &ret->client, why);
}

static int refuse_missing(const char *data_dir, stet_why *why)
{
        struct stat status;
        if (stat(data_dir, &status) == 0)
                return 0;
        if (errno != ENOENT)
                return stet_why_set(why, STET_EFORMAT, "the data directory %s can't be opened: %s", data_dir,
                                    strerror(errno));
        return stet_why_set(why, STET_EFORMAT, "there is no data directory %s", data_dir);
}

/* When the directory is held by a process that serves it, connects to that. */
static bool connect_to_holder(const struct command *c, const char *data_dir, struct session *ret,
                              stet_why *why, int *ret_err)
{
        char *endpoint = session_local_endpoint(data_dir);
        bool serves = endpoint && is_listened_on(endpoint);
        if (serves) {
                if (option_given(&c->options, OPTION_DATA))
                        command_note(c, "%s is held by a server; asking it", data_dir);
                if (option_given(&c->options, OPTION_MODULE))
                        command_note(c, "the server runs its own code; --module is not used");
                *ret_err = session_connect(endpoint, ret, why);
        }
        free(endpoint);
        return serves;
}

static void pause_ms(long ms)
{
        nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000 }, NULL);
}

static int open_node(const struct command *c, const stet_node_options *options, struct session *ret,
                     stet_why *why)
{
        int64_t until_ms = terminal_now_ms() + HELD_MS_MAX;
        for (;;) {
                int err = stet_node_open(options, &ret->node, why);
                if (err == STET_ENOTFOUND)
                        return STET_EFORMAT; /* what is not found is the directory, not a run */
                if (err != STET_ELOCKED)
                        return err ? err : stet_node_client(ret->node, &ret->client, why);
                if (connect_to_holder(c, options->data_dir, ret, why, &err) || terminal_now_ms() > until_ms)
                        return err;
                pause_ms(HELD_PAUSE_MS);
        }
}

static int session_embed(const struct command *c, enum session_kind kind, struct session *ret, stet_why *why)
{
        static int log_least = STET_LOG_WARNING;
        const char *data_dir = session_data_dir(c);
        char *endpoint = kind == SESSION_WAIT ? session_local_endpoint(data_dir) : NULL;
        const char *listen[] = { endpoint, NULL };
        stet_node_options options = STET_NODE_OPTIONS;
        options.data_dir = data_dir;
        options.app = c->app;
        options.listen = endpoint ? listen : NULL;
        options.threads = true;
        options.no_create = kind == SESSION_READ;
        options.no_activities = kind != SESSION_WAIT;
        options.executors = kind == SESSION_WAIT ? EXECUTORS : 0;
        /* What is kept how long, and how much of it, is for a server to know. */
        options.retention = "forever";
        options.history_max_transitions = options.history_max_bytes = UINT64_MAX;
        options.log = c->json ? NULL : session_log;
        options.log_context = &log_least;
        int err = kind == SESSION_READ ? refuse_missing(data_dir, why) : 0;
        if (!err) {
                stet_crash_guard_install();
                err = open_node(c, &options, ret, why);
        }
        free(endpoint);
        return err;
}

int session_open(const struct command *c, enum session_kind kind, struct session *ret, stet_why *why)
{
        struct session s = { 0 };
        int64_t timeout_ms = ANSWER_MS;
        int err;
        const char *endpoint = session_endpoint(c, why, &err);
        if (!err)
                err = option_duration(&c->options, OPTION_TIMEOUT, &timeout_ms, why);
        if (!err && endpoint && option_given(&c->options, OPTION_MODULE))
                err = stet_why_set(
                    why, STET_EINVAL,
                    "--module loads code into this process, but %s runs its own; give it to the server",
                    endpoint);
        if (!err && !endpoint)
                err = session_load_modules(c, why);
        if (!err)
                err = endpoint ? session_connect(endpoint, &s, why) : session_embed(c, kind, &s, why);
        if (err) {
                session_close(&s);
                return err;
        }
        err = stet_client_set_namespace(s.client, option_text(&c->options, OPTION_NAMESPACE), why);
        if (err) {
                session_close(&s);
                return err;
        }
        stet_client_set_timeout(s.client, timeout_ms);
        *ret = s;
        return 0;
}

void session_close(struct session *s)
{
        stet_client_close(s->client);
        stet_node_close(s->node);
        *s = (struct session){ 0 };
}
