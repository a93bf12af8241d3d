/* SPDX-License-Identifier: MIT */
#include "bench/compare.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "bench/document.h"

enum { WORD_SIZE = 128 };

static const double FDATASYNC_FACTOR = 1.5;

/* Of both documents, in the order of the arguments. */
struct sides {
        const stet_value *documents[2];
        const char *names[2];
        struct comparison *c;
};

static void warn(struct comparison *c, const char *format, ...) STET_PRINTF(2, 3);

static void warn(struct comparison *c, const char *format, ...)
{
        va_list arguments;
        c->warnings = xrealloc(c->warnings, (c->warnings_count + 1) * sizeof(*c->warnings));
        struct comparison_warning *w = &c->warnings[c->warnings_count++];
        va_start(arguments, format);
        vsnprintf(w->text, sizeof(w->text), format, arguments);
        va_end(arguments);
}

void comparison_fini(struct comparison *c)
{
        free(c->rows);
        free(c->warnings);
        *c = (struct comparison){ 0 };
}

/* --- what makes it doubtful --- */

/* prefix: "" or the result's name and a colon. */
static void compare_word(struct sides *s, const char *prefix, const stet_value *a, const stet_value *b,
                         const char *key, const char *label)
{
        char words[2][WORD_SIZE];
        document_word(a, key, words[0], WORD_SIZE);
        document_word(b, key, words[1], WORD_SIZE);
        if (strcmp(words[0], words[1]) != 0)
                warn(s->c, "%sthe %s differs: %s and %s", prefix, label, words[0][0] ? words[0] : "none",
                     words[1][0] ? words[1] : "none");
}

static void compare_setting(struct sides *s, const char *prefix, const stet_value *a, const stet_value *b,
                            const char *key, const char *label)
{
        double numbers[2] = { document_number(a, key), document_number(b, key) };
        if (isfinite(numbers[0]) && isfinite(numbers[1]) && numbers[0] != numbers[1])
                warn(s->c, "%sthe number of %s differs: %.0f and %.0f", prefix, label, numbers[0],
                     numbers[1]);
}

/* Where a document says what machine it is of: a suite has a map for it. */
static stet_value machine_of(const stet_value *document)
{
        stet_value machine = stet_value_get(document, "machine");
        return stet_value_type(&machine) == STET_MAP ? machine : *document;
}

static void compare_machines(struct sides *s)
{
        stet_value machines[2] = { machine_of(s->documents[0]), machine_of(s->documents[1]) };
        double syncs[2];
        compare_word(s, "", &machines[0], &machines[1], "cpu_model", "processor");
        compare_word(s, "", &machines[0], &machines[1], "file_system", "file system");
        compare_setting(s, "", &machines[0], &machines[1], "cores", "cores");
        for (int i = 0; i < 2; i++)
                syncs[i] = document_number(s->documents[i], "fdatasync_p50_us");
        if (syncs[0] > syncs[1] * FDATASYNC_FACTOR || syncs[1] > syncs[0] * FDATASYNC_FACTOR)
                warn(s->c, "the disk syncs at another speed: fdatasync took %.0f and %.0f µs", syncs[0],
                     syncs[1]);
}

static void compare_settings(struct sides *s, const char *prefix, const stet_value *a, const stet_value *b)
{
        compare_word(s, prefix, a, b, "level", "level");
        compare_word(s, prefix, a, b, "transport", "transport");
        compare_word(s, prefix, a, b, "mode", "mode");
        compare_setting(s, prefix, a, b, "executors", "executors");
        compare_setting(s, prefix, a, b, "payload_bytes", "bytes of a value");
        compare_setting(s, prefix, a, b, "in_flight", "runs in flight");
}

/* --- figures --- */

