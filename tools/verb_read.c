/* SPDX-License-Identifier: MIT
 *
 * list, show, history, stats and executors: what the engine tells about itself and its runs.
 */
#include "tools/exit_code.h"
#include "tools/print_run.h"
#include "tools/print_value.h"
#include "tools/quantity.h"
#include "tools/session.h"
#include "tools/source.h"
#include "tools/terminal.h"
#include "tools/text.h"
#include "tools/attribute.h"
#include "tools/verb.h"

#include <inttypes.h>
#include <stdlib.h>

enum { LIST_LIMIT = 100, LIMIT_MAX = 1000, PAGE = 1000 };

static int fail_to_read(const struct command *c, int err, const stet_why *why)
{
        return err == STET_EINVAL ? command_fail_usage(c, err, why) : command_fail(c, err, why, NULL);
}

typedef int read_fn(const struct command *c, stet_client *client, stet_value *ret, stet_why *why);
typedef void show_fn(const struct command *c, const stet_value *v);

/* Reads one value and prints it: as the JSON document, or as text by the verb's own function. */
static int read_and_print(struct command *c, read_fn *read, show_fn *show)
{
        struct session session = { 0 };
        stet_value v = { 0 };
        stet_why why = { "" };
        int code = EXIT_OK, err = session_open(c, SESSION_READ, &session, &why);
        if (!err)
                err = read(c, session.client, &v, &why);
        if (err)
                code = fail_to_read(c, err, &why);
        else if (c->json)
                code = command_print_json(&v);
        else
                show(c, &v);
        session_close(&session);
        stet_value_free(&v);
        return code;
}

/* --- list --- */

static int list_limit(const struct command *c, uint64_t *ret_limit, stet_why *why)
{
        *ret_limit = LIST_LIMIT;
        return option_count(&c->options, OPTION_LIMIT, 1, LIMIT_MAX, ret_limit, why);
}

static int list_times(const struct command *c, stet_list_filter *ret, stet_why *why)
{
        const struct {
                enum option_id id;
                int64_t *ms;
        } times[] = {
                { OPTION_STARTED_AFTER, &ret->started_after_ms },
                { OPTION_STARTED_BEFORE, &ret->started_before_ms },
                { OPTION_ENDED_AFTER, &ret->ended_after_ms },
                { OPTION_ENDED_BEFORE, &ret->ended_before_ms },
        };
        int64_t now_ms = quantity_now_ms(); /* one for all: none of them may overtake another */
        int err = 0;
        for (size_t i = 0; i < sizeof times / sizeof times[0] && !err; i++)
                err = option_moment(&c->options, times[i].id, now_ms, times[i].ms, why);
        return err;
}

static int list_filter(const struct command *c, stet_list_filter *ret, stet_why *why)
{
        uint64_t limit;
        int err = list_limit(c, &limit, why);
        *ret = (stet_list_filter){
                .state = option_text(&c->options, OPTION_STATE),
                .workflow = option_text(&c->options, OPTION_WORKFLOW),
                .limit = (uint32_t)limit,
                .before_run_id = option_text(&c->options, OPTION_BEFORE),
                .parent_run_id = option_text(&c->options, OPTION_PARENT),
                .queue = option_text(&c->options, OPTION_OF_QUEUE),
        };
        return err ? err : list_times(c, ret, why);
}

static int read_list(const struct command *c, stet_client *client, stet_value *ret, stet_why *why)
{
        stet_list_filter filter;
        stet_value attributes = { 0 };
        const char *const *given = (const char *const *)c->options.given[OPTION_ATTRIBUTE];
        int err = list_filter(c, &filter, why);
        if (!err)
                err = attributes_read(given, &attributes, why);
        if (given)
                filter.attributes = &attributes;
        if (!err)
                err = stet_client_list(client, &filter, ret, why);
        stet_value_free(&attributes);
        return err;
}

static void show_list(const struct command *c, const stet_value *v)
{
        uint64_t limit;
        size_t count = stet_value_count(v);
        print_runs(stdout, v);
        if (list_limit(c, &limit, NULL) != 0 || count < limit || !terminal_is(stdout))
                return;
        stet_value last = stet_value_at(v, count - 1), id = stet_value_get(&last, "run_id");
        char *text = text_of_value(&id);
        printf("\nThere may be more: add --before %s\n", text);
        free(text);
}

int verb_list(struct command *c)
{
        stet_list_filter filter;
        stet_why why;
        int err = list_filter(c, &filter, &why); /* before a directory is opened for nothing */
        return err ? fail_to_read(c, err, &why) : read_and_print(c, read_list, show_list);
}

/* --- show, stats, executors --- */

