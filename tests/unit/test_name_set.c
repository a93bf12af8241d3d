/* SPDX-License-Identifier: MIT */
#include "base/name_set.h"

#include "base/buffer.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

enum { MANY = 1000 };

struct guest {
        struct name_node in_set;
        char name[24];
};

static void add(struct name_set *s, struct guest *g, unsigned number)
{
        snprintf(g->name, sizeof g->name, "guest-%u", number);
        name_set_add(s, &g->in_set, bytes_str(g->name));
}

static struct guest *find(const struct name_set *s, unsigned number)
{
        char name[24];
        snprintf(name, sizeof name, "guest-%u", number);
        struct name_node *node = name_set_find(s, bytes_str(name));
        return node ? container_of(node, struct guest, in_set) : NULL;
}

Test(name_set, each_is_found_and_nobody_else_however_many_there_are)
{
        struct name_set s;
        struct guest *guests = xcalloc(MANY, sizeof *guests);
        name_set_init(&s);
        for (unsigned i = 0; i < MANY; i++) {
                cr_assert_null(find(&s, i));
                add(&s, &guests[i], i);
                cr_assert_eq(find(&s, i), &guests[i]);
                cr_assert_eq(find(&s, 0), &guests[0]);
                cr_assert_eq(s.count, i + 1);
        }
        for (unsigned i = 0; i < MANY; i += 2)
                name_set_remove(&s, &guests[i].in_set);
        for (unsigned i = 0; i < MANY; i++)
                cr_assert_eq(find(&s, i), i % 2 ? &guests[i] : NULL);
        for (unsigned i = 1; i < MANY; i += 2)
                name_set_remove(&s, &guests[i].in_set);
        cr_assert(s.count == 0 && list_empty(&s.all));
        cr_assert_null(find(&s, 1));
        add(&s, &guests[7], 7);
        cr_assert_eq(find(&s, 7), &guests[7]);
        name_set_fini(&s);
        cr_assert_null(find(&s, 7));
        add(&s, &guests[8], 8);
        cr_assert_eq(find(&s, 8), &guests[8]);
        name_set_fini(&s);
        free(guests);
}

Test(name_set, order_is_that_of_adding)
{
        struct name_set s;
        struct guest guests[30];
        unsigned expected[] = { 20, 21, 23, 24, 25, 26, 27, 28, 29, 22 }, place = 0;
        name_set_init(&s);
        for (unsigned i = 0; i < 30; i++)
                add(&s, &guests[i], i);
        for (unsigned i = 0; i < 20; i++)
                name_set_remove(&s, &guests[i].in_set);
        name_set_remove(&s, &guests[22].in_set);
        add(&s, &guests[22], 22);
        list_each(at, &s.all)
            cr_assert_eq(container_of(at, struct guest, in_set.in_all), &guests[expected[place++]]);
        cr_assert_eq(place, 10);
        name_set_fini(&s);
}

Test(name_set, empty_name_is_a_name)
{
        struct name_set s;
        struct name_node nameless;
        name_set_init(&s);
        cr_assert_null(name_set_find(&s, bytes_of(NULL, 0)));
        name_set_add(&s, &nameless, bytes_of(NULL, 0));
        cr_assert_eq(name_set_find(&s, bytes_str("")), &nameless);
        name_set_fini(&s);
}