static void add_row(struct comparison *c, const char *name, const struct figure *a, const struct figure *b)
{
        double medians[2] = { samples_median(&a->samples), samples_median(&b->samples) };
        c->rows = xrealloc(c->rows, (c->rows_count + 1) * sizeof(*c->rows));
        struct comparison_row *row = &c->rows[c->rows_count++];
        *row = (struct comparison_row){
                .kind = a->kind,
                .a = a->samples,
                .b = b->samples,
                .change = medians[0] != 0 ? (medians[1] - medians[0]) / fabs(medians[0]) : (double)NAN,
                .verdict = samples_compare(&a->samples, &b->samples),
                .better = (medians[1] > medians[0]) == (a->kind->better == FIGURE_HIGHER),
        };
        snprintf(row->name, sizeof(row->name), "%s", name);
        snprintf(row->row, sizeof(row->row), "%s", a->row);
}

static void compare_figures(struct comparison *c, const char *name, const stet_value *a, const stet_value *b)
{
        struct figures figures[2];
        figures_read(a, &figures[0]);
        figures_read(b, &figures[1]);
        for (size_t i = 0; i < figures[0].count; i++) {
                const struct figure *f = &figures[0].list[i];
                const struct figure *other = figures_find(&figures[1], f->row, f->kind->key);
                if (other && f->kind->better != FIGURE_NEITHER)
                        add_row(c, name, f, other);
        }
        figures_fini(&figures[0]);
        figures_fini(&figures[1]);
}

/* --- suites --- */

/* The result of that name; null when there is none. */
static stet_value find_result(const stet_value *suite, const char *name)
{
        stet_value results = stet_value_get(suite, "results"), result;
        for (size_t cursor = 0; stet_value_next(&results, &cursor, NULL, &result);) {
                stet_value found = stet_value_get(&result, "name");
                if (stet_value_equals_string(&found, name))
                        return result;
        }
        return (stet_value){ 0 };
}

/* raw and ceiling measure the machine, with no part of the engine in it. */
static bool is_of_machine(const stet_value *document)
{
        stet_value workload = stet_value_get(document, "workload");
        return stet_value_equals_string(&workload, "raw") || stet_value_equals_string(&workload, "ceiling");
}

static void warn_of_machine(struct sides *s, const char *name, const stet_value *a, const stet_value *b)
{
        static const char *const keys[] = { "runs_per_s", "p50_us" };
        struct figures figures[2];
        figures_read(a, &figures[0]);
        figures_read(b, &figures[1]);
        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
                const struct figure *one = figures_find(&figures[0], "", keys[i]);
                const struct figure *other = figures_find(&figures[1], "", keys[i]);
                if (one && other && samples_compare(&one->samples, &other->samples) != SAMPLES_NOISE)
                        warn(s->c, "%s: %s were %s and %s: the machine itself differs", name,
                             one->kind->label, figure_kind_text(one->kind, samples_median(&one->samples)),
                             figure_kind_text(one->kind, samples_median(&other->samples)));
        }
        figures_fini(&figures[0]);
        figures_fini(&figures[1]);
}

/* Says what the one suite has and the other has not, or has with an error only. */
static void warn_of_missing(struct sides *s, int have, int lack)
{
        stet_value results = stet_value_get(s->documents[have], "results"), result;
        for (size_t cursor = 0; stet_value_next(&results, &cursor, NULL, &result);) {
                char name[WORD_SIZE];
                document_word(&result, "name", name, sizeof(name));
                stet_value other = find_result(s->documents[lack], name);
                stet_value mine = stet_value_get(&result, "document");
                stet_value theirs = stet_value_get(&other, "document");
                if (stet_value_type(&mine) == STET_MAP && stet_value_type(&theirs) != STET_MAP)
                        warn(s->c, "%s is not in %s", name, s->names[lack]);
        }
}

