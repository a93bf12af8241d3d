/* SPDX-License-Identifier: MIT */
#include "stet/error.h"

#include "base/unpack.h"

#include <stdarg.h>
#include <stdio.h>

const char *stet_error_name(int err)
{
        switch (err) {
        case STET_OK:
                return "OK";
#define ERROR_NAME(name, number, sentence)                                                                   \
        case number:                                                                                         \
                return #name;
                STET_ERRORS(ERROR_NAME)
#undef ERROR_NAME
        default:
                return "?";
        }
}

const char *stet_error_text(int err)
{
        switch (err) {
        case STET_OK:
                return "no error";
#define ERROR_TEXT(name, number, sentence)                                                                   \
        case number:                                                                                         \
                return sentence;
                STET_ERRORS(ERROR_TEXT)
#undef ERROR_TEXT
        default:
                return "an error that this version does not know";
        }
}

/* Takes away what the cut left of its last character. */
static void trim_tail(char *text)
{
        size_t size = strlen(text), last = size - 1;
        while (last > 0 && size - last < 4 && ((uint8_t)text[last] & 0xc0) == 0x80)
                last--;
        if (!utf8_valid(bytes_of(text + last, size - last)))
                text[last] = 0;
}

/* The sentence travels as msgpack text, which must be UTF-8; a file name in it may be anything. */
static void mend_utf8(char *text)
{
        if (utf8_valid(bytes_str(text)))
                return;
        for (; *text; text++)
                if ((uint8_t)*text & 0x80)
                        *text = '?';
}

int stet_why_set(stet_why *why, int err, const char *format, ...)
{
        if (!why)
                return err;
        stet_why made = { "" }; /* the arguments may point into *why */
        va_list args;
        va_start(args, format);
        int size = vsnprintf(made.text, sizeof made.text, format, args);
        va_end(args);
        if (size >= (int)sizeof made.text)
                trim_tail(made.text);
        mend_utf8(made.text);
        memcpy(why->text, made.text, strlen(made.text) + 1);
        return err;
}
