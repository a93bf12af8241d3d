/* SPDX-License-Identifier: MIT
 *
 * A plot: what is in it is drawn, what is not a number is not.
 */
#include "bench/plot.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

static struct plot plot;
static struct buffer out;

static void fini(void)
{
        plot_fini(&plot);
        buffer_fini(&out);
}

TestSuite(plot, .fini = fini);

static struct plot_panel *new_panel(enum plot_kind kind)
{
        return plot_panel_add(&plot, &(struct plot_panel){ .title = "a panel", .kind = kind });
}

static const char *drawn(void)
{
        buffer_clear(&out);
        plot_draw(&plot, &out);
        buffer_append(&out, "", 1);
        cr_assert(!strstr((const char *)out.data, "nan") && !strstr((const char *)out.data, "inf"));
        return (const char *)out.data;
}

static size_t count_of(const char *text, const char *word)
{
        size_t count = 0;
        for (; (text = strstr(text, word)); text++)
                count++;
        return count;
}

Test(plot, has_its_title_its_subtitles_and_its_figures)
{
        snprintf(plot.title, sizeof(plot.title), "bench <empty>");
        snprintf(plot.subtitles[0], sizeof(plot.subtitles[0]), "100 µs & more");
        plot_stat_add(&plot, "70,400", "runs/s");
        const char *svg = drawn();
        cr_assert(strstr(svg, "<title>bench &lt;empty&gt;</title>"));
        cr_assert(strstr(svg, ">100 µs &amp; more</text>"));
        cr_assert(strstr(svg, ">70,400</text>") && strstr(svg, ">runs/s</text>"));
        cr_assert(strstr(svg, "prefers-color-scheme:dark"), "it can be read in the dark, too");
        cr_assert(!strstr(svg, "<script") && !strstr(svg, "href"), "it stands alone");
}

Test(plot, line_goes_through_its_points_and_has_its_name_at_the_end)
{
        struct plot_series *s = plot_series_add(new_panel(PLOT_LINES), "lmdb", PLOT_POINTS);
        plot_point_add(s, 1, 10);
        plot_point_add(s, 2, 20);
        const char *svg = drawn();
        cr_assert_eq(count_of(svg, "<polyline "), 1);
        cr_assert_eq(count_of(svg, "<circle "), 2);
        cr_assert(strstr(svg, ">lmdb</text>"));
}

Test(plot, panel_without_a_point_is_left_out)
{
        struct plot_panel *panel = new_panel(PLOT_LINES);
        cr_assert(plot_panel_is_empty(panel));
        struct plot_series *s = plot_series_add(panel, "nothing", PLOT_CURVE);
        plot_point_add(s, NAN, 1);
        plot_point_add(s, 1, NAN);
        plot_point_add(s, 1, -INFINITY);
        plot_point_add(NULL, 1, 1);
        cr_assert(plot_panel_is_empty(panel));
        cr_assert(!strstr(drawn(), "a panel"));
}

Test(plot, empty_series_beside_another_has_no_name)
{
        struct plot_panel *panel = new_panel(PLOT_LINES);
        plot_series_add(panel, "nothing", PLOT_CURVE);
        plot_point_add(plot_series_add(panel, "something", PLOT_CURVE), 1, 1);
        const char *svg = drawn();
        cr_assert(!strstr(svg, ">nothing<") && strstr(svg, ">something<"));
}

Test(plot, single_point_is_a_dot)
{
        plot_point_add(plot_series_add(new_panel(PLOT_LINES), "", PLOT_CURVE), 3, 0);
        const char *svg = drawn();
        cr_assert_eq(count_of(svg, "<polyline "), 0);
        cr_assert_eq(count_of(svg, "<circle "), 1);
}

Test(plot, bars_are_as_long_as_their_values_and_say_them)
{
        struct plot_panel *panel = new_panel(PLOT_BARS);
        panel->categories[panel->categories_count++] = "spread";
        panel->categories[panel->categories_count++] = "one run";
        struct plot_series *s = plot_series_add(panel, "signals/s", PLOT_CURVE);
        plot_point_add(s, 57400, 0);
        plot_point_add(s, 0, 1);
        const char *svg = drawn();
        cr_assert_eq(count_of(svg, "<rect class=\"bar"), 2);
        cr_assert(strstr(svg, ">57.4k</text>") && strstr(svg, ">spread</text>"));
        cr_assert(strstr(svg, "width=\"0\""));
}

Test(plot, dots_of_a_row_are_joined)
{
        struct plot_panel *panel = new_panel(PLOT_DOTS);
        panel->categories[panel->categories_count++] = "spread";
        plot_point_add(plot_series_add(panel, "p50", PLOT_CURVE), 100, 0);
        plot_point_add(plot_series_add(panel, "p99", PLOT_CURVE), 900, 0);
        const char *svg = drawn();
        cr_assert_eq(count_of(svg, "<circle "), 2);
        cr_assert_eq(count_of(svg, "<line class=\"join\""), 1);
        cr_assert(strstr(svg, ">p50</text>") && strstr(svg, ">p99</text>"));
}

Test(plot, bound_takes_no_colour_from_the_others)
{
        struct plot_panel *panel = new_panel(PLOT_LINES);
        static const char *const names[] = { "bound", "parked", "active" };
        for (size_t i = 0; i < 3; i++) {
                struct plot_series *s = plot_series_add(panel, names[i], i ? PLOT_CURVE : PLOT_BOUND);
                plot_point_add(s, 0, (double)i);
                plot_point_add(s, 1, (double)i);
        }
        const char *svg = drawn();
        cr_assert(strstr(svg, "<polyline class=\"line bound\""));
        cr_assert(strstr(svg, "<polyline class=\"line c0\"") && strstr(svg, "<polyline class=\"line c1\""));
}

Test(plot, what_is_too_much_is_not_taken)
{
        for (size_t i = 0; i < PLOT_PANELS_MAX; i++)
                cr_assert(new_panel(PLOT_LINES));
        cr_assert(!new_panel(PLOT_LINES));
        for (size_t i = 0; i < PLOT_SERIES_MAX; i++)
                cr_assert(plot_series_add(&plot.panels[0], "s", PLOT_CURVE));
        cr_assert(!plot_series_add(&plot.panels[0], "s", PLOT_CURVE));
        for (size_t i = 0; i <= PLOT_STATS_MAX; i++)
                plot_stat_add(&plot, "1", "x");
        cr_assert_eq(plot.stats_count, PLOT_STATS_MAX);
}