static int compare_suites(struct sides *s, stet_why *why)
{
        stet_value results = stet_value_get(s->documents[0], "results"), result;
        stet_value quick[2] = { stet_value_get(s->documents[0], "quick"),
                                stet_value_get(s->documents[1], "quick") };
        s->c->suite = true;
        if (stet_value_bool(&quick[0], false) != stet_value_bool(&quick[1], false))
                warn(s->c, "%s is a quick suite, with a twentieth of the runs, and the other is not",
                     s->names[stet_value_bool(&quick[0], false) ? 0 : 1]);
        for (size_t cursor = 0; stet_value_next(&results, &cursor, NULL, &result);) {
                char name[WORD_SIZE / 2], prefix[WORD_SIZE];
                document_word(&result, "name", name, sizeof(name));
                if (!name[0])
                        return stet_why_set(why, STET_EINVAL, "%s has a result without a name", s->names[0]);
                stet_value other = find_result(s->documents[1], name);
                stet_value a = stet_value_get(&result, "document");
                stet_value b = stet_value_get(&other, "document");
                if (stet_value_type(&a) != STET_MAP || stet_value_type(&b) != STET_MAP)
                        continue;
                snprintf(prefix, sizeof(prefix), "%s: ", name);
                compare_settings(s, prefix, &a, &b);
                if (is_of_machine(&a))
                        warn_of_machine(s, name, &a, &b);
                else
                        compare_figures(s->c, name, &a, &b);
        }
        warn_of_missing(s, 0, 1);
        warn_of_missing(s, 1, 0);
        return 0;
}

/* --- one workload --- */

static int compare_workloads(struct sides *s, stet_why *why)
{
        char names[2][WORD_SIZE];
        for (int i = 0; i < 2; i++)
                document_word(s->documents[i], "workload", names[i], WORD_SIZE);
        if (strcmp(names[0], names[1]) != 0)
                return stet_why_set(why, STET_EINVAL, "%s measures %s and %s measures %s: nothing to compare",
                                    s->names[0], names[0], s->names[1], names[1]);
        compare_settings(s, "", s->documents[0], s->documents[1]);
        if (!isfinite(document_number(s->documents[0], "rate")))
                compare_setting(s, "", s->documents[0], s->documents[1], "runs", "runs");
        compare_figures(s->c, names[0], s->documents[0], s->documents[1]);
        return 0;
}

static int check_kind(const stet_value *document, const char *name, bool *ret_suite, stet_why *why)
{
        stet_value results = stet_value_get(document, "results");
        stet_value workload = stet_value_get(document, "workload");
        *ret_suite = stet_value_type(&results) == STET_LIST;
        if (*ret_suite || stet_value_type(&workload) == STET_STRING)
                return 0;
        return stet_why_set(why, STET_EINVAL,
                            "%s is no document of bench: it has neither results nor a workload", name);
}

int compare_values(const stet_value *a, const char *a_name, const stet_value *b, const char *b_name,
                   struct comparison *ret, stet_why *why)
{
        struct sides s = { { a, b }, { a_name, b_name }, ret };
        bool suites[2] = { false, false };
        *ret = (struct comparison){ 0 };
        int err = check_kind(a, a_name, &suites[0], why);
        if (!err)
                err = check_kind(b, b_name, &suites[1], why);
        if (!err && suites[0] != suites[1])
                err = stet_why_set(why, STET_EINVAL, "%s is of --all and %s is of one workload",
                                   suites[0] ? a_name : b_name, suites[0] ? b_name : a_name);
        if (err)
                return err;
        compare_machines(&s);
        err = suites[0] ? compare_suites(&s, why) : compare_workloads(&s, why);
        if (err)
                comparison_fini(ret);
        return err;
}

int compare_documents(const char *a_path, const char *b_path, bool json, FILE *out, stet_why *why)
{
        stet_value a = { 0 }, b = { 0 };
        struct comparison c = { 0 };
        int err = document_read(a_path, &a, why);
        if (!err)
                err = document_read(b_path, &b, why);
        if (!err)
                err = compare_values(&a, a_path, &b, b_path, &c, why);
        for (size_t i = 0; i < c.warnings_count && !json; i++)
                fprintf(stderr, "bench: %s\n", c.warnings[i].text);
        if (!err && json)
                err = comparison_print_json(&c, out, why);
        else if (!err)
                comparison_print(&c, out);
        comparison_fini(&c);
        stet_value_free(&a);
        stet_value_free(&b);
        return err;
}
