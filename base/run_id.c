/* SPDX-License-Identifier: MIT */
#include "base/run_id.h"

bool run_id_parse(struct bytes text, uint64_t *ret)
{
        uint64_t id = 0;
        if (text.size != RUN_ID_SIZE - 1)
                return false;
        for (size_t i = 0; i < text.size; i++) {
                uint8_t c = text.data[i];
                int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
                if (digit == 16)
                        return false;
                id = id << 4 | (unsigned)digit;
        }
        *ret = id;
        return true;
}