int verb_show(struct command *c)
{
        struct source source;
        stet_value v = { 0 };
        stet_why why = { "" };
        int code = EXIT_OK, err = source_open(c, &source, &why);
        if (!err)
                err = source_show(&source, &v, &why);
        if (err)
                code = source_fail(c, err, &why);
        else if (c->json)
                code = command_print_json(&v);
        else
                print_run(stdout, &v);
        source_close(&source);
        stet_value_free(&v);
        return code;
}

static void show_map(const struct command *c, const stet_value *v)
{
        (void)c;
        print_map(stdout, v, 0);
}

static int read_stats(const struct command *c, stet_client *client, stet_value *ret, stet_why *why)
{
        (void)c;
        return stet_client_stats(client, ret, why);
}

/* A node that recovers has nothing to count yet, and says how far it is. */
static void show_stats(const struct command *c, const stet_value *v)
{
        stet_value recovering = stet_value_get(v, "recovering");
        stet_value sentence = stet_value_get(&recovering, "sentence");
        if (stet_value_type(&sentence) != STET_STRING) {
                show_map(c, v);
                return;
        }
        char *text = text_of_value(&sentence);
        printf("recovering: %s\n", text);
        free(text);
}

int verb_stats(struct command *c)
{
        return read_and_print(c, read_stats, show_stats);
}

static int read_executors(const struct command *c, stet_client *client, stet_value *ret, stet_why *why)
{
        (void)c;
        return stet_client_executors(client, ret, why);
}

int verb_executors(struct command *c)
{
        return read_and_print(c, read_executors, show_map);
}

/* --- history --- */

struct history {
        stet_value *pages;
        size_t count;
        uint64_t transitions;
};

static void history_fini(struct history *h)
{
        for (size_t i = 0; i < h->count; i++)
                stet_value_free(&h->pages[i]);
        free(h->pages);
}

/* Pages from `from` on, until there are `limit` transitions or no more. A page may be short because its
 * transitions are large. */
static int history_read(struct history *h, const struct source *source, uint64_t from, uint64_t limit,
                        stet_why *why)
{
        for (size_t got = 1; got > 0 && h->transitions < limit; h->count++) {
                uint64_t left = limit - h->transitions;
                h->pages = text_need(realloc(h->pages, (h->count + 1) * sizeof *h->pages));
                h->pages[h->count] = (stet_value){ 0 };
                int err = source_history(source, from + h->transitions, left < PAGE ? (uint32_t)left : PAGE,
                                         &h->pages[h->count], why);
                if (err)
                        return err;
                got = stet_value_count(&h->pages[h->count]);
                h->transitions += got;
                terminal_progress("%" PRIu64 " transitions", h->transitions);
        }
        terminal_progress_end();
        return 0;
}

/* One list of all pages. Item by item, because a value can't hold more than its limits. */
static int history_print_json(const struct history *h)
{
        const char *gap = "";
        stet_value item;
        putchar('[');
        for (size_t i = 0; i < h->count; i++) {
                for (size_t cursor = 0; stet_value_next(&h->pages[i], &cursor, NULL, &item); gap = ",\n") {
                        char *json;
                        if (stet_value_to_json(&item, 0, &json) != 0)
                                return EXIT_INTERNAL;
                        printf("%s%s", gap, json);
                        free(json);
                }
        }
        puts("]");
        return EXIT_OK;
}

static int64_t run_started_ms(const struct source *source)
{
        stet_value shown = { 0 };
        int64_t started_ms = -1;
        if (source_show(source, &shown, NULL) == 0) {
                stet_value item = stet_value_get(&shown, "started_ms");
                started_ms = stet_value_int(&item, -1);
        }
        stet_value_free(&shown);
        return started_ms;
}

static int history_print(const struct command *c, const struct history *h, int64_t start_ms)
{
        if (c->json)
                return history_print_json(h);
        print_history(stdout, h->pages, h->count, start_ms);
        return EXIT_OK;
}

int verb_history(struct command *c)
{
        struct source source = { 0 };
        struct history h = { 0 };
        stet_why why = { "" };
        uint64_t from = 0, limit = UINT64_MAX;
        int code, err = option_count(&c->options, OPTION_FROM, 0, UINT32_MAX, &from, &why);
        if (!err)
                err = option_count(&c->options, OPTION_TRANSITIONS, 1, UINT32_MAX, &limit, &why);
        if (!err)
                err = source_open(c, &source, &why);
        if (!err)
                err = history_read(&h, &source, from, limit, &why);
        if (err)
                code = source_fail(c, err, &why);
        else
                code = history_print(c, &h, from && !c->json ? run_started_ms(&source) : -1);
        history_fini(&h);
        source_close(&source);
        return code;
}
