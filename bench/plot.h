/* SPDX-License-Identifier: MIT
 *
 * A plot as a value: a title, a few figures in large type, and panels below each other. A panel has either
 * points in two dimensions, or one row a category with bars or dots in it. What is drawn of it is one SVG
 * document that stands alone and can be read on light and on dark paper.
 */
#ifndef BENCH_PLOT_H
#define BENCH_PLOT_H

#include "base/buffer.h"
#include "bench/plot_axis.h"

enum { PLOT_NAME_SIZE = 64, PLOT_SUBTITLE_SIZE = 256, PLOT_SUBTITLES_MAX = 2 };
enum { PLOT_STATS_MAX = 5, PLOT_PANELS_MAX = 6, PLOT_SERIES_MAX = 6, PLOT_CATEGORIES_MAX = 8 };

enum plot_kind {
        PLOT_LINES,
        PLOT_BARS, /* one row a category: x is the value, y the category's place */
        PLOT_DOTS, /* likewise; the dots of a category are joined */
};

enum plot_mark {
        PLOT_CURVE,
        PLOT_POINTS, /* joined, each with a dot */
        PLOT_BOUND,  /* grey and dashed: no measurement */
};

struct plot_point {
        double x, y;
};

struct plot_series {
        char name[PLOT_NAME_SIZE];
        enum plot_mark mark; /* of PLOT_LINES */
        struct plot_point *points;
        size_t count;
};

struct plot_panel {
        const char *title; /* borrowed, as the axes' titles and the categories */
        enum plot_kind kind;
        struct plot_axis x, y;
        const char *categories[PLOT_CATEGORIES_MAX];
        size_t categories_count;
        struct plot_series series[PLOT_SERIES_MAX];
        size_t series_count;
};

struct plot_stat {
        char value[PLOT_LABEL_SIZE];
        const char *label;
};

struct plot {
        char title[PLOT_NAME_SIZE];
        char subtitles[PLOT_SUBTITLES_MAX][PLOT_SUBTITLE_SIZE];
        struct plot_stat stats[PLOT_STATS_MAX];
        size_t stats_count;
        struct plot_panel panels[PLOT_PANELS_MAX];
        size_t panels_count;
};

/* A plot begins as { 0 }. */
void plot_fini(struct plot *p);

/* A copy of the head, which has no series yet, at the end of the plot. NULL when the plot is full. */
struct plot_panel *plot_panel_add(struct plot *p, const struct plot_panel *head);

/* NULL when the panel is full. */
struct plot_series *plot_series_add(struct plot_panel *panel, const char *name, enum plot_mark mark);
struct plot_series *plot_series_find(struct plot_panel *panel, const char *name);

/* A point that is nowhere (NAN) is left out. The series may be NULL. */
void plot_point_add(struct plot_series *s, double x, double y);

bool plot_panel_is_empty(const struct plot_panel *panel);

/* Does nothing when the plot has as many as there is room for. */
void plot_stat_add(struct plot *p, const char *value, const char *label);

/* Appends the SVG document. Panels without a point are left out. */
void plot_draw(const struct plot *p, struct buffer *out);

#endif
