/* SPDX-License-Identifier: MIT */
#include "base/map.h"

#include "tests/lib/random.h"

#include <criterion/criterion.h>

struct item {
        struct map_node node;
        bool in;
};

static bool holds(const struct map *m, const struct item *item, uint64_t key)
{
        for (struct map_node *at = map_find(m, key); at; at = map_find_next(m, at)) {
                cr_assert_eq(at->key, key);
                if (container_of(at, struct item, node) == item)
                        return true;
        }
        return false;
}

Test(map, finds_what_is_in_and_nothing_else_through_random_changes)
{
        enum { COUNT = 2000 };
        static struct item items[COUNT];
        struct map m = { 0 };
        uint64_t random = 7;
        size_t in = 0;
        for (int step = 0; step < 20000; step++) {
                size_t i = random_below(&random, COUNT);
                uint64_t key = i / 3; /* three share each key */
                cr_assert_eq(holds(&m, &items[i], key), items[i].in);
                if (items[i].in)
                        map_remove(&m, &items[i].node), in--;
                else
                        map_put(&m, &items[i].node, key), in++;
                items[i].in = !items[i].in;
                cr_assert_eq(m.count, in);
        }
        for (size_t i = 0; i < COUNT; i++)
                cr_assert_eq(holds(&m, &items[i], i / 3), items[i].in);
        map_fini(&m);
}

/* Numbered keys lie side by side: what is taken out of the middle of a full stretch must not hide the rest.
 */
Test(map, finds_numbered_keys_while_the_oldest_go_and_new_ones_come)
{
        enum { COUNT = 5000, IN = 700 };
        static struct item items[COUNT];
        struct map m = { 0 };
        for (size_t i = 0; i < COUNT; i++) {
                map_put(&m, &items[i].node, i);
                if (i >= IN)
                        map_remove(&m, &items[i - IN].node);
                cr_assert_null(map_find(&m, i + 1));
                if (i >= IN)
                        cr_assert_null(map_find(&m, i - IN));
        }
        for (size_t i = COUNT - IN; i < COUNT; i++)
                cr_assert_eq(map_find(&m, i), &items[i].node);
        cr_assert_eq(m.count, IN);
        map_fini(&m);
}

Test(map, finds_nothing_when_it_was_cleared_and_takes_new_ones)
{
        enum { COUNT = 100 };
        static struct item items[COUNT];
        struct map m = { 0 };
        map_clear(&m);
        for (size_t i = 0; i < COUNT; i++)
                map_put(&m, &items[i].node, i);
        map_clear(&m);
        cr_assert_eq(m.count, 0);
        for (size_t i = 0; i < COUNT; i++) {
                cr_assert_null(map_find(&m, i));
                map_put(&m, &items[i].node, i);
        }
        for (size_t i = 0; i < COUNT; i++)
                cr_assert_eq(map_find(&m, i), &items[i].node);
        map_fini(&m);
}

Test(map, a_guess_is_what_would_be_found)
{
        enum { COUNT = 3000 };
        static struct item items[COUNT];
        struct map m = { 0 };
        cr_assert_null(map_guess(&m, 1));
        for (size_t i = 0; i < COUNT; i++)
                map_put(&m, &items[i].node, 7 * i);
        for (size_t i = 0; i < COUNT; i++) {
                cr_assert_eq(map_guess(&m, 7 * i), &items[i].node);
                cr_assert_null(map_guess(&m, 7 * i + 1));
        }
        map_fini(&m);
}

Test(map, a_thousand_nodes_may_share_one_key)
{
        enum { COUNT = 1000 };
        static struct item items[COUNT];
        struct map m = { 0 };
        for (size_t i = 0; i < COUNT; i++)
                map_put(&m, &items[i].node, 42);
        size_t found = 0;
        for (struct map_node *at = map_find(&m, 42); at; at = map_find_next(&m, at))
                found++;
        cr_assert_eq(found, COUNT);
        cr_assert_null(map_find(&m, 43));
        for (size_t i = 0; i < COUNT; i += 2)
                map_remove(&m, &items[i].node);
        for (size_t i = 0; i < COUNT; i++)
                cr_assert_eq(holds(&m, &items[i], 42), i % 2 == 1);
        map_fini(&m);
}

