/* SPDX-License-Identifier: MIT
 *
 * What clients check before they send anything: a message with a name that can't be one would be refused by
 * the node, or, when it is no UTF-8, take the whole frame with it. Each gives 0 or an error with a sentence.
 */
#ifndef RUNTIME_CLIENT_ARGS_H
#define RUNTIME_CLIENT_ARGS_H

#include "base/bytes.h"
#include "stet/client.h"

enum { CLIENT_REASON_SIZE_MAX = 1024 };

int check_name(const char *name, const char *what, stet_why *why);     /* must be there */
int check_optional(const char *name, const char *what, stet_why *why); /* may be NULL */
int check_value(const stet_value *value, const char *what, stet_why *why);
int check_reason(const char *reason, stet_why *why);
int check_start(const stet_start *start, stet_why *why);
int check_signal(const char *run, const char *name, const stet_value *value, const char *request_id,
                 stet_why *why);
int check_list_filter(const stet_list_filter *filter, stet_why *why);

#endif
