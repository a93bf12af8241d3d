/* SPDX-License-Identifier: MIT
 *
 * Where one run is read from: a session (a server or a data directory), or a file that `export` wrote, which
 * is known by its name's end.
 */
#ifndef TOOLS_SOURCE_H
#define TOOLS_SOURCE_H

#include "stet/export.h"
#include "tools/session.h"

struct source {
        const char *run; /* as the command line names it */
        struct session session;
        stet_export *file; /* NULL: the session */
};

/* Whether a RUN of the command line is a file: its name ends with ".stet". */
bool source_is_file(const char *run);

/* Opens what the command's first argument names. */
int source_open(const struct command *c, struct source *ret, stet_why *why);
void source_close(struct source *s);

int source_show(const struct source *s, stet_value *ret, stet_why *why);
int source_history(const struct source *s, uint64_t from, uint32_t limit, stet_value *ret, stet_why *why);

/* Says what went wrong and returns the exit code. */
int source_fail(const struct command *c, int err, const stet_why *why);

#endif
