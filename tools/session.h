/* SPDX-License-Identifier: MIT
 *
 * Where a command does its work: a server that it connects to, or a node in this process on the data
 * directory. When another process holds the directory and serves it, the command goes there, so that the same
 * line works with and without a server.
 */
#ifndef TOOLS_SESSION_H
#define TOOLS_SESSION_H

#include "stet/node.h"
#include "tools/command.h"

enum session_kind {
        SESSION_READ, /* reads, or gives one command; a missing directory is refused; no activity runs here */
        SESSION_START, /* starts a run; makes the directory */
        SESSION_WAIT,  /* the same, and runs it here until it has ended; others can connect meanwhile */
};

struct session {
        stet_node *node; /* NULL: connected */
        stet_client *client;
};

int session_open(const struct command *c, enum session_kind kind, struct session *ret, stet_why *why);
void session_close(struct session *s);

/* Loads the modules of --module into the app. */
int session_load_modules(const struct command *c, stet_why *why);

/* The data directory that the command line, the environment or the default names. Borrowed. */
const char *session_data_dir(const struct command *c);

/* The endpoint to connect to, from the command line or the environment, or NULL when a directory is meant.
 * Borrowed. */
const char *session_endpoint(const struct command *c, stet_why *why, int *ret_err);

/* Where a server on the directory listens for other processes of this machine, on the heap. NULL: the path is
 * too long for a local socket. */
char *session_local_endpoint(const char *data_dir);

/* The log callback of nodes and executors: context is an int, the least stet_log_level that is printed. */
void session_log(void *context, stet_log_level level, const char *line);

#endif
