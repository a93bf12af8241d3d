/* SPDX-License-Identifier: MIT
 *
 * dev and serve: a node on a data directory that listens, until it is told to stop.
 *
 * Every server listens on DIR/node.sock, too, where the other verbs of this machine find it by the directory
 * alone.
 */
#include "stet/crash.h"
#include "stet/version.h"
#include "tools/exit_code.h"
#include "tools/print_table.h"
#include "tools/session.h"
#include "tools/stop_signal.h"
#include "tools/text.h"
#include "tools/verb.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
        EXECUTORS = 4,
        EXECUTORS_MAX = 1024,
        SHARDS_MAX = 64,
        STACK_SIZE_MIN = 16 * 1024,
        LEASE_MS_MIN = 100,
        CHECK_MS = 250, /* how soon a node that stopped by itself is noticed */
};

struct server {
        stet_node_options options;
        const char **listen;
        char *retention;
        char *local; /* the endpoint in the data directory; NULL: its path is too long */
        int log_least;
        stet_node *node;
};

static bool is_loopback(const char *endpoint)
{
        static const char *const prefixes[] = { "tcp://127.", "tcp://localhost:", "tcp://[::1]:", "ipc://",
                                                "inproc://" };
        for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
                if (strncmp(endpoint, prefixes[i], strlen(prefixes[i])) == 0)
                        return true;
        return false;
}

/* What --listen says, or its default, and the endpoint in the data directory. */
static int choose_endpoints(const struct command *c, struct server *s, bool loopback_only, stet_why *why)
{
        const char *standard[] = { option_rows[OPTION_LISTEN].initial, NULL };
        const char **given = c->options.given[OPTION_LISTEN] ? c->options.given[OPTION_LISTEN] : standard;
        size_t count = 0;
        while (given[count])
                count++;
        s->listen = text_need(calloc(count + 2, sizeof *s->listen));
        for (size_t i = 0; i < count; i++) {
                if (loopback_only && !is_loopback(given[i]))
                        return stet_why_set(why, STET_EINVAL,
                                            "dev listens on this machine only, not on %s; use '%s serve'",
                                            given[i], c->program);
                s->listen[i] = given[i];
        }
        s->local = session_local_endpoint(s->options.data_dir);
        s->listen[count] = s->local;
        s->options.listen = s->listen;
        return 0;
}

static int read_numbers(const struct command *c, struct server *s, stet_why *why)
{
        uint64_t executors = EXECUTORS, shards = 0, stack_size = 0;
        int err = option_count(&c->options, OPTION_EXECUTORS, 0, EXECUTORS_MAX, &executors, why);
        if (!err)
                err = option_count(&c->options, OPTION_SHARDS, 1, SHARDS_MAX, &shards, why);
        if (!err)
                err = option_size(&c->options, OPTION_STACK_SIZE, &stack_size, why);
        if (!err)
                err = option_duration(&c->options, OPTION_LEASE, &s->options.lease_ms, why);
        if (!err)
                err = option_count(&c->options, OPTION_HISTORY_TRANSITIONS, 1, UINT32_MAX,
                                   &s->options.history_max_transitions, why);
        if (!err)
                err = option_size(&c->options, OPTION_HISTORY_BYTES, &s->options.history_max_bytes, why);
        if (!err)
                err = option_size(&c->options, OPTION_DISK_RESERVE, &s->options.disk_reserve_bytes, why);
        if (!err && option_given(&c->options, OPTION_HISTORY_BYTES) && !s->options.history_max_bytes)
                err = stet_why_set(why, STET_EINVAL, "--history-bytes: at least 1");
        if (!err && option_given(&c->options, OPTION_DISK_RESERVE) && !s->options.disk_reserve_bytes)
                s->options.disk_reserve_bytes = 1; /* 0 would be the standard one */
        if (!err && option_given(&c->options, OPTION_STACK_SIZE) && stack_size < STACK_SIZE_MIN)
                err = stet_why_set(why, STET_EINVAL, "--stack-size: a workflow's code needs at least 16k");
        if (!err && option_given(&c->options, OPTION_LEASE) && s->options.lease_ms < LEASE_MS_MIN)
                err = stet_why_set(why, STET_EINVAL, "--lease: at least %d ms", LEASE_MS_MIN);
        s->options.executors = (uint32_t)executors;
        s->options.no_activities = executors == 0;
        s->options.shards = (uint32_t)shards;
        s->options.stack_size = stack_size;
        return err;
}

