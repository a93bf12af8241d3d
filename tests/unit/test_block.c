/* SPDX-License-Identifier: MIT */
#include "wal/block.h"

#include "tests/lib/random.h"
#include "tests/lib/records.h"
#include "wal/le.h"

#include <criterion/criterion.h>

struct encoded {
        uint8_t key[BLOCK_KEY_SIZE];
        uint8_t value[BLOCK_SIZE_MAX];
        size_t size;
};

static struct encoded encode(const struct block *b)
{
        struct encoded e = { .size = BLOCK_HEADER_SIZE + b->body.size };
        block_key_encode(e.key, b->lsn, b->piece);
        block_header_encode(e.value, b);
        memcpy(e.value + BLOCK_HEADER_SIZE, b->body.data, b->body.size);
        return e;
}

static int decode(const struct encoded *e, struct block *ret)
{
        return block_decode(bytes_of(e->key, sizeof e->key), bytes_of(e->value, e->size), ret);
}

Test(block, keys_sort_by_lsn_and_piece)
{
        static const struct {
                uint64_t lsn;
                uint16_t piece;
        } sorted[] = { { 0, 0 }, { 1, 0 }, { 1, 1 }, { 1, 256 }, { 255, 0 }, { 256, 0 }, { UINT64_MAX, 3 } };
        uint8_t previous[BLOCK_KEY_SIZE], key[BLOCK_KEY_SIZE];
        block_key_encode(previous, sorted[0].lsn, sorted[0].piece);
        for (size_t i = 1; i < sizeof sorted / sizeof sorted[0]; i++) {
                block_key_encode(key, sorted[i].lsn, sorted[i].piece);
                cr_assert_lt(memcmp(previous, key, sizeof key), 0);
                memcpy(previous, key, sizeof key);
        }
}

Test(block, what_was_encoded_is_decoded)
{
        struct block b = { .lsn = 77,
                           .commit = 5,
                           .pieces = 1,
                           .count = 3,
                           .body = bytes_str("the records") },
                     r;
        struct encoded e = encode(&b);
        cr_assert_eq(decode(&e, &r), 0);
        cr_assert_eq(r.lsn, 77);
        cr_assert_eq(r.commit, 5);
        cr_assert_eq(r.piece, 0);
        cr_assert_eq(r.pieces, 1);
        cr_assert_eq(r.count, 3);
        cr_assert(bytes_equal(r.body, b.body));
}

Test(block, every_flipped_bit_of_key_and_header_is_found)
{
        struct block b = { .lsn = 77, .commit = 5, .piece = 1, .pieces = 9, .body = bytes_str("x") }, r;
        struct encoded e = encode(&b);
        for (size_t bit = 0; bit < (BLOCK_KEY_SIZE + BLOCK_HEADER_SIZE) * 8; bit++) {
                size_t at = bit / 8;
                uint8_t *byte = at < BLOCK_KEY_SIZE ? &e.key[at] : &e.value[at - BLOCK_KEY_SIZE];
                *byte ^= (uint8_t)(1u << bit % 8);
                cr_assert_eq(decode(&e, &r), STET_ECORRUPT, "bit %zu", bit);
                *byte ^= (uint8_t)(1u << bit % 8);
        }
        cr_assert_eq(decode(&e, &r), 0);
}

Test(block, fields_that_contradict_each_other_are_refused_behind_a_right_checksum)
{
        static const struct block wrong[] = {
                { .lsn = 0, .pieces = 1, .count = 1 }, /* the head's place */
                { .lsn = 1, .pieces = 0, .count = 1 },
                { .lsn = 1, .pieces = 1, .count = 0 },
                { .lsn = 1, .pieces = 2, .count = 2 },
                { .lsn = 1, .pieces = 2, .piece = 2 },
                { .lsn = 1, .pieces = 3, .piece = 1, .count = 1 },
        };
        for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
                struct block b = wrong[i], r;
                b.body = bytes_str("body");
                struct encoded e = encode(&b);
                cr_assert_eq(decode(&e, &r), STET_ECORRUPT, "case %zu", i);
        }
}

Test(block, sizes_that_no_block_has_are_refused)
{
        struct block b = { .lsn = 1, .pieces = 1, .count = 1, .body = bytes_str("body") }, r;
        struct encoded e = encode(&b);
        uint8_t large[BLOCK_SIZE_MAX + 1] = { 0 };
        memcpy(large, e.value, e.size);
        cr_assert_eq(block_decode(bytes_of(e.key, 9), bytes_of(e.value, e.size), &r), STET_ECORRUPT);
        cr_assert_eq(block_decode(bytes_of(e.key, 10), bytes_of(e.value, BLOCK_HEADER_SIZE), &r),
                     STET_ECORRUPT);
        cr_assert_eq(block_decode(bytes_of(e.key, 10), bytes_of(e.value, 3), &r), STET_ECORRUPT);
        cr_assert_eq(block_decode(bytes_of(e.key, 10), bytes_of(large, sizeof large), &r), STET_ECORRUPT);
        cr_assert_eq(block_decode(bytes_of(e.key, 10), bytes_of(large, sizeof large - 1), &r), 0);
}

