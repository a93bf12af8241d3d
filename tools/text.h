/* SPDX-License-Identifier: MIT
 *
 * Text for terminals: made on the heap, measured in columns, and free of what could steer a terminal. What a
 * run returns or fails with comes from anywhere, so that everything printed as text passes text_clean()
 * first.
 */
#ifndef TOOLS_TEXT_H
#define TOOLS_TEXT_H

#include "stet/value.h"

/* p, or the end of the process when memory ran out. */
void *text_need(void *p);

/* printf() onto the heap: free() it. */
char *text_format(const char *format, ...) STET_PRINTF(1, 2);

/* How many columns the text takes in a terminal. */
size_t text_width(const char *text);

/* A heap copy with control characters and marks that turn the direction of writing as escapes (\n, \u001b)
 * and bytes that are no UTF-8 as '?'. */
char *text_clean(const char *data, size_t size);

/* Takes a heap text and returns it with at most so many columns (0: no limit); what is cut ends with '…'. */
char *text_cut(char *text, size_t columns);

/* A value on one line: text as it is, everything else as JSON; cleaned, on the heap. */
char *text_of_value(const stet_value *v);

/* The same with text in quotation marks, as JSON has it. */
char *text_of_json(const stet_value *v);

/* "did you mean start or stats?" for the words nearest to one that was mistyped, "" when none is near. On the
 * heap. `words` ends with NULL. */
char *text_nearest(const char *word, const char *const *words);

#endif
