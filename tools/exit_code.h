/* SPDX-License-Identifier: MIT
 *
 * What a command says to the script that called it. The numbers are documented in docs/CLI.md and do not
 * change.
 */
#ifndef TOOLS_EXIT_CODE_H
#define TOOLS_EXIT_CODE_H

#include <stdio.h>

enum exit_code {
        EXIT_OK = 0,
        EXIT_FAILED = 1,
        EXIT_USAGE = 2,
        EXIT_NOT_FOUND = 3,
        EXIT_REFUSED = 4,
        EXIT_NO_ANSWER = 5,
        EXIT_DATA = 6,
        EXIT_MODULE = 7,
        EXIT_INTERNAL = 70,
};

/* The exit code of a STET_E… error. */
enum exit_code exit_code_of(int err);

/* What to do about an error, as a sentence on the heap; NULL when its own sentence says it. */
char *exit_code_advice(int err, const char *program);

/* The table for `stet help exit-codes`: each code, what it means, the errors that lead to it. */
void exit_codes_print(FILE *out);

#endif
