/* SPDX-License-Identifier: MIT */
#include "bench/suite.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bench/document.h"
#include "bench/figures.h"
#include "bench/host.h"
#include "bench/machine.h"
#include "bench/suite_derived.h"
#include "bench/suite_page.h"
#include "bench/suite_steps.h"
#include "stet/version.h"

enum { COMMAND_SIZE = 160, ARGUMENTS_MAX = 24, PATH_SIZE = 4096 };

/* What a quick step takes of a whole one's estimate, until one was measured. */
static const double QUICK_PACE = 0.25;

struct suite {
        const struct bench_options *options;
        const char *dir;
        suite_parse_fn *parse;
        bench_measure_fn *measure;
        int64_t start_ns;
        double done_s; /* of the estimates: of the steps that were measured, … */
        double all_s;  /* … and of all */
        size_t failed;
        stet_value results;
};

static double estimate_s(const struct suite *s, const struct suite_step *step)
{
        return step->seconds * suite_step_repeats(step, s->options->quick);
}

/* --- a step --- */

static int parse_command(const struct suite *s, char *command, struct bench_options *ret, stet_why *why)
{
        char bench[] = "bench", *arguments[ARGUMENTS_MAX] = { bench }, *rest;
        int count = 1;
        for (char *word = strtok_r(command, " ", &rest); word && count < ARGUMENTS_MAX - 1;
             word = strtok_r(NULL, " ", &rest))
                arguments[count++] = word;
        return s->parse(count, arguments, ret, why);
}

static double reached(const struct suite *s, const char *name)
{
        stet_value result;
        for (size_t cursor = 0; name && stet_value_next(&s->results, &cursor, NULL, &result);) {
                stet_value found = stet_value_get(&result, "name");
                stet_value document = stet_value_get(&result, "document");
                if (stet_value_equals_string(&found, name))
                        return document_number(&document, "runs_per_s");
        }
        return NAN;
}

/* "7 of 24, 2:10 of about 6:50, chain3-tcp  " */
static void describe_place(const struct suite *s, size_t number, char *ret, size_t size)
{
        double elapsed_s = (double)(machine_now_ns() - s->start_ns) / 1e9;
        double pace = s->done_s > 0 ? elapsed_s / s->done_s : s->options->quick ? QUICK_PACE : 1;
        int elapsed = (int)elapsed_s, all = (int)(elapsed_s + (s->all_s - s->done_s) * pace);
        snprintf(ret, size, "%zu of %zu, %d:%02d of about %d:%02d, %s  ", number + 1, suite_steps_count,
                 elapsed / 60, elapsed % 60, all / 60, all % 60, suite_steps[number].name);
}

static void tell_result(const char *name, const stet_value *document)
{
        struct figures figures;
        figures_read(document, &figures);
        const struct figure *f = figures_find(&figures, "", "runs_per_s");
        if (f)
                printf("%-24s %s %s (%s … %s)\n", name,
                       figure_kind_text(f->kind, samples_median(&f->samples)), f->kind->label,
                       figure_kind_text(f->kind, samples_min(&f->samples)),
                       figure_kind_text(f->kind, samples_max(&f->samples)));
        else
                printf("%-24s measured\n", name);
        fflush(stdout);
        figures_fini(&figures);
}

static int add_result(struct suite *s, const struct suite_step *step, const char *command, double seconds,
                      const stet_value *document, const char *error)
{
        stet_value result = { 0 };
        int64_t repeats = suite_step_repeats(step, s->options->quick);
        int err = stet_value_pack(&result, "{s:s, s:s, s:I, s:f}", "name", step->name, "options", command,
                                  "repeats", repeats, "seconds", seconds);
        if (!err && error)
                err = document_set_word(&result, "error", error);
        else if (!err)
                err = stet_value_set(&result, "document", document);
        if (!err)
                err = stet_value_append(&s->results, &result);
        stet_value_free(&result);
        return err;
}

static int measure_step(struct suite *s, size_t number, const char *command, stet_value *ret, stet_why *why)
{
        const struct suite_step *step = &suite_steps[number];
        char words[COMMAND_SIZE], place[COMMAND_SIZE];
        struct bench_options options;
        snprintf(words, sizeof(words), "%s", command);
        describe_place(s, number, place, sizeof(place));
        if (step->rate_of && !isfinite(reached(s, step->rate_of)))
                return stet_why_set(why, STET_EFAILED, "half the rate of %s, which was not measured",
                                    step->rate_of);
        int err = parse_command(s, words, &options, why);
        return err ? err
                   : repetition_measure(&options, suite_step_repeats(step, s->options->quick), s->dir,
                                        s->measure, place, ret, why);
}

/* Only an interruption, or a document that can't be kept, is an error: what fails is noted. */
static int run_step(struct suite *s, size_t number, stet_why *why)
{
        const struct suite_step *step = &suite_steps[number];
        char command[COMMAND_SIZE];
        stet_value document = { 0 };
        int64_t start_ns = machine_now_ns();
        suite_step_command(step, s->options->quick, reached(s, step->rate_of), command, sizeof(command));
        int err = measure_step(s, number, command, &document, why);
        if (err == STET_ECANCELED)
                return err;
        if (err) {
                fprintf(stderr, "bench %s: %s\n", command, why->text);
                s->failed++;
        } else {
                tell_result(step->name, &document);
        }
        err = add_result(s, step, command, (double)(machine_now_ns() - start_ns) / 1e9, &document,
                         err ? why->text : NULL);
        stet_value_free(&document);
        s->done_s += estimate_s(s, step);
        return err ? stet_why_set(why, err, "the results: %s", stet_error_text(err)) : 0;
}

