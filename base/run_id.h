/* SPDX-License-Identifier: MIT
 *
 * Run ids as text: 16 lower-case hexadecimal digits.
 */
#ifndef BASE_RUN_ID_H
#define BASE_RUN_ID_H

#include <endian.h>

#include "base/bytes.h"

enum { RUN_ID_SIZE = 17 }; /* with the NUL */

/* Eight digits at a time, a byte each: those from 10 on are 'a' - '0' - 10 further. */
static inline void run_id_print_half(uint32_t half, char *ret_text)
{
        uint64_t x = half;
        x = (x | x << 16) & UINT64_C(0x0000ffff0000ffff);
        x = (x | x << 8) & UINT64_C(0x00ff00ff00ff00ff);
        x = (x | x << 4) & UINT64_C(0x0f0f0f0f0f0f0f0f);
        uint64_t letters = (x + UINT64_C(0x0606060606060606)) >> 4 & UINT64_C(0x0101010101010101);
        x = htobe64(x + UINT64_C(0x3030303030303030) + letters * ('a' - '0' - 10));
        memcpy(ret_text, &x, sizeof x);
}

static inline void run_id_print(uint64_t run, char ret_text[RUN_ID_SIZE])
{
        run_id_print_half((uint32_t)(run >> 32), ret_text);
        run_id_print_half((uint32_t)run, ret_text + 8);
        ret_text[16] = 0;
}

/* "0123456789abcdef" to a run id; false if it is none. */
bool run_id_parse(struct bytes text, uint64_t *ret);

#endif
