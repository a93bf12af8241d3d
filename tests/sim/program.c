/* SPDX-License-Identifier: MIT */
#include "tests/sim/program.h"

#include "base/pack.h"
#include "base/unpack.h"
#include "tests/lib/random.h"

/* --- making --- */

static uint8_t pick_kind(uint64_t *random, uint64_t mask, uint32_t depth)
{
        if (depth >= PROGRAM_DEPTH_MAX)
                mask &= ~(UINT64_C(31) << STEP_CHILD);
        if (!mask)
                return STEP_CALL;
        uint8_t kind;
        do
                kind = (uint8_t)random_below(random, STEP_KINDS);
        while (!(mask >> kind & 1));
        return kind;
}

/* Mostly short, now and then seconds. */
static int64_t pick_ms(uint64_t *random)
{
        static const int64_t most[] = { 2, 20, 20, 200, 200, 3000 };
        return 1 + (int64_t)random_below(random, (size_t)most[random_below(random, 6)]);
}

static bool waits(uint8_t kind)
{
        return kind == STEP_SLEEP || kind == STEP_SLEEP_UNTIL || kind == STEP_SIGNAL_TIMEOUT;
}

static enum program_end pick_end(uint64_t *random, const struct program_input *input)
{
        size_t roll = random_below(random, 10);
        if (roll == 0)
                return END_FAILS;
        return roll <= 2 && input->generation < 2 && input->depth == 0 ? END_CONTINUES : END_RETURNS;
}

void program_make(const struct program_input *input, struct program *ret)
{
        uint64_t random = hash_u64(input->seed + input->generation * UINT64_C(0x9e3779b97f4a7c15));
        *ret = (struct program){ .input = *input };
        ret->count = 1 + (uint32_t)random_below(&random, input->depth ? 3 : PROGRAM_STEPS_MAX - 2);
        for (uint32_t i = 0; i < ret->count; i++) {
                struct program_step *step = &ret->steps[i];
                step->kind = pick_kind(&random, input->mask, input->depth);
                step->count = (uint8_t)(1 + random_below(&random, PROGRAM_FAN_MAX));
                step->key = random_u64(&random);
                step->ms = pick_ms(&random);
                if (input->mask & PROGRAM_LONG_WAITS && waits(step->kind))
                        step->ms *= 4;
        }
        ret->stubborn = random_below(&random, 4) == 0;
        ret->end = pick_end(&random, input);
}

void program_change(struct program *p, enum program_change change, uint32_t at)
{
        struct program_step *step = &p->steps[at];
        struct program_step swapped = *step;
        switch (change) {
        case CHANGE_INSERT:
                memmove(step + 1, step, (p->count - at) * sizeof *step);
                *step = (struct program_step){ .kind = STEP_SLEEP,
                                               .key = 1,
                                               .ms = 1000000 }; /* no program sleeps so long */
                p->count++;
                break;
        case CHANGE_REMOVE:
                memmove(step, step + 1, (p->count - at - 1) * sizeof *step);
                p->count--;
                break;
        case CHANGE_SWAP:
                *step = step[1];
                step[1] = swapped;
                break;
        case CHANGE_KEY:
                step->key++;
                break;
        case CHANGE_NONE:
        case CHANGES_COUNT:
                break;
        }
}

/* --- what must come out --- */

static uint64_t mix(uint64_t accumulator, uint64_t value)
{
        return hash_u64(accumulator ^ value) + value;
}

uint64_t program_begin(const struct program *p)
{
        return mix(p->input.seed, p->input.generation);
}

uint64_t program_mix(uint64_t accumulator, const struct program_step *step)
{
        switch ((enum step_kind)step->kind) {
        case STEP_CALL:
        case STEP_FLAKY:
        case STEP_BEAT:
        case STEP_LATE:
                return mix(accumulator, (uint64_t)activity_answer(step->key));
        case STEP_FAN_ALL:
                for (uint32_t i = 0; i < step->count; i++)
                        accumulator = mix(accumulator, (uint64_t)activity_answer(step->key + i));
                return accumulator;
        default:
                return mix(accumulator, step->kind);
        }
}

int64_t program_result(const struct program *p)
{
        uint64_t accumulator = program_begin(p);
        for (uint32_t i = 0; i < p->count; i++)
                accumulator = program_mix(accumulator, &p->steps[i]);
        return (int64_t)(accumulator >> 1);
}

struct program_input program_next(const struct program *p)
{
        struct program_input next = p->input;
        next.generation++;
        return next;
}

struct program_input program_child(const struct program *p, const struct program_step *step)
{
        return (
            struct program_input){ .seed = step->key, .depth = p->input.depth + 1, .mask = p->input.mask };
}

/* --- as bytes --- */

void program_input_pack(struct buffer *b, const struct program_input *input)
{
        pack_array(b, 4);
        pack_uint(b, input->seed);
        pack_uint(b, input->generation);
        pack_uint(b, input->depth);
        pack_uint(b, input->mask);
}

bool program_input_read(struct bytes value, struct program_input *ret)
{
        struct cursor c = cursor_of(value);
        bool four = cursor_array(&c) == 4;
        *ret = (struct program_input){ .seed = cursor_uint(&c) };
        ret->generation = (uint32_t)cursor_uint(&c);
        ret->depth = (uint32_t)cursor_uint(&c);
        ret->mask = cursor_uint(&c);
        return four && !c.failed;
}