/* The rules of all --retention, one after the other: a later one goes before an earlier one that is alike. */
static void read_retention(const struct command *c, struct server *s, const char *standard)
{
        const char **given = c->options.given[OPTION_RETENTION];
        s->retention = text_format("%s", standard);
        for (; given && *given; given++) {
                char *longer = text_format("%s,%s", s->retention, *given);
                free(s->retention);
                s->retention = longer;
        }
        s->options.retention = s->retention;
}

static int read_options(const struct command *c, struct server *s, bool loopback_only, stet_why *why)
{
        s->options = (stet_node_options)STET_NODE_OPTIONS;
        s->options.data_dir = session_data_dir(c);
        s->options.app = c->app;
        s->options.threads = true;
        s->options.level = (stet_level)option_word(&c->options, OPTION_LEVEL);
        s->options.log = session_log;
        s->log_least = option_word(&c->options, OPTION_LOG);
        s->options.log_context = &s->log_least;
        read_retention(c, s, loopback_only ? "24h" : "30d");
        int err = read_numbers(c, s, why);
        return err ? err : choose_endpoints(c, s, loopback_only, why);
}

/* --- saying that it is ready --- */

static void append_text(stet_value *list, const char *text)
{
        stet_value item = { 0 };
        if (stet_value_set_string(&item, text) == 0)
                stet_value_append(list, &item);
        stet_value_free(&item);
}

static void print_ready_json(const struct command *c, const struct server *s, int64_t ready_ms)
{
        stet_value v = { 0 }, lists[3] = { 0 };
        for (size_t i = 0; i < 3; i++)
                stet_value_pack(&lists[i], "[]");
        for (size_t i = 0; stet_node_endpoint(s->node, i); i++)
                append_text(&lists[0], stet_node_endpoint(s->node, i));
        for (size_t i = 0; i < stet_app_workflows_count(c->app); i++)
                append_text(&lists[1], stet_app_workflow_name(c->app, i));
        for (size_t i = 0; i < stet_app_activities_count(c->app); i++)
                append_text(&lists[2], stet_app_activity_name(c->app, i));
        int err = stet_value_pack(&v, "{s:s, s:i, s:I, s:v, s:v, s:v}", "data_dir", s->options.data_dir,
                                  "pid", (int)getpid(), "ready_ms", ready_ms, "endpoints", &lists[0],
                                  "workflows", &lists[1], "activities", &lists[2]);
        command_print_packed(c, &v, err);
        for (size_t i = 0; i < 3; i++)
                stet_value_free(&lists[i]);
}

typedef const char *name_at(const stet_app *app, size_t place);

/* "order, refund", or what to do when there is none. */
static char *names_text(const stet_app *app, name_at *at, const char *none)
{
        char *text = text_format("%s", at(app, 0) ? at(app, 0) : none);
        for (size_t i = 1; at(app, 0) && at(app, i); i++) {
                char *longer = text_format("%s, %s", text, at(app, i));
                free(text);
                text = longer;
        }
        return text;
}

