/* SPDX-License-Identifier: MIT
 *
 * A hash table of intrusive nodes keyed by 64 bits. The caller embeds a map_node; several nodes may share a
 * key (a hash of a longer name: the caller compares the name). There is no way to walk the whole table, on
 * purpose: hash order must not decide anything. Who needs an order keeps a list beside it.
 *
 * Open addressing with linear probing over hashes of 32 bits that stand side by side: what is not there is
 * missed within one cache line of a small array, and what is there costs its own two, or shares them with the
 * keys that are numbered just before and after it.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/bytes.h"
#include "base/prefetch.h"

struct map_node {
        uint64_t key;
};

struct map {
        uint32_t *hashes; /* 0: the place is empty */
        struct map_node **nodes;
        size_t places; /* a power of two, or 0 */
        size_t count;
};

void map_fini(struct map *m);  /* frees the table, not the nodes */
void map_clear(struct map *m); /* the same, but the table stays for the next ones */
void map_put(struct map *m, struct map_node *node, uint64_t key);
void map_remove(struct map *m, struct map_node *node);

/* The first node with that key, or NULL; map_find_next gives the others. */
struct map_node *map_find(const struct map *m, uint64_t key);
struct map_node *map_find_next(const struct map *m, const struct map_node *node);

/* The node that map_find() would most likely give, found without looking at it: to bring it nearer. */
struct map_node *map_guess(const struct map *m, uint64_t key);

#define container_of(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/* SipHash-1-3 of data (https://www.aumasson.jp/siphash/siphash.pdf). With a secret key, peers can't choose
 * names that collide; with a fixed key it is a plain good hash whose value may be stored. */
uint64_t hash_bytes(uint64_t key0, uint64_t key1, struct bytes data);

/* Mixes a 64-bit number (the finaliser of MurmurHash3). */
static inline uint64_t hash_u64(uint64_t x)
{
        x ^= x >> 33;
        x *= UINT64_C(0xff51afd7ed558ccd);
        x ^= x >> 33;
        x *= UINT64_C(0xc4ceb9fe1a85ec53);
        return x ^ x >> 33;
}

enum { MAP_NEIGHBOURS = 16 };

/* What the table keeps of a key. Its lowest bits stay: keys that are numbered one after the other, as runs
 * are, lie side by side, and whoever meets them in about that order finds most of them in the cache. */
static inline uint32_t map_hash(uint64_t key)
{
        uint32_t hash = (uint32_t)hash_u64(~(key / MAP_NEIGHBOURS)) * MAP_NEIGHBOURS + key % MAP_NEIGHBOURS;
        return hash ? hash : 1;
}

/* Brings the place where a search for the key begins nearer, for a search that will come soon. */
static inline void map_prefetch(const struct map *m, uint64_t key)
{
        if (m->places) {
                size_t home = map_hash(key) & (m->places - 1);
                prefetch(&m->hashes[home], 1);
                prefetch(&m->nodes[home], 1);
        }
}

#endif
