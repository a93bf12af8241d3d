/* SPDX-License-Identifier: MIT
 *
 * State machines as data: a const table says of each state what it is called, where it may go, and whether it
 * is the first or a last one. Every move is checked against the table.
 */
#ifndef BASE_STATE_H
#define BASE_STATE_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

enum state_flags {
        STATE_INITIAL = 1,
        STATE_FINAL = 2,
        STATE_FAILURE = 4,
};

struct state {
        const char *name;
        uint32_t allowed; /* STATE_BIT of each state that may follow */
        uint8_t flags;
};

#define STATE_BIT(state) (UINT32_C(1) << (state))

static inline bool state_allows(const struct state *table, unsigned from, unsigned to)
{
        return to < 32 && (table[from].allowed & STATE_BIT(to)) != 0;
}

/* Where the table does not allow it, our own code is wrong: the process stops. */
static inline uint8_t state_move(const struct state *table, unsigned from, unsigned to)
{
        assert(state_allows(table, from, to));
        return (uint8_t)to;
}

#endif
