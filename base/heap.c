/* SPDX-License-Identifier: MIT */
#include "base/heap.h"

#include "base/buffer.h"

#include <stdlib.h>

void heap_fini(struct heap *h)
{
        free(h->nodes);
        *h = (struct heap){ 0 };
}

static bool before(const struct heap_node *a, const struct heap_node *b)
{
        return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->order < b->order;
}

static void place(struct heap *h, size_t at, struct heap_node *node)
{
        h->nodes[at] = node;
        node->index = at + 1;
}

static void sift_up(struct heap *h, size_t at, struct heap_node *node)
{
        while (at > 0 && before(node, h->nodes[(at - 1) / 2])) {
                place(h, at, h->nodes[(at - 1) / 2]);
                at = (at - 1) / 2;
        }
        place(h, at, node);
}

static void sift_down(struct heap *h, size_t at, struct heap_node *node)
{
        for (;;) {
                size_t child = 2 * at + 1;
                if (child >= h->count)
                        break;
                if (child + 1 < h->count && before(h->nodes[child + 1], h->nodes[child]))
                        child++;
                if (!before(h->nodes[child], node))
                        break;
                place(h, at, h->nodes[child]);
                at = child;
        }
        place(h, at, node);
}

void heap_put(struct heap *h, struct heap_node *node, int64_t due_ns)
{
        heap_remove(h, node);
        if (h->count == h->capacity) {
                h->capacity = h->capacity ? 2 * h->capacity : 64;
                h->nodes = xrealloc(h->nodes, h->capacity * sizeof(struct heap_node *));
        }
        node->due_ns = due_ns;
        node->order = h->order_next++;
        sift_up(h, h->count++, node);
}

void heap_remove(struct heap *h, struct heap_node *node)
{
        if (!node->index)
                return;
        size_t at = node->index - 1;
        node->index = 0;
        struct heap_node *last = h->nodes[--h->count];
        if (last == node)
                return;
        if (at > 0 && before(last, h->nodes[(at - 1) / 2]))
                sift_up(h, at, last);
        else
                sift_down(h, at, last);
}
