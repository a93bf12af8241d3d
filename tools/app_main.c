/* SPDX-License-Identifier: MIT
 *
 * stet_app_main(): from a program's arguments to its exit code.
 */
#include "bench/bench.h"
#include "tools/exit_code.h"
#include "tools/terminal.h"
#include "tools/text.h"
#include "tools/verb.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { VERBS_MAX = 32 };

static const char *program_name(const char *path)
{
        const char *slash = path ? strrchr(path, '/') : NULL;
        return slash ? slash + 1 : path && *path ? path : "stet";
}

/* Whether JSON is asked for, looked up before the line is parsed: mistakes in it are to be told as JSON, too.
 */
static bool asks_for_json(int argc, char **argv)
{
        for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
                bool apart = strcmp(argv[i], "-o") == 0 || strcmp(argv[i], "--output") == 0;
                if (apart && i + 1 < argc && strcmp(argv[i + 1], "json") == 0)
                        return true;
                if (strcmp(argv[i], "-ojson") == 0 || strcmp(argv[i], "--output=json") == 0)
                        return true;
        }
        return false;
}

static int refuse_verb(const struct command *c, const char *name)
{
        const char *names[VERBS_MAX] = { NULL };
        stet_why why;
        for (size_t i = 0; verbs[i].name && i + 1 < VERBS_MAX; i++)
                names[i] = verbs[i].name;
        char *near = text_nearest(name, names);
        stet_why_set(&why, STET_EINVAL, "'%s' is no verb of %s%s%s", name, c->program, *near ? "; " : "",
                     near);
        free(near);
        return command_fail_usage(c, STET_EINVAL, &why);
}

static int run_verb(struct command *c, int argc, char **argv)
{
        stet_why why = { "" };
        if (!c->verb->run)
                return stet_bench_main(argc, argv);
        if (command_parse(c, argc, argv, &why) != 0)
                return command_fail_usage(c, STET_EINVAL, &why);
        if (option_given(&c->options, OPTION_HELP)) {
                help_print_verb(c, stdout);
                return EXIT_OK;
        }
        if (c->app->err)
                return command_fail(c, c->app->err, &c->app->why,
                                    "The program registers something that stet can't take.");
        return c->verb->run(c);
}

static int run(struct command *c, int argc, char **argv)
{
        if (argc < 2) {
                help_print_overview(c, stderr);
                return EXIT_USAGE;
        }
        const char *name = argv[1];
        if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
                name = "help";
        else if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
                name = "version";
        c->verb = verb_find(name);
        return c->verb ? run_verb(c, argc - 1, argv + 1) : refuse_verb(c, name);
}

/* An answer that could not be written was not given. */
static int flush_output(const struct command *c, int code)
{
        stet_why why;
        if (fflush(stdout) == 0 && !ferror(stdout))
                return code;
        stet_why_set(&why, STET_EFAILED, "standard output can't be written: %s", strerror(errno));
        return command_fail(c, STET_EFAILED, &why, "What the command did is done; only its answer is lost.");
}

int stet_app_main(stet_app *app, int argc, char **argv)
{
        struct command c = {
                .program = program_name(argc > 0 ? argv[0] : NULL),
                .app = app,
                .json = asks_for_json(argc, argv),
                .began_ms = terminal_now_ms(),
        };
        int code = flush_output(&c, run(&c, argc, argv));
        option_values_fini(&c.options);
        return code;
}
