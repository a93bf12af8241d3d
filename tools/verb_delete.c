/* SPDX-License-Identifier: MIT
 *
 * delete: one run that has ended, or all that fit a filter.
 *
 * What fits is gathered before anything is removed, so that it can be counted, shown and asked about; a run
 * that is gone by the time its turn comes is what was wanted.
 */
#include "tools/exit_code.h"
#include "tools/print_run.h"
#include "tools/quantity.h"
#include "tools/session.h"
#include "tools/terminal.h"
#include "tools/text.h"
#include "tools/verb.h"

#include <stdlib.h>
#include <string.h>

enum { PAGE = 1000, SHOWN_MAX = 10000 };

struct deleting {
        const struct command *command;
        stet_client *client;
        stet_list_filter filter;
        bool dry;
        char (*ids)[STET_RUN_ID_SIZE];
        size_t count;
        size_t capacity;
};

/* --- options --- */

static int check_options(const struct command *c, stet_why *why)
{
        bool filter = option_given(&c->options, OPTION_STATE) || option_given(&c->options, OPTION_WORKFLOW) ||
                      option_given(&c->options, OPTION_ENDED_BEFORE);
        const char *state = option_text(&c->options, OPTION_STATE);
        if (c->arguments[0] && filter)
                return stet_why_set(why, STET_EINVAL,
                                    "RUN is one run; --state, --workflow and --ended-before choose many");
        if (!c->arguments[0] && !filter)
                return stet_why_set(
                    why, STET_EINVAL,
                    "delete needs RUN, or --state, --workflow or --ended-before to choose runs");
        if (state && (strcmp(state, "open") == 0 || strcmp(state, "blocked") == 0))
                return stet_why_set(why, STET_EINVAL,
                                    "a run that is %s is not deleted; cancel or terminate it first", state);
        return 0;
}

static int read_options(struct deleting *d, stet_why *why)
{
        const struct command *c = d->command;
        d->filter = (stet_list_filter){ .state = option_text(&c->options, OPTION_STATE),
                                        .workflow = option_text(&c->options, OPTION_WORKFLOW),
                                        .limit = PAGE };
        d->dry = option_given(&c->options, OPTION_DRY_RUN);
        int err = check_options(c, why);
        return err ? err
                   : option_moment(&c->options, OPTION_ENDED_BEFORE, quantity_now_ms(),
                                   &d->filter.ended_before_ms, why);
}

/* --- which --- */

static void take_id(struct deleting *d, const stet_value *run)
{
        if (d->count == d->capacity) {
                d->capacity = d->capacity ? 2 * d->capacity : PAGE;
                d->ids = text_need(realloc(d->ids, d->capacity * sizeof *d->ids));
        }
        stet_value id = stet_value_get(run, "run_id");
        if (stet_value_get_string(&id, d->ids[d->count], sizeof d->ids[0]) == 0)
                d->count++;
}

/* What goes for good is looked at once more, for a server that does not know the time among the filters. */
static bool is_wanted(const struct deleting *d, const stet_value *run)
{
        stet_value ended = stet_value_get(run, "ended_ms");
        int64_t ended_ms = stet_value_int(&ended, -1);
        return ended_ms >= 0 && (!d->filter.ended_before_ms || ended_ms < d->filter.ended_before_ms);
}

/* A page that is only to be shown is printed at once: there may be more than memory should hold. */
static void take_page(struct deleting *d, const stet_value *page)
{
        stet_value run, wanted = { 0 };
        stet_value_pack(&wanted, "[]");
        for (size_t cursor = 0; stet_value_next(page, &cursor, NULL, &run);) {
                if (!is_wanted(d, &run))
                        continue;
                take_id(d, &run);
                if (d->dry && !d->command->json)
                        stet_value_append(&wanted, &run);
        }
        if (stet_value_count(&wanted))
                print_runs(stdout, &wanted);
        stet_value_free(&wanted);
}

static int gather(struct deleting *d, stet_why *why)
{
        char last[STET_RUN_ID_SIZE] = "";
        int err = 0;
        for (size_t count = PAGE; count == PAGE && !err;) {
                stet_value page = { 0 };
                d->filter.before_run_id = *last ? last : NULL;
                err = stet_client_list(d->client, &d->filter, &page, why);
                count = err ? 0 : stet_value_count(&page);
                if (count) {
                        take_page(d, &page);
                        stet_value run = stet_value_at(&page, count - 1), id = stet_value_get(&run, "run_id");
                        err = stet_value_get_string(&id, last, sizeof last);
                }
                stet_value_free(&page);
        }
        return err;
}

/* --- asking --- */

static const char *runs_word(size_t count)
{
        return count == 1 ? "run" : "runs";
}

