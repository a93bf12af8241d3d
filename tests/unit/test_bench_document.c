/* SPDX-License-Identifier: MIT
 *
 * Documents of repeats: their medians, and the figures that are in them.
 */
#include "bench/document.h"
#include "bench/figures.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/temp_dir.h"

static stet_value json(const char *text)
{
        stet_value v = { 0 };
        stet_why why = { "" };
        cr_assert_eq(stet_value_from_json(&v, text, strlen(text), &why), 0, "%s", why.text);
        return v;
}

static void expect_median(const char *const *texts, size_t count, const char *wanted)
{
        stet_value documents[8], median = { 0 };
        char *text;
        for (size_t i = 0; i < count; i++)
                documents[i] = json(texts[i]);
        cr_assert_eq(document_median(documents, count, &median), 0);
        cr_assert_eq(stet_value_to_json(&median, 0, &text), 0);
        cr_assert_str_eq(text, wanted);
        free(text);
        stet_value_free(&median);
        for (size_t i = 0; i < count; i++)
                stet_value_free(&documents[i]);
}

#define MEDIAN(wanted, ...)                                                                                  \
        expect_median((const char *const[]){ __VA_ARGS__ },                                                  \
                      sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *), wanted)

Test(bench_document, every_number_is_the_median_of_its_own)
{
        MEDIAN("{\"a\":2,\"b\":20.5}", "{\"a\":1,\"b\":30.0}", "{\"a\":2,\"b\":10.0}",
               "{\"a\":3,\"b\":20.5}");
        MEDIAN("{\"a\":1.5}", "{\"a\":1}", "{\"a\":2}");
        MEDIAN("{\"a\":7}", "{\"a\":7}");
}

Test(bench_document, null_counts_only_where_all_are)
{
        MEDIAN("{\"a\":null,\"b\":4}", "{\"a\":null,\"b\":null}", "{\"a\":null,\"b\":4}");
}

Test(bench_document, words_stay_and_a_bool_is_true_where_all_are)
{
        MEDIAN("{\"level\":\"sync\",\"ok\":false,\"yes\":true}",
               "{\"level\":\"sync\",\"ok\":true,\"yes\":true}",
               "{\"level\":\"sync\",\"ok\":false,\"yes\":true}");
}

Test(bench_document, tables_are_merged_row_by_row_as_far_as_all_go)
{
        MEDIAN("{\"points\":[{\"kind\":\"x\",\"n\":2},{\"kind\":\"y\",\"n\":20}]}",
               "{\"points\":[{\"kind\":\"x\",\"n\":1},{\"kind\":\"y\",\"n\":10}]}",
               "{\"points\":[{\"kind\":\"x\",\"n\":2},{\"kind\":\"y\",\"n\":20},{\"kind\":\"z\",\"n\":5}]}",
               "{\"points\":[{\"kind\":\"x\",\"n\":3},{\"kind\":\"y\",\"n\":30}]}");
}

/* --- figures --- */

static void expect_figure(const struct figures *f, const char *row, const char *key, double median,
                          size_t count)
{
        const struct figure *figure = figures_find(f, row, key);
        cr_assert_not_null(figure, "%s %s", row, key);
        cr_assert_float_eq(samples_median(&figure->samples), median, 1e-9);
        cr_assert_eq(figure->samples.count, count);
}

Test(bench_document, figures_take_their_samples_from_the_repeats)
{
        struct figures f;
        stet_value d = json("{\"runs_per_s\": 5, \"workload\": \"x\", \"in_flight\": 9, \"repeats\": ["
                            "{\"runs_per_s\": 4, \"p50_us\": null}, {\"runs_per_s\": 6, \"p50_us\": null}]}");
        figures_read(&d, &f);
        cr_assert_eq(f.count, 1, "what is null or a setting is no figure");
        expect_figure(&f, "", "runs_per_s", 5, 2);
        figures_fini(&f);
        stet_value_free(&d);
}

Test(bench_document, rows_are_named_by_as_little_as_tells_them_apart)
{
        struct figures f;
        stet_value d = json("{\"points\": [{\"kind\": \"spread\", \"runs\": 10, \"signals_per_s\": 1},"
                            "{\"kind\": \"one run\", \"runs\": 1, \"signals_per_s\": 2}]}");
        figures_read(&d, &f);
        expect_figure(&f, "spread", "signals_per_s", 1, 1);
        expect_figure(&f, "one run", "signals_per_s", 2, 1);
        figures_fini(&f);
        stet_value_free(&d);
        d = json("{\"points\": [{\"runs\": 10, \"kind\": \"parked\", \"ready_ms\": 1},"
                 "{\"runs\": 200, \"kind\": \"parked\", \"ready_ms\": 2}]}");
        figures_read(&d, &f);
        expect_figure(&f, "parked, runs 10", "ready_ms", 1, 1);
        expect_figure(&f, "parked, runs 200", "ready_ms", 2, 1);
        figures_fini(&f);
        stet_value_free(&d);
}

Test(bench_document, rows_that_are_alike_are_left_out)
{
        struct figures f;
        stet_value d = json("{\"points\": [{\"checkpoint\": \"on\", \"runs_per_s\": 1},"
                            "{\"checkpoint\": \"on\", \"runs_per_s\": 2}]}");
        figures_read(&d, &f);
        cr_assert_eq(f.count, 0);
        figures_fini(&f);
        stet_value_free(&d);
}

/* --- files --- */

static void expect_refusal(const char *path, const char *words)
{
        stet_value v = { 0 };
        stet_why why = { "" };
        cr_assert_eq(document_read(path, &v, &why), STET_EINVAL);
        cr_assert_eq(strncmp(why.text, path, strlen(path)), 0, "%s", why.text);
        cr_assert_not_null(strstr(why.text, words), "%s", why.text);
        stet_value_free(&v);
}

static void write_text(const char *path, const char *text)
{
        FILE *file = fopen(path, "we");
        cr_assert_not_null(file);
        fputs(text, file);
        fclose(file);
}

Test(bench_document, a_file_that_is_no_document_is_refused_by_its_name)
{
        char *dir = temp_dir_new(), path[256];
        snprintf(path, sizeof(path), "%s/x.json", dir);
        expect_refusal(path, "No such file");
        write_text(path, "");
        expect_refusal(path, "no JSON document");
        write_text(path, "{\"a\": 1");
        expect_refusal(path, "no JSON document");
        write_text(path, "[1, 2]");
        expect_refusal(path, "no JSON map");
        temp_dir_free(dir);
}

Test(bench_document, a_file_is_read_whole)
{
        char *dir = temp_dir_new(), path[256];
        stet_value v = { 0 };
        stet_why why = { "" };
        snprintf(path, sizeof(path), "%s/x.json", dir);
        write_text(path, "{\"workload\": \"chain3\", \"p50_us\": 1.5}\n");
        cr_assert_eq(document_read(path, &v, &why), 0, "%s", why.text);
        cr_assert_eq(document_number(&v, "p50_us"), 1.5);
        cr_assert(isnan(document_number(&v, "p99_us")));
        stet_value_free(&v);
        temp_dir_free(dir);
}
