/* SPDX-License-Identifier: MIT
 *
 * The simulator as a command. A batch of seeds is clean when no promise was broken in any of them and
 * everything that can happen did happen in some; what was broken is shown with its seed, the step, a sentence
 * and the last lines of the story.
 */
#include "tests/sim/incident.h"
#include "tests/sim/sim.h"

#include <dirent.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { AUDIT_FROM_SEEDS = 500, CANARY_SEEDS = 100, INCIDENT_SEEDS = 20 };

static const char usage[] =
    "sim [--seed N | --seeds N [--from K]] [--steps N] [--trace] [--quiet]\n"
    "    [--bug NAME | --canary | --incident NAME | --incidents | --twice | --kept DIR] [--without-store]\n"
    "\n"
    "  --seed N        one world\n"
    "  --seeds N       worlds K to K + N - 1; all faults and operations must occur from 500 on\n"
    "  --steps N       steps with faults, for each; else the seed decides\n"
    "  --trace         prints what happens\n"
    "  --quiet         prints the seeds and failures only\n"
    "  --bug NAME      plants a bug in the wiring, which must be found in less than 100 seeds\n"
    "  --canary        the same with every bug there is\n"
    "  --incident NAME a world in which that happens\n"
    "  --incidents     all of them, 20 seeds each, or as many as --seeds says\n"
    "  --twice         each seed twice: the same trace; and no trace like another seed's\n"
    "  --kept DIR      seeds that once found something: files that begin with the seed, the incident's name "
    "if\n"
    "                  it was one, and without-store if it had none\n"
    "  --without-store the worlds as they were before there was a store\n";

struct batch {
        struct sim_options options;
        uint64_t from;
        uint64_t count; /* 0: nobody said */
        bool quiet;
        bool trace;
        bool twice;
        struct sim_tally tally;
        struct sim_report sum;
        int64_t worst_healing_ns;
};

static void print_line(void *ctx, const char *line)
{
        (void)ctx;
        puts(line);
}

/* --- one seed --- */

/* Its world once more, up to the break, for the last lines of its story. */
static void print_tail(const struct batch *b, uint64_t seed)
{
        struct sim_options options = b->options;
        options.seed = seed;
        options.story = NULL;
        options.tally = NULL;
        struct sim *s = sim_new(&options);
        while (sim_step(s))
                continue;
        sim_tail(s, print_line, NULL);
        sim_free(s);
}

static void print_broken(const struct batch *b, uint64_t seed, const struct sim_report *r)
{
        printf("seed %" PRIu64 " step %" PRIu64 ": %s\n", seed, r->broken_step, r->sentence);
        if (!b->trace)
                print_tail(b, seed);
        printf("again: sim --seed %" PRIu64, seed);
        if (b->options.steps)
                printf(" --steps %u", b->options.steps);
        if (b->options.incident)
                printf(" --incident %s", b->options.incident->name);
        if (b->options.without_store)
                printf(" --without-store");
        if (b->options.bug)
                printf(" --bug %s", sim_bug_option(b->options.bug));
        printf(" --trace\n");
}

static void add_up(struct batch *b, const struct sim_report *r)
{
        b->sum.steps += r->steps;
        b->sum.runs += r->runs;
        b->sum.records += r->records;
        b->sum.crashes += r->crashes;
        b->sum.virtual_ns += r->virtual_ns;
        if (r->healing_ns > b->worst_healing_ns)
                b->worst_healing_ns = r->healing_ns;
}

static void run_seed(struct batch *b, uint64_t seed, struct sim_report *ret)
{
        struct sim_options options = b->options;
        options.seed = seed;
        options.tally = &b->tally;
        options.story = b->trace ? print_line : NULL;
        sim_run(&options, ret);
        add_up(b, ret);
}

/* --- batches --- */

static int find_missing(const struct batch *b)
{
        int missing = 0;
        for (int i = 0; i < FAULTS_COUNT; i++)
                if (!b->tally.faults[i] && ++missing)
                        printf("never in these seeds: %s\n", sim_fault_words((enum sim_fault)i));
        for (int i = 0; i < OPERATIONS_COUNT; i++)
                if (!b->tally.operations[i] && ++missing)
                        printf("never in these seeds: %s\n", sim_operation_words((enum sim_operation)i));
        return missing;
}

static void print_summary(const struct batch *b, double seconds)
{
        printf("%" PRIu64 " seeds in %.1f s (%.0f/s): %" PRIu64 " steps, %" PRIu64 " runs, %" PRIu64
               " records, %" PRIu64 " crashes, %.1f h of virtual time, healed after %.1f s at most\n",
               b->count, seconds, (double)b->count / (seconds > 0 ? seconds : 1), b->sum.steps, b->sum.runs,
               b->sum.records, b->sum.crashes, (double)b->sum.virtual_ns / 3.6e12,
               (double)b->worst_healing_ns / 1e9);
}

