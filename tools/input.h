/* SPDX-License-Identifier: MIT
 *
 * What --input gives: JSON on the command line, in a file, or on standard input.
 */
#ifndef TOOLS_INPUT_H
#define TOOLS_INPUT_H

#include "stet/value.h"

/* Reads "JSON", "@FILE" or "-" into *ret (null for NULL). STET_EJSON with line and column, STET_ETOOBIG,
 * STET_EINVAL when the file can't be read. */
int input_read(const char *text, stet_value *ret, stet_why *why);

/* A request id nobody else makes up: 40 bytes with its NUL. */
void input_request_id(char ret_text[40]);

#endif
