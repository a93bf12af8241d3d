/* SPDX-License-Identifier: MIT */
#include "bench/number_text.h"

#include <math.h>
#include <string.h>

enum { BUFFERS_COUNT = 16, BUFFER_SIZE = 48, GROUP_DIGITS = 3 };

const char *number_text(double value, int decimals)
{
        static char buffers[BUFFERS_COUNT][BUFFER_SIZE];
        static unsigned turn;
        char digits[BUFFER_SIZE / 2];
        char *start = buffers[turn++ % BUFFERS_COUNT], *to = start;
        if (!isfinite(value))
                return "-";
        if (fabs(value) >= 1e15) {
                snprintf(start, BUFFER_SIZE, "%.3g", value);
                return start;
        }
        snprintf(digits, sizeof(digits), "%.*f", decimals, fabs(value));
        size_t whole = strcspn(digits, ".");
        if (value < 0 && strspn(digits, "0.") < strlen(digits))
                *to++ = '-';
        for (size_t i = 0; i < whole; i++) {
                if (i && (whole - i) % GROUP_DIGITS == 0)
                        *to++ = ',';
                *to++ = digits[i];
        }
        snprintf(to, BUFFER_SIZE - (size_t)(to - start), "%s", digits + whole);
        return start;
}

const char *number_text_micros(double us)
{
        return number_text(us, us < 100 ? 1 : 0);
}

static int columns_of(const char *text)
{
        int columns = 0;
        for (; *text; text++)
                columns += ((unsigned char)*text & 0xc0) != 0x80;
        return columns;
}

void number_text_pad(FILE *out, const char *text, int width)
{
        int missing = (width < 0 ? -width : width) - columns_of(text);
        if (missing < 0)
                missing = 0;
        if (width < 0)
                fprintf(out, "%s%*s", text, missing, "");
        else
                fprintf(out, "%*s%s", missing, "", text);
}
