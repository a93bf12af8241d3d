/* SPDX-License-Identifier: MIT */
#include "bench/plot_report.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/number_text.h"
#include "bench/plot_file.h"
#include "bench/plot_specs.h"

enum { CURVE_STEPS_A_DECADE = 40 };

/* --- the head --- */

/* Appends to a subtitle, with a dot between it and what is there. */
static void say(char *subtitle, const char *format, ...) STET_PRINTF(2, 3);

static void say(char *subtitle, const char *format, ...)
{
        size_t length = strlen(subtitle);
        va_list arguments;
        if (length)
                length += (size_t)snprintf(subtitle + length, PLOT_SUBTITLE_SIZE - length, " · ");
        if (length >= PLOT_SUBTITLE_SIZE)
                return;
        va_start(arguments, format);
        vsnprintf(subtitle + length, PLOT_SUBTITLE_SIZE - length, format, arguments);
        va_end(arguments);
}

static void say_load(const struct report *r, char *subtitle)
{
        if (r->mode)
                say(subtitle, "%s", r->mode);
        if (isfinite(r->runs))
                say(subtitle, "%s runs", number_text(r->runs, 0));
        if (isfinite(r->in_flight) && r->in_flight > 1)
                say(subtitle, "%s in flight", number_text(r->in_flight, 0));
        if (isfinite(r->rate))
                say(subtitle, "%s a second", number_text(r->rate, 0));
        if (isfinite(r->payload_bytes))
                say(subtitle, "%s of %s bytes", strcmp(r->workload, "raw") == 0 ? "records" : "values",
                    number_text(r->payload_bytes, 0));
}

static void say_machine(const struct report *r, int64_t now_ms, char *subtitle)
{
        char date[32] = "";
        time_t seconds = (time_t)(now_ms / 1000);
        struct tm parts;
        say(subtitle, "level %s", r->level);
        if (r->transport)
                say(subtitle, "%s", r->transport);
        if (isfinite(r->executors))
                say(subtitle, "%.0f executor%s", r->executors, r->executors > 1 ? "s" : "");
        say(subtitle, "%.0f core%s", r->cores, r->cores > 1 ? "s" : "");
        say(subtitle, "%s (fdatasync %s µs, LMDB commit %s µs)", r->file_system,
            number_text_micros(r->fdatasync_p50_us), number_text_micros(r->commit_p50_us));
        if (gmtime_r(&seconds, &parts) && strftime(date, sizeof(date), "%Y-%m-%d", &parts))
                say(subtitle, "%s", date);
}

static void add_stats(const struct report *r, struct plot *p)
{
        char label[PLOT_LABEL_SIZE];
        for (size_t i = 0; i < plot_stat_specs_count; i++) {
                const struct plot_stat_spec *spec = &plot_stat_specs[i];
                double value = report_number(r, spec->key);
                if (!isfinite(value) || (spec->workload && strcmp(spec->workload, r->workload) != 0))
                        continue;
                if (spec->percent)
                        snprintf(label, sizeof(label), "%.0f %%", value * 100);
                else if (spec->unit == PLOT_COUNT)
                        snprintf(label, sizeof(label), "%s", number_text(value, 0));
                else
                        plot_axis_label(spec->unit, value, label);
                plot_stat_add(p, label, spec->label);
        }
}

/* --- curves and pace --- */

static void add_curve(struct plot_panel *panel, const struct report_curve *curve)
{
        struct plot_series *s = plot_series_add(panel, curve->name, PLOT_CURVE);
        double end = log10((double)curve->histogram->count);
        for (int step = 0; step < (int)(end * CURVE_STEPS_A_DECADE); step++) {
                double one_in = pow(10, (double)step / CURVE_STEPS_A_DECADE);
                plot_point_add(s, one_in, histogram_us(curve->histogram, 1 - 1 / one_in));
        }
        /* The longest of all: nothing is known beyond. */
        plot_point_add(s, (double)curve->histogram->count, histogram_us(curve->histogram, 1));
}

static const char *curves_title(const struct report *r)
{
        return strcmp(r->workload, "raw") == 0      ? "How long a commit of one record takes"
               : strcmp(r->workload, "timers") == 0 ? "How late runs wake"
                                                    : "Latency of a run, from its start to its ending";
}

static void add_curves(const struct report *r, struct plot *p)
{
        struct plot_panel head = {
                .title = curves_title(r),
                .x = { .unit = PLOT_ONE_IN, .title = "share of all that took no longer" },
                .y = { .unit = PLOT_MICROS, .scale = PLOT_LOGARITHMIC },
        };
        struct plot_panel *panel = r->curves.count ? plot_panel_add(p, &head) : NULL;
        for (size_t i = 0; panel && i < r->curves.count; i++)
                add_curve(panel, &r->curves.items[i]);
}

static void add_pace(const struct report *r, struct plot *p)
{
        struct plot_panel head = {
                .title = "Runs that ended, a second",
                .x = { .unit = PLOT_SECONDS, .scale = PLOT_LINEAR },
                .y = { .scale = PLOT_LINEAR },
        };
        size_t count = pace_slices(&r->pace);
        struct plot_panel *panel = count > 1 ? plot_panel_add(p, &head) : NULL;
        if (!panel)
                return;
        struct plot_series *s = plot_series_add(panel, "engine", PLOT_CURVE);
        for (size_t i = 0; i < count; i++)
                plot_point_add(s, pace_seconds(&r->pace, i), pace_per_s(&r->pace, i));
        s = plot_series_add(panel, "on average", PLOT_BOUND);
        plot_point_add(s, 0, r->runs_per_s);
        plot_point_add(s, pace_seconds(&r->pace, count - 1), r->runs_per_s);
}

