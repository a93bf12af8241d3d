/* SPDX-License-Identifier: MIT
 *
 * Two documents compared: which way is better, what is doubtful, what can't be compared.
 */
#include "bench/compare.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static stet_value json(const char *text)
{
        stet_value v = { 0 };
        stet_why why = { "" };
        cr_assert_eq(stet_value_from_json(&v, text, strlen(text), &why), 0, "%s", why.text);
        return v;
}

static struct comparison compare(const char *a_text, const char *b_text)
{
        stet_value a = json(a_text), b = json(b_text);
        struct comparison c;
        stet_why why = { "" };
        cr_assert_eq(compare_values(&a, "a.json", &b, "b.json", &c, &why), 0, "%s", why.text);
        stet_value_free(&a);
        stet_value_free(&b);
        return c;
}

static void expect_refusal(const char *a_text, const char *b_text, const char *words)
{
        stet_value a = json(a_text), b = json(b_text);
        struct comparison c;
        stet_why why = { "" };
        cr_assert_eq(compare_values(&a, "a.json", &b, "b.json", &c, &why), STET_EINVAL);
        cr_assert_not_null(strstr(why.text, words), "%s", why.text);
        cr_assert_eq(c.rows_count + c.warnings_count, 0);
        stet_value_free(&a);
        stet_value_free(&b);
}

static const struct comparison_row *row_of(const struct comparison *c, const char *name, const char *key)
{
        for (size_t i = 0; i < c->rows_count; i++)
                if (strcmp(c->rows[i].name, name) == 0 && strcmp(c->rows[i].kind->key, key) == 0)
                        return &c->rows[i];
        cr_assert_fail("there is no row %s %s", name, key);
        return NULL;
}

static void expect_warning(const struct comparison *c, const char *words)
{
        for (size_t i = 0; i < c->warnings_count; i++)
                if (strstr(c->warnings[i].text, words))
                        return;
        cr_assert_fail("no warning says \"%s\"", words);
}

Test(bench_compare, more_runs_are_better_and_more_time_is_worse)
{
        struct comparison c =
            compare("{\"workload\": \"chain3\", \"repeats\": [{\"runs_per_s\": 100, \"p50_us\": 10},"
                    "{\"runs_per_s\": 101, \"p50_us\": 11}, {\"runs_per_s\": 102, \"p50_us\": 12}]}",
                    "{\"workload\": \"chain3\", \"repeats\": [{\"runs_per_s\": 200, \"p50_us\": 20},"
                    "{\"runs_per_s\": 202, \"p50_us\": 22}, {\"runs_per_s\": 204, \"p50_us\": 24}]}");
        const struct comparison_row *rate = row_of(&c, "chain3", "runs_per_s");
        const struct comparison_row *p50 = row_of(&c, "chain3", "p50_us");
        cr_assert_eq(c.rows_count, 2);
        cr_assert_eq(c.warnings_count, 0);
        cr_assert_eq(rate->verdict, SAMPLES_CHANGED);
        cr_assert(rate->better);
        cr_assert_float_eq(rate->change, 1, 1e-9);
        cr_assert_eq(p50->verdict, SAMPLES_CHANGED);
        cr_assert(!p50->better);
        comparison_fini(&c);
}

Test(bench_compare, what_belongs_to_the_machine_is_no_figure_but_a_warning)
{
        struct comparison c =
            compare("{\"workload\": \"raw\", \"level\": \"sync\", \"file_system\": \"ext4\", \"cores\": 2,"
                    "\"fdatasync_p50_us\": 100, \"commit_p50_us\": 200}",
                    "{\"workload\": \"raw\", \"level\": \"memory\", \"file_system\": \"xfs\", \"cores\": 4,"
                    "\"fdatasync_p50_us\": 151, \"commit_p50_us\": 900}");
        cr_assert_eq(c.rows_count, 0);
        cr_assert_eq(c.warnings_count, 4);
        expect_warning(&c, "level differs: sync and memory");
        expect_warning(&c, "file system differs: ext4 and xfs");
        expect_warning(&c, "cores differs: 2 and 4");
        expect_warning(&c, "fdatasync took 100 and 151");
        comparison_fini(&c);
}

