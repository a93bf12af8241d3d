/* SPDX-License-Identifier: MIT */
#include "bench/plot_panel.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/svg.h"

static const double HEAD_HEIGHT = 34;
static const double FOOT_HEIGHT = 28;
static const double FOOT_TITLE_HEIGHT = 20;
static const double LINES_HEIGHT = 230;
static const double BAR_HEIGHT = 16;
static const double ROW_GAP = 16;
static const double LABELS_LEFT = 80;
static const double LABELS_RIGHT = 104;
static const double NAME_GAP = 16; /* between names at the ends of lines */
static const double TEXT_MIDDLE = 4;
static const double DOT = 3;
static const double LARGE_DOT = 5;

enum { COLOURS_COUNT = 3, X_TICKS = 8, Y_TICKS = 5, CLASS_SIZE = 32 };

/* Everything that a panel is drawn with. */
struct canvas {
        const struct plot_panel *panel;
        struct plot_axis x, y;
        double left, right, top, bottom; /* of the rectangle between the axes */
        struct buffer *out;
};

static bool has_rows(const struct plot_panel *panel)
{
        return panel->kind != PLOT_LINES;
}

static double row_height(const struct plot_panel *panel)
{
        size_t bars = panel->kind == PLOT_BARS ? panel->series_count : 1;
        return BAR_HEIGHT * (double)bars + ROW_GAP;
}

static double middle_height(const struct plot_panel *panel)
{
        return has_rows(panel) ? row_height(panel) * (double)panel->categories_count : LINES_HEIGHT;
}

double plot_panel_height(const struct plot_panel *panel)
{
        return HEAD_HEIGHT + middle_height(panel) + FOOT_HEIGHT + (panel->x.title ? FOOT_TITLE_HEIGHT : 0);
}

/* "base c1": the classes of what belongs to the series. A bound has no colour. */
static const char *class_of(const struct canvas *c, size_t series, const char *base, char ret[CLASS_SIZE])
{
        size_t colour = 0;
        for (size_t i = 0; i < series; i++)
                colour += c->panel->series[i].mark != PLOT_BOUND;
        if (c->panel->series[series].mark == PLOT_BOUND)
                snprintf(ret, CLASS_SIZE, "%s bound", base);
        else
                snprintf(ret, CLASS_SIZE, "%s c%zu", base, colour % COLOURS_COUNT);
        return ret;
}

static double x_of(const struct canvas *c, double value)
{
        return c->left + plot_axis_place(&c->x, value) * (c->right - c->left);
}

static double y_of(const struct canvas *c, double value)
{
        return c->bottom - plot_axis_place(&c->y, value) * (c->bottom - c->top);
}

/* --- axes --- */

static void fit_axes(struct canvas *c)
{
        struct plot_point low = { NAN, NAN }, high = { NAN, NAN };
        for (size_t i = 0; i < c->panel->series_count; i++)
                for (size_t k = 0; k < c->panel->series[i].count; k++) {
                        struct plot_point point = c->panel->series[i].points[k];
                        low = (struct plot_point){ fmin(low.x, point.x), fmin(low.y, point.y) };
                        high = (struct plot_point){ fmax(high.x, point.x), fmax(high.y, point.y) };
                }
        /* A bar's length means something only from 0 on. */
        plot_axis_fit(&c->x, c->panel->kind == PLOT_BARS ? 0 : low.x, high.x);
        plot_axis_fit(&c->y, low.y, high.y);
}

static void draw_x_axis(const struct canvas *c)
{
        double ticks[PLOT_TICKS_MAX];
        char label[PLOT_LABEL_SIZE];
        size_t count = plot_axis_ticks(&c->x, X_TICKS, ticks);
        for (size_t i = 0; i < count; i++) {
                double x = x_of(c, ticks[i]);
                svg_line(c->out, "grid", (struct svg_point){ x, c->top }, (struct svg_point){ x, c->bottom });
                plot_axis_label(c->x.unit, ticks[i], label);
                svg_text(c->out, "middle", (struct svg_point){ x, c->bottom + 18 }, label);
        }
        if (c->x.title)
                svg_text(c->out, "middle", (struct svg_point){ (c->left + c->right) / 2, c->bottom + 38 },
                         c->x.title);
}

static void draw_y_axis(const struct canvas *c)
{
        double ticks[PLOT_TICKS_MAX];
        char label[PLOT_LABEL_SIZE];
        size_t count = plot_axis_ticks(&c->y, Y_TICKS, ticks);
        for (size_t i = 0; i < count; i++) {
                double y = y_of(c, ticks[i]);
                svg_line(c->out, "grid", (struct svg_point){ c->left, y }, (struct svg_point){ c->right, y });
                plot_axis_label(c->y.unit, ticks[i], label);
                svg_text(c->out, "end", (struct svg_point){ c->left - 10, y + TEXT_MIDDLE }, label);
        }
        svg_line(c->out, "base", (struct svg_point){ c->left, c->bottom },
                 (struct svg_point){ c->right, c->bottom });
}

/* --- lines --- */

struct name {
        size_t series;
        double y;
};

static int compare_names(const void *a, const void *b)
{
        const struct name *x = a, *y = b;
        return x->y < y->y ? -1 : x->y > y->y;
}

/* Moves the names apart, first down, then what stands too low up again. */
static void spread_names(struct name *names, size_t count, double bottom)
{
        qsort(names, count, sizeof(*names), compare_names);
        for (size_t i = 1; i < count; i++)
                names[i].y = fmax(names[i].y, names[i - 1].y + NAME_GAP);
        for (size_t i = count; i-- > 0;)
                names[i].y = fmin(names[i].y, i + 1 < count ? names[i + 1].y - NAME_GAP : bottom);
}

