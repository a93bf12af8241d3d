/* SPDX-License-Identifier: MIT
 *
 * A min-heap of intrusive nodes ordered by (due_ns, order): what comes first in time, and first in insertion
 * among equals, so that the order never depends on addresses. Nodes can be removed from the middle.
 */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_node {
        int64_t due_ns;
        uint64_t order;
        size_t index; /* position + 1; 0 while in no heap */
};

struct heap {
        struct heap_node **nodes;
        size_t count;
        size_t capacity;
        uint64_t order_next;
};

void heap_fini(struct heap *h); /* frees the table, not the nodes */

/* Puts the node in with that time; a node that is in already is moved. */
void heap_put(struct heap *h, struct heap_node *node, int64_t due_ns);

void heap_remove(struct heap *h, struct heap_node *node); /* harmless on a node that is in no heap */

static inline bool heap_holds(const struct heap_node *node)
{
        return node->index != 0;
}

/* The earliest node, or NULL. It stays in. */
static inline struct heap_node *heap_min(const struct heap *h)
{
        return h->count ? h->nodes[0] : NULL;
}

#endif
