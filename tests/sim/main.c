/* SPDX-License-Identifier: MIT */
#include "tests/sim/sim.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static void line(void *ctx, const char *l) { (void)ctx; puts(l); }
int main(int argc, char **argv)
{
        uint64_t from = argc > 1 ? strtoull(argv[1], 0, 0) : 0, count = argc > 2 ? strtoull(argv[2], 0, 0) : 1;
        bool trace = argc > 3 && atoi(argv[3]);
        struct sim_tally tally; memset(&tally, 0, sizeof tally);
        struct sim_options o = { .kit = sim_kit_new(), .tally = &tally };
        if (argc > 4) o.bug = (enum sim_bug)atoi(argv[4]);
        uint64_t steps = 0, runs = 0, recs = 0, crashes = 0; int64_t worst = 0;
        for (uint64_t seed = from; seed < from + count; seed++) {
                struct sim_report r;
                o.seed = seed; o.story = trace ? line : NULL;
                sim_run(&o, &r);
                steps += r.steps; runs += r.runs; recs += r.records; crashes += r.crashes; if (r.healing_ns > worst) worst = r.healing_ns;
                if (r.broken) { printf("seed %llu step %llu/%llu: %s\n", (unsigned long long)seed, (unsigned long long)r.broken_step, (unsigned long long)r.steps, r.sentence); if (argc <= 5) return 1; }
        }
        printf("%llu seeds, %llu steps %llu runs %llu records %llu crashes worst healing %.1f s\n", (unsigned long long)count, (unsigned long long)steps, (unsigned long long)runs, (unsigned long long)recs, (unsigned long long)crashes, (double)worst / 1e9);
        for (int i = 0; i < FAULTS_COUNT; i++) printf("%8llu %s\n", (unsigned long long)tally.faults[i], sim_fault_words(i));
        for (int i = 0; i < OPERATIONS_COUNT; i++) printf("%8llu %s\n", (unsigned long long)tally.operations[i], sim_operation_words(i));
        sim_kit_free(o.kit);
        return 0;
}
