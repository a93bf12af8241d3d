/* SPDX-License-Identifier: MIT
 *
 * One table says what each option is called, who takes it and what help says of it; reading and checking go
 * by it.
 */
#include "bench/options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "bench/options_read.h"

static const uint64_t RUNS_MAX = 1000000000;
static const double RATE_MAX = 10000000;
static const double MINUTES_MAX = 100000;

enum {
        EXECUTORS_MAX = 256,
        IN_FLIGHT_MAX = 1000000,
        IN_FLIGHT_DEFAULT = 10000,
        CLIENTS_MAX = 1024,
        CORES_MAX = 1024,
        CLIENTS_DEFAULT = 64,
        PAYLOAD_MAX = 1 << 20,
        PAYLOAD_DEFAULT = 100,
        WIDTH_MAX = 100000,
        WIDTH_DEFAULT = 1000,
        REPEATS_MAX = 50,
        SHARDS_MAX = 64, /* what a node takes */
        SIGNALS_DEFAULT = 100000,
        WINDOW_DEFAULT = 10000,
        TRANSITIONS_DEFAULT = 100000,
        TRANSITIONS_MAX = 10000000,
        STEADY_DEFAULT_MS = 10 * 60 * 1000,
};

enum option_name {
        OPTION_RUNS = 256,
        OPTION_PAYLOAD,
        OPTION_LEVEL,
        OPTION_DATA,
        OPTION_OUTPUT,
        OPTION_TRANSPORT,
        OPTION_EXECUTORS,
        OPTION_IN_FLIGHT,
        OPTION_ONE_AT_A_TIME,
        OPTION_RATE,
        OPTION_NO_CEILING,
        OPTION_CHECKPOINT,
        OPTION_WIDTH,
        OPTION_SIGNALS,
        OPTION_WINDOW,
        OPTION_TRANSITIONS,
        OPTION_AFTER,
        OPTION_SPREAD,
        OPTION_PARKED,
        OPTION_ACTIVE,
        OPTION_TO_END,
        OPTION_MINUTES,
        OPTION_RETENTION,
        OPTION_CORES,
        OPTION_PLOT,
        OPTION_SHARDS,
        OPTION_SLEEP,
        OPTION_REPEAT,
        OPTION_ALL,
        OPTION_OUT,
        OPTION_QUICK,
        OPTION_COMPARE,
        OPTIONS_END,
};

enum { OPTIONS_COUNT = OPTIONS_END - OPTION_RUNS };

