/* SPDX-License-Identifier: MIT */
#include "stet/version.h"
#include "tools/exit_code.h"
#include "tools/print_table.h"
#include "tools/text.h"
#include "tools/verb.h"

#include <stdlib.h>
#include <string.h>

enum { MARGIN = 2 };

static void print_heading(FILE *out, const char *text)
{
        fputc('\n', out);
        terminal_print(out, STYLE_BOLD, text);
        fputc('\n', out);
}

void help_print_overview(const struct command *c, FILE *out)
{
        struct table t;
        table_init(&t, 2);
        for (const struct verb *verb = verbs; verb->name; verb++) {
                table_add(&t, STYLE_ACTIVE, text_format("%s", verb->name));
                table_add(&t, STYLE_PLAIN, text_format("%s", verb->purpose));
        }
        terminal_print(out, STYLE_BOLD, c->program);
        fputs(": workflows that stand\n", out);
        print_heading(out, "Usage");
        fprintf(out, "  %s VERB [options]\n", c->program);
        print_heading(out, "Verbs");
        table_print(&t, out, MARGIN);
        table_fini(&t);
        fprintf(out,
                "\n'%s VERB --help' has the options and examples, '%s help exit-codes' the exit codes.\n",
                c->program, c->program);
}

static char *option_usage(const struct option_row *row)
{
        return text_format("%s%.1s%s--%s%s%s", row->letter ? "-" : "", row->letter ? &row->letter : "",
                           row->letter ? ", " : "    ", row->name, row->argument ? " " : "",
                           row->argument ? row->argument : "");
}

static void add_option(struct table *t, enum option_id id)
{
        const struct option_row *row = &option_rows[id];
        table_add(t, STYLE_ACTIVE, option_usage(row));
        table_add(t, STYLE_PLAIN,
                  row->initial ? text_format("%s [%s]", row->purpose, row->initial)
                               : text_format("%s", row->purpose));
}

static void print_options(const struct verb *verb, FILE *out)
{
        struct table t;
        table_init(&t, 2);
        for (size_t i = 0; verb->options[i] != OPTION_NONE; i++)
                add_option(&t, verb->options[i]);
        add_option(&t, OPTION_OUTPUT);
        add_option(&t, OPTION_HELP);
        table_print(&t, out, MARGIN);
        table_fini(&t);
}

void help_print_verb(const struct command *c, FILE *out)
{
        const struct verb *verb = c->verb;
        char *name = text_format("%s %s", c->program, verb->name);
        terminal_print(out, STYLE_BOLD, name);
        fprintf(out, ": %s\n", verb->purpose);
        print_heading(out, "Usage");
        fprintf(out, "  %s", name);
        for (size_t i = 0; verb->arguments[i]; i++)
                fprintf(out, " %s", verb->arguments[i]);
        fputs(" [options]\n", out);
        if (verb->more)
                fprintf(out, "\n%s\n", verb->more);
        print_heading(out, "Options");
        print_options(verb, out);
        print_heading(out, verb->examples[1] ? "Examples" : "Example");
        for (size_t i = 0; verb->examples[i]; i++)
                fprintf(out, "  %s %s\n", c->program, verb->examples[i]);
        free(name);
}

static int refuse_topic(const struct command *c, const char *topic)
{
        const char *names[64] = { "exit-codes" };
        stet_why why;
        for (size_t i = 0; verbs[i].name; i++)
                names[i + 1] = verbs[i].name;
        char *near = text_nearest(topic, names);
        stet_why_set(&why, STET_EINVAL, "there is no help about '%s'%s%s", topic, *near ? "; " : "", near);
        free(near);
        return command_fail_usage(c, STET_EINVAL, &why);
}

int verb_help(struct command *c)
{
        const char *topic = c->arguments[0];
        if (!topic) {
                help_print_overview(c, stdout);
                return EXIT_OK;
        }
        if (strcmp(topic, "exit-codes") == 0) {
                exit_codes_print(stdout);
                return EXIT_OK;
        }
        struct command about = *c;
        about.verb = verb_find(topic);
        if (!about.verb)
                return refuse_topic(c, topic);
        if (!about.verb->run) {
                printf("'%s %s --help' has it.\n", c->program, topic);
                return EXIT_OK;
        }
        help_print_verb(&about, stdout);
        return EXIT_OK;
}

int verb_version(struct command *c)
{
        if (c->json) {
                stet_value v = { 0 };
                return command_print_packed(c, &v, stet_value_pack(&v, "{s:s}", "version", STET_VERSION));
        }
        printf("%s %s\n", c->program, STET_VERSION);
        return EXIT_OK;
}
