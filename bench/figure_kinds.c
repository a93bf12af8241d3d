/* SPDX-License-Identifier: MIT */
#include "bench/figure_kinds.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "bench/number_text.h"
#include "bench/report_table.h"

/* Numbers from here on are shown without decimals. */
enum { WHOLE_FROM = 1000 };

/* What is no figure here is only a setting (in_flight, rate), or follows from others (seconds). */
static const struct figure_kind kinds[] = {
        { "runs_per_s", "runs/s", FIGURE_HIGHER, 0 },
        { "transitions_per_s", "transitions/s", FIGURE_NEITHER, 0 }, /* follows from runs/s */
        { "p50_us", "µs, p50", FIGURE_LOWER, REPORT_MICROS },
        { "p90_us", "µs, p90", FIGURE_LOWER, REPORT_MICROS },
        { "p99_us", "µs, p99", FIGURE_LOWER, REPORT_MICROS },
        { "p999_us", "µs, p99.9", FIGURE_LOWER, REPORT_MICROS },
        { "max_us", "µs, longest", FIGURE_LOWER, REPORT_MICROS },
        { "records_per_commit", "records a commit", FIGURE_NEITHER, 1 },
        { "record_bytes", "bytes of a transition", FIGURE_LOWER, 0 },
        { "disk_bytes_per_run", "disk bytes/run", FIGURE_LOWER, 0 },
        { "cpu_s_per_m", "CPU seconds a million", FIGURE_LOWER, 2 },
        { "rss_bytes", "resident bytes", FIGURE_LOWER, 0 },
        { "ceiling_runs_per_s", "ceiling's runs/s", FIGURE_NEITHER, 0 },
        { "ceiling_ratio", "share of the ceiling", FIGURE_HIGHER, 3 },
        { "ceiling_p50_us", "ceiling's µs, p50", FIGURE_NEITHER, REPORT_MICROS },
        { "hop_us", "hop µs", FIGURE_NEITHER, REPORT_MICROS },
        { "fdatasync_p50_us", "fdatasync µs, p50", FIGURE_NEITHER, REPORT_MICROS },
        { "commit_p50_us", "LMDB commit µs, p50", FIGURE_NEITHER, REPORT_MICROS },
        /* tables */
        { "records_per_s", "records/s", FIGURE_HIGHER, 0 },
        { "log_mb_per_s", "log MB/s", FIGURE_HIGHER, 1 },
        { "raw_mb_per_s", "bare LMDB MB/s", FIGURE_NEITHER, 1 },
        { "ratio", "share of bare LMDB", FIGURE_HIGHER, 3 },
        { "signals_per_s", "signals/s", FIGURE_HIGHER, 0 },
        /* --checkpoint both */
        { "off_runs_per_s", "runs/s, no checkpoints", FIGURE_HIGHER, 0 },
        { "off_p50_us", "µs, p50, no checkpoints", FIGURE_LOWER, REPORT_MICROS },
        { "off_p99_us", "µs, p99, no checkpoints", FIGURE_LOWER, REPORT_MICROS },
        { "checkpoint_ratio", "with / without", FIGURE_HIGHER, 3 },
        { "kept_up_ratio", "with / without, kept up", FIGURE_HIGHER, 3 },
        { "cpu_ratio", "CPU, with / without", FIGURE_LOWER, 3 },
        { "rest_cpu_s", "CPU seconds of the rest", FIGURE_LOWER, 3 },
        { "cpu_s_per_m_runs", "CPU seconds a million runs", FIGURE_LOWER, 2 },
        /* fan */
        { "fan_ms", "ms until all are joined", FIGURE_LOWER, 1 },
        { "activities_per_s", "activities/s", FIGURE_HIGHER, 0 },
        /* timers */
        { "rss_bytes_per_run", "resident bytes/run", FIGURE_LOWER, 0 },
        { "anon_bytes_per_run", "own bytes/run", FIGURE_LOWER, 0 },
        { "file_bytes_per_run", "mapped bytes/run", FIGURE_NEITHER, 0 },
        { "parked_rss_bytes", "resident bytes, all asleep", FIGURE_LOWER, 0 },
        { "parked_anon_bytes", "own bytes, all asleep", FIGURE_LOWER, 0 },
        { "recovered_rss_bytes", "resident bytes, restarted", FIGURE_LOWER, 0 },
        { "recovered_anon_bytes", "own bytes, restarted", FIGURE_LOWER, 0 },
        { "after_rss_bytes", "resident bytes, all fired", FIGURE_LOWER, 0 },
        { "after_anon_bytes", "own bytes, all fired", FIGURE_LOWER, 0 },
        { "empty_rss_bytes", "resident bytes, no run", FIGURE_LOWER, 0 },
        { "empty_anon_bytes", "own bytes, no run", FIGURE_LOWER, 0 },
        { "settle_s", "s until memory is steady", FIGURE_NEITHER, 1 },
        { "fired_per_s", "fired a second", FIGURE_HIGHER, 0 },
        { "lateness_p50_ms", "late ms, p50", FIGURE_LOWER, 1 },
        { "lateness_p99_ms", "late ms, p99", FIGURE_LOWER, 1 },
        { "lateness_p999_ms", "late ms, p99.9", FIGURE_LOWER, 1 },
        { "lateness_max_ms", "late ms, longest", FIGURE_LOWER, 1 },
        { "seen_lateness_p50_ms", "seen late ms, p50", FIGURE_LOWER, 1 },
        { "seen_lateness_p99_ms", "seen late ms, p99", FIGURE_LOWER, 1 },
        { "seen_lateness_max_ms", "seen late ms, longest", FIGURE_LOWER, 1 },
        { "starts_s", "s until all are durable", FIGURE_LOWER, 3 },
        { "all_done_s", "s until all have ended", FIGURE_LOWER, 3 },
        { "cpu_ms_per_run", "CPU ms/run", FIGURE_LOWER, 4 },
        { "node_cpu_ms_per_run", "server's CPU ms/run", FIGURE_LOWER, 4 },
        { "fired_again", "fired again", FIGURE_LOWER, 0 },
        { "fired_early", "fired early", FIGURE_LOWER, 0 },
        { "lost", "lost", FIGURE_LOWER, 0 },
        /* recover */
        { "lag_bytes", "log bytes behind", FIGURE_NEITHER, 0 },
        { "ready_ms", "ready after ms", FIGURE_LOWER, 1 },
        { "ready_cpu_ms", "CPU ms until ready", FIGURE_LOWER, 1 },
        { "first_step_ms", "first step after ms", FIGURE_LOWER, 1 },
        { "all_done_ms", "all done after ms", FIGURE_LOWER, 1 },
        { "anon_bytes", "own bytes", FIGURE_LOWER, 0 },
        /* history */
        { "signals_ratio", "signals, last / first", FIGURE_LOWER, 2 },
        { "activities_ratio", "activities, last / first", FIGURE_LOWER, 2 },
        { "one_us", "µs, one in flight", FIGURE_LOWER, REPORT_MICROS },
        { "one_cpu_us", "CPU µs, one in flight", FIGURE_LOWER, REPORT_MICROS },
        { "many_us", "µs, many in flight", FIGURE_LOWER, REPORT_MICROS },
        { "many_cpu_us", "CPU µs, many in flight", FIGURE_LOWER, REPORT_MICROS },
        /* steady */
        { "slope_per_min", "growth a minute", FIGURE_LOWER, 1 },
};

const struct figure_kind *figure_kind_of(const char *key)
{
        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
                if (strcmp(kinds[i].key, key) == 0)
                        return &kinds[i];
        return NULL;
}

const char *figure_kind_text(const struct figure_kind *kind, double value)
{
        if (kind->decimals == REPORT_MICROS)
                return number_text_micros(value);
        return number_text(value, fabs(value) < WHOLE_FROM ? kind->decimals : 0);
}
