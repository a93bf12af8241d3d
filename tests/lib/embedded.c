/* SPDX-License-Identifier: MIT */
#include "tests/lib/embedded.h"

#include "tests/lib/temp_dir.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BOUND_MS = 20000 };

static stet_result result;
static char text[4096];

static void count_line(void *context, stet_log_level level, const char *line)
{
        struct embedded *e = context;
        (void)level;
        e->log_lines += strstr(line, "workflow says") != NULL;
}

static void open_node(struct embedded *e, const stet_app *app)
{
        e->options.struct_size = sizeof e->options;
        e->options.data_dir = e->dir;
        e->options.app = app;
        e->options.level = STET_LEVEL_MEMORY;
        e->options.log = count_line;
        e->options.log_context = e;
        cr_assert_eq(stet_node_open(&e->options, &e->node, &e->why), 0, "%s", e->why.text);
        cr_assert_eq(stet_node_client(e->node, &e->client, &e->why), 0, "%s", e->why.text);
}

void embedded_open(struct embedded *e, const stet_app *app)
{
        e->dir = temp_dir_new();
        open_node(e, app);
}

static void close_node(struct embedded *e)
{
        stet_client_close(e->client);
        stet_node_close(e->node);
}

void embedded_reopen(struct embedded *e, const stet_app *app)
{
        close_node(e);
        open_node(e, app);
}

void embedded_close(struct embedded *e)
{
        close_node(e);
        temp_dir_free(e->dir);
        stet_value_free(&result.value);
}

static stet_value parse(const char *json)
{
        stet_value v = { 0 };
        stet_why why = { "" };
        if (json)
                cr_assert_eq(stet_value_from_json(&v, json, strlen(json), &why), 0, "%s", why.text);
        return v;
}

const char *embedded_start(struct embedded *e, const char *workflow, const char *id, const char *json)
{
        static stet_started started;
        stet_value input = parse(json);
        stet_start start = { .workflow = workflow, .id = id, .input = &input };
        cr_assert_eq(stet_client_start(e->client, &start, &started, &e->why), 0, "%s", e->why.text);
        stet_value_free(&input);
        return started.run_id;
}

static const char *print(const stet_value *v)
{
        char *json;
        cr_assert_eq(stet_value_to_json(v, 0, &json), 0);
        snprintf(text, sizeof text, "%s", json);
        free(json);
        return text;
}

const char *embedded_result(struct embedded *e, const char *run, stet_ending ending)
{
        stet_value_free(&result.value);
        int err = stet_client_wait(e->client, run, BOUND_MS, &result, &e->why);
        cr_assert_eq(err, 0, "%s", e->why.text);
        cr_assert_eq(result.ending, ending, "it %s: %s: %s", stet_ending_name(result.ending),
                     result.failure_kind, result.failure_message);
        return ending == STET_RUN_COMPLETED ? print(&result.value) : "";
}

const char *embedded_run(struct embedded *e, const char *workflow, const char *json)
{
        return embedded_result(e, embedded_start(e, workflow, NULL, json), STET_RUN_COMPLETED);
}

const char *embedded_failure_kind(void)
{
        return result.failure_kind;
}

const char *embedded_failure_message(void)
{
        return result.failure_message;
}

void embedded_signal(struct embedded *e, const char *run, const char *name, const char *json)
{
        stet_value v = parse(json);
        int err = stet_client_signal(e->client, run, name, &v, NULL, &e->why);
        cr_assert_eq(err, 0, "%s", e->why.text);
        stet_value_free(&v);
}

static void show(struct embedded *e, const char *run, stet_value *ret)
{
        int err = stet_client_show(e->client, run, ret, &e->why);
        cr_assert_eq(err, 0, "%s", e->why.text);
}

static const char *as_text(const stet_value *v)
{
        if (stet_value_type(v) == STET_NULL)
                return "";
        if (stet_value_get_string(v, text, sizeof text) != 0)
                print(v);
        return text;
}

const char *embedded_show(struct embedded *e, const char *run, const char *key)
{
        stet_value all = { 0 };
        show(e, run, &all);
        stet_value item = stet_value_get(&all, key);
        as_text(&item);
        if (stet_value_type(&item) == STET_NULL)
                text[0] = 0;
        stet_value_free(&all);
        return text;
}

const char *embedded_blocked_on(struct embedded *e, const char *run)
{
        stet_value all = { 0 };
        show(e, run, &all);
        stet_value list = stet_value_get(&all, "blocked_on"), first = stet_value_at(&list, 0);
        stet_value sentence = stet_value_get(&first, "sentence");
        if (stet_value_type(&sentence) == STET_NULL)
                text[0] = 0;
        else
                as_text(&sentence);
        stet_value_free(&all);
        return text;
}

void embedded_wait_show(struct embedded *e, const char *run, const char *key, const char *wanted)
{
        for (int i = 0; i < BOUND_MS; i++) {
                if (strcmp(embedded_show(e, run, key), wanted) == 0)
                        return;
                struct pollfd fd = { .fd = e->options.threads ? -1 : stet_node_fd(e->node),
                                     .events = POLLIN };
                poll(&fd, 1, 1);
                if (!e->options.threads)
                        cr_assert_eq(stet_node_poll(e->node, &e->why), 0, "%s", e->why.text);
        }
        cr_assert(false, "%s is \"%s\", not \"%s\"", key, embedded_show(e, run, key), wanted);
}
