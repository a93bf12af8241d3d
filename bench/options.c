/* SPDX-License-Identifier: MIT */
#include "bench/options.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t RUNS_MAX = 1000000000;

enum {
        EXECUTORS_MAX = 256,
        IN_FLIGHT_MAX = 1000000,
        IN_FLIGHT_DEFAULT = 10000,
        PAYLOAD_MAX = 1 << 20,
        PAYLOAD_DEFAULT = 100,
        RATE_MAX = 10000000,
};

enum option_name {
        OPTION_RUNS = 256,
        OPTION_TRANSPORT,
        OPTION_EXECUTORS,
        OPTION_LEVEL,
        OPTION_ONE_AT_A_TIME,
        OPTION_RATE,
        OPTION_IN_FLIGHT,
        OPTION_PAYLOAD,
        OPTION_DATA,
        OPTION_NO_CEILING,
        OPTIONS_END,
};

static const struct option long_options[] = {
        { "runs", required_argument, NULL, OPTION_RUNS },
        { "transport", required_argument, NULL, OPTION_TRANSPORT },
        { "executors", required_argument, NULL, OPTION_EXECUTORS },
        { "level", required_argument, NULL, OPTION_LEVEL },
        { "one-at-a-time", no_argument, NULL, OPTION_ONE_AT_A_TIME },
        { "rate", required_argument, NULL, OPTION_RATE },
        { "in-flight", required_argument, NULL, OPTION_IN_FLIGHT },
        { "payload", required_argument, NULL, OPTION_PAYLOAD },
        { "data", required_argument, NULL, OPTION_DATA },
        { "no-ceiling", no_argument, NULL, OPTION_NO_CEILING },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
};

static const char *const levels[] = {
        [STET_LEVEL_SYNC] = "sync",
        [STET_LEVEL_RELAXED] = "relaxed",
        [STET_LEVEL_MEMORY] = "memory",
};

const char *bench_level_name(stet_level level)
{
        return levels[level];
}

static void print_help(const struct bench_options_workload *workloads, size_t count)
{
        puts("usage: bench WORKLOAD [options]\n\nworkloads");
        for (size_t i = 0; i < count; i++)
                printf("  %-16s %s\n", workloads[i].name, workloads[i].summary);
        puts("\noptions\n"
             "  --runs N         how many runs (raw: records at each point, at most)\n"
             "  --payload BYTES  of each value (raw: of each record); 100\n"
             "  --level LEVEL    sync (default): on the disk before the answer; relaxed: synced once a "
             "second; memory\n"
             "  --data DIR       where to make the temporary directory; the current directory\n"
             "  -o text|json     what to print on standard output\n"
             "ceiling, chain3, empty\n"
             "  --transport T    inproc (default), ipc or tcp\n"
             "  --executors N    threads that run activities; 1\n"
             "  --in-flight N    closed loop: runs that are open at the same time; 10000\n"
             "  --one-at-a-time  the next run starts when the last has ended: latency\n"
             "chain3, empty\n"
             "  --rate R         open loop: R runs a second, each timed from when it should have started\n"
             "  --no-ceiling     do not measure the ceiling beside it\n\n"
             "What each workload measures and how to read the keys: docs/PERFORMANCE.md");
}

static int read_count(const char *option, const char *text, uint64_t max, uint64_t *ret, stet_why *why)
{
        char *end;
        errno = 0;
        uint64_t value = strtoull(text, &end, 10);
        if (text[0] < '0' || text[0] > '9' || *end || errno || value < 1 || value > max)
                return stet_why_set(why, STET_EINVAL,
                                    "%s takes a whole number from 1 to %" PRIu64 ", not \"%s\"", option, max,
                                    text);
        *ret = value;
        return 0;
}

static int read_count32(const char *option, const char *text, uint32_t max, uint32_t *ret, stet_why *why)
{
        uint64_t value;
        int err = read_count(option, text, max, &value, why);
        if (!err)
                *ret = (uint32_t)value;
        return err;
}

static int read_rate(const char *text, double *ret, stet_why *why)
{
        char *end;
        double value = strtod(text, &end);
        if (end == text || *end || !(value > 0) || value > RATE_MAX)
                return stet_why_set(why, STET_EINVAL,
                                    "--rate takes runs a second, above 0 and up to %d, not \"%s\"", RATE_MAX,
                                    text);
        *ret = value;
        return 0;
}

static int read_level(const char *text, stet_level *ret, stet_why *why)
{
        for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
                if (strcmp(text, levels[i]) == 0) {
                        *ret = (stet_level)i;
                        return 0;
                }
        return stet_why_set(why, STET_EINVAL, "--level is sync, relaxed or memory, not \"%s\"", text);
}

static int read_transport(const char *text, const char **ret, stet_why *why)
{
        if (strcmp(text, "inproc") != 0 && strcmp(text, "ipc") != 0 && strcmp(text, "tcp") != 0)
                return stet_why_set(why, STET_EINVAL, "--transport is inproc, ipc or tcp, not \"%s\"", text);
        *ret = text;
        return 0;
}

static int read_output(const char *text, bool *ret_json, stet_why *why)
{
        if (strcmp(text, "text") != 0 && strcmp(text, "json") != 0)
                return stet_why_set(why, STET_EINVAL, "-o is text or json, not \"%s\"", text);
        *ret_json = text[0] == 'j';
        return 0;
}

