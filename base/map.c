/* SPDX-License-Identifier: MIT */
#include "base/map.h"

#include "base/buffer.h"

#include <endian.h>
#include <stdlib.h>

void map_fini(struct map *m)
{
        free(m->slots);
        *m = (struct map){ 0 };
}

static size_t home(const struct map *m, uint64_t key)
{
        return hash_u64(key) & (m->slots_count - 1);
}

static size_t after(const struct map *m, size_t place)
{
        return (place + 1) & (m->slots_count - 1);
}

static void place(struct map *m, struct map_node *node, uint64_t key)
{
        size_t at = home(m, key);
        while (m->slots[at].node)
                at = after(m, at);
        m->slots[at] = (struct map_slot){ key, node };
}

/* At most half full: probes stay short. */
static void grow(struct map *m)
{
        struct map bigger = { .slots_count = m->slots_count ? m->slots_count * 2 : 16, .count = m->count };
        bigger.slots = xcalloc(bigger.slots_count, sizeof *bigger.slots);
        for (size_t i = 0; i < m->slots_count; i++)
                if (m->slots[i].node)
                        place(&bigger, m->slots[i].node, m->slots[i].key);
        free(m->slots);
        *m = bigger;
}

void map_put(struct map *m, struct map_node *node, uint64_t key)
{
        if (2 * (m->count + 1) > m->slots_count)
                grow(m);
        node->key = key;
        place(m, node, key);
        m->count++;
}

static size_t slot_of(const struct map *m, const struct map_node *node)
{
        size_t at = home(m, node->key);
        while (m->slots[at].node != node)
                at = after(m, at);
        return at;
}

/* What stands behind the gap and would no longer be found moves into it (Knuth, TAOCP vol. 3, 6.4, algorithm
 * R). */
void map_remove(struct map *m, struct map_node *node)
{
        size_t gap = slot_of(m, node);
        for (size_t at = after(m, gap); m->slots[at].node; at = after(m, at)) {
                size_t from_home = (at - home(m, m->slots[at].key)) & (m->slots_count - 1);
                if (from_home < ((at - gap) & (m->slots_count - 1)))
                        continue;
                m->slots[gap] = m->slots[at];
                gap = at;
        }
        m->slots[gap].node = NULL;
        m->count--;
}

static struct map_node *find_from(const struct map *m, size_t at, uint64_t key)
{
        while (m->slots[at].node && m->slots[at].key != key)
                at = after(m, at);
        return m->slots[at].node;
}

struct map_node *map_find(const struct map *m, uint64_t key)
{
        return m->count ? find_from(m, home(m, key), key) : NULL;
}

struct map_node *map_find_next(const struct map *m, const struct map_node *node)
{
        return find_from(m, after(m, slot_of(m, node)), node->key);
}

static inline uint64_t rotl(uint64_t x, int b)
{
        return x << b | x >> (64 - b);
}

static inline void sip_round(uint64_t v[4])
{
        v[0] += v[1];
        v[1] = rotl(v[1], 13) ^ v[0];
        v[0] = rotl(v[0], 32);
        v[2] += v[3];
        v[3] = rotl(v[3], 16) ^ v[2];
        v[0] += v[3];
        v[3] = rotl(v[3], 21) ^ v[0];
        v[2] += v[1];
        v[1] = rotl(v[1], 17) ^ v[2];
        v[2] = rotl(v[2], 32);
}

static uint64_t get_le(const uint8_t *p, size_t n)
{
        uint64_t value = 0;
        if (n == sizeof value) {
                memcpy(&value, p, sizeof value);
                return le64toh(value);
        }
        for (size_t i = 0; i < n; i++)
                value |= (uint64_t)p[i] << (8 * i);
        return value;
}

uint64_t hash_bytes(uint64_t key0, uint64_t key1, struct bytes data)
{
        uint64_t v[4] = { key0 ^ UINT64_C(0x736f6d6570736575), key1 ^ UINT64_C(0x646f72616e646f6d),
                          key0 ^ UINT64_C(0x6c7967656e657261), key1 ^ UINT64_C(0x7465646279746573) };
        size_t whole = data.size & ~(size_t)7;
        for (size_t i = 0; i < whole; i += 8) {
                uint64_t word = get_le(data.data + i, 8);
                v[3] ^= word;
                sip_round(v);
                v[0] ^= word;
        }
        uint64_t last = (uint64_t)data.size << 56 | get_le(data.data + whole, data.size - whole);
        v[3] ^= last;
        sip_round(v);
        v[0] ^= last;
        v[2] ^= 0xff;
        for (int i = 0; i < 3; i++)
                sip_round(v);
        return v[0] ^ v[1] ^ v[2] ^ v[3];
}
