/* SPDX-License-Identifier: MIT */
#include "bench/suite_steps.h"

#include <stdio.h>

/* Of an open loop. */
static const double RATED_S = 5;
static const double RATED_QUICK_S = 0.25;

const struct suite_step suite_steps[] = {
        { "raw", "raw", "", "--runs 1000", 2, 9, NULL },
        { "ceiling", "ceiling", "--runs 300000", "--runs 15000", 5, 1, NULL },
        { "chain3", "chain3", "--runs 400000", "--runs 10000", 5, 5.8, NULL },
        { "chain3-tcp", "chain3 --transport tcp", "--runs 200000", "--runs 5000", 5, 3.6, NULL },
        { "chain3-ipc", "chain3 --transport ipc", "--runs 100000", "--runs 5000", 5, 2.4, NULL },
        { "chain3-relaxed", "chain3 --level relaxed", "--runs 200000", "--runs 10000", 3, 3.9, NULL },
        { "chain3-memory", "chain3 --level memory", "--runs 200000", "--runs 10000", 3, 3.8, NULL },
        { "chain3-one-at-a-time", "chain3 --one-at-a-time", "--runs 1000", "--runs 50", 5, 3.4, NULL },
        { "chain3-half-load", "chain3", "", "", 5, 5.8, "chain3" },
        { "chain3-no-checkpoint", "chain3 --checkpoint off", "--runs 400000", "--runs 10000", 3, 5, NULL },
        { "chain3-2-shards", "chain3 --shards 2 --no-ceiling", "--runs 400000", "--runs 10000", 5, 6, NULL },
        /* So long that the store can't fall behind any more: on one core it does that first. */
        { "chain3-long", "chain3 --no-ceiling", "--runs 600000", "--runs 10000", 3, 7, NULL },
        { "chain3-long-1-core", "chain3 --cores 1 --no-ceiling", "--runs 600000", "--runs 5000", 3, 13,
          NULL },
        { "chain3-1k-in-flight", "chain3 --in-flight 1000 --no-ceiling", "--runs 200000", "--runs 10000", 3,
          4, NULL },
        { "chain3-10k-in-flight", "chain3 --in-flight 10000 --no-ceiling", "--runs 200000", "--runs 10000", 3,
          4, NULL },
        { "chain3-100k-in-flight", "chain3 --in-flight 100000 --no-ceiling", "--runs 200000", "--runs 10000",
          3, 8, NULL },
        { "chain3-1m-in-flight", "chain3 --in-flight 1000000 --no-ceiling", "--runs 1000000", "--runs 50000",
          1, 50, NULL },
        { "empty", "empty", "--runs 400000", "--runs 20000", 5, 4, NULL },
        { "fan", "fan --width 1000", "--runs 50", "--runs 3", 5, 1.5, NULL },
        { "payload", "chain3", "--payload 1,100,1k,10k,100k,1m", "--payload 1,1k,1m --runs 50", 2, 22, NULL },
        { "signals", "signals", "--signals 100000", "--signals 5000", 5, 9, NULL },
        { "timers", "timers --sleep 2s", "--runs 10000", "--runs 500", 5, 3, NULL },
        { "timers-tcp", "timers --sleep 2s --transport tcp", "--runs 10000", "--runs 500", 5, 3.3, NULL },
        { "history", "history", "--transitions 100000", "--transitions 1000", 1, 16, NULL },
        { "recover", "recover", "--runs 1000,100000,1000000", "--runs 50,5000,50000", 1, 16, NULL },
};

const size_t suite_steps_count = sizeof(suite_steps) / sizeof(suite_steps[0]);

void suite_step_command(const struct suite_step *step, bool quick, double reached, char *buf, size_t size)
{
        const char *more = quick ? step->quick_size : step->size;
        if (step->rate_of) {
                double rate = reached > 2 ? reached / 2 : 1;
                double runs = rate * (quick ? RATED_QUICK_S : RATED_S);
                snprintf(buf, size, "%s --rate %.0f --runs %.0f", step->command, rate, runs + 1);
        } else {
                snprintf(buf, size, "%s%s%s", step->command, more[0] ? " " : "", more);
        }
}

uint32_t suite_step_repeats(const struct suite_step *step, bool quick)
{
        return quick && step->repeats > SUITE_QUICK_REPEATS ? SUITE_QUICK_REPEATS : step->repeats;
}
