/* SPDX-License-Identifier: MIT */
#include "tests/sim/flows.h"

#include "actors/vocabulary.h"
#include "base/pack.h"
#include "base/unpack.h"
#include "tests/sim/flow_steps.h"

static _Thread_local struct {
        enum program_change change;
        uint32_t at;
        int64_t before_ms;
} changed;

void flows_change(enum program_change change, uint32_t at, int64_t before_ms)
{
        changed.change = change;
        changed.at = at;
        changed.before_ms = before_ms;
}

/* --- the program as a whole --- */

static int clean_up(struct flow *f)
{
        stet_value result = { 0 };
        int err = flow_work(f->run, 7, &result);
        bool wrong = err && strcmp(stet_failure_kind(f->run), "Wrong") == 0;
        return wrong ? err : STET_ECANCELED;
}

static int carry_out(struct flow *f)
{
        f->accumulator = program_begin(&f->program);
        for (uint32_t i = 0; i < f->program.count; i++) {
                const struct program_step *step = &f->program.steps[i];
                uint64_t before = f->accumulator;
                int err = flow_step(f, step);
                if (flow_was_cancelled(f, err) && !(f->program.stubborn && !f->ignored))
                        return clean_up(f);
                if (flow_was_cancelled(f, err)) {
                        f->ignored = true;
                        f->accumulator = program_mix(before, step);
                } else if (err) {
                        return err;
                }
        }
        return 0;
}

static int conclude(struct flow *f, stet_value *ret)
{
        struct program_input next = program_next(&f->program);
        stet_value in = { 0 };
        int err;
        switch (f->program.end) {
        case END_FAILS:
                return stet_run_fail(f->run, "Own", "it was to fail");
        case END_CONTINUES:
                flow_pack_input(&in, &next);
                err = stet_continue_as_new(f->run, &in);
                stet_value_free(&in);
                return err;
        case END_RETURNS:
                break;
        }
        return stet_value_set_int(ret, (int64_t)(f->accumulator >> 1));
}

static int tell_accumulator(void *context, const stet_value *in, stet_value *ret)
{
        (void)in;
        const struct flow *f = context;
        return stet_value_set_int(ret, (int64_t)(f->accumulator >> 1));
}

static int run_program(stet_run *run, const stet_value *in, stet_value *ret, bool change)
{
        struct flow f = { .run = run };
        struct program_input input;
        if (!program_input_read(bytes_of(in->data, in->size), &input))
                return stet_run_fail(run, "Wrong", "the input is not the one it was started with");
        program_make(&input, &f.program);
        if (change && stet_now_ms(run) < changed.before_ms)
                program_change(&f.program, changed.change, changed.at);
        stet_on_query(run, "accumulator", tell_accumulator, &f);
        int err = carry_out(&f);
        return err ? err : conclude(&f, ret);
}

static int program_flow(stet_run *run, const stet_value *in, stet_value *ret)
{
        return run_program(run, in, ret, false);
}

static int program_flow_changed(stet_run *run, const stet_value *in, stet_value *ret)
{
        return run_program(run, in, ret, true);
}

/* --- the others --- */

enum { CHAIN_LENGTH = 3 };

static int chain_flow(stet_run *run, const stet_value *in, stet_value *ret)
{
        int64_t key = stet_value_int(in, 0);
        for (int i = 0; i < CHAIN_LENGTH; i++) {
                stet_value result = { 0 };
                int err = flow_work(run, key, &result);
                if (err)
                        return err;
                key = stet_value_int(&result, 0);
        }
        return stet_value_set_int(ret, key);
}

static int counter_flow(stet_run *run, const stet_value *in, stet_value *ret)
{
        stet_value total = stet_value_at(in, 0), taken = stet_value_at(in, 1), each = stet_value_at(in, 2);
        int64_t count = stet_value_int(&taken, 0);
        int late = stet_sleep(run, 50); /* signals gather meanwhile */
        if (late)
                return late;
        for (int64_t i = 0; i < stet_value_int(&each, 1) && count < stet_value_int(&total, 0); i++, count++) {
                int err = stet_wait_signal(run, "add", NULL, .timeout_ms = 0);
                if (err)
                        return err;
        }
        if (count == stet_value_int(&total, 0))
                return stet_value_set_int(ret, count);
        stet_value next = { 0 };
        stet_value_pack(&next, "[I,I,I]", stet_value_int(&total, 0), count, stet_value_int(&each, 1));
        int err = stet_continue_as_new(run, &next);
        stet_value_free(&next);
        return err;
}

