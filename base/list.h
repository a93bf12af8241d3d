/* SPDX-License-Identifier: MIT
 *
 * An intrusive doubly linked ring. A head and a node that is in no list both point at themselves.
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>

struct list {
        struct list *next;
        struct list *prev;
};

static inline void list_init(struct list *l)
{
        l->next = l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
        return l->next == l;
}

static inline void list_push(struct list *head, struct list *node) /* at the end */
{
        node->next = head;
        node->prev = head->prev;
        head->prev->next = node;
        head->prev = node;
}

static inline void list_push_front(struct list *head, struct list *node)
{
        list_push(head->next, node);
}

static inline void list_remove(struct list *node)
{
        node->prev->next = node->next;
        node->next->prev = node->prev;
        list_init(node);
}

#define list_each(at, head) for (struct list *at = (head)->next; at != (head); at = at->next)
#define list_each_safe(at, after, head)                                                                      \
        for (struct list *at = (head)->next, *after = at->next; at != (head); at = after, after = at->next)

#endif
