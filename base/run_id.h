/* SPDX-License-Identifier: MIT
 *
 * Run ids as text: 16 lower-case hexadecimal digits.
 */
#ifndef BASE_RUN_ID_H
#define BASE_RUN_ID_H

#include "base/bytes.h"

enum { RUN_ID_SIZE = 17 }; /* with the NUL */

static inline void run_id_print(uint64_t run, char ret_text[RUN_ID_SIZE])
{
        static const char digits[] = "0123456789abcdef";
        for (unsigned i = 0; i < 16; i++)
                ret_text[i] = digits[run >> (60 - 4 * i) & 15];
        ret_text[16] = 0;
}

/* "0123456789abcdef" to a run id; false if it is none. */
bool run_id_parse(struct bytes text, uint64_t *ret);

#endif