static void print_place(const struct command *c, const struct server *s)
{
        struct table t;
        table_init(&t, 2);
        for (size_t i = 0; stet_node_endpoint(s->node, i); i++) {
                table_add(&t, STYLE_DIM, text_format("%s", i == 0 ? "listening" : ""));
                table_add(&t, STYLE_ACTIVE, text_format("%s", stet_node_endpoint(s->node, i)));
        }
        table_add(&t, STYLE_DIM, text_format("workflows"));
        table_add(&t, STYLE_PLAIN,
                  names_text(c->app, stet_app_workflow_name, "none yet: give --module FILE.so"));
        table_add(&t, STYLE_DIM, text_format("activities"));
        table_add(&t, STYLE_PLAIN,
                  names_text(c->app, stet_app_activity_name, "none here: an executor may bring some"));
        table_print(&t, stdout, 2);
        table_fini(&t);
}

/* How to name the directory in the other verbs: not at all, if they find it by themselves. */
static char *data_argument(const struct command *c)
{
        return option_given(&c->options, OPTION_DATA) ? text_format(" --data %s", session_data_dir(c))
                                                      : text_format("%s", "");
}

static void print_welcome(const struct command *c, const struct server *s, int64_t ready_ms)
{
        const char *workflow = stet_app_workflow_name(c->app, 0);
        char *data = data_argument(c), *title = text_format("%s %s", c->program, c->verb->name);
        terminal_print(stdout, STYLE_BOLD, title);
        printf(" on %s, ready in %" PRId64 " ms (stet %s)\n\n", s->options.data_dir, ready_ms, STET_VERSION);
        print_place(c, s);
        printf("\nType in another terminal:\n");
        printf("  %s start %s --wait%s\n", c->program, workflow ? workflow : "NAME", data);
        printf("  %s list%s\n", c->program, data);
        printf("\nCtrl-C ends it; every run stands where it stood.\n");
        free(title);
        free(data);
}

static void print_ready_line(const struct server *s)
{
        printf("serving %s on", s->options.data_dir);
        for (size_t i = 0; stet_node_endpoint(s->node, i); i++)
                printf("%s %s", i ? "," : "", stet_node_endpoint(s->node, i));
        putchar('\n');
}

static void print_ready(const struct command *c, const struct server *s, bool friendly)
{
        int64_t ready_ms = terminal_now_ms() - c->began_ms;
        if (c->json)
                print_ready_json(c, s, ready_ms);
        else if (friendly)
                print_welcome(c, s, ready_ms);
        else
                print_ready_line(s);
        fflush(stdout); /* whoever reads a pipe waits for this line */
}

/* --- running --- */

static int fail_to_open(const struct command *c, int err, const stet_why *why)
{
        if (err == STET_EENDPOINT)
                return command_fail(
                    c, err, why, "Is another server running? --listen tcp://127.0.0.1:0 takes a free port.");
        if (err == STET_EINVAL)
                return command_fail_usage(c, err, why);
        return command_fail(c, err, why, NULL);
}

static int run_until_stopped(const struct command *c, struct server *s)
{
        stet_why why = { "" };
        int err = 0;
        while (!err && !stop_signal_wait(CHECK_MS))
                err = stet_node_error(s->node, &why);
        int code = err ? command_fail(c, err, &why, NULL) : EXIT_OK;
        stet_node_close(s->node);
        return code;
}

static int run_server(struct command *c, bool friendly)
{
        struct server s = { 0 };
        stet_why why = { "" };
        int err = read_options(c, &s, friendly, &why), code;
        if (!err)
                err = session_load_modules(c, &why);
        if (!err) {
                stop_signal_install();
                stet_crash_guard_install();
                err = stet_node_open(&s.options, &s.node, &why);
        }
        if (err) {
                code = fail_to_open(c, err, &why);
        } else {
                if (!s.local)
                        command_note(c, "the path of %s is too long for a local socket; use --connect",
                                     s.options.data_dir);
                print_ready(c, &s, friendly);
                code = run_until_stopped(c, &s);
        }
        free(s.listen);
        free(s.retention);
        free(s.local);
        return code;
}

int verb_dev(struct command *c)
{
        return run_server(c, true);
}

int verb_serve(struct command *c)
{
        return run_server(c, false);
}
