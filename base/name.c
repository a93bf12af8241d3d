/* SPDX-License-Identifier: MIT */
#include "base/name.h"

#include "base/unpack.h"

bool name_valid(struct bytes name, size_t size_max)
{
        if (name.size == 0 || name.size > size_max)
                return false;
        for (size_t i = 0; i < name.size; i++)
                if (name.data[i] < 0x20 || name.data[i] == 0x7f)
                        return false;
        return utf8_valid(name);
}
