/* SPDX-License-Identifier: MIT */
#include "base/heap.h"

#include "tests/lib/random.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static int by_time_then_order(const void *a, const void *b)
{
        const struct heap_node *x = *(struct heap_node *const *)a, *y = *(struct heap_node *const *)b;
        if (x->due_ns != y->due_ns)
                return x->due_ns < y->due_ns ? -1 : 1;
        return x->order < y->order ? -1 : 1;
}

Test(heap, gives_nodes_in_the_order_of_a_sort)
{
        enum { COUNT = 3000 };
        static struct heap_node nodes[COUNT];
        static struct heap_node *sorted[COUNT];
        struct heap h = { 0 };
        uint64_t random = 2;
        for (size_t i = 0; i < COUNT; i++)
                heap_put(&h, &nodes[i], (int64_t)random_below(&random, 500) - 250);
        for (size_t i = 0; i < COUNT; i++) /* half of them once more, to another time */
                if (i % 2)
                        heap_put(&h, &nodes[i], (int64_t)random_below(&random, 500) - 250);
        size_t left = 0;
        for (size_t i = 0; i < COUNT; i++) /* and a third taken out of the middle */
                if (i % 3)
                        sorted[left++] = &nodes[i];
                else
                        heap_remove(&h, &nodes[i]);
        cr_assert_eq(h.count, left);
        qsort(sorted, left, sizeof *sorted, by_time_then_order);
        for (size_t i = 0; i < left; i++) {
                cr_assert_eq(heap_min(&h), sorted[i], "place %zu", i);
                heap_remove(&h, sorted[i]);
                cr_assert_not(heap_holds(sorted[i]));
        }
        cr_assert_null(heap_min(&h));
        heap_fini(&h);
}

Test(heap, stays_ordered_through_random_changes)
{
        enum { COUNT = 64, STEPS = 20000 };
        struct heap_node nodes[COUNT] = { 0 };
        struct heap h = { 0 };
        uint64_t random = 3;
        for (int step = 0; step < STEPS; step++) {
                struct heap_node *node = &nodes[random_below(&random, COUNT)];
                if (random_below(&random, 3))
                        heap_put(&h, node, (int64_t)random_below(&random, 40));
                else
                        heap_remove(&h, node);
                const struct heap_node *first = NULL;
                size_t held = 0;
                for (size_t i = 0; i < COUNT; i++)
                        if (heap_holds(&nodes[i])) {
                                const struct heap_node *other = &nodes[i];
                                held++;
                                if (!first || by_time_then_order(&other, &first) < 0)
                                        first = other;
                        }
                cr_assert_eq(held, h.count);
                cr_assert_eq(heap_min(&h), first, "step %d", step);
        }
        heap_fini(&h);
}

Test(heap, equal_times_come_in_the_order_of_insertion)
{
        struct heap_node nodes[10] = { 0 };
        struct heap h = { 0 };
        for (size_t i = 0; i < 10; i++)
                heap_put(&h, &nodes[i], 5);
        heap_put(&h, &nodes[0], 5); /* put again: it is the newest now */
        for (size_t i = 1; i <= 10; i++) {
                cr_assert_eq(heap_min(&h), &nodes[i % 10]);
                heap_remove(&h, heap_min(&h));
        }
        heap_fini(&h);
}

Test(heap, removing_a_node_that_is_in_no_heap_is_harmless)
{
        struct heap h = { 0 };
        struct heap_node in = { 0 }, out = { 0 };
        heap_put(&h, &in, 1);
        heap_remove(&h, &out);
        cr_assert_eq(heap_min(&h), &in);
        heap_fini(&h);
}
