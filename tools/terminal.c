/* SPDX-License-Identifier: MIT */
#include "tools/terminal.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

bool terminal_is(FILE *out)
{
        return isatty(fileno(out)) == 1;
}

size_t terminal_columns(FILE *out)
{
        struct winsize size;
        if (!terminal_is(out))
                return 0;
        if (ioctl(fileno(out), TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
                return 80;
        return size.ws_col;
}

static bool has_colours(FILE *out)
{
        const char *no = getenv("NO_COLOR"), *kind = getenv("TERM");
        return terminal_is(out) && !(no && *no) && kind && strcmp(kind, "dumb") != 0;
}

void terminal_print(FILE *out, enum style style, const char *text)
{
        static const char *const codes[] = {
                [STYLE_PLAIN] = "",   [STYLE_BOLD] = "1",     [STYLE_DIM] = "2",     [STYLE_GOOD] = "32",
                [STYLE_BAD] = "1;31", [STYLE_WARNING] = "33", [STYLE_ACTIVE] = "36",
        };
        if (style == STYLE_PLAIN || *text == 0 || !has_colours(out))
                fputs(text, out);
        else
                fprintf(out, "\x1b[%sm%s\x1b[0m", codes[style], text);
}

enum style terminal_state_style(const char *state)
{
        static const struct {
                const char *state;
                enum style style;
        } styles[] = {
                { "completed", STYLE_GOOD },   { "failed", STYLE_BAD },      { "terminated", STYLE_BAD },
                { "canceled", STYLE_WARNING }, { "blocked", STYLE_WARNING }, { "open", STYLE_ACTIVE },
                { "continued", STYLE_DIM },
        };
        for (size_t i = 0; i < sizeof styles / sizeof styles[0]; i++)
                if (strcmp(styles[i].state, state) == 0)
                        return styles[i].style;
        return STYLE_PLAIN;
}

void terminal_progress(const char *format, ...)
{
        if (!terminal_is(stderr))
                return;
        va_list args;
        va_start(args, format);
        fputc('\r', stderr);
        vfprintf(stderr, format, args);
        fputs("\x1b[K", stderr);
        fflush(stderr);
        va_end(args);
}

void terminal_progress_end(void)
{
        if (terminal_is(stderr))
                fputs("\r\x1b[K", stderr);
}

int64_t terminal_now_ms(void)
{
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