/* Whether to go on: with --yes, or when a person says so. */
static int confirm(const struct deleting *d, bool *ret_yes, stet_why *why)
{
        const struct command *c = d->command;
        char line[16] = "";
        *ret_yes = option_given(&c->options, OPTION_YES) || d->count == 0;
        if (*ret_yes)
                return 0;
        if (c->json || !terminal_is(stdin) || !terminal_is(stderr))
                return stet_why_set(
                    why, STET_EINVAL,
                    "%zu %s would be deleted for good; where nobody can be asked that needs --yes", d->count,
                    runs_word(d->count));
        fprintf(stderr, "Delete %zu %s for good? [y/N] ", d->count, runs_word(d->count));
        fflush(stderr);
        *ret_yes = fgets(line, sizeof line, stdin) && (line[0] == 'y' || line[0] == 'Y');
        return 0;
}

/* --- doing --- */

static int delete_all(struct deleting *d, size_t *ret_deleted, stet_why *why)
{
        int err = 0;
        *ret_deleted = 0;
        for (size_t i = 0; i < d->count && !err; i++) {
                err = stet_client_delete(d->client, d->ids[i], NULL, why);
                *ret_deleted += !err;
                if (err == STET_ENOTFOUND)
                        err = 0;
                if (!d->command->json && i % 100 == 0)
                        terminal_progress("deleted %zu of %zu", *ret_deleted, d->count);
        }
        terminal_progress_end();
        return err;
}

/* --- saying what was done --- */

static int print_json(const struct deleting *d, size_t count)
{
        const struct command *c = d->command;
        stet_value v = { 0 }, runs = { 0 }, id = { 0 };
        int err = stet_value_pack(&runs, "[]");
        for (size_t i = 0; d->dry && i < d->count && i < SHOWN_MAX && !err; i++) {
                err = stet_value_set_string(&id, d->ids[i]);
                if (!err)
                        err = stet_value_append(&runs, &id);
        }
        if (!err && d->dry)
                err = stet_value_pack(&v, "{s:s, s:b, s:I, s:v}", "command", c->verb->name, "dry_run", 1,
                                      "count", (int64_t)count, "runs", &runs);
        else if (!err)
                err = stet_value_pack(&v, "{s:s, s:I}", "command", c->verb->name, "count", (int64_t)count);
        stet_value_free(&id);
        stet_value_free(&runs);
        return command_print_packed(c, &v, err);
}

static int print_done(const struct deleting *d, size_t count)
{
        if (d->command->json)
                return print_json(d, count);
        printf("%zu %s %s\n", count, runs_word(count), d->dry ? "would be deleted" : "deleted");
        return EXIT_OK;
}

static int fail_after(const struct deleting *d, size_t deleted, int err, const stet_why *why)
{
        if (err == STET_EINVAL)
                return command_fail_usage(d->command, err, why);
        if (!deleted)
                return command_fail(d->command, err, why, NULL);
        char *advice = text_format(
            "%zu of %zu runs were deleted before; the same command deletes the others.", deleted, d->count);
        int code = command_fail(d->command, err, why, advice);
        free(advice);
        return code;
}

/* --- the two forms --- */

/* Its state is looked at for --dry-run; else the node says whether it can go. */
static int delete_one(struct deleting *d, stet_why *why)
{
        const char *run = d->command->arguments[0];
        stet_value shown = { 0 };
        int err = d->dry ? stet_client_show(d->client, run, &shown, why)
                         : stet_client_delete(d->client, run, NULL, why);
        if (!err && d->dry && !is_wanted(d, &shown))
                err = stet_why_set(why, STET_EAGAIN, "run \"%s\" is open; cancel or terminate it first", run);
        if (!err && d->dry)
                take_id(d, &shown);
        stet_value_free(&shown);
        return err;
}

static int delete_fitting(struct deleting *d, size_t *ret_deleted, bool *ret_yes, stet_why *why)
{
        int err = gather(d, why);
        *ret_deleted = d->count;
        if (err || d->dry)
                return err;
        *ret_deleted = 0;
        err = confirm(d, ret_yes, why);
        return err || !*ret_yes ? err : delete_all(d, ret_deleted, why);
}

int verb_delete(struct command *c)
{
        struct deleting d = { .command = c };
        struct session session = { 0 };
        stet_why why = { "" };
        size_t deleted = 1;
        bool yes = true;
        int err = read_options(&d, &why);
        if (!err)
                err = session_open(c, SESSION_READ, &session, &why);
        d.client = session.client;
        if (!err)
                err = c->arguments[0] ? delete_one(&d, &why) : delete_fitting(&d, &deleted, &yes, &why);
        int code = EXIT_OK;
        if (err)
                code = fail_after(&d, c->arguments[0] ? 0 : deleted, err, &why);
        else if (yes)
                code = print_done(&d, deleted);
        else
                puts("nothing is deleted");
        session_close(&session);
        free(d.ids);
        return code;
}
