/* SPDX-License-Identifier: MIT
 *
 * stet: durable workflows in C. This header is the whole public API; each topic has its own.
 */
#ifndef STET_STET_H
#define STET_STET_H

#include "stet/activity.h"
#include "stet/app.h"
#include "stet/backup.h"
#include "stet/client.h"
#include "stet/crash.h"
#include "stet/error.h"
#include "stet/export.h"
#include "stet/node.h"
#include "stet/value.h"
#include "stet/verify.h"
#include "stet/version.h"
#include "stet/workflow.h"

#endif
