/* SPDX-License-Identifier: MIT
 *
 * The steps of a program, carried out on the engine: one function a kind (program.h).
 */
#ifndef TESTS_SIM_FLOW_STEPS_H
#define TESTS_SIM_FLOW_STEPS_H

#include "stet/workflow.h"
#include "tests/sim/program.h"

/* A program under way. */
struct flow {
        stet_run *run;
        struct program program;
        uint64_t accumulator;
        bool ignored; /* it was cancelled, and went on */
};

/* 0: on to the next step; else what the run ends with. */
int flow_step(struct flow *f, const struct program_step *step);

/* A call of "work" whose answer must be right: 0 or the call's error. */
int flow_work(stet_run *run, int64_t key, stet_value *ret);

bool flow_was_cancelled(const struct flow *f, int err);
void flow_pack_input(stet_value *v, const struct program_input *input);
void flow_signal_value(stet_value *v, const stet_run *run, unsigned number);

#endif
