/* SPDX-License-Identifier: MIT */
#include "base/map.h"

#include "base/buffer.h"

#include <endian.h>
#include <stdlib.h>

void map_fini(struct map *m)
{
        free(m->hashes);
        free(m->nodes);
        *m = (struct map){ 0 };
}

void map_clear(struct map *m)
{
        if (m->count)
                memset(m->hashes, 0, m->places * sizeof *m->hashes);
        m->count = 0;
}

static size_t after(const struct map *m, size_t place)
{
        return (place + 1) & (m->places - 1);
}

static void place(struct map *m, struct map_node *node, uint32_t hash)
{
        size_t at = hash & (m->places - 1);
        while (m->hashes[at])
                at = after(m, at);
        m->hashes[at] = hash;
        m->nodes[at] = node;
}

/* At most half full: probes stay short. */
static void grow(struct map *m)
{
        struct map bigger = { .places = m->places ? m->places * 2 : 16, .count = m->count };
        bigger.hashes = xcalloc(bigger.places, sizeof *bigger.hashes);
        bigger.nodes = xmalloc(bigger.places * sizeof *bigger.nodes);
        for (size_t i = 0; i < m->places; i++)
                if (m->hashes[i])
                        place(&bigger, m->nodes[i], m->hashes[i]);
        map_fini(m);
        *m = bigger;
}

void map_put(struct map *m, struct map_node *node, uint64_t key)
{
        if (2 * (m->count + 1) > m->places)
                grow(m);
        node->key = key;
        place(m, node, map_hash(key));
        m->count++;
}

static size_t place_of(const struct map *m, const struct map_node *node)
{
        uint32_t hash = map_hash(node->key);
        size_t at = hash & (m->places - 1);
        while (m->hashes[at] != hash || m->nodes[at] != node)
                at = after(m, at);
        return at;
}

/* What stands behind the gap and would no longer be found moves into it (Knuth, TAOCP vol. 3, 6.4, algorithm
 * R). */
void map_remove(struct map *m, struct map_node *node)
{
        size_t gap = place_of(m, node);
        for (size_t at = after(m, gap); m->hashes[at]; at = after(m, at)) {
                size_t from_home = (at - m->hashes[at]) & (m->places - 1);
                if (from_home < ((at - gap) & (m->places - 1)))
                        continue;
                m->hashes[gap] = m->hashes[at];
                m->nodes[gap] = m->nodes[at];
                gap = at;
        }
        m->hashes[gap] = 0;
        m->count--;
}

static struct map_node *find_from(const struct map *m, size_t at, uint32_t hash, uint64_t key)
{
        for (; m->hashes[at]; at = after(m, at))
                if (m->hashes[at] == hash && m->nodes[at]->key == key)
                        return m->nodes[at];
        return NULL;
}

struct map_node *map_find(const struct map *m, uint64_t key)
{
        uint32_t hash = map_hash(key);
        return m->count ? find_from(m, hash & (m->places - 1), hash, key) : NULL;
}

struct map_node *map_guess(const struct map *m, uint64_t key)
{
        uint32_t hash = map_hash(key);
        if (!m->count)
                return NULL;
        size_t at = hash & (m->places - 1);
        while (m->hashes[at] && m->hashes[at] != hash)
                at = after(m, at);
        return m->hashes[at] ? m->nodes[at] : NULL;
}

struct map_node *map_find_next(const struct map *m, const struct map_node *node)
{
        return find_from(m, after(m, place_of(m, node)), map_hash(node->key), node->key);
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