/* --- tables and figures --- */

static bool has_column(const struct report_table *t, const char *key)
{
        return !key || report_table_column(t, key) < t->columns_count;
}

static bool matches(const struct report *r, const struct report_table *t, const struct plot_spec *spec)
{
        if (spec->workload && strcmp(spec->workload, r->workload) != 0)
                return false;
        bool has_keys = has_column(t, spec->x_key) && has_column(t, spec->split) &&
                        has_column(t, spec->without) && has_column(t, spec->bound.key);
        for (size_t i = 0; i < PLOT_KEYS_MAX && spec->values[i].key; i++)
                has_keys = has_keys && has_column(t, spec->values[i].key);
        return strcmp(t->key, spec->table) == 0 && has_keys;
}

static double number_at(const struct report_table *t, size_t row, const char *key)
{
        return report_table_number(t, row, report_table_column(t, key));
}

static const char *word_at(const struct report_table *t, size_t row, const char *key)
{
        const char *word = key ? report_table_word(t, row, report_table_column(t, key)) : NULL;
        return word ? word : "";
}

static struct plot_series *series_of(struct plot_panel *panel, const char *name, enum plot_mark mark)
{
        struct plot_series *s = plot_series_find(panel, name);
        return s ? s : plot_series_add(panel, name, mark);
}

static void add_line_point(const struct plot_spec *spec, const struct report_table *t, size_t row,
                           const struct plot_key *value, enum plot_mark mark, struct plot_panel *panel)
{
        const char *name = value->name ? value->name : word_at(t, row, spec->split);
        struct plot_series *s = series_of(panel, name, mark);
        double x = spec->x_key ? number_at(t, row, spec->x_key) : s ? (double)s->count + 1 : NAN;
        plot_point_add(s, x, number_at(t, row, value->key));
}

/* A row of which nothing is known is left out. */
static void add_row_points(const struct plot_spec *spec, const struct report_table *t, size_t row,
                           struct plot_panel *panel)
{
        double place = (double)panel->categories_count;
        bool known = false;
        for (size_t i = 0; i < PLOT_KEYS_MAX && spec->values[i].key; i++) {
                double value = number_at(t, row, spec->values[i].key);
                known = known || isfinite(value);
                plot_point_add(series_of(panel, spec->values[i].name, PLOT_POINTS), value, place);
        }
        if (known)
                panel->categories[panel->categories_count++] = word_at(t, row, spec->split);
}

static void add_rows(const struct plot_spec *spec, const struct report_table *t, struct plot_panel *panel)
{
        for (size_t row = 0; row < t->rows_count; row++) {
                if (spec->without && isfinite(number_at(t, row, spec->without)))
                        continue;
                if (spec->kind != PLOT_LINES) {
                        if (panel->categories_count < PLOT_CATEGORIES_MAX)
                                add_row_points(spec, t, row, panel);
                        continue;
                }
                for (size_t i = 0; i < PLOT_KEYS_MAX && spec->values[i].key; i++)
                        add_line_point(spec, t, row, &spec->values[i], PLOT_POINTS, panel);
                if (spec->bound.key)
                        add_line_point(spec, t, row, &spec->bound, PLOT_BOUND, panel);
        }
}

static void add_tables(const struct report *r, struct plot *p)
{
        for (size_t i = 0; i < plot_specs_count; i++)
                for (size_t k = 0; k < r->tables_count; k++) {
                        const struct plot_spec *spec = &plot_specs[i];
                        struct plot_panel head = {
                                .title = spec->title, .kind = spec->kind, .x = spec->x, .y = spec->y
                        };
                        if (!matches(r, &r->tables[k], spec))
                                continue;
                        struct plot_panel *panel = plot_panel_add(p, &head);
                        if (panel)
                                add_rows(spec, &r->tables[k], panel);
                }
}

static void add_figures(const struct report *r, const struct plot_figures_spec *spec, struct plot *p)
{
        struct plot_panel head = { .title = spec->title, .kind = PLOT_BARS, .x = spec->x };
        if (!isfinite(report_number(r, spec->values[0].key)))
                return;
        struct plot_panel *panel = plot_panel_add(p, &head);
        if (!panel)
                return;
        struct plot_series *s = plot_series_add(panel, "", PLOT_POINTS);
        for (size_t i = 0; i < PLOT_KEYS_MAX && spec->values[i].key; i++) {
                double value = report_number(r, spec->values[i].key);
                panel->categories[panel->categories_count] = spec->values[i].name;
                plot_point_add(s, value, (double)panel->categories_count++);
        }
}

/* --- all together --- */

void plot_report(const struct report *r, int64_t now_ms, struct plot *ret)
{
        *ret = (struct plot){ .panels_count = 0 };
        snprintf(ret->title, sizeof(ret->title), "stet bench %s", r->workload);
        say_load(r, ret->subtitles[0]);
        say_machine(r, now_ms, ret->subtitles[1]);
        add_stats(r, ret);
        add_tables(r, ret);
        add_curves(r, ret);
        add_pace(r, ret);
        for (size_t i = 0; i < plot_figures_specs_count; i++)
                add_figures(r, &plot_figures_specs[i], ret);
}

int plot_report_write(const struct report *r, int64_t now_ms, const char *path, stet_why *why)
{
        struct plot *plot = xcalloc(1, sizeof(*plot));
        struct buffer out = { 0 };
        plot_report(r, now_ms, plot);
        plot_draw(plot, &out);
        int err = plot_file_write(path, buffer_bytes(&out), why);
        plot_fini(plot);
        free(plot);
        buffer_fini(&out);
        return err;
}
