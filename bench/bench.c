/* SPDX-License-Identifier: MIT */
#include "bench/bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/compare.h"
#include "bench/directory.h"
#include "bench/document.h"
#include "bench/plot_file.h"
#include "bench/plot_report.h"
#include "bench/progress.h"
#include "bench/repeat_print.h"
#include "bench/repetition.h"
#include "bench/suite.h"
#include "bench/workload.h"

enum { EXIT_USAGE = 2, EXIT_INTERRUPTED = 130 };

/* The places in the two tables are the same. */
static const struct bench_options_workload workloads[] = {
        { "raw", "the log alone, 1 … 10,000 records a commit, 1 … 64 writers; beside it a plain file" },
        { "ceiling", "chain3's bytes and messages without the engine" },
        { "chain3", "runs of three activities in a row" },
        { "empty", "runs that start and finish" },
        { "fan", "one run with 1,000 activities in parallel" },
        { "signals",
          "durable signals from clients to 1,000 runs and to one, in batches, and between two runs" },
        { "timers", "sleeping runs: what each costs, and how late they wake after a kill -9" },
        { "recover", "kill -9 with 1,000 … 1,000,000 open runs: time to ready, to the first step" },
        { "history", "cost of a run's transition near n = 10 … 100,000, and of its replay" },
        { "steady", "constant load for minutes: whether memory and disk stay where they are" },
};

static workload_fn *const functions[] = { workload_raw,    workload_ceiling, workload_chain3,
                                          workload_empty,  workload_fan,     workload_signals,
                                          workload_timers, workload_recover, workload_history,
                                          workload_steady };

enum { WORKLOADS_COUNT = sizeof(workloads) / sizeof(workloads[0]) };

_Static_assert(sizeof(functions) / sizeof(functions[0]) == WORKLOADS_COUNT, "each workload has a function");

static workload_fn *function_of(const char *workload)
{
        size_t place = 0;
        while (strcmp(workloads[place].name, workload) != 0)
                place++;
        return functions[place];
}

static int make_directory(const struct bench_options *options, char *ret_path, size_t size, stet_why *why)
{
        char file_system[32];
        int err = machine_file_system(options->parent_dir, file_system, sizeof(file_system), why);
        if (err)
                return stet_why_set(why, STET_EINVAL, "--data %s: %s", options->parent_dir, strerror(errno));
        if (!options->data_dir_given && strcmp(file_system, "tmpfs") == 0)
                return stet_why_set(
                    why, STET_EINVAL,
                    "the current directory is on tmpfs, where nothing reaches a disk: give --data DIR");
        if ((size_t)snprintf(ret_path, size, "%s/stet-bench-XXXXXX", options->parent_dir) >= size)
                return stet_why_set(why, STET_EINVAL, "--data %s: the path is too long", options->parent_dir);
        if (!mkdtemp(ret_path))
                return stet_why_set(why, STET_EINVAL, "%s: %s", options->parent_dir, strerror(errno));
        return 0;
}

/* What is wrong with the command line and only shows when it is tried: before anything is measured. */
static int prepare(const struct bench_options *options, stet_why *why)
{
        if (options->all)
                return suite_check_out(options->out, why);
        int err = options->plot ? plot_file_check(options->plot, why) : 0;
        if (!err && options->pinned_cores)
                err = machine_pin(options->pinned_cores, why);
        return err;
}

static int measure(const struct bench_options *options, const char *dir, stet_why *why)
{
        struct machine machine;
        struct report report;
        int err = machine_measure(dir, &machine, why);
        if (err)
                return err;
        report_init(&report, options, &machine);
        err = function_of(options->workload)(options, dir, &report, why);
        if (!err && options->json)
                report_print_json(&report, stdout);
        else if (!err)
                report_print_text(&report, stdout);
        if (!err && options->plot)
                err = plot_report_write(&report, machine_wall_ms(), options->plot, why);
        report_fini(&report);
        return err;
}

/* --- more than once --- */

static int measure_repeats(const struct bench_options *options, const char *dir, stet_why *why)
{
        stet_value document = { 0 };
        int err = repetition_measure(options, options->repeats, dir, measure, "", &document, why);
        if (!err && options->json) {
                err = document_print(&document, stdout);
                if (err)
                        stet_why_set(why, err, "the document: %s", stet_error_text(err));
        } else if (!err) {
                repeat_print(&document, stdout);
        }
        stet_value_free(&document);
        return err;
}

static int parse(int argc, char **argv, struct bench_options *ret, stet_why *why)
{
        return bench_options_parse(argc, argv, workloads, WORKLOADS_COUNT, ret, why);
}

static int run(const struct bench_options *options, const char *dir, stet_why *why)
{
        if (options->all)
                return suite_run(options, dir, parse, measure, why);
        return options->repeats ? measure_repeats(options, dir, why) : measure(options, dir, why);
}

static int compare(const struct bench_options *options)
{
        stet_why why;
        int err = compare_documents(options->compared[0], options->compared[1], options->json, stdout, &why);
        if (err)
                fprintf(stderr, "bench: %s\n", why.text);
        return err ? EXIT_USAGE : 0;
}

int stet_bench_main(int argc, char **argv)
{
        struct bench_options options;
        char dir[1024];
        stet_why why;
        int err = parse(argc, argv, &options, &why);
        if (err == STET_ECANCELED)
                return 0;
        if (!err && options.compare)
                return compare(&options);
        if (!err)
                err = prepare(&options, &why);
        if (!err)
                err = make_directory(&options, dir, sizeof(dir), &why);
        if (err) {
                fprintf(stderr, "bench: %s\n", why.text);
                return EXIT_USAGE;
        }
        progress_catch_signals();
        err = run(&options, dir, &why);
        directory_remove(dir);
        if (err)
                fprintf(stderr, "bench %s: %s\n", options.workload, why.text);
        return err == STET_ECANCELED ? EXIT_INTERRUPTED : err ? EXIT_FAILURE : 0;
}
