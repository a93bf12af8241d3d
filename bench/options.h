/* SPDX-License-Identifier: MIT
 *
 * The command line of `bench`.
 */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "stet/node.h"

struct bench_options {
        const char *workload;
        const char *transport;  /* "inproc", "ipc", "tcp" */
        const char *parent_dir; /* where the temporary directory is made */
        stet_level level;
        uint64_t runs; /* 0: the workload's own number */
        uint32_t executors;
        uint32_t in_flight;
        uint32_t payload_bytes;
        double rate; /* runs a second, open loop; 0: closed loop */
        bool one_at_a_time;
        bool no_ceiling;
        bool json;
        bool data_dir_given;
};

/* Which options a workload takes beside --level, --data, --payload, --runs, -o and --help. */
enum {
        BENCH_TAKES_TRANSPORT = 1, /* --transport, --executors, --in-flight, --one-at-a-time */
        BENCH_TAKES_ENGINE = 2,    /* --rate, --no-ceiling */
};

struct bench_options_workload {
        const char *name;
        const char *summary;
        unsigned takes;
};

/* Reads argv. 0; STET_ECANCELED when help was asked for (and printed to standard output); STET_EINVAL with a
 * sentence. The strings of *ret are borrowed from argv. */
int bench_options_parse(int argc, char **argv, const struct bench_options_workload *workloads,
                        size_t workloads_count, struct bench_options *ret, stet_why *why);

/* "sync", "relaxed", "memory". */
const char *bench_level_name(stet_level level);

#endif