static const struct {
        const char *name;
        const char *value; /* NULL: a flag */
        const char *takers;
        const char *help;
} entries[OPTIONS_COUNT] = {
#define ENTRY(name) [OPTION_##name - OPTION_RUNS]
        ENTRY(RUNS) = { "runs", "N", "raw ceiling chain3 empty fan signals timers recover",
                        "how many runs (raw: records at each point, at most; recover: a list, N,N,…)" },
        ENTRY(PAYLOAD) = { "payload", "BYTES", "raw ceiling chain3 empty fan signals steady",
                           "of each value, 100; 4k and 1m are taken (chain3: a list for a table)" },
        ENTRY(LEVEL) = { "level", "LEVEL", "",
                         "sync (default): on the disk before the answer; relaxed: synced once a second; "
                         "memory" },
        ENTRY(DATA) = { "data", "DIR", "", "where to make the temporary directory; the current directory" },
        ENTRY(OUTPUT) = { "output", "FORMAT", "", "text or json on standard output; -o for short" },
        ENTRY(TRANSPORT) = { "transport", "T", "ceiling chain3 empty fan signals timers",
                             "inproc (default), ipc or tcp (timers: with --sleep; inproc or tcp)" },
        ENTRY(EXECUTORS) = { "executors", "N", "ceiling chain3 empty fan steady",
                             "threads that run activities; 1" },
        ENTRY(IN_FLIGHT) = { "in-flight", "N", "ceiling chain3 empty signals",
                             "runs that are open at the same time, 10000 (signals: clients that each wait "
                             "for their answer, 64)" },
        ENTRY(ONE_AT_A_TIME) = { "one-at-a-time", NULL, "ceiling chain3 empty",
                                 "the next run starts when the last has ended: latency" },
        ENTRY(RATE) = { "rate", "R", "chain3 empty steady",
                        "open loop: R runs a second, each timed from when it should have started (steady: "
                        "a tenth of what it reaches)" },
        ENTRY(NO_CEILING) = { "no-ceiling", NULL, "chain3 empty", "do not measure the ceiling beside it" },
        ENTRY(CHECKPOINT) = { "checkpoint", "WHICH", "chain3 empty fan steady",
                              "on (default), off, or (chain3, empty) both in turn, to compare them" },
        ENTRY(WIDTH) = { "width", "N", "fan", "activities in parallel; 1000" },
        ENTRY(SIGNALS) = { "signals", "N", "signals",
                           "how many in each row; 100000 (batched: ten times as many, to one run three "
                           "times)" },
        ENTRY(WINDOW) = { "window", "N", "signals",
                          "batched signals that one client has under way at a time; 10000" },
        ENTRY(TRANSITIONS) = { "transitions", "N", "history", "how long the history becomes; 100000" },
        ENTRY(AFTER) = { "after", "TIME", "timers", "how far ahead the first is due; 20s and 200 µs a run" },
        ENTRY(SPREAD) = { "spread", "TIME", "timers",
                          "from the first that is due to the last; 100 µs a run, at least 1s" },
        ENTRY(PARKED) = { "parked", NULL, "recover", "only runs that wait for a timer or a signal" },
        ENTRY(ACTIVE) = { "active", NULL, "recover", "only runs with an activity queued" },
        ENTRY(TO_END) = { "to-end", NULL, "recover", "go on until all activities are done" },
        ENTRY(MINUTES) = { "minutes", "M", "steady", "how long; 10" },
        ENTRY(RETENTION) = { "retention", "TIME", "steady", "how long ended runs are kept; 60s" },
        ENTRY(CORES) = { "cores", "N", "",
                         "use only the first N of the cores that this process may use; all" },
        ENTRY(PLOT) = { "plot", "FILE.svg", "", "draw the figures there, as a picture for a browser" },
        ENTRY(SHARDS) = { "shards", "N", "chain3 empty fan signals timers recover history steady",
                          "of the node, each with a log and a thread of its own; 1" },
        ENTRY(SLEEP) = { "sleep", "TIME", "timers",
                         "nothing is killed: 10000 runs start at once and sleep so long each" },
        ENTRY(REPEAT) = { "repeat", "N", "",
                          "so many times, a process each: medians, the least and the most" },
        ENTRY(ALL) = { "all", NULL, "", "instead of a workload: a fixed suite of them, in under 10 minutes" },
        ENTRY(OUT) = { "out", "NAME", "--all", "writes NAME.json and NAME.md, at its end; stet-bench" },
        ENTRY(QUICK) = { "quick", NULL, "--all", "a twentieth of the runs, two repeats: to try it out" },
        ENTRY(COMPARE) = { "compare", NULL, "",
                           "instead of a workload: what differs between two JSON documents" },
#undef ENTRY
};

static const char *const levels[] = {
        [STET_LEVEL_SYNC] = "sync",
        [STET_LEVEL_RELAXED] = "relaxed",
        [STET_LEVEL_MEMORY] = "memory",
        NULL,
};

static const char *const transports[] = { "inproc", "ipc", "tcp", NULL };
static const char *const checkpoints[] = { "on", "off", "both", NULL };
static const char *const outputs[] = { "text", "json", NULL };

const char *bench_level_name(stet_level level)
{
        return levels[level];
}

static void print_help(const struct bench_options_workload *workloads, size_t count)
{
        puts("usage: bench WORKLOAD [options]\n"
             "       bench --all [--out NAME] [--quick] [--data DIR]\n"
             "       bench --compare A.json B.json [-o json]\n\nworkloads");
        for (size_t i = 0; i < count; i++)
                printf("  %-10s %s\n", workloads[i].name, workloads[i].summary);
        puts("\noptions");
        for (size_t i = 0; i < OPTIONS_COUNT; i++) {
                const char *takers = entries[i].takers;
                printf("  --%s%s%s", entries[i].name, entries[i].value ? " " : "",
                       entries[i].value ? entries[i].value : "");
                printf("%s%s%s\n      %s\n", takers[0] ? "   (" : "", takers, takers[0] ? ")" : "",
                       entries[i].help);
        }
        puts("\nWhat each workload measures and how to read the keys: docs/BENCHMARKS.md");
}

