/* SPDX-License-Identifier: MIT
 *
 * Elements of an SVG document, written one after the other into a buffer. Where they stand and what they are
 * called is the caller's; how they look is what the style sheet says of their class.
 */
#ifndef BENCH_SVG_H
#define BENCH_SVG_H

#include "base/buffer.h"

struct svg_point {
        double x, y;
};

/* The title and the description are for those who cannot see the picture, too. */
void svg_begin(struct buffer *out, double width, double height, const char *title, const char *description,
               const char *style);
void svg_end(struct buffer *out);

void svg_group_begin(struct buffer *out, const char *class);
void svg_group_end(struct buffer *out);

/* In all of these what is no finite number counts as 0: a picture with a flaw is still one. */
void svg_line(struct buffer *out, const char *class, struct svg_point from, struct svg_point to);
void svg_polyline(struct buffer *out, const char *class, const struct svg_point *points, size_t count);
void svg_circle(struct buffer *out, const char *class, struct svg_point centre, double radius);
void svg_rect(struct buffer *out, const char *class, struct svg_point corner, double width, double height);
void svg_text(struct buffer *out, const char *class, struct svg_point at, const char *text);

#endif
