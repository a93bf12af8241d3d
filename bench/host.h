/* SPDX-License-Identifier: MIT
 *
 * What kind of machine this is, in words.
 */
#ifndef BENCH_HOST_H
#define BENCH_HOST_H

#include <stdint.h>

struct host {
        char cpu_model[128]; /* "unknown": the kernel does not say */
        char kernel[128];    /* "Linux 6.1.0-37-amd64" */
        uint64_t memory_bytes;
};

void host_look(struct host *ret);

#endif
