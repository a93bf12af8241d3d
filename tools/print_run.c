/* SPDX-License-Identifier: MIT */
#include "tools/print_run.h"

#include "tools/print_table.h"
#include "tools/print_value.h"
#include "tools/quantity.h"
#include "tools/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static int64_t get_int(const stet_value *map, const char *key, int64_t fallback)
{
        stet_value item = stet_value_get(map, key);
        return stet_value_int(&item, fallback);
}

static char *get_text(const stet_value *map, const char *key)
{
        stet_value item = stet_value_get(map, key);
        return stet_value_type(&item) == STET_NULL ? text_format("–") : print_item_text(key, &item);
}

/* How long it took, or for how long it has been going on. */
static char *lasted_text(const stet_value *run)
{
        int64_t started_ms = get_int(run, "started_ms", 0), ended_ms = get_int(run, "ended_ms", 0);
        return quantity_span_text((ended_ms ? ended_ms : quantity_now_ms()) - started_ms);
}

void print_runs(FILE *out, const stet_value *runs)
{
        static const char *const headings[] = { "RUN ID",  "STATE",  "WORKFLOW",
                                                "STARTED", "LASTED", "WORKFLOW ID" };
        static const char *const keys[] = {
                "run_id", "state", "workflow", "started_ms", NULL, "workflow_id"
        };
        enum { COLUMNS = sizeof keys / sizeof keys[0] };
        struct table t;
        stet_value run;
        if (stet_value_count(runs) == 0) {
                fputs("no runs\n", out);
                return;
        }
        table_init(&t, COLUMNS);
        for (size_t i = 0; i < COLUMNS; i++) {
                t.right[i] = keys[i] == NULL;
                table_add(&t, STYLE_DIM, text_format("%s", headings[i]));
        }
        for (size_t cursor = 0; stet_value_next(runs, &cursor, NULL, &run);) {
                for (size_t i = 0; i < COLUMNS; i++) {
                        char *text = keys[i] ? get_text(&run, keys[i]) : lasted_text(&run);
                        table_add(&t, i == 1 ? terminal_state_style(text) : STYLE_PLAIN, text);
                }
        }
        table_print(&t, out, 0);
        table_fini(&t);
}

/* --- one run --- */

static char *failure_text(const stet_value *failure)
{
        char *kind = get_text(failure, "kind"), *message = get_text(failure, "message");
        char *text = text_format("%s: %s", kind, message);
        free(kind);
        free(message);
        return text;
}

/* started and ended say how long ago, too. */
static char *moment_text(const stet_value *item)
{
        int64_t ms = stet_value_int(item, 0);
        char *moment = quantity_moment_text(ms), *ago = quantity_span_text(quantity_now_ms() - ms);
        char *text = text_format("%s, %s ago", moment, ago);
        free(moment);
        free(ago);
        return text;
}

static char *run_item_text(const char *key, const stet_value *item)
{
        if (strcmp(key, "failure") == 0)
                return failure_text(item);
        if (strcmp(key, "started_ms") == 0 || strcmp(key, "ended_ms") == 0)
                return moment_text(item);
        return print_item_text(key, item);
}

static const char *const nothing[] = { NULL };

/* The lines that say what the run waits for: the sentence, and beside it which operation it is. */
static void add_blocked_on(struct table *t, const stet_value *list)
{
        stet_value wait;
        const char *label = "blocked on";
        for (size_t cursor = 0; stet_value_next(list, &cursor, NULL, &wait); label = "") {
                stet_value sentence = stet_value_get(&wait, "sentence");
                char *said = stet_value_type(&sentence) == STET_NULL ? print_details_text(&wait, nothing)
                                                                     : get_text(&wait, "sentence");
                table_add(t, STYLE_WARNING, text_format("%s", label));
                table_add(t, STYLE_PLAIN, said);
        }
}

void print_run(FILE *out, const stet_value *run)
{
        struct table t;
        stet_value key, item;
        char *id = get_text(run, "workflow_id"), *state = get_text(run, "state");
        terminal_print(out, STYLE_BOLD, id);
        fputs("  ", out);
        terminal_print(out, terminal_state_style(state), state);
        fputc('\n', out);
        free(id);
        free(state);
        table_init(&t, 2);
        for (size_t cursor = 0; stet_value_next(run, &cursor, &key, &item);) {
                char *name = print_key_of(&key);
                if (strcmp(name, "blocked_on") == 0) {
                        add_blocked_on(&t, &item);
                } else if (strcmp(name, "workflow_id") != 0 && strcmp(name, "state") != 0) {
                        table_add(&t, STYLE_DIM, print_key_text(name));
                        table_add(&t, STYLE_PLAIN, run_item_text(name, &item));
                }
                free(name);
        }
        table_print(&t, out, 2);
        table_fini(&t);
}

/* --- history --- */

/* What a timeline leaves to `-o json`. */
static const char *const fine_print[] = { "type",
                                          "seed",
                                          "request_id",
                                          "max_attempts",
                                          "initial_interval_ms",
                                          "max_interval_ms",
                                          "backoff_factor",
                                          "jitter",
                                          "non_retryable",
                                          "started_ns",
                                          NULL };

static void add_line(struct table *t, char *number, char *when, const char *arrow, const stet_value *what)
{
        stet_value type = stet_value_get(what, "type");
        char *word = text_of_value(&type);
        table_add(t, STYLE_DIM, number);
        table_add(t, STYLE_DIM, when);
        table_add(t, *arrow ? STYLE_ACTIVE : STYLE_BOLD, text_format("%s%s", arrow, word));
        table_add(t, STYLE_PLAIN, print_details_text(what, fine_print));
        free(word);
}

static void add_transition(struct table *t, const stet_value *transition, int64_t start_ms)
{
        stet_value event = stet_value_get(transition, "event"),
                   effects = stet_value_get(transition, "effects"), effect;
        char *span = quantity_span_text(get_int(transition, "time_ms", start_ms) - start_ms);
        add_line(t, get_text(transition, "seq"), text_format("+%s", span), "", &event);
        for (size_t cursor = 0; stet_value_next(&effects, &cursor, NULL, &effect);)
                add_line(t, text_format("%s", ""), text_format("%s", ""), "  → ", &effect);
        free(span);
}

void print_history(FILE *out, const stet_value *pages, size_t pages_count, int64_t start_ms)
{
        struct table t;
        stet_value transition;
        table_init(&t, 4);
        t.right[0] = t.right[1] = true;
        for (size_t i = 0; i < pages_count; i++) {
                for (size_t cursor = 0; stet_value_next(&pages[i], &cursor, NULL, &transition);) {
                        if (start_ms < 0)
                                start_ms = get_int(&transition, "time_ms", 0);
                        add_transition(&t, &transition, start_ms);
                }
        }
        table_print(&t, out, 0);
        table_fini(&t);
}