/* Cuts the group into blocks, checks each, and puts the group's bytes together again. */
static size_t cut_and_join(const struct log_group *g)
{
        struct block_cutter cutter = block_cutter_of(g);
        struct buffer joined = { 0 };
        struct block b;
        uint64_t lsn = g->first_lsn;
        size_t blocks = 0;
        for (; block_cut(&cutter, &b); blocks++) {
                struct block decoded;
                struct encoded e = encode(&b);
                cr_assert_leq(b.body.size, BLOCK_BODY_MAX);
                cr_assert_eq(decode(&e, &decoded), 0);
                cr_assert_eq(b.lsn, lsn);
                buffer_append(&joined, b.body.data, b.body.size);
                if (b.pieces == 1)
                        lsn += b.count;
                else if (b.piece + 1 == b.pieces)
                        lsn++;
        }
        cr_assert_eq(lsn, log_group_next_lsn(g));
        cr_assert(bytes_equal(buffer_bytes(&joined), buffer_bytes(&g->bytes)));
        buffer_fini(&joined);
        return blocks;
}

Test(block, a_group_is_cut_at_record_boundaries_and_every_block_is_filled)
{
        struct log_group g = { 0 };
        log_group_reset(&g, 9, 0);
        while (g.count < 1000)
                records_put(&g, 72);
        cr_assert_eq(cut_and_join(&g), (1000 + 32) / 33); /* 33 records of 120 bytes fit into 4064 */
        log_group_fini(&g);
}

Test(block, a_record_beyond_a_block_is_cut_into_pieces)
{
        static const struct {
                size_t body;
                size_t blocks;
        } cases[] = {
                { BLOCK_BODY_MAX - RECORD_HEADER_SIZE, 1 },
                { BLOCK_BODY_MAX - RECORD_HEADER_SIZE + 1, 2 },
                { 2 * BLOCK_BODY_MAX - RECORD_HEADER_SIZE, 2 },
                { 2 * BLOCK_BODY_MAX - RECORD_HEADER_SIZE + 1, 3 },
                { RECORD_BODY_MAX,
                  (RECORD_BODY_MAX + RECORD_HEADER_SIZE + BLOCK_BODY_MAX - 1) / BLOCK_BODY_MAX },
        };
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
                struct log_group g = { 0 };
                log_group_reset(&g, 0, 0);
                records_put(&g, cases[i].body);
                cr_assert_eq(cut_and_join(&g), cases[i].blocks, "case %zu", i);
                log_group_fini(&g);
        }
}

Test(block, groups_of_any_mix_of_sizes_are_cut_and_join_again)
{
        uint64_t random = 42;
        for (int round = 0; round < 200; round++) {
                struct log_group g = { 0 };
                log_group_reset(&g, random_below(&random, 1000), 0);
                size_t count = 1 + random_below(&random, 40);
                for (size_t i = 0; i < count; i++)
                        records_put(&g, random_below(&random, i % 5 ? 900 : 15000));
                cut_and_join(&g);
                log_group_fini(&g);
        }
}

Test(log_head, what_was_encoded_is_decoded)
{
        uint8_t value[LOG_HEAD_SIZE];
        struct log_head head = { .epoch = 3, .first_lsn = 1000, .commit = 77 }, r;
        for (int i = 0; i < 2; i++) {
                size_t size = log_head_encode(value, &head);
                cr_assert_eq(log_head_decode(bytes_of(value, size), &r, NULL), 0);
                cr_assert_eq(r.epoch, 3);
                cr_assert_eq(r.first_lsn, 1000);
                cr_assert_eq(r.commit, 77);
                cr_assert_eq(r.origin_lsn, head.origin_lsn);
                cr_assert_eq(r.origin_crc, head.origin_crc);
                head.origin_lsn = 900;
                head.origin_crc = 0xdecade;
        }
}

Test(log_head, only_a_log_that_began_later_has_a_head_of_format_2)
{
        uint8_t value[LOG_HEAD_SIZE];
        struct log_head head = { .epoch = 3, .first_lsn = 1000, .commit = 77 };
        cr_assert_eq(log_head_encode(value, &head), LOG_HEAD_SIZE_1);
        cr_assert_eq(le32_get(value + 8), 1);
        head.origin_lsn = 900;
        cr_assert_eq(log_head_encode(value, &head), LOG_HEAD_SIZE);
        cr_assert_eq(le32_get(value + 8), 2);
}

Test(log_head, every_flipped_bit_is_refused)
{
        uint8_t value[LOG_HEAD_SIZE];
        struct log_head head = { .epoch = 3, .first_lsn = 1000, .commit = 77, .origin_lsn = 900 }, r;
        cr_assert_eq(log_head_encode(value, &head), sizeof value);
        for (size_t bit = 0; bit < sizeof value * 8; bit++) {
                value[bit / 8] ^= (uint8_t)(1u << bit % 8);
                cr_assert_neq(log_head_decode(bytes_of(value, sizeof value), &r, NULL), 0, "bit %zu", bit);
                value[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
}

Test(log_head, a_foreign_a_newer_and_a_cut_head_are_told_apart)
{
        uint8_t value[LOG_HEAD_SIZE];
        struct log_head head = { .epoch = 3, .first_lsn = 1000, .commit = 77, .origin_lsn = 900 }, r;
        stet_why why;
        cr_assert_eq(log_head_encode(value, &head), sizeof value);
        cr_assert_eq(log_head_decode(bytes_of(value, LOG_HEAD_SIZE - 1), &r, &why), STET_ECORRUPT);
        cr_assert_eq(log_head_decode(bytes_of(value, 4), &r, &why), STET_EFORMAT);
        cr_assert_eq(log_head_decode(bytes_str("something else altogether"), &r, &why), STET_EFORMAT);
        le32_put(value + 8, LOG_FORMAT + 1);
        cr_assert_eq(log_head_decode(bytes_of(value, sizeof value), &r, &why), STET_ENEWER);
        cr_assert_not_null(strstr(why.text, "its format is 3"), "%s", why.text);
}
