/* SPDX-License-Identifier: MIT
 *
 * One command line: which verb, with which options and arguments, in which program. The same verbs serve the
 * `stet` command and every program that calls stet_app_main(), so that nothing here says "stet" but the
 * program's own name.
 *
 * Verbs are rows of a table (verbs.c), options are rows of another (options.c); help, parsing and the
 * sentences about mistakes all read the same rows, so that they can't differ.
 */
#ifndef TOOLS_COMMAND_H
#define TOOLS_COMMAND_H

#include "stet/app.h"
#include "tools/options.h"

struct command;

enum { VERB_ARGUMENTS_MAX = 2, VERB_OPTIONS_MAX = 16, VERB_EXAMPLES_MAX = 3 };

struct verb {
        const char *name;
        const char *purpose;                           /* a line without its full stop */
        const char *arguments[VERB_ARGUMENTS_MAX + 1]; /* "RUN"; "[DIR]" may be left out */
        enum option_id
            options[VERB_OPTIONS_MAX + 1]; /* ends with OPTION_NONE; --output and --help are every verb's */
        const char *more;                  /* a paragraph for its help, lines broken; NULL: none */
        const char *examples[VERB_EXAMPLES_MAX + 1]; /* what follows the program's name */
        int (*run)(struct command *c); /* returns the exit code; NULL: it reads its own arguments (bench) */
};

struct command {
        const char *program; /* "stet", or the name of the user's program */
        stet_app *app;
        const struct verb *verb; /* NULL: the mistake was made before there was one */
        struct option_values options;
        const char *arguments[VERB_ARGUMENTS_MAX + 1]; /* NULL where left out */
        bool json;
        int64_t began_ms;
};

/* The verbs, in the order of the overview; the last row has no name. */
extern const struct verb verbs[];
const struct verb *verb_find(const char *name);

/* Reads what follows the verb. 0, or STET_EINVAL with a sentence. */
int command_parse(struct command *c, int argc, char **argv, stet_why *why);

/* Says on standard error what went wrong and what to do (NULL: what the error itself suggests) and returns
 * the exit code. */
int command_fail(const struct command *c, int err, const stet_why *why, const char *advice);

/* The same for a mistake in the command line: points to the verb's help. */
int command_fail_usage(const struct command *c, int err, const stet_why *why);

/* A remark on standard error; none with `-o json`, whose standard error is for errors. */
void command_note(const struct command *c, const char *format, ...) STET_PRINTF(2, 3);

/* Prints the value as the command's one JSON document. Returns EXIT_OK. */
int command_print_json(const stet_value *v);

/* The same for a value packed with stet_value_pack(); frees v. err: what the packing returned. */
int command_print_packed(const struct command *c, stet_value *v, int err);

#endif
