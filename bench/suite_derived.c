/* SPDX-License-Identifier: MIT */
#include "bench/suite_derived.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bench/document.h"
#include "bench/figures.h"

enum { COMMITS_OF_CHAIN3 = 4, HOPS_OF_CHAIN3 = 8 };

/* One at a time, a run may take so much longer than its commits. */
static const double COMMITS_FACTOR = 1.3;

struct range {
        double median, min, max;
};

struct deriving {
        const stet_value *results;
        struct suite_derived *list;
        size_t count;
};

static stet_value document_of(const struct deriving *d, const char *name)
{
        stet_value result;
        for (size_t cursor = 0; stet_value_next(d->results, &cursor, NULL, &result);) {
                stet_value found = stet_value_get(&result, "name");
                if (stet_value_equals_string(&found, name))
                        return stet_value_get(&result, "document");
        }
        return (stet_value){ 0 };
}

static struct range range_of(const struct deriving *d, const char *name, const char *row, const char *key)
{
        struct range r = { NAN, NAN, NAN };
        struct figures figures;
        stet_value document = document_of(d, name);
        figures_read(&document, &figures);
        const struct figure *f = figures_find(&figures, row, key);
        if (f)
                r = (struct range){ samples_median(&f->samples), samples_min(&f->samples),
                                    samples_max(&f->samples) };
        figures_fini(&figures);
        return r;
}

static struct range ratio(struct range a, struct range b)
{
        return (struct range){ a.median / b.median, a.min / b.max, a.max / b.min };
}

static struct range scaled(struct range r, double factor)
{
        return (struct range){ r.median * factor, r.min * factor, r.max * factor };
}

static void add(struct deriving *d, const char *name, const char *result, struct range r, int decimals,
                const char *sentence)
{
        if (!isfinite(r.median) || d->count == SUITE_DERIVED_MAX)
                return;
        stet_value document = document_of(d, result);
        struct suite_derived *derived = &d->list[d->count++];
        *derived = (struct suite_derived){
                .median = r.median, .min = r.min, .max = r.max, .decimals = decimals, .sentence = sentence
        };
        snprintf(derived->name, sizeof(derived->name), "%s", name);
        document_word(&document, "level", derived->level, sizeof(derived->level));
}

/* --- latency --- */

static void add_one_at_a_time(struct deriving *d)
{
        static const char result[] = "chain3-one-at-a-time";
        struct range p50 = range_of(d, result, "", "p50_us");
        struct range commit =
            scaled(range_of(d, result, "", "commit_p50_us"), COMMITS_FACTOR * COMMITS_OF_CHAIN3);
        struct range hops = scaled(range_of(d, result, "", "hop_us"), HOPS_OF_CHAIN3);
        struct range bound = { commit.median + hops.median, commit.min + hops.min, commit.max + hops.max };
        add(d, "one_at_a_time_p50_us", result, p50, 0,
            "A run that goes alone, from its start to its ending.");
        add(d, "one_at_a_time_bound_us", result, bound, 0,
            "What it may take: 1.3 times four commits of one record, and eight hops.");
        add(d, "one_at_a_time_by_bound", result, ratio(p50, bound), 2,
            "The one by the other; up to 1 is within the bound.");
        add(d, "one_at_a_time_p99_by_p50", result, ratio(range_of(d, result, "", "p99_us"), p50), 2,
            "How much longer the slowest of a hundred takes.");
        add(d, "half_load_p99_by_p50", "chain3-half-load",
            ratio(range_of(d, "chain3-half-load", "", "p99_us"),
                  range_of(d, "chain3-half-load", "", "p50_us")),
            2, "The same with half the load that the node can bear.");
}

/* --- throughput --- */

static void add_rates(struct deriving *d)
{
        struct range chain3 = range_of(d, "chain3", "", "runs_per_s");
        static const struct {
                const char *name, *of, *by, *sentence;
        } ratios[] = {
                { "tcp_by_inproc", "chain3-tcp", "chain3",
                  "What is left when the executors are a process of their own, over tcp." },
                { "ipc_by_inproc", "chain3-ipc", "chain3", "The same over ipc." },
                { "empty_by_chain3", "empty", "chain3",
                  "Runs without an activity by runs with three: one transition, not four." },
                { "all_cores_by_1_core", "chain3-long", "chain3-long-1-core",
                  "What all cores bring, the whole process once pinned to one." },
                { "2_shards_by_1_shard", "chain3-2-shards", "chain3", "What a second shard brings." },
                { "checkpoint_on_by_off", "chain3", "chain3-no-checkpoint", "What checkpoints leave." },
                { "relaxed_by_sync", "chain3-relaxed", "chain3",
                  "What it brings to sync once a second; the level is relaxed in the one, sync in the "
                  "other." },
                { "memory_by_sync", "chain3-memory", "chain3",
                  "What it brings to write nothing; the level is memory in the one, sync in the other." },
        };
        add(d, "ceiling_ratio_inproc", "chain3", range_of(d, "chain3", "", "ceiling_ratio"), 3,
            "The engine's share of what bare LMDB, ZeroMQ and msgpack reach beside it.");
        add(d, "ceiling_ratio_tcp", "chain3-tcp", range_of(d, "chain3-tcp", "", "ceiling_ratio"), 3,
            "The same over tcp, for the engine and the parts.");
        for (size_t i = 0; i < sizeof(ratios) / sizeof(ratios[0]); i++) {
                struct range by = strcmp(ratios[i].by, "chain3") == 0
                                      ? chain3
                                      : range_of(d, ratios[i].by, "", "runs_per_s");
                add(d, ratios[i].name, ratios[i].of, ratio(range_of(d, ratios[i].of, "", "runs_per_s"), by),
                    3, ratios[i].sentence);
        }
}

