/* SPDX-License-Identifier: MIT
 *
 * The workflows and activities that run in the simulator, written against the public headers like anyone's.
 * They look at every value they get: one that finds something wrong fails its run with the kind "Wrong",
 * which the checker takes for a broken promise.
 */
#ifndef TESTS_SIM_FLOWS_H
#define TESTS_SIM_FLOWS_H

#include "stet/app.h"
#include "tests/sim/program.h"

/* program  a small random program (program.h)
 * chain    three calls in a row, each on the result of the one before
 * counter  takes signals "add" until it has its total, a few in each generation
 * mailer   sends numbered signals "add" to a counter, all at once */
int flows_register(stet_app *app);

/* The activities (activities.c). */
int flows_register_activities(stet_app *app);

/* The same names, but `program` is a changed version of its code. */
int flows_register_changed(stet_app *app);

/* Which change, from which step on, and only in runs that started before that time. For both apps of this
 * thread. */
void flows_change(enum program_change change, uint32_t at, int64_t before_ms);

/* What a run of this workflow with this input comes to if it is left alone: its ending (enum run_ending) and
 * its result (an int, when it completes). */
struct flow_fate {
        uint32_t ending;
        int64_t result;
        bool stubborn; /* it may go on although it is cancelled */
};
bool flows_fate(struct bytes workflow, struct bytes input, struct flow_fate *ret);

/* Inputs as bytes. */
struct counter_input {
        uint32_t total; /* signals it takes in all generations */
        uint32_t taken;
        uint32_t each; /* in one generation */
};
void counter_input_pack(struct buffer *b, const struct counter_input *input);
void mailer_input_pack(struct buffer *b, const char *to, uint32_t count);
void chain_input_pack(struct buffer *b, int64_t key);

/* An activity's arguments, and what it answers: bytes of a msgpack value (appended), or false when it fails.
 */
struct activity_input {
        uint64_t key;
        int64_t ms;
        uint32_t fails;
};
bool activity_input_read(struct bytes value, struct activity_input *ret);
bool activity_right_answer(struct bytes activity, struct bytes input, struct buffer *ret);

#endif
