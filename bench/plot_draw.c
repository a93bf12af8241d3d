/* SPDX-License-Identifier: MIT
 *
 * The page of a plot: where everything stands, and what it looks like. Panels are below each other, as wide
 * as the page; what a line is stands at its end, so that there is no legend to look up.
 */
#include "bench/plot.h"

#include <math.h>
#include <stdio.h>

#include "bench/plot_panel.h"
#include "bench/svg.h"

static const char STYLE[] =
    "\n"
    ".page{fill:#fff}\n"
    "text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif;"
    "font-size:12px;font-variant-numeric:tabular-nums;fill:#59636e}\n"
    ".title{font-size:22px;font-weight:600;fill:#1f2328}\n"
    ".stat{font-size:24px;font-weight:600;fill:#1f2328}\n"
    ".head{font-size:14px;font-weight:600;fill:#1f2328}\n"
    ".number{fill:#1f2328}\n"
    ".end{text-anchor:end}\n"
    ".middle{text-anchor:middle}\n"
    ".grid{stroke:#e6e9ed;stroke-width:1}\n"
    ".base{stroke:#9aa4ae;stroke-width:1}\n"
    ".join{stroke:#b6bec7;stroke-width:2}\n"
    "polyline{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}\n"
    "polyline.bound{stroke:#7d8791;stroke-width:1.5;stroke-dasharray:5 4}\n"
    ".bound{fill:#7d8791}\n"
    "text.s{font-weight:600}\n"
    "polyline.c0{stroke:#1f6feb}.c0{fill:#1f6feb}\n"
    "polyline.c1{stroke:#d4690f}.c1{fill:#d4690f}\n"
    "polyline.c2{stroke:#12857a}.c2{fill:#12857a}\n"
    "polyline.c0,polyline.c1,polyline.c2,polyline.bound{fill:none}\n"
    "@media (prefers-color-scheme:dark){\n"
    ".page{fill:#0d1117}\n"
    "text{fill:#9198a1}\n"
    ".title,.stat,.head,.number{fill:#f0f6fc}\n"
    ".grid{stroke:#222931}.base{stroke:#59626d}.join{stroke:#444c56}\n"
    "polyline.bound{stroke:#8b949e}.bound{fill:#8b949e}\n"
    "polyline.c0{stroke:#6cb0ff}.c0{fill:#6cb0ff}\n"
    "polyline.c1{stroke:#f0a04b}.c1{fill:#f0a04b}\n"
    "polyline.c2{stroke:#4cc3b4}.c2{fill:#4cc3b4}\n"
    "polyline.c0,polyline.c1,polyline.c2,polyline.bound{fill:none}\n"
    "}\n";

static const double PAGE_WIDTH = 960;
static const double EDGE = 40;
static const double TITLE_Y = 52;
static const double SUBTITLE_Y = 76;
static const double SUBTITLE_STEP = 18;
static const double STAT_Y = 52; /* below the last subtitle */
static const double STAT_WIDTH = 176;
static const double STAT_LABEL_STEP = 19;
static const double PANEL_GAP = 36;

static double subtitles_end(const struct plot *p)
{
        double y = SUBTITLE_Y - SUBTITLE_STEP;
        for (size_t i = 0; i < PLOT_SUBTITLES_MAX; i++)
                y += p->subtitles[i][0] ? SUBTITLE_STEP : 0;
        return y;
}

static double head_end(const struct plot *p)
{
        return subtitles_end(p) + (p->stats_count ? STAT_Y + STAT_LABEL_STEP : 0);
}

static double page_height(const struct plot *p)
{
        double y = head_end(p);
        for (size_t i = 0; i < p->panels_count; i++)
                if (!plot_panel_is_empty(&p->panels[i]))
                        y += PANEL_GAP + plot_panel_height(&p->panels[i]);
        return y + EDGE;
}

static void draw_head(const struct plot *p, struct buffer *out)
{
        double y = SUBTITLE_Y;
        svg_text(out, "title", (struct svg_point){ EDGE, TITLE_Y }, p->title);
        for (size_t i = 0; i < PLOT_SUBTITLES_MAX; i++) {
                if (!p->subtitles[i][0])
                        continue;
                svg_text(out, "subtitle", (struct svg_point){ EDGE, y }, p->subtitles[i]);
                y += SUBTITLE_STEP;
        }
        y = subtitles_end(p) + STAT_Y;
        for (size_t i = 0; i < p->stats_count; i++) {
                double x = EDGE + (double)i * STAT_WIDTH;
                svg_text(out, "stat", (struct svg_point){ x, y }, p->stats[i].value);
                svg_text(out, "label", (struct svg_point){ x, y + STAT_LABEL_STEP }, p->stats[i].label);
        }
}

void plot_draw(const struct plot *p, struct buffer *out)
{
        char description[PLOT_SUBTITLES_MAX * PLOT_SUBTITLE_SIZE + PLOT_SUBTITLES_MAX];
        double y = head_end(p), height = page_height(p);
        snprintf(description, sizeof(description), "%s\n%s", p->subtitles[0], p->subtitles[1]);
        svg_begin(out, PAGE_WIDTH, height, p->title, description, STYLE);
        svg_rect(out, "page", (struct svg_point){ 0, 0 }, PAGE_WIDTH, height);
        draw_head(p, out);
        for (size_t i = 0; i < p->panels_count; i++) {
                const struct plot_panel *panel = &p->panels[i];
                if (plot_panel_is_empty(panel))
                        continue;
                y += PANEL_GAP;
                plot_panel_draw(panel, EDGE, y, PAGE_WIDTH - 2 * EDGE, out);
                y += plot_panel_height(panel);
        }
        svg_end(out);
}