static int read_level(const char *text, struct bench_options *o, stet_why *why)
{
        size_t place = 0;
        int err = options_read_word("--level", text, levels, &place, why);
        o->level = (stet_level)place;
        return err;
}

static int read_transport(const char *text, struct bench_options *o, stet_why *why)
{
        size_t place = 0;
        int err = options_read_word("--transport", text, transports, &place, why);
        o->transport = transports[place];
        return err;
}

static int read_output(const char *text, struct bench_options *o, stet_why *why)
{
        size_t place = 0;
        int err = options_read_word("-o", text, outputs, &place, why);
        o->json = place == 1;
        return err;
}

static int read_checkpoint(const char *text, struct bench_options *o, stet_why *why)
{
        size_t place = 0;
        int err = options_read_word("--checkpoint", text, checkpoints, &place, why);
        o->checkpoint = (enum bench_checkpoint)place;
        return err;
}

static int read_minutes(const char *text, struct bench_options *o, stet_why *why)
{
        double minutes = 0;
        int err = options_read_real("minutes", text, MINUTES_MAX, &minutes, why);
        o->duration_ms = (int64_t)(minutes * 60 * 1000);
        return err;
}

static int read_retention(const char *text, struct bench_options *o, stet_why *why)
{
        int64_t ms;
        o->retention = text;
        return options_read_duration("retention", text, &ms, why);
}

static bool set_flag(int option, struct bench_options *o)
{
        bool *flag = option == OPTION_ONE_AT_A_TIME ? &o->one_at_a_time
                     : option == OPTION_NO_CEILING  ? &o->no_ceiling
                     : option == OPTION_PARKED      ? &o->parked
                     : option == OPTION_ACTIVE      ? &o->active
                     : option == OPTION_TO_END      ? &o->to_end
                     : option == OPTION_ALL         ? &o->all
                     : option == OPTION_QUICK       ? &o->quick
                     : option == OPTION_COMPARE     ? &o->compare
                                                    : NULL;
        if (flag)
                *flag = true;
        return flag != NULL;
}

static int read_option(int option, const char *text, struct bench_options *o, stet_why *why)
{
        if (set_flag(option, o))
                return 0;
        switch (option) {
        case OPTION_RUNS:
                return options_read_runs(text, RUNS_MAX, o, why);
        case OPTION_PAYLOAD:
                return options_read_payload(text, PAYLOAD_MAX, o, why);
        case OPTION_LEVEL:
                return read_level(text, o, why);
        case OPTION_DATA:
                o->parent_dir = text;
                o->data_dir_given = true;
                return 0;
        case OPTION_TRANSPORT:
                return read_transport(text, o, why);
        case OPTION_EXECUTORS:
                return options_read_count32("executors", text, EXECUTORS_MAX, &o->executors, why);
        case OPTION_IN_FLIGHT:
                return options_read_count32("in-flight", text, IN_FLIGHT_MAX, &o->in_flight, why);
        case OPTION_RATE:
                return options_read_real("rate", text, RATE_MAX, &o->rate, why);
        case OPTION_CHECKPOINT:
                return read_checkpoint(text, o, why);
        case OPTION_WIDTH:
                return options_read_count32("width", text, WIDTH_MAX, &o->width, why);
        case OPTION_SIGNALS:
                return options_read_count("signals", text, RUNS_MAX, &o->signals, why);
        case OPTION_WINDOW:
                return options_read_count32("window", text, IN_FLIGHT_MAX, &o->window, why);
        case OPTION_TRANSITIONS:
                return options_read_count("transitions", text, TRANSITIONS_MAX, &o->transitions, why);
        case OPTION_AFTER:
                return options_read_duration("after", text, &o->after_ms, why);
        case OPTION_SPREAD:
                return options_read_duration("spread", text, &o->spread_ms, why);
        case OPTION_MINUTES:
                return read_minutes(text, o, why);
        case OPTION_RETENTION:
                return read_retention(text, o, why);
        case OPTION_CORES:
                return options_read_count32("cores", text, CORES_MAX, &o->pinned_cores, why);
        case OPTION_PLOT:
                o->plot = text;
                return 0;
        case OPTION_SHARDS:
                return options_read_count32("shards", text, SHARDS_MAX, &o->shards, why);
        case OPTION_SLEEP:
                return options_read_duration("sleep", text, &o->sleep_ms, why);
        case OPTION_REPEAT:
                return options_read_count32("repeat", text, REPEATS_MAX, &o->repeats, why);
        case OPTION_OUT:
                o->out = text;
                return 0;
        default: /* OPTION_OUTPUT */
                return read_output(text, o, why);
        }
}