Test(bench_compare, suites_are_matched_by_name_and_what_is_missing_is_told)
{
        struct comparison c =
            compare("{\"quick\": false, \"machine\": {\"cpu_model\": \"x\"}, \"results\": ["
                    "{\"name\": \"a\", \"document\": {\"level\": \"sync\", \"runs_per_s\": 100}},"
                    "{\"name\": \"b\", \"document\": {\"level\": \"sync\", \"runs_per_s\": 1}}]}",
                    "{\"quick\": true, \"machine\": {\"cpu_model\": \"y\"}, \"results\": ["
                    "{\"name\": \"c\", \"document\": {\"level\": \"sync\", \"runs_per_s\": 1}},"
                    "{\"name\": \"b\", \"error\": \"it could not\"},"
                    "{\"name\": \"a\", \"document\": {\"level\": \"relaxed\", \"runs_per_s\": 50}}]}");
        cr_assert_eq(c.rows_count, 1);
        cr_assert_eq(row_of(&c, "a", "runs_per_s")->verdict, SAMPLES_UNSURE);
        expect_warning(&c, "b is not in b.json");
        expect_warning(&c, "c is not in a.json");
        expect_warning(&c, "a: the level differs");
        expect_warning(&c, "processor differs: x and y");
        expect_warning(&c, "b.json is a quick suite");
        cr_assert_eq(c.warnings_count, 5);
        comparison_fini(&c);
}

Test(bench_compare, what_a_suite_measures_of_the_machine_is_no_change_of_the_engine)
{
        struct comparison c = compare("{\"results\": [{\"name\": \"ceiling\", \"document\": "
                                      "{\"workload\": \"ceiling\", \"runs_per_s\": 100, \"p50_us\": 5}}]}",
                                      "{\"results\": [{\"name\": \"ceiling\", \"document\": "
                                      "{\"workload\": \"ceiling\", \"runs_per_s\": 50, \"p50_us\": 5}}]}");
        cr_assert_eq(c.rows_count, 0);
        cr_assert_eq(c.warnings_count, 1);
        expect_warning(&c, "ceiling: runs/s were 100 and 50:");
        comparison_fini(&c);
}

Test(bench_compare, rows_of_tables_are_matched_by_what_they_are)
{
        struct comparison c = compare("{\"workload\": \"signals\", \"points\": ["
                                      "{\"kind\": \"spread\", \"signals_per_s\": 10},"
                                      "{\"kind\": \"one run\", \"signals_per_s\": 20}]}",
                                      "{\"workload\": \"signals\", \"points\": ["
                                      "{\"kind\": \"one run\", \"signals_per_s\": 21},"
                                      "{\"kind\": \"spread\", \"signals_per_s\": 20}]}");
        cr_assert_eq(c.rows_count, 2);
        cr_assert_str_eq(c.rows[0].row, "spread");
        cr_assert_eq(c.rows[0].verdict, SAMPLES_UNSURE);
        cr_assert_eq(c.rows[1].verdict, SAMPLES_NOISE);
        comparison_fini(&c);
}

Test(bench_compare, a_change_from_nothing_has_no_share)
{
        struct comparison c =
            compare("{\"workload\": \"timers\", \"lost\": 0}", "{\"workload\": \"timers\", \"lost\": 3}");
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);
        comparison_print(&c, out);
        fclose(out);
        cr_assert_eq(c.rows[0].verdict, SAMPLES_UNSURE);
        cr_assert(!c.rows[0].better);
        cr_assert_not_null(strstr(text, "-  worse, unsure\n"), "%s", text);
        cr_assert_not_null(strstr(text, "0 better, 0 worse, 0 within noise, 1 unsure"), "%s", text);
        free(text);
        comparison_fini(&c);
}

Test(bench_compare, what_is_not_alike_is_refused)
{
        expect_refusal("{\"workload\": \"raw\"}", "{\"workload\": \"fan\"}",
                       "a.json measures raw and b.json measures fan");
        expect_refusal("{\"workload\": \"raw\"}", "{\"results\": []}",
                       "b.json is of --all and a.json is of one workload");
        expect_refusal("{\"workload\": \"raw\"}", "{\"a\": 1}", "b.json is no document of bench");
        expect_refusal("{\"results\": [{\"document\": {}}]}", "{\"results\": []}", "a result without a name");
}
