/* SPDX-License-Identifier: MIT */
#include "bench/svg.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const double COORDINATE_MAX = 1e6;

enum { HUNDREDTHS = 100 };

static void put(struct buffer *out, const char *text)
{
        buffer_append(out, text, strlen(text));
}

/* The length of the character at the start of text; 0 when there is none that XML allows. One byte that is no
 * UTF-8 would make the whole document unreadable. */
static size_t character_size(const char *text)
{
        const unsigned char *at = (const unsigned char *)text;
        size_t size = at[0] < 0x80 ? 1 : at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
        if (at[0] < 0x20 && at[0] != '\t' && at[0] != '\n')
                return 0;
        if (size > 1 && (at[0] < 0xc2 || at[0] > 0xf4))
                return 0;
        for (size_t i = 1; i < size; i++)
                if ((at[i] & 0xc0) != 0x80)
                        return 0;
        bool overlong = (at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xf0 && at[1] < 0x90);
        bool beyond = (at[0] == 0xed && at[1] > 0x9f) || (at[0] == 0xf4 && at[1] > 0x8f);
        bool nothing = at[0] == 0xef && at[1] == 0xbf && at[2] >= 0xbe; /* U+FFFE, U+FFFF */
        return overlong || beyond || nothing ? 0 : size;
}

static void put_escaped(struct buffer *out, const char *text)
{
        while (*text) {
                size_t size = character_size(text);
                if (!size)
                        put(out, "?");
                else if (*text == '&')
                        put(out, "&amp;");
                else if (*text == '<')
                        put(out, "&lt;");
                else if (*text == '>')
                        put(out, "&gt;");
                else if (*text == '"')
                        put(out, "&quot;");
                else
                        buffer_append(out, text, size);
                text += size ? size : 1;
        }
}

/* To the hundredth. By whole numbers, so that no locale makes a comma of the point. */
static void put_number(struct buffer *out, double value)
{
        char text[48];
        if (!isfinite(value))
                value = 0;
        int64_t hundredths = llround(fmin(fmax(value, -COORDINATE_MAX), COORDINATE_MAX) * HUNDREDTHS);
        int64_t size = hundredths < 0 ? -hundredths : hundredths;
        int length = snprintf(text, sizeof(text), "%s%" PRId64, hundredths < 0 ? "-" : "", size / HUNDREDTHS);
        if (size % HUNDREDTHS)
                snprintf(text + length, sizeof(text) - (size_t)length, ".%02" PRId64, size % HUNDREDTHS);
        put(out, text);
}

/* ` name="value"` */
static void put_attribute(struct buffer *out, const char *name, double value)
{
        put(out, " ");
        put(out, name);
        put(out, "=\"");
        put_number(out, value);
        put(out, "\"");
}

/* `<name class="class"` */
static void open_element(struct buffer *out, const char *name, const char *class)
{
        put(out, "<");
        put(out, name);
        put(out, " class=\"");
        put_escaped(out, class);
        put(out, "\"");
}

static void put_element(struct buffer *out, const char *name, const char *text)
{
        put(out, "<");
        put(out, name);
        put(out, ">");
        put_escaped(out, text);
        put(out, "</");
        put(out, name);
        put(out, ">\n");
}

void svg_begin(struct buffer *out, double width, double height, const char *title, const char *description,
               const char *style)
{
        put(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" viewBox=\"0 0 ");
        put_number(out, width);
        put(out, " ");
        put_number(out, height);
        put(out, "\"");
        put_attribute(out, "width", width);
        put_attribute(out, "height", height);
        put(out, ">\n");
        put_element(out, "title", title);
        put_element(out, "desc", description);
        put_element(out, "style", style);
}

void svg_end(struct buffer *out)
{
        put(out, "</svg>\n");
}

void svg_group_begin(struct buffer *out, const char *class)
{
        open_element(out, "g", class);
        put(out, ">\n");
}

void svg_group_end(struct buffer *out)
{
        put(out, "</g>\n");
}

void svg_line(struct buffer *out, const char *class, struct svg_point from, struct svg_point to)
{
        open_element(out, "line", class);
        put_attribute(out, "x1", from.x);
        put_attribute(out, "y1", from.y);
        put_attribute(out, "x2", to.x);
        put_attribute(out, "y2", to.y);
        put(out, "/>\n");
}

void svg_polyline(struct buffer *out, const char *class, const struct svg_point *points, size_t count)
{
        open_element(out, "polyline", class);
        put(out, " points=\"");
        for (size_t i = 0; i < count; i++) {
                put(out, i ? " " : "");
                put_number(out, points[i].x);
                put(out, ",");
                put_number(out, points[i].y);
        }
        put(out, "\"/>\n");
}

void svg_circle(struct buffer *out, const char *class, struct svg_point centre, double radius)
{
        open_element(out, "circle", class);
        put_attribute(out, "cx", centre.x);
        put_attribute(out, "cy", centre.y);
        put_attribute(out, "r", radius);
        put(out, "/>\n");
}

void svg_rect(struct buffer *out, const char *class, struct svg_point corner, double width, double height)
{
        open_element(out, "rect", class);
        put_attribute(out, "x", corner.x);
        put_attribute(out, "y", corner.y);
        put_attribute(out, "width", fmax(width, 0));
        put_attribute(out, "height", fmax(height, 0));
        put(out, "/>\n");
}

void svg_text(struct buffer *out, const char *class, struct svg_point at, const char *text)
{
        open_element(out, "text", class);
        put_attribute(out, "x", at.x);
        put_attribute(out, "y", at.y);
        put(out, ">");
        put_escaped(out, text);
        put(out, "</text>\n");
}