static int read_option(int option, const char *text, struct bench_options *o, stet_why *why)
{
        switch (option) {
        case OPTION_RUNS:
                return read_count("--runs", text, RUNS_MAX, &o->runs, why);
        case OPTION_TRANSPORT:
                return read_transport(text, &o->transport, why);
        case OPTION_EXECUTORS:
                return read_count32("--executors", text, EXECUTORS_MAX, &o->executors, why);
        case OPTION_LEVEL:
                return read_level(text, &o->level, why);
        case OPTION_ONE_AT_A_TIME:
                o->one_at_a_time = true;
                return 0;
        case OPTION_RATE:
                return read_rate(text, &o->rate, why);
        case OPTION_IN_FLIGHT:
                return read_count32("--in-flight", text, IN_FLIGHT_MAX, &o->in_flight, why);
        case OPTION_PAYLOAD:
                return read_count32("--payload", text, PAYLOAD_MAX, &o->payload_bytes, why);
        case OPTION_DATA:
                o->parent_dir = text;
                o->data_dir_given = true;
                return 0;
        case OPTION_NO_CEILING:
                o->no_ceiling = true;
                return 0;
        default: /* 'o' */
                return read_output(text, &o->json, why);
        }
}

/* Which workloads take the option; 0: all. */
static unsigned takers_of(int option)
{
        switch (option) {
        case OPTION_TRANSPORT:
        case OPTION_EXECUTORS:
        case OPTION_IN_FLIGHT:
        case OPTION_ONE_AT_A_TIME:
                return BENCH_TAKES_TRANSPORT;
        case OPTION_RATE:
        case OPTION_NO_CEILING:
                return BENCH_TAKES_ENGINE;
        default:
                return 0;
        }
}

static int find_workload(const char *name, const struct bench_options_workload *workloads, size_t count,
                         const struct bench_options_workload **ret, stet_why *why)
{
        char names[256] = "";
        for (size_t i = 0; i < count; i++) {
                if (name && strcmp(name, workloads[i].name) == 0) {
                        *ret = &workloads[i];
                        return 0;
                }
                size_t used = strlen(names);
                snprintf(names + used, sizeof(names) - used, "%s%s", i ? ", " : "", workloads[i].name);
        }
        if (!name)
                return stet_why_set(why, STET_EINVAL,
                                    "say which workload: %s (bench --help says what they do)", names);
        return stet_why_set(why, STET_EINVAL, "there is no workload \"%s\"; there are %s", name, names);
}

static int check_together(const struct bench_options_workload *workload, const struct bench_options *o,
                          const bool *given, stet_why *why)
{
        for (int option = OPTION_RUNS; option < OPTIONS_END; option++) {
                unsigned takers = takers_of(option);
                if (given[option - OPTION_RUNS] && takers && !(workload->takes & takers))
                        return stet_why_set(why, STET_EINVAL, "%s does not take --%s", workload->name,
                                            long_options[option - OPTION_RUNS].name);
        }
        if (o->one_at_a_time && o->rate > 0)
                return stet_why_set(why, STET_EINVAL,
                                    "--one-at-a-time waits for each run, --rate for none: give one of them");
        if (given[OPTION_IN_FLIGHT - OPTION_RUNS] && (o->one_at_a_time || o->rate > 0))
                return stet_why_set(why, STET_EINVAL, "--in-flight is for the closed loop, not for %s",
                                    o->one_at_a_time ? "--one-at-a-time" : "--rate");
        return 0;
}

/* getopt could make nothing of it. A short option may stand in the middle of its argument: then only its
 * letter is known. */
static int refuse_option(int option, char **argv, stet_why *why)
{
        char name[64];
        if (optopt > 0 && optopt < OPTION_RUNS)
                snprintf(name, sizeof(name), "-%c", optopt);
        else
                snprintf(name, sizeof(name), "%s", argv[optind - 1]);
        if (option == ':')
                return stet_why_set(why, STET_EINVAL, "%s needs a value", name);
        if (optopt >= OPTION_RUNS)
                return stet_why_set(why, STET_EINVAL, "%s: this option takes no value", name);
        return stet_why_set(why, STET_EINVAL, "%s is not an option of bench (bench --help lists them)", name);
}

int bench_options_parse(int argc, char **argv, const struct bench_options_workload *workloads,
                        size_t workloads_count, struct bench_options *ret, stet_why *why)
{
        struct bench_options o = {
                .transport = "inproc",
                .parent_dir = ".",
                .executors = 1,
                .in_flight = IN_FLIGHT_DEFAULT,
                .payload_bytes = PAYLOAD_DEFAULT,
        };
        bool given[OPTIONS_END - OPTION_RUNS] = { false };
        optind = 0; /* start anew: the command line before us may have used getopt, too */
        for (int option; (option = getopt_long(argc, argv, ":o:h", long_options, NULL)) != -1;) {
                if (option == 'h') {
                        print_help(workloads, workloads_count);
                        return STET_ECANCELED;
                }
                if (option == '?' || option == ':')
                        return refuse_option(option, argv, why);
                int err = read_option(option, optarg, &o, why);
                if (err)
                        return err;
                if (option >= OPTION_RUNS)
                        given[option - OPTION_RUNS] = true;
        }
        if (argc - optind > 1)
                return stet_why_set(why, STET_EINVAL, "one workload at a time: what is \"%s\"?",
                                    argv[optind + 1]);
        const struct bench_options_workload *workload = NULL;
        int err = find_workload(argv[optind], workloads, workloads_count, &workload, why);
        if (!err)
                err = check_together(workload, &o, given, why);
        if (err)
                return err;
        o.workload = workload->name;
        if (o.one_at_a_time)
                o.in_flight = 1;
        *ret = o;
        return 0;
}
