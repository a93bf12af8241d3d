/* SPDX-License-Identifier: MIT
 *
 * What depends on standing before a terminal: colours, width and a progress line. A file or a pipe gets none
 * of them.
 */
#ifndef TOOLS_TERMINAL_H
#define TOOLS_TERMINAL_H

#include "stet/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum style {
        STYLE_PLAIN,
        STYLE_BOLD,
        STYLE_DIM,
        STYLE_GOOD,
        STYLE_BAD,
        STYLE_WARNING,
        STYLE_ACTIVE,
};

bool terminal_is(FILE *out);

/* Its width in columns; 0 when it is no terminal. */
size_t terminal_columns(FILE *out);

/* Prints the text, in the style if out is a terminal with colours (NO_COLOR and TERM=dumb are respected). */
void terminal_print(FILE *out, enum style style, const char *text);

/* The style that a run's state is shown in. */
enum style terminal_state_style(const char *state);

/* Replaces the progress line on standard error; nothing is shown when that is no terminal. */
void terminal_progress(const char *format, ...) STET_PRINTF(1, 2);
void terminal_progress_end(void);

/* Milliseconds on a clock that never goes back. */
int64_t terminal_now_ms(void);

#endif
