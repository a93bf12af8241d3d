/* SPDX-License-Identifier: MIT
 *
 * A digest of bytes that nobody can make others for: BLAKE2b with 256 bits (RFC 7693), by libsodium. `b2sum
 * -l 256` prints the same.
 */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include "base/bytes.h"

enum { DIGEST_TEXT_SIZE = 65 }; /* hexadecimal digits with their NUL */

/* What is between begin and end: libsodium's own. */
struct digest {
        _Alignas(64) unsigned char state[384];
};

void digest_begin(struct digest *d);
void digest_add(struct digest *d, struct bytes data);
void digest_end(struct digest *d, char ret_text[DIGEST_TEXT_SIZE]);

#endif
