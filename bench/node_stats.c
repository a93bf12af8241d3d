/* SPDX-License-Identifier: MIT */
#include "bench/node_stats.h"

#include <math.h>

/* By its key alone, in whichever of the maps it stands. */
static double number(const stet_value *stats, const char *key)
{
        stet_value map, found;
        for (size_t cursor = 0; stet_value_next(stats, &cursor, NULL, &map);) {
                found = stet_value_get(&map, key);
                if (stet_value_type(&found) == STET_INT)
                        return stet_value_double(&found, 0);
        }
        return NAN;
}

int node_stats_read(stet_client *client, struct node_stats *ret, stet_why *why)
{
        static const char *const endings[] = { "completed", "failed", "canceled", "terminated", "continued" };
        stet_value stats = { 0 };
        int err = stet_client_stats(client, &stats, why);
        if (err)
                return err;
        *ret = (struct node_stats){
                .runs_open = number(&stats, "open"),
                .runs_in_memory = number(&stats, "runs_in_memory"),
                .timers = number(&stats, "timers"),
                .commits = number(&stats, "commits"),
                .records = number(&stats, "records"),
                .log_bytes = number(&stats, "bytes"),
                .log_disk_bytes = number(&stats, "disk_bytes"),
                .checkpoint_lag_bytes = number(&stats, "checkpoint_lag_bytes"),
        };
        for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
                ret->runs_ended += number(&stats, endings[i]);
        stet_value_free(&stats);
        return 0;
}