static int mailer_flow(stet_run *run, const stet_value *in, stet_value *ret)
{
        enum { LETTERS_MAX = 8 };
        stet_future letters[LETTERS_MAX];
        stet_value to_value = stet_value_at(in, 0), count_value = stet_value_at(in, 1);
        size_t count = (size_t)stet_value_int(&count_value, 1) % (LETTERS_MAX + 1);
        char to[40] = "";
        stet_value_get_string(&to_value, to, sizeof to);
        for (size_t i = 0; i < count; i++) {
                stet_value value = { 0 };
                flow_signal_value(&value, run, (unsigned)i);
                letters[i] = stet_signal_start(run, to, "add", &value);
                stet_value_free(&value);
        }
        int err = stet_await_all(run, letters, count);
        return err && err != STET_ENOTFOUND ? err : stet_value_set_int(ret, (int64_t)count);
}

/* --- inputs and fates --- */

void counter_input_pack(struct buffer *b, const struct counter_input *input)
{
        pack_array(b, 3);
        pack_uint(b, input->total);
        pack_uint(b, input->taken);
        pack_uint(b, input->each);
}

void mailer_input_pack(struct buffer *b, const char *to, uint32_t count)
{
        pack_array(b, 2);
        pack_cstr(b, to);
        pack_uint(b, count);
}

void chain_input_pack(struct buffer *b, int64_t key)
{
        pack_int(b, key);
}

static bool counter_fate(struct bytes input, struct flow_fate *ret)
{
        struct cursor c = cursor_of(input);
        cursor_array(&c);
        int64_t total = cursor_int(&c), taken = cursor_int(&c), each = cursor_int(&c);
        bool last = taken + each >= total;
        *ret = (struct flow_fate){ last ? RUN_COMPLETED : RUN_CONTINUED, total, false };
        return !c.failed;
}

static bool program_fate(struct bytes input, struct flow_fate *ret)
{
        static const uint32_t endings[] = {
                [END_RETURNS] = RUN_COMPLETED, [END_FAILS] = RUN_FAILED, [END_CONTINUES] = RUN_CONTINUED
        };
        struct program_input read;
        struct program p;
        if (!program_input_read(input, &read))
                return false;
        program_make(&read, &p);
        *ret = (struct flow_fate){ endings[p.end], program_result(&p), p.stubborn };
        for (uint32_t i = 0; i < p.count; i++)
                ret->stubborn |= p.steps[i].kind == STEP_RANDOM; /* it does not look at how its sleep ended */
        return true;
}

bool flows_fate(struct bytes workflow, struct bytes input, struct flow_fate *ret)
{
        struct cursor c = cursor_of(input);
        if (bytes_equal(workflow, bytes_str("program")))
                return program_fate(input, ret);
        if (bytes_equal(workflow, bytes_str("counter")))
                return counter_fate(input, ret);
        if (bytes_equal(workflow, bytes_str("mailer"))) {
                cursor_array(&c);
                cursor_str(&c);
                *ret = (struct flow_fate){ RUN_COMPLETED, cursor_int(&c), false };
        } else {
                int64_t key = cursor_int(&c);
                for (int i = 0; i < CHAIN_LENGTH; i++)
                        key = activity_answer((uint64_t)key);
                *ret = (struct flow_fate){ RUN_COMPLETED, key, false };
        }
        return !c.failed;
}

static int register_with(stet_app *app, stet_workflow_fn *program)
{
        stet_app_workflow(app, "program", program);
        stet_app_workflow(app, "chain", chain_flow);
        stet_app_workflow(app, "counter", counter_flow);
        stet_app_workflow(app, "mailer", mailer_flow);
        flows_register_activities(app);
        return app->err;
}

int flows_register(stet_app *app)
{
        return register_with(app, program_flow);
}

int flows_register_changed(stet_app *app)
{
        return register_with(app, program_flow_changed);
}
