/* SPDX-License-Identifier: MIT */
#include "tools/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *text_need(void *p)
{
        if (p)
                return p;
        fputs("out of memory\n", stderr);
        abort();
}

char *text_format(const char *format, ...)
{
        char *text = NULL;
        va_list args;
        va_start(args, format);
        int size = vasprintf(&text, format, args);
        va_end(args);
        return text_need(size < 0 ? NULL : text);
}

/* One character from the front: its size, and its code point in *ret. A byte that begins no valid one has
 * size 1 and code point 0xfffd. */
static size_t decode(const char *data, size_t size, uint32_t *ret)
{
        const unsigned char *p = (const unsigned char *)data;
        size_t length = p[0] < 0x80   ? 1
                        : p[0] < 0xc2 ? 0
                        : p[0] < 0xe0 ? 2
                        : p[0] < 0xf0 ? 3
                        : p[0] < 0xf5 ? 4
                                      : 0;
        static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
        *ret = 0xfffd;
        if (length == 0 || length > size)
                return 1;
        uint32_t point = length == 1 ? p[0] : p[0] & (0x7fu >> length);
        for (size_t i = 1; i < length; i++) {
                if ((p[i] & 0xc0) != 0x80)
                        return 1;
                point = point << 6 | (p[i] & 0x3fu);
        }
        if (point < least[length] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000))
                return 1;
        *ret = point;
        return length;
}

struct range {
        uint32_t from, to;
};

static bool in_ranges(uint32_t point, const struct range *ranges, size_t count)
{
        for (size_t i = 0; i < count; i++)
                if (point >= ranges[i].from && point <= ranges[i].to)
                        return true;
        return false;
}

/* Close enough to what terminals do; Unicode's own table is many pages long. */
static size_t columns_of(uint32_t point)
{
        static const struct range none[] = { { 0x300, 0x36f }, { 0x200b, 0x200d }, { 0xfe00, 0xfe0f } };
        static const struct range wide[] = {
                { 0x1100, 0x115f },   { 0x2e80, 0xa4cf },   { 0xac00, 0xd7a3 },   { 0xf900, 0xfaff },
                { 0xfe30, 0xfe6f },   { 0xff00, 0xff60 },   { 0xffe0, 0xffe6 },   { 0x1f300, 0x1f64f },
                { 0x1f680, 0x1f6ff }, { 0x1f900, 0x1f9ff }, { 0x20000, 0x3fffd },
        };
        if (in_ranges(point, none, sizeof none / sizeof none[0]))
                return 0;
        return in_ranges(point, wide, sizeof wide / sizeof wide[0]) ? 2 : 1;
}

static bool steers(uint32_t point)
{
        static const struct range ranges[] = {
                { 0, 0x1f }, { 0x7f, 0x9f }, { 0x200e, 0x200f }, { 0x2028, 0x202e }, { 0x2066, 0x2069 }
        };
        return in_ranges(point, ranges, sizeof ranges / sizeof ranges[0]);
}

size_t text_width(const char *text)
{
        size_t width = 0, size = strlen(text);
        for (uint32_t point; size > 0;) {
                size_t length = decode(text, size, &point);
                width += columns_of(point);
                text += length;
                size -= length;
        }
        return width;
}

static void put_clean(FILE *out, const char *data, size_t length, uint32_t point)
{
        if (point == '\n')
                fputs("\\n", out);
        else if (point == '\t')
                fputs("\\t", out);
        else if (steers(point))
                fprintf(out, "\\u%04x", (unsigned)point);
        else if (point == 0xfffd && length == 1)
                fputc('?', out);
        else
                fwrite(data, 1, length, out);
}

char *text_clean(const char *data, size_t size)
{
        char *text = NULL;
        size_t text_size;
        FILE *out = text_need(open_memstream(&text, &text_size));
        for (uint32_t point; size > 0;) {
                size_t length = decode(data, size, &point);
                put_clean(out, data, length, point);
                data += length;
                size -= length;
        }
        fclose(out);
        return text_need(text);
}

