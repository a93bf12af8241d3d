/* SPDX-License-Identifier: MIT
 *
 * An app: the workflows and activities of one program, by name. A node serves one; a module (a shared object
 * that exports stet_module) adds to one; stet_app_main() makes it a command with all of stet's verbs.
 *
 * Threads: fill it on one thread before it is used; afterwards it is read only and may be shared.
 */
#ifndef STET_APP_H
#define STET_APP_H

#include "stet/activity.h"
#include "stet/workflow.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct stet_app {
        const char *name;             /* borrowed */
        struct stet_app_table *table; /* made by the first registration; stet_app_fini() frees it */
        stet_why why;                 /* the first registration that was refused */
        int err;                      /* … and its error: nodes and stet_app_main() refuse the app */
} stet_app;

#define STET_APP(app_name)                                                                                   \
        {                                                                                                    \
                .name = (app_name), .table = NULL, .why = { "" }, .err = 0                                   \
        }

/* Registers. Names: 1 to 255 bytes of UTF-8 without control characters, each once per kind. Copies the name.
 */
STET_PUBLIC int stet_app_workflow(stet_app *app, const char *name, stet_workflow_fn *fn);
STET_PUBLIC int stet_app_activity(stet_app *app, const char *name, stet_activity_fn *fn);
STET_PUBLIC int stet_app_activity_context(stet_app *app, const char *name, stet_activity_fn *fn,
                                          void *context);

/* Frees what the registrations took. Nodes and executors that use the app must be closed before. */
STET_PUBLIC void stet_app_fini(stet_app *app);

/* The number of workflows and activities, and their names in the order of registration (borrowed; NULL past
 * the end). */
STET_PUBLIC size_t stet_app_workflows_count(const stet_app *app);
STET_PUBLIC size_t stet_app_activities_count(const stet_app *app);
STET_PUBLIC const char *stet_app_workflow_name(const stet_app *app, size_t place);
STET_PUBLIC const char *stet_app_activity_name(const stet_app *app, size_t place);

/* A module exports `int stet_module(stet_app *app)`: it registers and returns 0. */
typedef int stet_module_fn(stet_app *app);

/* Loads a shared object and lets it register. STET_EMODULE with the reason in *why: it can't be loaded, has
 * no stet_module, returned an error, or registered nothing. It stays loaded until the process ends. */
STET_PUBLIC int stet_app_load(stet_app *app, const char *path, stet_why *why);

/* The whole command line for this app: the verbs of the stet command. Returns the exit code. */
STET_PUBLIC int stet_app_main(stet_app *app, int argc, char **argv);

#ifdef __cplusplus
}
#endif

#endif