/* --- costs --- */

/* CPU time of a transition, times the transitions of a run. */
static struct range cpu_ms_per_run(const struct deriving *d, const char *result)
{
        stet_value document = document_of(d, result);
        double transitions =
            document_number(&document, "transitions_per_s") / document_number(&document, "runs_per_s");
        return scaled(range_of(d, result, "", "cpu_s_per_m"), transitions / 1e3);
}

static void add_costs(struct deriving *d)
{
        static const char *const results[] = {
                "chain3",
                "chain3-tcp",
                "chain3-ipc",
                "chain3-no-checkpoint",
                "chain3-1k-in-flight",
                "chain3-10k-in-flight",
                "chain3-100k-in-flight",
                "chain3-1m-in-flight",
                "empty",
        };
        for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
                char name[64];
                snprintf(name, sizeof(name), "cpu_ms_per_run %s", results[i]);
                add(d, name, results[i], cpu_ms_per_run(d, results[i]), 4,
                    i ? "" : "CPU time that a run costs, user and system, all processes, client included.");
        }
        add(d, "cpu_ms_per_run timers-tcp", "timers-tcp", range_of(d, "timers-tcp", "", "cpu_ms_per_run"), 4,
            "The same of a run that sleeps once.");
        add(d, "node_cpu_ms_per_run timers-tcp", "timers-tcp",
            range_of(d, "timers-tcp", "", "node_cpu_ms_per_run"), 4, "Of the node alone.");
}

static void add_others(struct deriving *d)
{
        add(d, "fan_ms", "fan", range_of(d, "fan", "", "fan_ms"), 1,
            "One run that starts 1,000 activities and goes on when all are done.");
        add(d, "timers_lateness_p99_ms", "timers-tcp", range_of(d, "timers-tcp", "", "lateness_p99_ms"), 1,
            "Runs that start at once and sleep 2 s: the recorded wake-up less the time it was due.");
        add(d, "timers_seen_lateness_p99_ms", "timers-tcp",
            range_of(d, "timers-tcp", "", "seen_lateness_p99_ms"), 1,
            "The same at the client: when it hears of the ending, less its own start and the 2 s.");
        add(d, "signals_per_s", "signals", range_of(d, "signals", "spread", "signals_per_s"), 0,
            "Durable signals from 64 clients that each wait for their answer.");
        add(d, "batched_signals_per_s", "signals", range_of(d, "signals", "spread, batched", "signals_per_s"),
            0, "Durable signals to 1,000 runs from one client that has 10,000 under way at any time.");
        add(d, "batched_signals_to_one_run_per_s", "signals",
            range_of(d, "signals", "one run, batched", "signals_per_s"), 0, "The same, all to one run.");
}

size_t suite_derive(const stet_value *results, struct suite_derived ret[SUITE_DERIVED_MAX])
{
        struct deriving d = { .results = results, .list = ret };
        add_rates(&d);
        add_one_at_a_time(&d);
        add_others(&d);
        add_costs(&d);
        return d.count;
}

int suite_derived_document(const stet_value *results, stet_value *ret)
{
        struct suite_derived list[SUITE_DERIVED_MAX];
        size_t count = suite_derive(results, list);
        int err = stet_value_pack(ret, "[]");
        for (size_t i = 0; i < count && !err; i++) {
                const struct suite_derived *d = &list[i];
                stet_value item = { 0 };
                err = stet_value_pack(&item, "{s:s, s:s, s:f, s:f, s:f, s:s}", "name", d->name, "level",
                                      d->level, "median", d->median, "min", d->min, "max", d->max, "sentence",
                                      d->sentence);
                if (!err)
                        err = stet_value_append(ret, &item);
                stet_value_free(&item);
        }
        return err;
}
