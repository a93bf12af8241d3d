/* SPDX-License-Identifier: MIT */
#include "base/name_set.h"

enum { FEW = 8 };

void name_set_init(struct name_set *s)
{
        *s = (struct name_set){ 0 };
        list_init(&s->all);
}

void name_set_fini(struct name_set *s)
{
        map_fini(&s->by_hash);
        name_set_init(s);
}

/* Keyed by the set's address, which nobody outside knows: a peer can't choose names that collide. */
static uint64_t hash_of(const struct name_set *s, struct bytes name)
{
        return hash_bytes((uintptr_t)s, 0, name);
}

/* The table is made for the first time that there are many, and stays. */
static bool has_table(const struct name_set *s)
{
        return s->by_hash.places != 0;
}

static void put(struct name_set *s, struct name_node *node)
{
        map_put(&s->by_hash, &node->by_hash, hash_of(s, node->name));
}

void name_set_add(struct name_set *s, struct name_node *node, struct bytes name)
{
        node->name = name;
        if (!has_table(s) && s->count == FEW)
                list_each(at, &s->all) put(s, container_of(at, struct name_node, in_all));
        list_push(&s->all, &node->in_all);
        s->count++;
        if (has_table(s))
                put(s, node);
}

void name_set_remove(struct name_set *s, struct name_node *node)
{
        if (has_table(s))
                map_remove(&s->by_hash, &node->by_hash);
        list_remove(&node->in_all);
        s->count--;
}

struct name_node *name_set_find(const struct name_set *s, struct bytes name)
{
        if (!has_table(s)) {
                list_each(at, &s->all)
                {
                        struct name_node *node = container_of(at, struct name_node, in_all);
                        if (bytes_equal(node->name, name))
                                return node;
                }
                return NULL;
        }
        for (struct map_node *n = map_find(&s->by_hash, hash_of(s, name)); n;
             n = map_find_next(&s->by_hash, n)) {
                struct name_node *node = container_of(n, struct name_node, by_hash);
                if (bytes_equal(node->name, name))
                        return node;
        }
        return NULL;
}
