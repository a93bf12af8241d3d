/* SPDX-License-Identifier: MIT
 *
 * The code behaviour: a run's definition is a C function on a coroutine. Events are delivered to it, then it
 * is activated: it runs until it waits, and what it asked for are the transition's effects. Everything it
 * knows comes from delivered events, so feeding a new one the run's records brings it to the same point
 * (replay); the effects it gives then must be byte for byte those on record.
 *
 * struct stet_run is what the public functions of stet/workflow.h work on; they are in workflow.c.
 */
#ifndef ACTORS_CODE_H
#define ACTORS_CODE_H

#include "actors/coroutine.h"
#include "actors/vocabulary.h"
#include "base/arena.h"
#include "base/name_set.h"
#include "stet/workflow.h"

typedef void code_log_fn(void *ctx, const struct stet_run *run, stet_log_level level, const char *line);

/* What the codes of one shard share. */
struct code_env {
        struct stack_pool *stacks; /* of code_stacks_new() */
        code_log_fn *log;
        void *log_ctx;
};

/* Each with room for a code at its top. */
struct stack_pool *code_stacks_new(size_t stack_size);

/* Something the code started: an activity, a timer, a wait, a child, a signal. */
struct step {
        uint8_t effect; /* enum effect_type that started it */
        bool done;
        uint32_t code;       /* enum stet_error, when done */
        uint64_t done_order; /* the how manieth to be done */
        struct bytes value;
        struct step_failure *failure; /* NULL: nothing is to be said of it */
        struct code_channel *channel; /* WAIT_SIGNAL, open */
        uint32_t wait_before;         /* ops that stand in the channel before and behind it; 0: none */
        uint32_t wait_behind;
};

struct step_failure {
        struct bytes kind;
        struct bytes text;
};

/* A signal that came and was not taken. */
struct code_signal {
        struct list in_code;
        struct code_signal *next; /* in its channel */
        struct bytes name;
        struct bytes value;
};

/* A signal's name: what waits for it, or what was kept of it. */
struct code_channel {
        struct name_node in_code;
        uint32_t first_wait; /* op; 0: none */
        uint32_t last_wait;
        struct code_signal *kept; /* the oldest */
        struct code_signal **kept_end;
};

struct code_patch {
        struct code_patch *next;
        struct bytes id;
        bool taken;
};

struct code_query {
        struct code_query *next;
        struct bytes name;
        stet_query_fn *fn;
        void *context;
};

/* What the code failed with last, for stet_failure_kind() and stet_failure_message(). */
struct code_failure {
        char kind[128];
        char message[512];
};

/* What most codes need: it lies with the code at the top of the code's stack, and all of that and the frames
 * of a code that waits are one page. */
enum { CODE_STEPS_FEW = 6, CODE_ARENA_SIZE = 1344 };

struct stet_run {
        struct code_env *env;
        stet_workflow_fn *fn;
        struct coroutine *coroutine; /* on whose stack this is */
        stet_arena arena;            /* everything below lives in it, the steps array excepted */

        char run_id[17];
        char *workflow_id;
        struct bytes input;
        uint64_t random_state;
        int64_t now_ns;

        struct step *steps; /* step of op n at n - 1; few, or memory of its own */
        uint32_t steps_count;
        uint32_t steps_capacity;
        uint64_t done_count;
        struct name_set channels; /* one for each name that a signal or a wait has had */
        struct list signals;      /* that came and were not taken, of whatever name, the oldest first */
        struct code_patch *patches;
        struct code_query *queries;

        bool cancel_requested;
        bool cancel_surfacing; /* the next wait returns STET_ECANCELED */
        bool replaying;
        bool finished;
        bool in_query; /* nothing may be started now */

        struct bytes continue_input;  /* of stet_continue_as_new() */
        struct code_failure *failure; /* NULL: it has not failed */

        struct buffer *effects; /* of the transition under way */
        struct bytes expected;  /* on replay: the effects on record */

        struct step few[CODE_STEPS_FEW];
        _Alignas(max_align_t) uint8_t arena_memory[CODE_ARENA_SIZE];
};

/* What fn returned when it is to be continued as new; never leaves the code. */
enum { CODE_CONTINUE = -1 };

/* NULL when there is no memory for a stack. */
struct stet_run *code_new(struct code_env *env, stet_workflow_fn *fn, uint64_t run_id);
void code_free(struct stet_run *code); /* harmless on NULL */

/* Hands an event over (copied). Nothing runs. */
void code_deliver(struct stet_run *code, const struct event *event);

/* A copy that lives as long as the code. */
struct bytes code_keep(struct stet_run *code, struct bytes data);

/* The step's outcome is there; the value lives as long as the code. */
void code_step_done(struct stet_run *code, struct step *step, uint32_t err, struct bytes value);

/* It is activated soon: brings what that needs nearer, in steps 0, 1 (each reads what the one before has
 * brought). */
void code_expect(const struct stet_run *code, unsigned step);

/* Runs the code until it waits or ends, appending its effects. */
void code_activate(struct stet_run *code, int64_t now_ns, struct buffer *effects);

/* Feeds one record of the run's own. STET_ENONDETERMINISM: the code did something else than what is on
 * record; *why names the first difference with both sides; the code must be freed. STET_ECORRUPT. */
int code_replay(struct stet_run *code, uint8_t flags, int64_t time_ns, struct bytes body, stet_why *why);

/* Asks the code. 0 and *ret (msgpack, in the run's arena); STET_ENOTFOUND with the names there are; the query
 * function's error. */
int code_query(struct stet_run *code, struct bytes name, struct bytes in, struct bytes *ret, stet_why *why);

/* The page whose touching means that the code's stack has overflowed. */
const void *code_guard(const struct stet_run *code, size_t *ret_size);

#endif
