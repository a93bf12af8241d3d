/* SPDX-License-Identifier: MIT
 *
 * What libFuzzer (https://llvm.org/docs/LibFuzzer.html) and replay.c call. A target aborts when a promise is
 * broken.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Says which promise of which line is broken, and aborts. */
#define FUZZ_CHECK(promise)                                                                                  \
        do {                                                                                                 \
                if (!(promise)) {                                                                            \
                        fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #promise);                \
                        abort();                                                                             \
                }                                                                                            \
        } while (0)

#endif
