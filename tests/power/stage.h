/* SPDX-License-Identifier: MIT
 *
 * A directory that images are shown in, one after the other: only what differs from the last one is written,
 * changes that were made there since then included (the recorder keeps the mirror so).
 */
#ifndef TESTS_POWER_STAGE_H
#define TESTS_POWER_STAGE_H

#include "tests/power/image.h"

struct stage {
        char path[200];
        struct image mirror; /* what is there */
};

/* Makes the directory `parent`/`name`, empty. Ends the program when it can't. */
void stage_open(struct stage *stage, const char *parent, const char *name);
void stage_show(struct stage *stage, const struct image *image);
void stage_clear(struct stage *stage);
void stage_reset(struct stage *stage); /* the same, whatever was done there without the recorder */
/* Whether the mirror is right: false when something was written past the recorder. */
bool stage_mirrored(const struct stage *stage);

void stage_close(struct stage *stage); /* removes it */

#endif
