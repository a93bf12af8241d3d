/* SPDX-License-Identifier: MIT
 *
 * Finding what an app has registered. The public side is stet/app.h.
 */
#ifndef BASE_APP_H
#define BASE_APP_H

#include "base/bytes.h"
#include "stet/app.h"

/* The workflow of that name, or NULL. */
stet_workflow_fn *app_workflow(const stet_app *app, struct bytes name);

/* The activity of that name, or NULL; its context goes to *ret_context (may be NULL). */
stet_activity_fn *app_activity(const stet_app *app, struct bytes name, void **ret_context);

#endif