/* --- the document --- */

static int describe_machine(const struct machine *m, stet_value *ret)
{
        struct host host;
        host_look(&host);
        return stet_value_pack(ret, "{s:I, s:s, s:s, s:s, s:I}", "cores", (int64_t)m->cores, "cpu_model",
                               host.cpu_model, "kernel", host.kernel, "file_system", m->file_system,
                               "memory_bytes", (int64_t)host.memory_bytes);
}

static int make_document(const struct suite *s, const struct machine *m, stet_value *ret)
{
        char date[32];
        struct tm parts;
        time_t now = (time_t)(machine_wall_ms() / 1000);
        stet_value machine = { 0 }, derived = { 0 };
        gmtime_r(&now, &parts);
        strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", &parts);
        int err = describe_machine(m, &machine);
        if (!err)
                err = suite_derived_document(&s->results, &derived);
        if (!err)
                err = stet_value_pack(ret, "{s:s, s:s, s:b, s:f, s:v, s:f, s:f, s:v, s:v}", "version",
                                      STET_VERSION, "date", date, "quick", (int)s->options->quick, "seconds",
                                      (double)(machine_now_ns() - s->start_ns) / 1e9, "machine", &machine,
                                      "fdatasync_p50_us", m->fdatasync_p50_us, "commit_p50_us",
                                      m->commit_p50_us, "derived", &derived, "results", &s->results);
        stet_value_free(&machine);
        stet_value_free(&derived);
        return err;
}

/* --- the files --- */

static int check_target(const char *path, stet_why *why)
{
        struct stat info;
        if (stat(path, &info) == 0 && !S_ISREG(info.st_mode))
                return stet_why_set(why, STET_EINVAL, "--out: %s is there and is no file", path);
        return 0;
}

int suite_check_out(const char *name, stet_why *why)
{
        char path[PATH_SIZE];
        if ((size_t)snprintf(path, sizeof(path), "%s.json", name) >= sizeof(path) - 32)
                return stet_why_set(why, STET_EINVAL, "--out: the name is too long");
        int err = check_target(path, why);
        snprintf(path, sizeof(path), "%s.md", name);
        if (!err)
                err = check_target(path, why);
        char *slash = strrchr(path, '/');
        if (slash)
                slash[slash == path ? 1 : 0] = 0;
        if (!err && access(slash ? path : ".", W_OK | X_OK) != 0)
                err = stet_why_set(why, STET_EINVAL, "--out: nothing can be written to %s: %s",
                                   slash ? path : "the current directory", strerror(errno));
        return err;
}

typedef int print_fn(const stet_value *document, FILE *out);

static int print_page(const stet_value *document, FILE *out)
{
        suite_page_print(document, out);
        return 0;
}

static int write_file(const char *name, const char *end, const stet_value *document, print_fn *print,
                      stet_why *why)
{
        char path[PATH_SIZE], part[PATH_SIZE];
        snprintf(path, sizeof(path), "%.4000s.%s", name, end);
        snprintf(part, sizeof(part), "%.4000s.%s.%ld", name, end, (long)getpid());
        FILE *out = fopen(part, "we");
        if (!out)
                return stet_why_set(why, STET_EIO, "%s: %s", part, strerror(errno));
        int err = print(document, out);
        bool whole = !ferror(out);
        if (fclose(out) != 0 || !whole || err || rename(part, path) != 0) {
                err = stet_why_set(why, STET_EIO, "%s can't be written: %s", path,
                                   err ? stet_error_text(err) : strerror(errno));
                unlink(part);
        }
        return err;
}

static int write_all(const struct suite *s, const struct machine *machine, stet_why *why)
{
        const char *name = s->options->out;
        stet_value document = { 0 };
        int err = make_document(s, machine, &document);
        if (err)
                stet_why_set(why, err, "the document: %s", stet_error_text(err));
        if (!err)
                err = write_file(name, "json", &document, document_print, why);
        if (!err)
                err = write_file(name, "md", &document, print_page, why);
        if (!err)
                printf("\n%s.md and %s.json are written\n", name, name);
        stet_value_free(&document);
        return err;
}

int suite_run(const struct bench_options *options, const char *dir, suite_parse_fn *parse,
              bench_measure_fn *measure, stet_why *why)
{
        struct machine machine;
        struct suite s = {
                .options = options,
                .dir = dir,
                .parse = parse,
                .measure = measure,
                .start_ns = machine_now_ns(),
        };
        for (size_t i = 0; i < suite_steps_count; i++)
                s.all_s += estimate_s(&s, &suite_steps[i]);
        int err = machine_measure(dir, &machine, why);
        if (!err)
                err = stet_value_pack(&s.results, "[]");
        for (size_t i = 0; i < suite_steps_count && !err; i++)
                err = run_step(&s, i, why);
        if (!err)
                err = write_all(&s, &machine, why);
        if (!err && s.failed)
                err = stet_why_set(why, STET_EFAILED, "%zu of %zu could not be measured", s.failed,
                                   suite_steps_count);
        stet_value_free(&s.results);
        return err;
}
