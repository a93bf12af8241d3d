/* SPDX-License-Identifier: MIT
 *
 * Repeatable randomness for tests: SplitMix64 (https://prng.di.unimi.it/splitmix64.c), seeded by the test.
 */
#ifndef TESTS_LIB_RANDOM_H
#define TESTS_LIB_RANDOM_H

#include <stddef.h>
#include <stdint.h>

static inline uint64_t random_u64(uint64_t *state)
{
        uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
        z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
        return z ^ z >> 31;
}

/* 0 … bound - 1 */
static inline size_t random_below(uint64_t *state, size_t bound)
{
        return (size_t)(random_u64(state) % bound);
}

/* A number of 0 to 64 random bits: small ones are as common as large ones. */
static inline uint64_t random_scale(uint64_t *state)
{
        unsigned bits = (unsigned)random_below(state, 65);
        return bits ? random_u64(state) >> (64 - bits) : 0;
}

static inline void random_fill(uint64_t *state, void *data, size_t size)
{
        for (size_t i = 0; i < size; i++)
                ((uint8_t *)data)[i] = (uint8_t)random_u64(state);
}

#endif
