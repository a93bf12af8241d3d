/* SPDX-License-Identifier: MIT */
#include "wal/store_entry.h"

#include <criterion/criterion.h>

/* --- pieces --- */

Test(store_entry, the_example_in_the_format_is_what_is_written)
{
        static const uint8_t key[] = { 0x68, 0x65, 0x6c, 0x6c, 0x6f, 0, 0 };
        static const uint8_t value[] = { 0xad, 0x09, 0xfb, 0x3a, 0x77, 0x6f, 0x72, 0x6c, 0x64 };
        struct piece_key k;
        uint8_t piece[sizeof value];
        piece_key_make(&k, bytes_str("hello"));
        cr_assert(bytes_equal(bytes_of(k.data, k.size), bytes_of(key, sizeof key)));
        piece_encode(piece, bytes_of(k.data, k.size), 0, bytes_str("world"));
        cr_assert(bytes_equal(bytes_of(piece, sizeof piece), bytes_of(value, sizeof value)));
}

Test(store_entry, a_piece_comes_back_and_hands_its_checksum_on)
{
        struct piece_key k;
        uint8_t piece[20];
        uint32_t chain = 77;
        struct bytes body;
        piece_key_make(&k, bytes_str("key"));
        piece_key_set(&k, 300);
        struct bytes lmdb_key = bytes_of(k.data, k.size);
        uint32_t crc = piece_encode(piece, lmdb_key, 77, bytes_str("body"));
        cr_assert_eq(piece_decode(lmdb_key, bytes_of(piece, 8), &chain, &body), 0);
        cr_assert(bytes_equal(body, bytes_str("body")));
        cr_assert_eq(chain, crc);
        struct bytes key;
        uint16_t number;
        cr_assert(piece_key_split(lmdb_key, &key, &number));
        cr_assert(bytes_equal(key, bytes_str("key")));
        cr_assert_eq(number, 300);
}

Test(store_entry, any_flipped_bit_in_a_piece_its_key_or_its_chain_is_found)
{
        struct piece_key k;
        uint8_t piece[12];
        struct bytes body = bytes_str("untouched");
        piece_key_make(&k, bytes_str("key"));
        piece_encode(piece, bytes_of(k.data, k.size), 5, bytes_str("the body"));
        for (size_t bit = 0; bit < 8 * (k.size + sizeof piece + sizeof(uint32_t)); bit++) {
                struct piece_key other_key = k;
                uint8_t other[sizeof piece];
                uint32_t chain = 5, chain_before;
                size_t at = bit / 8;
                uint8_t flip = (uint8_t)(1u << bit % 8);
                memcpy(other, piece, sizeof piece);
                if (at < k.size)
                        other_key.data[at] ^= flip;
                else if (at < k.size + sizeof piece)
                        other[at - k.size] ^= flip;
                else
                        chain ^= 1u << (bit - 8 * (k.size + sizeof piece));
                chain_before = chain;
                cr_assert_eq(piece_decode(bytes_of(other_key.data, other_key.size),
                                          bytes_of(other, sizeof other), &chain, &body),
                             STET_ECORRUPT);
                cr_assert_eq(chain, chain_before);
                cr_assert(bytes_equal(body, bytes_str("untouched")));
        }
}

Test(store_entry, a_piece_of_another_size_is_damaged)
{
        struct piece_key k;
        uint8_t piece[PIECE_SIZE_MAX + 1] = { 0 };
        uint32_t chain = 0;
        struct bytes body;
        piece_key_make(&k, bytes_str("key"));
        struct bytes lmdb_key = bytes_of(k.data, k.size);
        piece_encode(piece, lmdb_key, 0, bytes_of(piece + PIECE_HEADER_SIZE, PIECE_BODY_MAX));
        for (size_t size = 0; size <= sizeof piece; size++) {
                chain = 0;
                cr_assert_eq(piece_decode(lmdb_key, bytes_of(piece, size), &chain, &body),
                             size == PIECE_SIZE_MAX ? 0 : STET_ECORRUPT, "%zu", size);
        }
}

Test(store_entry, keys_that_are_of_no_piece_are_told_apart)
{
        uint8_t long_key[STORE_KEY_MAX + 3];
        struct bytes key;
        uint16_t number;
        memset(long_key, 'k', sizeof long_key);
        cr_assert_not(piece_key_split(store_head_key(), &key, &number));
        cr_assert_not(piece_key_split(bytes_str(""), &key, &number));
        cr_assert_not(piece_key_split(bytes_str("ab"), &key, &number));
        cr_assert_not(piece_key_split(bytes_of("\0abc", 4), &key, &number));
        cr_assert_not(piece_key_split(bytes_of(long_key, sizeof long_key), &key, &number));
        cr_assert(piece_key_split(bytes_of(long_key, sizeof long_key - 1), &key, &number));
        cr_assert(piece_key_split(bytes_str("abc"), &key, &number));
}

/* --- the head --- */

static const struct store_head head = { .epoch = 0x1122334455667788,
                                        .commit = 0x99aabbccddeeff00,
                                        .checkpoint = { 0x0102030405060708, 0x0a0b0c0d } };

Test(store_entry, a_head_comes_back_and_any_flipped_bit_in_it_is_found)
{
        uint8_t value[STORE_HEAD_SIZE];
        struct store_head found = { 0 };
        store_head_encode(value, &head);
        cr_assert_eq(store_head_decode(bytes_of(value, sizeof value), &found, NULL), 0);
        cr_assert_eq(found.epoch, head.epoch);
        cr_assert_eq(found.commit, head.commit);
        cr_assert_eq(found.checkpoint.lsn, head.checkpoint.lsn);
        cr_assert_eq(found.checkpoint.crc, head.checkpoint.crc);
        for (size_t bit = 0; bit < 8 * sizeof value; bit++) {
                value[bit / 8] ^= (uint8_t)(1u << bit % 8);
                int err = store_head_decode(bytes_of(value, sizeof value), &found, NULL);
                bool in_magic = bit < 64, in_format = bit >= 64 && bit < 96;
                cr_assert(in_magic ? err == STET_EFORMAT
                                   : err == STET_ECORRUPT || (in_format && err == STET_ENEWER),
                          "bit %zu: %d", bit, err);
                value[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        for (size_t size = 0; size < sizeof value; size++)
                cr_assert_neq(store_head_decode(bytes_of(value, size), &found, NULL), 0);
}

/* --- sentences --- */

Test(store_entry, a_key_is_written_so_that_it_can_be_read)
{
        uint8_t long_key[STORE_KEY_MAX];
        memset(long_key, 1, sizeof long_key);
        cr_assert_str_eq(store_key_text(bytes_of("r\0\\ x\xff", 6)).text, "r\\x00\\x5c\\x20x\\xff");
        cr_assert_str_eq(store_key_text(bytes_str("")).text, "");
        struct store_key_text text = store_key_text(bytes_of(long_key, sizeof long_key));
        cr_assert_lt(strlen(text.text), sizeof text.text);
        cr_assert_str_eq(text.text + strlen(text.text) - 7, "\\x01...");
        memset(long_key, 'k', sizeof long_key);
        text = store_key_text(bytes_of(long_key, sizeof long_key));
        cr_assert_eq(strlen(text.text), sizeof long_key);
}
