/* SPDX-License-Identifier: MIT
 *
 * Small random programs: what a simulated workflow does, as data that follows from its input alone. The
 * workflow (flows.c) carries one out on the engine; the functions here say, without any engine, what must
 * come out. Steps whose outcome is open (which of two came first, whether a signal came in time) leave no
 * trace in the result, so every program has one right result, whatever breaks meanwhile.
 */
#ifndef TESTS_SIM_PROGRAM_H
#define TESTS_SIM_PROGRAM_H

#include "base/buffer.h"
#include "base/map.h"

enum step_kind {
        STEP_CALL,
        STEP_FLAKY,   /* fails a few times first */
        STEP_BROKEN,  /* fails for good */
        STEP_EXHAUST, /* fails until its attempts are used up */
        STEP_BEAT,    /* takes long, and heartbeats */
        STEP_LATE,    /* the first attempt takes longer than its timeout */
        STEP_NOBODY,  /* of an activity that nobody serves, with a schedule-to-start timeout */
        STEP_ODD,     /* gives an odd value */
        STEP_FAN_ALL,
        STEP_FAN_ANY,
        STEP_FAN_FIRST,
        STEP_UNAWAITED, /* started, never awaited */
        STEP_DROPPED,   /* started and given up at once */
        STEP_SLEEP,
        STEP_SLEEP_UNTIL,
        STEP_SIGNAL, /* waits for one, without a limit */
        STEP_SIGNAL_TIMEOUT,
        STEP_SEND,
        STEP_BURST, /* three signals to one run at once */
        STEP_CHILD,
        STEP_CHILD_TAKEN, /* with an id that others use, too */
        STEP_CHILD_ABANDONED,
        STEP_CHILD_CANCELED, /* given up after a while */
        STEP_CHILD_LEFT,     /* not awaited: cancelled with its parent */
        STEP_PATCH,
        STEP_STATUS,
        STEP_RANDOM,
        STEP_KINDS
};

enum program_end { END_RETURNS, END_FAILS, END_CONTINUES };

enum {
        PROGRAM_STEPS_MAX = 10,
        PROGRAM_FAN_MAX = 4,
        PROGRAM_DEPTH_MAX = 2,
        PROGRAM_TARGETS = 12,
        PROGRAM_NAMES = 3
};

struct program_step {
        uint8_t kind;  /* enum step_kind */
        uint8_t count; /* of a fan; failures of a flaky one */
        uint64_t key;
        int64_t ms; /* how long it sleeps, waits or takes */
};

struct program_input {
        uint64_t seed;
        uint32_t generation; /* how often it was continued as new */
        uint32_t depth;      /* how many parents it has */
        uint64_t mask;       /* of the step kinds it may use */
};

struct program {
        struct program_input input;
        struct program_step steps[PROGRAM_STEPS_MAX + 1]; /* one more for a changed version of the code */
        uint32_t count;
        bool stubborn; /* goes on when it is cancelled for the first time */
        enum program_end end;
};

static const uint64_t program_mask_all = (UINT64_C(1) << STEP_KINDS) - 1;
/* In a mask: it sleeps and waits four times as long. */
#define PROGRAM_LONG_WAITS (UINT64_C(1) << 63)

void program_make(const struct program_input *input, struct program *ret);

/* The same program in a changed version of its code. NULL, or why the history can't tell the two apart. */
enum program_change { CHANGE_NONE, CHANGE_INSERT, CHANGE_REMOVE, CHANGE_SWAP, CHANGE_KEY, CHANGES_COUNT };
void program_change(struct program *p, enum program_change change, uint32_t at);

/* The accumulator after a step that went as it should. */
uint64_t program_mix(uint64_t accumulator, const struct program_step *step);
uint64_t program_begin(const struct program *p);
int64_t program_result(const struct program *p); /* of one that returns */

/* The input of the run that continues it, and of a child of that step. */
struct program_input program_next(const struct program *p);
struct program_input program_child(const struct program *p, const struct program_step *step);

void program_input_pack(struct buffer *b, const struct program_input *input);
bool program_input_read(struct bytes value, struct program_input *ret);

/* What the simulated activities answer. */
static inline int64_t activity_answer(uint64_t key)
{
        return (int64_t)(hash_u64(key + UINT64_C(0x5bd1e995)) >> 1);
}

/* The workflow id that a signal or an explicit child id names. */
static inline uint32_t program_target(uint64_t key)
{
        return (uint32_t)(hash_u64(key ^ 0x7a) % PROGRAM_TARGETS);
}

#endif