static void print_tally(const struct batch *b)
{
        for (int i = 0; i < FAULTS_COUNT; i++)
                printf("%10" PRIu64 "  fault: %s\n", b->tally.faults[i], sim_fault_words((enum sim_fault)i));
        for (int i = 0; i < OPERATIONS_COUNT; i++)
                printf("%10" PRIu64 "  %s\n", b->tally.operations[i],
                       sim_operation_words((enum sim_operation)i));
}

static void print_seeds(const struct batch *b)
{
        if (b->count == 1)
                printf("seed %" PRIu64 "\n", b->from);
        else
                printf("seeds %" PRIu64 " to %" PRIu64 "\n", b->from, b->from + b->count - 1);
}

static double seconds_now(void)
{
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int run_batch(struct batch *b)
{
        if (!b->count)
                b->count = 1;
        double since = seconds_now();
        struct sim_report r;
        print_seeds(b);
        for (uint64_t i = 0; i < b->count; i++) {
                run_seed(b, b->from + i, &r);
                if (r.broken) {
                        print_broken(b, b->from + i, &r);
                        return 1;
                }
        }
        bool audited = b->count >= AUDIT_FROM_SEEDS && !b->options.incident && !b->options.bug &&
                       !b->options.without_store;
        int missing = audited ? find_missing(b) : 0;
        if (!b->quiet)
                print_tally(b);
        print_summary(b, seconds_now() - since);
        print_seeds(b);
        return missing != 0;
}

/* Determinism: a seed is its trace. */
static int run_twice(struct batch *b)
{
        struct sim_report first, second;
        int wrong = 0;
        if (!b->count)
                b->count = 1;
        uint64_t *hashes = calloc(b->count, sizeof *hashes);
        print_seeds(b);
        for (uint64_t i = 0; hashes && i < b->count; i++) {
                run_seed(b, b->from + i, &first);
                run_seed(b, b->from + i, &second);
                hashes[i] = first.trace_hash;
                if (first.trace_hash != second.trace_hash || first.steps != second.steps) {
                        printf("seed %" PRIu64 " went two ways: %016" PRIx64 " and %016" PRIx64 "\n",
                               b->from + i, first.trace_hash, second.trace_hash);
                        wrong++;
                }
                for (uint64_t j = 0; j < i; j++)
                        if (hashes[j] == hashes[i] && ++wrong)
                                printf("seeds %" PRIu64 " and %" PRIu64 " have the same trace\n", b->from + j,
                                       b->from + i);
        }
        free(hashes);
        print_seeds(b);
        return wrong != 0;
}

/* A planted bug must be found. */
static int run_bug(struct batch *b, enum sim_bug bug)
{
        struct sim_report r;
        b->options.bug = bug;
        for (uint64_t seed = b->from; seed < b->from + CANARY_SEEDS; seed++) {
                run_seed(b, seed, &r);
                if (!r.broken)
                        continue;
                printf("%s (%s): found in seed %" PRIu64 ": %s\n", sim_bug_option(bug), sim_bug_words(bug),
                       seed, r.sentence);
                if (b->trace)
                        print_broken(b, seed, &r);
                return 0;
        }
        printf("%s (%s): NOT found in %d seeds\n", sim_bug_option(bug), sim_bug_words(bug), CANARY_SEEDS);
        return 1;
}

static int run_bugs(struct batch *b)
{
        int missed = 0;
        for (int bug = BUG_NONE + 1; bug < BUGS_COUNT; bug++)
                missed += run_bug(b, (enum sim_bug)bug);
        return missed != 0;
}

static int run_incidents(struct batch *b)
{
        struct sim_report r;
        uint64_t end = b->from + (b->count ? b->count : INCIDENT_SEEDS);
        int broken = 0;
        for (size_t i = 0; i < incidents_count; i++) {
                b->options.incident = &incidents[i];
                bool fine = true;
                for (uint64_t seed = b->from; seed < end && fine; seed++) {
                        run_seed(b, seed, &r);
                        fine = !r.broken;
                        if (r.broken)
                                print_broken(b, seed, &r);
                }
                printf("%-24s %s: %s\n", incidents[i].name, fine ? "all ends well" : "BROKEN",
                       incidents[i].story);
                broken += !fine;
        }
        return broken != 0;
}

/* --- seeds that once found something --- */

static int run_kept_file(struct batch *b, const char *directory, const char *name)
{
        char path[4096], line[200] = "", how[64] = "", more[64] = "";
        uint64_t seed = 0;
        struct sim_report r;
        snprintf(path, sizeof path, "%s/%s", directory, name);
        FILE *file = fopen(path, "r");
        bool read = file && fgets(line, sizeof line, file) &&
                    sscanf(line, "%" SCNu64 " %63s %63s", &seed, how, more) >= 1;
        if (file)
                fclose(file);
        if (!read) {
                printf("%s: no seed in its first line\n", path);
                return 1;
        }
        b->options.without_store = strcmp(how, "without-store") == 0 || strcmp(more, "without-store") == 0;
        b->options.incident = *how ? incident_find(how) : NULL;
        run_seed(b, seed, &r);
        printf("%s (seed %" PRIu64 "): %s\n", name, seed, r.broken ? r.sentence : "fine");
        return r.broken;
}

static int run_kept(struct batch *b, const char *directory)
{
        struct dirent **entries;
        int count = scandir(directory, &entries, NULL, alphasort), broken = 0, seeds = 0;
        for (int i = 0; i < count; i++) {
                if (entries[i]->d_name[0] != '.') {
                        broken += run_kept_file(b, directory, entries[i]->d_name);
                        seeds++;
                }
                free(entries[i]);
        }
        if (count >= 0)
                free(entries);
        if (!seeds)
                printf("%s: no seeds are kept there\n", directory);
        return broken || !seeds;
}

/* --- the command line --- */

static enum sim_bug bug_named(const char *name)
{
        for (int bug = BUG_NONE + 1; bug < BUGS_COUNT; bug++)
                if (strcmp(sim_bug_option((enum sim_bug)bug), name) == 0)
                        return (enum sim_bug)bug;
        return BUG_NONE;
}

static int fail_usage(const char *what)
{
        fprintf(stderr, "sim: %s\n%s", what, usage);
        return 2;
}

enum {
        OPT_SEED = 1,
        OPT_SEEDS,
        OPT_FROM,
        OPT_STEPS,
        OPT_BUG,
        OPT_INCIDENT,
        OPT_KEPT,
        OPT_TRACE,
        OPT_QUIET,
        OPT_CANARY,
        OPT_INCIDENTS,
        OPT_TWICE,
        OPT_WITHOUT_STORE,
        OPT_HELP
};

static const struct option options_known[] = {
        { "seed", required_argument, NULL, OPT_SEED },
        { "seeds", required_argument, NULL, OPT_SEEDS },
        { "from", required_argument, NULL, OPT_FROM },
        { "steps", required_argument, NULL, OPT_STEPS },
        { "bug", required_argument, NULL, OPT_BUG },
        { "incident", required_argument, NULL, OPT_INCIDENT },
        { "kept", required_argument, NULL, OPT_KEPT },
        { "trace", no_argument, NULL, OPT_TRACE },
        { "quiet", no_argument, NULL, OPT_QUIET },
        { "canary", no_argument, NULL, OPT_CANARY },
        { "incidents", no_argument, NULL, OPT_INCIDENTS },
        { "twice", no_argument, NULL, OPT_TWICE },
        { "without-store", no_argument, NULL, OPT_WITHOUT_STORE },
        { "help", no_argument, NULL, OPT_HELP },
        { NULL, 0, NULL, 0 },
};

struct choice {
        enum sim_bug bug;
        const char *kept;
        bool canary;
        bool incidents;
};

/* 0, or what main() returns. */
static int read_options(int argc, char **argv, struct batch *b, struct choice *c)
{
        for (int opt; (opt = getopt_long(argc, argv, "", options_known, NULL)) != -1;) {
                switch (opt) {
                case OPT_SEED:
                        b->from = strtoull(optarg, NULL, 0);
                        break;
                case OPT_SEEDS:
                        b->count = strtoull(optarg, NULL, 0);
                        break;
                case OPT_FROM:
                        b->from = strtoull(optarg, NULL, 0);
                        break;
                case OPT_STEPS:
                        b->options.steps = (uint32_t)strtoul(optarg, NULL, 0);
                        break;
                case OPT_BUG:
                        if (!(c->bug = bug_named(optarg)))
                                return fail_usage("no such bug");
                        break;
                case OPT_INCIDENT:
                        if (!(b->options.incident = incident_find(optarg)))
                                return fail_usage("no such incident");
                        break;
                case OPT_KEPT:
                        c->kept = optarg;
                        break;
                case OPT_TRACE:
                        b->trace = true;
                        break;
                case OPT_QUIET:
                        b->quiet = true;
                        break;
                case OPT_CANARY:
                        c->canary = true;
                        break;
                case OPT_INCIDENTS:
                        c->incidents = true;
                        break;
                case OPT_TWICE:
                        b->twice = true;
                        break;
                case OPT_WITHOUT_STORE:
                        b->options.without_store = true;
                        break;
                default:
                        return fail_usage("what is wanted?");
                }
        }
        return optind < argc ? fail_usage("there is an argument too many") : 0;
}

int main(int argc, char **argv)
{
        struct batch b = { .count = 0 };
        struct choice c = { BUG_NONE, NULL, false, false };
        int code = read_options(argc, argv, &b, &c);
        if (code)
                return code;
        b.options.kit = sim_kit_new();
        if (c.canary)
                code = run_bugs(&b);
        else if (c.bug)
                code = run_bug(&b, c.bug);
        else if (c.incidents)
                code = run_incidents(&b);
        else if (c.kept)
                code = run_kept(&b, c.kept);
        else
                code = b.twice ? run_twice(&b) : run_batch(&b);
        sim_kit_free(b.options.kit);
        return code;
}
