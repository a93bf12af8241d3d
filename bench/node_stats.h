/* SPDX-License-Identifier: MIT
 *
 * What a node says of itself (`stats`), as numbers: those that a workload puts beside its figures.
 */
#ifndef BENCH_NODE_STATS_H
#define BENCH_NODE_STATS_H

#include "stet/stet.h"

/* NAN: the node does not say. */
struct node_stats {
        double runs_open;
        double runs_ended;
        double runs_in_memory;
        double commits;
        double records;
        double log_bytes;
        double log_disk_bytes;
        double store_bytes;
        double lag_bytes; /* of the log: not in the store yet */
};

int node_stats_read(stet_client *client, struct node_stats *ret, stet_why *why);

#endif
