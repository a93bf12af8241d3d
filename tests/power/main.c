/* SPDX-License-Identifier: MIT
 *
 * Power cuts as a command. Workloads are taken one after the other, by seed, and cut everywhere, until there
 * were enough images. The first broken promise ends it and is shown with what repeats it.
 */
#include "tests/power/runner.h"
#include "tests/power/suites.h"

#include <getopt.h>
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CANARY_SEEDS = 40, NAME_SIZE = 200, PROGRESS_EVERY = 500, SKIPPED = 77 };

static const char usage[] =
    "power [--workload NAME] [--images N] [--from SEED | --seed SEED] [--repeat WHAT]\n"
    "      [--canary NAME|all] [--errno SEEDS] [--memory SEEDS] [--stride N]\n"
    "\n"
    "  --workload NAME  engine (default), log or store\n"
    "  --images N       go on until there were so many different images (default 2000)\n"
    "  --from SEED      begin with that seed's workload (default 1)\n"
    "  --seed SEED      that seed's workload only, all of it\n"
    "  --repeat WHAT    one image again, told piece by piece: WHAT is what a failure prints\n"
    "  --canary NAME    plants a fault that must be found; all: each of them\n"
    "  --errno SEEDS    instead: every system call of so many workloads fails, with every error\n"
    "  --memory SEEDS   instead: every allocation fails\n"
    "  --stride N       every Nth only of those calls and allocations\n";

struct command {
        const struct workload *workload;
        uint64_t images;
        uint64_t from;
        bool one_seed;
        const char *repeat;
        const char *canary;
        uint64_t errno_seeds;
        uint64_t memory_seeds;
        uint64_t stride;
};

static const struct workload *const workloads[] = { &workload_engine, &workload_log, &workload_store };

static const struct {
        const char *option;
        const char *words;
} canaries[] = { [CANARY_NONE] = { "", "" },
#define CANARY_ROW(name, option, words) [CANARY_##name] = { option, words },
                 CANARIES(CANARY_ROW)
#undef CANARY_ROW
};

const char *canary_option(enum canary canary)
{
        return canaries[canary].option;
}

const char *canary_words(enum canary canary)
{
        return canaries[canary].words;
}

