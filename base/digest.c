/* SPDX-License-Identifier: MIT */
#include "base/digest.h"

#include <sodium.h>

enum { DIGEST_SIZE = (DIGEST_TEXT_SIZE - 1) / 2 };

_Static_assert(sizeof(struct digest) >= sizeof(crypto_generichash_state), "libsodium's state fits");
_Static_assert(_Alignof(struct digest) >= _Alignof(crypto_generichash_state),
               "libsodium's state may lie here");

static crypto_generichash_state *state_of(struct digest *d)
{
        return (crypto_generichash_state *)(void *)d->state;
}

void digest_begin(struct digest *d)
{
        crypto_generichash_init(state_of(d), NULL, 0, DIGEST_SIZE);
}

void digest_add(struct digest *d, struct bytes data)
{
        crypto_generichash_update(state_of(d), data.data, data.size);
}

void digest_end(struct digest *d, char ret_text[DIGEST_TEXT_SIZE])
{
        unsigned char bytes[DIGEST_SIZE];
        crypto_generichash_final(state_of(d), bytes, sizeof bytes);
        sodium_bin2hex(ret_text, DIGEST_TEXT_SIZE, bytes, sizeof bytes);
}
