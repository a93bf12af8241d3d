/* SPDX-License-Identifier: MIT */
#include "tools/command.h"

#include "tools/exit_code.h"
#include "tools/terminal.h"
#include "tools/text.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- parsing --- */

/* The verb's options and the two that every verb has, for getopt_long(): val is the option's id. */
struct parser {
        struct option longs[VERB_OPTIONS_MAX + 3];
        char letters[2 * (VERB_OPTIONS_MAX + 2) + 2];
        const char *names[VERB_OPTIONS_MAX + 3]; /* with dashes, for "did you mean" */
        enum option_id ids[VERB_OPTIONS_MAX + 2];
        size_t count;
};

static void parser_add(struct parser *p, enum option_id id)
{
        const struct option_row *row = &option_rows[id];
        p->longs[p->count] = (struct option){ row->name, row->argument ? required_argument : no_argument,
                                              NULL, 256 + (int)id };
        p->ids[p->count] = id;
        p->names[p->count++] = row->name;
        if (!row->letter)
                return;
        size_t end = strlen(p->letters);
        p->letters[end] = row->letter;
        if (row->argument)
                p->letters[end + 1] = ':';
}

static void parser_init(struct parser *p, const struct verb *verb)
{
        *p = (struct parser){ .letters =
                                  ":" }; /* tell an argument that is missing from an option that is unknown */
        for (size_t i = 0; verb->options[i] != OPTION_NONE; i++)
                parser_add(p, verb->options[i]);
        parser_add(p, OPTION_OUTPUT);
        parser_add(p, OPTION_HELP);
}

/* A verb's own -o stands before --output's, and leaves it the words that are --output's. */
static enum option_id parser_find(const struct parser *p, int found, const char *value)
{
        if (found > 256)
                return (enum option_id)(found - 256);
        for (size_t i = 0; i < p->count; i++) {
                bool others = p->ids[i] != OPTION_OUTPUT && value && option_is_word(OPTION_OUTPUT, value);
                if (option_rows[p->ids[i]].letter == found && !(found == 'o' && others))
                        return p->ids[i];
        }
        return OPTION_NONE;
}

static int refuse_option(const struct command *c, const struct parser *p, char **argv, stet_why *why)
{
        if (optopt > 256)
                return stet_why_set(why, STET_EINVAL, "--%s takes no value", option_rows[optopt - 256].name);
        if (optopt != 0)
                return stet_why_set(why, STET_EINVAL, "%s has no option -%c", c->verb->name, optopt);
        char *word = text_format("%s", argv[optind - 1] + 2);
        word[strcspn(word, "=")] = 0;
        char *near = text_nearest(word, p->names);
        stet_why_set(why, STET_EINVAL, "%s has no option --%s%s%s", c->verb->name, word, *near ? "; " : "",
                     near);
        free(near);
        free(word);
        return STET_EINVAL;
}

static int parse_options(struct command *c, const struct parser *p, int argc, char **argv, stet_why *why)
{
        int err = 0;
        optind = 0; /* start over: a program may have used getopt() for itself */
        opterr = 0;
        for (int found; !err && (found = getopt_long(argc, argv, p->letters, p->longs, NULL)) != -1;) {
                if (found == '?')
                        return refuse_option(c, p, argv, why);
                enum option_id id =
                    parser_find(p, found == ':' ? optopt : found, found == ':' ? NULL : optarg);
                if (found == ':')
                        return stet_why_set(why, STET_EINVAL, "--%s needs %s", option_rows[id].name,
                                            option_rows[id].argument);
                err = option_add(&c->options, id, optarg ? optarg : "", why);
        }
        return err;
}

static int parse_arguments(struct command *c, int argc, char **argv, stet_why *why)
{
        const struct verb *verb = c->verb;
        size_t place = 0;
        for (; optind < argc; optind++, place++) {
                if (place == VERB_ARGUMENTS_MAX || !verb->arguments[place])
                        return stet_why_set(why, STET_EINVAL, "%s does not know what to do with '%s'",
                                            verb->name, argv[optind]);
                c->arguments[place] = argv[optind];
        }
        const char *missing = verb->arguments[place];
        if (missing && missing[0] != '[')
                return stet_why_set(why, STET_EINVAL, "%s needs %s", verb->name, missing);
        return 0;
}

int command_parse(struct command *c, int argc, char **argv, stet_why *why)
{
        struct parser p;
        parser_init(&p, c->verb);
        int err = parse_options(c, &p, argc, argv, why);
        if (option_given(&c->options, OPTION_OUTPUT))
                c->json = option_word(&c->options, OPTION_OUTPUT) == 1;
        if (err || option_given(&c->options, OPTION_HELP))
                return err;
        return parse_arguments(c, argc, argv, why);
}

/* --- answering --- */

static void print_error_json(int err, const char *message, const char *advice)
{
        stet_value v = { 0 };
        char *json = NULL;
        int packed =
            advice ? stet_value_pack(&v, "{s:s, s:s, s:s}", "error", stet_error_name(err), "message", message,
                                     "advice", advice)
                   : stet_value_pack(&v, "{s:s, s:s}", "error", stet_error_name(err), "message", message);
        if (packed == 0 && stet_value_to_json(&v, 0, &json) == 0)
                fprintf(stderr, "%s\n", json);
        else
                fprintf(stderr, "{\"error\":\"%s\"}\n", stet_error_name(err));
        free(json);
        stet_value_free(&v);
}

static void print_error_text(const struct command *c, const char *message, const char *advice)
{
        char *clean = text_clean(message, strlen(message)), *name = text_format("%s:", c->program);
        terminal_print(stderr, STYLE_BAD, name);
        fprintf(stderr, " %s\n", clean);
        if (advice)
                fprintf(stderr, "%*s %s\n", (int)text_width(name), "", advice);
        free(name);
        free(clean);
}

int command_fail(const struct command *c, int err, const stet_why *why, const char *advice)
{
        const char *message = why && *why->text ? why->text : stet_error_text(err);
        char *standard = advice ? NULL : exit_code_advice(err, c->program);
        advice = advice ? advice : standard;
        terminal_progress_end();
        fflush(stdout);
        if (c->json)
                print_error_json(err, message, advice);
        else
                print_error_text(c, message, advice);
        free(standard);
        return (int)exit_code_of(err);
}

int command_fail_usage(const struct command *c, int err, const stet_why *why)
{
        char *advice = c->verb ? text_format("'%s %s --help' says what it takes.", c->program, c->verb->name)
                               : text_format("'%s help' lists the verbs.", c->program);
        int code = command_fail(c, err, why, advice);
        free(advice);
        return code;
}

void command_note(const struct command *c, const char *format, ...)
{
        if (c->json)
                return;
        terminal_progress_end();
        va_list args;
        va_start(args, format);
        fprintf(stderr, "%s: ", c->program);
        vfprintf(stderr, format, args);
        fputc('\n', stderr);
        va_end(args);
}

int command_print_json(const stet_value *v)
{
        char *json;
        if (stet_value_to_json(v, terminal_is(stdout) ? STET_JSON_INDENT : 0, &json) != 0)
                return EXIT_INTERNAL;
        puts(json);
        free(json);
        return EXIT_OK;
}

int command_print_packed(const struct command *c, stet_value *v, int err)
{
        int code = err ? command_fail(c, err, NULL, NULL) : command_print_json(v);
        stet_value_free(v);
        return code;
}
