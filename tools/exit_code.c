/* SPDX-License-Identifier: MIT */
#include "tools/exit_code.h"

#include "stet/error.h"
#include "tools/terminal.h"
#include "tools/text.h"

#include <string.h>

static const struct {
        enum exit_code code;
        const char *meaning;
} meanings[] = {
        { EXIT_OK, "done" },
        { EXIT_FAILED, "it ran and failed: a run did not complete, or verify found damage" },
        { EXIT_USAGE, "the command line or its input is not right; nothing was done" },
        { EXIT_NOT_FOUND, "no such run, workflow, query or exported file; nothing was done" },
        { EXIT_REFUSED,
          "refused: the id is taken, the run has ended, the file is there already, or the node is too busy; "
          "nothing was done" },
        { EXIT_NO_ANSWER,
          "no answer: the endpoint can't be used or reached, the time ran out, or the outcome is unknown" },
        { EXIT_DATA, "the data directory or an exported file: missing, foreign, held by another process, "
                     "newer, damaged, or the "
                     "disk is full" },
        { EXIT_MODULE, "a module can't be loaded or registers nothing" },
        { EXIT_INTERNAL, "a workflow or activity crashed the process, memory ran out, or stet has a bug" },
};

/* No default: the compiler names an error that is added and has no line here. */
enum exit_code exit_code_of(int err)
{
        switch ((enum stet_error)err) {
        case STET_OK:
                return EXIT_OK;
        case STET_EFAILED:
        case STET_ECANCELED:
        case STET_ETERMINATED:
        case STET_ENONDETERMINISM:
                return EXIT_FAILED;
        case STET_EINVAL:
        case STET_ETOOBIG:
        case STET_EJSON:
        case STET_ETYPE:
                return EXIT_USAGE;
        case STET_ENOTFOUND:
                return EXIT_NOT_FOUND;
        case STET_EEXISTS:
        case STET_ECLOSED:
        case STET_EBUSY:
        case STET_ESTALE:
        case STET_EAGAIN:
                return EXIT_REFUSED;
        case STET_ETIMEDOUT:
        case STET_EUNKNOWN:
        case STET_EPROTOCOL:
        case STET_EENDPOINT:
        case STET_EUNREACHABLE:
                return EXIT_NO_ANSWER;
        case STET_ECORRUPT:
        case STET_EFORMAT:
        case STET_ENEWER:
        case STET_ELOCKED:
        case STET_EFENCED:
        case STET_EFULL:
        case STET_EIO:
                return EXIT_DATA;
        case STET_EMODULE:
                return EXIT_MODULE;
        case STET_ENOMEM:
        case STET_ECRASHED:
        case STET_EINTERNAL:
                return EXIT_INTERNAL;
        }
        return EXIT_INTERNAL;
}

char *exit_code_advice(int err, const char *program)
{
        switch (err) {
        case STET_EBUSY:
                return text_format("Nothing was done. Try again in a moment.");
        case STET_EUNREACHABLE:
                return text_format("Is a server running there? '%s dev' starts one; --data DIR does without.",
                                   program);
        case STET_EPROTOCOL:
                return text_format("Is it a stet server of this version that listens there?");
        case STET_ECORRUPT:
                return text_format("'%s verify DIR' lists every damage and changes nothing.", program);
        case STET_EFORMAT:
                return text_format(
                    "'%s dev' makes a new one; --data DIR or --connect ENDPOINT say where one is.", program);
        case STET_ENEWER:
                return text_format("Use the stet that wrote it; nothing was changed.");
        case STET_ELOCKED:
                return text_format("Stop that process, or talk to it with --connect ENDPOINT.");
        case STET_EFULL:
                return text_format("Free some space and start again; what was acknowledged is safe.");
        case STET_EIO:
                return text_format("Look at the system's log for the disk's errors before starting again.");
        case STET_EINTERNAL:
                return text_format("Please report it with the command line and what is written above.");
        default:
                return NULL;
        }
}

static void print_errors_of(FILE *out, enum exit_code code)
{
        const char *gap = "        ";
        for (int err = 1; strcmp(stet_error_name(err), "?") != 0; err++) {
                if (exit_code_of(err) != code)
                        continue;
                fputs(gap, out);
                terminal_print(out, STYLE_DIM, stet_error_name(err));
                gap = " ";
        }
        if (*gap && !gap[1])
                fputc('\n', out);
}

void exit_codes_print(FILE *out)
{
        for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++) {
                fprintf(out, "  %4d  %s\n", meanings[i].code, meanings[i].meaning);
                print_errors_of(out, meanings[i].code);
        }
}
