/* SPDX-License-Identifier: MIT
 *
 * A set of intrusive nodes with different names, in the order in which they were added. While there are few
 * it is a list and nothing is hashed; once there are many, a table stands beside the list, so that no search
 * walks them all.
 */
#ifndef BASE_NAME_SET_H
#define BASE_NAME_SET_H

#include "base/list.h"
#include "base/map.h"

struct name_node {
        struct list in_all;
        struct map_node by_hash; /* in by_hash, if there is one */
        struct bytes name;
};

struct name_set {
        struct list all;
        struct map by_hash;
        uint32_t count;
};

void name_set_init(struct name_set *s);
void name_set_fini(struct name_set *s); /* frees the table, not the nodes; leaves it empty and usable */

/* The name belongs to the caller, is not in the set and stays as it is while the node is. */
void name_set_add(struct name_set *s, struct name_node *node, struct bytes name);
void name_set_remove(struct name_set *s, struct name_node *node);

struct name_node *name_set_find(const struct name_set *s, struct bytes name); /* NULL: none */

#endif
