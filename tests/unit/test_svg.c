/* SPDX-License-Identifier: MIT
 *
 * Elements of an SVG document: whatever is put into them, the document stays one.
 */
#include "bench/svg.h"

#include <criterion/criterion.h>
#include <math.h>

static struct buffer out;

/* What was written so far; forgotten afterwards. */
static const char *written(void)
{
        buffer_append(&out, "", 1);
        buffer_clear(&out);
        return (const char *)out.data;
}

static void fini(void)
{
        buffer_fini(&out);
}

TestSuite(svg, .fini = fini);

Test(svg, text_is_escaped)
{
        svg_text(&out, "a\"b", (struct svg_point){ 1, 2 }, "p < q & r > \"s\"");
        cr_assert_str_eq(written(), "<text class=\"a&quot;b\" x=\"1\" y=\"2\">"
                                    "p &lt; q &amp; r &gt; &quot;s&quot;</text>\n");
}

Test(svg, characters_beyond_ascii_stay_as_they_are)
{
        svg_text(&out, "", (struct svg_point){ 0, 0 }, "µs · 10⁶ 🙂");
        cr_assert(strstr(written(), ">µs · 10⁶ 🙂<"));
}

Test(svg, what_xml_does_not_allow_becomes_question_marks)
{
        svg_text(&out, "", (struct svg_point){ 0, 0 },
                 "a\x01"
                 "b\xff"
                 "c\xc3(\xed\xa0\x80\xef\xbf\xbf\xe2\x82");
        /* In two strings, for the sake of trigraphs. */
        cr_assert(strstr(written(), ">a?b?c?(????????"
                                    "<"),
                  "%s", (const char *)out.data);
}

Test(svg, coordinates_are_rounded_to_hundredths)
{
        svg_line(&out, "l", (struct svg_point){ 1.5, -0.25 }, (struct svg_point){ 1.0 / 3, -0.001 });
        cr_assert_str_eq(written(), "<line class=\"l\" x1=\"1.50\" y1=\"-0.25\" x2=\"0.33\" y2=\"0\"/>\n");
}

Test(svg, what_is_no_number_is_0_and_what_is_far_away_is_near_enough)
{
        svg_circle(&out, "c", (struct svg_point){ NAN, INFINITY }, 1e300);
        cr_assert_str_eq(written(), "<circle class=\"c\" cx=\"0\" cy=\"0\" r=\"1000000\"/>\n");
}

Test(svg, rectangles_are_never_inside_out)
{
        svg_rect(&out, "r", (struct svg_point){ 1, 1 }, -5, NAN);
        cr_assert_str_eq(written(), "<rect class=\"r\" x=\"1\" y=\"1\" width=\"0\" height=\"0\"/>\n");
}

Test(svg, line_of_no_points_is_an_empty_one)
{
        svg_polyline(&out, "p", NULL, 0);
        cr_assert_str_eq(written(), "<polyline class=\"p\" points=\"\"/>\n");
        svg_polyline(&out, "p", (const struct svg_point[]){ { 1, 2 }, { 3, 4 } }, 2);
        cr_assert_str_eq(written(), "<polyline class=\"p\" points=\"1,2 3,4\"/>\n");
}

Test(svg, document_says_what_it_is)
{
        svg_begin(&out, 960, 540.5, "a < b", "c\nd", ".x{fill:red}");
        svg_group_begin(&out, "g");
        svg_group_end(&out);
        svg_end(&out);
        cr_assert_str_eq(written(),
                         "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" viewBox=\"0 0 960 540.50\""
                         " width=\"960\" height=\"540.50\">\n"
                         "<title>a &lt; b</title>\n<desc>c\nd</desc>\n<style>.x{fill:red}</style>\n"
                         "<g class=\"g\">\n</g>\n</svg>\n");
}
