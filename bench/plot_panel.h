/* SPDX-License-Identifier: MIT
 *
 * One panel of a plot, drawn: heading, axes with ticks, and what stands between them.
 */
#ifndef BENCH_PLOT_PANEL_H
#define BENCH_PLOT_PANEL_H

#include "bench/plot.h"

double plot_panel_height(const struct plot_panel *panel);

/* Into the rectangle whose upper left corner is at left, top. The panel has a point. */
void plot_panel_draw(const struct plot_panel *panel, double left, double top, double width,
                     struct buffer *out);

#endif