/* Keys that fall into one slot of a small table, though they differ. */
Test(map, different_keys_in_one_slot_are_told_apart)
{
        enum { COUNT = 12 }; /* below 16: the table does not grow */
        struct item items[COUNT];
        uint64_t keys[COUNT];
        struct map m = { 0 };
        size_t count = 0;
        for (uint64_t key = 0; count < COUNT; key++)
                if ((hash_u64(key) & 15) == 3) {
                        keys[count] = key;
                        map_put(&m, &items[count++].node, key);
                }
        for (size_t i = 0; i < COUNT; i++) {
                cr_assert_eq(map_find(&m, keys[i]), &items[i].node);
                cr_assert_null(map_find_next(&m, &items[i].node));
        }
        map_remove(&m, &items[5].node);
        cr_assert_null(map_find(&m, keys[5]));
        cr_assert_eq(map_find(&m, keys[6]), &items[6].node);
        map_fini(&m);
}

Test(map, an_empty_map_finds_nothing)
{
        struct map m = { 0 };
        cr_assert_null(map_find(&m, 0));
        map_fini(&m);
}

Test(hash, has_the_values_of_another_siphash13)
{
        /* CPython 3.11's hash() of bytes with PYTHONHASHSEED=0 (the key is zero) and =12345 (the key is made
         * by its lcg_urandom(), Python/bootstrap_hash.c) */
        const struct {
                uint64_t key0, key1;
                const char *text;
                uint64_t hash;
        } known[] = {
                { UINT64_C(0x0), UINT64_C(0x0), "a", UINT64_C(0x407448d2b89b1813) },
                { UINT64_C(0x0), UINT64_C(0x0), "1234567", UINT64_C(0xa33d651594fdae81) },
                { UINT64_C(0x0), UINT64_C(0x0), "12345678", UINT64_C(0x3489982430560a87) },
                { UINT64_C(0x0), UINT64_C(0x0), "123456789", UINT64_C(0x0fbc0f0007965fcf) },
                { UINT64_C(0x0), UINT64_C(0x0), "stet, let it stand: what is written stays",
                  UINT64_C(0x6c3205c403eee707) },
                { UINT64_C(0x25556dc46dc3dca0), UINT64_C(0xfc3ee4dbd06f6c90), "a",
                  UINT64_C(0x83a33d688c5cf68f) },
                { UINT64_C(0x25556dc46dc3dca0), UINT64_C(0xfc3ee4dbd06f6c90), "1234567",
                  UINT64_C(0xfda467e8153083e1) },
                { UINT64_C(0x25556dc46dc3dca0), UINT64_C(0xfc3ee4dbd06f6c90), "12345678",
                  UINT64_C(0x158d1acebf100fd3) },
                { UINT64_C(0x25556dc46dc3dca0), UINT64_C(0xfc3ee4dbd06f6c90), "123456789",
                  UINT64_C(0xc66f6c71376b2cc7) },
                { UINT64_C(0x25556dc46dc3dca0), UINT64_C(0xfc3ee4dbd06f6c90),
                  "stet, let it stand: what is written stays", UINT64_C(0x880c151915b0b3ad) },
        };
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
                cr_assert_eq(hash_bytes(known[i].key0, known[i].key1, bytes_str(known[i].text)),
                             known[i].hash, "%zu", i);
}

Test(hash, differs_by_key_by_length_and_by_every_bit)
{
        uint8_t data[40];
        uint64_t random = 8;
        random_fill(&random, data, sizeof data);
        for (size_t size = 0; size < sizeof data; size++) {
                uint64_t h = hash_bytes(1, 2, bytes_of(data, size));
                cr_assert_eq(h, hash_bytes(1, 2, bytes_of(data, size)));
                cr_assert_neq(h, hash_bytes(2, 2, bytes_of(data, size)));
                cr_assert_neq(h, hash_bytes(1, 3, bytes_of(data, size)));
                cr_assert_neq(h, hash_bytes(1, 2, bytes_of(data, size + 1)));
                for (size_t bit = 0; bit < 8 * size; bit++) {
                        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
                        cr_assert_neq(h, hash_bytes(1, 2, bytes_of(data, size)));
                        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
                }
        }
}

Test(hash, mixing_a_number_loses_nothing)
{
        for (uint64_t i = 0; i < 64; i++)
                for (uint64_t k = 0; k < i; k++)
                        cr_assert_neq(hash_u64(UINT64_C(1) << i), hash_u64(UINT64_C(1) << k));
        cr_assert_eq(hash_u64(0), 0);
}