static void draw_names(const struct canvas *c)
{
        struct name names[PLOT_SERIES_MAX];
        char class[CLASS_SIZE];
        size_t count = 0;
        for (size_t i = 0; i < c->panel->series_count; i++) {
                const struct plot_series *s = &c->panel->series[i];
                if (s->count && s->name[0])
                        names[count++] = (struct name){ i, y_of(c, s->points[s->count - 1].y) };
        }
        spread_names(names, count, c->bottom);
        for (size_t i = 0; i < count; i++)
                svg_text(c->out, class_of(c, names[i].series, "s", class),
                         (struct svg_point){ c->right + 12, names[i].y + TEXT_MIDDLE },
                         c->panel->series[names[i].series].name);
}

static void draw_series(const struct canvas *c, size_t number)
{
        const struct plot_series *s = &c->panel->series[number];
        struct svg_point *points = xcalloc(s->count + 1, sizeof(*points));
        char class[CLASS_SIZE];
        for (size_t i = 0; i < s->count; i++)
                points[i] = (struct svg_point){ x_of(c, s->points[i].x), y_of(c, s->points[i].y) };
        if (s->count > 1)
                svg_polyline(c->out, class_of(c, number, "line", class), points, s->count);
        if (s->mark == PLOT_POINTS || s->count == 1)
                for (size_t i = 0; i < s->count; i++)
                        svg_circle(c->out, class_of(c, number, "dot", class), points[i], DOT);
        free(points);
}

static void draw_lines(const struct canvas *c)
{
        for (size_t i = 0; i < c->panel->series_count; i++)
                draw_series(c, i);
        draw_names(c);
}

/* --- rows --- */

static void draw_bar(const struct canvas *c, size_t series, struct plot_point point)
{
        char class[CLASS_SIZE], label[PLOT_LABEL_SIZE];
        double x = x_of(c, point.x);
        double top = c->top + row_height(c->panel) * point.y + ROW_GAP / 2 + BAR_HEIGHT * (double)series;
        svg_rect(c->out, class_of(c, series, "bar", class), (struct svg_point){ c->left, top + 1 },
                 x - c->left, BAR_HEIGHT - 2);
        plot_axis_label(c->x.unit, point.x, label);
        svg_text(c->out, "number", (struct svg_point){ x + 6, top + BAR_HEIGHT / 2 + TEXT_MIDDLE }, label);
}

static void draw_dot(const struct canvas *c, size_t series, struct plot_point point)
{
        char class[CLASS_SIZE];
        double y = c->top + row_height(c->panel) * (point.y + 0.5);
        svg_circle(c->out, class_of(c, series, "dot", class), (struct svg_point){ x_of(c, point.x), y },
                   LARGE_DOT);
}

/* From the first dot of a row to its last. */
static void draw_join(const struct canvas *c, size_t row)
{
        double low = NAN, high = NAN, y = c->top + row_height(c->panel) * ((double)row + 0.5);
        for (size_t i = 0; i < c->panel->series_count; i++)
                for (size_t k = 0; k < c->panel->series[i].count; k++) {
                        struct plot_point point = c->panel->series[i].points[k];
                        if ((size_t)point.y != row)
                                continue;
                        low = fmin(low, point.x);
                        high = fmax(high, point.x);
                }
        if (isfinite(low))
                svg_line(c->out, "join", (struct svg_point){ x_of(c, low), y },
                         (struct svg_point){ x_of(c, high), y });
}

/* Beside each other, at the right of the heading. */
static void draw_legend(const struct canvas *c)
{
        char class[CLASS_SIZE];
        double step = NAME_GAP;
        for (size_t i = 0; i < c->panel->series_count && c->panel->series_count > 1; i++)
                svg_text(c->out, class_of(c, i, "s", class),
                         (struct svg_point){ c->right + 12, c->top + step * (double)i + 12 },
                         c->panel->series[i].name);
}

static void draw_rows(const struct canvas *c)
{
        for (size_t row = 0; row < c->panel->categories_count; row++) {
                double y = c->top + row_height(c->panel) * ((double)row + 0.5);
                svg_text(c->out, "number end", (struct svg_point){ c->left - 10, y + TEXT_MIDDLE },
                         c->panel->categories[row]);
                if (c->panel->kind == PLOT_DOTS)
                        draw_join(c, row);
        }
        for (size_t i = 0; i < c->panel->series_count; i++)
                for (size_t k = 0; k < c->panel->series[i].count; k++)
                        if (c->panel->kind == PLOT_BARS)
                                draw_bar(c, i, c->panel->series[i].points[k]);
                        else
                                draw_dot(c, i, c->panel->series[i].points[k]);
        svg_line(c->out, "base", (struct svg_point){ c->left, c->top },
                 (struct svg_point){ c->left, c->bottom });
        draw_legend(c);
}

void plot_panel_draw(const struct plot_panel *panel, double left, double top, double width,
                     struct buffer *out)
{
        struct canvas c = {
                .panel = panel,
                .x = panel->x,
                .y = panel->y,
                .left = left + LABELS_LEFT,
                .right = left + width - LABELS_RIGHT,
                .top = top + HEAD_HEIGHT,
                .bottom = top + HEAD_HEIGHT + middle_height(panel),
                .out = out,
        };
        fit_axes(&c);
        svg_group_begin(out, "panel");
        svg_text(out, "head", (struct svg_point){ left, top + 14 }, panel->title);
        draw_x_axis(&c);
        if (has_rows(panel)) {
                draw_rows(&c);
        } else {
                draw_y_axis(&c);
                draw_lines(&c);
        }
        svg_group_end(out);
}
