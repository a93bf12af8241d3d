/* SPDX-License-Identifier: MIT
 *
 * The command line of `bench`.
 */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "stet/node.h"

enum { BENCH_LIST_MAX = 16 };

enum bench_checkpoint { BENCH_CHECKPOINT_ON, BENCH_CHECKPOINT_OFF, BENCH_CHECKPOINT_BOTH };

struct bench_options {
        const char *workload;
        const char *transport;  /* "inproc", "ipc", "tcp" */
        const char *parent_dir; /* where the temporary directory is made */
        stet_level level;
        uint64_t runs; /* 0: the workload's own number; the first of the list */
        uint64_t runs_list[BENCH_LIST_MAX];
        size_t runs_count;
        uint32_t executors;
        uint32_t in_flight;
        uint32_t payload_bytes; /* the first of the list */
        uint32_t payload_list[BENCH_LIST_MAX];
        size_t payload_count;
        double rate; /* runs a second, open loop; 0: closed loop */
        uint32_t width;
        uint64_t signals;
        uint32_t window;
        uint64_t transitions;
        int64_t after_ms;    /* -1: the workload's own */
        int64_t spread_ms;   /* likewise */
        int64_t duration_ms; /* of steady */
        const char *retention;
        enum bench_checkpoint checkpoint;
        uint32_t pinned_cores; /* 0: all that the process may use */
        const char *plot;      /* where the picture goes; NULL: none is drawn */
        uint32_t shards;       /* of the node; 0: its own number */
        int64_t sleep_ms;      /* of timers; -1: they are killed in between */
        uint32_t repeats;      /* 0: once, and no word about it */
        const char *out;       /* of --all: the name of its documents */
        const char *compared[2];
        bool all;     /* the suite, and no workload */
        bool quick;   /* … a small one */
        bool compare; /* two documents, and no workload */
        bool parked;
        bool active;
        bool to_end;
        bool one_at_a_time;
        bool no_ceiling;
        bool json;
        bool data_dir_given;
};

struct bench_options_workload {
        const char *name;
        const char *summary;
};

/* Reads argv. 0; STET_ECANCELED when help was asked for (and printed to standard output); STET_EINVAL with a
 * sentence. The strings of *ret are borrowed from argv. */
int bench_options_parse(int argc, char **argv, const struct bench_options_workload *workloads,
                        size_t workloads_count, struct bench_options *ret, stet_why *why);

/* "sync", "relaxed", "memory". */
const char *bench_level_name(stet_level level);

#endif
