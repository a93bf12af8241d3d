/* SPDX-License-Identifier: MIT */
#include "base/name.h"

#include "base/unpack.h"

bool name_valid(struct bytes name, size_t size_max)
{
        if (name.size == 0 || name.size > size_max)
                return false;
        for (size_t i = 0; i < name.size; i++) {
                bool c1 = name.data[i] == 0xc2 && i + 1 < name.size &&
                          name.data[i + 1] < 0xa0; /* U+0080 … U+009F */
                if (name.data[i] < 0x20 || name.data[i] == 0x7f || c1)
                        return false;
        }
        return utf8_valid(name);
}