static double seconds_now(void)
{
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* --- crashes --- */

static struct runner runner; /* one at a time, where the signal handler finds it */

/* An image that makes LMDB crash says which one it was. */
static void say_and_die(int signal_number)
{
        char name[NAME_SIZE], text[NAME_SIZE + 100];
        runner_name(&runner, name, sizeof name);
        int n = snprintf(text, sizeof text, "\nkilled by signal %d\nagain: power --repeat %s\n",
                         signal_number, name);
        if (write(STDOUT_FILENO, text, (size_t)n) < 0)
                _exit(3);
        signal(signal_number, SIG_DFL);
        raise(signal_number);
}

static void watch_for_crashes(void)
{
        static const int signals[] = { SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL };
        for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
                signal(signals[i], say_and_die);
}

/* --- batches --- */

static void print_progress(const struct runner *r)
{
        static uint64_t told;
        if (runner_images(r) - told < PROGRESS_EVERY)
                return;
        told = runner_images(r);
        printf("\r%" PRIu64 " images, seed %" PRIu64 " ", told, r->options.seed);
        fflush(stdout);
}

static void print_violation(const struct runner *r)
{
        char name[NAME_SIZE];
        runner_name(r, name, sizeof name);
        printf("%s%s\nagain: power --repeat %s\n", r->progress ? "\n" : "", r->wrong, name);
}

static void print_summary(const struct runner *r, uint64_t from, double seconds)
{
        const struct runner_tally *t = &r->tally;
        printf("%s%s: %" PRIu64 " images, %" PRIu64 " distinct (%" PRIu64 " of %" PRIu64
               " recoveries), %" PRIu64 " cuts, %" PRIu64 " recoveries to the end, %" PRIu64
               " workloads from seed %" PRIu64 ", %" PRIu64 " violations, %.1f s (%.0f images/s)\n",
               r->progress ? "\r" : "", r->workload->name, t->first.images + t->second.images,
               runner_images(r), t->second.distinct, t->recorded, t->first.cuts + t->second.cuts, t->to_end,
               t->workloads, from, t->violations, seconds,
               (double)runner_images(r) / (seconds > 0 ? seconds : 1));
}

static int run_batch(const struct command *c)
{
        double since = seconds_now();
        bool well = true;
        runner_open(&runner, c->workload, CANARY_NONE);
        runner.progress = isatty(STDOUT_FILENO) ? print_progress : NULL;
        if (!c->one_seed)
                runner.images_max = c->images;
        for (uint64_t seed = c->from; well; seed++) {
                well = runner_seed(&runner, seed);
                if (c->one_seed || runner_images(&runner) >= c->images)
                        break;
        }
        if (!well)
                print_violation(&runner);
        print_summary(&runner, c->from, seconds_now() - since);
        runner_close(&runner);
        return !well;
}

static const struct workload *workload_named(const char *name)
{
        for (size_t i = 0; i < sizeof workloads / sizeof workloads[0]; i++)
                if (strcmp(workloads[i]->name, name) == 0)
                        return workloads[i];
        return NULL;
}

/* --- canaries --- */

static enum canary canary_named(const char *name)
{
        for (int i = CANARY_NONE + 1; i < CANARIES_COUNT; i++)
                if (strcmp(canaries[i].option, name) == 0)
                        return (enum canary)i;
        return CANARY_NONE;
}

/* In a process of its own: what was not synced may kill it. */
static void hunt(const struct command *c, enum canary canary)
{
        bool well = true;
        watch_for_crashes();
        runner_open(&runner, c->workload, canary);
        for (uint64_t seed = c->from; seed < c->from + CANARY_SEEDS && well; seed++)
                well = runner_seed(&runner, seed);
        if (!well)
                printf("  %s\n", runner.wrong);
        runner_close(&runner);
        fflush(stdout);
        _exit(!well);
}

static int run_canary(const struct command *c, enum canary canary)
{
        int status = 0;
        fflush(stdout);
        pid_t child = fork();
        if (child == 0)
                hunt(c, canary);
        if (child < 0 || waitpid(child, &status, 0) != child)
                return 1;
        bool killed = WIFSIGNALED(status);
        bool found = killed || (WIFEXITED(status) && WEXITSTATUS(status) == 1);
        printf("%s, %s (%s): %s%s\n", c->workload->name, canary_option(canary), canary_words(canary),
               found ? "found" : "NOT found", killed ? ", by a signal" : "");
        return !found;
}

static int run_canaries(const struct command *c)
{
        int missed = 0;
        if (strcmp(c->canary, "all") != 0)
                return canary_named(c->canary) ? run_canary(c, canary_named(c->canary)) : 2;
        for (int i = CANARY_NONE + 1; i < CANARIES_COUNT; i++)
                if (i != CANARY_NOSTORESYNC || c->workload->has_store)
                        missed += run_canary(c, (enum canary)i);
        return missed != 0;
}

/* --- repeating --- */

static int run_repeat(const struct command *c)
{
        char name[20];
        uint64_t seed;
        struct cut first, second;
        const struct workload *workload = NULL;
        if (runner_name_parse(c->repeat, name, &seed, &first, &second))
                workload = workload_named(name);
        if (!workload) {
                fprintf(stderr, "power: \"%s\" is nothing that can be repeated\n", c->repeat);
                return 2;
        }
        watch_for_crashes();
        runner_open(&runner, workload, c->canary ? canary_named(c->canary) : CANARY_NONE);
        bool well = runner_repeat(&runner, seed, &first, &second);
        puts(well ? "all is well" : runner.wrong);
        runner_close(&runner);
        return !well;
}

/* --- failing calls --- */

static int run_suite(const struct command *c, const char *name, uint64_t seeds,
                     bool (*suite)(struct suite *s))
{
        struct suite s = { .workload = c->workload, .stage = &runner.live, .stride = c->stride };
        double since = seconds_now();
        bool well = true;
        uint64_t seed = c->from;
        runner_open(&runner, c->workload, CANARY_NONE);
        for (; seed < c->from + seeds && well; seed++) {
                s.options = (struct workload_options){ .seed = seed, .root = runner.live.path };
                well = suite(&s);
        }
        runner_close(&runner);
        if (!well)
                printf("%s\nagain: power --workload %s --%s 1 --from %" PRIu64 "\n", s.wrong,
                       c->workload->name, name, seed - 1);
        printf("%s, %s: %" PRIu64 " cases, %" PRIu64 " ended with an error, %" PRIu64 " by abort(), %" PRIu64
               " workloads from seed %" PRIu64 ", %d violations, %.1f s\n",
               c->workload->name, name, s.cases, s.errors, s.deaths, seed - c->from, c->from, !well,
               seconds_now() - since);
        return !well;
}

static int run_suites(const struct command *c)
{
        int failed = 0;
        if (c->errno_seeds)
                failed += run_suite(c, "errno", c->errno_seeds, suite_errno);
        if (c->memory_seeds && !suite_memory_works()) {
                puts("allocations can't be made to fail where a sanitizer has them");
                return failed ? 1 : SKIPPED;
        }
        if (c->memory_seeds)
                failed += run_suite(c, "memory", c->memory_seeds, suite_memory);
        return failed != 0;
}

/* --- the command line --- */

enum {
        OPT_WORKLOAD = 1,
        OPT_IMAGES,
        OPT_FROM,
        OPT_SEED,
        OPT_REPEAT,
        OPT_CANARY,
        OPT_ERRNO,
        OPT_MEMORY,
        OPT_STRIDE,
};

static const struct option options_known[] = {
        { "workload", required_argument, NULL, OPT_WORKLOAD },
        { "images", required_argument, NULL, OPT_IMAGES },
        { "from", required_argument, NULL, OPT_FROM },
        { "seed", required_argument, NULL, OPT_SEED },
        { "repeat", required_argument, NULL, OPT_REPEAT },
        { "canary", required_argument, NULL, OPT_CANARY },
        { "errno", required_argument, NULL, OPT_ERRNO },
        { "memory", required_argument, NULL, OPT_MEMORY },
        { "stride", required_argument, NULL, OPT_STRIDE },
        { NULL, 0, NULL, 0 },
};

static int fail_usage(const char *what)
{
        fprintf(stderr, "power: %s\n%s", what, usage);
        return 2;
}

/* 0, or what main() returns. */
static int read_options(int argc, char **argv, struct command *c)
{
        for (int opt; (opt = getopt_long(argc, argv, "", options_known, NULL)) != -1;) {
                switch (opt) {
                case OPT_WORKLOAD:
                        if (!(c->workload = workload_named(optarg)))
                                return fail_usage("no such workload");
                        break;
                case OPT_IMAGES:
                        c->images = strtoull(optarg, NULL, 0);
                        break;
                case OPT_SEED:
                        c->one_seed = true;
                        c->from = strtoull(optarg, NULL, 0);
                        break;
                case OPT_FROM:
                        c->from = strtoull(optarg, NULL, 0);
                        break;
                case OPT_REPEAT:
                        c->repeat = optarg;
                        break;
                case OPT_CANARY:
                        c->canary = optarg;
                        break;
                case OPT_ERRNO:
                        c->errno_seeds = strtoull(optarg, NULL, 0);
                        break;
                case OPT_MEMORY:
                        c->memory_seeds = strtoull(optarg, NULL, 0);
                        break;
                case OPT_STRIDE:
                        c->stride = strtoull(optarg, NULL, 0);
                        break;
                default:
                        return fail_usage("what is wanted?");
                }
        }
        if (c->canary && strcmp(c->canary, "all") != 0 && !canary_named(c->canary))
                return fail_usage("no such canary");
        if (!c->stride)
                return fail_usage("a stride is at least 1");
        return optind < argc ? fail_usage("there is an argument too many") : 0;
}

int main(int argc, char **argv)
{
        struct command c = { .workload = &workload_engine, .images = 2000, .from = 1, .stride = 1 };
        int code = read_options(argc, argv, &c);
        if (code)
                return code;
        /* LMDB takes 2 MiB of zeros for each opening: the system gives them for nothing, unless malloc is
         * told to scribble over what it gives out, as meson does. */
        mallopt(M_MMAP_THRESHOLD, 1 << 20);
        mallopt(M_PERTURB, 0);
        if (c.repeat)
                return run_repeat(&c);
        if (c.canary)
                return run_canaries(&c);
        watch_for_crashes();
        return c.errno_seeds || c.memory_seeds ? run_suites(&c) : run_batch(&c);
}
