/* SPDX-License-Identifier: MIT */
#include "bench/node_stats.h"

#include <math.h>

static double number(const stet_value *stats, const char *map, const char *key)
{
        stet_value inner = stet_value_get(stats, map);
        stet_value item = stet_value_get(&inner, key);
        return stet_value_double(&item, (double)NAN);
}

int node_stats_read(stet_client *client, struct node_stats *ret, stet_why *why)
{
        static const char *const endings[] = { "completed", "failed", "canceled", "terminated", "continued" };
        stet_value stats = { 0 };
        int err = stet_client_stats(client, &stats, why);
        if (err)
                return err;
        *ret = (struct node_stats){
                .runs_open = number(&stats, "runs", "open"),
                .runs_in_memory = number(&stats, "runs", "in_memory"),
                .commits = number(&stats, "log", "commits"),
                .records = number(&stats, "log", "records"),
                .log_bytes = number(&stats, "log", "bytes"),
                .log_disk_bytes = number(&stats, "log", "disk_bytes"),
                .store_bytes = number(&stats, "store", "store_bytes"),
                .lag_bytes = number(&stats, "store", "lag_bytes"),
        };
        for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
                ret->runs_ended += number(&stats, "runs", endings[i]);
        stet_value_free(&stats);
        return 0;
}
