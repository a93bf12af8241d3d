/* SPDX-License-Identifier: MIT
 *
 * A node on a temporary directory, with a client: what tests of workflows stand on. It has no threads unless
 * the options say so before it is opened. It can be closed and opened again with another app, as after a
 * deployment. Each call that fails ends the test.
 */
#ifndef TESTS_LIB_EMBEDDED_H
#define TESTS_LIB_EMBEDDED_H

#include <stet/stet.h>

struct embedded {
        char *dir;
        stet_node *node;
        stet_client *client;
        stet_node_options options;
        stet_why why;  /* of the last call that may fail */
        int log_lines; /* that workflows logged */
};

void embedded_open(struct embedded *e, const stet_app *app);
void embedded_reopen(struct embedded *e, const stet_app *app); /* NULL: an app without anything */
void embedded_close(struct embedded *e);

/* Starts; the run id stays valid until the next start. json NULL: null. */
const char *embedded_start(struct embedded *e, const char *workflow, const char *id, const char *json);

/* Waits for the ending (bounded); the result as JSON, valid until the next call, "" if the run did not
 * complete. */
const char *embedded_result(struct embedded *e, const char *run, stet_ending ending);
const char *embedded_run(struct embedded *e, const char *workflow, const char *json); /* start and result */

/* The failure of the run that embedded_result() saw last. */
const char *embedded_failure_kind(void);
const char *embedded_failure_message(void);

void embedded_signal(struct embedded *e, const char *run, const char *name, const char *json);

/* One text of `show`, by key; or of its first blocked_on. Valid until the next call. "" if it is not there.
 */
const char *embedded_show(struct embedded *e, const char *run, const char *key);
const char *embedded_blocked_on(struct embedded *e, const char *run);

/* Drives the node until show's key is that text (bounded). */
void embedded_wait_show(struct embedded *e, const char *run, const char *key, const char *text);

#endif