static int find_workload(const char *name, const struct bench_options_workload *workloads, size_t count,
                         const char **ret, stet_why *why)
{
        char names[256] = "";
        for (size_t i = 0; i < count; i++) {
                if (name && strcmp(name, workloads[i].name) == 0) {
                        *ret = workloads[i].name;
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

/* Whether the word stands in a list of words with spaces between them. */
static bool is_among(const char *word, const char *list)
{
        size_t size = strlen(word);
        for (const char *at = list; *at; at += strspn(at, " ")) {
                size_t length = strcspn(at, " ");
                if (length == size && memcmp(at, word, size) == 0)
                        return true;
                at += length;
        }
        return !*list;
}

static bool is(const struct bench_options *o, const char *workload)
{
        return strcmp(o->workload, workload) == 0;
}

static bool has(const bool *given, enum option_name option)
{
        return given[option - OPTION_RUNS];
}

static int check_timers(const struct bench_options *o, const bool *given, stet_why *why)
{
        if (o->sleep_ms >= 0 && (has(given, OPTION_AFTER) || has(given, OPTION_SPREAD)))
                return stet_why_set(
                    why, STET_EINVAL,
                    "timers --sleep is due from each run's own start: --after and --spread are "
                    "for timers without it");
        if (o->sleep_ms < 0 && has(given, OPTION_TRANSPORT))
                return stet_why_set(why, STET_EINVAL,
                                    "timers takes --transport only with --sleep: what is killed is a server, "
                                    "over tcp");
        if (strcmp(o->transport, "ipc") == 0)
                return stet_why_set(why, STET_EINVAL, "timers takes --transport inproc or tcp");
        return 0;
}

static int check_together(const struct bench_options *o, const bool *given, stet_why *why)
{
        for (size_t i = 0; i < OPTIONS_COUNT; i++)
                if (given[i] && !is_among(o->workload, entries[i].takers))
                        return stet_why_set(why, STET_EINVAL, "%s does not take --%s", o->workload,
                                            entries[i].name);
        if (o->one_at_a_time && o->rate > 0)
                return stet_why_set(why, STET_EINVAL,
                                    "--one-at-a-time waits for each run, --rate for none: give one of them");
        if (o->plot && o->repeats)
                return stet_why_set(why, STET_EINVAL, "--plot draws one measurement: leave out --repeat");
        if (has(given, OPTION_IN_FLIGHT) && (o->one_at_a_time || o->rate > 0))
                return stet_why_set(why, STET_EINVAL, "--in-flight is for the closed loop, not for %s",
                                    o->one_at_a_time ? "--one-at-a-time" : "--rate");
        if (is(o, "signals") && o->in_flight > CLIENTS_MAX)
                return stet_why_set(why, STET_EINVAL,
                                    "signals takes at most --in-flight %d: each is a client", CLIENTS_MAX);
        if (o->runs_count > 1 && !is(o, "recover"))
                return stet_why_set(why, STET_EINVAL, "%s takes one number of --runs", o->workload);
        if (o->payload_count > 1 && !is(o, "chain3"))
                return stet_why_set(why, STET_EINVAL, "%s takes one size of --payload", o->workload);
        if (o->checkpoint == BENCH_CHECKPOINT_BOTH && !is(o, "chain3") && !is(o, "empty"))
                return stet_why_set(why, STET_EINVAL, "%s takes --checkpoint on or off", o->workload);
        if (o->checkpoint == BENCH_CHECKPOINT_BOTH &&
            (strcmp(o->transport, "inproc") != 0 || o->payload_count > 1))
                return stet_why_set(
                    why, STET_EINVAL,
                    "--checkpoint both is for one size of values, inproc: its two nodes are in "
                    "one process");
        if (is(o, "timers"))
                return check_timers(o, given, why);
        if (o->to_end && o->parked && !o->active)
                return stet_why_set(why, STET_EINVAL,
                                    "--to-end is for runs with an activity, --parked leaves them out");
        return 0;
}

/* Few options mean anything to the suite and to a comparison. */
static bool mode_takes(const struct bench_options *o, int option)
{
        if (o->all)
                return option == OPTION_ALL || option == OPTION_OUT || option == OPTION_QUICK ||
                       option == OPTION_DATA;
        return option == OPTION_COMPARE || option == OPTION_OUTPUT;
}

/* Without a workload: the suite, or a comparison. */
static int check_mode(struct bench_options *o, const bool *given, int names_count, char **names,
                      stet_why *why)
{
        o->workload = o->all ? "--all" : "--compare";
        if (o->all && o->compare)
                return stet_why_set(why, STET_EINVAL, "--all or --compare: give one of them");
        for (int i = 0; i < OPTIONS_COUNT; i++)
                if (given[i] && !mode_takes(o, OPTION_RUNS + i))
                        return stet_why_set(why, STET_EINVAL, "%s does not take --%s", o->workload,
                                            entries[i].name);
        if (o->all && names_count)
                return stet_why_set(why, STET_EINVAL, "--all measures a fixed suite: what is \"%s\"?",
                                    names[0]);
        if (o->all && !o->out[0])
                return stet_why_set(why, STET_EINVAL, "--out takes a name, not \"\"");
        if (o->compare && names_count != 2)
                return stet_why_set(why, STET_EINVAL, "--compare takes two documents, A.json B.json, not %d",
                                    names_count);
        for (int i = 0; i < names_count; i++)
                o->compared[i] = names[i];
        return 0;
}

static void fill_defaults(struct bench_options *o)
{
        if (!o->in_flight)
                o->in_flight = is(o, "signals") ? CLIENTS_DEFAULT : IN_FLIGHT_DEFAULT;
        if (o->one_at_a_time)
                o->in_flight = 1;
        if (!o->parked && !o->active)
                o->parked = o->active = true;
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
        return stet_why_set(why, STET_EINVAL, "there is no option %s (bench --help lists them)", name);
}

static void make_long_options(struct option *ret)
{
        for (int i = 0; i < OPTIONS_COUNT; i++)
                ret[i] = (struct option){ entries[i].name, entries[i].value ? required_argument : no_argument,
                                          NULL, OPTION_RUNS + i };
        ret[OPTIONS_COUNT] = (struct option){ "help", no_argument, NULL, 'h' };
        ret[OPTIONS_COUNT + 1] = (struct option){ NULL, 0, NULL, 0 };
}

int bench_options_parse(int argc, char **argv, const struct bench_options_workload *workloads,
                        size_t workloads_count, struct bench_options *ret, stet_why *why)
{
        struct bench_options o = {
                .transport = "inproc",
                .parent_dir = ".",
                .level = STET_LEVEL_SYNC,
                .executors = 1,
                .payload_bytes = PAYLOAD_DEFAULT,
                .width = WIDTH_DEFAULT,
                .signals = SIGNALS_DEFAULT,
                .window = WINDOW_DEFAULT,
                .transitions = TRANSITIONS_DEFAULT,
                .after_ms = -1,
                .spread_ms = -1,
                .sleep_ms = -1,
                .duration_ms = STEADY_DEFAULT_MS,
                .retention = "60s",
                .out = "stet-bench",
        };
        struct option long_options[OPTIONS_COUNT + 2];
        bool given[OPTIONS_COUNT] = { false };
        make_long_options(long_options);
        optind = 0; /* start anew: the command line before us may have used getopt, too */
        for (int option; (option = getopt_long(argc, argv, ":o:h", long_options, NULL)) != -1;) {
                if (option == 'h') {
                        print_help(workloads, workloads_count);
                        return STET_ECANCELED;
                }
                if (option == '?' || option == ':')
                        return refuse_option(option, argv, why);
                if (option == 'o')
                        option = OPTION_OUTPUT;
                int err = read_option(option, optarg, &o, why);
                if (err)
                        return err;
                given[option - OPTION_RUNS] = true;
        }
        if (o.all || o.compare) {
                *ret = o;
                return check_mode(ret, given, argc - optind, argv + optind, why);
        }
        if (argc - optind > 1)
                return stet_why_set(why, STET_EINVAL, "one workload at a time: what is \"%s\"?",
                                    argv[optind + 1]);
        int err = find_workload(argv[optind], workloads, workloads_count, &o.workload, why);
        if (!err)
                err = check_together(&o, given, why);
        if (err)
                return err;
        fill_defaults(&o);
        *ret = o;
        return 0;
}
