/* SPDX-License-Identifier: MIT */
#include "bench/plot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void plot_fini(struct plot *p)
{
        for (size_t i = 0; i < p->panels_count; i++)
                for (size_t k = 0; k < p->panels[i].series_count; k++)
                        free(p->panels[i].series[k].points);
        *p = (struct plot){ .panels_count = 0 };
}

struct plot_panel *plot_panel_add(struct plot *p, const struct plot_panel *head)
{
        if (p->panels_count == PLOT_PANELS_MAX)
                return NULL;
        struct plot_panel *panel = &p->panels[p->panels_count++];
        *panel = *head;
        return panel;
}

struct plot_series *plot_series_add(struct plot_panel *panel, const char *name, enum plot_mark mark)
{
        if (panel->series_count == PLOT_SERIES_MAX)
                return NULL;
        struct plot_series *s = &panel->series[panel->series_count++];
        *s = (struct plot_series){ .mark = mark };
        snprintf(s->name, sizeof(s->name), "%s", name);
        return s;
}

struct plot_series *plot_series_find(struct plot_panel *panel, const char *name)
{
        for (size_t i = 0; i < panel->series_count; i++)
                if (strcmp(panel->series[i].name, name) == 0)
                        return &panel->series[i];
        return NULL;
}

void plot_point_add(struct plot_series *s, double x, double y)
{
        if (!s || !isfinite(x) || !isfinite(y))
                return;
        s->points = xrealloc(s->points, (s->count + 1) * sizeof(*s->points));
        s->points[s->count++] = (struct plot_point){ x, y };
}

bool plot_panel_is_empty(const struct plot_panel *panel)
{
        for (size_t i = 0; i < panel->series_count; i++)
                if (panel->series[i].count)
                        return false;
        return true;
}

void plot_stat_add(struct plot *p, const char *value, const char *label)
{
        if (p->stats_count == PLOT_STATS_MAX)
                return;
        struct plot_stat *stat = &p->stats[p->stats_count++];
        snprintf(stat->value, sizeof(stat->value), "%s", value);
        stat->label = label;
}
