/* SPDX-License-Identifier: MIT
 *
 * What a figure depends on and must be printed beside it: cores, file system, how long this disk takes to
 * sync; and what the process has used.
 */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

#include <stdint.h>

#include "stet/error.h"

struct machine {
        uint32_t cores;          /* this process may use */
        char file_system[32];    /* of the directory: "ext4", "xfs", …, or its magic number */
        double fdatasync_p50_us; /* append 4 KiB and fdatasync, on that file system */
        double commit_p50_us;    /* one record of 120 bytes, one LMDB commit, default flags, there too */
};

/* Looks at the machine and measures the disk under dir (a directory of the caller's; what is made in it is
 * removed). */
int machine_measure(const char *dir, struct machine *ret, stet_why *why);

/* From here on this process, its threads and its children run on the first count of the cores that it may
 * use. STET_EINVAL when it may use fewer. */
int machine_pin(uint32_t count, stet_why *why);

/* The file system's name, as in struct machine. 0 or STET_EIO. */
int machine_file_system(const char *dir, char *buf, size_t size, stet_why *why);

/* CLOCK_MONOTONIC. */
int64_t machine_now_ns(void);

/* Since 1970-01-01 UTC, as nodes count. */
int64_t machine_wall_ms(void);

/* What the files below dir whose paths have the word in them (NULL: all) take on the disk. */
uint64_t machine_disk_bytes(const char *dir, const char *word);

struct usage {
        double cpu_s;       /* user and system, of this process and of its children that were waited for */
        uint64_t rss_bytes; /* the peak so far, likewise */
};

struct usage machine_usage(void);

#endif
