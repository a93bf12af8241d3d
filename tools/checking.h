/* SPDX-License-Identifier: MIT
 *
 * Checking a data directory or a backup in a process of its own.
 *
 * LMDB trusts its pages: damage to them can crash the process that reads them. So a child does the reading.
 * It sends each damage through a pipe and keeps the count of records in memory that both share; when a signal
 * kills it, that is a damage like any other, and the count says how far it came.
 */
#ifndef TOOLS_CHECKING_H
#define TOOLS_CHECKING_H

#include "stet/verify.h"

#include <stddef.h>

enum { CHECKING_SENTENCE_SIZE = 400 };

/* One damage on its way through the pipe; smaller than PIPE_BUF, so that it arrives whole or not at all. */
struct found {
        uint64_t lsn;
        uint32_t shard;
        char run_id[20];
        char sentence[CHECKING_SENTENCE_SIZE];
};

struct checking {
        const char *dir;
        stet_verify_report report;
        struct found *found; /* the first ones; more are only counted */
        size_t found_count;
        uint64_t found_total;
};

/* Checks the directory, with progress on a terminal. 0, also when there is damage: then found_total is not
 * 0; or why nothing could be said. */
int checking_run(struct checking *k, const char *dir, stet_why *why);
void checking_fini(struct checking *k);

#endif
