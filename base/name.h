/* SPDX-License-Identifier: MIT
 *
 * The one rule for names and ids: workflows, activities, queues, signals, workflow ids.
 */
#ifndef BASE_NAME_H
#define BASE_NAME_H

#include "base/bytes.h"

enum {
        NAME_SIZE_MAX = 255, /* bytes, for every name whose header says nothing else */
};

/* Whether name is 1 to size_max bytes of UTF-8 without control characters (U+0000 to U+001F, U+007F to
 * U+009F): what passes can stand in a line of a terminal, in a log and in a C string. */
bool name_valid(struct bytes name, size_t size_max);

#endif
