/* SPDX-License-Identifier: MIT
 *
 * The verbs' functions: each does its verb and returns the exit code. Which options each has stands in
 * verbs.c.
 */
#ifndef TOOLS_VERB_H
#define TOOLS_VERB_H

#include "tools/command.h"

#include <stdio.h>

int verb_dev(struct command *c);
int verb_serve(struct command *c);
int verb_work(struct command *c);
int verb_start(struct command *c);
int verb_list(struct command *c);
int verb_show(struct command *c);
int verb_history(struct command *c);
int verb_export(struct command *c);
int verb_signal(struct command *c);
int verb_cancel(struct command *c);
int verb_terminate(struct command *c);
int verb_delete(struct command *c);
int verb_query(struct command *c);
int verb_verify(struct command *c);
int verb_backup(struct command *c);
int verb_restore(struct command *c);
int verb_recover(struct command *c);

int verb_stats(struct command *c);
int verb_executors(struct command *c);
int verb_help(struct command *c);
int verb_version(struct command *c);

/* One verb's help, and the overview of all, on out. */
void help_print_verb(const struct command *c, FILE *out);
void help_print_overview(const struct command *c, FILE *out);

#endif
