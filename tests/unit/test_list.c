/* SPDX-License-Identifier: MIT */
#include "base/list.h"

#include <criterion/criterion.h>
#include <stddef.h>

static size_t place_of(const struct list *head, const struct list *node)
{
        size_t place = 0;
        for (const struct list *at = head->next; at != node; at = at->next)
                place++;
        return place;
}

Test(list, push_appends_and_push_front_prepends)
{
        struct list head, nodes[4];
        list_init(&head);
        cr_assert(list_empty(&head));
        list_push(&head, &nodes[1]);
        list_push(&head, &nodes[2]);
        list_push(&head, &nodes[3]);
        list_push_front(&head, &nodes[0]);
        for (size_t i = 0; i < 4; i++)
                cr_assert_eq(place_of(&head, &nodes[i]), i);
        cr_assert_eq(head.prev, &nodes[3]);
        cr_assert_not(list_empty(&head));
}

Test(list, removing_leaves_the_others_in_order_and_the_node_alone)
{
        struct list head, nodes[3];
        list_init(&head);
        for (size_t i = 0; i < 3; i++)
                list_push(&head, &nodes[i]);
        list_remove(&nodes[1]);
        cr_assert_eq(place_of(&head, &nodes[2]), 1);
        cr_assert_eq(nodes[2].prev, &nodes[0]);
        cr_assert(list_empty(&nodes[1]));
        list_remove(&nodes[1]); /* harmless */
        cr_assert_eq(place_of(&head, &head), 2);
}

Test(list, nodes_may_be_removed_while_walking)
{
        struct list head, nodes[5];
        size_t seen = 0;
        list_init(&head);
        for (size_t i = 0; i < 5; i++)
                list_push(&head, &nodes[i]);
        list_each_safe(at, after, &head)
        {
                cr_assert_eq(at, &nodes[seen++]);
                list_remove(at);
        }
        cr_assert_eq(seen, 5);
        cr_assert(list_empty(&head));
        list_each(at, &head) cr_assert(false, "an empty list has no node");
}