char *text_cut(char *text, size_t columns)
{
        if (columns == 0 || text_width(text) <= columns)
                return text;
        size_t size = strlen(text), at = 0, width = 0;
        for (uint32_t point; at < size;) {
                size_t length = decode(text + at, size - at, &point);
                if (width + columns_of(point) > columns - 1)
                        break;
                width += columns_of(point);
                at += length;
        }
        char *cut = text_format("%.*s…", (int)at, text);
        free(text);
        return cut;
}

char *text_of_json(const stet_value *v)
{
        char *json = NULL;
        if (stet_value_to_json(v, 0, &json) != 0)
                return text_format("(unreadable)");
        char *text = text_clean(json, strlen(json));
        free(json);
        return text;
}

char *text_of_value(const stet_value *v)
{
        size_t size;
        const char *data = stet_value_type(v) == STET_STRING ? stet_value_string(v, &size) : NULL;
        return data ? text_clean(data, size) : text_of_json(v);
}

enum {
        NEAREST_WORD_MAX = 32, /* longer words are not compared */
        NEAREST_COUNT_MAX = 3,
};

static size_t least_of(size_t a, size_t b, size_t c)
{
        size_t least = a < b ? a : b;
        return least < c ? least : c;
}

/* Levenshtein's distance: how many letters to add, drop or replace; two that changed places count as one. */
static size_t distance(const char *a, const char *b)
{
        size_t rows = strlen(a), columns = strlen(b);
        size_t d[NEAREST_WORD_MAX + 1][NEAREST_WORD_MAX + 1];
        for (size_t i = 0; i <= rows; i++)
                d[i][0] = i;
        for (size_t j = 0; j <= columns; j++)
                d[0][j] = j;
        for (size_t i = 1; i <= rows; i++) {
                for (size_t j = 1; j <= columns; j++) {
                        d[i][j] = least_of(d[i - 1][j] + 1, d[i][j - 1] + 1,
                                           d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
                        bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                        if (swapped && d[i - 2][j - 2] + 1 < d[i][j])
                                d[i][j] = d[i - 2][j - 2] + 1;
                }
        }
        return d[rows][columns];
}

static bool is_near(const char *word, const char *other, size_t *ret_distance)
{
        size_t size = strlen(word), other_size = strlen(other);
        if (size == 0 || size > NEAREST_WORD_MAX || other_size > NEAREST_WORD_MAX)
                return false;
        size_t shorter = size < other_size ? size : other_size;
        *ret_distance = distance(word, other);
        if (size >= 2 && strncmp(word, other, size) == 0) {
                *ret_distance = 1; /* an abbreviation */
                return true;
        }
        return *ret_distance <= 1 + size / 4 && *ret_distance < shorter;
}

char *text_nearest(const char *word, const char *const *words)
{
        const char *best[NEAREST_COUNT_MAX];
        size_t distances[NEAREST_COUNT_MAX], count = 0;
        for (; *words; words++) {
                size_t far, place = count;
                if (!is_near(word, *words, &far))
                        continue;
                while (place > 0 && distances[place - 1] > far)
                        place--;
                if (place == NEAREST_COUNT_MAX)
                        continue;
                count += count < NEAREST_COUNT_MAX;
                for (size_t i = count - 1; i > place; i--) {
                        best[i] = best[i - 1];
                        distances[i] = distances[i - 1];
                }
                best[place] = *words;
                distances[place] = far;
        }
        switch (count) {
        case 0:
                return text_format("%s", "");
        case 1:
                return text_format("did you mean %s?", best[0]);
        case 2:
                return text_format("did you mean %s or %s?", best[0], best[1]);
        default:
                return text_format("did you mean %s, %s or %s?", best[0], best[1], best[2]);
        }
}
